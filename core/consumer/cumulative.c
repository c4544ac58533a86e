/* SPDX-License-Identifier: Apache-2.0
 *
 * cumulative - ack = cumulative: one acknowledgement for all messages before it.
 *
 * The server takes an acknowledgement for every message that is not later in the stream, known to us
 * or not, and ignores one whose delivery is not later than the last one that it took.  So one is sent
 * only while it is sure that every message that the server counts as delivered is here, and only for the
 * last of a run, from the earliest on, of messages that are done:
 *   - a delivery that does not follow the one before it by number, a new connection and a start make it
 *     unsure, until the server's count of unacknowledged messages is the count of those that are here.
 *     What is missing comes again when its lease has run out;
 *   - a message that came again can be acknowledged by its new delivery only.
 * Nothing is ever given back or terminated: a retry waits here.  A message that is done and waits for
 * an earlier one keeps its lease, so that it does not come again meanwhile.
 *
 * Another daemon on the same consumer shows as missing deliveries: nothing is acknowledged any more,
 * nothing is lost.  (Sources: nats-server consumer.go, processAckMsg; measured in delivery tests.)
 */
#include "consumer_private.h"

#include "base/log.h"

#include <errno.h>

#define ACK_AT 256
#define ACK_NS (2 * NS_PER_MS)
#define ASK_MIN_NS (10 * NS_PER_MS)
#define ASK_MAX_NS NS_PER_SEC

static void ask(struct consumer *c);

static void ask_later(struct consumer *c)
{
    struct cumulative *q = &c->cumulative;
    q->pause_ns = q->pause_ns * 2 < ASK_MAX_NS ? q->pause_ns * 2 : ASK_MAX_NS;
    loop_arm(c->loop, &q->look, loop_now_ns(c->loop) + q->pause_ns);
}

/* ---- the run of what is done ------------------------------------------------------------ */

/* By place in the stream. Messages come nearly in order. */
static void insert(struct cumulative *q, struct message *h)
{
    struct list *at = q->order.prev;
    while (at != &q->order && container_of(at, struct message, order)->stream_seq > h->stream_seq)
        at = at->prev;
    list_insert_after(at, &h->order);
}

/* The last of the run that the server would take; NULL: none. */
static struct message *last_done(const struct cumulative *q)
{
    struct message *last = NULL;
    list_for_each(node, &q->order)
    {
        struct message *h = container_of(node, struct message, order);
        if (h->state != MESSAGE_DONE || consumer_stale(h->consumer, h))
            break;
        if (h->consumer_seq > q->floor_consumer)
            last = h;
    }
    return last;
}

void cumulative_flush(struct consumer *c)
{
    struct cumulative *q = &c->cumulative;
    struct message *last = q->sure && c->verified ? last_done(q) : NULL;

    q->n_done = 0;
    if (!last || connection_publish(requests_connection(c->requests),
                                    &(struct connection_publish){.subject = message_reply(last)}))
        return;
    q->floor_consumer = last->consumer_seq;
    for (bool end = false; !end;) {
        struct message *h = container_of(q->order.next, struct message, order);
        end = h == last;
        list_remove(&h->order);
        message_set_state(&c->messages, h, MESSAGE_ACKED);
        message_drop_message(&c->messages, h, requests_connection(c->requests));
        c->stats.settled += !h->counted;
        h->counted = true;
    }
    lease_acked(c);
}

void cumulative_done(struct consumer *c, struct message *h)
{
    struct cumulative *q = &c->cumulative;

    if (consumer_stale(c, h)) {
        consumer_forget(c, h);
        return;
    }
    message_set_state(&c->messages, h, MESSAGE_DONE);
    if (++q->n_done >= ACK_AT || c->stopping)
        cumulative_flush(c);
    else if (!loop_timer_armed(&q->flush))
        loop_arm(c->loop, &q->flush, loop_now_ns(c->loop) + ACK_NS);
}

/* ---- sure or not ---------------------------------------------------------------------------- */

/* What the server has taken already; acknowledgements that it has not are due again. */
static void compare_floor(struct consumer *c, uint64_t floor_stream)
{
    list_for_each_safe(node, &c->messages.acked)
    {
        struct message *h = container_of(node, struct message, node);
        if (h->stream_seq > floor_stream)
            cumulative_again(c, h);
    }
    list_for_each_safe(node, &c->cumulative.order)
    {
        struct message *h = container_of(node, struct message, order);
        if (h->stream_seq <= floor_stream && h->state == MESSAGE_DONE)
            consumer_forget(c, h);
    }
}

