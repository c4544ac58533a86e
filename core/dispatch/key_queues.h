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
 * One `struct key_queues` for each consumer of an ordered handler; lanes come and go with their
 * messages.  Thread: the loop's.
 */
#ifndef SEAMQ_DISPATCH_KEY_QUEUES_H
#define SEAMQ_DISPATCH_KEY_QUEUES_H

#include "config/config.h"
#include "consumer/message.h"

struct key_queues;

/* Messages whose turn it is go to the back of `ready`.  0 or -ENOMEM. */
int key_queues_create(struct key_queues **ret, const struct config_handler *config, bool in_order, struct list *ready);
/* To be called before the messages are destroyed. */
void key_queues_destroy(struct key_queues *l);
/* The same ordering, in a configuration that outlives the last one. */
void key_queues_set_config(struct key_queues *l, const struct config_handler *config);

/* A message came, or came again: READY, in no list. */
void key_queues_arrive(struct key_queues *l, struct message *m);
/* Whether the consumer has everything that was delivered before: consumer_in_order() has changed. */
void key_queues_order(struct key_queues *l, bool in_order);

/* Of messages that have arrived (m->lane is set): */

/* Its attempt failed: it is WAITING. */
void key_queue_wait(struct message *m);
/* It is READY, in no list: the wait is over. */
void key_queue_ready(struct message *m);
/* It is READY, in no list: a worker had it and did not begin, or the breaker sent it back. */
void key_queue_back(struct message *m);
/* It is AWAY, and keeps its place; or it is gone for good, ACKED or about to be forgotten. */
void key_queue_left(struct message *m, bool for_good);
const char *key_queue_key(const struct key_queue *key_queue);

/* Keys with a message that is READY, RUNNING or SETTLING and has its turn. */
size_t key_queues_turns(const struct key_queues *l);
/* Keys that reached key_max_in_flight and have not fallen to half of it since. */
size_t key_queues_full(const struct key_queues *l);

struct key_queues_stats {
    uint64_t n;        /* keys with messages here */
    uint64_t n_full;   /* of these, with key_max_in_flight or more */
    uint64_t stops;    /* how often a key reached key_max_in_flight */
    uint64_t awaited;  /* messages that were delivered before and are not here; set by handler_key_queues() */
    const char *full;  /* a key that is full; NULL: none */
    size_t full_holds; /* messages of it */
};
struct key_queues_stats key_queues_stats(const struct key_queues *l);

#endif
