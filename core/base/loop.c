/* SPDX-License-Identifier: Apache-2.0
 * loop - epoll and a binary heap of timers. */
#include "loop.h"

#include "clock.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define EVENTS_MAX 64

struct loop {
    int epfd;
    bool stopping;
    int64_t now_ns;
    struct loop_timer **heap; /* 1-based: heap[1] is the earliest */
    uint32_t n_timers;
    uint32_t cap;
    struct list hooks;
    struct list *next_hook;                /* the next one, while hooks run */
    struct epoll_event events[EVENTS_MAX]; /* of this iteration; removed descriptors are set to NULL */
    int n_events;
};

int loop_create(struct loop **ret)
{
    struct loop *l = calloc(1, sizeof(*l));
    if (!l)
        return -ENOMEM;
    list_init(&l->hooks);
    l->epfd = epoll_create1(EPOLL_CLOEXEC);
    if (l->epfd < 0) {
        int rc = -errno;
        free(l);
        return rc;
    }
    l->now_ns = clock_now_ns();
    *ret = l;
    return 0;
}

void loop_destroy(struct loop *l)
{
    if (!l)
        return;
    close(l->epfd);
    free(l->heap);
    free(l);
}

int loop_add_fd(struct loop *l, struct loop_fd *f)
{
    struct epoll_event e = {.events = f->events, .data.ptr = f};
    return epoll_ctl(l->epfd, EPOLL_CTL_ADD, f->fd, &e) ? -errno : 0;
}

int loop_mod_fd(struct loop *l, struct loop_fd *f, uint32_t events)
{
    if (f->events == events)
        return 0;
    struct epoll_event e = {.events = events, .data.ptr = f};
    if (epoll_ctl(l->epfd, EPOLL_CTL_MOD, f->fd, &e) < 0)
        return -errno;
    f->events = events;
    return 0;
}

void loop_remove_fd(struct loop *l, struct loop_fd *f)
{
    epoll_ctl(l->epfd, EPOLL_CTL_DEL, f->fd, NULL);
    for (int i = 0; i < l->n_events; i++)
        if (l->events[i].data.ptr == f)
            l->events[i].data.ptr = NULL;
}

static void heap_place(struct loop *l, uint32_t at, struct loop_timer *t)
{
    l->heap[at] = t;
    t->slot = at;
}

static void heap_up(struct loop *l, uint32_t at, struct loop_timer *t)
{
    for (; at > 1 && l->heap[at / 2]->at_ns > t->at_ns; at /= 2)
        heap_place(l, at, l->heap[at / 2]);
    heap_place(l, at, t);
}

static void heap_down(struct loop *l, uint32_t at, struct loop_timer *t)
{
    for (;;) {
        uint32_t child = at * 2;
        if (child > l->n_timers)
            break;
        if (child < l->n_timers && l->heap[child + 1]->at_ns < l->heap[child]->at_ns)
            child++;
        if (l->heap[child]->at_ns >= t->at_ns)
            break;
        heap_place(l, at, l->heap[child]);
        at = child;
    }
    heap_place(l, at, t);
}

void loop_arm(struct loop *l, struct loop_timer *t, int64_t at_ns)
{
    if (t->slot) {
        int64_t before = t->at_ns;
        t->at_ns = at_ns;
        if (at_ns < before)
            heap_up(l, t->slot, t);
        else
            heap_down(l, t->slot, t);
        return;
    }
    if (l->n_timers + 1 >= l->cap) {
        uint32_t cap = l->cap ? l->cap * 2 : 32;
        struct loop_timer **heap = realloc(l->heap, cap * sizeof(*heap));
        assert(heap); /* a few bytes: seamqd cannot continue without its timers */
        l->heap = heap;
        l->cap = cap;
    }
    t->at_ns = at_ns;
    heap_up(l, ++l->n_timers, t);
}

void loop_disarm(struct loop *l, struct loop_timer *t)
{
    uint32_t at = t->slot;
    if (!at)
        return;
    t->slot = 0;
    struct loop_timer *last = l->heap[l->n_timers--];
    if (last == t)
        return;
    if (at > 1 && l->heap[at / 2]->at_ns > last->at_ns)
        heap_up(l, at, last);
    else
        heap_down(l, at, last);
}

void loop_add_hook(struct loop *l, struct loop_hook *h)
{
    struct list *at = l->hooks.prev;
    while (at != &l->hooks && container_of(at, struct loop_hook, node)->order > h->order)
        at = at->prev;
    list_insert_after(at, &h->node);
}

void loop_remove_hook(struct loop *l, struct loop_hook *h)
{
    if (l->next_hook == &h->node)
        l->next_hook = h->node.next;
    list_remove(&h->node);
}

int64_t loop_now_ns(const struct loop *l)
{
    return l->now_ns;
}

static void fire_timers(struct loop *l)
{
    /* Each timer fires once: a timer that arms itself for now must not starve the descriptors. */
    for (uint32_t n = l->n_timers; n && l->n_timers && l->heap[1]->at_ns <= l->now_ns; n--) {
        struct loop_timer *t = l->heap[1];
        loop_disarm(l, t);
        if (t->fire)
            t->fire(t);
    }
}

/* Time until the next timer in milliseconds, rounded up, so that the loop neither wakes early nor spins. */
static int wait_ms(const struct loop *l, int64_t timeout_ns)
{
    if (l->n_timers) {
        int64_t now = clock_now_ns();
        int64_t left = l->heap[1]->at_ns > now ? l->heap[1]->at_ns - now : 0;
        if (timeout_ns < 0 || left < timeout_ns)
            timeout_ns = left;
    }
    if (timeout_ns < 0)
        return -1;
    int64_t ms = timeout_ns / NS_PER_MS + (timeout_ns % NS_PER_MS != 0);
    return ms > 60000 ? 60000 : (int)ms;
}

int loop_once(struct loop *l, int64_t timeout_ns)
{
    for (struct list *node = l->hooks.next; node != &l->hooks; node = l->next_hook) {
        struct loop_hook *h = container_of(node, struct loop_hook, node);
        l->next_hook = node->next;
        h->run(h);
    }
    l->next_hook = NULL;
    if (l->stopping)
        return 0;
    int n = epoll_wait(l->epfd, l->events, EVENTS_MAX, wait_ms(l, timeout_ns));
    l->now_ns = clock_now_ns();
    if (n < 0)
        return errno == EINTR ? 0 : -errno;
    l->n_events = n;
    for (int i = 0; i < n; i++) {
        struct loop_fd *f = l->events[i].data.ptr;
        if (f)
            f->ready(f, l->events[i].events);
    }
    l->n_events = 0;
    fire_timers(l);
    return 0;
}

int loop_run(struct loop *l)
{
    int rc = 0;
    while (!l->stopping && rc == 0)
        rc = loop_once(l, -1);
    return rc;
}

void loop_stop(struct loop *l)
{
    l->stopping = true;
}
