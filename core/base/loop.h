/* SPDX-License-Identifier: Apache-2.0
 *
 * loop - the event loop of seamqd: descriptors, timers and hooks, on one thread.
 *
 * Thread: the thread of the loop calls all functions; other threads wake it through a descriptor (an eventfd).
 * Callbacks may add and remove any descriptor, timer or hook, their own included.
 */
#ifndef SEAMQ_BASE_LOOP_H
#define SEAMQ_BASE_LOOP_H

#include "list.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

struct loop;

/* A watched descriptor.  Embedded in its owner, which closes the descriptor. */
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
    void (*fire)(struct loop_timer *self); /* NULL: the timer only wakes the loop for its hooks */
    void *data;
};

/* A hook runs once an iteration, after all events and before the loop sleeps, to send what the iteration collected as
 * one batch.  Hooks run in the order of enum loop_order, so work that one passes to a later one leaves in the same
 * iteration. */
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
/* Discards pending events of the descriptor.  Call it before close(f->fd). */
void loop_remove_fd(struct loop *l, struct loop_fd *f);

/* Arms the timer, or changes its time. */
void loop_arm(struct loop *l, struct loop_timer *t, int64_t at_ns);
void loop_disarm(struct loop *l, struct loop_timer *t);
static inline bool loop_timer_armed(const struct loop_timer *t)
{
    return t->slot != 0;
}

void loop_add_hook(struct loop *l, struct loop_hook *h);
void loop_remove_hook(struct loop *l, struct loop_hook *h);

/* The monotonic time at which this iteration began: one value for all its work, without a system call. */
int64_t loop_now_ns(const struct loop *l);

/* Runs until loop_stop(); 0 or a negative errno. */
int loop_run(struct loop *l);
/* Runs one iteration, which waits at most `timeout_ns` (-1: until something happens). */
int loop_once(struct loop *l, int64_t timeout_ns);
void loop_stop(struct loop *l);

#endif
