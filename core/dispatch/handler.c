/* SPDX-License-Identifier: Apache-2.0
 * handler - creation, end and readiness of one handler, and its numbers for the admin pages. */
#include "handler_private.h"

#include "base/log.h"
#include "base/rfc3339.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char starting_reason[] = "workers are starting";

int handler_create(struct handler **ret, struct loop *loop, const struct worker_pool_plan *plan,
                   const struct handler_callbacks *callbacks, void *data, struct error *err)
{
    const struct config_handler *config = plan->config;
    struct handler *h = calloc(1, sizeof(*h));
    if (!h)
        return error_set(err, -ENOMEM, "handler %s: out of memory", config->name);
    h->loop = loop;
    h->config = config;
    h->info = plan->info;
    h->callbacks = *callbacks;
    h->data = data;
    list_init(&h->ready);
    list_init(&h->retired_pools);
    list_init(&h->hook.node);
    snprintf(h->worker_reason, sizeof(h->worker_reason), "%s", starting_reason);
    h->consumers = calloc(config->clusters.n, sizeof(struct consumer *));
    if (config->ordering != ORDERING_NONE)
        h->key_queues = calloc(config->clusters.n, sizeof(struct key_queues *));
    int rc = h->consumers && (h->key_queues || config->ordering == ORDERING_NONE) ? pulling_init(h) : -ENOMEM;
    if (rc == 0)
        rc = settle_create(&h->settle, loop, config, h->info->version,
                           &(struct settle_callbacks){.retry = feed_schedule_retry}, h);
    rc =
        rc ? error_set(err, rc, "handler %s: out of memory", config->name) : worker_pool_create(&h->pool, h, plan, err);
    if (rc) {
        handler_destroy(h);
        return rc;
    }
    worker_pool_start(h->pool);
    h->hook = (struct loop_hook){.order = LOOP_ORDER_DISPATCH, .run = feed_hook, .data = h};
    loop_add_hook(loop, &h->hook);
    h->push_retry = (struct loop_timer){.fire = feed_on_push_retry, .data = h};
    admission_init(h);
    *ret = h;
    return 0;
}

void handler_destroy(struct handler *h)
{
    if (!h)
        return;
    if (h->hook.run)
        loop_remove_hook(h->loop, &h->hook);
    loop_disarm(h->loop, &h->push_retry);
    loop_disarm(h->loop, &h->finish);
    pulling_finish(h);
    worker_pool_destroy(h->pool);
    worker_pool_destroy(h->next_pool);
    list_for_each_safe(node, &h->retired_pools) worker_pool_destroy(container_of(node, struct worker_pool, node));
    settle_destroy(h->settle);
    for (size_t i = 0; i < h->n_consumers; i++) {
        if (h->key_queues)
            key_queues_destroy(h->key_queues[i]);
        consumer_destroy(h->consumers[i]);
    }
    free(h->key_queues);
    free(h->consumers);
    free(h->stats.counters);
    buf_finish(&h->headers);
    free(h);
}

static void on_consumer_state(void *data, struct consumer *c)
{
    struct handler *h = data;
    const char *cluster = consumer_cluster(c)->name;

    if (consumer_verified(c))
        settle_resume(h->settle);
    if (h->config->clusters.n > 1 && !phase_draining(h->phase)) {
        if (consumer_ready(c))
            log_info("cluster-ready", LOG_STR("handler", h->config->name), LOG_STR("cluster", cluster),
                     LOG_STR("stream", consumer_stream(c)),
                     strcmp(cluster, consumer_via(c)) == 0 ? LOG_NONE : LOG_STR("via", consumer_via(c)));
        else
            log_warn("cluster-not-ready", LOG_STR("handler", h->config->name), LOG_STR("cluster", cluster),
                     LOG_STR("msg", consumer_reason(c)));
    }
    handler_update_state(h);
}

