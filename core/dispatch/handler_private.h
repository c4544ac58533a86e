/* SPDX-License-Identifier: Apache-2.0
 *
 * handler_private - struct handler and the functions that its files share: handler.c (life cycle and state),
 * feed.c (messages to workers), pulling.c (how much to pull from which cluster), worker_pool.c (worker processes),
 * events.c (reports of workers), admission.c (when a message may start) and drain.c (end).
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

struct slot { /* a worker, and the messages in its ring */
    struct handler *handler;
    struct worker_pool *pool;
    unsigned index; /* in the pool */
    struct worker *worker;
    struct list running; /* RUNNING messages in the order of the pushes, which is the order of the outcomes */
    size_t n;
    int64_t first_since_ns; /* the earliest time at which the first message can have started */
    int64_t pushed;         /* messages pushed since this process was ready: at most max_messages */
    bool full;              /* the ring had no room: push nothing before the next outcome */
    bool refused;           /* the plugin was refused for good: no restart */
    bool restarting;        /* the next process starts without a pause: the handler stays ready meanwhile */
    bool ended;             /* the process has ended, and no other one starts */
};

struct worker_pool {
    struct list node; /* in handler.retired_pools */
    struct handler *handler;
    struct worker_pool_plan plan;
    struct slot *slots;
    size_t n;
    char *failure; /* why a worker ended before the pool was ready; NULL: none ended */
};

struct pulling {
    struct window_consumer *consumers; /* input of window_compute(), one for each consumer */
    struct window_consumer_out *out;   /* output of window_compute(), one for each consumer */
    size_t active;                     /* see struct window_in */
    int64_t lost_ns;
    int64_t refresh_ns;
    struct loop_timer wake; /* starts an iteration of the loop, so that the hook runs */
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
    struct key_queues **key_queues; /* one for each consumer; NULL: no ordering */
    struct pulling pulling;
    struct worker_pool *pool;      /* gets the messages */
    struct worker_pool *next_pool; /* starts in a rolling restart; NULL: none */
    struct list retired_pools;     /* replaced in a rolling restart; their processes have not all ended */
    struct list ready;             /* messages for the next free worker */
    struct admission admission;
    struct loop_hook hook;
    struct loop_timer push_retry; /* pushes again to workers whose ring was full although they run nothing */
    struct buf headers;           /* scratch space for the headers of one pushed message */
    uint64_t next_run_id;
    int64_t duration_ns; /* moving average of a message's run; 0: no message has run yet */
    double size_bytes;   /* moving average of a message's payload */
    enum phase phase;
    int64_t workers_until_ns; /* draining: deadline for the messages that workers run */
    int64_t settle_until_ns;  /* draining: deadline for all other messages */
    struct loop_timer finish; /* draining: checks whether the messages that have arrived are done */
    size_t n_stopping;        /* draining: consumers whose pulls have not ended */
    bool is_ready;
    char worker_reason[HANDLER_REASON_MAX]; /* how the last worker of `pool` ended, or that it starts */
    char reason[HANDLER_REASON_MAX];        /* why the handler is not ready; "": it is */
    struct handler_stats stats;
};

extern const struct worker_callbacks handler_worker_callbacks; /* in events.c; data is a struct slot */

/* handler.c */
void handler_update_state(struct handler *h);

/* worker_pool.c */
int worker_pool_create(struct worker_pool **ret, struct handler *h, const struct worker_pool_plan *plan,
                       struct error *err);
void worker_pool_start(struct worker_pool *pool);
void worker_pool_destroy(struct worker_pool *pool);
void worker_pool_set_failure(struct worker_pool *pool, const char *why);
bool worker_pool_ended(const struct worker_pool *pool);
/* Frees the retired pools whose workers have all ended. Not to be called from a worker's callback. */
void worker_pools_free_ended(struct handler *h);

/* feed.c */
/* A consumer's message has arrived, or was redelivered. */
void feed_add_message(void *data, struct message *m);
/* Starts the message's next attempt after delay_ns, or returns it to the server when draining. */
void feed_schedule_retry(void *data, struct message *m, int64_t delay_ns);
/* Puts a message that did not start, and is in no list, near the front of the queue. */
void feed_requeue(struct handler *h, struct message *m);
void feed_hook(struct loop_hook *hook);
void feed_on_push_retry(struct loop_timer *timer);
/* The message whose outcome is due next from the worker. NULL: its id is not `id`. */
struct message *feed_find_running(struct slot *slot, uint64_t id);
void feed_remove_running(struct slot *slot, struct message *m);
/* Adds a run to the average duration. */
void feed_note_duration(struct handler *h, int64_t duration_ns);

/* pulling.c */
int pulling_init(struct handler *h);
void pulling_finish(struct handler *h);
void pulling_add_consumer(struct handler *h, size_t i);
/* To be called in each iteration of the loop. The next message may start at `start_ns`; WINDOW_NEVER: not known. */
void pulling_update(struct handler *h, int64_t start_ns);

/* drain.c */
/* Returns all messages that have not started to the server, also those of stopped key queues. */
void drain_return_messages(struct handler *h);

#endif
