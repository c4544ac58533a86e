/* SPDX-License-Identifier: Apache-2.0
 *
 * federate - from which of its clusters a handler takes messages, and how many from each.
 *
 *     failover  the first healthy one, in the order of `clusters`; back as soon as an earlier one is healthy
 *     all       every one, each with its share of the window
 *     overflow  home, and what home leaves free from those that have a backlog
 *
 * Each cluster has a consumer of its own: its stream, position and health are no other's business.  One
 * that is not healthy keeps its window where it comes before the one in use, because only a pull can show
 * that it is well again.
 */
#include "handler_private.h"

#include "base/log.h"

/* Longer than a reconnect to another server of the cluster takes, or the first try of a detour (route.c). */
#define FAILOVER_AFTER_NS NS_PER_SEC
#define ASK_LAG_NS NS_PER_SEC
/* Away from home a request is not left open: what comes later is for those who are at home there. */
#define VISIT_NS (2 * NS_PER_SEC)

void federate_finish(struct handler *h)
{
    loop_disarm(h->loop, &h->federate.wake);
}

void federate_add(struct handler *h, size_t i)
{
    if (i > 0 && h->config->federation != FEDERATION_ALL)
        consumer_set_max_expires(h->consumers[i], VISIT_NS);
}

static const char *cluster_name(const struct handler *h, size_t i)
{
    return consumer_cluster(h->consumers[i])->name;
}

static void give(struct handler *h, size_t i, size_t window)
{
    if (h->key_queues)
        window = key_queues_window(h->key_queues[i], window);
    consumer_set_window(h->consumers[i], admission_window(h, h->consumers[i], window));
}

/* ---- failover --------------------------------------------------------------------- */

static void move(struct handler *h, size_t to)
{
    struct federate *f = &h->federate;
    bool back = to < f->active;
    if (back)
        log_info("failback", LOG_STR("handler", h->config->name), LOG_STR("from", cluster_name(h, f->active)),
                 LOG_STR("to", cluster_name(h, to)));
    else
        log_warn("failover", LOG_STR("handler", h->config->name), LOG_STR("from", cluster_name(h, f->active)),
                 LOG_STR("to", cluster_name(h, to)), LOG_STR("msg", consumer_reason(h->consumers[f->active])));
    h->stats.failovers += !back;
    f->active = to;
    f->lost_ns = 0;
}

static void choose(struct handler *h)
{
    struct federate *f = &h->federate;
    int64_t now = loop_now_ns(h->loop);
    size_t best = 0;

    while (best < h->n_consumers && !consumer_ready(h->consumers[best]))
        best++;
    if (best <= f->active) {
        if (best < f->active)
            move(h, best);
        f->lost_ns = 0;
        return;
    }
    if (!f->lost_ns)
        f->lost_ns = now;
    if (best == h->n_consumers)
        return;
    if (now - f->lost_ns >= FAILOVER_AFTER_NS)
        move(h, best);
    else if (!loop_timer_armed(&f->wake))
        loop_arm(h->loop, &f->wake, f->lost_ns + FAILOVER_AFTER_NS);
}

static void failover(struct handler *h, size_t window)
{
    choose(h);
    for (size_t i = 0; i < h->n_consumers; i++)
        give(h, i, i <= h->federate.active ? window : 0);
}

/* ---- all ---------------------------------------------------------------------------- */

static void all(struct handler *h, size_t window)
{
    size_t n = 0;
    for (size_t i = 0; i < h->n_consumers; i++)
        n += consumer_ready(h->consumers[i]);
    size_t share = n > 1 ? window / n : window;
    if (window && !share)
        share = 1;
    for (size_t i = 0; i < h->n_consumers; i++)
        give(h, i, share);
}

/* ---- overflow ------------------------------------------------------------------------ */

static size_t at_work(struct consumer *c)
{
    const struct message_table *t = consumer_messages(c);
    return t->n_by_state[MESSAGE_READY] + t->n_by_state[MESSAGE_RUNNING];
}

/* How many messages more than home gives could be worked on; 0: home needs all. */
static size_t spare(struct handler *h, size_t window)
{
    struct consumer *home = h->consumers[0];
    if (!consumer_ready(home))
        return window;
    size_t busy = at_work(home);
    if (consumer_stats(home)->num_pending > 0 || busy >= feed_ready_workers(h))
        return 0;
    return window > busy ? window - busy : 0;
}

static void overflow(struct handler *h, size_t window)
{
    struct federate *f = &h->federate;
    int64_t now = loop_now_ns(h->loop);
    size_t left = spare(h, window);
    bool ask = now >= f->ask_at_ns;

    give(h, 0, window);
    for (size_t i = 1; i < h->n_consumers; i++) {
        struct consumer *c = h->consumers[i];
        uint64_t backlog = consumer_ready(c) ? consumer_stats(c)->num_pending : 0;
        size_t take = left && backlog ? left : 0;
        if (ask && left && consumer_ready(c))
            consumer_refresh_lag(c);
        /* No more than there is: an open request would take what comes later, too. */
        if (take > backlog + at_work(c))
            take = (size_t)backlog + at_work(c);
        give(h, i, take);
        left -= take < left ? take : left;
    }
    if (ask) { /* of home too: others who work there may have taken what was pending */
        consumer_refresh_lag(h->consumers[0]);
        f->ask_at_ns = now + ASK_LAG_NS;
    }
    if (!loop_timer_armed(&f->wake))
        loop_arm(h->loop, &f->wake, now + ASK_LAG_NS);
}

void federate(struct handler *h, size_t window)
{
    if (h->n_consumers == 1) {
        give(h, 0, window);
        return;
    }
    switch (h->config->federation) {
    case FEDERATION_FAILOVER: failover(h, window); break;
    case FEDERATION_ALL: all(h, window); break;
    case FEDERATION_OVERFLOW: overflow(h, window); break;
    }
}
