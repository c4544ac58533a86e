/* SPDX-License-Identifier: Apache-2.0
 * run - the worker's loop: a message from the ring, the handler, its outcome back. */
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "ring/packet.h"

/* Ring the daemon when so many outcomes wait, or when the first of them has waited so long.  The
 * daemon looks by itself 2 ms after a bell (worker/drain.c), so that an outcome does not wait
 * for a slow next message. */
#define BELL_RECORDS 512u
#define BELL_NS (200 * NS_PER_US)
#define COUNT_NS (250 * NS_PER_MS)
#define IDLE_NS NS_PER_SEC

static _Noreturn void broken(const char *what)
{
    host_log(SEAMQ_LOG_ERROR, "the daemon's ring makes no sense (%s); the worker ends", what);
    _exit(HOST_EXIT_PROTOCOL);
}

void host_bell(int64_t now_ns)
{
    uint64_t one = 1;
    ring_publish(&host.ring);
    ring_release(&host.ring);
    host.unrung = 0;
    host.last_bell_ns = now_ns;
    if (write(PACKET_FD_BELL_OUT, &one, sizeof(one)) < 0 && errno != EAGAIN)
        broken("its bell is gone");
}

/* Sleeps until the daemon rings, or the timeout (-1: none). */
static void wait_bell(enum ring_wants wants, int timeout_ms)
{
    struct epoll_event e;
    if (ring_sleep(&host.ring, wants)) {
        epoll_wait(host.epfd, &e, 1, timeout_ms);
        ring_awake(&host.ring);
    }
}

void *host_put(uint32_t type, uint32_t size)
{
    void *at;
    while (!(at = ring_put(&host.ring, type, size))) {
        if (host.ring.broken)
            broken("tail");
        host_bell(clock_now_ns());
        wait_bell(RING_WANTS_ROOM, -1);
    }
    host.unrung++;
    return at;
}

struct body_map {
    char *at;
    size_t size;
};

/* The memfd number `serial`; the daemon sent it before it published the record. */
static void map_body(uint32_t serial, struct body_map *m)
{
    char packet[256];
    for (;;) {
        int fd;
        struct stat st;
        struct packet p;
        ssize_t n = packet_recv(PACKET_FD_CONTROL, packet, sizeof(packet), &fd);
        if (n <= 0)
            broken("a body is missing");
        packet_open(&p, packet, (size_t)n);
        if (fd >= 0 && strcmp(p.type, "body") == 0 && packet_get_int(&p, "serial") == serial && fstat(fd, &st) == 0 &&
            (fcntl(fd, F_GET_SEALS) & (F_SEAL_SHRINK | F_SEAL_WRITE)) == (F_SEAL_SHRINK | F_SEAL_WRITE)) {
            m->size = (size_t)st.st_size;
            m->at = mmap(NULL, m->size, PROT_READ, MAP_SHARED, fd, 0);
            close(fd);
            if (m->at == MAP_FAILED)
                broken("a body cannot be mapped");
            return;
        }
        if (fd >= 0)
            close(fd);
    }
}

static void open_message(const struct ring_record *r, int64_t now_ns, struct body_map *map)
{
    struct record_message m;
    struct record_body body;

    if (r->type != RECORD_MESSAGE || r->size < sizeof(m))
        broken("record");
    memcpy(&m, r->payload, sizeof(m));
    map->at = NULL;
    if (m.serial)
        map_body(m.serial, map);
    body = (struct record_body){.subject_len = m.subject_len, .headers_len = m.headers_len, .data_len = m.data_len};
    if (m.binding >= host.n_bindings ||
        record_body_read(&body, map->at ? map->at : (const char *)r->payload + sizeof(m),
                         map->at ? map->size : r->size - sizeof(m)))
        broken("message");

    const struct host_binding *b = &host.bindings[m.binding];
    host.msg = (seamq_msg){
        .struct_size = sizeof(seamq_msg),
        .subject = body.subject,
        .data = body.data,
        .size = body.data_len,
        .stream = b->stream,
        .consumer = b->consumer,
        .cluster = b->cluster,
        .stream_seq = m.stream_seq,
        .consumer_seq = m.consumer_seq,
        .attempt = m.attempt,
        .pending = m.pending,
        .stored_ns = m.stored_ns,
        .deadline_ns = now_ns + host.timeout_ns,
    };
    host.id = m.id;
    host.headers = body.headers;
    host.headers_len = body.headers_len;
    host.mark = host.ring.tx_head;
    host.serial_before = host.serial;
    host.staged = 0;
    host.staged_bytes = 0;
    host.publish_failed = NULL;
    host.settled = -1;
}

