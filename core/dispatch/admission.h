/* SPDX-License-Identifier: Apache-2.0
 *
 * gate - what keeps messages from the workers although workers are free: rate_limit and
 * max_in_flight of the configuration, and the breaker of a handler whose dependency is down.  When
 * none of them is at work a message passes on one test.
 *
 * What may not start soon is not pulled: the window is what runs and what may start within
 * ADMISSION_AHEAD_NS, so nothing waits here for a token while another daemon could have it.
 *
 * Part of struct handler; thread: the loop's.
 */
#ifndef SEAMQ_DISPATCH_ADMISSION_H
#define SEAMQ_DISPATCH_ADMISSION_H

#include "breaker.h"
#include "rate.h"

#include "base/loop.h"

#define ADMISSION_AHEAD_NS INT64_C(100000000) /* a pull's way to the server and back, generously */

struct consumer;
struct handler;
struct message;

struct admission {
    bool watched; /* a limit is configured, or the breaker is open */
    struct rate rate;
    struct breaker breaker;
    struct loop_timer again; /* nothing else may happen until a message may start, or be asked for */
};

void admission_init(struct handler *h);
void admission_finish(struct handler *h);
/* Whether a message may go to a worker now. */
bool admission_open(struct handler *h);
/* `m` goes. */
void admission_pass(struct handler *h, struct message *m);
/* It came back "unavailable", in no list: held for another try, which is the same attempt. */
void admission_unavailable(struct handler *h, struct message *m, int64_t delay_ns, const char *text);
/* It came back otherwise. */
void admission_result(struct handler *h, struct message *m, bool success);
/* It came back and had not begun. */
void admission_withdrawn(struct handler *h, struct message *m);
/* The part of `window` that is of use to consumer `c`. */
size_t admission_window(struct handler *h, struct consumer *c, size_t window);

#endif
