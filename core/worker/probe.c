/* SPDX-License-Identifier: Apache-2.0
 * probe - starts a seamq-worker for each plugin file and collects its descriptor, with one poll() loop. */
#include "probe.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "ring/packet.h"
#include "spawn.h"

#define PARALLEL 64 /* processes at a time; further plugins start when earlier ones end */
#define OPTIONS_MAX 1024

struct probe {
    const char *plugin;
    struct plugin_info *info;
    struct image *image;
    struct error *err;
    struct spawned child;
    bool started;
    bool done;
    bool closed; /* the child closed the control socket */
    int64_t deadline_ns;
    bool answered; /* *info is complete, or *err is set */
    int crash_signal;
};

static char *field_copy(const struct packet *p, const char *key)
{
    const char *value = packet_get(p, key);
    return *value ? strdup(value) : NULL;
}

static void descriptor_take(struct probe *b, const struct packet *p)
{
    struct plugin_info *i = b->info;
    if (i->name)
        return; /* only the first descriptor counts */
    i->name = field_copy(p, "name");
    i->version = field_copy(p, "version");
    i->stream = field_copy(p, "stream");
    i->subjects = field_copy(p, "subjects");
    i->has_batch = packet_get_int(p, "has_batch") == 1;
}

static void option_take(struct probe *b, const struct packet *p)
{
    struct plugin_info *i = b->info;
    int64_t type = packet_get_int(p, "type");
    if (i->n_options == OPTIONS_MAX || type < PLUGIN_OPTION_STRING || type > PLUGIN_OPTION_TIME)
        return;
    struct plugin_option *more = realloc(i->options, (i->n_options + 1) * sizeof(*more));
    if (!more)
        return;
    i->options = more;
    struct plugin_option *o = &more[i->n_options];
    *o = (struct plugin_option){
        .name = field_copy(p, "name"),
        .type = (enum plugin_option_type)type,
        .required = packet_get_int(p, "required") == 1,
        .secret = packet_get_int(p, "secret") == 1,
        .preset = NULL,
        .help = field_copy(p, "help"),
        .min = packet_get_int(p, "min"),
        .max = packet_get_int(p, "max"),
    };
    struct packet at = *p;
    const char *key, *value;
    while (packet_next(&at, &key, &value)) /* packet_get() cannot tell a preset of "" from none */
        if (strcmp(key, "preset") == 0 && !o->preset)
            o->preset = strdup(value);
    if (o->name)
        i->n_options++;
    else
        free(o->help), free(o->preset);
}

static void packet_take(struct probe *b, const struct packet *p)
{
    if (strcmp(p->type, "describe") == 0) {
        descriptor_take(b, p);
    } else if (strcmp(p->type, "option") == 0) {
        option_take(b, p);
    } else if (strcmp(p->type, "refused") == 0 || strcmp(p->type, "failed") == 0) {
        error_set(b->err, p->type[0] == 'f' ? -EAGAIN : -ENOEXEC, "%s", packet_get(p, "text"));
        b->answered = true;
    } else if (strcmp(p->type, "ready") == 0) {
        b->answered = true;
    } else if (strcmp(p->type, "crash") == 0) {
        b->crash_signal = (int)packet_get_int(p, "signal");
    }
}

/* False: the child closed the socket, or sent an invalid packet. */
static bool packets_read(struct probe *b, char *room)
{
    for (;;) {
        struct packet p;
        int fd;
        ssize_t n = packet_recv(b->child.control, room, PACKET_MAX, &fd);
        if (fd >= 0)
            close(fd);
        if (n <= 0)
            return n == -EAGAIN;
        packet_open(&p, room, (size_t)n);
        packet_take(b, &p);
    }
}

/* Shortages of the machine or the process are temporary, so the caller may retry. */
static bool is_resource_shortage(int rc)
{
    return rc == -EMFILE || rc == -ENFILE || rc == -ENOMEM || rc == -ENOSPC;
}

bool worker_dangling_link(const char *path, struct error *err)
{
    char to[PATH_MAX];
    ssize_t n = readlink(path, to, sizeof(to));
    if (n > 0)
        error_set(err, -ENOEXEC, "%s: a symbolic link to %.*s, which does not exist", path, (int)n, to);
    return n > 0;
}

static void probe_start(struct probe *b, const struct worker_probe *how)
{
    char title[] = "seamq: probe";
    struct buf hello = {0};
    b->started = true;
    b->deadline_ns = clock_now_ns() + how->timeout_ns;
    int rc = image_take(b->image, b->plugin);
    if (rc == -EAGAIN)
        error_set(b->err, rc, "%s: changed while it was read; is a copy still running?", b->plugin);
    else if (is_resource_shortage(rc))
        error_set(b->err, -EAGAIN, "%s: cannot be copied: %s", b->plugin, strerror(-rc));
    else if (rc == -ENOENT)
        worker_dangling_link(b->plugin, b->err);
    if (b->err->code) { /* the child reports all other problems of the file */
        b->answered = b->done = true;
        return;
    }
    if (spawn_worker(&b->child, how->program, title, 0, b->err)) {
        b->answered = b->done = true;
        return;
    }
    spawn_hello(&hello, "probe", b->plugin, how->trust_any, "probe");
    packet_add_int(&hello, "log_level", 0);
    if (b->image->fd >= 0)
        image_put(&hello, b->image);
    rc = packet_send(b->child.control, &hello, b->image->fd);
    if (rc && rc != -EPIPE)
        b->answered = error_set(b->err, rc, "%s: cannot be probed: %s", b->plugin, strerror(-rc)) != 0;
    buf_finish(&hello);
}

