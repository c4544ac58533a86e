/* SPDX-License-Identifier: Apache-2.0
 *
 * handler - one [handler.NAME] at work: its consumers, its queue, its workers, its settling.
 *
 * A message comes from a consumer, waits in `ready`, goes to the worker that has the least to
 * do, and comes back as an outcome for the settle module.  Prefetch is by time: a worker gets
 * as many messages ahead as it handles in about 10 ms, so a slow handler hoards nothing and a
 * fast one never waits.  While no worker is ready nothing is pulled: no attempt is burned.
 *
 * Thread: the loop's.
 */
#ifndef SEAMQ_DISPATCH_HANDLER_H
#define SEAMQ_DISPATCH_HANDLER_H

#include "breaker.h"
#include "key_queues.h"

#include "base/histogram.h"
#include "base/loop.h"
#include "config/config.h"
#include "consumer/consumer.h"
#include "settle/settle.h"
#include "worker/worker.h"

struct handler;

/* For close() of a worker that leaves, beyond what its message may take. */
#define HANDLER_LEAVE_NS (10 * NS_PER_SEC)

#define HANDLER_EXIT_REASONS (WORKER_EXIT_SPAWN + 1)

struct handler_counter { /* of seamq_count() */
    char name[64];
    uint64_t value;
};

struct handler_stats {
    uint64_t handled; /* outcomes that workers gave */
    uint64_t outcomes[OUTCOMES];
    uint64_t exits[HANDLER_EXIT_REASONS]; /* of workers, by reason */
    uint64_t restarts;
    uint64_t failovers; /* to a cluster further from home */
    struct histogram duration;
    struct handler_counter *counters;
    size_t n_counters;
};

struct handler_callbacks {
    /* Ready or not, or the reason, has changed. */
    void (*on_state)(void *data, struct handler *h);
};

struct worker_pool_plan { /* what workers are made by; outlives them */
    const char *program;  /* path of seamq-worker */
    const struct config_handler *config;
    const struct plugin_info *info;
    const struct image *image; /* NULL: whatever is at the plugin's path */
    bool trust_any;            /* whoever can change that */
};

/* The workers are started at once.  0, or negative with a sentence. */
int handler_create(struct handler **ret, struct loop *loop, const struct worker_pool_plan *plan,
                   const struct handler_callbacks *callbacks, void *data, struct error *err);
/* Kills what is left; what is held goes back by the server's ack wait. */
void handler_destroy(struct handler *h);

/* A cluster that it consumes from; the api's link need not be up. `index` is unique among all
 * consumers. In the order of the configuration's `clusters`. */
int handler_add_consumer(struct handler *h, struct requests *requests, const struct config_cluster *cluster,
                         unsigned index, struct error *err);
/* Another cluster's connection for the consumer added last: see consumer_add_path(). */
int handler_add_route(struct handler *h, struct requests *requests);
void handler_connection_state(struct handler *h, const struct connection *connection, enum connection_state state,
                              const char *text);
void handler_connection_error(struct handler *h, const struct connection *connection, const char *text);

/* Starts a rolling restart: workers by another plan, whose configuration differs in nothing that consumers need
 * (config_handler_change), start beside the serving ones. 0; -EBUSY: draining, or one is under way; or negative. */
int handler_rolling_restart(struct handler *h, const struct worker_pool_plan *plan, struct error *err);
/* To be called until it returns neither NONE nor STARTING: retires the old workers as soon as all new ones are ready.
 * After DONE the old plan is in use until handler_retired_ended(). FAILED: the old workers go on, `why` says what
 * was wrong with the new ones. NONE: none is under way. Not from a callback. */
enum rolling_restart { ROLLING_RESTART_NONE, ROLLING_RESTART_STARTING, ROLLING_RESTART_DONE, ROLLING_RESTART_FAILED };
enum rolling_restart handler_rolling_restart_step(struct handler *h, char *why, size_t size);
/* Ends the new workers; the old ones go on. Not from a callback. */
void handler_rolling_restart_cancel(struct handler *h);
/* Whether all retired workers have ended; frees them. Not from a callback. */
bool handler_retired_ended(struct handler *h);

/* `wait`: nothing is pulled, because another handler still serves the same consumer; false: that one has left. */
void handler_wait(struct handler *h, bool wait);
/* Why a worker ended while the handler waited, so that it will hardly get ready; NULL: none ended. */
const char *handler_hopeless(const struct handler *h);

/* Stops pulling, gives unstarted messages back, lets running ones finish until `deadline_ns`. Called again, it counts
 * if it is earlier. */
void handler_drain(struct handler *h, int64_t deadline_ns);
/* The same while the daemon lives on: workers have the time of their messages, all else ends by `settle_until_ns`.
 * Says when all is over. */
int64_t handler_dismiss(struct handler *h, int64_t settle_until_ns);
/* All workers, the relieved ones too. */
bool handler_workers_ended(const struct handler *h);
/* Nothing is held any more and all workers have ended. */
bool handler_drained(const struct handler *h);

/* A worker is ready and so is the consumer of a cluster: one cluster's outage stops no other's flow. */
bool handler_ready(const struct handler *h);
/* Why not; "" when ready. */
const char *handler_reason(const struct handler *h);
/* What keeps a ready handler from working, "" when nothing does; written to out. */
void handler_note(const struct handler *h, char *out, size_t size);

/* Whether one of its consumers may be reached by that link. */
bool handler_uses(const struct handler *h, const struct connection *connection);
const struct config_handler *handler_config(const struct handler *h);
const struct plugin_info *handler_plugin(const struct handler *h);
const struct handler_stats *handler_stats(const struct handler *h);
const struct settle_stats *handler_settle_stats(const struct handler *h);
const struct breaker *handler_breaker(const struct handler *h);
/* Of the i-th consumer; all 0 without ordering. */
struct key_queues_stats handler_key_queues(const struct handler *h, size_t i);
size_t handler_n_consumers(const struct handler *h);
struct consumer *handler_consumer(const struct handler *h, size_t i);
/* Whether messages are taken from that cluster at the moment, as far as federation has a say. */
bool handler_takes_from(const struct handler *h, size_t i);
size_t handler_n_workers(const struct handler *h);
const struct worker *handler_worker(const struct handler *h, size_t i);
const char *handler_exit_name(enum worker_exit_reason reason);

#endif