/* What counts when the handler's word, its reason and its publishes disagree. */
static void judge(int outcome, struct record_outcome *o)
{
    *o = (struct record_outcome){.id = host.id, .outcome = outcome, .delay_ns = SEAMQ_BACKOFF};
    if (outcome == host.settled && outcome != SEAMQ_ACK) {
        o->delay_ns = host.settled_delay_ns;
        return;
    }
    host.reason[0] = '\0';
    if (outcome == SEAMQ_ACK && host.publish_failed) {
        o->outcome = SEAMQ_NAK;
        snprintf(host.reason, sizeof(host.reason), "%s: nothing was sent", host.publish_failed);
    } else if (outcome < SEAMQ_ACK || outcome > SEAMQ_UNAVAILABLE) {
        o->outcome = SEAMQ_NAK;
        snprintf(host.reason, sizeof(host.reason), "the handler returned %d, which is no outcome", outcome);
    }
}

/* Takes the staged records back if the daemon cannot have seen them; else it drops them, as it
 * does with all whose message is not acknowledged. */
static void unstage(void)
{
    char packet[64];
    if (!ring_rewind(&host.ring, host.mark))
        return;
    host.unrung -= host.unrung < host.staged ? host.unrung : (unsigned)host.staged;
    if (host.serial == host.serial_before)
        return;
    int n = snprintf(packet, sizeof(packet), "forget%cserial%c%" PRIu32, 0, 0, host.serial);
    packet_send_raw(PACKET_FD_CONTROL, packet, (size_t)n + 1, -1);
}

/* Runs one message; returns when it ended, which is when the next one starts. */
static int64_t run_message(const struct ring_record *r, int64_t now_ns)
{
    struct body_map map;
    struct record_outcome o;

    open_message(r, now_ns, &map);
    struct ring_page *page = host.ring.own;
    atomic_store_explicit(&page->started_ns, now_ns, memory_order_relaxed);
    atomic_store_explicit(&page->running, host.id, memory_order_release);
    host.running = true;
    int outcome = host.loaded.plugin.handle(host.self, &host.msg);
    host.running = false;

    int64_t end_ns = clock_now_ns();
    judge(outcome, &o);
    if (o.outcome != SEAMQ_ACK && host.staged)
        unstage();
    o.duration_ns = end_ns - now_ns;
    o.text_len = (uint32_t)strlen(host.reason);
    char *at = host_put(RECORD_OUTCOME, (uint32_t)sizeof(o) + o.text_len + 1);
    memcpy(at, &o, sizeof(o));
    memcpy(at + sizeof(o), host.reason, o.text_len + 1);
    /* Published at once, though rung later: what is done stays done if the next one crashes. */
    ring_publish(&host.ring);
    host.reason[0] = '\0';
    if (host.arena_used || host.blocks)
        host_arena_reset();
    if (map.at)
        munmap(map.at, map.size);
    return end_ns;
}

/* Out of work: tell the daemon all, then sleep. Returns the time after it. */
static int64_t sleep_dry(int64_t now_ns, int64_t *idle_ns)
{
    int64_t wait_ns = -1;

    atomic_store_explicit(&host.ring.own->running, 0, memory_order_release);
    if (host.unrung || host.ring.rx_done != host.ring.rx_released)
        host_bell(now_ns);
    if (host.counted) {
        wait_ns = host.last_count_ns + COUNT_NS - now_ns;
        if (wait_ns <= 0) {
            host_flush_counts(now_ns);
            wait_ns = -1;
        }
    }
    if (host.loaded.plugin.idle) {
        if (now_ns >= *idle_ns) {
            host.loaded.plugin.idle(host.self);
            now_ns = clock_now_ns();
            *idle_ns = now_ns + IDLE_NS;
        }
        if (wait_ns < 0 || wait_ns > *idle_ns - now_ns)
            wait_ns = *idle_ns - now_ns;
    }
    wait_bell(RING_WANTS_DATA, wait_ns < 0 ? -1 : (int)((wait_ns + NS_PER_MS - 1) / NS_PER_MS));
    return clock_now_ns();
}

void host_run(void)
{
    struct ring *ring = &host.ring;
    int64_t now = clock_now_ns();
    int64_t idle_ns = now + IDLE_NS;
    struct ring_record r;

    for (;;) {
        uint32_t order = atomic_load_explicit(&ring->peer->order, memory_order_acquire);
        int rc = order == RING_REVOKE ? 0 : ring_next(ring, &r);
        if (rc < 0)
            broken("head");
        if (rc == 0) {
            if (order != RING_RUN)
                break;
            now = sleep_dry(now, &idle_ns);
            continue;
        }
        now = run_message(&r, now);
        ring_done(ring);
        idle_ns = now + IDLE_NS;
        if (host.unrung >= BELL_RECORDS || now - host.last_bell_ns >= BELL_NS) {
            host_bell(now);
            if (host.counted && now - host.last_count_ns >= COUNT_NS)
                host_flush_counts(now);
        }
        if (ring->rx_done - ring->rx_released >= ring->rx_size / 4)
            ring_release(ring);
    }
    atomic_store_explicit(&ring->own->running, 0, memory_order_release);
    host_flush_counts(now);
    host_bell(now);
}