/* What still runs of a consumer that was deleted is not the delivery that this one counts. */
static uint64_t known(const struct consumer *c, uint64_t delivered_stream)
{
    uint64_t n = 0;
    list_for_each(node, &c->cumulative.order)
    {
        const struct message *h = container_of(node, struct message, order);
        n += h->stream_seq <= delivered_stream && !consumer_stale(c, h);
    }
    return n;
}

static uint64_t number_at(json_t *json, const char *object, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(json_object_get(json, object), key));
}

static void say_missing(struct consumer *c, uint64_t pending, uint64_t here)
{
    if (c->cumulative.said || here >= pending)
        return;
    c->cumulative.said = true;
    log_warn("ack-held-back", LOG_STR("handler", c->handler->name), LOG_STR("cluster", c->cluster->name),
             LOG_UINT("missing", pending - here),
             LOG_STR("msg", "messages were delivered that are not here, and have not come again after ack wait: does "
                            "another daemon use this consumer? ack = cumulative needs it for itself"));
}

static void judge(struct consumer *c, json_t *info)
{
    struct cumulative *q = &c->cumulative;
    uint64_t pending = (uint64_t)json_integer_value(json_object_get(info, "num_ack_pending"));
    /* By then whatever was not here has come again. */
    bool late = loop_now_ns(c->loop) - q->unsure_ns > c->ack_wait_ns + c->ack_wait_ns / 10 + NS_PER_SEC;

    q->floor_consumer = number_at(info, "ack_floor", "consumer_seq");
    compare_floor(c, number_at(info, "ack_floor", "stream_seq"));
    q->compared = true;
    uint64_t here = known(c, number_at(info, "delivered", "stream_seq"));
    if (here == pending || (late && here > pending)) {
        q->sure = true;
        q->said = false;
        cumulative_flush(c);
        return;
    }
    if (late)
        say_missing(c, pending, here);
    ask_later(c);
}

static void on_info(void *data, int rc, natsMsg *msg)
{
    struct consumer *c = data;
    struct answer a;

    c->cumulative.request = NULL;
    answer_read(&a, rc, msg);
    if (a.rc == 0 && setup_known(c, a.json))
        judge(c, a.json);
    else if (a.rc && a.rc != -ENOTCONN) /* else the next connection asks */
        ask_later(c);
    json_decref(a.json);
}

static void ask(struct consumer *c)
{
    struct cumulative *q = &c->cumulative;
    if (q->sure || q->request || !c->verified)
        return;
    if (setup_info(c, on_info, &q->request))
        ask_later(c);
}

void cumulative_unsure(struct consumer *c)
{
    struct cumulative *q = &c->cumulative;

    if (!q->on)
        return;
    if (q->sure || !q->unsure_ns)
        q->unsure_ns = loop_now_ns(c->loop);
    q->sure = false;
    q->pause_ns = ASK_MIN_NS;
    request_cancel(q->request); /* it may have been asked too early */
    q->request = NULL;
    loop_arm(c->loop, &q->look, loop_now_ns(c->loop));
}

/* ---- what others tell ----------------------------------------------------------------------------- */

void cumulative_arrived(struct consumer *c, struct message *h)
{
    struct cumulative *q = &c->cumulative;

    if (h->consumer_seq != q->next_consumer)
        cumulative_unsure(c);
    q->next_consumer = h->consumer_seq + 1;
    if (list_empty(&h->order) && h->state != MESSAGE_ACKED)
        insert(q, h);
}

/* It was acknowledged, and the server does not know it. */
void cumulative_again(struct consumer *c, struct message *h)
{
    list_remove(&h->node);
    message_set_state(&c->messages, h, MESSAGE_DONE);
    list_push_back(&c->messages.leases, &h->lease);
    lease_begin(c, h);
    insert(&c->cumulative, h);
    c->confirming = 0;
    loop_arm(c->loop, &c->cumulative.flush, loop_now_ns(c->loop) + ACK_NS);
}

static void on_flush(struct loop_timer *t)
{
    cumulative_flush(t->data);
}

static void on_look(struct loop_timer *t)
{
    ask(t->data);
}

void cumulative_init(struct consumer *c)
{
    struct cumulative *q = &c->cumulative;
    *q = (struct cumulative){.on = c->handler->ack == ACK_CUMULATIVE,
                             .flush = {.fire = on_flush, .data = c},
                             .look = {.fire = on_look, .data = c}};
    list_init(&q->order);
}

void cumulative_finish(struct consumer *c)
{
    loop_disarm(c->loop, &c->cumulative.flush);
    loop_disarm(c->loop, &c->cumulative.look);
    request_cancel(c->cumulative.request);
    c->cumulative.request = NULL;
}
