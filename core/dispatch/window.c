/* SPDX-License-Identifier: Apache-2.0
 * window - computes the handler's window, divides it between clusters, and applies the limits of each consumer. */
#include "window.h"

#include <string.h>

#define PER_WORKER_MAX 4096
#define WINDOW_MAX 10000
#define WINDOW_BYTES (64.0 * 1024 * 1024)

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void wake_not_later(struct window_out *out, int64_t at_ns)
{
    if (at_ns < out->wake_ns)
        out->wake_ns = at_ns;
}

/* ---- the handler's window ------------------------------------------------------------ */

/* Messages that a worker may have, however long they take: one, or two batches. */
static size_t per_worker_min(int64_t batch_max)
{
    return batch_max > 1 ? 2 * (size_t)batch_max : 1;
}

size_t window_per_worker(int64_t duration_ns, int64_t batch_max)
{
    size_t least = per_worker_min(batch_max);
    size_t n = duration_ns ? min_size((size_t)(WINDOW_PREFETCH_NS / duration_ns), PER_WORKER_MAX) : 0;
    return n > least ? n : least;
}

/* The window of all consumers together. */
static size_t handler_window_compute(const struct window_in *in)
{
    size_t each = window_per_worker(in->duration_ns, in->batch_max);
    size_t n = in->n_workers;
    size_t window = n * each * 2; /* half of them in the workers' rings, half on their way from the server */

    if (!in->pulls || n == 0)
        return 0;
    if (each == 1)
        window = n + (in->duration_ns < WINDOW_SLOW_NS);
    size_t least = n * per_worker_min(in->batch_max);
    window = min_size(window, least > WINDOW_MAX ? least : WINDOW_MAX);
    if (in->size_bytes > 1 && (double)window > WINDOW_BYTES / in->size_bytes)
        window = (size_t)(WINDOW_BYTES / in->size_bytes);
    return window ? window : 1;
}

/* ---- one consumer's limits ----------------------------------------------------------- */

/* The limit allows for the case that all requested messages have the same key. */
static size_t limit_by_keys(const struct window_in *in, const struct window_consumer *c, size_t window)
{
    if (c->n_full || c->n_waiting >= c->max_waiting)
        return 0;
    return min_size(window, c->n_turns + in->key_max);
}

/* The window while the breaker is open: one message is requested if a probe may start and no message is here. */
static size_t probe_window_compute(const struct window_in *in, const struct window_consumer *c, struct window_out *out)
{
    if (in->work_waits || in->probe_running)
        return 0;
    if (in->probe_ns > in->now_ns) {
        wake_not_later(out, in->probe_ns);
        return 0;
    }
    return c->n_running + c->n_settling + 1;
}

/* Number of messages that the rate allows to start within WINDOW_AHEAD_NS. */
static size_t rate_window_compute(const struct window_in *in, struct window_out *out)
{
    size_t room = rate_room(in->rate, in->now_ns, in->now_ns + WINDOW_AHEAD_NS);
    if (room == 0 && !in->work_waits) /* with waiting work the caller wakes up for its start */
        wake_not_later(out, rate_due_ns(in->rate) - WINDOW_AHEAD_NS);
    return room;
}

static size_t limit_by_admission(const struct window_in *in, const struct window_consumer *c, size_t window,
                                 struct window_out *out)
{
    if (window == 0)
        return 0;
    if (in->breaker_open)
        return probe_window_compute(in, c, out);
    if (in->max_in_flight) /* fast messages: as many again on their way */
        window = min_size(window, c->n_settling + in->max_in_flight * (in->duration_ns < WINDOW_SLOW_NS ? 2 : 1));
    if (in->rate)
        window = min_size(window, c->n_running + c->n_settling + rate_window_compute(in, out));
    return window;
}

static void consumer_window_set(const struct window_in *in, size_t i, size_t window, struct window_out *out,
                                struct window_consumer_out *out_consumers)
{
    const struct window_consumer *c = &in->consumers[i];
    struct window_consumer_out *o = &out_consumers[i];

