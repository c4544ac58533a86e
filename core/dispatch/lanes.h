/* SPDX-License-Identifier: Apache-2.0
 *
 * lanes - ordering: of each key one message at a time, in the order of the stream.
 *
 * A lane is all that is held of one key, by stream sequence.  Its first message alone may be in the
 * ready list, with a worker, waiting for its next attempt or being settled; the next one's turn
 * comes when that one is settled for good.  So a failing head holds up its own key and no other,
 * and what a worker takes along when it dies are messages of different keys.
 *
 * A message whose lease was lost stays in its lane, and stops it until it comes again.  Until the
 * consumer has everything that was delivered before (consumer_in_order), no lane moves.
 *
 * One `struct lanes` for each consumer of an ordered handler; lanes come and go with their
 * messages.  Thread: the loop's.
 */
#ifndef SEAMQ_DISPATCH_LANES_H
#define SEAMQ_DISPATCH_LANES_H

#include "config/config.h"
#include "consumer/consumer.h"

struct lanes;

/* Messages whose turn it is go to the back of `ready`.  0 or -ENOMEM. */
int lanes_create(struct lanes **ret, const struct config_handler *config, struct consumer *consumer,
                 struct list *ready);
/* Before the consumer's messages are. */
void lanes_destroy(struct lanes *l);
/* The same ordering, in a configuration that outlives the last one. */
void lanes_set_config(struct lanes *l, const struct config_handler *config);

/* A message came, or came again: READY, in no list. */
void lanes_arrive(struct lanes *l, struct held *m);
/* The consumer has everything in order, or has it no more. */
void lanes_order(struct lanes *l);

/* Of messages that have arrived (m->lane is set): */

/* Its attempt failed: it is WAITING. */
void lane_wait(struct held *m);
/* It is READY, in no list: the wait is over. */
void lane_ready(struct held *m);
/* It is READY, in no list: a worker had it and did not begin, or the breaker sent it back. */
void lane_back(struct held *m);
/* It is AWAY, and keeps its place; or it is gone for good, ACKED or about to be forgotten. */
void lane_left(struct held *m, bool for_good);
const char *lane_key(const struct lane *lane);

/* Tells the consumer how many messages wait for their turn; `window`, or 0 when a lane or all of them
 * together hold as much as they may. */
size_t lanes_window(struct lanes *l, size_t window);

struct lanes_stats {
    uint64_t n;        /* keys with messages here */
    uint64_t n_full;   /* of these, with lane_max_held or more */
    uint64_t stops;    /* how often a key reached lane_max_held */
    uint64_t awaited;  /* messages that were delivered before and are not here */
    const char *full;  /* a key that is full; NULL: none */
    size_t full_holds; /* messages of it */
};
struct lanes_stats lanes_stats(const struct lanes *l);

#endif
