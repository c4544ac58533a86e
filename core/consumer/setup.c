/* SPDX-License-Identifier: Apache-2.0
 * setup - from a connection to an active consumer: stream, consumer, dead-letter stream. */
#include "consumer_private.h"

#include "base/log.h"
#include "base/value.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AGAIN_NS (1 * NS_PER_SEC)
#define LEADERLESS_AGAIN_NS (500 * NS_PER_MS) /* an election may be over at any moment */
#define UNANSWERED_NS (10 * NS_PER_SEC)       /* an election is over by then, as a rule */
#define SUSPECT_NS NS_PER_SEC
#define SUBJECT_MAX 512

static void ask_stream(struct consumer *c);
static void ask_consumer(struct consumer *c);
static void ask_dead_letter(struct consumer *c);
static void active(struct consumer *c);
static void pull(struct consumer *c);
static void verified(struct consumer *c);

static void notify(struct consumer *c)
{
    if (c->callbacks.on_state)
        c->callbacks.on_state(c->data, c);
}

void setup_reason(struct consumer *c, const char *fmt, ...)
{
    char text[CONSUMER_REASON_MAX];
    va_list ap;
    va_start(ap, fmt);
    int n =
        c->route == 0 ? 0 : snprintf(text, sizeof(text), "%s; through cluster %s: ", c->own_trouble, consumer_via(c));
    vsnprintf(text + n, sizeof(text) - (size_t)n, fmt, ap);
    va_end(ap);
    if (!c->ready && strcmp(text, c->reason) == 0)
        return; /* said already */
    snprintf(c->reason, sizeof(c->reason), "%s", text);
    c->ready = false;
    notify(c);
}

static void trust(struct consumer *c)
{
    c->doubted = false;
    c->unanswered_ns = 0;
    c->ready = true;
    c->reason[0] = '\0';
    notify(c);
}

