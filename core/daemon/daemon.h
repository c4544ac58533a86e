/* SPDX-License-Identifier: Apache-2.0
 *
 * daemon - seamqd at work: links, handlers, admin server and signals on one loop, from start
 * to drained.
 */
#ifndef SEAMQ_DAEMON_DAEMON_H
#define SEAMQ_DAEMON_DAEMON_H

#include "base/error.h"
#include "config/config.h"

struct daemon;

struct config_snapshot;
struct config_sources;

/* SIGTERM, SIGINT and SIGHUP are for the daemon's loop: to be called before any thread is started,
 * which would take them otherwise.  SIGPIPE is ignored. */
void daemon_block_signals(void);

/* `generation` is what it starts with, `sources` where each reload reads from; they and `version` outlive it. */
int daemon_create(struct daemon **ret, struct config_snapshot *snapshot, const struct config_sources *sources,
                  const char *version, struct error *err);
/* Runs until drained. The exit status: 0, or 1 when something was left unsettled at the deadline. */
int daemon_run(struct daemon *d);
void daemon_destroy(struct daemon *d);

#endif
