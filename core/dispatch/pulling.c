/* SPDX-License-Identifier: Apache-2.0
 *
 * pulling - applies window.h to a handler: gathers its numbers, sets each consumer's window, requests backlogs, logs
 * a failover, and wakes the loop when the result may change.
 *
 * Each cluster has its own consumer, with its own stream, position and health.
 */
#include "handler_private.h"

#include "base/log.h"

#include <errno.h>
#include <stdlib.h>

/* Expiry of pull requests to clusters other than the first: later messages are left to daemons of that cluster. */
#define AWAY_EXPIRES_NS (2 * NS_PER_SEC)

int pulling_init(struct handler *h)
{
    size_t n = h->config->clusters.n;
    h->pulling.consumers = calloc(n, sizeof(*h->pulling.consumers));
    h->pulling.out = calloc(n, sizeof(*h->pulling.out));
    return h->pulling.consumers && h->pulling.out ? 0 : -ENOMEM;
}

void pulling_finish(struct handler *h)
{
    loop_disarm(h->loop, &h->pulling.wake);
    free(h->pulling.consumers);
    free(h->pulling.out);
}

void pulling_add_consumer(struct handler *h, size_t i)
{
    if (i > 0 && h->config->federation != FEDERATION_ALL)
        consumer_set_max_expires(h->consumers[i], AWAY_EXPIRES_NS);
}

static void gather_consumer_numbers(const struct handler *h, size_t i, struct window_consumer *out)
{
    struct consumer *c = h->consumers[i];
    const size_t *n = consumer_messages(c)->n_by_state;

    *out = (struct window_consumer){.ready = consumer_ready(c),
                                    .backlog = consumer_stats(c)->num_pending,
                                    .n_ready = n[MESSAGE_READY],
                                    .n_running = n[MESSAGE_RUNNING],
                                    .n_settling = n[MESSAGE_SETTLING],
                                    .n_waiting = n[MESSAGE_WAITING],
                                    .max_waiting = consumer_max_waiting(c)};
    if (h->key_queues) {
        out->n_turns = key_queues_turns(h->key_queues[i]);
        out->n_full = key_queues_full(h->key_queues[i]);
    }
}

static size_t count_ready_workers(const struct handler *h)
{
    size_t n = 0;
    for (size_t i = 0; i < h->pool->n; i++)
        n += worker_ready(h->pool->slots[i].worker);
    return n;
}

static void log_failover(struct handler *h, size_t from, size_t to)
{
    const char *left = consumer_cluster(h->consumers[from])->name;
    const char *taken = consumer_cluster(h->consumers[to])->name;

    if (to < from) {
        log_info("failback", LOG_STR("handler", h->config->name), LOG_STR("from", left), LOG_STR("to", taken));
        return;
    }
    log_warn("failover", LOG_STR("handler", h->config->name), LOG_STR("from", left), LOG_STR("to", taken),
             LOG_STR("msg", consumer_reason(h->consumers[from])));
    h->stats.failovers++;
}

static void windows_apply(struct handler *h, const struct window_out *out)
{
    for (size_t i = 0; i < h->n_consumers; i++) {
        const struct window_consumer_out *o = &h->pulling.out[i];
        if (h->key_queues)
            consumer_set_queued(h->consumers[i], o->queued);
        consumer_set_window(h->consumers[i], o->window);
        if (o->refresh)
            consumer_refresh_lag(h->consumers[i]);
    }
    if (out->active != h->pulling.active)
        log_failover(h, h->pulling.active, out->active);
    h->pulling.active = out->active;
    h->pulling.lost_ns = out->lost_ns;
    h->pulling.refresh_ns = out->refresh_ns;
}

void pulling_update(struct handler *h, int64_t start_ns)
{
    const struct config_handler *c = h->config;
    const struct breaker *b = &h->admission.breaker;
    struct loop_timer *wake = &h->pulling.wake;
    struct window_in in = {.now_ns = loop_now_ns(h->loop),
                           .pulls = h->phase == PHASE_RUNNING,
                           .work_waits = !list_empty(&h->ready),
                           .n_workers = count_ready_workers(h),
                           .duration_ns = h->duration_ns,
                           .size_bytes = h->size_bytes,
                           .batch_max = c->batch_max,
                           .key_max = h->key_queues ? (size_t)c->key_max_in_flight : 0,
                           .max_in_flight = (size_t)c->max_in_flight,
                           .rate = c->rate_limit > 0 ? &h->admission.rate : NULL,
                           .breaker_open = b->open,
                           .probe_running = b->probe != NULL,
                           .probe_ns = b->probe_ns,
                           .federation = c->federation,
                           .active = h->pulling.active,
                           .lost_ns = h->pulling.lost_ns,
                           .refresh_ns = h->pulling.refresh_ns,
                           .n_consumers = h->n_consumers,
                           .consumers = h->pulling.consumers};
    struct window_out out;

    for (size_t i = 0; i < h->n_consumers; i++)
        gather_consumer_numbers(h, i, &h->pulling.consumers[i]);
    window_compute(&in, &out, h->pulling.out);
    windows_apply(h, &out);
    int64_t at_ns = start_ns < out.wake_ns ? start_ns : out.wake_ns;
    if (at_ns != WINDOW_NEVER && (!loop_timer_armed(wake) || wake->at_ns != at_ns))
        loop_arm(h->loop, wake, at_ns);
}
