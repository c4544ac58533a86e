/* SPDX-License-Identifier: Apache-2.0
 *
 * drain - an orderly end: ask for nothing more, and when nothing more can come give back what has not started;
 * let run what has, keep leases until the end.  A death at any point of it equals a kill -9: nothing is lost.
 *
 * Until nothing can come the handler goes on with what comes, unless it is one that takes long.  With ack = cumulative
 * nothing can be given back: what is here is finished, as far as there is time.
 */
#include "handler_private.h"

/* Kept of the grace period for giving the rest back and hearing the server's answers. */
#define RESERVE_NS (3 * NS_PER_SEC)
#define LOOK_NS (5 * NS_PER_MS)

static void take_back(struct handler *h)
{
    struct list *node;
    while ((node = list_pop_front(&h->ready))) {
        struct message *m = container_of(node, struct message, node);
        consumer_give_back(m->consumer, m, 0);
    }
}

/* Messages that wait for their next attempt go back with what is left of the delay.  Those of a lane go back
 * all, and at once: the next daemon starts none of them before it has the first. */
static void give_back_waiting(struct consumer *c, int64_t now)
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

void drain_give_back_all(struct handler *h)
{
    take_back(h);
    for (size_t i = 0; i < h->n_consumers; i++)
        give_back_waiting(h->consumers[i], loop_now_ns(h->loop));
}

/* Nothing more can come, so what goes back now goes to somebody else. */
static void pulls_ended(void *data)
{
    struct handler *h = data;
    if (--h->n_stopping > 0)
        return;
    if (phase_finishing(h->phase))
        loop_arm(h->loop, &h->finish, loop_now_ns(h->loop));
    else
        drain_give_back_all(h);
}

static void dismiss_crew(struct worker_pool *pool, int64_t until_ns)
{
    for (size_t i = 0; i < pool->n; i++) {
        if (pool->slots[i].refused)
            pool->slots[i].ended = true;
        else
            worker_revoke(pool->slots[i].worker, until_ns);
    }
}

/* Relieved ones have their time already, and keep it unless the daemon ends. */
static void dismiss_workers(struct handler *h)
{
    dismiss_crew(h->pool, h->workers_until_ns);
    if (phase_leaving(h->phase))
        return;
    list_for_each(node, &h->leaving) dismiss_crew(container_of(node, struct worker_pool, node), h->workers_until_ns);
}

static bool unfinished(const struct handler *h)
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

static void on_finish(struct loop_timer *t)
{
    struct handler *h = t->data;
    int64_t now = loop_now_ns(h->loop);
    if (unfinished(h) && now < h->workers_until_ns) {
        loop_arm(h->loop, t, now + LOOK_NS);
        return;
    }
    h->phase = phase_next(h->phase, PHASE_FINISHED);
    if (h->n_stopping == 0)
        drain_give_back_all(h);
    dismiss_workers(h);
}

static void begin(struct handler *h, enum phase_event event, int64_t until_ns)
{
    int64_t now = loop_now_ns(h->loop);

    h->phase = phase_next(h->phase, event);
    if (h->config->ack != ACK_CUMULATIVE && h->duration_ns >= WINDOW_SLOW_NS)
        h->phase = phase_next(h->phase, PHASE_FINISHED);
    h->workers_until_ns = until_ns;

    h->n_stopping = h->n_consumers;
    for (size_t i = 0; i < h->n_consumers; i++)
        consumer_stop(h->consumers[i], h->settle_until_ns, pulls_ended, h);
    worker_pool_destroy(h->next);
    h->next = NULL;
    h->finish = (struct loop_timer){.fire = on_finish, .data = h};
    if (phase_finishing(h->phase))
        loop_arm(h->loop, &h->finish, now);
    else
        dismiss_workers(h);
    handler_update_state(h);
}

/* It leaves while the daemon begins to: by then it has to be over, too. */
static void hurry(struct handler *h, int64_t until_ns)
{
    h->phase = phase_next(h->phase, PHASE_STOP);
    if (until_ns < h->workers_until_ns)
        h->workers_until_ns = until_ns;
    if (!phase_finishing(h->phase))
        dismiss_workers(h);
}

void handler_drain(struct handler *h, int64_t deadline_ns)
{
    int64_t now = loop_now_ns(h->loop);
    int64_t until_ns = deadline_ns - RESERVE_NS > now ? deadline_ns - RESERVE_NS : now + (deadline_ns - now) / 2;
    if (phase_draining(h->phase)) {
        hurry(h, until_ns);
        return;
    }
    h->settle_until_ns = deadline_ns;
    begin(h, PHASE_STOP, until_ns);
}

int64_t handler_dismiss(struct handler *h, int64_t settle_until_ns)
{
    int64_t timeout_ns = h->config->timeout_ns;
    list_for_each(node, &h->leaving)
    {
        int64_t ns = container_of(node, struct worker_pool, node)->plan.config->timeout_ns;
        timeout_ns = ns > timeout_ns ? ns : timeout_ns;
    }
    int64_t until_ns = loop_now_ns(h->loop) + timeout_ns + HANDLER_LEAVE_NS;
    if (until_ns < settle_until_ns)
        until_ns = settle_until_ns;
    h->settle_until_ns = settle_until_ns;
    begin(h, PHASE_LEAVE, until_ns);
    return until_ns + RESERVE_NS;
}

bool handler_workers_ended(const struct handler *h)
{
    if (!worker_pool_ended(h->pool))
        return false;
    list_for_each(node, &h->leaving)
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
