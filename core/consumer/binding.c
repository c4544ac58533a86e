/* SPDX-License-Identifier: Apache-2.0
 *
 * binding - from a connection to an active consumer: STREAM.INFO, CONSUMER.INFO or CONSUMER.CREATE, dead-letter stream.
 *
 * A step that fails sets the reason and starts again from STREAM.INFO after a pause.  A consumer that this process has
 * seen is never recreated, because that would replay the stream.
 */
#include "consumer_private.h"

#include "base/log.h"
#include "base/rfc3339.h"
#include "jetstream/consumer_config.h"
#include "jetstream/stream_config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_NS (1 * NS_PER_SEC)
#define RETRY_LEADERLESS_NS (500 * NS_PER_MS) /* an election may end at any moment */
#define UNANSWERED_NS (10 * NS_PER_SEC)       /* an election rarely takes longer */
#define SUSPECT_NS NS_PER_SEC

static void request_consumer(struct consumer *c);

/* ---- one step ---------------------------------------------------------------- */

static void retry_after(struct consumer *c, int64_t pause_ns)
{
    struct binding *b = &c->binding;
    pause_ns = pause_ns * 3 / 4 + rand_r(&b->seed) % (pause_ns / 2);
    b->stage = BINDING_STREAM;
    loop_arm(c->loop, &b->retry, loop_now_ns(c->loop) + pause_ns);
}

void binding_retry_later(struct consumer *c)
{
    retry_after(c, RETRY_NS);
}

void binding_alarm(struct consumer *c, const char *sentence)
{
    pull_reset(c, 0);
    readiness_lose(c, "%s", sentence);
    binding_retry_later(c);
}

void binding_call(struct consumer *c, const struct api_path *path, const char *json, request_reply_fn fn)
{
    char text[API_SUBJECT_MAX];
    int rc = request_call(c->requests, c->cluster, path, json, fn, c, &c->binding.request);
    if (rc == 0 || rc == -ENOTCONN) /* after the latter, CONNECTION_DOWN starts the binding again */
        return;
    api_path_text(path, text, sizeof(text));
    readiness_lose(c, "cannot send the request %s: %s; trying again in a second", text, strerror(-rc));
    binding_retry_later(c);
}

static struct api_path consumer_path(const struct consumer *c, enum api_verb verb)
{
    return (struct api_path){verb, .stream = c->stream, .consumer = c->handler->durable};
}

static void call_consumer_info(struct consumer *c, request_reply_fn fn)
{
    struct api_path path = consumer_path(c, API_CONSUMER_INFO);
    binding_call(c, &path, NULL, fn);
}

bool binding_failed(struct consumer *c, const struct answer *a, const char *what)
{
    const char *domain = c->cluster->domain;
    char prefix[API_SUBJECT_MAX] = "";
    bool suspected = c->readiness.state == READINESS_SUSPECTED; /* the present reason says more than a time-out */

    if (a->rc == 0)
        return false;
    if (a->rc == -ENOTCONN)
        return true;
    api_prefix(c->cluster, NULL, prefix, sizeof(prefix));
    if (a->rc == -ETIMEDOUT && !suspected)
        readiness_lose(c,
                       "no response from the server to %s within 5s (is there a JetStream leader, and may this user "
                       "publish to %s.> and subscribe to %s.>?)",
                       what, prefix, c->cluster->inbox_prefix);
    else if (a->rc == -EHOSTUNREACH)
        readiness_lose(c, "no responders for %s: JetStream is not enabled on cluster %s%s%s, or not yet", what,
                       c->cluster->name, domain ? " or it has no domain " : "", domain ? domain : "");
    else if (a->rc != -ETIMEDOUT)
        readiness_lose(c, "%s: the server says: %s (%d)", what, a->text, a->err_code);
    bool leaderless = a->rc == -EHOSTUNREACH || a->err_code == JS_CLUSTER_NOT_AVAILABLE;
    retry_after(c, leaderless ? RETRY_LEADERLESS_NS : RETRY_NS);
    return true;
}

/* ---- stream ------------------------------------------------------------------- */