    if (in->key_max) {
        o->queued = c->n_ready + c->n_running + c->n_settling - c->n_turns;
        window = limit_by_keys(in, c, window);
    }
    o->window = limit_by_admission(in, c, window, out);
}

/* ---- the division between clusters --------------------------------------------------- */

static void failover_choose(const struct window_in *in, struct window_out *out)
{
    size_t best = 0;

    while (best < in->n_consumers && !in->consumers[best].ready)
        best++;
    if (best <= in->active) {
        out->active = best;
        out->lost_ns = 0;
        return;
    }
    if (!out->lost_ns)
        out->lost_ns = in->now_ns;
    if (best == in->n_consumers)
        return;
    if (in->now_ns - out->lost_ns >= WINDOW_FAILOVER_NS) {
        out->active = best;
        out->lost_ns = 0;
    } else {
        wake_not_later(out, out->lost_ns + WINDOW_FAILOVER_NS);
    }
}

/* Clusters before the active one keep their window, because only a pull can show that they are healthy again. */
static void failover_divide(const struct window_in *in, size_t window, struct window_out *out,
                            struct window_consumer_out *out_consumers)
{
    failover_choose(in, out);
    for (size_t i = 0; i < in->n_consumers; i++)
        consumer_window_set(in, i, i <= out->active ? window : 0, out, out_consumers);
}

static void all_divide(const struct window_in *in, size_t window, struct window_out *out,
                       struct window_consumer_out *out_consumers)
{
    size_t n = 0;
    for (size_t i = 0; i < in->n_consumers; i++)
        n += in->consumers[i].ready;
    size_t share = n > 1 ? window / n : window;
    if (window && !share)
        share = 1;
    for (size_t i = 0; i < in->n_consumers; i++)
        consumer_window_set(in, i, share, out, out_consumers);
}

/* Messages that can run beside those of home (the first cluster); 0: home needs all workers. */
static size_t overflow_spare(const struct window_in *in, size_t window)
{
    const struct window_consumer *home = &in->consumers[0];
    size_t busy = home->n_ready + home->n_running;

    if (!home->ready)
        return window;
    if (home->backlog > 0 || busy >= in->n_workers)
        return 0;
    return window > busy ? window - busy : 0;
}

static void overflow_divide(const struct window_in *in, size_t window, struct window_out *out,
                            struct window_consumer_out *out_consumers)
{
    size_t left = overflow_spare(in, window);
    bool refresh = in->now_ns >= in->refresh_ns;

    consumer_window_set(in, 0, window, out, out_consumers);
    for (size_t i = 1; i < in->n_consumers; i++) {
        const struct window_consumer *c = &in->consumers[i];
        uint64_t backlog = c->ready ? c->backlog : 0;
        uint64_t most = backlog + c->n_ready + c->n_running; /* a larger request would also take later messages */
        size_t take = left && backlog ? left : 0;
        if (take > most)
            take = (size_t)most;
        out_consumers[i].refresh = refresh && left && c->ready;
        consumer_window_set(in, i, take, out, out_consumers);
        left -= min_size(take, left);
    }
    if (refresh) { /* home as well: other daemons may have taken its backlog */
        out_consumers[0].refresh = true;
        out->refresh_ns = in->now_ns + WINDOW_REFRESH_NS;
    }
    wake_not_later(out, out->refresh_ns);
}

void window_compute(const struct window_in *in, struct window_out *out, struct window_consumer_out *out_consumers)
{
    size_t window = handler_window_compute(in);

    *out = (struct window_out){
        .wake_ns = WINDOW_NEVER, .active = in->active, .lost_ns = in->lost_ns, .refresh_ns = in->refresh_ns};
    memset(out_consumers, 0, in->n_consumers * sizeof(*out_consumers));
    if (in->n_consumers == 1) {
        consumer_window_set(in, 0, window, out, out_consumers);
        return;
    }
    switch (in->federation) {
    case FEDERATION_FAILOVER: failover_divide(in, window, out, out_consumers); break;
    case FEDERATION_ALL: all_divide(in, window, out, out_consumers); break;
    case FEDERATION_OVERFLOW: overflow_divide(in, window, out, out_consumers); break;
    }
}
