/* SPDX-License-Identifier: Apache-2.0
 * unit - one handler at work: from its creation to its end, and the steps of the changes between. */
#include "daemon_private.h"
#include "config_snapshot.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SUCCESSOR_NS (30 * NS_PER_SEC)

const struct config_handler *form_config(struct form f)
{
    return &f.snapshot->config->handlers[f.index];
}

const struct config_handler *instance_config(const struct instance *u)
{
    return form_config(u->form);
}

bool instance_wanted(const struct config_snapshot *g, size_t i)
{
    return g->config->handlers[i].enabled && !g->refused[i].code;
}

bool instance_counts(const struct instance *u)
{
    return !u->leaving && !u->gone && (!u->predecessor || u->predecessor->leaving);
}

static struct worker_pool_plan plan_of(const struct config_snapshot *g, size_t i)
{
    return (struct worker_pool_plan){.program = g->worker,
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
    struct instance *u = data;
    struct daemon *d = u->daemon;
    const char *name = handler_config(h)->name;

    if (!instance_counts(u))
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
static bool is_current(const struct instance *u, const struct cluster *c)
{
    const char *name = c->config->name;
    return config_find_cluster(u->form.snapshot->config, name) && clusters_find(u->daemon, u->form.snapshot, name) == c;
}

static int add_consumer(struct instance *u, const char *name, struct error *err)
{
    struct daemon *d = u->daemon;
    struct cluster *home = clusters_find(d, u->form.snapshot, name);
    int rc = handler_add_consumer(u->handler, home->requests, home->config, d->n_consumers++, err);

    if (!home->config->domain)
        return rc;
    list_for_each(node, &d->clusters)
    {
        const struct cluster *other = container_of(node, struct cluster, node);
        bool another =
            other->config->domain && strcmp(other->config->domain, home->config->domain) != 0 && is_current(u, other);
        if (rc == 0 && another)
            rc = handler_add_route(u->handler, other->requests);
    }
    return rc;
}

static void forget_formers(struct instance *u)
{
    for (size_t i = 0; i < u->n_formers; i++)
        config_snapshot_unref(u->formers[i]);
    free(u->formers);
    u->formers = NULL;
    u->n_formers = 0;
}

void instance_destroy(struct instance *u)
{
    list_remove(&u->node);
    handler_destroy(u->handler);
    config_snapshot_unref(u->form.snapshot);
    config_snapshot_unref(u->renewing.snapshot);
    forget_formers(u);
    free(u);
}

static void drop_successor(struct instance *u)
{
    if (!u->successor)
        return;
    u->successor->predecessor = NULL;
    u->successor->gone = true;
    u->successor = NULL;
}

struct instance *instance_create(struct daemon *d, struct config_snapshot *g, size_t i, struct error *err)
{
    static const struct handler_callbacks callbacks = {.on_state = on_handler_state};
    const struct config_handler *c = &g->config->handlers[i];
    struct worker_pool_plan plan = plan_of(g, i);
    struct instance *u = calloc(1, sizeof(*u));
    if (!u) {
        error_set(err, -ENOMEM, "handler %s: out of memory", c->name);
        return NULL;
    }
    *u = (struct instance){.daemon = d, .form = {config_snapshot_ref(g), i}};
    list_push_back(&d->instances, &u->node);
    int rc = handler_create(&u->handler, d->loop, &plan, &callbacks, u, err);
    for (size_t k = 0; rc == 0 && k < c->clusters.n; k++)
        rc = add_consumer(u, c->clusters.items[k], err);
    if (rc == 0)
        return u;
    instance_destroy(u);
    return NULL;
}

void instance_dismiss(struct instance *u)
{
    struct daemon *d = u->daemon;
    drop_successor(u);
    u->leaving = true;
    /* The daemon lives on, so nothing ends before a message that has just begun. */
    u->settle_until_ns = loop_now_ns(d->loop) + d->snapshot->config->drain_timeout_ns;
    u->leave_until_ns = handler_dismiss(u->handler, u->settle_until_ns);
}

/* Order, and one acknowledgement for many, hold for one handler at a time. */
bool instance_alone(const struct instance *u)
{
    return instance_config(u)->ordering != ORDERING_NONE || instance_config(u)->ack == ACK_CUMULATIVE;
}

/* ---- changes ---------------------------------------------------------------------------------------- */

void instance_renew(struct instance *u, struct config_snapshot *g, size_t i)
{
    struct error err = {0};
    struct worker_pool_plan plan = plan_of(g, i);

    if (handler_renew(u->handler, &plan, &err)) {
        reload_tell(u->daemon, instance_config(u)->name, "refused", err.text);
        return;
    }
    u->renewing = (struct form){config_snapshot_ref(g), i};
}

void instance_replace(struct instance *u, struct config_snapshot *g, size_t i)
{
    struct error err = {0};
    struct instance *next = instance_create(u->daemon, g, i, &err);
    if (!next) {
        reload_tell(u->daemon, instance_config(u)->name, "refused", err.text);
        return;
    }
    handler_wait(next->handler, true);
    next->predecessor = u;
    next->give_up_ns = loop_now_ns(u->daemon->loop) + SUCCESSOR_NS;
    u->successor = next;
}

/* What an earlier reading has begun and not finished. */
void instance_call_off(struct instance *u)
{
    if (u->renewing.snapshot)
        handler_keep(u->handler);
    config_snapshot_unref(u->renewing.snapshot);
    u->renewing = (struct form){0};
    drop_successor(u);
}

static void keep_former(struct instance *u, struct config_snapshot *g)
{
    struct config_snapshot **more = realloc(u->formers, (u->n_formers + 1) * sizeof(*more));
    if (!more)
        abort(); /* workers run by it */
    u->formers = more;
    more[u->n_formers++] = g;
}

static void step_renewal(struct instance *u)
{
    char why[512] = "";
    switch (handler_renewal(u->handler, why, sizeof(why))) {
    case RENEWAL_STARTING: return;
    case RENEWAL_DONE:
        keep_former(u, u->form.snapshot);
        u->form = u->renewing;
        reload_tell(u->daemon, instance_config(u)->name, "renewed", u->form.snapshot->plugins[u->form.index].version);
        break;
    case RENEWAL_NONE: /* called off by a drain */ config_snapshot_unref(u->renewing.snapshot); break;
    case RENEWAL_FAILED:
        reload_tell(u->daemon, instance_config(u)->name, "refused", why);
        config_snapshot_unref(u->renewing.snapshot);
        break;
    }
    u->renewing = (struct form){0};
}

static void take_over(struct instance *u)
{
    struct instance *next = u->successor;

    reload_tell(u->daemon, instance_config(next)->name, "replaced",
                next->form.snapshot->plugins[next->form.index].version);
    u->successor = NULL;
    instance_dismiss(u);
    if (!instance_alone(next)) {
        next->predecessor = NULL;
        handler_wait(next->handler, false);
    }
}

static void step_successor(struct instance *u)
{
    struct instance *next = u->successor;
    const char *hopeless = handler_hopeless(next->handler);

    if (handler_ready(next->handler)) {
        take_over(u);
    } else if (hopeless || loop_now_ns(u->daemon->loop) >= next->give_up_ns) {
        reload_tell(u->daemon, instance_config(next)->name, "refused",
                    hopeless ? hopeless : handler_reason(next->handler));
        drop_successor(u);
    }
}

/* The one that waited for this one to leave begins. */
static void release(struct instance *u)
{
    list_for_each(node, &u->daemon->instances)
    {
        struct instance *next = container_of(node, struct instance, node);
        if (next->predecessor == u) {
            next->predecessor = NULL;
            handler_wait(next->handler, false);
        }
    }
}

bool instance_step(struct instance *u)
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
            log_warn("drain-timeout", LOG_STR("handler", instance_config(u)->name),
                     LOG_STR("msg", "some messages are unsettled: the server delivers them again after ack wait"));
        release(u);
        u->gone = true;
        return true;
    }
    if (u->renewing.snapshot)
        step_renewal(u);
    if (u->successor)
        step_successor(u);
    if (u->n_formers && handler_relieved(u->handler))
        forget_formers(u);
    return u->renewing.snapshot || u->successor || u->n_formers || u->predecessor;
}
