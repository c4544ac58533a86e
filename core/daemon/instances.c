/* SPDX-License-Identifier: Apache-2.0
 *
 * instances - all handler instances, and how a new configuration snapshot changes each of them:
 *
 *     added     the handler did not exist
 *     renewed   rolling restart: only workers differ (a new file, other options), consumers stay
 *     replaced  the consumer or a cluster differs: a successor starts and, when it is ready, this one drains
 *     removed   the instance drains
 *     refused   the new plugin or configuration does not work: the running instance, if any, continues
 *
 * Changes take time: instances_advance() is called until it returns false.
 */
#include "daemon_private.h"
#include "config_snapshot.h"

#include "base/log.h"
#include "worker/probe.h"

#include <string.h>

static struct instance *find_instance(const struct daemon *d, const char *name)
{
    list_for_each(node, &d->instances)
    {
        struct instance *instance = container_of(node, struct instance, node);
        if (instance_is_current(instance) && strcmp(instance_config(instance)->name, name) == 0)
            return instance;
    }
    return NULL;
}

static ssize_t handler_index(const struct config_snapshot *snapshot, const char *name)
{
    for (size_t i = 0; i < snapshot->config->n_handlers; i++)
        if (strcmp(snapshot->config->handlers[i].name, name) == 0)
            return (ssize_t)i;
    return -1;
}

static bool same_clusters(const struct daemon *d, struct config_ref was, struct config_ref is)
{
    const struct strv *names = &config_ref_handler(was)->clusters;
    for (size_t k = 0; k < names->n; k++)
        if (clusters_find(d, was.snapshot, names->items[k]) != clusters_find(d, is.snapshot, names->items[k]))
            return false;
    return true;
}

static enum config_change change_between(const struct daemon *d, struct config_ref was, struct config_ref is)
{
    enum config_change change = config_handler_change(config_ref_handler(was), config_ref_handler(is));
    if (change == CHANGE_CONSUMER || !same_clusters(d, was, is))
        return CHANGE_CONSUMER;
    return image_same(&was.snapshot->images[was.index], &is.snapshot->images[is.index]) ? change : CHANGE_WORKERS;
}

/* If a handler was removed and added again, its former instance may still drain: an exclusive one waits for the end. */
static void wait_for_draining(struct instance *instance)
{
    list_for_each(node, &instance->daemon->instances)
    {
        struct instance *o = container_of(node, struct instance, node);
        if (o != instance && o->state == INSTANCE_DRAINING && instance_is_exclusive(instance) &&
            strcmp(instance_config(o)->name, instance_config(instance)->name) == 0)
            instance->predecessor = o;
    }
    if (instance->predecessor)
        handler_set_standby(instance->handler, true);
}

static void add_instance(struct daemon *d, struct config_snapshot *snapshot, size_t i)
{
    struct error err = {0};
    const char *name = snapshot->config->handlers[i].name;
    struct instance *instance = instance_create(d, (struct config_ref){snapshot, i}, &err);
    if (!instance) {
        reload_record(d, name, "refused", err.text);
        return;
    }
    wait_for_draining(instance);
    reload_record(d, name, "added", snapshot->plugins[i].version);
}

/* Instances end while the list is walked, and are destroyed afterwards. */
static void destroy_ended(struct daemon *d)
{
    list_for_each_safe(node, &d->instances)
    {
        struct instance *instance = container_of(node, struct instance, node);
        if (instance->state == INSTANCE_ENDED)
            instance_destroy(instance);
    }
}

/* True if the change that is under way leads to `to`: a repeated reload must not start it over. */
static bool is_becoming(const struct instance *instance, struct config_ref to)
{
    const struct instance *next = instance->successor;
    if (instance->restart_target.snapshot)
        return change_between(instance->daemon, instance->restart_target, to) == CHANGE_NONE;
    return next && change_between(instance->daemon, next->config, to) == CHANGE_NONE;
}

static void apply_to_handler(struct daemon *d, struct config_snapshot *snapshot, size_t i)
{
    const char *name = snapshot->config->handlers[i].name;
    struct instance *instance = find_instance(d, name);

    if (snapshot->refused[i].code) {
        if (instance)
            instance_cancel_change(instance);
        reload_record(d, name, "refused", snapshot->refused[i].text);
        return;
    }
    if (!snapshot->config->handlers[i].enabled)
        return;
    if (!instance) {
        add_instance(d, snapshot, i);
        return;
    }
    struct config_ref to = {snapshot, i};
    if (is_becoming(instance, to))
        return;
    instance_cancel_change(instance);
    switch (change_between(d, instance->config, to)) {
    case CHANGE_NONE: return;
    case CHANGE_WORKERS: instance_restart_workers(instance, to); return;
    case CHANGE_CONSUMER: instance_replace(instance, to); return;
    }
}