/* In a stream without limits retention, a shadow's consumer would take messages from other consumers, or keep them from
 * being deleted. */
static bool shadow_allowed(struct consumer *c, const char *retention)
{
    if (!c->handler->shadow || !retention || strcmp(retention, "limits") == 0)
        return true;
    readiness_lose(c,
                   "stream %s has %s retention, so a further consumer affects other consumers: shadow = yes needs a "
                   "stream with limits retention",
                   c->stream, retention);
    return false;
}

static bool ack_mode_allowed(struct consumer *c, const char *retention)
{
    if (c->ack->allows_work_queue || !retention || strcmp(retention, "workqueue") != 0)
        return true;
    readiness_lose(c, "stream %s is a work queue, which ack = cumulative does not support (set ack = each)", c->stream);
    return false;
}

/* This is only a warning, because the stream may get a matching subject at any time. */
static void check_filters(struct consumer *c, json_t *document, const struct consumer_config *wanted)
{
    char warning[sizeof(c->binding.filter_warning)] = "";
    struct buf why = {0};

    if (stream_matches_no_filter(document, &wanted->filter_subjects, &why) && buf_str(&why))
        snprintf(warning, sizeof(warning),
                 "stream %s %s: no message will arrive (set handler.%s.filter_subjects, or add the subject to the "
                 "stream)",
                 c->stream, buf_str(&why), c->handler->name);
    if (*warning && strcmp(warning, c->binding.filter_warning) != 0)
        log_warn("subject-not-in-stream", LOG_STR("handler", c->handler->name), LOG_STR("cluster", c->cluster->name),
                 LOG_STR("msg", warning));
    memcpy(c->binding.filter_warning, warning, sizeof(warning));
    buf_finish(&why);
}

/* After a power failure or a restored backup, the server assigns the lost sequences to other messages. */
static void check_last_sequence(struct consumer *c, json_t *info)
{
    uint64_t end = (uint64_t)json_integer_value(json_object_get(json_object_get(info, "state"), "last_seq"));
    uint64_t requested_seq = c->binding.requested_seq;

    if (end < requested_seq)
        log_error("stream-went-back", LOG_STR("handler", c->handler->name), LOG_STR("cluster", c->cluster->name),
                  LOG_STR("stream", c->stream), LOG_UINT("delivered", requested_seq), LOG_UINT("last", end),
                  LOG_STR("msg", "the stream ends before a message that it has delivered: the server has lost messages "
                                 "(see sync_interval), or its leader is not up to date yet"));
    if (end < requested_seq || end > c->stream_last_seq)
        c->stream_last_seq = end;
}

static void check_stream_identity(struct consumer *c, json_t *info)
{
    int64_t created = rfc3339_parse(json_string_value(json_object_get(info, "created")));

    if (c->stream_created_ns && created != c->stream_created_ns)
        log_error("stream-recreated", LOG_STR("handler", c->handler->name), LOG_STR("cluster", c->cluster->name),
                  LOG_STR("stream", c->stream),
                  LOG_STR("msg", "the stream was deleted and recreated: its sequences start over, and in-flight "
                                 "messages of the old one are forgotten"));
    if (created == c->stream_created_ns)
        check_last_sequence(c, info);
    else
        c->stream_last_seq = 0;
    c->stream_created_ns = created;
}

static void stream_found(struct consumer *c, json_t *info)
{
    json_t *config = json_object_get(info, "config");
    struct consumer_config wanted;
    const char *retention = json_string_value(json_object_get(config, "retention"));

    if (!shadow_allowed(c, retention)) {
        binding_retry_later(c);
        return;
    }
    check_stream_identity(c, info);
    c->stream_replicas = json_integer_value(json_object_get(config, "num_replicas"));
    c->keeps_acked = !retention || strcmp(retention, "limits") == 0;
    if (consumer_config_for_handler(&wanted, c->handler, c->cluster, c->stream) == 0) {
        check_filters(c, config, &wanted);
        consumer_config_finish(&wanted);
    }
    if (ack_mode_allowed(c, retention))
        request_consumer(c);
    else
        binding_retry_later(c);
}

