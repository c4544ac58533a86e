/* SPDX-License-Identifier: Apache-2.0
 *
 * admission - when the next message may start, beside the need for a free worker: by the options rate_limit and
 * max_in_flight, and by the breaker, which opens when a dependency of the handler is down.
 *
 * Messages that may not start soon are not pulled (window.h), so another daemon can run them.
 *
 * Thread: the loop's. Owner: struct handler.
 */
#ifndef SEAMQ_DISPATCH_ADMISSION_H
#define SEAMQ_DISPATCH_ADMISSION_H

#include "breaker.h"
#include "rate.h"

struct handler;
struct message;

struct admission {
    bool limited; /* false: no limit is configured and the breaker is closed, so every message may start */
    struct rate rate;
    struct breaker breaker;
};

void admission_init(struct handler *h);
/* When the next message may start, on the monotonic clock. In the past: now; INT64_MAX: not before the next outcome. */
int64_t admission_start_ns(const struct handler *h);
/* To be called when `m` starts. */
void admission_note_start(struct handler *h, struct message *m);
/* The outcome of `m`, which is in no list, is UNAVAILABLE: puts it back into the queue without counting the attempt. */
void admission_requeue_unavailable(struct handler *h, struct message *m, int64_t delay_ns, const char *text);
/* `m` has any other outcome, or crashed its worker. `available`: the handler's dependency can be reached. */
void admission_note_outcome(struct handler *h, struct message *m, bool available);
/* `m` comes back from a worker's ring without having started. */
void admission_note_withdrawn(struct handler *h, struct message *m);

#endif
