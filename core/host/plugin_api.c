/* SPDX-License-Identifier: Apache-2.0
 * plugin_api - the functions behind seamq_*(): log, settle, headers, memory, deadline, counters. */
#include "host.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "ring/packet.h"

#define ARENA_BYTES 16384u
#define EXTEND_MAX_NS (INT64_C(24) * 3600 * NS_PER_SEC)

static _Thread_local bool other_thread = true; /* host_api_fill() clears it on the main thread */

static void text_mark_cut(char *text, size_t size)
{
    static const char mark[] = " [cut]";
    memcpy(text + size - sizeof(mark), mark, sizeof(mark));
}

static void api_log(int level, const char *fmt, va_list ap)
{
    char text[HOST_LOG_MAX];
    char packet[HOST_LOG_MAX + 128];

    if (level > host.log_level)
        return;
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    if (n < 0)
        return;
    if ((size_t)n >= sizeof(text))
        text_mark_cut(text, sizeof(text));
    n = snprintf(packet, sizeof(packet), "log%clevel%c%d%ctext%c%s%cseq%c%" PRIu64, 0, 0, level, 0, 0, text, 0, 0,
                 !other_thread && host.running && host.n == 1 ? host.items[0].msg.stream_seq : 0);
    packet_send_raw(PACKET_FD_CONTROL, packet, (size_t)n + 1, -1);
}

void host_log(int level, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    api_log(level, fmt, ap);
    va_end(ap);
}

static void api_fail(const char *fmt, va_list ap)
{
    if (vsnprintf(host.fail_text, sizeof(host.fail_text), fmt, ap) >= (int)sizeof(host.fail_text))
        text_mark_cut(host.fail_text, sizeof(host.fail_text));
}

struct host_item *host_item(const seamq_msg *msg)
{
    size_t at = (uintptr_t)msg - (uintptr_t)host.items;
    if (!host.running || at % sizeof(struct host_item) || at / sizeof(struct host_item) >= host.n)
        return NULL;
    return &host.items[at / sizeof(struct host_item)];
}

static int api_settle(const seamq_msg *msg, int outcome, int64_t delay_ns, const char *fmt, va_list ap)
{
    char text[RECORD_TEXT_MAX + 1];
    struct host_item *it = host_item(msg);

    if (!it)
        return -EINVAL;
    if (outcome == SEAMQ_ACK && it->settled != HOST_UNSETTLED)
        return 0; /* an ack does not replace another outcome */
    it->settled = outcome;
    it->delay_ns = delay_ns < 0 ? SEAMQ_BACKOFF : delay_ns;
    it->reason = NULL;
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    if (n >= (int)sizeof(text))
        text_mark_cut(text, sizeof(text));
    if (n > 0)
        it->reason = strcpy(host_alloc(strlen(text) + 1), text);
    return 0;
}

static const char *api_header(const seamq_msg *msg, const char *name)
{
    const char *key, *value;
    size_t pos = 0;
    const struct host_item *it = host_item(msg);

    while (it && record_header_next(it->headers, it->headers_len, &pos, &key, &value))
        if (strcmp(key, name) == 0)
            return value;
    return NULL;
}

static int api_header_at(const seamq_msg *msg, size_t index, seamq_field *ret)
{
    const char *key, *value;
    size_t pos = 0;
    const struct host_item *it = host_item(msg);

    while (it && record_header_next(it->headers, it->headers_len, &pos, &key, &value))
        if (index-- == 0) {
            *ret = (seamq_field){key, value};
            return 0;
        }
    return -ENOENT;
}

static _Noreturn void memory_exhausted(size_t size)
{
    host_log(SEAMQ_LOG_ERROR,
             "out of memory: cannot allocate %zu bytes for a message; the worker exits, the message is delivered again",
             size);
    _exit(HOST_EXIT_MEMORY);
}

void *host_alloc(size_t size)
{
    size_t rounded = (size + (sizeof(max_align_t) - 1)) & ~(sizeof(max_align_t) - 1);

    if (!host.arena && !(host.arena = malloc(ARENA_BYTES)))
        memory_exhausted(size);
    if (rounded >= size && rounded <= ARENA_BYTES - host.arena_used) {
        char *at = host.arena + host.arena_used;
        host.arena_used += rounded;
        return memset(at, 0, rounded);
    }
    struct host_block *b = size > SIZE_MAX - sizeof(*b) ? NULL : calloc(1, sizeof(*b) + size);
    if (!b)
        memory_exhausted(size);
    b->next = host.blocks;
    host.blocks = b;
    return b->data;
}

static void *api_alloc(const seamq_msg *msg, size_t size)
{
    (void)msg; /* all messages of a call share the arena */
    return host_alloc(size);
}

void host_arena_reset(void)
{
    host.arena_used = 0;
    while (host.blocks) {
        struct host_block *b = host.blocks;
        host.blocks = b->next;
        free(b);
    }
}

static int api_extend(const seamq_msg *msg, int64_t ns)
{
    if (!host_item(msg) || ns <= 0)
        return -EINVAL;
    if (ns > EXTEND_MAX_NS)
        ns = EXTEND_MAX_NS;
    struct record_extend *e = host_put(RECORD_EXTEND, sizeof(*e));
    *e = (struct record_extend){host.items[0].id, ns}; /* stands for the call */
    int64_t now = clock_now_ns();
    for (size_t i = 0; i < host.n; i++)
        host.items[i].msg.deadline_ns = now + ns;
    host_bell(now);
    return 0;
}

static void api_count(const char *metric, int64_t by)
{
    size_t i = 0;
    if (by <= 0 || strlen(metric) >= sizeof(host.metrics[0]))
        return;
    while (i < host.n_metrics && strcmp(host.metrics[i], metric) != 0)
        i++;
    if (i == host.n_metrics) {
        if (i == HOST_METRICS_MAX || !*metric)
            return;
        strcpy(host.metrics[host.n_metrics++], metric);
    }
    if (__builtin_add_overflow(host.metric_by[i], by, &host.metric_by[i]))
        host.metric_by[i] = INT64_MAX;
    host.counted = true;
}

void host_flush_counts(int64_t now_ns)
{
    char packet[160];
    for (size_t i = 0; i < host.n_metrics; i++) {
        if (!host.metric_by[i])
            continue;
        int n = snprintf(packet, sizeof(packet), "count%cmetric%c%s%cby%c%" PRId64, 0, 0, host.metrics[i], 0, 0,
                         host.metric_by[i]);
        packet_send_raw(PACKET_FD_CONTROL, packet, (size_t)n + 1, -1);
        host.metric_by[i] = 0;
    }
    host.counted = false;
    host.last_count_ns = now_ns;
}

void host_api_fill(struct seamq_host *t)
{
    other_thread = false;
    *t = (struct seamq_host){
        .struct_size = sizeof(*t),
        .abi_major = SEAMQ_ABI_MAJOR,
        .abi_minor = SEAMQ_ABI_MINOR,
        .version = SEAMQ_VERSION,
        .handler = host.handler ? host.handler : "",
        .worker_index = host.index,
        .worker_count = host.count ? host.count : 1,
        .log = api_log,
        .fail = api_fail,
        .settle = api_settle,
        .publish = host_publish,
        .header = api_header,
        .header_at = api_header_at,
        .alloc = api_alloc,
        .extend = api_extend,
        .count = api_count,
    };
}
