/* SPDX-License-Identifier: Apache-2.0
 * events - what workers report: outcomes, outputs, counters, deaths. */
#include "handler_private.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNTERS_MAX 64

static void nonsense(struct slot *slot, const char *what, uint64_t id)
{
    log_warn("worker-nonsense", LOG_STR("handler", slot->handler->config->name), LOG_STR("what", what),
             LOG_UINT("id", id), LOG_STR("msg", "not about the message that is due: ignored"));
}

static void on_ready(void *data, struct worker *w)
{
    struct slot *slot = data;
    log_debug("worker-ready", LOG_STR("handler", slot->handler->config->name), LOG_INT("pid", worker_pid(w)));
    slot->full = false;
    slot->pushed = 0;
    slot->coming = false;
    handler_update_state(slot->handler);
}

/* Its refusals say nothing of how long a message takes, so they are not measured. */
static void unavailable(struct handler *h, struct message *m, const struct worker_outcome *o)
{
    settle_unstage(h->settle, m);
    admission_unavailable(h, m, o->delay_ns, o->text);
    if (phase_returns(h->phase) && h->n_stopping == 0)
        drain_give_back_all(h);
}

static void on_outcome(void *data, struct worker *w, const struct worker_outcome *o)
{
    struct slot *slot = data;
    struct handler *h = slot->handler;
    struct message *m = feed_running(slot, o->id);
    (void)w;

    if (!m) {
        nonsense(slot, "outcome", o->id);
        return;
    }
    enum outcome outcome = outcome_from_abi(o->outcome);
    feed_done(slot, m);
    m->run_alone = m->run_alone && m->crashes; /* a mere suspect is cleared by having run */
    histogram_observe(&h->stats.duration, o->duration_ns);
    h->stats.handled++;
    h->stats.outcomes[outcome]++;
    if (outcome == OUTCOME_UNAVAILABLE && !h->config->shadow) { /* a shadow does nothing again */
        unavailable(h, m, o);
        return;
    }
    feed_measure(h, o->duration_ns);
    if (h->admission.limited)
        admission_result(h, m, outcome_table[outcome].available);
    settle_outcome(h->settle, m, outcome, o->delay_ns, o->text);
}

static void on_staged(void *data, struct worker *w, const struct worker_staged *s)
{
    struct slot *slot = data;
    struct message *m = feed_running(slot, s->id);
    (void)w;

    if (!m) {
        nonsense(slot, "output", s->id);
        return;
    }
    struct settle_output o = {.subject = s->subject,
                              .msg_id = s->msg_id,
                              .data = s->data,
                              .size = s->size,
                              .headers = s->headers,
                              .headers_size = s->headers_size};
    if (settle_stage(slot->handler->settle, m, &o)) /* the outcome must not count without its outputs */
        abort();
}

static void on_count(void *data, struct worker *w, const char *metric, int64_t by)
{
    struct handler_stats *s = &((struct slot *)data)->handler->stats;
    (void)w;
    for (size_t i = 0; i < s->n_counters; i++) {
        if (strcmp(s->counters[i].name, metric) == 0) {
            s->counters[i].value += (uint64_t)by;
            return;
        }
    }
    if (by <= 0 || s->n_counters == COUNTERS_MAX || strlen(metric) >= sizeof(s->counters[0].name))
        return;
    struct handler_counter *grown = realloc(s->counters, (s->n_counters + 1) * sizeof(*grown));
    if (!grown)
        return;
    s->counters = grown;
    struct handler_counter *c = &s->counters[s->n_counters++];
    snprintf(c->name, sizeof(c->name), "%s", metric);
    c->value = (uint64_t)by;
}

/* ---- death ------------------------------------------------------------------------ */

const char *handler_exit_name(enum worker_exit_reason reason)
{
    static const char *const names[HANDLER_EXIT_REASONS] = {
        [WORKER_EXIT_CRASH] = "crash",       [WORKER_EXIT_STATUS] = "exit",     [WORKER_EXIT_TIMEOUT] = "timeout",
        [WORKER_EXIT_PROTOCOL] = "protocol", [WORKER_EXIT_MEMORY] = "memory",   [WORKER_EXIT_RECYCLE] = "recycle",
        [WORKER_EXIT_STOPPED] = "stopped",   [WORKER_EXIT_REFUSED] = "refused", [WORKER_EXIT_OPEN] = "open",
        [WORKER_EXIT_SPAWN] = "spawn",
    };
    return names[reason];
}

