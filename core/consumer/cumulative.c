/* SPDX-License-Identifier: Apache-2.0
 *
 * cumulative - ack = cumulative: one acknowledgement for all messages before it.
 *
 * The server applies an acknowledgement to every earlier message of the stream, also to one that this process does not
 * have, and ignores one whose delivery is not later than the last one.  So an acknowledgement is sent only while every
 * message that the server counts as delivered is in the table, and only for the end of the leading run of finished
 * messages:
 *   - After a gap in the consumer sequence, a new connection or a start, the messages in the table are compared with
 *     the server's count of unacknowledged messages. Missing ones are redelivered when their leases have expired.
 *   - A redelivered message can be acknowledged by its latest delivery only.
 * Nothing is given back or terminated: retries wait here.  A finished message that waits for an earlier one keeps its
 * lease.  If another daemon uses the consumer, messages stay missing: nothing is acknowledged, nothing is lost.
 * Source: nats-server consumer.go (processAckMsg).
 */
#include "consumer_private.h"

#include "base/log.h"

#include <errno.h>

#define ACK_AT 256
#define ACK_NS (2 * NS_PER_MS)
#define COMPARE_MIN_NS (10 * NS_PER_MS)
#define COMPARE_MAX_NS NS_PER_SEC

static void retry_later(struct consumer *c)
{
    struct cumulative *q = &c->cumulative;
    q->pause_ns = q->pause_ns * 2 < COMPARE_MAX_NS ? q->pause_ns * 2 : COMPARE_MAX_NS;
    loop_arm(c->loop, &q->retry, loop_now_ns(c->loop) + q->pause_ns);
}

/* ---- the leading run of finished messages --------------------------------------------------- */

/* Keeps the order of the stream. Messages arrive nearly in order. */
static void order_insert(struct cumulative *q, struct message *m)
{
    struct list *at = q->order.prev;
    while (at != &q->order && container_of(at, struct message, order)->stream_seq > m->stream_seq)
        at = at->prev;
    list_insert_after(at, &m->order);
}

/* The last message of the leading run whose acknowledgement the server would apply; NULL: none. */
static struct message *last_finished(const struct cumulative *q)
{
    struct message *last = NULL;
    list_for_each(node, &q->order)
    {
        struct message *m = container_of(node, struct message, order);
        if (m->state != MESSAGE_DONE || consumer_stale(m->consumer, m))
            break;
        if (m->consumer_seq > q->floor_consumer_seq)
            last = m;
    }
    return last;
}

static void cumulative_flush(struct consumer *c)
{
    struct cumulative *q = &c->cumulative;
    bool may_ack = q->state == CUMULATIVE_COMPLETE && c->binding.verified;
    struct message *last = may_ack ? last_finished(q) : NULL;

    q->n_done = 0;
    if (!last || consumer_reply(c, last, ""))
        return;
    q->floor_consumer_seq = last->consumer_seq;
    for (bool end = false; !end;) {
        struct message *m = container_of(q->order.next, struct message, order);
        end = m == last;
        list_remove(&m->order);
        message_set_state(&c->messages, m, MESSAGE_ACKED);
        message_drop_message(&c->messages, m, consumer_connection(c));
        c->stats.settled += !m->settled_counted;
        m->settled_counted = true;
    }
    confirmation_ack_added(c);
}

static void cumulative_ack(struct consumer *c, struct message *m)
{
    struct cumulative *q = &c->cumulative;

    if (consumer_stale(c, m)) {
        consumer_forget(c, m);
        return;
    }
    message_set_state(&c->messages, m, MESSAGE_DONE);
    if (++q->n_done >= ACK_AT || consumer_stopping(c))
        cumulative_flush(c);
    else if (!loop_timer_armed(&q->flush))
        loop_arm(c->loop, &q->flush, loop_now_ns(c->loop) + ACK_NS);
}

/* The server does not have the acknowledgement of `m`: it is due again. */
static void ack_again(struct consumer *c, struct message *m)
{
    list_remove(&m->node);
    message_set_state(&c->messages, m, MESSAGE_DONE);
    list_push_back(&c->messages.leases, &m->lease);
    lease_start(c, m);
    order_insert(&c->cumulative, m);
    confirmation_invalidate(c);
    loop_arm(c->loop, &c->cumulative.flush, loop_now_ns(c->loop) + ACK_NS);
}

/* ---- comparison with the server -------------------------------------------------------------- */

/* Messages up to the server's ack floor are settled; later acknowledgements are due again. */
static void apply_ack_floor(struct consumer *c, uint64_t floor_stream_seq)
{
    list_for_each_safe(node, &c->messages.acked)
    {
        struct message *m = container_of(node, struct message, node);
        if (m->stream_seq > floor_stream_seq)
            ack_again(c, m);
    }
    list_for_each_safe(node, &c->cumulative.order)
    {
        struct message *m = container_of(node, struct message, order);
        if (m->stream_seq <= floor_stream_seq && m->state == MESSAGE_DONE)
            consumer_forget(c, m);
    }
}

/* A message of a deleted consumer that still runs is not among those that the present consumer counts. */
static uint64_t count_present(const struct consumer *c, uint64_t delivered_stream_seq)
{
    uint64_t n = 0;
    list_for_each(node, &c->cumulative.order)
    {
        const struct message *m = container_of(node, struct message, order);
        n += m->stream_seq <= delivered_stream_seq && !consumer_stale(c, m);
    }
    return n;
}

