/* SPDX-License-Identifier: Apache-2.0
 *
 * handler - one running [handler.NAME]: consumers, queue, workers and settling.
 *
 * A message comes from a consumer, waits in the list `ready`, and goes to the worker with the fewest messages. The
 * worker's outcome goes to the settle module. A worker gets as many messages ahead as it handles in about 10 ms, so
 * a slow handler keeps no messages from other daemons, and a fast one does not wait for the next message. Without a
 * ready worker nothing is pulled, so no attempts are used.
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

/* Time for the close() of a retired worker, after the timeout of its message. */
#define HANDLER_CLOSE_NS (10 * NS_PER_SEC)

#define HANDLER_EXIT_REASONS (WORKER_EXIT_SPAWN + 1)

struct handler_counter { /* a metric of seamq_count() */
    char name[64];
    uint64_t value;
};

struct handler_stats {
    uint64_t handled; /* outcomes of workers */
    uint64_t outcomes[OUTCOMES];
    uint64_t exits[HANDLER_EXIT_REASONS]; /* ended worker processes by reason */
    uint64_t restarts;
    uint64_t failovers;        /* changes to a later cluster of the list */
    struct histogram duration; /* of runs */
    struct handler_counter *counters;
    size_t n_counters;
};

struct handler_callbacks {
    /* Readiness or its reason has changed. */
    void (*on_state)(void *data, struct handler *h);
};

struct worker_pool_plan { /* input for starting workers; must outlive them */
    const char *program;  /* path of seamq-worker */
    const struct config_handler *config;
    const struct plugin_info *info;
    const struct image *image; /* NULL: load the file at the plugin's path */
    bool trust_any;            /* skip the check of who can change the file */
};

/* Starts the workers. 0, or a negative errno with a sentence in `err`. */
int handler_create(struct handler **ret, struct loop *loop, const struct worker_pool_plan *plan,
                   const struct handler_callbacks *callbacks, void *data, struct error *err);
/* Kills the remaining workers. The server redelivers in-flight messages after ack wait. */
void handler_destroy(struct handler *h);

/* Adds the consumer of one cluster, in the order of the option `clusters`. The connection need not be up. `index` is
 * unique among all consumers of the daemon. */
int handler_add_consumer(struct handler *h, struct requests *requests, const struct config_cluster *cluster,
                         unsigned index, struct error *err);
/* Adds an alternate path through another cluster to the consumer that was added last (consumer_add_path()). */
int handler_add_path(struct handler *h, struct requests *requests);
void handler_connection_state(struct handler *h, const struct connection *connection, enum connection_state state,
                              const char *text);
void handler_connection_error(struct handler *h, const struct connection *connection, const char *text);

/* Starts a rolling restart: a second pool of workers starts beside the serving pool. The plan's configuration must not
 * change the consumers (config_handler_change). 0; -EBUSY: draining, or a rolling restart runs; or another errno. */
int handler_rolling_restart(struct handler *h, const struct worker_pool_plan *plan, struct error *err);
/* Activates the new pool when all of its workers are ready. To be called again while it returns STARTING.
 * After DONE the old plan is in use until handler_retired_pools_ended(). FAILED: the old pool goes on, `why` says why a
 * new worker failed. NONE: no rolling restart runs. Not to be called from a callback. */
enum rolling_restart { ROLLING_RESTART_NONE, ROLLING_RESTART_STARTING, ROLLING_RESTART_DONE, ROLLING_RESTART_FAILED };
enum rolling_restart handler_rolling_restart_step(struct handler *h, char *why, size_t size);
/* Kills the new workers; the old pool goes on. Not to be called from a callback. */
void handler_rolling_restart_cancel(struct handler *h);
/* Frees retired pools that have ended. True: none is left. Not to be called from a callback. */
bool handler_retired_pools_ended(struct handler *h);

/* True: the handler pulls nothing, because its predecessor still uses the same consumer. False: it starts to pull. */
void handler_set_standby(struct handler *h, bool standby);
/* How a worker ended during standby, which means that the handler hardly gets ready. NULL: no worker ended. */
const char *handler_standby_failure(const struct handler *h);

/* Drains because the daemon stops: stops pulling, returns unstarted messages to the server, and lets running ones
 * finish until `deadline_ns`. A second call can only make the deadline earlier. */
void handler_drain(struct handler *h, int64_t deadline_ns);
/* Drains because of a reload: running messages have their whole timeout, all other messages until `settle_until_ns`.
 * Returns the deadline of the whole drain. */
int64_t handler_drain_for_reload(struct handler *h, int64_t settle_until_ns);
/* All workers have ended, also those of retired pools. */
bool handler_workers_ended(const struct handler *h);
/* No message is left to settle or to confirm, and all workers have ended. */
bool handler_drained(const struct handler *h);

/* At least one worker and at least one consumer are ready: the outage of one cluster does not affect the others. */
bool handler_ready(const struct handler *h);
/* Why the handler is not ready; "" if it is ready. */
const char *handler_reason(const struct handler *h);
/* Writes what an operator should know of a ready handler: shadow mode, an open breaker, warnings about filters, pauses
 * and keys that stop it; "" if there is nothing. */
void handler_note(const struct handler *h, char *out, size_t size);

/* True: a consumer of the handler uses that connection, or can use it as an alternate path. */
bool handler_uses(const struct handler *h, const struct connection *connection);
const struct config_handler *handler_config(const struct handler *h);
const struct plugin_info *handler_plugin(const struct handler *h);
const struct handler_stats *handler_stats(const struct handler *h);
const struct settle_stats *handler_settle_stats(const struct handler *h);
const struct breaker *handler_breaker(const struct handler *h);
/* Numbers of the i-th consumer; all 0 without ordering. */
struct key_queues_stats handler_key_queues(const struct handler *h, size_t i);
size_t handler_n_consumers(const struct handler *h);
struct consumer *handler_consumer(const struct handler *h, size_t i);
/* True: the i-th consumer is ready, and its window is not 0. */
bool handler_pulls_from(const struct handler *h, size_t i);
size_t handler_n_workers(const struct handler *h);
const struct worker *handler_worker(const struct handler *h, size_t i);
const char *handler_exit_name(enum worker_exit_reason reason);

#endif
