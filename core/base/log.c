/* SPDX-License-Identifier: Apache-2.0
 * log - formatting of log lines and writing them without ever blocking. */
#include "log.h"

#include "buf.h"
#include "clock.h"
#include "rfc3339.h"

#include <errno.h>
#include <inttypes.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* A pipe that poll() reports as writable takes this many bytes without blocking (POSIX PIPE_BUF). */
#define LINE_MAX_BYTES 4096

/* Bytes that a cut value leaves for the fields after it. */
#define ROOM_BEHIND 128

/* Held from poll() to write(), so that no other thread fills the pipe in between. Neither call waits. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = 2;
static int own_fd = -1; /* log_fd, if it was opened here */
static bool is_socket;
static atomic_int log_level = LOG_LEVEL_INFO;
static atomic_int log_format = LOG_FORMAT_TEXT;
static _Atomic uint64_t dropped;

/* Opens the pipe of `fd` again with O_NONBLOCK, because other processes may fill it at any moment. O_NONBLOCK on `fd`
 * itself would affect them. -1: not permitted. */
static int reopen_pipe(int fd)
{
    char path[32];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

void log_setup(int fd, enum log_level level, enum log_format format)
{
    struct stat st;
    bool known = fstat(fd, &st) == 0;

    pthread_mutex_lock(&lock);
    if (own_fd >= 0)
        close(own_fd);
    own_fd = known && S_ISFIFO(st.st_mode) ? reopen_pipe(fd) : -1;
    log_fd = own_fd >= 0 ? own_fd : fd;
    is_socket = known && S_ISSOCK(st.st_mode);
    pthread_mutex_unlock(&lock);

    atomic_store_explicit(&log_level, (int)level, memory_order_relaxed);
    if (format == LOG_FORMAT_AUTO)
        format = isatty(fd) ? LOG_FORMAT_TEXT : LOG_FORMAT_JSON;
    atomic_store_explicit(&log_format, (int)format, memory_order_relaxed);
}

bool log_enabled(enum log_level level)
{
    return (int)level <= atomic_load_explicit(&log_level, memory_order_relaxed);
}

uint64_t log_dropped(void)
{
    return atomic_load(&dropped);
}

static const char *level_name(enum log_level level)
{
    switch (level) {
    case LOG_LEVEL_ERROR: return "error";
    case LOG_LEVEL_WARN: return "warn";
    case LOG_LEVEL_INFO: return "info";
    case LOG_LEVEL_DEBUG: return "debug";
    }
    return "info";
}

static void put_time(struct buf *b)
{
    char text[RFC3339_SIZE];
    buf_puts(b, rfc3339_format(clock_wall_ns(), RFC3339_MS, text));
}

static void put_duration(struct buf *b, int64_t ns)
{
    static const struct {
        double least; /* the smallest value that three digits round to this unit */
        double unit;
        const char *name;
    } units[] = {{999.5e6, 1e9, "s"}, {999.5e3, 1e6, "ms"}, {999.5, 1e3, "us"}};
    double size = ns < 0 ? -(double)ns : (double)ns;

    if (size >= 59.95e9) {
        buf_printf(b, "%.0fs", (double)ns / 1e9);
        return;
    }
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (size >= units[i].least) {
            buf_printf(b, "%.3g%s", (double)ns / units[i].unit, units[i].name);
            return;
        }
    }
    buf_printf(b, "%" PRId64 "ns", ns);
}

static void put_text_value(struct buf *b, const char *s)
{
    size_t len = strlen(s);
    bool plain = len > 0;
    for (size_t i = 0; i < len && plain; i++) {
        unsigned char c = (unsigned char)s[i];
        plain = c > ' ' && c < 0x7f && c != '"' && c != '=' && c != '\\';
    }
    if (plain)
        buf_append(b, s, len);
    else
        buf_put_json(b, s, len);
}

static void put_field(struct buf *b, const struct log_field *f, bool json)
{
    if (json) {
        buf_putc(b, ',');
        buf_put_json(b, f->key, strlen(f->key));
        buf_putc(b, ':');
    } else {
        buf_printf(b, " %s=", f->key);
    }
    const char *s = f->s ? f->s : "";
    switch (f->kind) {
    case LOG_KIND_STR:
        if (json)
            buf_put_json(b, s, strlen(s));
        else
            put_text_value(b, s);
        break;
    case LOG_KIND_INT: buf_printf(b, "%" PRId64, f->i); break;
    case LOG_KIND_UINT: buf_printf(b, "%" PRIu64, (uint64_t)f->i); break;
    case LOG_KIND_DURATION:
        if (json)
            buf_printf(b, "%.6g", (double)f->i / 1e9);
        else
            put_duration(b, f->i);
        break;
    case LOG_KIND_END: break;
    }
}

/* Writes as much of a long field as the line has room for, with "..." at its end. */
static void put_cut(struct buf *b, const struct log_field *f, bool json, size_t limit)
{
    size_t before = b->len;
    size_t len = strlen(f->s);
    size_t keep = limit <= before ? 0 : limit - before < len ? limit - before : len;
    struct buf part = {0};

    while (keep > 0) {
        buf_clear(&part);
        for (int i = 0; i < 3 && keep > 0 && ((unsigned char)f->s[keep] & 0xc0) == 0x80; i++)
            keep--; /* do not cut inside a UTF-8 character */
        buf_append(&part, f->s, keep);
        buf_puts(&part, "...");
        struct log_field shorter = {f->key, LOG_KIND_STR, buf_str(&part), 0};
        put_field(b, &shorter, json);
        if (b->failed || b->len <= limit)
            break;
        size_t over = (b->len - limit + 5) / 6; /* escaping turns a byte into six at most */
        keep = keep > over ? keep - over : 0;
        b->len = before;
    }
    buf_finish(&part);
}

static bool write_line(const char *line, size_t len)
{
    ssize_t n = -1;

    pthread_mutex_lock(&lock);
    struct pollfd p = {.fd = log_fd, .events = POLLOUT};
    if (poll(&p, 1, 0) == 1 && (p.revents & POLLOUT)) {
        do
            n = is_socket ? send(log_fd, line, len, MSG_DONTWAIT | MSG_NOSIGNAL) : write(log_fd, line, len);
        while (n < 0 && errno == EINTR);
    }
    pthread_mutex_unlock(&lock);
    return n == (ssize_t)len;
}

void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
    bool json = atomic_load_explicit(&log_format, memory_order_relaxed) == LOG_FORMAT_JSON;
    struct buf b = {0};
    int saved = errno;

    if (json) {
        buf_puts(&b, "{\"time\":\"");
        put_time(&b);
        buf_printf(&b, "\",\"level\":\"%s\",\"event\":\"%s\"", level_name(level), event);
    } else {
        put_time(&b);
        buf_printf(&b, " %-5s event=%s", level_name(level), event);
    }
    size_t end = json ? 2 : 1; /* bytes that close the line */
    for (const struct log_field *f = fields; f->kind != LOG_KIND_END; f++) {
        size_t before = b.len;
        if (!f->key)
            continue;
        put_field(&b, f, json);
        if (b.len + end > LINE_MAX_BYTES) { /* the field is cut or left out, so that JSON stays valid */
            b.len = before;
            if (f->kind == LOG_KIND_STR && f->s)
                put_cut(&b, f, json, LINE_MAX_BYTES - end - ROOM_BEHIND);
        }
    }
    buf_puts(&b, json ? "}\n" : "\n");
    if (b.failed || !write_line(b.data, b.len))
        atomic_fetch_add(&dropped, 1);
    buf_finish(&b);
    errno = saved;
}
