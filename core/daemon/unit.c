/* SPDX-License-Identifier: Apache-2.0
 * unit - one handler at work: from its creation to its end, and the steps of the changes between. */
#include "daemon_private.h"
#include "generation.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SUCCESSOR_NS (30 * NS_PER_SEC)

const struct config_handler *form_config(struct form f)
{
    return &f.generation->config->handlers[f.index];
}

const struct config_handler *unit_config(const struct unit *u)
{
    return form_config(u->form);
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
    return config_find_cluster(u->form.generation->config, name) &&
           clusters_find(u->daemon, u->form.generation, name) == c;
}

static int add_consumer(struct unit *u, const char *name, struct error *err)
{
    struct daemon *d = u->daemon;
    struct cluster *home = clusters_find(d, u->form.generation, name);
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

void unit_destroy(struct unit *u)
{
    list_remove(&u->node);
    handler_destroy(u->handler);
    generation_unref(u->form.generation);
    generation_unref(u->renewing.generation);
    forget_formers(u);
    free(u);
}

static void drop_successor(struct unit *u)
{
    if (!u->successor)
        return;
    u->successor->predecessor = NULL;
    u->successor->gone = true;
    u->successor = NULL;
}

struct unit *unit_create(struct daemon *d, struct generation *g, size_t i, struct error *err)
{
    static const struct handler_callbacks callbacks = {.on_state = on_handler_state};
    const struct config_handler *c = &g->config->handlers[i];
    struct crew_plan plan = plan_of(g, i);
    struct unit *u = calloc(1, sizeof(*u));
    if (!u) {
        error_set(err, -ENOMEM, "handler %s: out of memory", c->name);
        return NULL;
    }
    *u = (struct unit){.daemon = d, .form = {generation_ref(g), i}};
    list_push_back(&d->units, &u->node);
    int rc = handler_create(&u->handler, d->loop, &plan, &callbacks, u, err);
    for (size_t k = 0; rc == 0 && k < c->clusters.n; k++)
        rc = add_consumer(u, c->clusters.items[k], err);
    if (rc == 0)
        return u;
    unit_destroy(u);
    return NULL;
}

void unit_dismiss(struct unit *u)
{
    struct daemon *d = u->daemon;
    drop_successor(u);
    u->leaving = true;
    /* The daemon lives on, so nothing ends before a message that has just begun. */
    u->settle_until_ns = loop_now_ns(d->loop) + d->generation->config->drain_timeout_ns;
    u->leave_until_ns = handler_dismiss(u->handler, u->settle_until_ns);
}

/* Order, and one acknowledgement for many, hold for one handler at a time. */
bool unit_alone(const struct unit *u)
{
    return unit_config(u)->ordering != ORDERING_NONE || unit_config(u)->ack == ACK_CUMULATIVE;
}

/* ---- changes ---------------------------------------------------------------------------------------- */

void unit_renew(struct unit *u, struct generation *g, size_t i)
{
    struct error err = {0};
    struct crew_plan plan = plan_of(g, i);

    if (handler_renew(u->handler, &plan, &err)) {
        reload_tell(u->daemon, unit_config(u)->name, "refused", err.text);
        return;
    }
    u->renewing = (struct form){generation_ref(g), i};
}

void unit_replace(struct unit *u, struct generation *g, size_t i)
{
    struct error err = {0};
    struct unit *next = unit_create(u->daemon, g, i, &err);
    if (!next) {
        reload_tell(u->daemon, unit_config(u)->name, "refused", err.text);
        return;
    }
    handler_wait(next->handler, true);
    next->predecessor = u;
    next->give_up_ns = loop_now_ns(u->daemon->loop) + SUCCESSOR_NS;
    u->successor = next;
}

/* What an earlier reading has begun and not finished. */
void unit_call_off(struct unit *u)
{
    if (u->renewing.generation)
        handler_keep(u->handler);
    generation_unref(u->renewing.generation);
    u->renewing = (struct form){0};
    drop_successor(u);
}

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
        keep_former(u, u->form.generation);
        u->form = u->renewing;
        reload_tell(u->daemon, unit_config(u)->name, "renewed", u->form.generation->plugins[u->form.index].version);
        break;
    case RENEWAL_NONE: /* called off by a drain */ generation_unref(u->renewing.generation); break;
    case RENEWAL_FAILED:
        reload_tell(u->daemon, unit_config(u)->name, "refused", why);
        generation_unref(u->renewing.generation);
        break;
    }
    u->renewing = (struct form){0};
}

static void take_over(struct unit *u)
{
    struct unit *next = u->successor;

    reload_tell(u->daemon, unit_config(next)->name, "replaced",
                next->form.generation->plugins[next->form.index].version);
    u->successor = NULL;
    unit_dismiss(u);
    if (!unit_alone(next)) {
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
        reload_tell(u->daemon, unit_config(next)->name, "refused", hopeless ? hopeless : handler_reason(next->handler));
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

bool unit_step(struct unit *u)
{
    if (u->gone)
        return true;
    if (u->leaving) {
        if (u->predecessor) /* in their order */
            return true;
        int64_t now = loop_now_ns(u->daemon->loop);
        bool late = now >= u->leave_until_ns || (now >= u->settle_until_ns && handler_workers_ended(u->handler));
        if (!late && !handler_drained(u->handler))
            return true;
        if (late)
            log_warn("drain-timeout", LOG_STR("handler", unit_config(u)->name),
                     LOG_STR("msg", "some messages are unsettled: the server delivers them again after ack wait"));
        release(u);
        u->gone = true;
        return true;
    }
    if (u->renewing.generation)
        step_renewal(u);
    if (u->successor)
        step_successor(u);
    if (u->n_formers && handler_relieved(u->handler))
        forget_formers(u);
    return u->renewing.generation || u->successor || u->n_formers || u->predecessor;
}
