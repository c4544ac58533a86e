/* SPDX-License-Identifier: Apache-2.0
 * daemon - wiring of links, handlers, admin and signals; ready and drain. */
#include "daemon.h"

#include "admin/discovery.h"
#include "admin/http.h"
#include "admin/notify.h"
#include "admin/report.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "dispatch/handler.h"
#include "federation/link.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define DRAIN_LOOK_NS (5 * NS_PER_MS)
#define FLUSH_NS NS_PER_SEC

struct cluster { /* a link and its api */
    struct daemon *daemon;
    const struct config_cluster *config;
    struct link *link;
    struct api *api;
    struct discovery *discovery;
    char *said; /* the last reason for being down: a server that stays away is logged once */
};

struct daemon {
    const struct daemon_setup *setup;
    const struct config *config;
    struct loop *loop;
    struct loop_fd signals;
    struct cluster *clusters; /* those that a handler uses, and the rest of their mesh */
    size_t n_clusters;
    unsigned n_consumers;
    struct link **links;
    struct handler **handlers;
    size_t n_handlers;
    struct report_refused *refused;
    size_t n_refused;
    struct report report;
    struct http *http;
    bool said_ready;
    bool draining;
    int64_t drain_until_ns;
    struct loop_timer drain_look;
    struct loop_timer watchdog;
    int status;
};

/* ---- ready ----------------------------------------------------------------------------- */

static void look_ready(struct daemon *d)
{
    char port[16] = "off";
    for (size_t i = 0; i < d->n_handlers; i++)
        if (!handler_ready(d->handlers[i]))
            return;
    if (d->said_ready || d->draining)
        return;
    d->said_ready = true;
    if (d->http)
        snprintf(port, sizeof(port), "%u", http_port(d->http));
    log_info("ready", LOG_UINT("handlers", d->n_handlers), d->n_refused ? LOG_UINT("refused", d->n_refused) : LOG_NONE,
             LOG_STR("admin_port", port));
    notify_ready();
    notify_status("%zu handlers ready", d->n_handlers);
}

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
    struct daemon *d = data;
    const char *name = handler_config(h)->name;

    if (handler_ready(h))
        log_info("handler-ready", LOG_STR("handler", name), LOG_STR("stream", ready_stream(h)),
                 LOG_STR("consumer", handler_config(h)->durable), LOG_UINT("workers", handler_n_workers(h)));
    else if (!d->draining)
        log_warn("handler-not-ready", LOG_STR("handler", name), LOG_STR("msg", handler_reason(h)));
    look_ready(d);
}

/* ---- links ------------------------------------------------------------------------------- */

static void on_link_state(void *data, enum link_state state, const char *text)
{
    struct cluster *c = data;
    struct daemon *d = c->daemon;

    if (state != LINK_UP)
        api_link_down(c->api);
    if (state == LINK_UP)
        log_info("connected", LOG_STR("cluster", c->config->name), LOG_STR("server", text));
    else if (!c->said || strcmp(c->said, text) != 0)
        log_warn("disconnected", LOG_STR("cluster", c->config->name), LOG_STR("msg", text),
                 LOG_STR("then", "trying again until it answers"));
    free(c->said);
    c->said = state == LINK_UP ? NULL : strdup(text);
    for (size_t i = 0; i < d->n_handlers; i++)
        handler_link_state(d->handlers[i], c->link, state, text);
}

static void on_link_error(void *data, const char *text)
{
    struct cluster *c = data;
    log_warn("server-error", LOG_STR("cluster", c->config->name), LOG_STR("msg", text));
    for (size_t i = 0; i < c->daemon->n_handlers; i++)
        handler_link_error(c->daemon->handlers[i], c->link, text);
}

/* Whether handler `i` is wanted and can be. */
static bool runs(const struct daemon *d, size_t i)
{
    return d->config->handlers[i].enabled && !d->setup->refused[i].code;
}

static struct cluster *find_cluster(struct daemon *d, const char *name)
{
    for (size_t i = 0; i < d->n_clusters; i++)
        if (strcmp(d->clusters[i].config->name, name) == 0)
            return &d->clusters[i];
    return NULL;
}

static int open_cluster(struct daemon *d, const char *name, struct error *err)
{
    static const struct link_callbacks callbacks = {.on_state = on_link_state, .on_error = on_link_error};
    char title[256];

    if (find_cluster(d, name))
        return 0;
    struct cluster *c = &d->clusters[d->n_clusters];
    *c = (struct cluster){.daemon = d, .config = config_find_cluster(d->config, name)};
    snprintf(title, sizeof(title), "seamqd %s", d->config->name);
    int rc = link_create(&c->link, d->loop, c->config, title, &callbacks, c, err);
    if (rc)
        return rc;
    d->links[d->n_clusters++] = c->link;
    rc = api_create(&c->api, d->loop, c->link);
    if (rc == 0)
        rc = discovery_create(&c->discovery, c->link, &d->report);
    return rc ? error_set(err, rc, "cluster %s: %s", name, strerror(-rc)) : 0;
}