/* Writes why no consumer is ready; nothing if one is. */
static void explain_unready_consumers(const struct handler *h, char *out, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < h->n_consumers; i++)
        if (consumer_ready(h->consumers[i]))
            return;
    for (size_t i = 0; i < h->n_consumers && n < size; i++)
        n += (size_t)snprintf(out + n, size - n, "%s%s", i ? "; " : "", consumer_reason(h->consumers[i]));
}

static void on_order(void *data, struct consumer *c)
{
    struct handler *h = data;
    for (size_t i = 0; i < h->n_consumers; i++)
        if (h->consumers[i] == c)
            key_queues_set_in_order(h->key_queues[i], consumer_in_order(c));
}

static void on_left(void *data, struct message *m, bool for_good)
{
    (void)data;
    key_queue_note_left(m, for_good);
}

int handler_add_consumer(struct handler *h, struct requests *requests, const struct config_cluster *cluster,
                         unsigned index, struct error *err)
{
    static const struct consumer_callbacks callbacks = {
        .on_message = feed_add_message, .on_state = on_consumer_state, .on_order = on_order, .on_left = on_left};
    struct consumer *c;
    int rc = consumer_create(&c, h->loop, requests, h->config, cluster, index, &callbacks, h, err);
    if (rc)
        return rc;
    if (h->key_queues &&
        key_queues_create(&h->key_queues[h->n_consumers], h->config, consumer_in_order(c), &h->ready)) {
        consumer_destroy(c);
        return error_set(err, -ENOMEM, "handler %s: out of memory", h->config->name);
    }
    h->consumers[h->n_consumers++] = c;
    pulling_add_consumer(h, h->n_consumers - 1);
    /* The first reason is not reported, only changes of it are. */
    explain_unready_consumers(h, h->reason, sizeof(h->reason));
    return 0;
}

int handler_add_path(struct handler *h, struct requests *requests)
{
    return consumer_add_path(h->consumers[h->n_consumers - 1], requests);
}

void handler_connection_state(struct handler *h, const struct connection *connection, enum connection_state state,
                              const char *text)
{
    for (size_t i = 0; i < h->n_consumers; i++)
        consumer_connection_state(h->consumers[i], connection, state, text);
}

void handler_connection_error(struct handler *h, const struct connection *connection, const char *text)
{
    for (size_t i = 0; i < h->n_consumers; i++)
        consumer_server_error(h->consumers[i], connection, text);
}

void handler_set_standby(struct handler *h, bool standby)
{
    h->phase = phase_next(h->phase, standby ? PHASE_WAIT : PHASE_START);
    for (size_t i = 0; i < h->n_consumers; i++)
        consumer_set_pull_paused(h->consumers[i], standby);
}

const char *handler_standby_failure(const struct handler *h)
{
    return h->phase == PHASE_STANDBY_FAILED ? h->worker_reason : NULL;
}

bool handler_retired_pools_ended(struct handler *h)
{
    worker_pools_free_ended(h);
    return list_empty(&h->retired_pools);
}

/* ---- ready or not -------------------------------------------------------------------- */

static bool any_worker_ready(const struct handler *h)
{
    for (size_t i = 0; i < h->pool->n; i++)
        if (worker_ready(h->pool->slots[i].worker) || h->pool->slots[i].restarting)
            return true;
    return false;
}

void handler_update_state(struct handler *h)
{
    char reason[HANDLER_REASON_MAX] = "";

    if (phase_draining(h->phase))
        snprintf(reason, sizeof(reason), "draining");
    else if (!any_worker_ready(h))
        snprintf(reason, sizeof(reason), "no worker is ready: %.400s", h->worker_reason);
    else
        explain_unready_consumers(h, reason, sizeof(reason));
    if (strcmp(reason, h->reason) == 0 && h->is_ready == !reason[0])
        return;
    memcpy(h->reason, reason, sizeof(reason));
    h->is_ready = !reason[0];
    if (!phase_draining(h->phase) && !any_worker_ready(h) && strcmp(h->worker_reason, starting_reason) == 0)
        return; /* normal after a start: not reported */
    h->callbacks.on_state(h->data, h);
}

