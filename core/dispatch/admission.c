/* SPDX-License-Identifier: Apache-2.0
 * admission - applies the rate, the in-flight limit and the breaker to the messages of one handler. */
#include "handler_private.h"

#include "base/log.h"

static bool limits_configured(const struct config_handler *c)
{
    return c->rate_limit > 0 || c->max_in_flight > 0;
}

void admission_init(struct handler *h)
{
    h->admission = (struct admission){.limited = limits_configured(h->config)};
    if (h->config->rate_limit > 0)
        rate_init(&h->admission.rate, h->config->rate_limit);
}

/* Messages in the rings of all workers, those of retired pools included. */
static size_t count_running(const struct handler *h)
{
    size_t n = 0;
    for (size_t i = 0; i < h->pool->n; i++)
        n += h->pool->slots[i].n;
    list_for_each(node, &h->retired_pools)
    {
        const struct worker_pool *pool = container_of(node, struct worker_pool, node);
        for (size_t i = 0; i < pool->n; i++)
            n += pool->slots[i].n;
    }
    return n;
}

int64_t admission_start_ns(const struct handler *h)
{
    const struct config_handler *c = h->config;
    const struct breaker *b = &h->admission.breaker;
    int64_t start_ns = INT64_MIN;

    if (!h->admission.limited)
        return start_ns;
    if (b->open && b->probe)
        return INT64_MAX;
    if (b->open)
        start_ns = b->probe_ns;
    if (c->max_in_flight > 0 && count_running(h) >= (size_t)c->max_in_flight)
        return INT64_MAX;
    if (c->rate_limit > 0) {
        int64_t due_ns = rate_due_ns(&h->admission.rate);
        start_ns = due_ns > start_ns ? due_ns : start_ns;
    }
    return start_ns;
}

void admission_note_start(struct handler *h, struct message *m)
{
    m->keep_when_old = false;
    if (!h->admission.limited)
        return;
    if (h->config->rate_limit > 0)
        rate_start(&h->admission.rate, loop_now_ns(h->loop));
    breaker_start(&h->admission.breaker, m);
}

/* ---- the breaker -------------------------------------------------------------------- */

void admission_requeue_unavailable(struct handler *h, struct message *m, int64_t delay_ns, const char *text)
{
    struct breaker *b = &h->admission.breaker;
    int64_t now = loop_now_ns(h->loop);
    bool probed = b->probe == m;
    bool opened = breaker_unavailable(b, m, delay_ns, text, now);

    h->admission.limited = true;
    m->keep_when_old = opened || probed; /* a message must be here for the next probe */
    feed_requeue(h, m);
    if (opened)
        log_warn("breaker-open", LOG_STR("handler", h->config->name), LOG_STR("error", b->reason),
                 LOG_NS("probe_in", b->probe_ns - now),
                 LOG_STR("msg",
                         "a dependency is unavailable: nothing is pulled or started until one probe message succeeds"));
}

void admission_note_outcome(struct handler *h, struct message *m, bool available)
{
    struct breaker *b = &h->admission.breaker;
    if (!breaker_result(b, m, available, loop_now_ns(h->loop)))
        return;
    h->admission.limited = limits_configured(h->config);
    log_info("breaker-closed", LOG_STR("handler", h->config->name), LOG_NS("after", loop_now_ns(h->loop) - b->since_ns),
             LOG_STR("msg", "the probe message succeeded: messages are pulled again"));
}

void admission_note_withdrawn(struct handler *h, struct message *m)
{
    breaker_withdrawn(&h->admission.breaker, m);
}