static uint64_t number_at(json_t *json, const char *object, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(json_object_get(json, object), key));
}

static void log_missing(struct consumer *c, uint64_t pending, uint64_t here)
{
    if (c->cumulative.missing_logged || here >= pending)
        return;
    c->cumulative.missing_logged = true;
    log_warn("ack-held-back", LOG_STR("handler", c->handler->name), LOG_STR("cluster", c->cluster->name),
             LOG_UINT("missing", pending - here),
             LOG_STR("msg", "the server counts delivered messages that this process does not have and that were not "
                            "redelivered within ack wait; nothing is acknowledged until they are (ack = cumulative "
                            "needs a consumer that no other daemon "
                            "uses)"));
}

static void compare_with_server(struct consumer *c, json_t *info)
{
    struct cumulative *q = &c->cumulative;
    uint64_t pending = (uint64_t)json_integer_value(json_object_get(info, "num_ack_pending"));
    /* Every missing message must have been redelivered by now. */
    bool late = loop_now_ns(c->loop) - q->incomplete_ns > c->ack_wait_ns + c->ack_wait_ns / 10 + NS_PER_SEC;

    q->floor_consumer_seq = number_at(info, "ack_floor", "consumer_seq");
    apply_ack_floor(c, number_at(info, "ack_floor", "stream_seq"));
    uint64_t here = count_present(c, number_at(info, "delivered", "stream_seq"));
    if (here == pending || (late && here > pending)) {
        q->state = CUMULATIVE_COMPLETE;
        q->missing_logged = false;
        cumulative_flush(c);
        return;
    }
    q->state = CUMULATIVE_INCOMPLETE;
    if (late)
        log_missing(c, pending, here);
    retry_later(c);
}

static void on_info(void *data, int rc, natsMsg *msg)
{
    struct consumer *c = data;
    struct answer a;

    c->cumulative.request = NULL;
    answer_read(&a, rc, msg);
    if (a.rc == 0 && binding_check_identity(c, a.json))
        compare_with_server(c, a.json);
    else if (a.rc && a.rc != -ENOTCONN) /* the next connection compares again */
        retry_later(c);
    json_decref(a.json);
}

static void on_retry(struct loop_timer *t)
{
    struct consumer *c = t->data;
    struct cumulative *q = &c->cumulative;
    if (q->state == CUMULATIVE_COMPLETE || q->request || !c->binding.verified)
        return;
    if (binding_request_info(c, on_info, &q->request))
        retry_later(c);
}

/* The server may have delivered messages that are not in the table. */
static void compare_again(struct consumer *c)
{
    struct cumulative *q = &c->cumulative;

    if (q->state == CUMULATIVE_COMPLETE || !q->incomplete_ns)
        q->incomplete_ns = loop_now_ns(c->loop);
    if (q->state == CUMULATIVE_COMPLETE)
        q->state = CUMULATIVE_INCOMPLETE;
    q->pause_ns = COMPARE_MIN_NS;
    request_cancel(q->request); /* its response may be too old */
    q->request = NULL;
    loop_arm(c->loop, &q->retry, loop_now_ns(c->loop));
}

/* ---- ack_ops ---------------------------------------------------------------------------------- */

static bool cumulative_delivered(struct consumer *c, struct message *m)
{
    struct cumulative *q = &c->cumulative;

    if (m->consumer_seq != q->next_consumer_seq)
        compare_again(c);
    q->next_consumer_seq = m->consumer_seq + 1;
    if (list_empty(&m->order) && m->state != MESSAGE_ACKED)
        order_insert(q, m);
    switch (m->state) {
    case MESSAGE_ACKED: ack_again(c, m); return true;
    case MESSAGE_DONE:
    case MESSAGE_SETTLED: cumulative_ack(c, m); return true;
    default: return false;
    }
}

/* A later acknowledgement covers the earlier ones, once it is known which ones the server has. */
static void cumulative_resend(struct consumer *c)
{
    compare_again(c);
    c->cumulative.state = CUMULATIVE_UNCOMPARED;
    list_for_each_safe(node, &c->cumulative.order)
    {
        struct message *m = container_of(node, struct message, order);
        /* A running or settling message is forgotten when it ends. */
        if (consumer_stale(c, m) && m->state != MESSAGE_RUNNING && m->state != MESSAGE_SETTLING)
            consumer_forget(c, m);
    }
}

static bool cumulative_all_sent(const struct consumer *c)
{
    return c->cumulative.state != CUMULATIVE_UNCOMPARED;
}

static void on_flush(struct loop_timer *t)
{
    cumulative_flush(t->data);
}

static void cumulative_init(struct consumer *c)
{
    struct cumulative *q = &c->cumulative;
    *q = (struct cumulative){.flush = {.fire = on_flush, .data = c}, .retry = {.fire = on_retry, .data = c}};
    list_init(&q->order);
}

static void cumulative_finish(struct consumer *c)
{
    loop_disarm(c->loop, &c->cumulative.flush);
    loop_disarm(c->loop, &c->cumulative.retry);
    request_cancel(c->cumulative.request);
    c->cumulative.request = NULL;
}

const struct ack_ops ack_ops_cumulative = {
    .exclusive = true,
    .init = cumulative_init,
    .finish = cumulative_finish,
    .delivered = cumulative_delivered,
    .ack = cumulative_ack,
    .resend = cumulative_resend,
    .all_sent = cumulative_all_sent,
    .flush = cumulative_flush,
};
