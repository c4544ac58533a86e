/* SPDX-License-Identifier: Apache-2.0
 *
 * lease - keeps what is held ours, and what is acknowledged from being forgotten too early.
 *
 * Leases: the list is in the order of renewal, so the first one tells when to wake up.
 * Acknowledgements: an answer to CONSUMER.INFO shows that the connection carried all that was
 * sent before the question.  Until then they are kept, and sent again on the next connection, or to the next
 * leader.  (What the server loses behind that, in a queue of its own or between its nodes, comes again as a
 * redelivery: a second run, never a loss.)
 */
#include "consumer_private.h"

#include "base/log.h"
#include "base/value.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CONFIRM_AT 2048 /* acknowledgements that ask for a confirmation at once */
#define CONFIRM_NS (250 * NS_PER_MS)
#define CONFIRM_AGAIN_NS NS_PER_SEC
#define SETTLED_MAX 4096
#define ACKED_MAX 65536 /* more are forgotten: they come again at worst */

static int64_t renew_at(const struct consumer *c, const struct message *h)
{
    return h->lease_until_ns - c->ack_wait_ns + c->ack_wait_ns / 3;
}

void lease_begin(struct consumer *c, struct message *h)
{
    int64_t now = loop_now_ns(c->loop);
    h->lease_until_ns = now + c->ack_wait_ns;
    h->arrived_ns = now;
    h->stream_created_ns = c->stream_created_ns;
    h->consumer_created_ns = c->consumer_created_ns;
    if (!loop_timer_armed(&c->lease))
        loop_arm(c->loop, &c->lease, now + c->ack_wait_ns / 3);
}

static void renew(struct consumer *c, struct message *h, int64_t now)
{
    struct connection_publish p = {.subject = message_reply(h), .data = "+WPI", .size = 4};
    if (connection_publish(requests_connection(c->requests), &p) == 0) {
        h->lease_until_ns = now + c->ack_wait_ns;
        c->stats.leases_renewed++;
    }
    list_remove(&h->lease);
    list_push_back(&c->messages.leases, &h->lease);
}

/* It ran out: somebody else may hold the message by now, and only a new delivery makes it ours again.
 * What is being worked on goes on (an ack is right at any time), the rest is not ours to start. */
static void lose(struct consumer *c, struct message *h)
{
    h->lease_lost = true;
    list_remove(&h->lease);
    if (c->cumulative.on && !consumer_stale(c, h))
        return; /* nobody else takes from this consumer */
    if (h->state != MESSAGE_READY && h->state != MESSAGE_WAITING)
        return;
    consumer_give_back(c, h, 0);
    if (c->stage == STAGE_ACTIVE)
        redelivery_sync_begin(c);
}

static void on_lease(struct loop_timer *t)
{
    struct consumer *c = t->data;
    int64_t now = loop_now_ns(c->loop);
    struct message *last =
        list_empty(&c->messages.leases) ? NULL : container_of(c->messages.leases.prev, struct message, lease);

    while (!list_empty(&c->messages.leases) && connection_state(requests_connection(c->requests)) == CONNECTION_UP) {
        struct message *h = container_of(c->messages.leases.next, struct message, lease);
        /* What is due within a twentieth goes along: one wake-up for a batch that arrived together. */
        if (renew_at(c, h) > now + c->ack_wait_ns / 20)
            break;
        bool end = h == last;
        if (h->lease_until_ns <= now) {
            lose(c, h);
        } else if (h->state == MESSAGE_READY && !h->keep && !h->key_queue && !c->cumulative.on &&
                   now - h->arrived_ns > c->handler->timeout_ns) {
            list_remove(&h->node); /* waited here for longer than a handler may take: another worker may have it */
            consumer_give_back(c, h, 0);
        } else {
            renew(c, h, now);
        }
        if (end)
            break;
    }
    if (!list_empty(&c->messages.leases)) {
        int64_t at = renew_at(c, container_of(c->messages.leases.next, struct message, lease));
        loop_arm(c->loop, t, at > now ? at : now + c->ack_wait_ns / 20);
    }
}

/* ---- acknowledgements ------------------------------------------------------------ */

