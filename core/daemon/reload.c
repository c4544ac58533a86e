/* SPDX-License-Identifier: Apache-2.0
 *
 * reload - loads a new configuration snapshot while the daemon runs, and applies it.
 *
 * Loading takes time and starts processes, so a thread does it.  A snapshot with a problem in the configuration is
 * dropped as a whole; a plugin that does not load affects only its own handlers.
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

#define POLL_NS (5 * NS_PER_MS)
#define RETRY_NS (500 * NS_PER_MS)
#define UNSEEN_KEEP_NS (10 * NS_PER_SEC) /* results that no client has read yet stay in the report for so long */

static void signal_event(int fd)
{
    uint64_t one = 1;
    while (write(fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

static void *load_thread(void *data)
{
    struct daemon *d = data;
    if (config_snapshot_load(&d->reload.next, d->sources, d->reload.give_up))
        d->reload.next = NULL;
    signal_event(d->reload.loaded.fd);
    return NULL;
}

/* ---- the report ---------------------------------------------------------------------------- */

/* Removes the results recorded before `from_ns`, and all refusals: what is still wrong will be refused again. */
static void remove_changes(struct report_reload *r, int64_t from_ns)
{
    size_t kept = 0;
    for (size_t i = 0; i < r->n_changes; i++) {
        struct report_change *c = &r->changes[i];
        c->earlier = true;
        if (c->recorded_ns >= from_ns && strcmp(c->action, "refused") != 0) {
            r->changes[kept++] = *c;
            continue;
        }
        free(c->handler);
        free(c->text);
    }
    r->n_changes = kept;
}

/* Removes an earlier reload's result for the same handler (or the same action on the whole). */
static void drop_superseded(struct report_reload *r, const char *handler, const char *action)
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
    drop_superseded(r, handler, action);
    struct report_change *more = realloc(r->changes, (r->n_changes + 1) * sizeof(*more));
    if (!more)
        return;
    r->changes = more;
    more[r->n_changes++] = (struct report_change){
        .handler = strdup(handler), .action = action, .text = strdup(text), .recorded_ns = loop_now_ns(d->loop)};
}

void reload_record(struct daemon *d, const char *handler, const char *action, const char *text)
{
    bool refused = strcmp(action, "refused") == 0;

    LOG_AT(refused ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO, refused ? "reload-refused" : "reload-handler",
           *handler ? LOG_STR("handler", handler) : LOG_NONE, LOG_STR("action", action),
           *text ? LOG_STR(refused ? "msg" : "detail", text) : LOG_NONE,
           refused ? LOG_STR("then", "the running version continues") : LOG_NONE);
    add_change(d, handler, action, text);
}

/* ---- applying a snapshot ------------------------------------------------------------------- */

static bool record_problems(struct daemon *d, const struct config_snapshot *snapshot)
{
    size_t n = snapshot ? config_n_problems(snapshot->config) : 0;
    if (!snapshot)
        reload_record(d, "", "refused", "out of memory");
    for (size_t i = 0; i < n; i++)
        reload_record(d, "", "refused", config_problem(snapshot->config, i));
    return !snapshot || n > 0;
}

static void apply_settings(struct daemon *d, const struct config_snapshot *snapshot)
{
    const struct config *c = snapshot->config;
    const char *key = config_needs_restart(d->snapshot->config, c);
    if (key) {
        char text[128];
        snprintf(text, sizeof(text), "seamqd.%s is read at start only: restart seamqd for it", key);
        log_warn("reload-restart", LOG_STR("key", key), LOG_STR("msg", text));
        add_change(d, "", "restart", text);
    }
    log_setup(STDERR_FILENO, c->log_level, c->log_format);
    config_snapshot_log_deprecations(snapshot);
}

/* A plugin file that was incomplete when it was read is probably being written: load again soon. */
static void retry_unfinished_files(struct daemon *d, const struct config_snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->config->n_handlers; i++)
        if (snapshot->refused[i].code == -EAGAIN)
            loop_arm(d->loop, &d->reload.retry, loop_now_ns(d->loop) + RETRY_NS);
}

static void apply_snapshot(struct daemon *d, struct config_snapshot *snapshot)
{
    struct error err = {0};

    d->reload.report.failed = record_problems(d, snapshot);
    if (!d->reload.report.failed && clusters_open(d, snapshot, &err)) {
        reload_record(d, "", "refused", err.text);
        d->reload.report.failed = true;
    }
    if (d->reload.report.failed) {
        config_snapshot_unref(snapshot);
        return;
    }
    apply_settings(d, snapshot);
    retry_unfinished_files(d, snapshot);
    instances_apply(d, snapshot);
    config_snapshot_unref(d->snapshot);
    d->snapshot = snapshot;
    daemon_update_report(d);
    watch_update(d);
}

static void reload_finish_report(struct daemon *d)
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
    if (d->ready_logged)
        notify_ready();
    log_info("reload-done", LOG_STR("why", r->why), LOG_UINT("changed", r->n_changes - refused - others),
             LOG_UINT("refused", refused));
}

/* Runs until no instance changes. Instances that drain may take longer than the reload that replaced them. */
static void on_poll(struct loop_timer *t)
{
    struct daemon *d = t->data;
    bool more = instances_advance(d);

    clusters_close_unused(d);
    daemon_update_report(d);
    if (d->reload.report.running && !d->reload.loading && !instances_changing(d))
        reload_finish_report(d);
    if (more)
        loop_arm(d->loop, t, loop_now_ns(d->loop) + POLL_NS);
    daemon_check_ready(d);
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
        apply_snapshot(d, d->reload.next);
    d->reload.next = NULL;
    if (d->reload.report.again)
        reload_start(d, d->reload.report.why);
    loop_arm(d->loop, &d->reload.poll, loop_now_ns(d->loop));
}

void reload_start(struct daemon *d, const char *why)
{
    struct reload *r = &d->reload;

    if (d->draining)
        return;
    if (r->loading) {
        r->report.again = true;
        return;
    }
    /* Changes that the last reload has started continue; the new snapshot decides whether they are still wanted. */
    remove_changes(&r->report, r->report.seen ? INT64_MAX : loop_now_ns(d->loop) - UNSEEN_KEEP_NS);
    r->report = (struct report_reload){.number = r->report.number + 1,
                                       .why = why,
                                       .running = true,
                                       .last_ns = r->report.last_ns,
                                       .last_refused = r->report.last_refused,
                                       .changes = r->report.changes,
                                       .n_changes = r->report.n_changes};
    if (d->ready_logged)
        notify_reloading();
    log_info("reload", LOG_STR("why", why));
    int rc = pthread_create(&r->thread, NULL, load_thread, d);
    if (rc) {
        reload_record(d, "", "refused", strerror(rc));
        r->report.failed = true;
        reload_finish_report(d);
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
    r->poll = (struct loop_timer){.fire = on_poll, .data = d};
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
        signal_event(r->give_up); /* a plugin whose constructor hangs must not delay the exit */
        pthread_join(r->thread, NULL);
        config_snapshot_unref(r->next);
    }
    if (r->loaded.fd >= 0)
        close(r->loaded.fd);
    if (r->give_up >= 0)
        close(r->give_up);
    remove_changes(&r->report, INT64_MAX);
    free(r->report.changes);
    r->report.changes = NULL;
}
