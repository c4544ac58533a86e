/* SPDX-License-Identifier: Apache-2.0
 * feed - passes messages from the consumers to the queue, and from the queue to the workers. */
#include "handler_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PUSH_RETRY_NS (20 * NS_PER_MS)

void feed_requeue(struct handler *h, struct message *m)
{
    message_set_state(consumer_messages(m->consumer), m, MESSAGE_READY);
    if (m->key_queue)
        key_queue_requeue(m);
    else
        message_put_back(&h->ready, m);
}

static size_t consumer_index(const struct handler *h, const struct consumer *c)
{
    size_t i = 0;
    while (h->consumers[i] != c)
        i++;
    return i;
}

void feed_add_message(void *data, struct message *m)
{
    struct handler *h = data;
    if (phase_returns(h->phase) && h->n_stopping == 0) {
        consumer_give_back(m->consumer, m, 0);
        return;
    }
    if (settle_suspects(h->settle, m))
        return;
    h->size_bytes += ((double)natsMsg_GetDataLength(m->msg) - h->size_bytes) / 64;
    if (h->key_queues)
        key_queues_add(h->key_queues[consumer_index(h, m->consumer)], m);
    else
        list_push_back(&h->ready, &m->node);
}

static void on_retry_due(struct loop_timer *t)
{
    struct message *m = container_of(t, struct message, retry);
    struct handler *h = t->data;
    message_set_state(consumer_messages(m->consumer), m, MESSAGE_READY);
    if (m->key_queue)
        key_queue_note_ready(m);
    else
        list_push_back(&h->ready, &m->node);
}

void feed_schedule_retry(void *data, struct message *m, int64_t delay_ns)
{
    struct handler *h = data;
    if (m->key_queue)
        key_queue_note_waiting(m);
    if (phase_returns(h->phase) && (h->n_stopping == 0 || (delay_ns > 0 && !m->key_queue))) {
        consumer_give_back(m->consumer, m, m->key_queue ? 0 : delay_ns);
        return;
    }
    m->retry.fire = on_retry_due;
    m->retry.data = h;
    loop_arm(h->loop, &m->retry, loop_now_ns(h->loop) + delay_ns);
}

struct message *feed_find_running(struct slot *slot, uint64_t id)
{
    if (list_empty(&slot->running))
        return NULL;
    struct message *m = container_of(slot->running.next, struct message, node);
    return m->run_id == id ? m : NULL;
}

void feed_remove_running(struct slot *slot, struct message *m)
{
    list_remove(&m->node);
    slot->n--;
    slot->first_since_ns = loop_now_ns(slot->handler->loop);
    slot->full = false;
}

void feed_note_duration(struct handler *h, int64_t duration_ns)
{
    if (h->duration_ns == 0)
        h->duration_ns = duration_ns;
    else if (duration_ns > h->duration_ns * 8) /* the handler has become slow: the average must follow at once */
        h->duration_ns = (h->duration_ns + duration_ns) / 2;
    else
        h->duration_ns += (duration_ns - h->duration_ns) / 16;
    if (h->duration_ns < 1)
        h->duration_ns = 1;
}

/* ---- pushing ---------------------------------------------------------------------- */

static void collect_headers(struct buf *b, natsMsg *msg)
{
    const char **keys = NULL;
    int n = 0;

    buf_clear(b);
    if (natsMsgHeader_Keys(msg, &keys, &n) != NATS_OK)
        return;
    for (int i = 0; i < n; i++) {
        const char **values = NULL;
        int n_values = 0;
        if (natsMsgHeader_Values(msg, keys[i], &values, &n_values) != NATS_OK)
            continue;
        for (int v = 0; v < n_values; v++) {
            buf_append(b, keys[i], strlen(keys[i]) + 1);
            buf_append(b, values[v], strlen(values[v]) + 1);
        }
        free(values);
    }
    free(keys);
}

