/* SPDX-License-Identifier: Apache-2.0
 * settle - decisions: which outcome leads where, and the steps of a settlement. */
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
/* The server counts deliveries that never reached a handler too, so its count is only a backstop. */
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

static void on_again(struct loop_timer *timer)
{
    settlement_run(timer->data);
}

struct settlement *settlement_of(struct settle *s, struct message *h)
{
    struct settlement *t = h->settlement;
    if (t)
        return t;
    t = calloc(1, sizeof(*t));
    if (!t)
        return NULL;
    t->settle = s;
    t->message = h;
    t->again = (struct loop_timer){.fire = on_again, .data = t};
    list_init(&t->outputs);
    list_push_back(&s->all, &t->node);
    h->settlement = t;
    return t;
}

void settlement_free(struct message *h)
{
    struct settlement *t = h->settlement;
    if (!t)
        return;
    if (t->step != STEP_STAGED)
        t->settle->n_busy--;
    outputs_cancel(t);
    request_cancel(t->request);
    loop_disarm(t->settle->loop, &t->again);
    list_remove(&t->node);
    free(t->error);
    free(t->text);
    free(t->backtrace);
    free(t);
    h->settlement = NULL;
}

void settlement_step(struct settlement *t, enum settlement_step step)
{
    if (t->step == STEP_STAGED)
        t->settle->n_busy++;
    t->step = step;
    t->pause_ns = 0;
    if (t->message->state != MESSAGE_SETTLING)
        message_set_state(consumer_messages(t->message->consumer), t->message, MESSAGE_SETTLING);
    settlement_run(t);
}

void settlement_again(struct settlement *t)
{
    t->pause_ns = t->pause_ns ? t->pause_ns * 2 : PAUSE_MIN_NS;
    if (t->pause_ns > PAUSE_MAX_NS)
        t->pause_ns = PAUSE_MAX_NS;
    loop_arm(t->settle->loop, &t->again, loop_now_ns(t->settle->loop) + t->pause_ns);
}

/* The stream was deleted: what is held of it cannot be settled, and its sequence means another
 * message now. */
static bool settlement_stale(struct settlement *t)
{
    struct message *h = t->message;
    if (!consumer_stale(h->consumer, h))
        return false;
    settlement_free(h);
    consumer_forget(h->consumer, h);
    return true;
}

void settlement_run(struct settlement *t)
{
    loop_disarm(t->settle->loop, &t->again);
    if (t->step != STEP_STAGED && !consumer_verified(t->message->consumer)) {
        settlement_again(t);
        return;
    }
    if (t->step != STEP_STAGED && settlement_stale(t))
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
        if (loop_timer_armed(&t->again))
            settlement_run(t);
    }
}

static void on_confirmed(void *data, int rc, natsMsg *msg)
{
    struct settlement *t = data;
    struct message *h = t->message;
    (void)msg;

    t->request = NULL;
    if (rc) {
        settlement_again(t);
        return;
    }
    settlement_free(h);
    consumer_ack_confirmed(h->consumer, h);
}

void settlement_confirm(struct settlement *t)
{
    struct message *h = t->message;
    struct connection_publish p = {.subject = message_reply(h)};
    if (t->request)
        return;
    if (t->settle->handler->ack == ACK_CUMULATIVE) { /* takes more than this one along: the consumer knows when */
        settlement_free(h);
        consumer_ack(h->consumer, h);
        return;
    }
    if (request_send(consumer_requests(h->consumer), p, CONFIRM_TIMEOUT_NS, on_confirmed, t, &t->request))
        settlement_again(t);
}

/* ---- outcomes ---------------------------------------------------------------------- */

static void ack(struct settle *s, struct message *h)
{
    struct settlement *t = h->settlement;

    if (t && t->n_outputs) {
        settlement_step(t, STEP_OUTPUTS);
        return;
    }
    s->stats.acked++;
    if (s->handler->ack == ACK_CONFIRMED && (t = settlement_of(s, h))) {
        settlement_step(t, STEP_CONFIRM);
        return;
    }
    settlement_free(h);
    consumer_ack(h->consumer, h);
}

static void drop(struct settle *s, struct message *h)
{
    s->stats.dropped++;
    settlement_free(h);
    consumer_term(h->consumer, h);
}

/* Nothing is kept of it but this line. Of many, ten a second are told at info. */
static void log_term(struct settle *s, struct message *h, const char *text)
{
    int64_t now = loop_now_ns(s->loop);
    bool told = now - s->dropped_ns < NS_PER_SEC / 10;
    if (!told)
        s->dropped_ns = now;
    LOG_AT(told ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO, "dropped", LOG_STR("handler", s->handler->name),
           LOG_STR("cluster", consumer_cluster(h->consumer)->name), LOG_STR("stream", consumer_stream(h->consumer)),
           LOG_UINT("seq", h->stream_seq), LOG_STR("subject", natsMsg_GetSubject(h->msg)),
           text && *text ? LOG_STR("reason", text) : LOG_NONE);
}

static bool keeps_dead(const struct settle *s)
{
    return !s->handler->shadow && strcmp(s->handler->dead_letter, "off") != 0;
}

static void log_dead(struct settle *s, struct message *h, enum dead_reason reason, const char *text, bool kept)
{
    log_warn(kept ? "dead-letter" : "message-dropped", LOG_STR("handler", s->handler->name),
             LOG_STR("cluster", consumer_cluster(h->consumer)->name), LOG_STR("stream", consumer_stream(h->consumer)),
             LOG_UINT("seq", h->stream_seq), LOG_STR("reason", dead_reason_name(reason)),
             LOG_UINT("attempts", h->attempts), text && *text ? LOG_STR("error", text) : LOG_NONE);
}

