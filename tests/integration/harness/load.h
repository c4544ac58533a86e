/* SPDX-License-Identifier: Apache-2.0
 *
 * load - many messages flow through a scene while the test kills or stops processes; a ledger proves that none is lost.
 */
#ifndef SEAMQ_IT_LOAD_H
#define SEAMQ_IT_LOAD_H

#include "scene.h"

/* The number of messages: IT_MESSAGES, or 20000. */
uint32_t load_messages(void);
/* Deadline of each phase, in seconds; long enough for two busy cores. */
double load_deadline_s(void);

/* Starts to publish the messages to work.test. `verb`: as in struct ledger_options. */
struct ledger *load_start(struct scene *s, ledger_verb verb);
/* Waits until the handler reaches mark `i` of `n`; the world's seed chooses the marks. */
void load_wait_mark(struct scene *s, unsigned i, unsigned n);
/* Calls `strike` at each of `n` marks. */
void load_interrupt(struct scene *s, unsigned n, void (*strike)(struct scene *s));
/* Waits until all messages are settled; fails the test if one is lost. */
struct ledger_count load_finish(struct scene *s, struct ledger *l);

/* Strikes. */
void load_kill_daemon(struct scene *s); /* SIGKILL, then a new start */
void load_kill_server(struct scene *s); /* SIGKILL, then a restart on the same store */

#endif
