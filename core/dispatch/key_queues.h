/* SPDX-License-Identifier: Apache-2.0
 *
 * key_queues - ordering: the messages of each key run one at a time, in the order of the stream.
 *
 * A key queue has the in-flight messages of one key, by stream sequence. Only the first message can have the turn: it
 * is in the ready list, with a worker, or being settled. The next message gets the turn when the first one is settled
 * for good. So a failing message stops only its own key, and a worker has at most one message of each key.
 *
 * A message whose lease was lost keeps its place and stops its key queue until it is redelivered. While the consumer
 * is not in order (consumer_in_order()), no message gets a turn.
 *
 * Each consumer of an ordered handler has one `struct key_queues`; a key queue exists while it has messages.
 * Thread: the loop's.
 */
#ifndef SEAMQ_DISPATCH_KEY_QUEUES_H
#define SEAMQ_DISPATCH_KEY_QUEUES_H

#include "config/config.h"
#include "consumer/message.h"

struct key_queues;

/* A message that gets the turn is appended to `ready`. 0 or -ENOMEM. */
int key_queues_create(struct key_queues **ret, const struct config_handler *config, bool in_order, struct list *ready);
/* To be called before the messages are freed. */
void key_queues_destroy(struct key_queues *queues);
/* Replaces the configuration; the options of the ordering must be the same. */
void key_queues_set_config(struct key_queues *queues, const struct config_handler *config);

/* Adds a message that has arrived, or was redelivered. The message is READY and in no list. */
void key_queues_add(struct key_queues *queues, struct message *m);
/* To be called when consumer_in_order() has changed. */
void key_queues_set_in_order(struct key_queues *queues, bool in_order);

/* The functions below are for messages that have been added (m->key_queue is set). */

/* The message's attempt failed: it is WAITING. */
void key_queue_note_waiting(struct message *m);
/* The wait for the next attempt is over: the message is READY and in no list. */
void key_queue_note_ready(struct message *m);
/* The message was taken from a worker without a result: it is READY and in no list, and keeps the turn. */
void key_queue_requeue(struct message *m);
/* The message is AWAY and keeps its place; or, `for_good`, it is ACKED or will be freed, and is removed. */
void key_queue_note_left(struct message *m, bool for_good);
const char *key_queue_key(const struct key_queue *queue);

/* Number of keys whose first message has the turn: it is READY, RUNNING or SETTLING. */
size_t key_queues_turns(const struct key_queues *queues);
/* Number of full keys: they have reached key_max_in_flight, and have had more than half of it since. */
size_t key_queues_full(const struct key_queues *queues);

struct key_queues_stats {
    uint64_t n;       /* keys that have in-flight messages */
    uint64_t n_full;  /* see key_queues_full() */
    uint64_t stops;   /* number of times that a key became full */
    uint64_t awaited; /* messages of the redelivery sync that have not arrived; set by handler_key_queues() */
    const char *full; /* one of the full keys; NULL: none is full */
    size_t full_n;    /* in-flight messages of that key */
};
struct key_queues_stats key_queues_stats(const struct key_queues *queues);

#endif
