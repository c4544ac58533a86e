/* SPDX-License-Identifier: Apache-2.0
 *
 * drain - ends a handler: stops pulling, lets running messages finish and returns the others to the server.
 *
 * While messages can still arrive, the handler runs them, unless its messages take long. With ack = cumulative
 * no message can be returned, so those that have arrived are finished if time allows. Leases are renewed until the
 * end. If the daemon is killed during the drain, the server redelivers what is unsettled.
 */
#include "handler_private.h"

/* The end of the grace period, reserved for returning messages and for the server's answers. */
#define RETURN_RESERVE_NS (3 * NS_PER_SEC)
#define FINISH_CHECK_NS (5 * NS_PER_MS)

static void ready_messages_return(struct handler *h)
{
    struct list *node;
    while ((node = list_pop_front(&h->ready))) {
        struct message *m = container_of(node, struct message, node);
        consumer_give_back(m->consumer, m, 0);
    }
}

/* Messages that wait for their next attempt are returned with the rest of the delay. Messages of a key queue are all
 * returned without a delay, because the next daemon starts none of them before it has the first. */
static void waiting_messages_return(struct consumer *c, int64_t now)
{
    struct message_table *t = consumer_messages(c);
    list_for_each_safe(node, &t->leases)
    {
        struct message *m = container_of(node, struct message, lease);
        if (m->key_queue && (m->state == MESSAGE_READY || m->state == MESSAGE_WAITING))
            consumer_give_back(c, m, 0);
        else if (m->state == MESSAGE_WAITING)
            consumer_give_back(c, m, m->retry.at_ns > now ? m->retry.at_ns - now : 0);
    }
}

void drain_return_messages(struct handler *h)
{
    ready_messages_return(h);
    for (size_t i = 0; i < h->n_consumers; i++)
        waiting_messages_return(h->consumers[i], loop_now_ns(h->loop));
}

/* No more messages can arrive, so the server delivers returned messages to another daemon. */
static void on_pulls_ended(void *data)
{
    struct handler *h = data;
    if (--h->n_stopping > 0)
        return;
    if (phase_finishing(h->phase))
        loop_arm(h->loop, &h->finish, loop_now_ns(h->loop));
    else
        drain_return_messages(h);
}

static void pool_revoke(struct worker_pool *pool, int64_t until_ns)
{
    for (size_t i = 0; i < pool->n; i++) {
        if (pool->slots[i].refused)
            pool->slots[i].ended = true;
        else
            worker_revoke(pool->slots[i].worker, until_ns);
    }
}

/* Workers of retired pools keep the deadline of the rolling restart, unless the daemon stops. */
static void workers_revoke(struct handler *h)
{
    pool_revoke(h->pool, h->workers_until_ns);
    if (phase_draining_for_reload(h->phase))
        return;
    list_for_each(node, &h->retired_pools)
        pool_revoke(container_of(node, struct worker_pool, node), h->workers_until_ns);
}

static bool has_unfinished_messages(const struct handler *h)
{
    bool in_time = loop_now_ns(h->loop) < h->settle_until_ns;
    if (h->n_stopping > 0)
        return true;
    for (size_t i = 0; h->config->ack == ACK_CUMULATIVE && i < h->n_consumers; i++) {
        const size_t *n = consumer_messages(h->consumers[i])->n_by_state;
        if (n[MESSAGE_READY] || n[MESSAGE_RUNNING] || (in_time && (n[MESSAGE_WAITING] || n[MESSAGE_SETTLING])))
            return true;
    }
    return false;
}

static void on_finish_check(struct loop_timer *t)
{
    struct handler *h = t->data;
    int64_t now = loop_now_ns(h->loop);
    if (has_unfinished_messages(h) && now < h->workers_until_ns) {
        loop_arm(h->loop, t, now + FINISH_CHECK_NS);
        return;
    }
    h->phase = phase_next(h->phase, PHASE_FINISHED);
    if (h->n_stopping == 0)
        drain_return_messages(h);
    workers_revoke(h);
}

static void drain_start(struct handler *h, enum phase_event event, int64_t until_ns)
{
    int64_t now = loop_now_ns(h->loop);

    h->phase = phase_next(h->phase, event);
    if (h->config->ack != ACK_CUMULATIVE && h->duration_ns >= WINDOW_SLOW_NS)
        h->phase = phase_next(h->phase, PHASE_FINISHED);
    h->workers_until_ns = until_ns;

    h->n_stopping = h->n_consumers;
    for (size_t i = 0; i < h->n_consumers; i++)
        consumer_stop(h->consumers[i], h->settle_until_ns, on_pulls_ended, h);
    worker_pool_destroy(h->next_pool);
    h->next_pool = NULL;
    h->finish = (struct loop_timer){.fire = on_finish_check, .data = h};
    if (phase_finishing(h->phase))
        loop_arm(h->loop, &h->finish, now);
    else
        workers_revoke(h);
    handler_update_state(h);
}

/* The daemon stops while the handler drains for a reload: the earlier deadline counts. */
static void drain_shorten(struct handler *h, int64_t until_ns)
{
    h->phase = phase_next(h->phase, PHASE_STOP);
    if (until_ns < h->workers_until_ns)
        h->workers_until_ns = until_ns;
    if (!phase_finishing(h->phase))
        workers_revoke(h);
}

void handler_drain(struct handler *h, int64_t deadline_ns)
{
    int64_t now = loop_now_ns(h->loop);
    int64_t until_ns =
        deadline_ns - RETURN_RESERVE_NS > now ? deadline_ns - RETURN_RESERVE_NS : now + (deadline_ns - now) / 2;
    if (phase_draining(h->phase)) {
        drain_shorten(h, until_ns);
        return;
    }
    h->settle_until_ns = deadline_ns;
    drain_start(h, PHASE_STOP, until_ns);
}

int64_t handler_drain_for_reload(struct handler *h, int64_t settle_until_ns)
{
    int64_t timeout_ns = h->config->timeout_ns;
    list_for_each(node, &h->retired_pools)
    {
        int64_t ns = container_of(node, struct worker_pool, node)->plan.config->timeout_ns;
        timeout_ns = ns > timeout_ns ? ns : timeout_ns;
    }
    int64_t until_ns = loop_now_ns(h->loop) + timeout_ns + HANDLER_CLOSE_NS;
    if (until_ns < settle_until_ns)
        until_ns = settle_until_ns;
    h->settle_until_ns = settle_until_ns;
    drain_start(h, PHASE_RELOAD, until_ns);
    return until_ns + RETURN_RESERVE_NS;
}

bool handler_workers_ended(const struct handler *h)
{
    if (!worker_pool_ended(h->pool))
        return false;
    list_for_each(node, &h->retired_pools)
    {
        if (!worker_pool_ended(container_of(node, struct worker_pool, node)))
            return false;
    }
    return true;
}

bool handler_drained(const struct handler *h)
{
    if (phase_finishing(h->phase) || h->n_stopping || settle_busy(h->settle) || !list_empty(&h->ready))
        return false;
    if (!handler_workers_ended(h))
        return false;
    for (size_t i = 0; i < h->n_consumers; i++)
        if (consumer_unconfirmed(h->consumers[i]))
            return false;
    return true;
}
