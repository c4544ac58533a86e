/* SPDX-License-Identifier: Apache-2.0
 *
 * window - how many messages each consumer of a handler may have, here or requested, and when to compute that again.
 *
 * One pure function from numbers to numbers, computed in every iteration of the loop.  The caller (feed.c) gathers
 * the numbers, sets the windows, sends the requests and arms the timer.
 *
 *     failover  the first ready cluster in the order of `clusters`; back as soon as an earlier one is ready
 *     all       every cluster, each with its share of the window
 *     overflow  home, and what home leaves free from those that have a backlog
 *
 * Times are monotonic nanoseconds; WINDOW_NEVER: no time.
 */
#ifndef SEAMQ_DISPATCH_WINDOW_H
#define SEAMQ_DISPATCH_WINDOW_H

#include "rate.h"

#include "config/config.h"

#define WINDOW_NEVER INT64_MAX
/* If a message takes longer, another daemon could run what would only wait here: nothing is requested ahead. */
#define WINDOW_SLOW_NS INT64_C(1000000000)
/* A worker gets as many messages ahead as it handles in this time. */
#define WINDOW_PREFETCH_NS INT64_C(10000000)
/* Messages are requested when they may start within this time: more than a pull takes to the server and back. */
#define WINDOW_AHEAD_NS INT64_C(100000000)
/* Failover waits so long: longer than a reconnect to another server of the cluster, or the switch to an alternate
 * path. */
#define WINDOW_FAILOVER_NS INT64_C(1000000000)
/* Overflow asks the clusters for their backlogs so often. */
#define WINDOW_REFRESH_NS INT64_C(1000000000)

struct window_consumer {
    bool ready;
    uint64_t backlog; /* messages that wait in the stream, by the server's last word */
    size_t n_ready;   /* in-flight messages by state */
    size_t n_running;
    size_t n_settling;
    size_t n_waiting;
    size_t max_waiting;
    size_t n_turns; /* key queues whose first message may run or runs */
    size_t n_full;  /* key queues that have reached key_max */
};

struct window_in {
    int64_t now_ns;
    bool pulls;          /* by the handler's phase */
    bool work_waits;     /* a message is ready for a worker */
    size_t n_workers;    /* that are ready */
    int64_t duration_ns; /* of a message, on average; 0: not known */
    double size_bytes;   /* of a message, on average */
    int64_t batch_max;
    size_t key_max;          /* key_max_in_flight; 0: no ordering */
    size_t max_in_flight;    /* 0: no limit */
    const struct rate *rate; /* NULL: no limit */
    bool breaker_open;
    bool probe_running;
    int64_t probe_ns; /* when the breaker's next probe may start */
    enum federation_mode federation;
    size_t active;      /* failover: the consumer in use */
    int64_t lost_ns;    /* failover: since when it and all before it are not ready; 0: one of them is */
    int64_t refresh_ns; /* overflow: when the backlogs are to be asked for */
    size_t n_consumers; /* at least one */
    const struct window_consumer *consumers; /* in the order of `clusters` */
};

struct window_consumer_out {
    size_t window; /* messages, here or requested, that the consumer may have; 0: request nothing */
    size_t queued; /* of those that are here, the ones that wait for their key's turn: not counted in the window */
    bool refresh;  /* ask the server for the consumer's backlog */
};

struct window_out {
    int64_t wake_ns; /* compute again then, even if nothing happens; WINDOW_NEVER: no need */
    size_t active;   /* as in window_in, for the next call */
    int64_t lost_ns;
    int64_t refresh_ns;
};

/* Messages that one worker may have at a time. */
size_t window_per_worker(int64_t duration_ns, int64_t batch_max);
/* `out_consumers` has in->n_consumers elements. */
void window_compute(const struct window_in *in, struct window_out *out, struct window_consumer_out *out_consumers);

#endif
