/* SPDX-License-Identifier: Apache-2.0
 *
 * watch - starts a reload when plugin files are added, changed or removed, by inotify on their directories.
 *
 * A deploy is a sequence of events.  It is over when no event has come for 0.2 s, or for 2 s after a file was removed,
 * because `rm` is usually followed by `cp`.  Network file systems (NFS) send no events: there a deploy needs SIGHUP.
 *
 * inotify watches an inode, not a path.  A path changes its inode when a link is turned to the next release, by `mv`,
 * or when a directory is recreated, so each directory of the path is watched too.  An abandoned directory stays watched
 * until it is removed, which costs at most a reload that changes nothing.
 */
#include "daemon_private.h"
#include "config_snapshot.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHANGED_NS (200 * NS_PER_MS)
#define REMOVED_NS (2 * NS_PER_SEC)
#define NAMES (IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE | IN_ONLYDIR | IN_MASK_ADD)
#define FILES (NAMES | IN_CLOSE_WRITE | IN_ATTRIB)

/* True if a component of the path has this name. */
static bool has_component(const char *path, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = path; at; at = strchr(at, '/')) {
        at += *at == '/';
        if (strncmp(at, name, len) == 0 && (at[len] == '/' || at[len] == '\0'))
            return true;
    }
    return false;
}

static bool is_in_watched_path(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->plugin_dirs.n; i++)
        if (has_component(c->plugin_dirs.items[i], name))
            return true;
    for (size_t i = 0; i < c->n_handlers; i++)
        if (c->handlers[i].plugin_path && has_component(c->handlers[i].plugin_path, name))
            return true;
    return false;
}

/* True for a plugin, the link that Kubernetes replaces in a volume (`..data`), or a component of a watched path. */
static bool event_matters(const struct daemon *d, const struct inotify_event *e)
{
    size_t len = e->len ? strlen(e->name) : 0;
    if (e->mask & IN_Q_OVERFLOW)
        return true;
    if (len > 2 && strncmp(e->name, "..", 2) == 0)
        return true;
    if (len > 3 && e->name[0] != '.' && strcmp(e->name + len - 3, ".so") == 0)
        return true;
    return len && is_in_watched_path(d->snapshot->config, e->name);
}

static void on_events(struct loop_fd *f, uint32_t events)
{
    struct daemon *d = f->data;
    _Alignas(struct inotify_event) char room[4096];
    ssize_t n;
    int64_t pause = 0;
    (void)events;

    while ((n = read(f->fd, room, sizeof(room))) > 0) {
        for (ssize_t at = 0; at < n;) {
            const struct inotify_event *e = (const struct inotify_event *)(const void *)(room + at);
            at += (ssize_t)sizeof(*e) + e->len;
            if (!event_matters(d, e))
                continue;
            /* A created file will be written and then closed (IN_CLOSE_WRITE); a created link gets the longer pause. */
            pause = e->mask & (IN_DELETE | IN_MOVED_FROM | IN_CREATE) ? REMOVED_NS : CHANGED_NS;
        }
    }
    if (pause == 0 || d->draining)
        return;
    int64_t at = loop_now_ns(d->loop) + pause;
    if (!loop_timer_armed(&d->watch.settle) || at > d->watch.settle.at_ns || pause == CHANGED_NS)
        loop_arm(d->loop, &d->watch.settle, at);
}

static void on_settled(struct loop_timer *t)
{
    struct daemon *d = t->data;
    watch_update(d); /* before the reload, so that no change after the reading is missed */
    reload_start(d, "plugin files changed");
}

/* Watches the directories above `dir`. The caller does this before it watches `dir`, so that a directory created in
 * between is noticed. A directory that seamqd may not read is left out without a warning. */
static void watch_path(int fd, const char *dir)
{
    char part[PATH_MAX];

    inotify_add_watch(fd, *dir == '/' ? "/" : ".", NAMES);
    for (const char *slash = strchr(dir + (*dir == '/'), '/'); slash; slash = strchr(slash + 1, '/')) {
        snprintf(part, sizeof(part), "%.*s", (int)(slash - dir), dir);
        inotify_add_watch(fd, part, NAMES);
    }
}

static void watch_directory(struct daemon *d, const char *dir)
{
    watch_path(d->watch.inotify.fd, dir);
    if (inotify_add_watch(d->watch.inotify.fd, dir, FILES) < 0 && errno != ENOENT)
        log_warn("watch", LOG_STR("dir", dir), LOG_STR("error", strerror(errno)),
                 LOG_STR("msg", "changes of plugins in this directory are not noticed: send SIGHUP after a deploy"));
}

void watch_update(struct daemon *d)
{
    const struct config *c = d->snapshot->config;
    char dir[PATH_MAX];

    if (d->watch.inotify.fd < 0)
        return;
    for (size_t i = 0; i < c->plugin_dirs.n; i++)
        watch_directory(d, c->plugin_dirs.items[i]);
    for (size_t i = 0; i < c->n_handlers;
         i++) { /* plugins that are configured by path; a second watch of a directory changes nothing */
        const char *path = c->handlers[i].plugin_path;
        const char *slash = path ? strrchr(path, '/') : NULL;
        if (!slash || slash == path)
            continue;
        snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
        watch_directory(d, dir);
    }
}

int watch_init(struct daemon *d)
{
    struct watch *w = &d->watch;
    w->settle = (struct loop_timer){.fire = on_settled, .data = d};
    w->inotify = (struct loop_fd){
        .fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK), .events = EPOLLIN, .ready = on_events, .data = d};
    if (w->inotify.fd < 0) {
        log_warn("watch", LOG_STR("error", strerror(errno)),
                 LOG_STR("msg", "changes of plugins are not noticed: send SIGHUP after a deploy"));
        return 0;
    }
    watch_update(d);
    return loop_add_fd(d->loop, &w->inotify);
}

void watch_finish(struct daemon *d)
{
    if (d->watch.inotify.fd >= 0)
        close(d->watch.inotify.fd);
}
