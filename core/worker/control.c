/* SPDX-License-Identifier: Apache-2.0
 * control - reads the control socket, and logs the lines that the child prints. */
#include "worker_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "ring/packet.h"

#define PACKETS_MAX 64       /* read from one worker before the loop serves others */
#define LINE_MAX_BYTES 4096u /* the rest of an output line is cut */
#define LINES_PER_SEC 1000u
#define BODY_BYTES_MAX (2 * RECORD_BODY_MAX)
#define SOCKET_MAX 4096 /* more packets than a socket buffer can hold */
#define METRIC_MAX 64u

/* ---- lines that handlers log and print ---- */

static bool log_rate_allows(struct worker *w)
{
    int64_t now = loop_now_ns(w->loop);
    if (now - w->log_window_ns >= NS_PER_SEC) {
        if (w->log_dropped)
            log_warn("handler-log-dropped", LOG_STR("handler", w->handler), LOG_UINT("worker", w->config.index),
                     LOG_UINT("lines", w->log_dropped));
        w->log_window_ns = now;
        w->log_lines = 0;
        w->log_dropped = 0;
    }
    if (w->log_lines++ < LINES_PER_SEC)
        return true;
    w->log_dropped++;
    return false;
}

static void log_received(struct worker *w, const struct packet *p)
{
    int64_t level = packet_get_int(p, "level");
    const char *seq = packet_get(p, "seq");
    enum log_level at = level <= 3   ? LOG_LEVEL_ERROR
                        : level == 4 ? LOG_LEVEL_WARN
                        : level <= 6 ? LOG_LEVEL_INFO
                                     : LOG_LEVEL_DEBUG;
    if (log_enabled(at) && log_rate_allows(w))
        LOG_AT(at, "handler-log", LOG_STR("handler", w->handler), LOG_UINT("worker", w->config.index),
               strcmp(seq, "0") != 0 && *seq ? LOG_STR("seq", seq) : LOG_NONE, LOG_STR("msg", packet_get(p, "text")));
}

static void output_line_log(struct worker *w)
{
    const char *text = buf_str(&w->line);
    if (text && *text && log_rate_allows(w))
        log_info("handler-output", LOG_STR("handler", w->handler), LOG_UINT("worker", w->config.index),
                 LOG_STR("msg", text), w->line_cut ? LOG_STR("cut", "yes") : LOG_NONE);
    buf_clear(&w->line);
    w->line_cut = false;
}

static void output_split(struct worker *w, const char *at, size_t n)
{
    for (const char *end = at + n; at < end; at++) {
        if (*at == '\n')
            output_line_log(w);
        else if (w->line.len < LINE_MAX_BYTES)
            buf_putc(&w->line, *at ? *at : ' ');
        else
            w->line_cut = true;
    }
}

/* Reads once.  False: nothing to read now, or the child closed the pipe. */
static bool output_read(struct worker *w)
{
    char chunk[4096];
    ssize_t n = read(w->child.output, chunk, sizeof(chunk));
    if (n > 0)
        output_split(w, chunk, (size_t)n);
    else if (n == 0 && w->on_output.fd >= 0) { /* the child closed the pipe */
        loop_remove_fd(w->loop, &w->on_output);
        w->on_output.fd = -1;
    }
    return n > 0;
}

void control_on_output(struct loop_fd *f, uint32_t events)
{
    (void)events;
    output_read(f->data);
}

/* ---- large staged publishes ---- */

static int body_receive(struct worker *w, uint32_t serial, int fd)
{
    uint64_t fits_ring = ring_payload_max(&w->child.ring) - sizeof(struct record_staged);
    struct stat st;
    /* F_GET_SEALS fails for anything but a memfd; reading a memfd never blocks. */
    if (fcntl(fd, F_GET_SEALS) < 0 || fstat(fd, &st) || st.st_size <= 0 || (uint64_t)st.st_size <= fits_ring ||
        (uint64_t)st.st_size > BODY_BYTES_MAX - w->body_bytes)
        return -EBADMSG;
    struct worker_body *b = malloc(sizeof(*b) + (size_t)st.st_size);
    if (!b)
        return -ENOMEM;
    b->serial = serial;
    b->size = (uint64_t)st.st_size;
    for (uint64_t at = 0; at < b->size;) {
        ssize_t n = pread(fd, b->data + at, b->size - at, (off_t)at);
        if (n <= 0) { /* the child truncated it; pread() returns less, where a mapping would raise SIGBUS */
            free(b);
            return -EBADMSG;
        }
        at += (uint64_t)n;
    }
    w->body_bytes += b->size;
    struct worker_body **last = &w->bodies;
    while (*last)
        last = &(*last)->next;
    b->next = NULL;
    *last = b;
    return 0;
}