static void stream_missing(struct consumer *c)
{
    const struct strv *filters = &c->handler->filter_subjects;

    readiness_lose(c,
                   "stream %s does not exist on cluster %s (create it, for example: nats stream add %s --subjects "
                   "'%s' --defaults; or set handler.%s.stream)",
                   c->stream, c->cluster->name, c->stream, filters->n ? filters->items[0] : "SUBJECTS",
                   c->handler->name);
    binding_retry_later(c);
}

static void on_stream(void *data, int rc, natsMsg *msg)
{
    struct consumer *c = data;
    struct answer a;

    c->binding.request = NULL;
    answer_read(&a, rc, msg);
    if (a.err_code == JS_STREAM_NOT_FOUND)
        stream_missing(c);
    else if (c->binding.was_active && a.rc == -ETIMEDOUT)
        request_consumer(c); /* the stream's leader may be down while the consumer's works */
    else if (!binding_failed(c, &a, api_verb_name(API_STREAM_INFO)))
        stream_found(c, a.json);
    json_decref(a.json);
}

static void request_stream(struct consumer *c)
{
    c->binding.stage = BINDING_STREAM;
    c->binding.requested_seq = c->stream_last_seq; /* a message that arrives before the response may be newer than it */
    binding_call(c, &(struct api_path){API_STREAM_INFO, .stream = c->stream}, NULL, on_stream);
}

/* ---- consumer ------------------------------------------------------------------ */

static void on_consumer(void *data, int rc, natsMsg *msg);

static void retry_without_memory(struct consumer *c)
{
    readiness_lose(c, "out of memory; trying again in a second");
    binding_retry_later(c);
}

static void create_consumer(struct consumer *c, const struct consumer_config *wanted)
{
    json_t *document = consumer_config_write(wanted);
    char *json = document ? consumer_config_request(c->stream, document, "create") : NULL;
    struct api_path path = consumer_config_path(wanted);

    json_decref(document);
    if (!json) {
        retry_without_memory(c);
        return;
    }
    log_info("consumer-create", LOG_STR("handler", c->handler->name), LOG_STR("cluster", c->cluster->name),
             LOG_STR("stream", c->stream), LOG_STR("consumer", wanted->name));
    binding_call(c, &path, json, on_consumer);
    free(json);
}

static void consumer_missing(struct consumer *c)
{
    const char *durable = c->handler->durable;
    bool create = c->handler->create == CREATE_MISSING;
    struct consumer_config wanted;

    if (c->binding.was_active && !(c->handler->shadow && create)) { /* a shadow has no position to lose */
        readiness_lose(c,
                       "consumer %s of stream %s was deleted while running; it is not recreated, because that would "
                       "replay the stream (create it yourself, or restart seamqd with create = missing)",
                       durable, c->stream);
        binding_retry_later(c);
    } else if (!create) {
        readiness_lose(c,
                       "consumer %s does not exist on stream %s and create = never (provision it, or set "
                       "handler.%s.create = missing)",
                       durable, c->stream, c->handler->name);
        binding_retry_later(c);
    } else if (consumer_config_for_handler(&wanted, c->handler, c->cluster, c->stream) < 0) {
        retry_without_memory(c);
    } else {
        create_consumer(c, &wanted);
        consumer_config_finish(&wanted);
    }
}

/* False: the consumer was recreated under the same name. In-flight messages of the old one must not be settled, because
 * the acknowledgements would reach the new one; lease_resume() forgets them. */
static bool take_identity(struct consumer *c, int64_t created_ns)
{
    bool same = !c->consumer_created_ns || c->consumer_created_ns == created_ns;
    if (!same) {
        c->binding.verified = false;
        log_warn("consumer-recreated", LOG_STR("handler", c->handler->name), LOG_STR("cluster", c->cluster->name),
                 LOG_STR("stream", c->stream), LOG_STR("consumer", c->handler->durable),
                 LOG_UINT("forgotten", c->messages.n - c->messages.n_by_state[MESSAGE_AWAY]),
                 LOG_STR("msg", "the consumer was deleted and recreated: in-flight messages of the old one are "
                                "forgotten, and the new one delivers from its own start"));
    }
    c->consumer_created_ns = created_ns;
    return same;
}

