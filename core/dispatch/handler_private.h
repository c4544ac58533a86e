/* SPDX-License-Identifier: Apache-2.0
 *
 * handler_private - shared by handler.c (life), feed.c (messages to workers and back),
 * pulling.c (how much to pull from which cluster), worker_pool.c (the workers), events.c (what workers report),
 * admission.c (what may start) and drain.c.
 */
#ifndef SEAMQ_DISPATCH_HANDLER_PRIVATE_H
#define SEAMQ_DISPATCH_HANDLER_PRIVATE_H

#include "admission.h"
#include "handler.h"
#include "phase.h"
#include "window.h"

#include "base/buf.h"
#include "base/clock.h"

#define HANDLER_REASON_MAX 512

struct slot { /* a worker and the messages that it has */
    struct handler *handler;
    struct worker_pool *pool;
    unsigned index; /* in its crew */
    struct worker *worker;
    struct list running; /* in the order in which they were pushed: it answers in that order */
    size_t n;
    int64_t since_ns; /* when the first of them can have begun */
    int64_t pushed;   /* since this process was ready: no more than max_messages */
    bool full;        /* the ring had no room: wait for an outcome */
    bool refused;     /* it will not be restarted */
    bool coming;      /* its replacement is starting right now: no news for anybody */
    bool ended;       /* drained */
};

struct worker_pool {
    struct list node; /* in handler.leaving */
    struct handler *handler;
    struct worker_pool_plan plan;
    struct slot *slots;
    size_t n;
    char *reason; /* why it does not get ready; NULL: nothing is known against it */
};

struct pulling {
    struct window_consumer *consumers; /* of each consumer: what goes into the computation, and what comes out */
    struct window_consumer_out *out;
    size_t active; /* see struct window_in */
    int64_t lost_ns;
    int64_t refresh_ns;
    struct loop_timer wake; /* for the hook */
};

struct handler {
    struct loop *loop;
    const struct config_handler *config;
    const struct plugin_info *info;
    struct handler_callbacks callbacks;
    void *data;
    struct settle *settle;
    struct consumer **consumers;
    size_t n_consumers;
    struct key_queues **key_queues; /* of each consumer; NULL: no ordering */
    struct pulling pulling;
    struct worker_pool *pool; /* the serving one */
    struct worker_pool *next; /* starting; NULL: none */
    struct list leaving;      /* relieved, with something left to do */
    struct list ready;
    struct admission admission;
    struct loop_hook hook;
    struct loop_timer feed_again; /* a worker that took nothing although it had nothing */
    struct buf headers;           /* of the message being pushed */
    uint64_t next_run_id;
    int64_t duration_ns; /* moving average of a message; 0: none handled yet */
    double size_bytes;   /* moving average of a message */
    enum phase phase;
    int64_t workers_until_ns;
    int64_t settle_until_ns; /* what no worker is at is not waited for longer */
    struct loop_timer finish;
    size_t n_stopping; /* consumers whose pulls have not ended */
    bool was_ready;
    char worker_reason[HANDLER_REASON_MAX]; /* why no worker is ready; "": one is */
    char reason[HANDLER_REASON_MAX];
    struct handler_stats stats;
};

extern const struct worker_callbacks handler_worker_callbacks; /* events.c; data: struct slot */

/* handler.c */
void handler_update_state(struct handler *h);

/* worker_pool.c */
int worker_pool_create(struct worker_pool **ret, struct handler *h, const struct worker_pool_plan *plan,
                       struct error *err);
void worker_pool_start(struct worker_pool *pool);
void worker_pool_destroy(struct worker_pool *pool);
void worker_pool_failed(struct worker_pool *pool, const char *why);
bool worker_pool_ended(const struct worker_pool *pool);
/* Frees those that have left. Not from a worker's callback. */
void worker_pool_bury(struct handler *h);

/* feed.c */
void feed_message(void *data, struct message *m);
void feed_retry(void *data, struct message *m, int64_t delay_ns);
void feed_front(struct handler *h, struct message *m);
void feed_hook(struct loop_hook *hook);
void feed_again(struct loop_timer *timer);
/* The message that the worker is to answer next, if that is `id`; else NULL. */
struct message *feed_running(struct slot *slot, uint64_t id);
void feed_done(struct slot *slot, struct message *m);
void feed_measure(struct handler *h, int64_t duration_ns);

/* pulling.c */
int pulling_init(struct handler *h);
void pulling_finish(struct handler *h);
void pulling_add_consumer(struct handler *h, size_t i);
/* To be called in each iteration. `start_ns`: when the next message may start, WINDOW_NEVER: not known. */
void pulling_update(struct handler *h, int64_t start_ns);

/* drain.c */
/* Returns to the server what has not started, messages whose key queue stands still included. */
void drain_give_back_all(struct handler *h);

#endif
