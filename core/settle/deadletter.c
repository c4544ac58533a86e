/* SPDX-License-Identifier: Apache-2.0
 *
 * deadletter - a confirmed copy of a message in the dead-letter stream, exactly one.
 *
 * The subject names the message (stream, consumer, when the stream was created, sequence) and
 * may hold one only ("expected last subject sequence 0"): a crash between this publish and the
 * acknowledgement ends in "wrong last sequence" at the next try, which means that it is there.
 */
#include "settle_private.h"

#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PUBLISH_TIMEOUT_NS (5 * NS_PER_SEC)
#define VALUE_MAX 2048

/* The message's own headers, but for those that would mean something to the server. */
static void put_original(struct buf *b, natsMsg *msg)
{
    const char **keys = NULL;
    int n = 0;

    if (natsMsgHeader_Keys(msg, &keys, &n) != NATS_OK)
        return;
    for (int i = 0; i < n; i++) {
        const char **values = NULL;
        int n_values = 0;
        if (!dead_letter_keeps_header(keys[i]) || natsMsgHeader_Values(msg, keys[i], &values, &n_values) != NATS_OK)
            continue;
        for (int v = 0; v < n_values; v++)
            dead_letter_header_write(b, keys[i], values[v], SIZE_MAX);
        free(values);
    }
    free(keys);
}

/* What `seamq dlq replay` has written, so that it can count on. */
static void put_replay(struct buf *b, natsMsg *msg)
{
    static const char *const names[] = {DEAD_LETTER_REPLAYS, DEAD_LETTER_REPLAY_ID};
    const char *value;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (natsMsgHeader_Get(msg, names[i], &value) == NATS_OK)
            dead_letter_header_write(b, names[i], value, VALUE_MAX);
}

static void describe(const struct settlement *t, struct dead_letter *ret)
{
    const struct message *h = t->message;

    *ret = (struct dead_letter){
        .created_ns = consumer_stream_created_ns(h->consumer),
        .seq = h->stream_seq,
        .subject = natsMsg_GetSubject(h->msg),
        .reason = dead_reason_name(t->reason),
        .error = t->text,
        .signal = t->signal ? strsignal(t->signal) : NULL,
        .backtrace = t->backtrace,
        .handler = t->settle->handler->name,
        .handler_version = t->settle->version,
        .cluster = consumer_cluster(h->consumer)->name,
        .stored_ns = h->stored_ns,
        .attempts = (uint64_t)h->attempts,
    };
    snprintf(ret->stream, sizeof(ret->stream), "%s", consumer_stream(h->consumer));
    snprintf(ret->consumer, sizeof(ret->consumer), "%s", consumer_durable(h->consumer));
}

static void put_headers(struct buf *b, const struct settlement *t, const struct dead_letter *d,
                        enum dead_letter_extent extent)
{
    dead_letter_header_write(b, "Nats-Expected-Last-Subject-Sequence", "0", 1);
    dead_letter_header_write(b, "Nats-Expected-Stream", consumer_dead_letter(t->message->consumer), VALUE_MAX);
    dead_letter_headers_write(d, extent, b);
    put_replay(b, t->message->msg);
    if (extent < DEAD_LETTER_NO_HEADERS)
        put_original(b, t->message->msg);
}

static void publish(struct settlement *t, enum dead_letter_extent extent);

static void failed(struct settlement *t, const char *why)
{
    t->settle->stats.dead_letter_errors++;
    settlement_again(t);
    log_error("dead-letter-failed", LOG_STR("handler", t->settle->handler->name),
              LOG_STR("stream", consumer_dead_letter(t->message->consumer)), LOG_UINT("seq", t->message->stream_seq),
              LOG_STR("error", why), LOG_NS("retry_in", t->pause_ns),
              LOG_STR("msg", "the message stays held until its copy is stored"));
}

static void on_stored(void *data, int rc, natsMsg *msg)
{
    struct settlement *t = data;
    struct answer a;

    t->request = NULL;
    pub_ack_read(&a, rc, msg);
    json_decref(a.json);
    if (a.rc == 0 || a.err_code == JS_WRONG_LAST_SEQUENCE) {
        t->settle->stats.dead[t->reason]++;
        settlement_step(t, STEP_CONFIRM);
    } else if (a.err_code == JS_MESSAGE_TOO_LARGE && t->extent < DEAD_LETTER_POINTER) {
        if (consumer_verified(t->message->consumer) && !consumer_stale(t->message->consumer, t->message))
            publish(t, t->extent + 1);
        else
            settlement_again(t);
    } else {
        if (a.rc == -EHOSTUNREACH)
            consumer_recheck(t->message->consumer);
        failed(t, a.rc == -EREMOTEIO      ? a.text
                  : a.rc == -EHOSTUNREACH ? "no stream takes dead letters"
                                          : strerror(-a.rc));
    }
}

/* To acknowledge it would delete the only copy. */
static void cannot_point(struct settlement *t)
{
    char why[512];
    snprintf(why, sizeof(why),
             "the message with its headers is too large for a dead letter, and stream %s deletes what is acknowledged: "
             "raise max_payload of the servers or max_msg_size of the dead-letter stream, whichever is too small",
             consumer_stream(t->message->consumer));
    failed(t, why);
}

static void publish(struct settlement *t, enum dead_letter_extent extent)
{
    struct message *h = t->message;
    struct requests *requests = consumer_requests(h->consumer);
    struct buf headers = {0};
    struct dead_letter d;
    char subject[DEAD_LETTER_SUBJECT_MAX];
    int64_t limit = connection_max_payload(requests_connection(requests));
    size_t size = (size_t)natsMsg_GetDataLength(h->msg);

    describe(t, &d);
    for (;; extent++) {
        buf_clear(&headers);
        put_headers(&headers, t, &d, extent);
        if (extent == DEAD_LETTER_POINTER || limit <= 0 || size + headers_wire_size(&headers) <= (size_t)limit)
            break;
    }
    t->extent = extent;
    dead_letter_subject(&d, subject, sizeof(subject));
    struct connection_publish p = {.subject = subject,
                                   .headers = headers.data,
                                   .headers_size = headers.len,
                                   .data = natsMsg_GetData(h->msg),
                                   .size = extent == DEAD_LETTER_POINTER ? 0 : size};
    if (extent == DEAD_LETTER_POINTER && !consumer_keeps_acked(h->consumer))
        cannot_point(t);
    else if (headers.failed || request_send(requests, p, PUBLISH_TIMEOUT_NS, on_stored, t, &t->request))
        settlement_again(t); /* not connected, or no memory just now */
    buf_finish(&headers);
}

/* Each time from the whole message on: a limit that was too small may have been raised. */
void dead_letter_publish(struct settlement *t)
{
    if (!t->request)
        publish(t, DEAD_LETTER_ALL);
}
