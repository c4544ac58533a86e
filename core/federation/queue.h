/* SPDX-License-Identifier: Apache-2.0
 *
 * queue - records from one thread to another: between the loop's thread and a connection's thread.
 *
 * The producer fills a buffer under a mutex and the consumer takes the whole buffer: one lock and at most one wake-up
 * for a batch of any size.
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
/* Consumer: swaps `*taken` (emptied first, by buf_reuse()) with the filled buffer. */
void queue_take(struct queue *q, struct buf *taken);
/* Wakes the consumer without data. Any thread. */
void queue_wake(struct queue *q);

#endif
