/* SPDX-License-Identifier: Apache-2.0
 * events - handles the reports of workers: ready, outcomes, outputs, counters and exits. */
#include "handler_private.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNTERS_MAX 64

static void log_unexpected_id(struct slot *slot, const char *what, uint64_t id)
{
    log_warn("worker-nonsense", LOG_STR("handler", slot->handler->config->name), LOG_STR("what", what),
             LOG_UINT("id", id),
             LOG_STR("msg", "the id is not that of the message that the worker runs: the report is ignored"));
}

static void on_ready(void *data, struct worker *w)
{
    struct slot *slot = data;
    log_debug("worker-ready", LOG_STR("handler", slot->handler->config->name), LOG_INT("pid", worker_pid(w)));
    slot->full = false;
    slot->pushed = 0;
    slot->restarting = false;
    handler_update_state(slot->handler);
}

/* The run is not added to the average duration, because the handler did not do the message's work. */
static void unavailable_requeue(struct handler *h, struct message *m, const struct worker_outcome *o)
{
    settle_unstage(h->settle, m);
    admission_requeue_unavailable(h, m, o->delay_ns, o->text);
    if (phase_returns(h->phase) && h->n_stopping == 0)
        drain_return_messages(h);
}

static void on_outcome(void *data, struct worker *w, const struct worker_outcome *o)
{
    struct slot *slot = data;
    struct handler *h = slot->handler;
    struct message *m = feed_find_running(slot, o->id);
    (void)w;

    if (!m) {
        log_unexpected_id(slot, "outcome", o->id);
        return;
    }
    enum outcome outcome = outcome_from_abi(o->outcome);
    feed_remove_running(slot, m);
    m->run_alone = m->run_alone && m->crashes; /* a run without a crash clears a message that was only suspected */
    histogram_observe(&h->stats.duration, o->duration_ns);
    h->stats.handled++;
    h->stats.outcomes[outcome]++;
    if (outcome == OUTCOME_UNAVAILABLE && !h->config->shadow) { /* in shadow mode no message runs a second time */
        unavailable_requeue(h, m, o);
        return;
    }
    feed_note_duration(h, o->duration_ns);
    if (h->admission.limited)
        admission_note_outcome(h, m, outcome_table[outcome].available);
    settle_outcome(h->settle, m, outcome, o->delay_ns, o->text);
}

static void on_staged(void *data, struct worker *w, const struct worker_staged *s)
{
    struct slot *slot = data;
    struct message *m = feed_find_running(slot, s->id);
    (void)w;

    if (!m) {
        log_unexpected_id(slot, "output", s->id);
        return;
    }
    struct settle_output o = {.subject = s->subject,
                              .msg_id = s->msg_id,
                              .data = s->data,
                              .size = s->size,
                              .headers = s->headers,
                              .headers_size = s->headers_size};
    if (settle_stage(slot->handler->settle, m, &o))
        abort(); /* out of memory: an outcome must not be settled without its outputs */
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

/* ---- exits ------------------------------------------------------------------------ */

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

/* An expected end is logged at debug level, unless the worker was killed while it ran a message. */
static void log_worker_exit(const struct slot *slot, const struct worker_exit *e)
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

/* True: the message that was running counts a failed attempt. */
static bool exit_blames_message(const struct worker_exit *e)
{
    return e->reason == WORKER_EXIT_CRASH || e->reason == WORKER_EXIT_STATUS || e->reason == WORKER_EXIT_TIMEOUT ||
           e->reason == WORKER_EXIT_PROTOCOL || e->reason == WORKER_EXIT_MEMORY;
}

/* Messages without an outcome return to the front of the queue in their order. The message that was running when the
 * worker crashed has failed one attempt. In a batch the guilty message is unknown, so each of them runs alone next. */
static void messages_requeue(struct slot *slot, const struct worker_exit *e)
{
    struct handler *h = slot->handler;
    struct message *guilty = NULL;
    size_t suspects = exit_blames_message(e) ? e->running_n : 0; /* the first messages of slot->running */

    while (!list_empty(&slot->running)) {
        struct message *m = container_of(slot->running.prev, struct message, node);
        feed_remove_running(slot, m);
        settle_unstage(h->settle, m);
        if (slot->n < suspects && (suspects > 1 || h->config->batch_max > 1))
            m->run_alone = true;
        if (slot->n < suspects && suspects == 1) {
            guilty = m;
            continue;
        }
        admission_note_withdrawn(h, m);
        feed_requeue(h, m);
    }
    if (guilty) {
        admission_note_outcome(h, guilty, false);
        settle_crashed(h->settle, guilty,
                       &(struct settle_crash){.signal = e->signal,
                                              .text = e->text,
                                              .backtrace = e->backtrace,
                                              .timeout = e->reason == WORKER_EXIT_TIMEOUT});
    }
}

static void on_worker_exit(void *data, struct worker *w, const struct worker_exit *e)
{
    struct slot *slot = data;
    struct handler *h = slot->handler;
    (void)w;

    log_worker_exit(slot, e);
    h->stats.exits[e->reason]++;
    if (e->restart_in_ns >= 0)
        h->stats.restarts++;
    else
        slot->ended = true;
    slot->restarting = e->restart_in_ns == 0;
    slot->refused = e->reason == WORKER_EXIT_REFUSED && e->restart_in_ns < 0;
    messages_requeue(slot, e);
    if (slot->pool == h->pool) {
        snprintf(h->worker_reason, sizeof(h->worker_reason), "%s", e->text);
        h->phase = phase_next(h->phase, PHASE_WORKER_ENDED);
    } else if (slot->pool == h->next_pool) {
        worker_pool_set_failure(slot->pool, e->text);
    }
    if (phase_returns(h->phase) && h->n_stopping == 0)
        drain_return_messages(h);
    handler_update_state(h);
}

const struct worker_callbacks handler_worker_callbacks = {
    .on_ready = on_ready,
    .on_outcome = on_outcome,
    .on_staged = on_staged,
    .on_count = on_count,
    .on_exit = on_worker_exit,
};
