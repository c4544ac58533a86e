/* SPDX-License-Identifier: Apache-2.0
 *
 * loop - the event loop that owns seamqd's state: descriptors, timers, one thread.
 *
 * Everything here is called by the loop's own thread; other threads reach it through a
 * descriptor that they write to (an eventfd).  Callbacks may add and remove any source,
 * timer or hook, their own included.
 */
#ifndef SEAMQ_BASE_LOOP_H
#define SEAMQ_BASE_LOOP_H

#include "list.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

struct loop;

/* A watched descriptor.  Embedded in its owner, who keeps and closes the descriptor. */
struct loop_fd {
    int fd;
    uint32_t events;
    void (*ready)(struct loop_fd *self, uint32_t events); /* EPOLL* bits */
    void *data;
};

/* A one-shot timer.  Embedded in its owner; zero-initialised is "not armed". */
struct loop_timer {
    int64_t at_ns;                         /* monotonic */
    uint32_t slot;                         /* place in the heap + 1; 0: not armed */
    void (*fire)(struct loop_timer *self); /* NULL: it is time for the hooks, nothing else */
    void *data;
};

/* Called once an iteration, after all events were handled and before the loop sleeps:
 * the place to publish in one go what the iteration collected.  Hooks run by their order,
 * so that what one collects for another goes out in the same iteration. */
enum loop_order { LOOP_ORDER_DISPATCH, LOOP_ORDER_PULL, LOOP_ORDER_SUBMIT };

struct loop_hook {
    struct list node;
    enum loop_order order;
    void (*run)(struct loop_hook *self);
    void *data;
};

/* 0 or a negative errno. */
int loop_create(struct loop **ret);
void loop_destroy(struct loop *l);

int loop_add_fd(struct loop *l, struct loop_fd *f);
int loop_mod_fd(struct loop *l, struct loop_fd *f, uint32_t events);
/* Pending events of the source are discarded.  Before close(f->fd). */
void loop_remove_fd(struct loop *l, struct loop_fd *f);

/* Arms, or moves when armed already. */
void loop_arm(struct loop *l, struct loop_timer *t, int64_t at_ns);
void loop_disarm(struct loop *l, struct loop_timer *t);
static inline bool loop_timer_armed(const struct loop_timer *t)
{
    return t->slot != 0;
}

void loop_add_hook(struct loop *l, struct loop_hook *h);
void loop_remove_hook(struct loop *l, struct loop_hook *h);

/* The monotonic time at which this iteration began: cheap, and one value for all its work. */
int64_t loop_now_ns(const struct loop *l);

/* Runs until loop_stop(); 0 or a negative errno. */
int loop_run(struct loop *l);
/* One iteration that waits at most `timeout_ns` (-1: until something happens). */
int loop_once(struct loop *l, int64_t timeout_ns);
void loop_stop(struct loop *l);

#endif
