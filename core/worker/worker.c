/* SPDX-License-Identifier: Apache-2.0
 * worker - creates, starts, stops and destroys a worker; spawns its process and releases it. */
#include "worker.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "worker_private.h"
#include "ring/packet.h"

#define OPEN_TIMEOUT_NS (30 * NS_PER_SEC)
#define RING_BYTES ((size_t)4 << 20)
#define RECYCLE_NS (10 * NS_PER_SEC) /* from the last outcome to the exit; close() runs in that time */

static int hello_build(struct worker *w, const struct worker_config *c, struct error *err)
{
    struct buf *b = &w->hello;
    struct buf option = {0};

    spawn_hello(b, "run", c->plugin, c->trust_any, c->handler);
    if (c->image)
        image_put(b, c->image);
    packet_add_int(b, "index", c->index);
    packet_add_int(b, "count", c->count ? c->count : 1);
    packet_add_int(b, "log_level", log_enabled(LOG_LEVEL_DEBUG) ? 7 : log_enabled(LOG_LEVEL_INFO) ? 6 : 4);
    packet_add_int(b, "timeout_ns", c->timeout_ns > 0 ? c->timeout_ns : INT64_MAX / 2);
    packet_add_int(b, "batch_max", c->batch_max);
    packet_add_int(b, "batch_linger_ns", c->batch_linger_ns);
    for (size_t i = 0; i < c->n_bindings; i++) {
        packet_add(b, "stream", c->bindings[i].stream);
        packet_add(b, "consumer", c->bindings[i].consumer);
        packet_add(b, "cluster", c->bindings[i].cluster);
    }
    for (size_t i = 0; i < c->n_options; i++) {
        buf_clear(&option);
        buf_printf(&option, "%s=%s", c->options[i].name, c->options[i].value);
        packet_add(b, "option", buf_str(&option) ? option.data : "");
    }
    bool failed = option.failed || b->failed;
    buf_finish(&option);
    if (failed)
        return error_set(err, -ENOMEM, "handler %s: out of memory", c->handler);
    if (b->len > PACKET_HELLO_MAX)
        return error_set(
            err, -E2BIG,
            "handler %s: the options take %zu bytes, at most %u are possible: put large values into a file", c->handler,
            b->len, PACKET_HELLO_MAX);
    return 0;
}

static int config_check(const struct worker_config *c, struct error *err)
{
    size_t ring = c->ring_bytes;
    if (!c->program || !c->plugin || !c->handler)
        return error_set(err, -EINVAL, "cannot create a worker: program, plugin or handler is not set");
    if (c->n_bindings > UINT16_MAX)
        return error_set(err, -EINVAL,
                         "handler %s: has more than %d (cluster, consumer) pairs: bind it to fewer clusters",
                         c->handler, UINT16_MAX);
    if (ring && (ring < RING_BYTES_MIN || ring > RING_BYTES_MAX || (ring & (ring - 1))))
        return error_set(err, -EINVAL,
                         "handler %s: ring size %zu is invalid: it must be a power of two from %u to %u bytes",
                         c->handler, ring, RING_BYTES_MIN, RING_BYTES_MAX);
    return 0;
}

