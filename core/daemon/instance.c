/* SPDX-License-Identifier: Apache-2.0
 * instance - one handler instance, from its creation to its end, and the steps of a change (daemon_private.h). */
#include "daemon_private.h"
#include "config_snapshot.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A successor that is not ready by then is refused. */
#define SUCCESSOR_NS (30 * NS_PER_SEC)

const struct config_handler *config_ref_handler(struct config_ref ref)
{
    return &ref.snapshot->config->handlers[ref.index];
}

const char *config_ref_version(struct config_ref ref)
{
    return ref.snapshot->plugins[ref.index].version;
}

const struct config_handler *instance_config(const struct instance *instance)
{
    return config_ref_handler(instance->config);
}

bool instance_is_current(const struct instance *instance)
{
    return instance->state == INSTANCE_RUNNING &&
           (!instance->predecessor || instance->predecessor->state == INSTANCE_DRAINING);
}

bool instance_is_exclusive(const struct instance *instance)
{
    return instance_config(instance)->ordering != ORDERING_NONE || instance_config(instance)->ack == ACK_CUMULATIVE;
}

bool instance_is_changing(const struct instance *instance)
{
    return instance->restart_target.snapshot || instance->successor;
}

static struct worker_pool_plan pool_plan(struct config_ref ref)
{
    return (struct worker_pool_plan){.program = ref.snapshot->worker,
                                     .config = config_ref_handler(ref),
                                     .info = &ref.snapshot->plugins[ref.index],
                                     .image = &ref.snapshot->images[ref.index],
                                     .trust_any = ref.snapshot->trust_any};
}

/* ---- state of the handler -------------------------------------------------------------------- */

/* The stream on the first cluster whose consumer is ready. */
static const char *ready_stream(const struct handler *h)
{
    size_t i = 0;
    while (i + 1 < handler_n_consumers(h) && !consumer_ready(handler_consumer(h, i)))
        i++;
    return consumer_stream(handler_consumer(h, i));
}

static void on_handler_state(void *data, struct handler *h)
{
    struct instance *instance = data;
    struct daemon *d = instance->daemon;
    const char *name = handler_config(h)->name;

    if (!instance_is_current(instance))
        return;
    if (handler_ready(h))
        log_info("handler-ready", LOG_STR("handler", name), LOG_STR("stream", ready_stream(h)),
                 LOG_STR("consumer", handler_config(h)->durable), LOG_UINT("workers", handler_n_workers(h)));
    else if (!d->draining)
        log_warn("handler-not-ready", LOG_STR("handler", name), LOG_STR("msg", handler_reason(h)));
    daemon_check_ready(d);
}

/* ---- creation and end ------------------------------------------------------------------------ */

/* False for a connection that stays open only for the handlers of an earlier configuration snapshot. */
static bool cluster_is_current(const struct instance *instance, const struct cluster *c)
{
    const struct config_snapshot *snapshot = instance->config.snapshot;
    const char *name = c->config->name;
    return config_find_cluster(snapshot->config, name) && clusters_find(instance->daemon, snapshot, name) == c;
}

static int add_consumer(struct instance *instance, const char *name, struct error *err)
{
    struct daemon *d = instance->daemon;
    struct cluster *home = clusters_find(d, instance->config.snapshot, name);
    int rc = handler_add_consumer(instance->handler, home->requests, home->config, d->n_consumers++, err);

    if (!home->config->domain)
        return rc;
    list_for_each(node, &d->clusters)
    {
        const struct cluster *other = container_of(node, struct cluster, node);
        bool in_mesh = other->config->domain && strcmp(other->config->domain, home->config->domain) != 0;
        if (rc == 0 && in_mesh && cluster_is_current(instance, other))
            rc = handler_add_path(instance->handler, other->requests);
    }
    return rc;
}

static void release_old_snapshots(struct instance *instance)
{
    for (size_t i = 0; i < instance->n_old_snapshots; i++)
        config_snapshot_unref(instance->old_snapshots[i]);
    free(instance->old_snapshots);
    instance->old_snapshots = NULL;
    instance->n_old_snapshots = 0;
}

void instance_destroy(struct instance *instance)
{
    list_remove(&instance->node);
    handler_destroy(instance->handler);
    config_snapshot_unref(instance->config.snapshot);
    config_snapshot_unref(instance->restart_target.snapshot);
    release_old_snapshots(instance);
    free(instance);
}

static void drop_successor(struct instance *instance)
{
    if (!instance->successor)
        return;
    instance->successor->predecessor = NULL;
    instance->successor->state = INSTANCE_ENDED;
    instance->successor = NULL;
}

struct instance *instance_create(struct daemon *d, struct config_ref ref, struct error *err)
{
    static const struct handler_callbacks callbacks = {.on_state = on_handler_state};
    const struct config_handler *c = config_ref_handler(ref);
    struct worker_pool_plan plan = pool_plan(ref);
    struct instance *instance = calloc(1, sizeof(*instance));
    if (!instance) {
        error_set(err, -ENOMEM, "handler %s: out of memory", c->name);
        return NULL;
    }
    config_snapshot_ref(ref.snapshot);
    *instance = (struct instance){.daemon = d, .config = ref, .state = INSTANCE_RUNNING};
    list_push_back(&d->instances, &instance->node);
    int rc = handler_create(&instance->handler, d->loop, &plan, &callbacks, instance, err);
    for (size_t k = 0; rc == 0 && k < c->clusters.n; k++)
        rc = add_consumer(instance, c->clusters.items[k], err);
    if (rc == 0)
        return instance;
    instance_destroy(instance);
    return NULL;
}

