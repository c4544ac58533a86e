/* SPDX-License-Identifier: Apache-2.0
 * gate - whether a message may start, and how many are worth pulling. */
#include "handler_private.h"

#include "base/log.h"

static bool has_limit(const struct config_handler *c)
{
    return c->rate_limit > 0 || c->max_in_flight > 0;
}

void admission_init(struct handler *h)
{
    h->admission = (struct admission){.watched = has_limit(h->config)};
    if (h->config->rate_limit > 0)
        rate_init(&h->admission.rate, h->config->rate_limit);
}

void admission_finish(struct handler *h)
{
    loop_disarm(h->loop, &h->admission.again);
}

/* Messages that workers have. */
static size_t running(const struct handler *h)
{
    size_t n = 0;
    for (size_t i = 0; i < h->pool->n; i++)
        n += h->pool->slots[i].n;
    list_for_each(node, &h->leaving)
    {
        const struct worker_pool *pool = container_of(node, struct worker_pool, node);
        for (size_t i = 0; i < pool->n; i++)
            n += pool->slots[i].n;
    }
    return n;
}

/* The loop turns again at that time if it is still to come. */
static bool is_due(struct handler *h, int64_t at_ns)
{
    if (at_ns <= loop_now_ns(h->loop))
        return true;
    loop_arm(h->loop, &h->admission.again, at_ns);
    return false;
}

/* Closed, or it is time for the probe. */
static bool breaker_lets(struct handler *h)
{
    const struct breaker *b = &h->admission.breaker;
    return !b->open || (!b->probe && is_due(h, b->probe_ns));
}

bool admission_open(struct handler *h)
{
    const struct config_handler *c = h->config;

    if (!h->admission.watched)
        return true;
    if (!breaker_lets(h))
        return false;
    if (c->max_in_flight > 0 && running(h) >= (size_t)c->max_in_flight)
        return false; /* the next outcome opens it */
    return c->rate_limit == 0 || is_due(h, rate_due_ns(&h->admission.rate));
}

void admission_pass(struct handler *h, struct message *m)
{
    m->keep = false;
    if (!h->admission.watched)
        return;
    if (h->config->rate_limit > 0)
        rate_start(&h->admission.rate, loop_now_ns(h->loop));
    breaker_start(&h->admission.breaker, m);
}

/* ---- the breaker -------------------------------------------------------------------- */

void admission_unavailable(struct handler *h, struct message *m, int64_t delay_ns, const char *text)
{
    struct breaker *b = &h->admission.breaker;
    int64_t now = loop_now_ns(h->loop);
    bool probed = b->probe == m;
    bool opened = breaker_unavailable(b, m, delay_ns, text, now);

    h->admission.watched = true;
    m->keep = opened || probed; /* the next probe is never far; the others may go back when they get old */
    feed_front(h, m);
    if (opened)
        log_warn("breaker-open", LOG_STR("handler", h->config->name), LOG_STR("error", b->reason),
                 LOG_NS("probe_in", b->probe_ns - now),
                 LOG_STR("msg", "nothing is pulled or started until a single message gets through"));
}

void admission_result(struct handler *h, struct message *m, bool success)
{
    struct breaker *b = &h->admission.breaker;
    if (!breaker_result(b, m, success, loop_now_ns(h->loop)))
        return;
    h->admission.watched = has_limit(h->config);
    log_info("breaker-closed", LOG_STR("handler", h->config->name), LOG_NS("after", loop_now_ns(h->loop) - b->since_ns),
             LOG_STR("msg", "pulling again"));
}

void admission_withdrawn(struct handler *h, struct message *m)
{
    breaker_withdrawn(&h->admission.breaker, m);
}

/* ---- how much to pull ------------------------------------------------------------------ */

/* What the workers have, and no more of slow messages; of fast ones as many on their way. */
static size_t in_flight_window(const struct handler *h)
{
    size_t max = (size_t)h->config->max_in_flight;
    return h->duration_ns < HANDLER_SLOW_NS ? max * 2 : max;
}

/* What may start soon. */
static size_t rate_window(struct handler *h)
{
    int64_t now = loop_now_ns(h->loop);
    size_t room = rate_room(&h->admission.rate, now, now + ADMISSION_AHEAD_NS);
    if (room == 0 && list_empty(&h->ready)) /* else admission_open() has armed it */
        loop_arm(h->loop, &h->admission.again, rate_due_ns(&h->admission.rate) - ADMISSION_AHEAD_NS);
    return room;
}

/* Nothing, unless a message is wanted to try with. */
static size_t probe_window(struct handler *h, const size_t *n)
{
    return list_empty(&h->ready) && breaker_lets(h) ? n[MESSAGE_RUNNING] + n[MESSAGE_SETTLING] + 1 : 0;
}

size_t admission_window(struct handler *h, struct consumer *c, size_t window)
{
    const size_t *n = consumer_messages(c)->n_by_state;

    if (!h->admission.watched || window == 0)
        return window;
    if (h->admission.breaker.open)
        return probe_window(h, n);
    if (h->config->max_in_flight > 0) {
        size_t most = n[MESSAGE_SETTLING] + in_flight_window(h);
        window = window < most ? window : most;
    }
    if (h->config->rate_limit > 0) {
        size_t most = n[MESSAGE_RUNNING] + n[MESSAGE_SETTLING] + rate_window(h);
        window = window < most ? window : most;
    }
    return window;
}