/* A mesh is what has JetStream domains: each of its clusters may be the way to another one. */
static int open_mesh(struct daemon *d, struct error *err)
{
    bool mesh = false;
    int rc = 0;
    for (size_t i = 0; i < d->n_clusters; i++)
        mesh = mesh || d->clusters[i].config->domain;
    for (size_t i = 0; rc == 0 && mesh && i < d->config->n_clusters; i++)
        if (d->config->clusters[i].domain)
            rc = open_cluster(d, d->config->clusters[i].name, err);
    return rc;
}

static int open_clusters(struct daemon *d, struct error *err)
{
    int rc = 0;
    for (size_t i = 0; i < d->config->n_handlers; i++) {
        const struct config_handler *h = &d->config->handlers[i];
        for (size_t k = 0; rc == 0 && runs(d, i) && k < h->clusters.n; k++)
            rc = open_cluster(d, h->clusters.items[k], err);
    }
    return rc ? rc : open_mesh(d, err);
}

/* ---- handlers ------------------------------------------------------------------------------ */

static int add_consumer(struct daemon *d, struct handler *h, const char *name, struct error *err)
{
    struct cluster *home = find_cluster(d, name);
    int rc = handler_add_consumer(h, home->api, home->config, d->n_consumers++, err);

    for (size_t i = 0; rc == 0 && home->config->domain && i < d->n_clusters; i++) {
        const struct cluster *other = &d->clusters[i];
        if (other != home && other->config->domain && strcmp(other->config->domain, home->config->domain) != 0)
            rc = handler_add_route(h, other->api);
    }
    return rc;
}

static int open_handler(struct daemon *d, size_t i, struct error *err)
{
    static const struct handler_callbacks callbacks = {.on_state = on_handler_state};
    const struct config_handler *c = &d->config->handlers[i];
    struct handler *h;

    int rc = handler_create(&h, d->loop, c, &d->setup->plugins[i], d->setup->program, &callbacks, d, err);
    if (rc)
        return rc;
    d->handlers[d->n_handlers++] = h;
    for (size_t k = 0; rc == 0 && k < c->clusters.n; k++)
        rc = add_consumer(d, h, c->clusters.items[k], err);
    return rc;
}

static int open_handlers(struct daemon *d, struct error *err)
{
    const struct config *c = d->config;
    for (size_t i = 0; i < c->n_handlers; i++) {
        if (!c->handlers[i].enabled)
            continue;
        if (d->setup->refused[i].code) {
            log_error("plugin-refused", LOG_STR("handler", c->handlers[i].name),
                      LOG_STR("msg", d->setup->refused[i].text));
            d->refused[d->n_refused++] = (struct report_refused){c->handlers[i].name, d->setup->refused[i].text};
            continue;
        }
        int rc = open_handler(d, i, err);
        if (rc)
            return rc;
    }
    return 0;
}

/* ---- signals and drain ------------------------------------------------------------------------ */

static void look_drained(struct loop_timer *t)
{
    struct daemon *d = t->data;
    int64_t now = loop_now_ns(d->loop);
    bool done = true;

    for (size_t i = 0; i < d->n_handlers; i++)
        done = done && handler_drained(d->handlers[i]);
    if (!done && now < d->drain_until_ns) {
        loop_arm(d->loop, t, now + DRAIN_LOOK_NS);
        return;
    }
    if (done) {
        log_info("drained", LOG_STR("msg", "everything is settled or given back"));
    } else {
        d->status = 1;
        log_warn("drain-timeout", LOG_NS("drain_timeout", d->config->drain_timeout_ns),
                 LOG_STR("msg", "some messages are unsettled: the server delivers them again after ack wait"));
    }
    loop_stop(d->loop);
}

static void drain(struct daemon *d, const char *signal)
{
    if (d->draining) { /* asked twice: now. Equals a kill, which loses nothing either. */
        log_warn("stopped", LOG_STR("signal", signal), LOG_STR("msg", "asked twice: not waiting for the drain"));
        d->status = 1;
        loop_stop(d->loop);
        return;
    }
    d->draining = d->report.draining = true;
    d->drain_until_ns = loop_now_ns(d->loop) + d->config->drain_timeout_ns;
    log_info("draining", LOG_STR("signal", signal), LOG_NS("at_most", d->config->drain_timeout_ns));
    notify_stopping();
    for (size_t i = 0; i < d->n_handlers; i++)
        handler_drain(d->handlers[i], d->drain_until_ns);
    loop_arm(d->loop, &d->drain_look, loop_now_ns(d->loop));
}

