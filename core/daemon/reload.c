/* SPDX-License-Identifier: Apache-2.0
 *
 * reload - another reading of the configuration and the plugins, while everything goes on.
 *
 * Reading takes time and starts processes, so a thread does it.  A reading with a problem changes
 * nothing; a plugin that does not load concerns its own handlers only.
 */
#include "daemon_private.h"
#include "config_snapshot.h"

#include "admin/notify.h"
#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define LOOK_NS (5 * NS_PER_MS)
#define RETRY_NS (500 * NS_PER_MS)
#define KEEP_NS (10 * NS_PER_SEC) /* what nobody has asked about yet */

static void signal_event(int fd)
{
    uint64_t one = 1;
    while (write(fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

static void *load(void *data)
{
    struct daemon *d = data;
    if (config_snapshot_load(&d->reload.next, d->sources, d->reload.give_up))
        d->reload.next = NULL;
    signal_event(d->reload.loaded.fd);
    return NULL;
}

/* ---- the report ---------------------------------------------------------------------------- */

/* Those of before `from_ns`, and all refusals: what is wrong still is refused again. */
static void forget_changes(struct report_reload *r, int64_t from_ns)
{
    size_t kept = 0;
    for (size_t i = 0; i < r->n_changes; i++) {
        struct report_change *c = &r->changes[i];
        c->earlier = true;
        if (c->told_ns >= from_ns && strcmp(c->action, "refused") != 0) {
            r->changes[kept++] = *c;
            continue;
        }
        free(c->handler);
        free(c->text);
    }
    r->n_changes = kept;
}

/* A later word on the same counts. */
static void drop_earlier(struct report_reload *r, const char *handler, const char *action)
{
    size_t kept = 0;
    for (size_t i = 0; i < r->n_changes; i++) {
        struct report_change *c = &r->changes[i];
        bool same = c->handler && strcmp(c->handler, handler) == 0 && (*handler || strcmp(c->action, action) == 0);
        if (!c->earlier || !same) {
            r->changes[kept++] = *c;
            continue;
        }
        free(c->handler);
        free(c->text);
    }
    r->n_changes = kept;
}

static void add_change(struct daemon *d, const char *handler, const char *action, const char *text)
{
    struct report_reload *r = &d->reload.report;
    drop_earlier(r, handler, action);
    struct report_change *more = realloc(r->changes, (r->n_changes + 1) * sizeof(*more));
    if (!more)
        return;
    r->changes = more;
    more[r->n_changes++] = (struct report_change){
        .handler = strdup(handler), .action = action, .text = strdup(text), .told_ns = loop_now_ns(d->loop)};
}

void reload_tell(struct daemon *d, const char *handler, const char *action, const char *text)
{
    bool refused = strcmp(action, "refused") == 0;

    LOG_AT(refused ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO, refused ? "reload-refused" : "reload-handler",
           *handler ? LOG_STR("handler", handler) : LOG_NONE, LOG_STR("action", action),
           *text ? LOG_STR(refused ? "msg" : "detail", text) : LOG_NONE,
           refused ? LOG_STR("then", "what ran before goes on") : LOG_NONE);
    add_change(d, handler, action, text);
}

/* ---- what a new reading brings ------------------------------------------------------------------- */

static bool has_problems(struct daemon *d, const struct config_snapshot *g)
{
    size_t n = g ? config_n_problems(g->config) : 0;
    if (!g)
        reload_tell(d, "", "refused", "out of memory");
    for (size_t i = 0; i < n; i++)
        reload_tell(d, "", "refused", config_problem(g->config, i));
    return !g || n > 0;
}

static void take_settings(struct daemon *d, const struct config_snapshot *g)
{
    const struct config *c = g->config;
    const char *key = config_needs_restart(d->snapshot->config, c);
    if (key) {
        char text[128];
        snprintf(text, sizeof(text), "seamqd.%s is read at start only: restart seamqd for it", key);
        log_warn("reload-restart", LOG_STR("key", key), LOG_STR("msg", text));
        add_change(d, "", "restart", text);
    }
    log_setup(STDERR_FILENO, c->log_level, c->log_format);
    config_snapshot_log_deprecations(g);
}

/* A file that was being written when it was looked at will be whole soon. */
static void look_again_at_unfinished(struct daemon *d, const struct config_snapshot *g)
{
    for (size_t i = 0; i < g->config->n_handlers; i++)
        if (g->refused[i].code == -EAGAIN)
            loop_arm(d->loop, &d->reload.retry, loop_now_ns(d->loop) + RETRY_NS);
}

static void adopt(struct daemon *d, struct config_snapshot *g)
{
    struct error err = {0};

    d->reload.report.failed = has_problems(d, g);
    if (!d->reload.report.failed && clusters_open(d, g, &err)) {
        reload_tell(d, "", "refused", err.text);
        d->reload.report.failed = true;
    }
    if (d->reload.report.failed) {
        config_snapshot_unref(g);
        return;
    }
    take_settings(d, g);
    look_again_at_unfinished(d, g);
    instances_adopt(d, g);
    config_snapshot_unref(d->snapshot);
    d->snapshot = g;
    daemon_update_report(d);
    watch_update(d);
}

static void done(struct daemon *d)
{
    struct report_reload *r = &d->reload.report;
    size_t refused = 0;
    size_t others = 0;
    for (size_t i = 0; i < r->n_changes; i++) {
        const struct report_change *c = &r->changes[i];
        refused += strcmp(c->action, "refused") == 0;
        others += c->earlier || strcmp(c->action, "restart") == 0;
    }
    r->running = false;
    r->last_ns = clock_wall_ns();
    r->last_refused = refused > 0;
    if (d->said_ready)
        notify_ready();
    log_info("reload-done", LOG_STR("why", r->why), LOG_UINT("changed", r->n_changes - refused - others),
             LOG_UINT("refused", refused));
}

/* Until nothing changes any more; what leaves may take longer than what counts. */
static void on_look(struct loop_timer *t)
{
    struct daemon *d = t->data;
    bool more = instances_step(d);

    clusters_close_unused(d);
    daemon_update_report(d);
    if (d->reload.report.running && !d->reload.loading && !instances_changing(d))
        done(d);
    if (more)
        loop_arm(d->loop, t, loop_now_ns(d->loop) + LOOK_NS);
    daemon_look_ready(d);
}

static void on_loaded(struct loop_fd *f, uint32_t events)
{
    struct daemon *d = f->data;
    uint64_t n;
    (void)events;

    if (read(f->fd, &n, sizeof(n)) < 0)
        return;
    pthread_join(d->reload.thread, NULL);
    d->reload.loading = false;
    if (d->draining)
        config_snapshot_unref(d->reload.next);
    else
        adopt(d, d->reload.next);
    d->reload.next = NULL;
    if (d->reload.report.again)
        reload_start(d, d->reload.report.why);
    loop_arm(d->loop, &d->reload.look, loop_now_ns(d->loop));
}

void reload_start(struct daemon *d, const char *why)
{
    struct reload *r = &d->reload;

    if (d->draining)
        return;
    if (r->loading) {
        r->report.again = true;
        return;
    } /* what the last one has begun goes on; the next one says whether that is still wanted */
    forget_changes(&r->report, r->report.seen ? INT64_MAX : loop_now_ns(d->loop) - KEEP_NS);
    r->report = (struct report_reload){.number = r->report.number + 1,
                                       .why = why,
                                       .running = true,
                                       .last_ns = r->report.last_ns,
                                       .last_refused = r->report.last_refused,
                                       .changes = r->report.changes,
                                       .n_changes = r->report.n_changes};
    if (d->said_ready)
        notify_reloading();
    log_info("reload", LOG_STR("why", why));
    int rc = pthread_create(&r->thread, NULL, load, d);
    if (rc) {
        reload_tell(d, "", "refused", strerror(rc));
        r->report.failed = true;
        done(d);
        return;
    }
    r->loading = true;
}

static void on_retry(struct loop_timer *t)
{
    reload_start(t->data, "a plugin file was being written");
}

int reload_init(struct daemon *d)
{
    struct reload *r = &d->reload;
    r->look = (struct loop_timer){.fire = on_look, .data = d};
    r->retry = (struct loop_timer){.fire = on_retry, .data = d};
    r->loaded = (struct loop_fd){
        .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .events = EPOLLIN, .ready = on_loaded, .data = d};
    if (r->loaded.fd < 0 || (r->give_up = eventfd(0, EFD_CLOEXEC)) < 0)
        return -errno;
    return loop_add_fd(d->loop, &r->loaded);
}

void reload_finish(struct daemon *d)
{
    struct reload *r = &d->reload;
    if (r->loading) {
        signal_event(r->give_up); /* a constructor that hangs must not hold up the end */
        pthread_join(r->thread, NULL);
        config_snapshot_unref(r->next);
    }
    if (r->loaded.fd >= 0)
        close(r->loaded.fd);
    if (r->give_up >= 0)
        close(r->give_up);
    forget_changes(&r->report, INT64_MAX);
    free(r->report.changes);
    r->report.changes = NULL;
}
