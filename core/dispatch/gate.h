/* SPDX-License-Identifier: Apache-2.0
 *
 * gate - what keeps messages from the workers although workers are free: rate_limit and
 * max_in_flight of the configuration.  A handler without either passes on one test of `closable`.
 *
 * What may not start soon is not pulled: the window is what runs and what may start within
 * GATE_AHEAD_NS, so nothing waits here for a token while another daemon could have it.
 *
 * Part of struct handler; thread: the loop's.
 */
#ifndef SEAMQ_DISPATCH_GATE_H
#define SEAMQ_DISPATCH_GATE_H

#include "rate.h"

#include "base/loop.h"

#define GATE_AHEAD_NS INT64_C(100000000) /* a pull's way to the server and back, generously */

struct handler;
struct consumer;

struct gate {
    bool closable; /* whether any of the limits is configured */
    struct rate rate;
    struct loop_timer again; /* nothing else may happen until a message may start, or be asked for */
};

void gate_init(struct handler *h);
void gate_finish(struct handler *h);
/* Whether a message may go to a worker now. */
bool gate_open(struct handler *h);
/* One goes. */
void gate_pass(struct handler *h);
/* The part of `window` that is of use to consumer `c`. */
size_t gate_window(struct handler *h, struct consumer *c, size_t window);

#endif
