/* SPDX-License-Identifier: Apache-2.0
 *
 * admission - when the next message may start although a worker is free: rate_limit and max_in_flight of the
 * configuration, and the breaker of a handler whose dependency is down.  Without any of them a message passes with
 * one test.
 *
 * Messages that may not start soon are not pulled (window.h), so none waits here for its turn while another daemon
 * could run it.
 *
 * Part of struct handler; thread: the loop's.
 */
#ifndef SEAMQ_DISPATCH_ADMISSION_H
#define SEAMQ_DISPATCH_ADMISSION_H

#include "breaker.h"
#include "rate.h"

struct handler;
struct message;

struct admission {
    bool limited; /* a limit is configured, or the breaker is open */
    struct rate rate;
    struct breaker breaker;
};

void admission_init(struct handler *h);
/* When the next message may start, monotonic; not after now: at once; INT64_MAX: not before an outcome. */
int64_t admission_start_ns(const struct handler *h);
/* `m` starts. */
void admission_started(struct handler *h, struct message *m);
/* The outcome of `m`, which is in no list, is UNAVAILABLE: `m` is queued again, as the same attempt. */
void admission_unavailable(struct handler *h, struct message *m, int64_t delay_ns, const char *text);
/* `m` has another outcome, or its worker died of it; `available`: what the handler needs is not down. */
void admission_result(struct handler *h, struct message *m, bool available);
/* `m` was in a worker's ring and did not start. */
void admission_withdrawn(struct handler *h, struct message *m);

#endif