static void on_signal(struct loop_fd *self, uint32_t events)
{
    struct daemon *d = self->data;
    struct signalfd_siginfo info;
    (void)events;

    while (read(self->fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGHUP)
            log_warn("reload", LOG_STR("msg", "SIGHUP is not supported by this version: restart seamqd instead"));
        else
            drain(d, info.ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT");
    }
}

static sigset_t our_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    return set;
}

void daemon_block_signals(void)
{
    sigset_t set = our_signals();
    signal(SIGPIPE, SIG_IGN);
    sigprocmask(SIG_BLOCK, &set, NULL);
}

static int open_signals(struct daemon *d)
{
    sigset_t set = our_signals();
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return -errno;
    d->signals = (struct loop_fd){.fd = fd, .events = EPOLLIN, .ready = on_signal, .data = d};
    return loop_add_fd(d->loop, &d->signals);
}

static void feed_watchdog(struct loop_timer *t)
{
    struct daemon *d = t->data;
    notify_watchdog();
    loop_arm(d->loop, t, loop_now_ns(d->loop) + notify_watchdog_ns() / 2);
}

/* ---- life ---------------------------------------------------------------------------------------- */

/* Every worker takes a handful of descriptors; the soft limit is a leftover of select(). */
static void raise_fd_limit(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
        r.rlim_cur = r.rlim_max;
        setrlimit(RLIMIT_NOFILE, &r);
    }
}

static int start(struct daemon *d, struct error *err)
{
    const struct config *c = d->config;

    raise_fd_limit();
    int rc = loop_create(&d->loop);
    if (rc == 0)
        rc = open_signals(d);
    if (rc)
        return error_set(err, rc, "cannot start the event loop: %s", strerror(-rc));
    d->links = calloc(c->n_clusters, sizeof(struct link *));
    d->clusters = calloc(c->n_clusters, sizeof(struct cluster));
    d->handlers = calloc(c->n_handlers, sizeof(struct handler *));
    d->refused = calloc(c->n_handlers, sizeof(struct report_refused));
    if (!d->links || !d->clusters || !d->handlers || !d->refused)
        return error_set(err, -ENOMEM, "out of memory");
    if (strcmp(c->admin, "off") != 0)
        rc = http_create(&d->http, d->loop, c->admin, report_serve, &d->report, err);
    if (rc == 0)
        rc = open_clusters(d, err);
    if (rc == 0)
        rc = open_handlers(d, err);
    if (rc)
        return rc;
    d->report = (struct report){
        .version = d->setup->version,
        .name = c->name,
        .started_ns = clock_wall_ns(),
        .handlers = d->handlers,
        .n_handlers = d->n_handlers,
        .links = d->links,
        .n_links = d->n_clusters,
        .refused = d->refused,
        .n_refused = d->n_refused,
    };
    d->drain_look = (struct loop_timer){.fire = look_drained, .data = d};
    d->watchdog = (struct loop_timer){.fire = feed_watchdog, .data = d};
    if (notify_watchdog_ns() > 0)
        loop_arm(d->loop, &d->watchdog, loop_now_ns(d->loop));
    return 0;
}

int daemon_create(struct daemon **ret, const struct daemon_setup *setup, struct error *err)
{
    struct daemon *d = calloc(1, sizeof(*d));
    if (!d)
        return error_set(err, -ENOMEM, "out of memory");
    d->setup = setup;
    d->config = setup->config;
    d->signals.fd = -1;
    int rc = start(d, err);
    if (rc) {
        daemon_destroy(d);
        return rc;
    }
    *ret = d;
    return 0;
}

int daemon_run(struct daemon *d)
{
    int rc = loop_run(d->loop);
    if (rc) {
        log_error("loop-failed", LOG_STR("msg", strerror(-rc)));
        return 1;
    }
    return d->status;
}

void daemon_destroy(struct daemon *d)
{
    if (!d)
        return;
    http_destroy(d->http);
    for (size_t i = 0; i < d->n_handlers; i++)
        handler_destroy(d->handlers[i]);
    for (size_t i = 0; i < d->n_clusters; i++) {
        discovery_destroy(d->clusters[i].discovery);
        api_destroy(d->clusters[i].api);
        link_destroy(d->clusters[i].link, FLUSH_NS);
        free(d->clusters[i].said);
    }
    if (d->signals.fd >= 0)
        close(d->signals.fd);
    loop_destroy(d->loop);
    free(d->links);
    free(d->clusters);
    free(d->handlers);
    free(d->refused);
    free(d);
}
