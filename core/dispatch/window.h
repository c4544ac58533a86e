/* SPDX-License-Identifier: Apache-2.0
 *
 * window - computes how many messages each consumer of a handler may have in flight or requested, and when to compute
 * that again.
 *
 * One pure function from numbers to numbers. The caller (pulling.c) calls it in every iteration of the loop, gathers
 * the numbers, sets the windows, requests backlogs and arms the timer. The mode of federation divides the window:
 *
 *     failover  to the first ready cluster in the order of `clusters`; back when an earlier one is ready again
 *     all       to every ready cluster in equal shares
 *     overflow  to home (the first cluster); the part that home leaves free to clusters with a backlog
 *
 * Times are nanoseconds on the monotonic clock; WINDOW_NEVER: no time.
 */
#ifndef SEAMQ_DISPATCH_WINDOW_H
#define SEAMQ_DISPATCH_WINDOW_H

#include "rate.h"

#include "config/config.h"

#define WINDOW_NEVER INT64_MAX
/* From this duration of a message on nothing is requested ahead, because another daemon could run it meanwhile. */
#define WINDOW_SLOW_NS INT64_C(1000000000)
/* A worker gets as many messages ahead as it handles in this time. */
#define WINDOW_PREFETCH_NS INT64_C(10000000)
/* A message is requested if it may start within this time, which is longer than the round trip of a pull. */
#define WINDOW_AHEAD_NS INT64_C(100000000)
/* Delay of a failover: longer than a reconnect to another server of the cluster, or the change to an alternate path. */
#define WINDOW_FAILOVER_NS INT64_C(1000000000)
/* Period in which overflow requests the backlogs of the clusters. */
#define WINDOW_REFRESH_NS INT64_C(1000000000)

struct window_consumer {
    bool ready;
    uint64_t backlog; /* messages that wait in the stream, by the server's last answer */
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
    bool pulls;          /* the handler is in a phase that pulls */
    bool work_waits;     /* a message is ready for a worker */
    size_t n_workers;    /* ready workers */
    int64_t duration_ns; /* average run of a message; 0: not known */
    double size_bytes;   /* average payload of a message */
    int64_t batch_max;
    size_t key_max;          /* key_max_in_flight; 0: no ordering */
    size_t max_in_flight;    /* 0: no limit */
    const struct rate *rate; /* NULL: no limit */
    bool breaker_open;
    bool probe_running;
    int64_t probe_ns; /* when the breaker's next probe may start */
    enum federation_mode federation;
    size_t active;      /* failover: the consumer in use */
    int64_t lost_ns;    /* failover: time since which it and all before it are not ready; 0: one is ready */
    int64_t refresh_ns; /* overflow: when to request the backlogs */
    size_t n_consumers; /* at least one */
    const struct window_consumer *consumers; /* in the order of `clusters` */
};

struct window_consumer_out {
    size_t window; /* messages that may be in flight or requested; 0: request nothing */
    size_t queued; /* in-flight messages that wait for the turn of their key; these do not count in the window */
    bool refresh;  /* request the consumer's backlog from the server */
};

struct window_out {
    int64_t wake_ns; /* when to compute again, even if nothing happens; WINDOW_NEVER: no need */
    size_t active;   /* this and the following: input of the next call */
    int64_t lost_ns;
    int64_t refresh_ns;
};

/* Number of messages that one worker may have at a time. */
size_t window_per_worker(int64_t duration_ns, int64_t batch_max);
/* `out_consumers` has in->n_consumers elements. */
void window_compute(const struct window_in *in, struct window_out *out, struct window_consumer_out *out_consumers);

#endif