static void set_verified(struct consumer *c)
{
    if (c->binding.verified)
        return;
    c->binding.verified = true;
    c->binding.verified_ns = loop_now_ns(c->loop);
    lease_resume(c);
}

/* Compares the server's consumer with the configuration. False: the consumer cannot be used; a retry is scheduled. */
static bool check_config(struct consumer *c, json_t *document)
{
    struct consumer_comparison d = {0};
    struct consumer_config wanted;
    int rc = consumer_config_for_handler(&wanted, c->handler, c->cluster, c->stream);

    if (rc == 0) {
        rc = consumer_config_compare(&wanted, document, &d);
        consumer_config_finish(&wanted);
    }
    if (rc < 0) {
        retry_without_memory(c);
        return false;
    }
    bool usable = d.refusal.len == 0;
    if (!usable) {
        readiness_lose(c, "consumer %s of stream %s: %s", c->handler->durable, c->stream, buf_str(&d.refusal));
        binding_retry_later(c);
    } else {
        if (d.drift.len && !c->binding.was_active)
            log_warn("consumer-drift", LOG_STR("handler", c->handler->name), LOG_STR("cluster", c->cluster->name),
                     LOG_STR("stream", c->stream), LOG_STR("consumer", c->handler->durable),
                     LOG_STR("msg", buf_str(&d.drift)),
                     LOG_STR("then",
                             "the server's values are used (change them with `seamq stream apply` and a section "
                             "[consumer.STREAM/NAME], the start with `seamq seek`)"));
        c->ack_wait_ns = d.ack_wait_ns ? d.ack_wait_ns : c->ack_wait_ns;
        c->max_ack_pending = d.max_ack_pending;
    }
    consumer_comparison_finish(&d);
    return usable;
}

static void consumer_found(struct consumer *c, json_t *config, const char *created)
{
    if (!check_config(c, config))
        return;
    if (take_identity(c, rfc3339_parse(created))) {
        set_verified(c);
        dead_letter_stream_check(c);
    } else {
        binding_start(c); /* the stream may have been recreated, too */
    }
}

static void pull_again(struct consumer *c)
{
    set_verified(c);
    c->binding.stage = BINDING_ACTIVE;
    c->binding.was_active = true;
    pull_start(c);
    redelivery_sync_begin(c);
}

void binding_activate(struct consumer *c)
{
    pull_again(c);
    c->binding.unanswered_ns = 0;
    readiness_gain(c);
}

static void on_consumer(void *data, int rc, natsMsg *msg)
{
    struct consumer *c = data;
    struct answer a;

    c->binding.request = NULL;
    answer_read(&a, rc, msg);
    if (a.err_code == JS_CONSUMER_NOT_FOUND) {
        consumer_missing(c);
    } else if (c->binding.was_active && a.rc == -ETIMEDOUT) {
        pull_again(c); /* pulling may work without the servers that do not respond */
        readiness_suspect(
            c,
            "no response from the server to CONSUMER.INFO within 5s (is there a JetStream leader?); pulling continues");
    } else if (!binding_failed(c, &a, api_verb_name(API_CONSUMER_INFO))) {
        info_take(c, a.json);
        consumer_found(c, json_object_get(a.json, "config"), json_string_value(json_object_get(a.json, "created")));
    }
    json_decref(a.json);
}

static void request_consumer(struct consumer *c)
{
    c->binding.stage = BINDING_CONSUMER;
    call_consumer_info(c, on_consumer);
}

/* ---- start and end ------------------------------------------------------------- */

static void binding_cancel(struct consumer *c)
{
    loop_disarm(c->loop, &c->binding.retry);
    request_cancel(c->binding.request);
    c->binding.request = NULL;
}

static void on_retry(struct loop_timer *t)
{
    path_retry(t->data);
}