int worker_create(struct worker **ret, struct loop *loop, const struct worker_config *config,
                  const struct worker_callbacks *callbacks, void *data, struct error *err)
{
    int rc = config_check(config, err);
    if (rc)
        return rc;
    struct worker *w = calloc(1, sizeof(*w));
    if (!w)
        return error_set(err, -ENOMEM, "handler %s: out of memory", config->handler);
    w->loop = loop;
    w->callbacks = *callbacks;
    w->data = data;
    w->config = *config;
    w->config.bindings = NULL; /* the hello packet contains them */
    w->config.options = NULL;
    w->end_reason = -1;
    w->child = (struct spawned){.pidfd = -1, .control = -1, .output = -1, .bell_in = -1, .bell_out = -1};
    w->on_death = (struct loop_fd){-1, EPOLLIN, watch_on_death, w};
    w->on_control = (struct loop_fd){-1, EPOLLIN, control_on_packets, w};
    w->on_bell = (struct loop_fd){-1, EPOLLIN | EPOLLET, outbox_on_bell,
                                  w}; /* the counter is never read, so it stays readable: wake on edges */
    w->on_output = (struct loop_fd){-1, EPOLLIN, control_on_output, w};
    w->life = (struct loop_timer){.fire = watch_on_life, .data = w};
    w->deadline = (struct loop_timer){.fire = watch_on_deadline, .data = w};
    w->outbox_poll = (struct loop_timer){.fire = outbox_on_poll, .data = w};
    w->memory = (struct loop_timer){.fire = memory_on_timer, .data = w};
    w->program = strdup(config->program);
    w->handler = strdup(config->handler);
    w->packet = malloc(PACKET_MAX);
    if (!w->program || !w->handler || !w->packet ||
        asprintf(&w->title, "seamq: %s/%u", config->handler, config->index) < 0)
        rc = error_set(err, -ENOMEM, "handler %s: out of memory", config->handler);
    else
        rc = hello_build(w, config, err);
    if (rc)
        worker_destroy(w);
    else
        *ret = w;
    return rc;
}

static void fd_watch(struct worker *w, struct loop_fd *f, int fd, int *rc)
{
    f->fd = fd;
    if (*rc == 0)
        *rc = loop_add_fd(w->loop, f);
    if (*rc)
        f->fd = -1;
}

static void fd_unwatch(struct worker *w, struct loop_fd *f)
{
    if (f->fd >= 0)
        loop_remove_fd(w->loop, f);
    f->fd = -1;
}

void worker_drop_child(struct worker *w)
{
    fd_unwatch(w, &w->on_death);
    fd_unwatch(w, &w->on_control);
    fd_unwatch(w, &w->on_bell);
    fd_unwatch(w, &w->on_output);
    loop_disarm(w->loop, &w->life);
    loop_disarm(w->loop, &w->deadline);
    loop_disarm(w->loop, &w->outbox_poll);
    loop_disarm(w->loop, &w->memory);
    spawn_close(&w->child);
    while (w->bodies)
        control_drop_bodies(w, w->bodies->serial);
    buf_finish(&w->scratch);
    buf_finish(&w->line);
    free(w->backtrace);
    free(w->end_text);
    w->backtrace = w->end_text = NULL;
    w->end_reason = -1;
    w->was_ready = w->bye = w->protocol_error = w->line_cut = false;
    w->crash_signal = 0;
    memset(w->crash_address, 0, sizeof(w->crash_address));
    w->ids_head = w->ids_tail = 0;
    w->finished = 0;
    w->serial = 0;
    w->extended_ns = 0;
    w->staged = w->staged_bytes = 0;
}

static void spawn_failure_report(struct worker *w, const struct error *err)
{
    int64_t pause = w->pause_level > 8 ? 30 * NS_PER_SEC : (100 * NS_PER_MS) << w->pause_level;
    struct worker_exit e = {.reason = WORKER_EXIT_SPAWN, .text = err->text, .restart_in_ns = w->stopping ? -1 : pause};
    w->pause_level++;
    worker_drop_child(w);
    w->phase = w->stopping ? PHASE_DOWN : PHASE_WAITING;
    if (!w->stopping)
        loop_arm(w->loop, &w->life, loop_now_ns(w->loop) + pause);
    if (w->callbacks.on_exit)
        w->callbacks.on_exit(w->data, w, &e);
}

void worker_spawn(struct worker *w)
{
    struct error err = {0};
    size_t ring = w->config.ring_bytes ? w->config.ring_bytes : RING_BYTES;

    w->spawned_ns = clock_now_ns();
    int rc = spawn_worker(&w->child, w->program, w->title, ring, &err);
    if (rc == 0) {
        fd_watch(w, &w->on_death, w->child.pidfd, &rc);
        fd_watch(w, &w->on_control, w->child.control, &rc);
        fd_watch(w, &w->on_bell, w->child.bell_out, &rc);
        fd_watch(w, &w->on_output, w->child.output, &rc);
        if (rc == 0) {
            rc = packet_send(w->child.control, &w->hello, w->config.image ? w->config.image->fd : -1);
            if (rc == -EPIPE || rc == -ECONNRESET)
                rc = 0; /* the child is dead; its pidfd reports that */
        }
        if (rc) {
            spawn_kill(&w->child);
            error_set(&err, rc, "%s: the process was started but cannot be watched, so it was killed: %s", w->program,
                      strerror(-rc));
        }
    }
    if (rc) {
        spawn_failure_report(w, &err);
        return;
    }
    w->phase = PHASE_STARTING;
    loop_arm(w->loop, &w->life,
             w->spawned_ns + (w->config.open_timeout_ns ? w->config.open_timeout_ns : OPEN_TIMEOUT_NS));
}

