/* SPDX-License-Identifier: Apache-2.0
 * settle - decides by outcome and counts what happens to a message, and runs the steps of its settlement. */
#include "settle_private.h"

#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONFIRM_TIMEOUT_NS (5 * NS_PER_SEC)
#define PAUSE_MIN_NS (200 * NS_PER_MS)
#define PAUSE_MAX_NS (30 * NS_PER_SEC)
/* The server also counts deliveries that never reached a handler, so its count is only a backstop. */
#define DELIVERIES_PER_ATTEMPT 10

int settle_create(struct settle **ret, struct loop *loop, const struct config_handler *handler, const char *version,
                  const struct settle_callbacks *callbacks, void *data)
{
    struct settle *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    s->loop = loop;
    s->handler = handler;
    s->callbacks = *callbacks;
    s->data = data;
    s->seed = (unsigned)clock_now_ns();
    s->version = version;
    list_init(&s->all);
    *ret = s;
    return 0;
}

void settle_set_config(struct settle *s, const struct config_handler *handler, const char *version)
{
    s->handler = handler;
    s->version = version;
}

void settle_destroy(struct settle *s)
{
    if (!s)
        return;
    while (!list_empty(&s->all))
        settlement_free(container_of(s->all.next, struct settlement, node)->message);
    free(s);
}

size_t settle_busy(const struct settle *s)
{
    return s->n_busy;
}

const struct settle_stats *settle_stats(const struct settle *s)
{
    return &s->stats;
}

/* ---- settlements ----------------------------------------------------------------- */

static void on_retry_timer(struct loop_timer *timer)
{
    settlement_run(timer->data);
}

struct settlement *settlement_ensure(struct settle *s, struct message *m)
{
    struct settlement *t = m->settlement;
    if (t)
        return t;
    t = calloc(1, sizeof(*t));
    if (!t)
        return NULL;
    t->settle = s;
    t->message = m;
    t->retry = (struct loop_timer){.fire = on_retry_timer, .data = t};
    list_init(&t->outputs);
    list_push_back(&s->all, &t->node);
    m->settlement = t;
    return t;
}

void settlement_free(struct message *m)
{
    struct settlement *t = m->settlement;
    if (!t)
        return;
    if (t->step != STEP_STAGED)
        t->settle->n_busy--;
    outputs_cancel(t);
    request_cancel(t->request);
    loop_disarm(t->settle->loop, &t->retry);
    list_remove(&t->node);
    free(t->error);
    free(t->text);
    free(t->backtrace);
    free(t);
    m->settlement = NULL;
}

void settlement_enter_step(struct settlement *t, enum settlement_step step)
{
    if (t->step == STEP_STAGED)
        t->settle->n_busy++;
    t->step = step;
    t->retry_pause_ns = 0;
    if (t->message->state != MESSAGE_SETTLING)
        message_set_state(consumer_messages(t->message->consumer), t->message, MESSAGE_SETTLING);
    settlement_run(t);
}

void settlement_retry_later(struct settlement *t)
{
    t->retry_pause_ns = t->retry_pause_ns ? t->retry_pause_ns * 2 : PAUSE_MIN_NS;
    if (t->retry_pause_ns > PAUSE_MAX_NS)
        t->retry_pause_ns = PAUSE_MAX_NS;
    loop_arm(t->settle->loop, &t->retry, loop_now_ns(t->settle->loop) + t->retry_pause_ns);
}

/* True: the stream or the consumer of the message was deleted, so the message was forgotten and the settlement freed.
 * Its sequence may mean another message now. */
static bool settlement_forget_if_stale(struct settlement *t)
{
    struct message *m = t->message;
    if (!consumer_stale(m->consumer, m))
        return false;
    settlement_free(m);
    consumer_forget(m->consumer, m);
    return true;
}

void settlement_run(struct settlement *t)
{
    loop_disarm(t->settle->loop, &t->retry);
    if (t->step != STEP_STAGED && !consumer_verified(t->message->consumer)) {
        settlement_retry_later(t);
        return;
    }
    if (t->step != STEP_STAGED && settlement_forget_if_stale(t))
        return;
    switch (t->step) {
    case STEP_STAGED: break;
    case STEP_OUTPUTS: outputs_publish(t); break;
    case STEP_DEAD: dead_letter_publish(t); break;
    case STEP_CONFIRM: settlement_confirm(t); break;
    }
}

