/* SPDX-License-Identifier: Apache-2.0
 *
 * units - the handlers at work, and what another reading of the configuration makes of each:
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

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUCCESSOR_NS (30 * NS_PER_SEC)

static const struct config_handler *config_of(const struct unit *u)
{
    return &u->generation->config->handlers[u->index];
}

bool unit_wanted(const struct generation *g, size_t i)
{
    return g->config->handlers[i].enabled && !g->refused[i].code;
}

bool unit_counts(const struct unit *u)
{
    return !u->leaving && !u->gone && (!u->predecessor || u->predecessor->leaving);
}

static struct crew_plan plan_of(const struct generation *g, size_t i)
{
    return (struct crew_plan){.program = g->worker,
                              .config = &g->config->handlers[i],
                              .info = &g->plugins[i],
                              .image = &g->images[i],
                              .trust_any = g->trust_any};
}

/* ---- state of a handler -------------------------------------------------------------------- */

/* Of the first cluster that is ready. */
static const char *ready_stream(const struct handler *h)
{
    size_t i = 0;
    while (i + 1 < handler_n_consumers(h) && !consumer_ready(handler_consumer(h, i)))
        i++;
    return consumer_stream(handler_consumer(h, i));
}

static void on_handler_state(void *data, struct handler *h)
{
    struct unit *u = data;
    struct daemon *d = u->daemon;
    const char *name = handler_config(h)->name;

    if (!unit_counts(u))
        return;
    if (handler_ready(h))
        log_info("handler-ready", LOG_STR("handler", name), LOG_STR("stream", ready_stream(h)),
                 LOG_STR("consumer", handler_config(h)->durable), LOG_UINT("workers", handler_n_workers(h)));
    else if (!d->draining)
        log_warn("handler-not-ready", LOG_STR("handler", name), LOG_STR("msg", handler_reason(h)));
    daemon_look_ready(d);
}

/* ---- beginning and end ------------------------------------------------------------------------ */

/* Not one that is open only until the last handler of an earlier reading has left it. */
static bool is_current(const struct unit *u, const struct cluster *c)
{
    const char *name = c->config->name;
    return config_find_cluster(u->generation->config, name) && clusters_find(u->daemon, u->generation, name) == c;
}

static int add_consumer(struct unit *u, const char *name, struct error *err)
{
    struct daemon *d = u->daemon;
    struct cluster *home = clusters_find(d, u->generation, name);
    int rc = handler_add_consumer(u->handler, home->api, home->config, d->n_consumers++, err);

    if (!home->config->domain)
        return rc;
    list_for_each(node, &d->clusters)
    {
        const struct cluster *other = container_of(node, struct cluster, node);
        bool another =
            other->config->domain && strcmp(other->config->domain, home->config->domain) != 0 && is_current(u, other);
        if (rc == 0 && another)
            rc = handler_add_route(u->handler, other->api);
    }
    return rc;
}

static void forget_formers(struct unit *u)
{
    for (size_t i = 0; i < u->n_formers; i++)
        generation_unref(u->formers[i]);
    free(u->formers);
    u->formers = NULL;
    u->n_formers = 0;
}

static void destroy(struct unit *u)
{
    list_remove(&u->node);
    handler_destroy(u->handler);
    generation_unref(u->generation);
    generation_unref(u->renewing);
    forget_formers(u);
    free(u);
}

/* Not freed while the list of units is being walked. */
static void sweep(struct daemon *d)
{
    list_for_each_safe(node, &d->units)
    {
        struct unit *u = container_of(node, struct unit, node);
        if (u->gone)
            destroy(u);
    }
}

static void drop_successor(struct unit *u)
{
    if (!u->successor)
        return;
    u->successor->predecessor = NULL;
    u->successor->gone = true;
    u->successor = NULL;
}

static struct unit *create(struct daemon *d, struct generation *g, size_t i, struct error *err)
{
    static const struct handler_callbacks callbacks = {.on_state = on_handler_state};
    const struct config_handler *c = &g->config->handlers[i];
    struct crew_plan plan = plan_of(g, i);
    struct unit *u = calloc(1, sizeof(*u));
    if (!u) {
        error_set(err, -ENOMEM, "handler %s: out of memory", c->name);
        return NULL;
    }
    *u = (struct unit){.daemon = d, .generation = generation_ref(g), .index = i};
    list_push_back(&d->units, &u->node);
    int rc = handler_create(&u->handler, d->loop, &plan, &callbacks, u, err);
    for (size_t k = 0; rc == 0 && k < c->clusters.n; k++)
        rc = add_consumer(u, c->clusters.items[k], err);
    if (rc == 0)
        return u;
    destroy(u);
    return NULL;
}