static void take_pause(struct consumer *c, json_t *info)
{
    bool paused = json_is_true(json_object_get(info, "paused"));
    int64_t left_ns = json_integer_value(json_object_get(info, "pause_remaining"));
    char until[64];

    c->paused_until_ns = paused ? clock_wall_ns() + left_ns : 0;
    if (paused == c->paused)
        return;
    c->paused = paused;
    value_format_time(c->paused_until_ns, until, sizeof(until));
    if (paused)
        log_warn("consumer-paused", LOG_STR("handler", c->handler->name), LOG_STR("cluster", c->cluster->name),
                 LOG_STR("stream", c->stream), LOG_STR("consumer", c->handler->durable), LOG_STR("until", until),
                 LOG_STR("msg", "the server delivers nothing until then (seamq resume ends it)"));
    else
        log_info("consumer-resumed", LOG_STR("handler", c->handler->name), LOG_STR("cluster", c->cluster->name),
                 LOG_STR("stream", c->stream), LOG_STR("consumer", c->handler->durable));
}

/* Under cumulative a later one stands for those that were sent, when it is sure which. */
static void send_acks_again(struct consumer *c)
{
    c->confirming = 0;
    c->cumulative.compared = false;
    cumulative_unsure(c);
    if (c->cumulative.on)
        return;
    list_for_each(node, &c->messages.acked)
    {
        const struct message *h = container_of(node, struct message, node);
        connection_publish(requests_connection(c->requests), &(struct connection_publish){.subject = message_reply(h)});
    }
}