bool handler_ready(const struct handler *h)
{
    return h->is_ready;
}

const char *handler_reason(const struct handler *h)
{
    return h->reason;
}

/* ---- numbers and settings ----------------------------------------------------------- */

bool handler_uses(const struct handler *h, const struct connection *connection)
{
    for (size_t i = 0; i < h->n_consumers; i++)
        if (consumer_uses(h->consumers[i], connection))
            return true;
    return false;
}

const struct config_handler *handler_config(const struct handler *h)
{
    return h->config;
}

const struct plugin_info *handler_plugin(const struct handler *h)
{
    return h->info;
}

const struct handler_stats *handler_stats(const struct handler *h)
{
    return &h->stats;
}

/* Appends why the i-th consumer's key queues keep it from starting or pulling messages. */
static void note_key_queues(const struct handler *h, size_t i, struct buf *out)
{
    struct key_queues_stats s = handler_key_queues(h, i);
    const char *cluster = consumer_cluster(h->consumers[i])->name;

    if (!consumer_ready(h->consumers[i]))
        return;
    if (!consumer_in_order(h->consumers[i]))
        buf_printf(out, "; cluster %s: no message starts: waiting for %llu redeliveries of earlier messages", cluster,
                   (unsigned long long)s.awaited);
    else if (s.full)
        buf_printf(out,
                   "; cluster %s: not pulling: key \"%.64s\" has %zu messages in flight (key_max_in_flight = %lld)",
                   cluster, s.full, s.full_n, (long long)h->config->key_max_in_flight);
}

void handler_note(const struct handler *h, char *out, size_t size)
{
    struct buf notes = {0};

    if (handler_config(h)->shadow)
        buf_puts(&notes, "; shadow mode: outcomes and outputs have no effect");
    if (h->admission.breaker.open)
        buf_printf(&notes, "; breaker open: %s", h->admission.breaker.reason);
    for (size_t i = 0; i < h->n_consumers; i++)
        if (*consumer_filter_warning(h->consumers[i]))
            buf_printf(&notes, "; %s", consumer_filter_warning(h->consumers[i]));
    for (size_t i = 0; i < h->n_consumers; i++) {
        int64_t until_ns = consumer_paused_until_ns(h->consumers[i]);
        char until[RFC3339_SIZE];
        rfc3339_format(until_ns, RFC3339_NS, until);
        if (until_ns)
            buf_printf(&notes, "; paused on cluster %s until %s", consumer_cluster(h->consumers[i])->name, until);
    }
    for (size_t i = 0; h->key_queues && i < h->n_consumers; i++)
        note_key_queues(h, i, &notes);
    snprintf(out, size, "%s", notes.len && !notes.failed ? buf_str(&notes) + 2 : "");
    buf_finish(&notes);
}

struct key_queues_stats handler_key_queues(const struct handler *h, size_t i)
{
    if (!h->key_queues)
        return (struct key_queues_stats){0};
    struct key_queues_stats s = key_queues_stats(h->key_queues[i]);
    s.awaited = consumer_missing_redeliveries(h->consumers[i]);
    return s;
}

const struct breaker *handler_breaker(const struct handler *h)
{
    return &h->admission.breaker;
}

const struct settle_stats *handler_settle_stats(const struct handler *h)
{
    return settle_stats(h->settle);
}

size_t handler_n_consumers(const struct handler *h)
{
    return h->n_consumers;
}

struct consumer *handler_consumer(const struct handler *h, size_t i)
{
    return h->consumers[i];
}

bool handler_pulls_from(const struct handler *h, size_t i)
{
    return consumer_ready(h->consumers[i]) && consumer_window(h->consumers[i]) > 0;
}

size_t handler_n_workers(const struct handler *h)
{
    return h->pool->n;
}

const struct worker *handler_worker(const struct handler *h, size_t i)
{
    return h->pool->slots[i].worker;
}
