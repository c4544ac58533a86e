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
 * Changes take time; units_step() goes on with them.
 */
#include "daemon_private.h"
#include "generation.h"

#include "base/log.h"
#include "worker/worker.h"

#include <string.h>

static struct unit *find(const struct daemon *d, const char *name)
{
    list_for_each(node, &d->units)
    {
        struct unit *u = container_of(node, struct unit, node);
        if (unit_counts(u) && strcmp(unit_config(u)->name, name) == 0)
            return u;
    }
    return NULL;
}

static ssize_t index_of(const struct generation *g, const char *name)
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
        if (clusters_find(d, was.generation, names->items[k]) != clusters_find(d, is.generation, names->items[k]))
            return false;
    return true;
}

static enum config_change change_of(const struct daemon *d, struct form was, struct form is)
{
    enum config_change change = config_handler_change(form_config(was), form_config(is));
    if (change == CHANGE_CONSUMER || !clusters_same(d, was, is))
        return CHANGE_CONSUMER;
    return image_same(&was.generation->images[was.index], &is.generation->images[is.index]) ? change : CHANGE_WORKERS;
}

/* It was removed a moment ago, and what ran then is not done yet. */
static void wait_for_leaving(struct unit *u)
{
    list_for_each(node, &u->daemon->units)
    {
        struct unit *o = container_of(node, struct unit, node);
        if (o != u && o->leaving && unit_alone(u) && strcmp(unit_config(o)->name, unit_config(u)->name) == 0)
            u->predecessor = o;
    }
    if (u->predecessor)
        handler_wait(u->handler, true);
}

static void add(struct daemon *d, struct generation *g, size_t i)
{
    struct error err = {0};
    const char *name = g->config->handlers[i].name;
    struct unit *u = unit_create(d, g, i, &err);
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
    list_for_each_safe(node, &d->units)
    {
        struct unit *u = container_of(node, struct unit, node);
        if (u->gone)
            unit_destroy(u);
    }
}

/* Whether it is becoming just that: however often somebody asks for another reading, it gets there. */
static bool is_under_way(const struct unit *u, struct form f)
{
    const struct unit *next = u->successor;
    if (u->renewing.generation)
        return change_of(u->daemon, u->renewing, f) == CHANGE_NONE;
    return next && change_of(u->daemon, next->form, f) == CHANGE_NONE;
}

static void adopt_one(struct daemon *d, struct generation *g, size_t i)
{
    const char *name = g->config->handlers[i].name;
    struct unit *u = find(d, name);

    if (g->refused[i].code) {
        if (u)
            unit_call_off(u);
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
    unit_call_off(u);
    switch (change_of(d, u->form, (struct form){g, i})) {
    case CHANGE_NONE: return;
    case CHANGE_WORKERS: unit_renew(u, g, i); return;
    case CHANGE_CONSUMER: unit_replace(u, g, i); return;
    }
}

/* What runs by a link that leads nowhere now goes on. */
static bool refuse_dangling(struct unit *u, const struct generation *g)
{
    const char *path = unit_config(u)->plugin_path;
    struct error err = {0};

    if (!path || !generation_dangling(g, path, &err))
        return false;
    unit_call_off(u);
    reload_tell(u->daemon, unit_config(u)->name, "refused", err.text);
    return true;
}

static bool any_runs_by(const struct daemon *d, const char *path)
{
    list_for_each(node, &d->units)
    {
        const struct unit *u = container_of(node, struct unit, node);
        if (unit_counts(u) && unit_config(u)->plugin_path && strcmp(unit_config(u)->plugin_path, path) == 0)
            return true;
    }
    return false;
}

static void warn_of_dangling(const struct daemon *d, const struct generation *g)
{
    for (size_t i = 0; i < g->config->dangling.n; i++) {
        const char *path = g->config->dangling.items[i];
        struct error err = {0};
        if (!any_runs_by(d, path) && worker_lost_link(path, &err))
            log_warn("plugin-skipped", LOG_STR("msg", err.text));
    }
}

int units_open(struct daemon *d, struct error *err)
{
    struct generation *g = d->generation;
    warn_of_dangling(d, g);
    for (size_t i = 0; i < g->config->n_handlers; i++) {
        const struct config_handler *c = &g->config->handlers[i];
        if (c->enabled && g->refused[i].code)
            log_error("plugin-refused", LOG_STR("handler", c->name), LOG_STR("msg", g->refused[i].text));
        else if (c->enabled && !unit_create(d, g, i, err))
            return err->code;
    }
    return 0;
}

void units_adopt(struct daemon *d, struct generation *g)
{
    list_for_each_safe(node, &d->units)
    {
        struct unit *u = container_of(node, struct unit, node);
        if (!unit_counts(u))
            continue;
        ssize_t i = index_of(g, unit_config(u)->name);
        if (i >= 0 ? g->config->handlers[i].enabled : refuse_dangling(u, g))
            continue;
        reload_tell(d, unit_config(u)->name, "removed", i >= 0 ? "enabled = no" : "");
        unit_dismiss(u);
    }
    for (size_t i = 0; i < g->config->n_handlers; i++)
        adopt_one(d, g, i);
    warn_of_dangling(d, g);
    sweep(d);
}

/* ---- all of them --------------------------------------------------------------------------------------- */

bool units_step(struct daemon *d)
{
    bool more = false;
    list_for_each(node, &d->units) more = unit_step(container_of(node, struct unit, node)) || more;
    sweep(d);
    return more;
}

bool units_changing(const struct daemon *d)
{
    list_for_each(node, &d->units)
    {
        const struct unit *u = container_of(node, struct unit, node);
        if (u->renewing.generation || u->successor)
            return true;
    }
    return false;
}

bool units_use(const struct daemon *d, const struct cluster *c)
{
    list_for_each(node, &d->units)
    {
        const struct unit *u = container_of(node, struct unit, node);
        if (handler_uses(u->handler, c->link))
            return true;
    }
    return false;
}

void units_drain(struct daemon *d)
{
    list_for_each_safe(node, &d->units)
        handler_drain(container_of(node, struct unit, node)->handler, d->drain_until_ns);
}

bool units_drained(const struct daemon *d)
{
    list_for_each(node, &d->units)
    {
        if (!handler_drained(container_of(node, struct unit, node)->handler))
            return false;
    }
    return true;
}

void units_destroy(struct daemon *d)
{
    while (!list_empty(&d->units))
        unit_destroy(container_of(d->units.next, struct unit, node));
}
