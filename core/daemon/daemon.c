/* SPDX-License-Identifier: Apache-2.0
 * daemon - start, signals, readiness, drain and end of seamqd. */
#include "daemon_private.h"
#include "config_snapshot.h"

#include "admin/notify.h"
#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define DRAIN_POLL_NS (5 * NS_PER_MS)
#define FD_LIMIT 65536
#define TRIM_HEAP_NS (5 * NS_PER_SEC)

/* ---- ready and the report ------------------------------------------------------------------ */

void daemon_check_ready(struct daemon *d)
{
    char port[16] = "off";
    size_t n = 0;

    if (d->ready_logged || d->draining)
        return;
    list_for_each(node, &d->instances)
    {
        const struct instance *instance = container_of(node, struct instance, node);
        if (instance_is_current(instance) && !handler_ready(instance->handler))
            return;
        n += instance_is_current(instance);
    }
    d->ready_logged = true;
    if (d->http)
        snprintf(port, sizeof(port), "%u", http_port(d->http));
    log_info("ready", LOG_UINT("handlers", n),
             d->report.n_refused ? LOG_UINT("refused", d->report.n_refused) : LOG_NONE, LOG_STR("admin_port", port));
    notify_ready();
    notify_status("%zu handlers ready", n);
}

static bool handler_is_shown(const struct daemon *d, const char *name)
{
    for (size_t i = 0; i < d->report.n_handlers; i++)
        if (strcmp(handler_config(d->shown_handlers[i])->name, name) == 0)
            return true;
    return false;
}

static size_t list_length(const struct list *l)
{
    size_t n = 0;
    list_for_each(node, l) n++;
    return n;
}

int daemon_update_report(struct daemon *d)
{
    const struct config *c = d->snapshot->config;
    struct report *r = &d->report;
    struct handler **shown_handlers =
        realloc(d->shown_handlers, (list_length(&d->instances) + 1) * sizeof(*shown_handlers));
    struct connection **connections = realloc(d->connections, (list_length(&d->clusters) + 1) * sizeof(*connections));
    struct report_refused *refused = realloc(d->refused, (c->n_handlers + 1) * sizeof(*refused));

    d->shown_handlers = shown_handlers ? shown_handlers : d->shown_handlers;
    d->connections = connections ? connections : d->connections;
    d->refused = refused ? refused : d->refused;
    r->n_handlers = r->n_connections = r->n_refused = 0;
    if (!shown_handlers || !connections || !refused)
        return -ENOMEM;
    list_for_each(node, &d->instances)
    {
        const struct instance *instance = container_of(node, struct instance, node);
        if (instance_is_current(instance))
            shown_handlers[r->n_handlers++] = instance->handler;
    }
    list_for_each(node, &d->clusters) connections[r->n_connections++] =
        container_of(node, struct cluster, node)->connection;
    for (size_t i = 0; i < c->n_handlers; i++)
        if (d->snapshot->refused[i].code && !handler_is_shown(d, c->handlers[i].name))
            refused[r->n_refused++] = (struct report_refused){c->handlers[i].name, d->snapshot->refused[i].text};
    r->handlers = shown_handlers;
    r->connections = connections;
    r->refused = refused;
    return 0;
}

/* ---- signals and drain ------------------------------------------------------------------------ */

static void on_drain_poll(struct loop_timer *t)
{
    struct daemon *d = t->data;
    int64_t now = loop_now_ns(d->loop);
    bool done = instances_drained(d);

    if (!done && now < d->drain_until_ns) {
        loop_arm(d->loop, t, now + DRAIN_POLL_NS);
        return;
    }
    if (done) {
        log_info("drained", LOG_STR("msg", "all messages are settled or given back to the server"));
    } else {
        d->status = 1;
        log_warn("drain-timeout", LOG_NS("drain_timeout", d->snapshot->config->drain_timeout_ns),
                 LOG_STR("msg", "some messages are unsettled: the server delivers them again after ack wait"));
    }
    loop_stop(d->loop);
}

static void daemon_drain(struct daemon *d, const char *signal)
{
    if (d->draining) { /* a second signal: like SIGKILL, this loses no message */
        log_warn("stopped", LOG_STR("signal", signal),
                 LOG_STR("msg", "second signal: the drain was ended, the server delivers unsettled messages again"));
        d->status = 1;
        loop_stop(d->loop);
        return;
    }
    d->draining = d->report.draining = true;
    int64_t at_most = d->snapshot->config->drain_timeout_ns;
    d->drain_until_ns = loop_now_ns(d->loop) + at_most;
    log_info("draining", LOG_STR("signal", signal), LOG_NS("at_most", at_most));
    notify_stopping();
    instances_drain(d);
    loop_arm(d->loop, &d->drain_poll, loop_now_ns(d->loop));
}

static void on_signal(struct loop_fd *self, uint32_t events)
{
    struct daemon *d = self->data;
    struct signalfd_siginfo info;
    (void)events;

    while (read(self->fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGHUP)
            reload_start(d, "SIGHUP");
        else
            daemon_drain(d, info.ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT");
    }
}

static sigset_t handled_signals(void)
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
    sigset_t set = handled_signals();
    signal(SIGPIPE, SIG_IGN);
    sigprocmask(SIG_BLOCK, &set, NULL);
}