static void dismiss(struct unit *u)
{
    struct daemon *d = u->daemon;
    drop_successor(u);
    u->leaving = true;
    u->leave_until_ns = loop_now_ns(d->loop) + d->generation->config->drain_timeout_ns;
    handler_drain(u->handler, u->leave_until_ns);
}

/* Order, and one acknowledgement for many, hold for one handler at a time. */
static bool alone(const struct unit *u)
{
    return config_of(u)->ordering != ORDERING_NONE || config_of(u)->ack == ACK_CUMULATIVE;
}

/* ---- adopting ------------------------------------------------------------------------------------ */

static struct unit *find(const struct daemon *d, const char *name)
{
    list_for_each(node, &d->units)
    {
        struct unit *u = container_of(node, struct unit, node);
        if (unit_counts(u) && strcmp(config_of(u)->name, name) == 0)
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

/* A handler by one reading: where it stands in it. */
struct form {
    const struct generation *generation;
    size_t index;
};

static const struct config_handler *config_at(struct form f)
{
    return &f.generation->config->handlers[f.index];
}

static bool clusters_same(const struct daemon *d, struct form was, struct form is)
{
    const struct strv *names = &config_at(was)->clusters;
    for (size_t k = 0; k < names->n; k++)
        if (clusters_find(d, was.generation, names->items[k]) != clusters_find(d, is.generation, names->items[k]))
            return false;
    return true;
}

static enum config_change change_of(const struct daemon *d, struct form was, struct form is)
{
    enum config_change change = config_handler_change(config_at(was), config_at(is));
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
        if (o != u && o->leaving && alone(u) && strcmp(config_of(o)->name, config_of(u)->name) == 0)
            u->predecessor = o;
    }
    if (u->predecessor)
        handler_wait(u->handler, true);
}

static void add(struct daemon *d, struct generation *g, size_t i)
{
    struct error err = {0};
    const char *name = g->config->handlers[i].name;
    struct unit *u = create(d, g, i, &err);
    if (u)
        wait_for_leaving(u);
    if (u)
        reload_tell(d, name, "added", g->plugins[i].version);
    else
        reload_tell(d, name, "refused", err.text);
}

static void renew(struct unit *u, struct generation *g, size_t i)
{
    struct error err = {0};
    struct crew_plan plan = plan_of(g, i);

    if (handler_renew(u->handler, &plan, &err)) {
        reload_tell(u->daemon, config_of(u)->name, "refused", err.text);
        return;
    }
    u->renewing = generation_ref(g);
    u->renewing_index = i;
}

static void replace(struct unit *u, struct generation *g, size_t i)
{
    struct error err = {0};
    struct unit *next = create(u->daemon, g, i, &err);
    if (!next) {
        reload_tell(u->daemon, config_of(u)->name, "refused", err.text);
        return;
    }
    handler_wait(next->handler, true);
    next->predecessor = u;
    next->give_up_ns = loop_now_ns(u->daemon->loop) + SUCCESSOR_NS;
    u->successor = next;
}

/* What an earlier reading has begun and not finished. */
static void call_off(struct unit *u)
{
    if (u->renewing)
        handler_keep(u->handler);
    generation_unref(u->renewing);
    u->renewing = NULL;
    drop_successor(u);
}

/* Whether it is becoming just that: however often somebody asks for another reading, it gets there. */
static bool is_under_way(const struct unit *u, struct form f)
{
    const struct unit *next = u->successor;
    if (u->renewing)
        return change_of(u->daemon, (struct form){u->renewing, u->renewing_index}, f) == CHANGE_NONE;
    return next && change_of(u->daemon, (struct form){next->generation, next->index}, f) == CHANGE_NONE;
}

static void adopt_one(struct daemon *d, struct generation *g, size_t i)
{
    const char *name = g->config->handlers[i].name;
    struct unit *u = find(d, name);

    if (g->refused[i].code) {
        if (u)
            call_off(u);
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
    call_off(u);
    switch (change_of(d, (struct form){u->generation, u->index}, (struct form){g, i})) {
    case CHANGE_NONE: return;
    case CHANGE_WORKERS: renew(u, g, i); return;
    case CHANGE_CONSUMER: replace(u, g, i); return;
    }
}

int units_open(struct daemon *d, struct error *err)
{
    struct generation *g = d->generation;
    for (size_t i = 0; i < g->config->n_handlers; i++) {
        const struct config_handler *c = &g->config->handlers[i];
        if (c->enabled && g->refused[i].code)
            log_error("plugin-refused", LOG_STR("handler", c->name), LOG_STR("msg", g->refused[i].text));
        else if (c->enabled && !create(d, g, i, err))
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
        ssize_t i = index_of(g, config_of(u)->name);
        if (i >= 0 && g->config->handlers[i].enabled)
            continue;
        reload_tell(d, config_of(u)->name, "removed", i >= 0 ? "enabled = no" : "");
        dismiss(u);
    }
    for (size_t i = 0; i < g->config->n_handlers; i++)
        adopt_one(d, g, i);
    sweep(d);
}

/* ---- going on ---------------------------------------------------------------------------------------- */

static void keep_former(struct unit *u, struct generation *g)
{
    struct generation **more = realloc(u->formers, (u->n_formers + 1) * sizeof(*more));
    if (!more)
        abort(); /* workers run by it */
    u->formers = more;
    more[u->n_formers++] = g;
}

static void step_renewal(struct unit *u)
{
    char why[512] = "";
    switch (handler_renewal(u->handler, why, sizeof(why))) {
    case RENEWAL_STARTING: return;
    case RENEWAL_DONE:
        keep_former(u, u->generation);
        u->generation = u->renewing;
        u->index = u->renewing_index;
        reload_tell(u->daemon, config_of(u)->name, "renewed", u->generation->plugins[u->index].version);
        break;
    case RENEWAL_NONE: /* called off by a drain */ generation_unref(u->renewing); break;
    case RENEWAL_FAILED:
        reload_tell(u->daemon, config_of(u)->name, "refused", why);
        generation_unref(u->renewing);
        break;
    }
    u->renewing = NULL;
}

static void take_over(struct unit *u)
{
    struct unit *next = u->successor;

    reload_tell(u->daemon, config_of(next)->name, "replaced", next->generation->plugins[next->index].version);
    u->successor = NULL;
    dismiss(u);
    if (!alone(next)) {
        next->predecessor = NULL;
        handler_wait(next->handler, false);
    }
}

static void step_successor(struct unit *u)
{
    struct unit *next = u->successor;
    const char *hopeless = handler_hopeless(next->handler);

    if (handler_ready(next->handler)) {
        take_over(u);
    } else if (hopeless || loop_now_ns(u->daemon->loop) >= next->give_up_ns) {
        reload_tell(u->daemon, config_of(next)->name, "refused", hopeless ? hopeless : handler_reason(next->handler));
        drop_successor(u);
    }
}

/* The one that waited for this one to leave begins. */
static void release(struct unit *u)
{
    list_for_each(node, &u->daemon->units)
    {
        struct unit *next = container_of(node, struct unit, node);
        if (next->predecessor == u) {
            next->predecessor = NULL;
            handler_wait(next->handler, false);
        }
    }
}

static bool step(struct unit *u)
{
    if (u->gone)
        return true;
    if (u->leaving) {
        if (u->predecessor) /* in their order */
            return true;
        bool late = loop_now_ns(u->daemon->loop) >= u->leave_until_ns;
        if (!late && !handler_drained(u->handler))
            return true;
        if (late)
            log_warn("drain-timeout", LOG_STR("handler", config_of(u)->name),
                     LOG_STR("msg", "some messages are unsettled: the server delivers them again after ack wait"));
        release(u);
        u->gone = true;
        return true;
    }
    if (u->renewing)
        step_renewal(u);
    if (u->successor)
        step_successor(u);
    if (u->n_formers && handler_relieved(u->handler))
        forget_formers(u);
    return u->renewing || u->successor || u->n_formers || u->predecessor;
}

bool units_step(struct daemon *d)
{
    bool more = false;
    list_for_each(node, &d->units) more = step(container_of(node, struct unit, node)) || more;
    sweep(d);
    return more;
}

bool units_changing(const struct daemon *d)
{
    list_for_each(node, &d->units)
    {
        const struct unit *u = container_of(node, struct unit, node);
        if (u->renewing || u->successor)
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

/* ---- all of them --------------------------------------------------------------------------------------- */

void units_drain(struct daemon *d)
{
    list_for_each_safe(node, &d->units)
    {
        struct unit *u = container_of(node, struct unit, node);
        if (!u->leaving)
            handler_drain(u->handler, d->drain_until_ns);
    }
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
        destroy(container_of(d->units.next, struct unit, node));
}