void worker_start(struct worker *w)
{
    if (w->phase != PHASE_DOWN || w->stopping)
        return;
    w->phase = PHASE_WAITING;
    loop_arm(w->loop, &w->life, 0);
}

void worker_ring_bell(struct worker *w)
{
    uint64_t one = 1;
    /* EAGAIN: the child filled the counter on purpose.  It gets no bell, and its deadline ends it. */
    if (write(w->child.bell_in, &one, sizeof(one)) < 0 && errno != EAGAIN)
        watch_violation(w, "its bell cannot be rung");
}

void worker_order(struct worker *w, enum ring_order order)
{
    if (!w->child.pid)
        return;
    atomic_store_explicit(&w->child.ring.own->order, (uint32_t)order, memory_order_release);
    worker_ring_bell(w);
}

static void process_end(struct worker *w, enum ring_order order, int64_t deadline_ns, int64_t close_ns)
{
    w->stopping = true;
    w->close_ns = close_ns;
    switch (w->phase) {
    case PHASE_DOWN:
    case PHASE_WAITING: /* on_exit is called from the loop */
        w->phase = PHASE_DOWN;
        if (!w->stop_reported)
            loop_arm(w->loop, &w->life, 0);
        return;
    case PHASE_KILLED: return; /* it is being killed */
    default: break;
    }
    worker_submit(w);
    worker_order(w, order);
    if (w->phase == PHASE_KILLED)
        return;
    watch_set_end(w, WORKER_EXIT_STOPPED, NULL);
    w->phase = PHASE_ENDING;
    loop_arm(w->loop, &w->life, deadline_ns);
}

void worker_stop(struct worker *w, int64_t deadline_ns)
{
    process_end(w, RING_STOP, deadline_ns, 0);
}

void worker_revoke(struct worker *w, int64_t deadline_ns)
{
    process_end(w, RING_REVOKE, deadline_ns, 0);
}

void worker_retire(struct worker *w, int64_t close_ns)
{
    process_end(w, RING_REVOKE, loop_now_ns(w->loop) + w->config.timeout_ns + close_ns, close_ns);
}

/* A process that is being replaced must exit within RECYCLE_NS of its last outcome. */
static void recycle_deadline_arm(struct worker *w)
{
    if (w->phase == PHASE_ENDING && w->end_reason == WORKER_EXIT_RECYCLE && !worker_outstanding(w) &&
        !loop_timer_armed(&w->life))
        loop_arm(w->loop, &w->life, loop_now_ns(w->loop) + RECYCLE_NS);
}

void worker_recycle(struct worker *w, const char *fmt, ...)
{
    char text[128];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    worker_submit(w);
    worker_order(w, RING_STOP);
    watch_set_end(w, WORKER_EXIT_RECYCLE, text);
    w->phase = PHASE_ENDING;
    recycle_deadline_arm(w);
}

void worker_recycle_if_due(struct worker *w)
{
    if (w->phase == PHASE_READY && w->config.max_messages > 0 && (int64_t)w->finished >= w->config.max_messages)
        worker_recycle(w, "recycled: %" PRIu64 " messages handled", w->finished);
    recycle_deadline_arm(w);
}

void worker_destroy(struct worker *w)
{
    if (!w)
        return;
    spawn_kill(&w->child);
    worker_drop_child(w);
    buf_finish(&w->hello);
    free(w->program);
    free(w->handler);
    free(w->title);
    free(w->packet);
    free(w->ids);
    free(w);
}

bool worker_ready(const struct worker *w)
{
    return w->phase == PHASE_READY;
}

pid_t worker_pid(const struct worker *w)
{
    return w->child.pid;
}