static char *copy(const char *s)
{
    return s && *s ? strdup(s) : NULL;
}

static void dead(struct settle *s, struct message *h, enum dead_reason reason, const char *text,
                 const struct settle_crash *crash)
{
    bool keep = keeps_dead(s);
    log_dead(s, h, reason, text, keep);
    if (!keep) {
        drop(s, h);
        return;
    }
    struct settlement *t = settlement_of(s, h);
    if (!t) { /* no memory: another attempt leads here again */
        s->callbacks.retry(s->data, h, PAUSE_MAX_NS);
        return;
    }
    outputs_cancel(t);
    t->reason = reason;
    free(t->text);
    free(t->backtrace);
    t->text = copy(text);
    t->backtrace = crash ? copy(crash->backtrace) : NULL;
    t->signal = crash ? crash->signal : 0;
    settlement_step(t, STEP_DEAD);
}

static int64_t backoff(struct settle *s, const struct message *h)
{
    const struct config_handler *c = s->handler;
    size_t i = h->attempts ? h->attempts - 1 : 0;
    int64_t delay = c->backoff_ns[i < c->n_backoff ? i : c->n_backoff - 1];
    /* Up to a tenth more, so that what failed together does not come back together. */
    return delay + (int64_t)((double)delay * 0.1 * rand_r(&s->seed) / RAND_MAX);
}

static void again_later(struct settle *s, struct message *h, int64_t delay_ns)
{
    struct message_table *table = consumer_messages(h->consumer);
    settlement_free(h);
    if (consumer_stale(h->consumer, h)) { /* it comes anew, if at all */
        consumer_forget(h->consumer, h);
        return;
    }
    /* A lane's first message never goes back: it would come again behind its followers. */
    if (!h->key_queue && table->n_by_state[MESSAGE_WAITING] >= consumer_max_waiting(h->consumer)) {
        s->stats.returned++;
        consumer_give_back(h->consumer, h, delay_ns);
        return;
    }
    s->stats.retried++;
    message_set_state(table, h, MESSAGE_WAITING);
    s->callbacks.retry(s->data, h, delay_ns);
}

static bool delivered_too_often(const struct settle *s, const struct message *h)
{
    return h->delivered >= (uint64_t)s->handler->max_attempts * DELIVERIES_PER_ATTEMPT;
}

/* No attempt is left, however the last one ended. */
static bool exhausted(const struct settle *s, const struct message *h)
{
    /* Not at a first failure: the attempts before a restart are not known, nor are those without a run. */
    bool backstop = h->attempts > 1 && delivered_too_often(s, h);
    return h->attempts >= (uint64_t)s->handler->max_attempts || backstop;
}

/* What takes the whole daemon down with it (a container that the kernel ends as one) leaves no count here, only the
 * server's.  That one counts deliveries without a run, too: retries that went back, lost leases, and all that was
 * on its way beside the guilty one each time the daemon died.  So suspicion is for what this process has not had
 * before, and for one message in a process's life: the next one must have brought the daemon down once more.  At
 * worst that is a copy too many to replay; without dead letters nothing would be left, so then none is suspected. */
bool settle_suspects(struct settle *s, struct message *h)
{
    char text[160];

    if (s->suspected || h->redelivered || !keeps_dead(s) || !delivered_too_often(s, h))
        return false;
    s->suspected = true;
    snprintf(text, sizeof(text), "delivered %" PRIu64 " times and never settled: suspected of ending the whole daemon",
             h->delivered);
    dead(s, h, DEAD_ATTEMPTS, text, NULL);
    return true;
}

void settle_failed(struct settle *s, struct message *h, int64_t delay_ns, const char *text)
{
    h->attempts++;
    if (exhausted(s, h)) {
        dead(s, h, DEAD_ATTEMPTS, text, NULL);
        return;
    }
    int64_t delay = delay_ns < 0 ? backoff(s, h) : delay_ns;
    log_debug("retry", LOG_STR("handler", s->handler->name), LOG_UINT("seq", h->stream_seq),
              LOG_UINT("attempts", h->attempts), LOG_NS("in", delay), LOG_STR("error", text));
    again_later(s, h, delay);
}

void settle_outcome(struct settle *s, struct message *h, enum outcome outcome, int64_t delay_ns, const char *text)
{
    if (s->handler->shadow) {
        shadow_record(s, h, outcome, text);
        return;
    }
    switch (outcome) {
    case OUTCOME_ACK: ack(s, h); return;
    case OUTCOME_TERM:
        log_term(s, h, text);
        drop(s, h);
        return;
    case OUTCOME_DEAD:
        h->attempts++;
        dead(s, h, DEAD_REJECTED, text, NULL);
        return;
    case OUTCOME_NAK: settle_failed(s, h, delay_ns, text); return;
    case OUTCOME_UNAVAILABLE: break;
    }
    abort(); /* the caller sends the message back to its queue */
}

void settle_crashed(struct settle *s, struct message *h, const struct settle_crash *crash)
{
    if (s->handler->shadow) {
        shadow_record(s, h, crash->timeout ? SHADOW_TIMEOUT : SHADOW_CRASH, crash->text);
        return;
    }
    h->attempts++;
    h->crashes++;
    if (h->crashes >= (uint64_t)s->handler->crash_limit || exhausted(s, h)) {
        dead(s, h, crash->timeout ? DEAD_TIMEOUT : DEAD_CRASHED, crash->text, crash);
        return;
    }
    again_later(s, h, 0);
}
