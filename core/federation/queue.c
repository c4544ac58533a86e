/* SPDX-License-Identifier: Apache-2.0
 * queue - mutex, buffer, eventfd. */
#include "queue.h"

#include <errno.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

int queue_init(struct queue *q)
{
    *q = (struct queue){.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    if (q->wake_fd < 0)
        return -errno;
    pthread_mutex_init(&q->mutex, NULL);
    return 0;
}

void queue_finish(struct queue *q)
{
    if (q->wake_fd < 0)
        return;
    pthread_mutex_destroy(&q->mutex);
    buf_finish(&q->filling);
    close(q->wake_fd);
    q->wake_fd = -1;
}

void queue_wake(struct queue *q)
{
    uint64_t one = 1;
    ssize_t n = write(q->wake_fd, &one, sizeof(one));
    (void)n; /* EAGAIN: the counter is full, so it is readable */
}

bool queue_push(struct queue *q, const void *data, size_t len)
{
    pthread_mutex_lock(&q->mutex);
    buf_append(&q->filling, data, len);
    bool ok = !q->filling.failed;
    q->filling.failed = false;
    bool wake = !q->announced;
    q->announced = true;
    pthread_mutex_unlock(&q->mutex);
    if (wake)
        queue_wake(q);
    return ok;
}

void queue_take(struct queue *q, struct buf *taken)
{
    uint64_t count;
    ssize_t n = read(q->wake_fd, &count, sizeof(count));
    (void)n; /* EAGAIN: woken for another reason */

    buf_reuse(taken);
    pthread_mutex_lock(&q->mutex);
    struct buf full = q->filling;
    q->filling = *taken;
    q->announced = false;
    pthread_mutex_unlock(&q->mutex);
    *taken = full;
}
