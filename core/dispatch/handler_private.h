/* SPDX-License-Identifier: Apache-2.0
 *
 * handler_private - shared by handler.c (life), feed.c (messages to workers and back),
 * federate.c (from which cluster), worker_pool.c (the workers), events.c (what workers report), admission.c
 * (what may start) and drain.c.
 */
#ifndef SEAMQ_DISPATCH_HANDLER_PRIVATE_H
#define SEAMQ_DISPATCH_HANDLER_PRIVATE_H

#include "admission.h"
#include "handler.h"

#include "base/buf.h"
#include "base/clock.h"

#define HANDLER_REASON_MAX 512
/* Above this a message more in the house is one that another daemon could be at work on. */
#define HANDLER_SLOW_NS NS_PER_SEC

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

struct federate {
    size_t active;          /* failover: the consumer in use */
    int64_t lost_ns;        /* failover: since when it is not ready; 0: it is */
    int64_t ask_at_ns;      /* overflow: when to ask for the others' backlog */
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
    struct federate federate;
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
    bool waiting;        /* for its predecessor: nothing is pulled */
    bool stumbled;       /* a worker ended while it waited */
    bool draining;
    bool dismissed; /* draining while the daemon lives on */
    bool finishing; /* draining, and going on with what is here */
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

size_t feed_ready_workers(const struct handler *h);

/* federate.c: `window` is for all clusters together */
void federate_finish(struct handler *h);
void federate_add(struct handler *h, size_t i);
void federate(struct handler *h, size_t window);

/* drain.c */
/* What has not started is not to start any more. */
bool drain_gives_back(const struct handler *h);
/* All that has not started, those of lanes that stand still too. */
void drain_give_back_all(struct handler *h);

#endif