/* It goes on pulling: the next sign of life ends the doubt. */
static void __attribute__((format(printf, 2, 3))) doubt(struct consumer *c, const char *fmt, ...)
{
    char text[CONSUMER_REASON_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    setup_reason(c, "%s", text);
    c->doubted = true;
}

static void again_after(struct consumer *c, int64_t pause_ns)
{
    pause_ns = pause_ns * 3 / 4 + rand_r(&c->seed) % (pause_ns / 2);
    c->stage = STAGE_STREAM;
    loop_arm(c->loop, &c->setup_again, loop_now_ns(c->loop) + pause_ns);
}

static void again(struct consumer *c)
{
    again_after(c, AGAIN_NS);
}

void setup_alarm(struct consumer *c, const char *what)
{
    pull_reset(c, 0);
    setup_reason(c, "%s", what);
    again(c);
}

/* One call of the setup. False, with the reason said and another try under way, when it could not be sent. */
static bool __attribute__((format(printf, 4, 5)))
call(struct consumer *c, const char *json, request_reply_fn fn, const char *fmt, ...)
{
    char rest[SUBJECT_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(rest, sizeof(rest), fmt, ap);
    va_end(ap);
    int rc = request_call(c->requests, c->cluster->domain, rest, json, fn, c, &c->setup_request);
    if (rc == -ENOTCONN)
        return false; /* CONNECTION_DOWN follows and starts over */
    if (rc) {
        setup_reason(c, "cannot ask the server (%s): %s", rest, strerror(-rc));
        again(c);
    }
    return rc == 0;
}

/* The general troubles of an answer; true if it was one of them. */
static bool trouble(struct consumer *c, const struct answer *a, const char *verb)
{
    const char *domain = c->cluster->domain;
    if (a->rc == 0)
        return false;
    if (a->rc == -ENOTCONN)
        return true;
    if (a->rc == -ETIMEDOUT && c->doubted)
        ; /* the reason is known and better than a guess */
    else if (a->rc == -ETIMEDOUT)
        setup_reason(c,
                     "no answer from the server to %s within 5s (is there a JetStream leader, and may this user "
                     "publish to $JS.%s%sAPI.> and subscribe to %s.>?)",
                     verb, domain ? domain : "", domain ? "." : "", c->cluster->inbox_prefix);
    else if (a->rc == -EHOSTUNREACH)
        setup_reason(c, "nobody answers to %s: JetStream is not enabled on cluster %s%s%s, or not yet", verb,
                     c->cluster->name, domain ? " or it has no domain " : "", domain ? domain : "");
    else
        setup_reason(c, "%s: the server says: %s (%d)", verb, a->text, a->err_code);
    bool leaderless = a->rc == -EHOSTUNREACH || a->err_code == JS_CLUSTER_NOT_AVAILABLE;
    again_after(c, leaderless ? LEADERLESS_AGAIN_NS : AGAIN_NS);
    return true;
}

/* ---- stream ------------------------------------------------------------------- */

/* In other streams one consumer more takes messages, or keeps them. */
static bool shadow_fits(struct consumer *c, json_t *info)
{
    const char *retention = json_string_value(json_object_get(json_object_get(info, "config"), "retention"));
    if (!c->handler->shadow || !retention || strcmp(retention, "limits") == 0)
        return true;
    setup_reason(c,
                 "stream %s has %s retention, in which one consumer more is not without effect: shadow = yes needs "
                 "limits",
                 c->stream, retention);
    again(c);
    return false;
}

/* No reason not to be ready: the stream may get the subject at any time. */
static void look_for_subjects(struct consumer *c, json_t *config)
{
    char lack[CONSUMER_REASON_MAX] = "";

    if (document_stream_lacks(c, config, lack, sizeof(lack)) && strcmp(lack, c->lack) != 0)
        log_warn("subject-not-in-stream", LOG_STR("handler", c->handler->name), LOG_STR("cluster", c->cluster->name),
                 LOG_STR("msg", lack));
    memcpy(c->lack, lack, sizeof(lack));
}

/* A server without power for a moment, or a restored backup: the numbers that are missing are given again, to other
 * messages. */
static void look_at_the_end(struct consumer *c, json_t *info)
{
    uint64_t end = (uint64_t)json_integer_value(json_object_get(json_object_get(info, "state"), "last_seq"));
    if (end < c->asked_seq)
        log_error("stream-went-back", LOG_STR("handler", c->handler->name), LOG_STR("cluster", c->cluster->name),
                  LOG_STR("stream", c->stream), LOG_UINT("delivered", c->asked_seq), LOG_UINT("last", end),
                  LOG_STR("msg", "the stream ends before a message that it has delivered: the server has lost messages "
                                 "(see sync_interval), or its leader is not up to date yet"));
    if (end < c->asked_seq || end > c->last_seq)
        c->last_seq = end;
}

static void on_stream(void *data, int rc, natsMsg *msg)
{
    struct consumer *c = data;
    struct answer a;

    c->setup_request = NULL;
    answer_read(&a, rc, msg);
    if (a.err_code == JS_STREAM_NOT_FOUND) {
        const struct strv *filters = &c->handler->filter_subjects;
        setup_reason(c,
                     "stream %s does not exist on cluster %s (create it, for example: nats stream add %s --subjects "
                     "'%s' --defaults; or set handler.%s.stream)",
                     c->stream, c->cluster->name, c->stream, filters->n ? filters->items[0] : "SUBJECTS",
                     c->handler->name);
        again(c);
    } else if (c->was_active && a.rc == -ETIMEDOUT) {
        ask_consumer(c); /* a region may be down that pulling does not need */
    } else if (!trouble(c, &a, "STREAM.INFO") && shadow_fits(c, a.json)) {
        json_t *config = json_object_get(a.json, "config");
        int64_t created = value_time_ns(json_string_value(json_object_get(a.json, "created")));
        if (c->stream_created_ns && created != c->stream_created_ns)
            log_error("stream-recreated", LOG_STR("handler", c->handler->name), LOG_STR("cluster", c->cluster->name),
                      LOG_STR("stream", c->stream),
                      LOG_STR("msg", "the stream was deleted and made anew: its sequences start over"));
        if (created == c->stream_created_ns)
            look_at_the_end(c, a.json);
        else
            c->last_seq = 0;
        c->stream_created_ns = created;
        c->stream_replicas = json_integer_value(json_object_get(config, "num_replicas"));
        const char *retention = json_string_value(json_object_get(config, "retention"));
        c->keeps_acked = !retention || strcmp(retention, "limits") == 0;
        look_for_subjects(c, config);
        if (c->cumulative.on && retention && strcmp(retention, "workqueue") == 0) {
            setup_reason(c, "stream %s is a work queue: ack = cumulative is not for those (set ack = each)", c->stream);
            again(c);
        } else {
            ask_consumer(c);
        }
    }
    json_decref(a.json);
}

static void ask_stream(struct consumer *c)
{
    c->stage = STAGE_STREAM;
    c->asked_seq = c->last_seq; /* what comes before the answer may be younger than it */
    call(c, NULL, on_stream, "STREAM.INFO.%s", c->stream);
}

/* ---- consumer ------------------------------------------------------------------ */

static void on_consumer(void *data, int rc, natsMsg *msg);

static void create_consumer(struct consumer *c)
{
    const struct config_handler *h = c->handler;
    char *json = document_consumer_create(c);
    if (!json) {
        setup_reason(c, "out of memory");
        again(c);
        return;
    }
    /* With one filter its subject is part of the request's, for servers that restrict by it. */
    char filter[FILTER_MAX] = "";
    if (h->filter_subjects.n == 1)
        document_filter(c, 0, filter);
    log_info("consumer-create", LOG_STR("handler", h->name), LOG_STR("cluster", c->cluster->name),
             LOG_STR("stream", c->stream), LOG_STR("consumer", h->durable));
    call(c, json, on_consumer, "CONSUMER.CREATE.%s.%s%s%s", c->stream, h->durable, *filter ? "." : "", filter);
    free(json);
}

static void consumer_missing(struct consumer *c)
{
    const char *durable = c->handler->durable;
    if (c->was_active && !(c->handler->shadow && c->handler->create == CREATE_MISSING)) /* a shadow loses no place */
        setup_reason(c,
                     "consumer %s of stream %s was deleted while running; it is not made anew, because that would "
                     "replay the stream (create it yourself, or restart seamqd with create = missing)",
                     durable, c->stream);
    else if (c->handler->create == CREATE_NEVER)
        setup_reason(c,
                     "consumer %s does not exist on stream %s and create = never (provision it, or set "
                     "handler.%s.create = missing)",
                     durable, c->stream, c->handler->name);
    else {
        create_consumer(c);
        return;
    }
    again(c);
}

/* False: another one of the same name. What is held of the old one is not ours to settle: an answer would reach the new
 * one. */
static bool identify(struct consumer *c, int64_t created_ns)
{
    bool same = !c->consumer_created_ns || c->consumer_created_ns == created_ns;
    if (!same) {
        c->verified = false; /* lease_resume() forgets what is held */
        log_warn("consumer-recreated", LOG_STR("handler", c->handler->name), LOG_STR("cluster", c->cluster->name),
                 LOG_STR("stream", c->stream), LOG_STR("consumer", c->handler->durable),
                 LOG_UINT("forgotten", c->messages.n - c->messages.n_by_state[MESSAGE_AWAY]),
                 LOG_STR("msg", "the consumer was deleted and made anew: it delivers from where it starts"));
    }
    c->consumer_created_ns = created_ns;
    return same;
}

static void bound(struct consumer *c, json_t *config, const char *created)
{
    char drift[CONSUMER_REASON_MAX];
    char refusal[CONSUMER_REASON_MAX];

    document_consumer_check(c, config, drift, sizeof(drift), refusal, sizeof(refusal));
    if (refusal[0]) {
        setup_reason(c, "consumer %s of stream %s: %s", c->handler->durable, c->stream, refusal);
        again(c);
        return;
    }
    if (drift[0] && !c->was_active)
        log_warn("consumer-drift", LOG_STR("handler", c->handler->name), LOG_STR("cluster", c->cluster->name),
                 LOG_STR("stream", c->stream), LOG_STR("consumer", c->handler->durable), LOG_STR("msg", drift),
                 LOG_STR("then", "the server's are used: `seamq stream apply` with a section [consumer.STREAM/NAME] "
                                 "changes them, `seamq seek` the start"));
    if (identify(c, value_time_ns(created))) {
        verified(c);
        ask_dead_letter(c);
    } else {
        setup_start(c); /* its stream may be another one, too */
    }
}

static void on_consumer(void *data, int rc, natsMsg *msg)
{
    struct consumer *c = data;
    struct answer a;

    c->setup_request = NULL;
    answer_read(&a, rc, msg);
    if (a.err_code == JS_CONSUMER_NOT_FOUND) {
        consumer_missing(c);
    } else if (c->was_active && a.rc == -ETIMEDOUT) {
        pull(c); /* the servers that know do not answer, and pulling may work without them */
        doubt(c,
              "no answer from the server to CONSUMER.INFO within 5s (is there a JetStream leader?); pulling goes on");
    } else if (!trouble(c, &a, "CONSUMER.INFO")) {
        lease_take_info(c, a.json);
        bound(c, json_object_get(a.json, "config"), json_string_value(json_object_get(a.json, "created")));
    }
    json_decref(a.json);
}

static void ask_consumer(struct consumer *c)
{
    c->stage = STAGE_CONSUMER;
    call(c, NULL, on_consumer, "CONSUMER.INFO.%s.%s", c->stream, c->handler->durable);
}

/* ---- dead-letter stream ----------------------------------------------------------- */

static void verified(struct consumer *c)
{
    if (c->verified)
        return;
    c->verified = true;
    c->verified_ns = loop_now_ns(c->loop);
    lease_resume(c);
}

static void pull(struct consumer *c)
{
    verified(c);
    c->stage = STAGE_ACTIVE;
    c->was_active = true;
    pull_start(c);
    redelivery_sync_begin(c);
}

static void active(struct consumer *c)
{
    pull(c);
    trust(c);
}

static void on_dead_letter_made(void *data, int rc, natsMsg *msg)
{
    struct consumer *c = data;
    struct answer a;

    c->setup_request = NULL;
    answer_read(&a, rc, msg);
    /* Others may make or change it at the same moment: what counts is what is there afterwards. */
    if (a.err_code == JS_STREAM_NAME_EXISTS || !trouble(c, &a, "creating the dead-letter stream"))
        ask_dead_letter(c);
    json_decref(a.json);
}

static void make_dead_letter(struct consumer *c, const char *verb, char *json)
{
    const char *name = c->dead_letter;
    if (!json) {
        setup_reason(c, "out of memory");
        again(c);
        return;
    }
    log_info("dead-letter-stream", LOG_STR("handler", c->handler->name), LOG_STR("cluster", c->cluster->name),
             LOG_STR("stream", name), LOG_STR("action", verb));
    call(c, json, on_dead_letter_made, "STREAM.%s.%s", verb, name);
    free(json);
}

static void on_dead_letter(void *data, int rc, natsMsg *msg)
{
    struct consumer *c = data;
    const struct config_handler *h = c->handler;
    struct answer a;
    char subject[SUBJECT_MAX];

    c->setup_request = NULL;
    snprintf(subject, sizeof(subject), "dlq.%s.>", c->stream);
    answer_read(&a, rc, msg);
    bool missing = a.err_code == JS_STREAM_NOT_FOUND;
    bool captures = a.rc == 0 && document_stream_captures(json_object_get(a.json, "config"), subject);
    if (a.rc == 0 || missing)
        c->dead_letter_seen = captures;
    if (missing && c->was_active) {
        setup_reason(c, "dead-letter stream %s was deleted while running (create it with the subject %s)",
                     c->dead_letter, subject);
        again(c);
    } else if (missing && h->create == CREATE_NEVER) {
        setup_reason(c,
                     "dead-letter stream %s does not exist on cluster %s and create = never (create it with the "
                     "subject %s, or set handler.%s.dead_letter = off)",
                     c->dead_letter, c->cluster->name, subject, h->name);
        again(c);
    } else if (missing) {
        make_dead_letter(c, "CREATE", document_dead_letter_create(c, subject));
    } else if (c->stage == STAGE_ACTIVE && (captures || a.rc)) {
        ; /* no news: the next dead letter would show */
    } else if (!trouble(c, &a, "STREAM.INFO of the dead-letter stream")) {
        if (captures) {
            active(c);
        } else if (h->create == CREATE_NEVER) {
            setup_reason(c,
                         "dead-letter stream %s does not capture %s (add that subject to it, or set "
                         "handler.%s.dead_letter)",
                         c->dead_letter, subject, h->name);
            again(c);
        } else {
            make_dead_letter(c, "UPDATE", document_dead_letter_update(json_object_get(a.json, "config"), subject));
        }
    }
    json_decref(a.json);
}

/* If it was there before the connection was lost, messages are not kept waiting for its answer: it has a leader of
 * its own, which may be the server that was lost. */
static void ask_dead_letter(struct consumer *c)
{
    bool off = strcmp(c->dead_letter, "off") == 0;

    c->stage = STAGE_DEAD_LETTER;
    if (off || c->dead_letter_seen)
        active(c);
    if (!off)
        call(c, NULL, on_dead_letter, "STREAM.INFO.%s", c->dead_letter);
}

/* ---- entry points ------------------------------------------------------------------ */

static void on_again(struct loop_timer *t)
{
    route_retry(t->data);
}

void setup_start(struct consumer *c)
{
    setup_stop(c);
    if (c->stage == STAGE_STOPPED)
        return;
    c->seed = (unsigned)loop_now_ns(c->loop) + c->index;
    c->setup_again.fire = on_again;
    c->setup_again.data = c;
    ask_stream(c);
}

void setup_stop(struct consumer *c)
{
    loop_disarm(c->loop, &c->setup_again);
    request_cancel(c->setup_request);
    c->setup_request = NULL;
}

int setup_info(struct consumer *c, request_reply_fn fn, struct request **ret)
{
    char rest[SUBJECT_MAX];
    snprintf(rest, sizeof(rest), "CONSUMER.INFO.%s.%s", c->stream, c->handler->durable);
    return request_ask(c->requests, c->cluster->domain, rest, fn, c, ret);
}

void setup_heard(struct consumer *c)
{
    c->unanswered_ns = 0;
    if (c->doubted && c->stage == STAGE_ACTIVE)
        trust(c);
}

void consumer_recheck(struct consumer *c)
{
    if (c->stage != STAGE_ACTIVE)
        return;
    c->dead_letter_seen = false;
    pull_reset(c, 0);
    setup_start(c);
}

/* Whether a subject is one that this consumer cannot do without. */
static bool needs_subject(const struct consumer *c, const char *subject)
{
    char token[SUBJECT_MAX];
    const char *inbox = connection_inbox(requests_connection(c->requests));

    if (strncmp(subject, inbox, strlen(inbox)) == 0)
        return true;
    snprintf(token, sizeof(token), "dlq.%s.", c->stream);
    if (strncmp(subject, token, strlen(token)) == 0)
        return true;
    if (strncmp(subject, "$JS.", 4) != 0)
        return false;
    size_t len = strlen(c->stream);
    for (const char *at = subject; (at = strstr(at, c->stream)); at++)
        if (at[-1] == '.' && (at[len] == '.' || at[len] == '\0' || at[len] == '"'))
            return true;
    return false;
}

/* Violation texts name the subject: "Permissions Violation for Publish to "$JS.API...."". */
void consumer_server_error(struct consumer *c, const struct connection *connection, const char *text)
{
    const char *subject = strchr(text, '"');
    if (connection != requests_connection(c->requests) || !strstr(text, "Permissions Violation") || !subject ||
        !needs_subject(c, subject + 1))
        return;
    doubt(c, "the server refuses: %s (grant it to the user of cluster %s)", text, consumer_via(c));
}

/* Finds out which stream and consumer these are, and says it. */
static void make_sure(struct consumer *c)
{
    c->verified = false;
    pull_reset(c, 0);
    setup_start(c);
}

bool setup_known(struct consumer *c, json_t *info)
{
    if (value_time_ns(json_string_value(json_object_get(info, "created"))) == c->consumer_created_ns)
        return true;
    if (c->stage == STAGE_ACTIVE)
        make_sure(c);
    return false;
}

/* Not for each of the many that come again when a server was killed; nor is its stream asked, whose leader may have
 * died with it: the consumer's is there, since it delivers. */
void setup_suspect(struct consumer *c)
{
    if (c->stage != STAGE_ACTIVE || !c->verified || c->stopping || loop_now_ns(c->loop) - c->verified_ns < SUSPECT_NS)
        return;
    c->verified = false;
    pull_reset(c, 0);
    setup_stop(c);
    ask_consumer(c);
}

/* No answer, or one that there is no leader. */
static void unanswered(struct consumer *c, const struct answer *a)
{
    if (!c->unanswered_ns)
        c->unanswered_ns = c->verify_asked_ns;
    if (loop_now_ns(c->loop) - c->unanswered_ns >= UNANSWERED_NS && !c->doubted)
        doubt(c, "consumer %s of stream %s does not answer (%s); pulling goes on", c->handler->durable, c->stream,
              a->rc == -ETIMEDOUT      ? "is there a JetStream leader?"
              : a->rc == -EHOSTUNREACH ? "nobody listens there: no JetStream leader, or no way to its servers"
                                       : a->text);
}

static void on_verified(void *data, int rc, natsMsg *msg)
{
    struct consumer *c = data;
    struct answer a;

    c->setup_request = NULL;
    answer_read(&a, rc, msg);
    bool missing = a.err_code == JS_CONSUMER_NOT_FOUND || a.err_code == JS_STREAM_NOT_FOUND;
    if (a.rc == 0)
        setup_known(c, a.json);
    else if (c->stage == STAGE_ACTIVE && missing)
        make_sure(c);
    else if (c->stage == STAGE_ACTIVE && a.rc != -ENOTCONN)
        unanswered(c, &a);
    json_decref(a.json);
}

void setup_verify(struct consumer *c)
{
    if (c->setup_request)
        return;
    c->verify_asked_ns = loop_now_ns(c->loop);
    call(c, NULL, on_verified, "CONSUMER.INFO.%s.%s", c->stream, c->handler->durable);
}