/* A worker that is done leaves quietly, unless it was killed over a message. */
static void log_exit(const struct slot *slot, const struct worker_exit *e)
{
    const struct config_handler *c = slot->handler->config;
    const struct message *m = e->running_n && slot->n ? container_of(slot->running.next, struct message, node) : NULL;
    bool calm = !m && (e->reason == WORKER_EXIT_STOPPED || e->reason == WORKER_EXIT_RECYCLE);
    enum log_level level = e->reason == WORKER_EXIT_REFUSED ? LOG_LEVEL_ERROR : calm ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN;

    LOG_AT(level, "worker-exit", LOG_STR("handler", c->name), LOG_INT("worker", slot->index),
           LOG_STR("reason", handler_exit_name(e->reason)), LOG_STR("msg", e->text),
           m ? LOG_STR("stream", consumer_stream(m->consumer)) : LOG_NONE,
           m ? LOG_UINT("seq", m->stream_seq) : LOG_NONE, m ? LOG_STR("subject", natsMsg_GetSubject(m->msg)) : LOG_NONE,
           m ? LOG_UINT("attempt", m->attempts + 1) : LOG_NONE,
           e->backtrace ? LOG_STR("backtrace", e->backtrace) : LOG_NONE, LOG_UINT("unstarted", slot->n - e->running_n),
           e->running_n > 1 ? LOG_UINT("batch", e->running_n) : LOG_NONE,
           e->restart_in_ns >= 0 ? LOG_NS("restart_in", e->restart_in_ns) : LOG_NONE);
}

/* Whether the message that was running is to blame. */
static bool blames(const struct worker_exit *e)
{
    return e->reason == WORKER_EXIT_CRASH || e->reason == WORKER_EXIT_STATUS || e->reason == WORKER_EXIT_TIMEOUT ||
           e->reason == WORKER_EXIT_PROTOCOL || e->reason == WORKER_EXIT_MEMORY;
}

/* Everything without an outcome goes back to the front of the queue, in its old order.  The one that
 * was running when the worker died has an attempt more behind it; of a batch nobody knows which it
 * was, so each of them runs alone next, and the guilty one is found out. */
static void take_back(struct slot *slot, const struct worker_exit *e)
{
    struct handler *h = slot->handler;
    struct message *guilty = NULL;
    size_t suspects = blames(e) ? e->running_n : 0; /* from the front */

    while (!list_empty(&slot->running)) {
        struct message *m = container_of(slot->running.prev, struct message, node);
        feed_done(slot, m);
        settle_unstage(h->settle, m);
        if (slot->n < suspects && (suspects > 1 || h->config->batch_max > 1))
            m->run_alone = true;
        if (slot->n < suspects && suspects == 1) {
            guilty = m;
            continue;
        }
        admission_withdrawn(h, m);
        feed_front(h, m);
    }
    if (guilty) {
        admission_result(h, guilty, false);
        settle_crashed(h->settle, guilty,
                       &(struct settle_crash){.signal = e->signal,
                                              .text = e->text,
                                              .backtrace = e->backtrace,
                                              .timeout = e->reason == WORKER_EXIT_TIMEOUT});
    }
}

static void on_exit_(void *data, struct worker *w, const struct worker_exit *e)
{
    struct slot *slot = data;
    struct handler *h = slot->handler;
    (void)w;

    log_exit(slot, e);
    h->stats.exits[e->reason]++;
    if (e->restart_in_ns >= 0)
        h->stats.restarts++;
    else
        slot->ended = true;
    slot->coming = e->restart_in_ns == 0;
    slot->refused = e->reason == WORKER_EXIT_REFUSED && e->restart_in_ns < 0;
    take_back(slot, e);
    if (slot->pool == h->pool) {
        snprintf(h->worker_reason, sizeof(h->worker_reason), "%s", e->text);
        h->phase = phase_next(h->phase, PHASE_WORKER_ENDED);
    } else if (slot->pool == h->next) {
        worker_pool_failed(slot->pool, e->text);
    }
    if (phase_returns(h->phase) && h->n_stopping == 0)
        drain_give_back_all(h);
    handler_update_state(h);
}

const struct worker_callbacks handler_worker_callbacks = {
    .on_ready = on_ready,
    .on_outcome = on_outcome,
    .on_staged = on_staged,
    .on_count = on_count,
    .on_exit = on_exit_,
};