static int open_signals(struct daemon *d)
{
    sigset_t set = handled_signals();
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return -errno;
    d->signals = (struct loop_fd){.fd = fd, .events = EPOLLIN, .ready = on_signal, .data = d};
    return loop_add_fd(d->loop, &d->signals);
}

static void on_watchdog(struct loop_timer *t)
{
    struct daemon *d = t->data;
    notify_watchdog();
    loop_arm(d->loop, t, loop_now_ns(d->loop) + notify_watchdog_ns() / 2);
}

/* glibc returns memory to the kernel only from the end of its heap, where under load some message always lives.  Bursts
 * are common: nats.c frees messages on a thread of its own, which may run late on a busy machine. */
static void on_trim_heap(struct loop_timer *t)
{
    struct daemon *d = t->data;
#ifdef __GLIBC__
    malloc_trim(0);
#endif
    loop_arm(d->loop, t, loop_now_ns(d->loop) + TRIM_HEAP_NS);
}

/* ---- life ---------------------------------------------------------------------------------------- */

/* Each worker needs several descriptors, and the usual soft limit (1024) exists for select().  The hard limit would be
 * too high: it is a billion in some containers, and programs that handlers start may close every possible descriptor.
 */
static void raise_fd_limit(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r))
        return;
    rlim_t wanted = r.rlim_max < FD_LIMIT ? r.rlim_max : FD_LIMIT;
    if (r.rlim_cur < wanted) {
        r.rlim_cur = wanted;
        setrlimit(RLIMIT_NOFILE, &r);
    }
}

static void start_reload(void *data)
{
    reload_start(data, "POST /reload");
}

static void start_drain(void *data)
{
    struct daemon *d = data;
    if (!d->draining)
        daemon_drain(d, "POST /drain");
}

static int daemon_start(struct daemon *d, struct error *err)
{
    const struct config *c = d->snapshot->config;

    raise_fd_limit();
    int rc = loop_create(&d->loop);
    if (rc == 0)
        rc = open_signals(d);
    if (rc == 0)
        rc = reload_init(d);
    if (rc == 0)
        rc = watch_init(d);
    if (rc)
        return error_set(err, rc, "cannot start the event loop: %s", strerror(-rc));
    if (strcmp(c->admin, "off") != 0)
        rc = http_create(&d->http, d->loop, c->admin, report_serve, &d->report, err);
    /* Several `seamqd --dev` may run at once: the default admin port may be in use. */
    if (rc == -EADDRINUSE && d->sources->url && strcmp(config_origin(c, "seamqd", "admin"), "default") == 0)
        rc = http_create(&d->http, d->loop, "127.0.0.1:0", report_serve, &d->report, err);
    if (rc == 0)
        rc = clusters_open(d, d->snapshot, err);
    if (rc == 0)
        rc = instances_open(d, err);
    if (rc)
        return rc;
    d->report.version = d->version;
    d->report.name = c->name;
    d->report.started_ns = clock_wall_ns();
    d->reload.report.last_ns = d->report.started_ns;
    d->report.reload = &d->reload.report;
    d->report.start_reload = start_reload;
    d->report.start_drain = start_drain;
    d->report.act_data = d;
    if (d->http)
        http_allow_post(d->http, report_act);
    if (daemon_update_report(d))
        return error_set(err, -ENOMEM, "out of memory");
    d->reload.report.last_refused = d->report.n_refused > 0;
    d->drain_poll = (struct loop_timer){.fire = on_drain_poll, .data = d};
    d->watchdog = (struct loop_timer){.fire = on_watchdog, .data = d};
    d->trim_heap = (struct loop_timer){.fire = on_trim_heap, .data = d};
    loop_arm(d->loop, &d->trim_heap, loop_now_ns(d->loop) + TRIM_HEAP_NS);
    if (notify_watchdog_ns() > 0)
        loop_arm(d->loop, &d->watchdog, loop_now_ns(d->loop));
    return 0;
}

int daemon_create(struct daemon **ret, struct config_snapshot *snapshot, const struct config_sources *sources,
                  const char *version, struct error *err)
{
    struct daemon *d = calloc(1, sizeof(*d));
    if (!d)
        return error_set(err, -ENOMEM, "out of memory");
    d->snapshot = config_snapshot_ref(snapshot);
    d->sources = sources;
    d->version = version;
    d->signals.fd = d->reload.loaded.fd = d->reload.give_up = d->watch.inotify.fd = -1;
    list_init(&d->clusters);
    list_init(&d->instances);
    int rc = daemon_start(d, err);
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
    reload_finish(d);
    watch_finish(d);
    instances_destroy(d);
    clusters_close_all(d);
    if (d->signals.fd >= 0)
        close(d->signals.fd);
    loop_destroy(d->loop);
    config_snapshot_unref(d->snapshot);
    free(d->shown_handlers);
    free(d->connections);
    free(d->refused);
    free(d);
}