void instance_drain(struct instance *instance)
{
    struct daemon *d = instance->daemon;
    drop_successor(instance);
    instance->state = INSTANCE_DRAINING;
    /* The daemon continues to run, so a message that has just started gets its whole time. */
    instance->settle_until_ns = loop_now_ns(d->loop) + d->snapshot->config->drain_timeout_ns;
    instance->drain_until_ns = handler_drain_for_reload(instance->handler, instance->settle_until_ns);
}

/* ---- changes ---------------------------------------------------------------------------------------- */

void instance_restart_workers(struct instance *instance, struct config_ref to)
{
    struct error err = {0};
    struct worker_pool_plan plan = pool_plan(to);

    if (handler_rolling_restart(instance->handler, &plan, &err)) {
        reload_record(instance->daemon, instance_config(instance)->name, "refused", err.text);
        return;
    }
    config_snapshot_ref(to.snapshot);
    instance->restart_target = to;
}

void instance_replace(struct instance *instance, struct config_ref to)
{
    struct error err = {0};
    struct instance *next = instance_create(instance->daemon, to, &err);
    if (!next) {
        reload_record(instance->daemon, instance_config(instance)->name, "refused", err.text);
        return;
    }
    handler_set_standby(next->handler, true);
    next->predecessor = instance;
    next->ready_until_ns = loop_now_ns(instance->daemon->loop) + SUCCESSOR_NS;
    instance->successor = next;
}

void instance_cancel_change(struct instance *instance)
{
    if (instance->restart_target.snapshot)
        handler_rolling_restart_cancel(instance->handler);
    config_snapshot_unref(instance->restart_target.snapshot);
    instance->restart_target = (struct config_ref){0};
    drop_successor(instance);
}

static void add_old_snapshot(struct instance *instance, struct config_snapshot *snapshot)
{
    size_t n = instance->n_old_snapshots;
    struct config_snapshot **more = realloc(instance->old_snapshots, (n + 1) * sizeof(*more));
    if (!more)
        abort(); /* workers still use the snapshot, and without a place for it nobody would free it */
    instance->old_snapshots = more;
    more[instance->n_old_snapshots++] = snapshot;
}

static void advance_rolling_restart(struct instance *instance)
{
    char why[512] = "";
    const char *name = instance_config(instance)->name;

    switch (handler_rolling_restart_step(instance->handler, why, sizeof(why))) {
    case ROLLING_RESTART_STARTING: return;
    case ROLLING_RESTART_DONE:
        add_old_snapshot(instance, instance->config.snapshot);
        instance->config = instance->restart_target;
        reload_record(instance->daemon, instance_config(instance)->name, "renewed",
                      config_ref_version(instance->config));
        break;
    case ROLLING_RESTART_FAILED:
        reload_record(instance->daemon, name, "refused", why);
        config_snapshot_unref(instance->restart_target.snapshot);
        break;
    case ROLLING_RESTART_NONE: /* a drain has cancelled it */
        config_snapshot_unref(instance->restart_target.snapshot);
        break;
    }
    instance->restart_target = (struct config_ref){0};
}

static void hand_over_to_successor(struct instance *instance)
{
    struct instance *next = instance->successor;

    reload_record(instance->daemon, instance_config(next)->name, "replaced", config_ref_version(next->config));
    instance->successor = NULL;
    instance_drain(instance);
    if (!instance_is_exclusive(next)) {
        next->predecessor = NULL;
        handler_set_standby(next->handler, false);
    }
}

static void advance_successor(struct instance *instance)
{
    struct instance *next = instance->successor;
    const char *failed = handler_standby_failure(next->handler);

    if (handler_ready(next->handler)) {
        hand_over_to_successor(instance);
    } else if (failed || loop_now_ns(instance->daemon->loop) >= next->ready_until_ns) {
        reload_record(instance->daemon, instance_config(next)->name, "refused",
                      failed ? failed : handler_reason(next->handler));
        drop_successor(instance);
    }
}

/* Starts the pulls of the instances that waited for this one to end. */
static void release_waiting(struct instance *instance)
{
    list_for_each(node, &instance->daemon->instances)
    {
        struct instance *next = container_of(node, struct instance, node);
        if (next->predecessor == instance) {
            next->predecessor = NULL;
            handler_set_standby(next->handler, false);
        }
    }
}

static void advance_drain(struct instance *instance)
{
    if (instance->predecessor) /* instances of one handler end in the order of their creation */
        return;
    int64_t now = loop_now_ns(instance->daemon->loop);
    bool late = now >= instance->drain_until_ns ||
                (now >= instance->settle_until_ns && handler_workers_ended(instance->handler));
    if (!late && !handler_drained(instance->handler))
        return;
    if (late)
        log_warn("drain-timeout", LOG_STR("handler", instance_config(instance)->name),
                 LOG_STR("msg", "some messages are unsettled: the server delivers them again after ack wait"));
    release_waiting(instance);
    instance->state = INSTANCE_ENDED;
}

bool instance_advance(struct instance *instance)
{
    switch (instance->state) {
    case INSTANCE_ENDED: return true;
    case INSTANCE_DRAINING: advance_drain(instance); return true;
    case INSTANCE_RUNNING: break;
    }
    if (instance->restart_target.snapshot)
        advance_rolling_restart(instance);
    if (instance->successor)
        advance_successor(instance);
    if (instance->n_old_snapshots && handler_retired_pools_ended(instance->handler))
        release_old_snapshots(instance);
    return instance_is_changing(instance) || instance->n_old_snapshots || instance->predecessor;
}