void settle_resume(struct settle *s)
{
    list_for_each_safe(node, &s->all)
    {
        struct settlement *t = container_of(node, struct settlement, node);
        if (loop_timer_armed(&t->retry))
            settlement_run(t);
    }
}

static void on_confirm_answer(void *data, int rc, natsMsg *msg)
{
    struct settlement *t = data;
    struct message *m = t->message;
    (void)msg;

    t->request = NULL;
    if (rc) {
        settlement_retry_later(t);
        return;
    }
    settlement_free(m);
    consumer_ack_confirmed(m->consumer, m);
}

void settlement_confirm(struct settlement *t)
{
    struct message *m = t->message;
    struct connection_publish p = {.subject = message_reply(m)};
    if (t->request)
        return;
    if (t->settle->handler->ack == ACK_CUMULATIVE) { /* this ack may cover other messages, so the consumer times it */
        settlement_free(m);
        consumer_ack(m->consumer, m);
        return;
    }
    if (request_send(consumer_requests(m->consumer), p, CONFIRM_TIMEOUT_NS, on_confirm_answer, t, &t->request))
        settlement_retry_later(t);
}

/* ---- outcomes ---------------------------------------------------------------------- */

static void ack_message(struct settle *s, struct message *m)
{
    struct settlement *t = m->settlement;

    if (t && t->n_outputs) {
        settlement_enter_step(t, STEP_OUTPUTS);
        return;
    }
    s->stats.acked++;
    if (s->handler->ack == ACK_CONFIRMED && (t = settlement_ensure(s, m))) {
        settlement_enter_step(t, STEP_CONFIRM);
        return;
    }
    settlement_free(m);
    consumer_ack(m->consumer, m);
}

static void drop_message(struct settle *s, struct message *m)
{
    s->stats.dropped++;
    settlement_free(m);
    consumer_term(m->consumer, m);
}

/* This line is the only trace of a dropped message. At most ten lines a second are at info, the others at debug. */
static void dropped_message_log(struct settle *s, struct message *m, const char *text)
{
    int64_t now = loop_now_ns(s->loop);
    bool debug = now - s->drop_logged_ns < NS_PER_SEC / 10;
    if (!debug)
        s->drop_logged_ns = now;
    LOG_AT(debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO, "dropped", LOG_STR("handler", s->handler->name),
           LOG_STR("cluster", consumer_cluster(m->consumer)->name), LOG_STR("stream", consumer_stream(m->consumer)),
           LOG_UINT("seq", m->stream_seq), LOG_STR("subject", natsMsg_GetSubject(m->msg)),
           text && *text ? LOG_STR("reason", text) : LOG_NONE);
}

static bool dead_letters_enabled(const struct settle *s)
{
    return !s->handler->shadow && strcmp(s->handler->dead_letter, "off") != 0;
}

static void dead_message_log(struct settle *s, struct message *m, enum dead_reason reason, const char *text, bool kept)
{
    log_warn(kept ? "dead-letter" : "message-dropped", LOG_STR("handler", s->handler->name),
             LOG_STR("cluster", consumer_cluster(m->consumer)->name), LOG_STR("stream", consumer_stream(m->consumer)),
             LOG_UINT("seq", m->stream_seq), LOG_STR("reason", dead_reason_name(reason)),
             LOG_UINT("attempts", m->attempts), text && *text ? LOG_STR("error", text) : LOG_NONE);
}

static char *text_copy(const char *s)
{
    return s && *s ? strdup(s) : NULL;
}

static void dead_letter_or_drop(struct settle *s, struct message *m, enum dead_reason reason, const char *text,
                                const struct settle_crash *crash)
{
    bool keep = dead_letters_enabled(s);
    dead_message_log(s, m, reason, text, keep);
    if (!keep) {
        drop_message(s, m);
        return;
    }
    struct settlement *t = settlement_ensure(s, m);
    if (!t) { /* out of memory: the next attempt leads here again */
        s->callbacks.retry(s->data, m, PAUSE_MAX_NS);
        return;
    }
    outputs_cancel(t);
    t->reason = reason;
    free(t->text);
    free(t->backtrace);
    t->text = text_copy(text);
    t->backtrace = crash ? text_copy(crash->backtrace) : NULL;
    t->signal = crash ? crash->signal : 0;
    settlement_enter_step(t, STEP_DEAD);
}

static int64_t backoff_delay_ns(struct settle *s, const struct message *m)
{
    const struct config_handler *c = s->handler;
    size_t i = m->attempts ? m->attempts - 1 : 0;
    int64_t delay = c->backoff_ns[i < c->n_backoff ? i : c->n_backoff - 1];
    /* Up to a tenth is added, so that messages that failed together are not retried together. */
    return delay + (int64_t)((double)delay * 0.1 * rand_r(&s->seed) / RAND_MAX);
}