void control_drop_bodies(struct worker *w, uint32_t up_to)
{
    while (w->bodies && (int32_t)(w->bodies->serial - up_to) <= 0) {
        struct worker_body *b = w->bodies;
        w->bodies = b->next;
        w->body_bytes -= b->size;
        free(b);
    }
}

static struct worker_body *body_find(struct worker *w, uint32_t serial)
{
    struct worker_body *b = w->bodies;
    while (b && b->serial != serial)
        b = b->next;
    return b;
}

/* ---- packets ---- */

static bool metric_name_is_valid(const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");
    return n && n < METRIC_MAX && name[n] == '\0' && !(name[0] >= '0' && name[0] <= '9');
}

static void ready_received(struct worker *w)
{
    if (w->phase != PHASE_STARTING) /* the daemon has already ordered it to stop */
        return;
    w->phase = PHASE_READY;
    w->was_ever_ready = true;
    w->was_ready = true;
    loop_disarm(w->loop, &w->life);
    memory_watch_start(w);
    if (w->callbacks.on_ready)
        w->callbacks.on_ready(w->data, w);
}

static void crash_received(struct worker *w, const struct packet *p)
{
    int64_t sig = packet_get_int(p, "signal");
    w->crash_signal = sig > 0 && sig < 65 ? (int)sig : 0;
    strncpy(w->crash_address, packet_get(p, "address"), sizeof(w->crash_address) - 1);
}

static void packet_handle(struct worker *w, const struct packet *p, int fd)
{
    if (strcmp(p->type, "ready") == 0) {
        ready_received(w);
    } else if (strcmp(p->type, "refused") == 0) {
        watch_set_end(w, WORKER_EXIT_REFUSED, packet_get(p, "text"));
    } else if (strcmp(p->type, "failed") == 0) {
        watch_set_end(w, WORKER_EXIT_OPEN, packet_get(p, "text"));
    } else if (strcmp(p->type, "log") == 0) {
        log_received(w, p);
    } else if (strcmp(p->type, "count") == 0) {
        int64_t by = packet_get_int(p, "by");
        const char *metric = packet_get(p, "metric");
        if (by > 0 && metric_name_is_valid(metric) && w->callbacks.on_count)
            w->callbacks.on_count(w->data, w, metric, by);
    } else if (strcmp(p->type, "body") == 0) {
        if (fd < 0 || body_receive(w, (uint32_t)packet_get_int(p, "serial"), fd))
            watch_violation(w, "a large publish could not be read");
    } else if (strcmp(p->type, "crash") == 0) {
        crash_received(w, p);
    } else if (strcmp(p->type, "backtrace") == 0) {
        free(w->backtrace);
        w->backtrace = strdup(packet_get(p, "text"));
    } else if (strcmp(p->type, "bye") == 0) {
        w->bye = true;
    } /* unknown types come from a newer worker; the daemon ignores them */
}

/* Reads one packet.  False: nothing to read now, or the child closed the socket. */
static bool packet_read(struct worker *w)
{
    struct packet p;
    int fd;
    ssize_t n = packet_recv(w->child.control, w->packet, PACKET_MAX, &fd);
    if (n == -EAGAIN)
        return false;
    if (n == 0 || n == -ECONNRESET) {
        if (w->on_control.fd >= 0) {
            loop_remove_fd(w->loop, &w->on_control);
            w->on_control.fd = -1;
        }
        return false;
    }
    if (n < 0) {
        watch_violation(w, "it sent an invalid control packet");
        return n != -EBADF;
    }
    packet_open(&p, w->packet, (size_t)n);
    packet_handle(w, &p, fd);
    if (fd >= 0)
        close(fd);
    return true;
}

void control_on_packets(struct loop_fd *f, uint32_t events)
{
    (void)events;
    for (int i = 0; i < PACKETS_MAX; i++)
        if (!packet_read(f->data))
            break;
}

struct worker_body *control_find_body(struct worker *w, uint32_t serial)
{
    struct worker_body *b = body_find(w, serial);
    /* The child sends the body before it publishes the record, so the body is in the list or the socket. */
    for (int i = 0; i < SOCKET_MAX && !b && !w->protocol_error && packet_read(w); i++)
        b = body_find(w, serial);
    return b;
}

void control_read_rest(struct worker *w)
{
    /* A process that the child left behind may go on writing, so read no more than the buffers hold. */
    for (int i = 0; i < SOCKET_MAX && packet_read(w); i++)
        ;
    for (int i = 0; i < 64 && output_read(w); i++)
        ;
    if (w->line.len)
        output_line_log(w);
}