void binding_start(struct consumer *c)
{
    binding_cancel(c);
    if (c->binding.stage == BINDING_STOPPED)
        return;
    c->binding.seed = (unsigned)loop_now_ns(c->loop) + c->index;
    c->binding.retry = (struct loop_timer){.fire = on_retry, .data = c};
    request_stream(c);
}

void binding_disconnect(struct consumer *c)
{
    binding_cancel(c);
    c->binding.stage = BINDING_DISCONNECTED;
    c->binding.verified = false;
}

void binding_finish(struct consumer *c)
{
    binding_cancel(c);
    c->binding.stage = BINDING_STOPPED;
}

int binding_request_info(struct consumer *c, request_reply_fn fn, struct request **ret)
{
    struct api_path path = consumer_path(c, API_CONSUMER_INFO);
    return request_ask(c->requests, c->cluster, &path, fn, c, ret);
}

void consumer_recheck(struct consumer *c)
{
    if (!binding_active(c))
        return;
    c->dead_letter_stream.checked = false;
    pull_reset(c, 0);
    binding_start(c);
}

/* ---- still the same stream and consumer? ------------------------------------------- */

void binding_unverify(struct consumer *c)
{
    c->binding.verified = false;
}

static void binding_restart(struct consumer *c)
{
    binding_unverify(c);
    pull_reset(c, 0);
    binding_start(c);
}

bool binding_check_identity(struct consumer *c, json_t *info)
{
    if (rfc3339_parse(json_string_value(json_object_get(info, "created"))) == c->consumer_created_ns)
        return true;
    if (binding_active(c))
        binding_restart(c);
    return false;
}

/* At most once a second: a killed server redelivers many acked messages.  STREAM.INFO is left out, because the stream's
 * leader may have died with the server, while the consumer's leader is alive: it delivers. */
void binding_suspect_recreated(struct consumer *c)
{
    bool recent = loop_now_ns(c->loop) - c->binding.verified_ns < SUSPECT_NS;
    if (!binding_active(c) || !c->binding.verified || consumer_stopping(c) || recent)
        return;
    binding_unverify(c);
    pull_reset(c, 0);
    binding_cancel(c);
    request_consumer(c);
}

void binding_pull_alive(struct consumer *c)
{
    c->binding.unanswered_ns = 0;
    if (c->readiness.state == READINESS_SUSPECTED && binding_active(c))
        readiness_gain(c);
}

/* The verification got no response, or an error that does not say that the consumer is missing. */
static void verification_failed(struct consumer *c, const struct answer *a)
{
    struct binding *b = &c->binding;

    if (!b->unanswered_ns)
        b->unanswered_ns = b->verify_ns;
    if (loop_now_ns(c->loop) - b->unanswered_ns < UNANSWERED_NS || c->readiness.state == READINESS_SUSPECTED)
        return;
    readiness_suspect(c, "no information about consumer %s of stream %s (%s); pulling continues", c->handler->durable,
                      c->stream,
                      a->rc == -ETIMEDOUT      ? "is there a JetStream leader?"
                      : a->rc == -EHOSTUNREACH ? "no responders: no JetStream leader, or no way to its servers"
                                               : a->text);
}

static void on_verified(void *data, int rc, natsMsg *msg)
{
    struct consumer *c = data;
    struct answer a;

    c->binding.request = NULL;
    answer_read(&a, rc, msg);
    bool missing = a.err_code == JS_CONSUMER_NOT_FOUND || a.err_code == JS_STREAM_NOT_FOUND;
    if (a.rc == 0)
        binding_check_identity(c, a.json);
    else if (binding_active(c) && missing)
        binding_restart(c);
    else if (binding_active(c) && a.rc != -ENOTCONN)
        verification_failed(c, &a);
    json_decref(a.json);
}

void binding_verify(struct consumer *c)
{
    if (c->binding.request)
        return;
    c->binding.verify_ns = loop_now_ns(c->loop);
    call_consumer_info(c, on_verified);
}

bool consumer_verified(const struct consumer *c)
{
    return c->binding.verified;
}

const char *consumer_filter_warning(const struct consumer *c)
{
    return c->stats.delivered ? "" : c->binding.filter_warning;
}