/* True if the plugin's path is now a link without a target: the instance continues with its present file. */
static bool refuse_dangling(struct instance *instance, const struct config_snapshot *snapshot)
{
    const char *path = instance_config(instance)->plugin_path;
    struct error err = {0};

    if (!path || !config_snapshot_has_dangling_link(snapshot, path, &err))
        return false;
    instance_cancel_change(instance);
    reload_record(instance->daemon, instance_config(instance)->name, "refused", err.text);
    return true;
}

static bool any_instance_uses_path(const struct daemon *d, const char *path)
{
    list_for_each(node, &d->instances)
    {
        const struct instance *instance = container_of(node, struct instance, node);
        const char *its = instance_config(instance)->plugin_path;
        if (instance_is_current(instance) && its && strcmp(its, path) == 0)
            return true;
    }
    return false;
}

static void warn_dangling_links(const struct daemon *d, const struct config_snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->config->dangling.n; i++) {
        const char *path = snapshot->config->dangling.items[i];
        struct error err = {0};
        if (!any_instance_uses_path(d, path) && worker_dangling_link(path, &err))
            log_warn("plugin-skipped", LOG_STR("msg", err.text));
    }
}

int instances_open(struct daemon *d, struct error *err)
{
    struct config_snapshot *snapshot = d->snapshot;
    warn_dangling_links(d, snapshot);
    for (size_t i = 0; i < snapshot->config->n_handlers; i++) {
        const struct config_handler *c = &snapshot->config->handlers[i];
        if (c->enabled && snapshot->refused[i].code)
            log_error("plugin-refused", LOG_STR("handler", c->name), LOG_STR("msg", snapshot->refused[i].text));
        else if (c->enabled && !instance_create(d, (struct config_ref){snapshot, i}, err))
            return err->code;
    }
    return 0;
}

void instances_apply(struct daemon *d, struct config_snapshot *snapshot)
{
    list_for_each_safe(node, &d->instances)
    {
        struct instance *instance = container_of(node, struct instance, node);
        if (!instance_is_current(instance))
            continue;
        ssize_t i = handler_index(snapshot, instance_config(instance)->name);
        if (i >= 0 ? snapshot->config->handlers[i].enabled : refuse_dangling(instance, snapshot))
            continue;
        reload_record(d, instance_config(instance)->name, "removed", i >= 0 ? "enabled = no" : "");
        instance_drain(instance);
    }
    for (size_t i = 0; i < snapshot->config->n_handlers; i++)
        apply_to_handler(d, snapshot, i);
    warn_dangling_links(d, snapshot);
    destroy_ended(d);
}

/* ---- all instances --------------------------------------------------------------------------------------- */

bool instances_advance(struct daemon *d)
{
    bool more = false;
    list_for_each(node, &d->instances) more = instance_advance(container_of(node, struct instance, node)) || more;
    destroy_ended(d);
    return more;
}

bool instances_changing(const struct daemon *d)
{
    list_for_each(node, &d->instances)
    {
        const struct instance *instance = container_of(node, struct instance, node);
        if (instance_is_changing(instance))
            return true;
    }
    return false;
}

bool instances_use_cluster(const struct daemon *d, const struct cluster *c)
{
    list_for_each(node, &d->instances)
    {
        const struct instance *instance = container_of(node, struct instance, node);
        if (handler_uses(instance->handler, c->connection))
            return true;
    }
    return false;
}

void instances_drain(struct daemon *d)
{
    list_for_each_safe(node, &d->instances)
        handler_drain(container_of(node, struct instance, node)->handler, d->drain_until_ns);
}

bool instances_drained(const struct daemon *d)
{
    list_for_each(node, &d->instances)
    {
        if (!handler_drained(container_of(node, struct instance, node)->handler))
            return false;
    }
    return true;
}

void instances_destroy(struct daemon *d)
{
    while (!list_empty(&d->instances))
        instance_destroy(container_of(d->instances.next, struct instance, node));
}