/* The child has ended, or is `late` and is killed: sets the result. */
static void probe_finish(struct probe *b, char *room, bool late, int64_t timeout_ns)
{
    siginfo_t info = {0};
    packets_read(b, room);
    if (late)
        kill(-b->child.pid, SIGKILL);
    waitid(P_PID, (id_t)b->child.pid, &info, WEXITED | WNOWAIT);
    spawn_kill(&b->child); /* kills its process group, then reaps it */
    spawn_close(&b->child);
    b->done = true;

    int sig = b->crash_signal ? b->crash_signal : info.si_code == CLD_EXITED ? 0 : info.si_status;
    const char *name = sig ? sigabbrev_np(sig) : NULL;
    if (!b->answered && late)
        error_set(b->err, -ETIMEDOUT, "%s: did not answer within %.3g s: does one of its constructors hang?", b->plugin,
                  (double)timeout_ns / 1e9);
    else if (!b->answered && sig)
        error_set(b->err, -ENOEXEC,
                  "%s: crashed while it was loaded (SIG%s): one of its constructors failed, or the file is damaged",
                  b->plugin, name ? name : "?");
    else if (!b->answered)
        error_set(
            b->err, -ENOEXEC,
            "%s: ended the process while it was loaded (exit status %d): does one of its constructors call exit()?",
            b->plugin, info.si_status);
    else if (!b->err->code && (!b->info->name || !b->info->version))
        error_set(b->err, -EPROTO, "%s: seamq-worker sent no descriptor", b->plugin);
}

static void probe_abandon_all(struct probe *all, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct probe *b = &all[i];
        b->deadline_ns = 0;
        if (!b->started)
            b->started = b->done = error_set(b->err, -ECANCELED, "%s: not probed: seamqd is stopping", b->plugin) != 0;
    }
}

/* One round: starts probes, waits for an event, finishes probes that ended.  Returns how many are left. */
static size_t probe_round(struct probe *all, size_t n, const struct worker_probe *how, char *room)
{
    struct pollfd fds[PARALLEL * 2 + 1];
    struct probe *of[PARALLEL];
    size_t running = 0, left = 0;
    int64_t now = clock_now_ns();
    int64_t wait_ns = how->timeout_ns;

    for (size_t i = 0; i < n && running < PARALLEL; i++) {
        struct probe *b = &all[i];
        if (!b->started)
            probe_start(b, how);
        left += !b->done;
        if (b->done)
            continue;
        fds[2 * running] = (struct pollfd){b->child.pidfd, POLLIN, 0};
        fds[2 * running + 1] = (struct pollfd){b->closed ? -1 : b->child.control, POLLIN, 0};
        if (b->deadline_ns - now < wait_ns)
            wait_ns = b->deadline_ns - now;
        of[running++] = b;
    }
    fds[2 * running] = (struct pollfd){how->cancel_fd, POLLIN, 0};
    if (running)
        poll(fds, 2 * running + 1, wait_ns > 0 ? (int)(wait_ns / NS_PER_MS) + 1 : 0);
    now = clock_now_ns();
    if (fds[2 * running].revents)
        probe_abandon_all(all, n);
    for (size_t i = 0; i < running; i++) {
        struct probe *b = of[i];
        if (fds[2 * i].revents || now >= b->deadline_ns)
            probe_finish(b, room, !fds[2 * i].revents, how->timeout_ns);
        else if (fds[2 * i + 1].revents)
            b->closed = !packets_read(b, room);
    }
    return left;
}

void worker_probe(const struct worker_probe *how, const char *const *plugins, size_t n, struct plugin_info *infos,
                  struct image *images, struct error *errs)
{
    struct probe *all = calloc(n ? n : 1, sizeof(*all));
    char *room = malloc(PACKET_MAX);

    for (size_t i = 0; i < n; i++) {
        infos[i] = (struct plugin_info){.path = strdup(plugins[i])};
        errs[i] = (struct error){0};
        images[i] = IMAGE_NONE;
        bool ok = all && room && infos[i].path;
        if (!ok)
            error_set(&errs[i], -ENOMEM, "%s: out of memory", plugins[i]);
        if (all)
            all[i] = (struct probe){.plugin = plugins[i],
                                    .info = &infos[i],
                                    .image = &images[i],
                                    .err = &errs[i],
                                    .started = !ok,
                                    .done = !ok};
    }
    while (all && probe_round(all, n, how, room))
        ;
    for (size_t i = 0; i < n; i++)
        if (errs[i].code) {
            plugin_info_finish(&infos[i]);
            image_close(&images[i]);
        }
    free(all);
    free(room);
}
