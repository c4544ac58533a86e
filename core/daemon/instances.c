/* SPDX-License-Identifier: Apache-2.0
 *
 * units - all handlers at work, and what another reading of the configuration makes of each:
 *
 *     added     it was not there
 *     renewed   other workers (a new file, other options): they relieve the old ones in place
 *     replaced  another consumer or cluster: a successor starts and, when it is ready, the old one drains
 *     removed   it drains
 *     refused   its new form does not work: the old one goes on, if there is one
 *
 * Changes take time; instances_step() goes on with them.
 */
#include "daemon_private.h"
#include "config_snapshot.h"

#include "base/log.h"
#include "worker/probe.h"

#include <string.h>

static struct instance *find(const struct daemon *d, const char *name)
{
    list_for_each(node, &d->instances)
    {
        struct instance *u = container_of(node, struct instance, node);
        if (instance_counts(u) && strcmp(instance_config(u)->name, name) == 0)
            return u;
    }
    return NULL;
}

static ssize_t index_of(const struct config_snapshot *g, const char *name)
{
    for (size_t i = 0; i < g->config->n_handlers; i++)
        if (strcmp(g->config->handlers[i].name, name) == 0)
            return (ssize_t)i;
    return -1;
}

static bool clusters_same(const struct daemon *d, struct form was, struct form is)
{
    const struct strv *names = &form_config(was)->clusters;
    for (size_t k = 0; k < names->n; k++)
        if (clusters_find(d, was.snapshot, names->items[k]) != clusters_find(d, is.snapshot, names->items[k]))
            return false;
    return true;
}

static enum config_change change_of(const struct daemon *d, struct form was, struct form is)
{
    enum config_change change = config_handler_change(form_config(was), form_config(is));
    if (change == CHANGE_CONSUMER || !clusters_same(d, was, is))
        return CHANGE_CONSUMER;
    return image_same(&was.snapshot->images[was.index], &is.snapshot->images[is.index]) ? change : CHANGE_WORKERS;
}

/* It was removed a moment ago, and what ran then is not done yet. */
static void wait_for_leaving(struct instance *u)
{
    list_for_each(node, &u->daemon->instances)
    {
        struct instance *o = container_of(node, struct instance, node);
        if (o != u && o->leaving && instance_alone(u) &&
            strcmp(instance_config(o)->name, instance_config(u)->name) == 0)
            u->predecessor = o;
    }
    if (u->predecessor)
        handler_wait(u->handler, true);
}

static void add(struct daemon *d, struct config_snapshot *g, size_t i)
{
    struct error err = {0};
    const char *name = g->config->handlers[i].name;
    struct instance *u = instance_create(d, g, i, &err);
    if (u)
        wait_for_leaving(u);
    if (u)
        reload_tell(d, name, "added", g->plugins[i].version);
    else
        reload_tell(d, name, "refused", err.text);
}

/* Not freed while the list of units is being walked. */
static void sweep(struct daemon *d)
{
    list_for_each_safe(node, &d->instances)
    {
        struct instance *u = container_of(node, struct instance, node);
        if (u->gone)
            instance_destroy(u);
    }
}

/* Whether it is becoming just that: however often somebody asks for another reading, it gets there. */
static bool is_under_way(const struct instance *u, struct form f)
{
    const struct instance *next = u->successor;
    if (u->renewing.snapshot)
        return change_of(u->daemon, u->renewing, f) == CHANGE_NONE;
    return next && change_of(u->daemon, next->form, f) == CHANGE_NONE;
}

static void adopt_one(struct daemon *d, struct config_snapshot *g, size_t i)
{
    const char *name = g->config->handlers[i].name;
    struct instance *u = find(d, name);

    if (g->refused[i].code) {
        if (u)
            instance_call_off(u);
        reload_tell(d, name, "refused", g->refused[i].text);
        return;
    }
    if (!g->config->handlers[i].enabled)
        return;
    if (!u) {
        add(d, g, i);
        return;
    }
    if (is_under_way(u, (struct form){g, i}))
        return;
    instance_call_off(u);
    switch (change_of(d, u->form, (struct form){g, i})) {
    case CHANGE_NONE: return;
    case CHANGE_WORKERS: instance_renew(u, g, i); return;
    case CHANGE_CONSUMER: instance_replace(u, g, i); return;
    }
}

/* What runs by a link that leads nowhere now goes on. */
static bool refuse_dangling(struct instance *u, const struct config_snapshot *g)
{
    const char *path = instance_config(u)->plugin_path;
    struct error err = {0};

    if (!path || !config_snapshot_dangling(g, path, &err))
        return false;
    instance_call_off(u);
    reload_tell(u->daemon, instance_config(u)->name, "refused", err.text);
    return true;
}

static bool any_runs_by(const struct daemon *d, const char *path)
{
    list_for_each(node, &d->instances)
    {
        const struct instance *u = container_of(node, struct instance, node);
        if (instance_counts(u) && instance_config(u)->plugin_path && strcmp(instance_config(u)->plugin_path, path) == 0)
            return true;
    }
    return false;
}

static void warn_of_dangling(const struct daemon *d, const struct config_snapshot *g)
{
    for (size_t i = 0; i < g->config->dangling.n; i++) {
        const char *path = g->config->dangling.items[i];
        struct error err = {0};
        if (!any_runs_by(d, path) && worker_dangling_link(path, &err))
            log_warn("plugin-skipped", LOG_STR("msg", err.text));
    }
}

int instances_open(struct daemon *d, struct error *err)
{
    struct config_snapshot *g = d->snapshot;
    warn_of_dangling(d, g);
    for (size_t i = 0; i < g->config->n_handlers; i++) {
        const struct config_handler *c = &g->config->handlers[i];
        if (c->enabled && g->refused[i].code)
            log_error("plugin-refused", LOG_STR("handler", c->name), LOG_STR("msg", g->refused[i].text));
        else if (c->enabled && !instance_create(d, g, i, err))
            return err->code;
    }
    return 0;
}

void instances_adopt(struct daemon *d, struct config_snapshot *g)
{
    list_for_each_safe(node, &d->instances)
    {
        struct instance *u = container_of(node, struct instance, node);
        if (!instance_counts(u))
            continue;
        ssize_t i = index_of(g, instance_config(u)->name);
        if (i >= 0 ? g->config->handlers[i].enabled : refuse_dangling(u, g))
            continue;
        reload_tell(d, instance_config(u)->name, "removed", i >= 0 ? "enabled = no" : "");
        instance_dismiss(u);
    }
    for (size_t i = 0; i < g->config->n_handlers; i++)
        adopt_one(d, g, i);
    warn_of_dangling(d, g);
    sweep(d);
}

/* ---- all of them --------------------------------------------------------------------------------------- */

bool instances_step(struct daemon *d)
{
    bool more = false;
    list_for_each(node, &d->instances) more = instance_step(container_of(node, struct instance, node)) || more;
    sweep(d);
    return more;
}

bool instances_changing(const struct daemon *d)
{
    list_for_each(node, &d->instances)
    {
        const struct instance *u = container_of(node, struct instance, node);
        if (u->renewing.snapshot || u->successor)
            return true;
    }
    return false;
}

bool instances_use(const struct daemon *d, const struct cluster *c)
{
    list_for_each(node, &d->instances)
    {
        const struct instance *u = container_of(node, struct instance, node);
        if (handler_uses(u->handler, c->connection))
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
