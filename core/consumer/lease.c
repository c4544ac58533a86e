/* SPDX-License-Identifier: Apache-2.0
 * lease - renewal and loss of leases. */
#include "consumer_private.h"

static int64_t renewal_ns(const struct consumer *c, const struct message *m)
{
    return m->lease_until_ns - c->ack_wait_ns + c->ack_wait_ns / 3;
}

static struct message *first_lease(const struct consumer *c)
{
    return list_empty(&c->messages.leases) ? NULL : container_of(c->messages.leases.next, struct message, lease);
}

void lease_start(struct consumer *c, struct message *m)
{
    int64_t now = loop_now_ns(c->loop);
    m->lease_until_ns = now + c->ack_wait_ns;
    m->arrived_ns = now;
    m->stream_created_ns = c->stream_created_ns;
    m->consumer_created_ns = c->consumer_created_ns;
    if (!loop_timer_armed(&c->leases.timer))
        loop_arm(c->loop, &c->leases.timer, now + c->ack_wait_ns / 3);
}

static void lease_renew(struct consumer *c, struct message *m, int64_t now)
{
    if (consumer_reply(c, m, "+WPI") == 0) {
        m->lease_until_ns = now + c->ack_wait_ns;
        c->stats.leases_renewed++;
    }
    list_remove(&m->lease);
    list_push_back(&c->messages.leases, &m->lease);
}

/* The lease expired: another daemon may have the message until it is delivered here again.  A running handler
 * continues, because an acknowledgement is valid at any time.  A message that has not started is given back. */
static void lease_lose(struct consumer *c, struct message *m)
{
    m->lease_lost = true;
    list_remove(&m->lease);
    if (c->ack->exclusive && !consumer_stale(c, m))
        return;
    if (m->state != MESSAGE_READY && m->state != MESSAGE_WAITING)
        return;
    consumer_give_back(c, m, 0);
    if (binding_active(c))
        redelivery_sync_begin(c);
}

/* True: the message waited for a worker longer than a handler may run; another daemon may have a free one. */
static bool waited_too_long(const struct consumer *c, const struct message *m, int64_t now)
{
    return m->state == MESSAGE_READY && !m->keep_when_old && !m->key_queue && !c->ack->exclusive &&
           now - m->arrived_ns > c->handler->timeout_ns;
}

static void on_timer(struct loop_timer *t)
{
    struct consumer *c = t->data;
    int64_t now = loop_now_ns(c->loop);
    struct message *m;
    struct message *last =
        list_empty(&c->messages.leases) ? NULL : container_of(c->messages.leases.prev, struct message, lease);

    while ((m = first_lease(c)) && connection_state(consumer_connection(c)) == CONNECTION_UP) {
        /* Leases due within a twentieth of ack wait are renewed together: one wake-up for a batch. */
        if (renewal_ns(c, m) > now + c->ack_wait_ns / 20)
            break;
        bool end = m == last;
        if (m->lease_until_ns <= now) {
            lease_lose(c, m);
        } else if (waited_too_long(c, m, now)) {
            list_remove(&m->node);
            consumer_give_back(c, m, 0);
        } else {
            lease_renew(c, m, now);
        }
        if (end)
            break;
    }
    if ((m = first_lease(c))) {
        int64_t at = renewal_ns(c, m);
        loop_arm(c->loop, t, at > now ? at : now + c->ack_wait_ns / 20);
    }
}

/* Renewals sent in the last moments of a connection may never have arrived. */
void lease_connection_down(struct consumer *c)
{
    int64_t lost = 3 * c->cluster->ping_interval_ns + c->ack_wait_ns / 3;
    int64_t latest = loop_now_ns(c->loop) - lost + c->ack_wait_ns;
    list_for_each(node, &c->messages.leases)
    {
        struct message *m = container_of(node, struct message, lease);
        if (m->lease_until_ns > latest)
            m->lease_until_ns = latest;
    }
}

static void forget_stale(struct consumer *c, struct list *list)
{
    list_for_each_safe(node, list)
    {
        struct message *m = container_of(node, struct message, node);
        if (consumer_stale(c, m))
            consumer_forget(c, m);
    }
}

void lease_resume(struct consumer *c)
{
    int64_t now = loop_now_ns(c->loop);

    forget_stale(c, &c->messages.acked);
    forget_stale(c, &c->messages.away); /* never delivered again: it would block its key queue */
    forget_stale(c, &c->messages.settled);
    confirmation_resend(c);
    list_for_each_safe(node, &c->messages.leases)
    {
        struct message *m = container_of(node, struct message, lease);
        if (m->lease_until_ns <= now || consumer_stale(c, m))
            lease_lose(c, m);
    }
    confirmation_request(c);
    if (!list_empty(&c->messages.leases))
        loop_arm(c->loop, &c->leases.timer, now);
}

void lease_init(struct consumer *c)
{
    c->leases.timer = (struct loop_timer){.fire = on_timer, .data = c};
}

void lease_finish(struct consumer *c)
{
    loop_disarm(c->loop, &c->leases.timer);
}