static const char *text_of(json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* An answer proves that its leader was sent what came before the question, and no more: what a former leader had not
 * yet shared is gone with it. */
static void take_leader(struct consumer *c, json_t *info)
{
    json_t *cluster = json_object_get(info, "cluster");
    char leader[sizeof(c->leader)];

    if (!cluster && !c->clustered)
        return;
    snprintf(leader, sizeof(leader), "%s %s", text_of(cluster, "leader"), text_of(cluster, "leader_since"));
    if (c->clustered && c->verified && strcmp(leader, c->leader) != 0)
        send_acks_again(c);
    c->clustered = true;
    memcpy(c->leader, leader, sizeof(leader));
}

void lease_take_info(struct consumer *c, json_t *info)
{
    c->stats.num_pending = (uint64_t)json_integer_value(json_object_get(info, "num_pending"));
    c->stats.num_ack_pending = (uint64_t)json_integer_value(json_object_get(info, "num_ack_pending"));
    take_leader(c, info);
    take_pause(c, info);
}

static void on_lag(void *data, int rc, natsMsg *msg)
{
    struct consumer *c = data;
    struct answer a;

    c->lag_request = NULL;
    answer_read(&a, rc, msg);
    if (a.rc == 0 && setup_known(c, a.json))
        lease_take_info(c, a.json);
    json_decref(a.json);
}

void consumer_ask_lag(struct consumer *c)
{
    if (!c->lag_request && c->stage == STAGE_ACTIVE)
        setup_info(c, on_lag, &c->lag_request);
}

/* A server that is killed forgets the acknowledgements of its last moments.  Of an ordered handler's messages
 * the latest are remembered: an old one must not run again behind its followers. */
void lease_confirmed(struct consumer *c, struct message *h)
{
    if (c->handler->ordering == ORDERING_NONE) {
        message_free(&c->messages, h, requests_connection(c->requests));
        return;
    }
    message_set_state(&c->messages, h, MESSAGE_SETTLED);
    message_drop_message(&c->messages, h, requests_connection(c->requests));
    if (c->messages.n_by_state[MESSAGE_SETTLED] > SETTLED_MAX)
        message_free(&c->messages, container_of(c->messages.settled.next, struct message, node),
                     requests_connection(c->requests));
}

/* Until stream and consumer are known to be the same, nothing that is kept was sent on this connection; under
 * cumulative until its server has been asked what it has taken. */
static bool all_sent(const struct consumer *c)
{
    return c->verified && (!c->cumulative.on || c->cumulative.compared);
}

static void on_confirmed(void *data, int rc, natsMsg *msg)
{
    struct consumer *c = data;
    struct answer a;

    c->confirm_request = NULL;
    answer_read(&a, rc, msg);
    bool gone = a.err_code == JS_CONSUMER_NOT_FOUND || a.err_code == JS_STREAM_NOT_FOUND;
    if (gone) /* with all that it could have forgotten */
        c->confirming = c->messages.n_by_state[MESSAGE_ACKED];
    bool known = a.rc == 0 && setup_known(c, a.json);
    if (known)
        lease_take_info(c, a.json);
    /* One that is gone while we leave takes nothing any more. */
    if ((known && all_sent(c)) || (gone && (all_sent(c) || c->stopping))) {
        for (; c->confirming && !list_empty(&c->messages.acked); c->confirming--)
            lease_confirmed(c, container_of(c->messages.acked.next, struct message, node));
    }
    json_decref(a.json);
    c->confirming = 0;
    if (!list_empty(&c->messages.acked))
        loop_arm(c->loop, &c->confirm,
                 loop_now_ns(c->loop) + (!known || !all_sent(c) ? CONFIRM_AGAIN_NS
                                         : c->stopping          ? 0
                                                                : CONFIRM_NS));
}

static void ask_confirmation(struct consumer *c)
{
    if (c->confirm_request || list_empty(&c->messages.acked))
        return;
    loop_disarm(c->loop, &c->confirm);
    c->confirming = all_sent(c) ? c->messages.n_by_state[MESSAGE_ACKED] : 0;
    if ((!all_sent(c) && !c->stopping) || setup_info(c, on_confirmed, &c->confirm_request)) {
        c->confirming = 0;
        loop_arm(c->loop, &c->confirm, loop_now_ns(c->loop) + CONFIRM_AGAIN_NS);
    }
}

static void on_confirm_timer(struct loop_timer *t)
{
    ask_confirmation(t->data);
}

void lease_acked(struct consumer *c)
{
    size_t n = c->messages.n_by_state[MESSAGE_ACKED];
    if (n > ACKED_MAX) {
        message_free(&c->messages, container_of(c->messages.acked.next, struct message, node),
                     requests_connection(c->requests));
        if (c->confirming)
            c->confirming--;
    }
    bool soon = n >= CONFIRM_AT || (c->stopping && n > 0);
    if (soon && !c->confirm_request && connection_state(requests_connection(c->requests)) == CONNECTION_UP)
        ask_confirmation(c);
    else if (!c->confirm_request && !loop_timer_armed(&c->confirm))
        loop_arm(c->loop, &c->confirm, loop_now_ns(c->loop) + CONFIRM_NS);
}

/* What was renewed in the last moments of a connection may never have arrived. */
void lease_connection_down(struct consumer *c)
{
    int64_t lost = 3 * c->cluster->ping_interval_ns + c->ack_wait_ns / 3;
    int64_t latest = loop_now_ns(c->loop) - lost + c->ack_wait_ns;
    list_for_each(node, &c->messages.leases)
    {
        struct message *h = container_of(node, struct message, lease);
        if (h->lease_until_ns > latest)
            h->lease_until_ns = latest;
    }
}

static void forget_stale(struct consumer *c, struct list *list)
{
    list_for_each_safe(node, list)
    {
        struct message *h = container_of(node, struct message, node);
        if (consumer_stale(c, h))
            consumer_forget(c, h);
    }
}

/* Active again: acks of the last connection may have been lost on the way, and a message whose lease
 * ran out meanwhile is somebody else's unless we are at work on it. */
void lease_resume(struct consumer *c)
{
    int64_t now = loop_now_ns(c->loop);

    forget_stale(c, &c->messages.acked);
    forget_stale(c, &c->messages.away); /* nobody delivers it any more: it would hold up its key */
    forget_stale(c, &c->messages.settled);
    send_acks_again(c);
    list_for_each_safe(node, &c->cumulative.order)
    {
        struct message *h = container_of(node, struct message, order);
        /* Those two are forgotten when they end. */
        if (consumer_stale(c, h) && h->state != MESSAGE_RUNNING && h->state != MESSAGE_SETTLING)
            consumer_forget(c, h);
    }
    list_for_each_safe(node, &c->messages.leases)
    {
        struct message *h = container_of(node, struct message, lease);
        if (h->lease_until_ns <= now || consumer_stale(c, h))
            lose(c, h);
    }
    ask_confirmation(c);
    if (!list_empty(&c->messages.leases))
        loop_arm(c->loop, &c->lease, now);
}

void lease_init(struct consumer *c)
{
    c->ack_wait_ns = c->handler->ack_wait_ns;
    c->lease = (struct loop_timer){.fire = on_lease, .data = c};
    c->confirm = (struct loop_timer){.fire = on_confirm_timer, .data = c};
}

void lease_finish(struct consumer *c)
{
    loop_disarm(c->loop, &c->lease);
    loop_disarm(c->loop, &c->confirm);
    request_cancel(c->confirm_request);
    request_cancel(c->lag_request);
    c->confirm_request = c->lag_request = NULL;
}