static int push_message(struct slot *slot, struct message *m)
{
    struct handler *h = slot->handler;
    collect_headers(&h->headers, m->msg);
    struct worker_message w = {
        .id = ++h->next_run_id,
        .binding = (uint16_t)consumer_index(h, m->consumer),
        .alone = m->run_alone || h->admission.breaker.open, /* while open: the probe */
        .subject = natsMsg_GetSubject(m->msg),
        .data = natsMsg_GetData(m->msg),
        .size = (size_t)natsMsg_GetDataLength(m->msg),
        .headers = h->headers.len ? h->headers.data : NULL,
        .headers_size = h->headers.len,
        .stream_seq = m->stream_seq,
        .consumer_seq = m->consumer_seq,
        .delivered = m->attempts + 1,
        .pending = m->pending,
        .stored_ns = m->stored_ns,
        .key = m->key_queue ? key_queue_key(m->key_queue) : NULL,
    };
    int rc = worker_push(slot->worker, &w);
    if (rc == 0)
        m->run_id = w.id;
    return rc;
}

/* True: the running message takes longer than usual, so a message pushed behind it would wait although other workers
 * are free. Never true with batches: the outcomes of a batch all arrive at its end. */
static bool slot_is_stuck(const struct handler *h, const struct slot *s)
{
    return s->n && h->config->batch_max <= 1 && loop_now_ns(h->loop) - s->first_since_ns > WINDOW_PREFETCH_NS;
}

/* True: the worker may get one more message, and then has at most `limit`. */
static bool slot_accepts(const struct handler *h, const struct slot *s, size_t limit)
{
    if (s->full || s->n >= limit || slot_is_stuck(h, s) || !worker_ready(s->worker))
        return false;
    if (h->config->max_messages > 0 && s->pushed >= h->config->max_messages)
        return false;
    return s->n != 1 || !container_of(s->running.next, struct message, node)->run_alone;
}

/* The worker with the fewest messages among those that may get one more. NULL: none may. */
static struct slot *find_least_busy_slot(struct handler *h, size_t limit)
{
    struct slot *best = NULL;
    for (size_t i = 0; i < h->pool->n; i++) {
        struct slot *s = &h->pool->slots[i];
        if (slot_accepts(h, s, limit) && (!best || s->n < best->n))
            best = s;
    }
    return best;
}

void feed_on_push_retry(struct loop_timer *timer)
{
    struct handler *h = timer->data;
    for (size_t i = 0; i < h->pool->n; i++)
        if (h->pool->slots[i].n == 0)
            h->pool->slots[i].full = false;
}

/* Pushes messages from the queue to workers. Returns when the first remaining message may start; WINDOW_NEVER: not
 * before a worker is free or an outcome arrives. */
static int64_t feed_workers(struct handler *h)
{
    size_t limit = window_per_worker(h->duration_ns, h->config->batch_max);
    while (!phase_returns(h->phase) && !list_empty(&h->ready)) {
        struct message *m = container_of(h->ready.next, struct message, node);
        if (consumer_lease_expired(m->consumer, m)) { /* another daemon may have it; the server redelivers it */
            consumer_give_back(m->consumer, m, 0);
            continue;
        }
        struct slot *slot = find_least_busy_slot(h, m->run_alone ? 1 : limit);
        if (!slot)
            return WINDOW_NEVER;
        int64_t start_ns = admission_start_ns(h);
        if (start_ns > loop_now_ns(h->loop))
            return start_ns;
        int rc = push_message(slot, m);
        if (rc == -EMSGSIZE) { /* only if the server's payload limit exceeds a ring */
            list_remove(&m->node);
            settle_outcome(h->settle, m, OUTCOME_DEAD, 0, "the message does not fit into the ring of a worker");
            continue;
        }
        if (rc) {
            slot->full = true;
            if (slot->n == 0) /* the worker runs nothing, so no outcome will clear `full` */
                loop_arm(h->loop, &h->push_retry, loop_now_ns(h->loop) + PUSH_RETRY_NS);
            continue;
        }
        list_remove(&m->node);
        message_set_state(consumer_messages(m->consumer), m, MESSAGE_RUNNING);
        list_push_back(&slot->running, &m->node);
        slot->pushed++;
        if (slot->n++ == 0)
            slot->first_since_ns = loop_now_ns(h->loop);
        admission_note_start(h, m);
    }
    return WINDOW_NEVER;
}

void feed_hook(struct loop_hook *hook)
{
    struct handler *h = hook->data;
    int64_t start_ns = feed_workers(h);
    for (size_t i = 0; i < h->pool->n; i++)
        worker_submit(h->pool->slots[i].worker);
    pulling_update(h, start_ns);
}
