/* SPDX-License-Identifier: Apache-2.0
 *
 * queue - what the loop's thread and a link's thread hand to each other.
 *
 * Both directions are a buffer that the producer fills under a mutex and the consumer takes
 * whole: one lock and at most one wake-up for a batch, however large.
 */
#ifndef SEAMQ_FEDERATION_QUEUE_H
#define SEAMQ_FEDERATION_QUEUE_H

#include "base/buf.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct queue {
    pthread_mutex_t mutex;
    struct buf filling; /* under the mutex */
    bool announced;     /* under the mutex: a wake-up is on its way */
    int wake_fd;        /* eventfd that the consumer watches */
};

int queue_init(struct queue *q);
void queue_finish(struct queue *q);
/* Producer: adds `len` bytes and wakes the consumer unless it was woken already. False: out of memory. */
bool queue_push(struct queue *q, const void *data, size_t len);
/* Consumer: swaps `*taken` (emptied first, by buf_reuse()) with what has come in. */
void queue_take(struct queue *q, struct buf *taken);
/* Wakes the consumer without data. Any thread. */
void queue_wake(struct queue *q);

#endif