static void retry_message(struct settle *s, struct message *m, int64_t delay_ns)
{
    struct message_table *table = consumer_messages(m->consumer);
    settlement_free(m);
    if (consumer_stale(m->consumer, m)) { /* a new consumer may deliver it again */
        consumer_forget(m->consumer, m);
        return;
    }
    /* A message with a key queue is never given back: it would be redelivered behind its followers. */
    if (!m->key_queue && table->n_by_state[MESSAGE_WAITING] >= consumer_max_waiting(m->consumer)) {
        s->stats.returned++;
        consumer_give_back(m->consumer, m, delay_ns);
        return;
    }
    s->stats.retried++;
    message_set_state(table, m, MESSAGE_WAITING);
    s->callbacks.retry(s->data, m, delay_ns);
}

static bool delivery_limit_reached(const struct settle *s, const struct message *m)
{
    return m->delivered >= (uint64_t)s->handler->max_attempts * DELIVERIES_PER_ATTEMPT;
}

/* True: max_attempts is reached, however the last attempt ended. */
static bool attempts_exhausted(const struct settle *s, const struct message *m)
{
    /* After a first failure the backstop does not apply: the server's count includes deliveries without a run. */
    bool backstop = m->attempts > 1 && delivery_limit_reached(s, m);
    return m->attempts >= (uint64_t)s->handler->max_attempts || backstop;
}

/* A message that ends the whole daemon (the kernel may kill a container as one) is counted only by the server. That
 * count includes deliveries without a run, such as those of other messages in flight when the daemon died. So a process
 * suspects only messages new to it, and at most one: the next suspect must end the daemon once more. A wrong suspicion
 * costs a replay. With dead_letter = off it would lose the message, so no message is suspected. */
bool settle_suspects(struct settle *s, struct message *m)
{
    char text[160];

    if (s->suspected || m->redelivered || !dead_letters_enabled(s) || !delivery_limit_reached(s, m))
        return false;
    s->suspected = true;
    snprintf(text, sizeof(text), "delivered %" PRIu64 " times and never settled: suspected of ending the whole daemon",
             m->delivered);
    dead_letter_or_drop(s, m, DEAD_ATTEMPTS, text, NULL);
    return true;
}

void settle_attempt_failed(struct settle *s, struct message *m, int64_t delay_ns, const char *text)
{
    m->attempts++;
    if (attempts_exhausted(s, m)) {
        dead_letter_or_drop(s, m, DEAD_ATTEMPTS, text, NULL);
        return;
    }
    int64_t delay = delay_ns < 0 ? backoff_delay_ns(s, m) : delay_ns;
    log_debug("retry", LOG_STR("handler", s->handler->name), LOG_UINT("seq", m->stream_seq),
              LOG_UINT("attempts", m->attempts), LOG_NS("in", delay), LOG_STR("error", text));
    retry_message(s, m, delay);
}

void settle_outcome(struct settle *s, struct message *m, enum outcome outcome, int64_t delay_ns, const char *text)
{
    if (s->handler->shadow) {
        shadow_record(s, m, outcome, text);
        return;
    }
    switch (outcome) {
    case OUTCOME_ACK: ack_message(s, m); return;
    case OUTCOME_TERM:
        dropped_message_log(s, m, text);
        drop_message(s, m);
        return;
    case OUTCOME_DEAD:
        m->attempts++;
        dead_letter_or_drop(s, m, DEAD_REJECTED, text, NULL);
        return;
    case OUTCOME_NAK: settle_attempt_failed(s, m, delay_ns, text); return;
    case OUTCOME_UNAVAILABLE: break;
    }
    abort(); /* the caller puts the message back into its queue */
}

void settle_crashed(struct settle *s, struct message *m, const struct settle_crash *crash)
{
    if (s->handler->shadow) {
        shadow_record(s, m, crash->timeout ? SHADOW_TIMEOUT : SHADOW_CRASH, crash->text);
        return;
    }
    m->attempts++;
    m->crashes++;
    if (m->crashes >= (uint64_t)s->handler->crash_limit || attempts_exhausted(s, m)) {
        dead_letter_or_drop(s, m, crash->timeout ? DEAD_TIMEOUT : DEAD_CRASHED, crash->text, crash);
        return;
    }
    retry_message(s, m, 0);
}
