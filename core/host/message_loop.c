/* SPDX-License-Identifier: Apache-2.0
 * message_loop - the main loop: reads a message or a batch from the ring, calls the handler, writes outcomes. */
#include "host.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "ring/packet.h"

/* The worker rings the daemon after BELL_RECORDS records, or BELL_NS after the last bell, and before it
 * sleeps.  The daemon also reads the ring 2 ms after a bell (worker/outbox.c), so an outcome does not
 * wait for a slow next message. */
#define BELL_RECORDS 512u
#define BELL_NS (200 * NS_PER_US)
#define COUNT_NS (250 * NS_PER_MS)
#define IDLE_NS NS_PER_SEC

_Noreturn void host_protocol_error(const char *what)
{
    host_log(SEAMQ_LOG_ERROR, "invalid data from seamqd (%s): the worker exits, seamqd starts another", what);
    _exit(HOST_EXIT_PROTOCOL);
}

void host_bell(int64_t now_ns)
{
    uint64_t one = 1;
    ring_publish(&host.ring);
    if (host.n == 0) /* else the ring still holds the call's messages */
        ring_release(&host.ring);
    host.unrung = 0;
    host.last_bell_ns = now_ns;
    if (write(PACKET_FD_BELL_OUT, &one, sizeof(one)) < 0 && errno != EAGAIN)
        host_protocol_error("the bell cannot be rung");
}

/* Sleeps until the daemon rings or the timeout ends; -1: no timeout. */
static void bell_wait(enum ring_wants wants, int timeout_ms)
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
            host_protocol_error("ring tail");
        host_bell(clock_now_ns());
        bell_wait(RING_WANTS_ROOM, -1);
    }
    host.unrung++;
    return at;
}

/* Calls the handler with the collected messages.  Returns the time of its end, when the next call starts. */
static int64_t call_run(int64_t now_ns)
{
    const struct seamq_plugin *p = &host.loaded.plugin;
    struct ring_page *page = host.ring.own;
    bool batch = host.batch_max > 1 || !p->handle;
    int outcome = HOST_UNSETTLED;

    for (size_t i = 0; i < host.n; i++)
        host.items[i].msg.deadline_ns = now_ns + host.timeout_ns;
    host.staged = 0;
    host.staged_bytes = 0;
    atomic_store_explicit(&page->started_ns, now_ns, memory_order_relaxed);
    atomic_store_explicit(&page->running_n, (uint32_t)host.n, memory_order_relaxed);
    atomic_store_explicit(&page->running, host.items[0].id, memory_order_release);
    host.running = true;
    if (batch)
        p->handle_batch(host.self, host.msgs, host.n);
    else
        outcome = p->handle(host.self, &host.items[0].msg);
    host.running = false;
    atomic_store_explicit(
        &page->running, 0,
        memory_order_relaxed); /* before the outcomes: the id is invalid once its outcome is visible */
    size_t n = host.n;
    host.n = 0;
    ring_done(&host.ring);

    int64_t end_ns = clock_now_ns();
    for (size_t i = 0; i < n; i++)
        host_item_close(&host.items[i], batch ? host.items[i].settled : outcome, (end_ns - now_ns) / (int64_t)n);
    /* Publish now and ring later: these outcomes count even if the next call crashes. */
    ring_publish(&host.ring);
    if (host.arena_used || host.blocks)
        host_arena_reset();
    return end_ns;
}

/* The ring is empty: reports everything, then sleeps.  Returns the time after the sleep. */
static int64_t loop_sleep(int64_t now_ns, int64_t *idle_ns)
{
    int64_t wait_ns = -1;

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
    bell_wait(RING_WANTS_DATA, wait_ns < 0 ? -1 : (int)((wait_ns + NS_PER_MS - 1) / NS_PER_MS));
    return clock_now_ns();
}

/* Reads the messages of the next call: one, or a batch that is full or has waited long enough.  A batch
 * of half a ring is full, because the daemon needs room to push more.  False: stop. */
static bool call_collect(int64_t *now_ns, int64_t *idle_ns)
{
    struct ring *ring = &host.ring;
    int64_t until_ns = 0;
    struct ring_record r;

    host.bytes = 0;
    for (;;) {
        uint32_t order = atomic_load_explicit(&ring->peer->order, memory_order_acquire);
        int rc = order == RING_REVOKE ? 0 : ring_next(ring, &r);
        if (rc < 0)
            host_protocol_error("ring head");
        if (rc == 1) {
            bool alone = host_item_open(&host.items[host.n], &r);
            if (host.n++ == 0)
                until_ns = *now_ns + host.linger_ns;
            if (alone || host.n == host.batch_max || host.bytes >= ring->rx_size / 2)
                return true;
        } else if (order == RING_REVOKE || (order == RING_STOP && host.n == 0)) {
            return false; /* the collected messages return to the daemon, not started */
        } else if (host.n == 0) {
            *now_ns = loop_sleep(*now_ns, idle_ns);
        } else if (order == RING_STOP || *now_ns >= until_ns) {
            return true;
        } else {
            bell_wait(RING_WANTS_DATA, (int)((until_ns - *now_ns + NS_PER_MS - 1) / NS_PER_MS));
            *now_ns = clock_now_ns();
        }
    }
}

void host_run(void)
{
    struct ring *ring = &host.ring;
    int64_t now = clock_now_ns();
    int64_t idle_ns = now + IDLE_NS;

    while (call_collect(&now, &idle_ns)) {
        now = call_run(now);
        idle_ns = now + IDLE_NS;
        /* The next batch may take time to fill, so its predecessor rings now. */
        if (host.batch_max > 1 || host.unrung >= BELL_RECORDS || now - host.last_bell_ns >= BELL_NS) {
            host_bell(now);
            if (host.counted && now - host.last_count_ns >= COUNT_NS)
                host_flush_counts(now);
        }
        if (ring->rx_done - ring->rx_released >= ring->rx_size / 4)
            ring_release(ring);
    }
    host_flush_counts(now);
    host_bell(now);
}
