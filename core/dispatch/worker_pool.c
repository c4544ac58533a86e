/* SPDX-License-Identifier: Apache-2.0
 *
 * worker_pool - the workers of a handler, and their rolling restart.
 *
 * A new pool starts beside the serving pool. When all of its workers are ready it gets the messages, also those that
 * the old pool has not started; the old pool finishes its running messages. If a new worker fails to start, the new
 * pool is freed and the old one goes on. Consumers, leases, attempts and order are not affected.
 */
#include "handler_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STREAM_MAX 256

/* ---- creation and end ---------------------------------------------------------------- */

static int workers_create(struct worker_pool *pool, const struct worker_config *base, struct error *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < pool->n; i++) {
        struct slot *slot = &pool->slots[i];
        struct worker_config w = *base;
        w.index = slot->index = (unsigned)i;
        slot->handler = pool->handler;
        slot->pool = pool;
        list_init(&slot->running);
        rc = worker_create(&slot->worker, pool->handler->loop, &w, &handler_worker_callbacks, slot, err);
    }
    return rc;
}

/* The settings that all workers of a pool share. The caller owns the arrays. */
static int worker_config_init(struct worker_config *w, const struct worker_pool_plan *plan,
                              struct worker_binding *bindings, char (*streams)[STREAM_MAX],
                              struct worker_option *options)
{
    const struct config_handler *c = plan->config;
    if (!bindings || !streams || !options)
        return -ENOMEM;
    for (size_t i = 0; i < c->clusters.n; i++) {
        config_stream_name(c, c->clusters.items[i], streams[i], STREAM_MAX);
        bindings[i] = (struct worker_binding){streams[i], c->durable, c->clusters.items[i]};
    }
    for (size_t i = 0; i < c->n_options; i++)
        options[i] = (struct worker_option){c->options[i].name, c->options[i].value};
    *w = (struct worker_config){
        .program = plan->program,
        .plugin = c->plugin_path,
        .image = plan->image && plan->image->fd >= 0 ? plan->image : NULL,
        .trust_any = plan->trust_any,
        .handler = c->name,
        .count = (unsigned)c->workers,
        .bindings = bindings,
        .n_bindings = c->clusters.n,
        .options = options,
        .n_options = c->n_options,
        .timeout_ns = c->timeout_ns,
        .batch_max = c->batch_max,
        .batch_linger_ns = c->batch_linger_ns,
        .max_messages = c->max_messages,
        .max_memory = c->max_memory,
    };
    return 0;
}

int worker_pool_create(struct worker_pool **ret, struct handler *h, const struct worker_pool_plan *plan,
                       struct error *err)
{
    const struct config_handler *c = plan->config;
    struct worker_binding *bindings = calloc(c->clusters.n, sizeof(*bindings));
    char(*streams)[STREAM_MAX] = calloc(c->clusters.n, STREAM_MAX);
    struct worker_option *options = calloc(c->n_options + 1, sizeof(*options));
    struct worker_pool *pool = calloc(1, sizeof(*pool));
    struct worker_config w;
    int rc = pool ? worker_config_init(&w, plan, bindings, streams, options) : -ENOMEM;

    if (rc == 0) {
        *pool = (struct worker_pool){.handler = h, .plan = *plan, .n = (size_t)c->workers};
        pool->slots = calloc(pool->n, sizeof(*pool->slots));
        rc = pool->slots ? 0 : -ENOMEM;
    }
    if (rc)
        error_set(err, rc, "handler %s: out of memory", c->name);
    else
        rc = workers_create(pool, &w, err);
    free(bindings);
    free(streams);
    free(options);
    if (rc)
        worker_pool_destroy(pool);
    else
        *ret = pool;
    return rc;
}

void worker_pool_start(struct worker_pool *pool)
{
    for (size_t i = 0; i < pool->n; i++)
        worker_start(pool->slots[i].worker);
}

void worker_pool_destroy(struct worker_pool *pool)
{
    if (!pool)
        return;
    for (size_t i = 0; pool->slots && i < pool->n; i++)
        worker_destroy(pool->slots[i].worker);
    free(pool->slots);
    free(pool->failure);
    free(pool);
}

/* ---- rolling restart ----------------------------------------------------------------------------- */

int handler_rolling_restart(struct handler *h, const struct worker_pool_plan *plan, struct error *err)
{
    if (phase_draining(h->phase) || h->next_pool)
        return error_set(err, -EBUSY, "handler %s: workers are not restarted: %s", h->config->name,
                         phase_draining(h->phase) ? "the handler is draining" : "a rolling restart is already running");
    int rc = worker_pool_create(&h->next_pool, h, plan, err);
    if (rc == 0)
        worker_pool_start(h->next_pool);
    return rc;
}

static void pool_retire(struct worker_pool *pool)
{
    for (size_t i = 0; i < pool->n; i++) {
        if (pool->slots[i].refused)
            pool->slots[i].ended = true;
        else
            worker_retire(pool->slots[i].worker, HANDLER_CLOSE_NS);
    }
}

static void next_pool_activate(struct handler *h)
{
    struct worker_pool *old = h->pool;

    h->pool = h->next_pool;
    h->next_pool = NULL;
    h->config = h->pool->plan.config;
    h->info = h->pool->plan.info;
    settle_set_config(h->settle, h->config, h->info->version);
    for (size_t i = 0; i < h->n_consumers; i++)
        consumer_set_config(h->consumers[i], h->config);
    for (size_t i = 0; h->key_queues && i < h->n_consumers; i++)
        key_queues_set_config(h->key_queues[i], h->config);
    list_push_back(&h->retired_pools, &old->node);
    pool_retire(old);
    handler_update_state(h);
}

enum rolling_restart handler_rolling_restart_step(struct handler *h, char *why, size_t size)
{
    struct worker_pool *next = h->next_pool;
    if (!next)
        return ROLLING_RESTART_NONE;
    if (next->failure) {
        snprintf(why, size, "%s", next->failure);
        worker_pool_destroy(next);
        h->next_pool = NULL;
        return ROLLING_RESTART_FAILED;
    }
    for (size_t i = 0; i < next->n; i++)
        if (!worker_ready(next->slots[i].worker))
            return ROLLING_RESTART_STARTING;
    next_pool_activate(h);
    return ROLLING_RESTART_DONE;
}

void handler_rolling_restart_cancel(struct handler *h)
{
    worker_pool_destroy(h->next_pool);
    h->next_pool = NULL;
}

void worker_pool_set_failure(struct worker_pool *pool, const char *why)
{
    if (!pool->failure && !(pool->failure = strdup(why)))
        abort();
}

bool worker_pool_ended(const struct worker_pool *pool)
{
    for (size_t i = 0; i < pool->n; i++)
        if (!pool->slots[i].ended)
            return false;
    return true;
}

void worker_pools_free_ended(struct handler *h)
{
    list_for_each_safe(node, &h->retired_pools)
    {
        struct worker_pool *pool = container_of(node, struct worker_pool, node);
        if (worker_pool_ended(pool)) {
            list_remove(node);
            worker_pool_destroy(pool);
        }
    }
}
