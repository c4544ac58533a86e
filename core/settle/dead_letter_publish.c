/* SPDX-License-Identifier: Apache-2.0
 *
 * dead_letter_publish - stores exactly one dead letter of a message in the dead-letter stream.
 *
 * The subject is unique for the message (stream, consumer, creation time of the stream, sequence), and the publish
 * expects an empty subject ("expected last subject sequence 0"). If the daemon ended between the publish and the
 * acknowledgement, the next publish gets "wrong last sequence", which proves that the dead letter is stored.
 */
#include "settle_private.h"

#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PUBLISH_TIMEOUT_NS (5 * NS_PER_SEC)
#define VALUE_MAX 2048

/* Writes the message's own headers, without those that the server or SeaMQ would interpret. */
static void original_headers_write(struct buf *b, natsMsg *msg)
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

/* Keeps the headers of `seamq dlq replay`, so that the next replay can continue its count. */
static void replay_headers_write(struct buf *b, natsMsg *msg)
{
    static const char *const names[] = {DEAD_LETTER_REPLAYS, DEAD_LETTER_REPLAY_ID};
    const char *value;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (natsMsgHeader_Get(msg, names[i], &value) == NATS_OK)
            dead_letter_header_write(b, names[i], value, VALUE_MAX);
}

static void dead_letter_describe(const struct settlement *t, struct dead_letter *ret)
{
    const struct message *m = t->message;

    *ret = (struct dead_letter){
        .created_ns = consumer_stream_created_ns(m->consumer),
        .seq = m->stream_seq,
        .subject = natsMsg_GetSubject(m->msg),
        .reason = dead_reason_name(t->reason),
        .error = t->text,
        .signal = t->signal ? strsignal(t->signal) : NULL,
        .backtrace = t->backtrace,
        .handler = t->settle->handler->name,
        .handler_version = t->settle->version,
        .cluster = consumer_cluster(m->consumer)->name,
        .stored_ns = m->stored_ns,
        .attempts = (uint64_t)m->attempts,
    };
    snprintf(ret->stream, sizeof(ret->stream), "%s", consumer_stream(m->consumer));
    snprintf(ret->consumer, sizeof(ret->consumer), "%s", consumer_durable(m->consumer));
}

static void headers_write(struct buf *b, const struct settlement *t, const struct dead_letter *d,
                          enum dead_letter_extent extent)
{
    dead_letter_header_write(b, "Nats-Expected-Last-Subject-Sequence", "0", 1);
    dead_letter_header_write(b, "Nats-Expected-Stream", consumer_dead_letter(t->message->consumer), VALUE_MAX);
    dead_letter_headers_write(d, extent, b);
    replay_headers_write(b, t->message->msg);
    if (extent < DEAD_LETTER_NO_HEADERS)
        original_headers_write(b, t->message->msg);
}

static void dead_letter_send(struct settlement *t, enum dead_letter_extent extent);

static void store_failure_report(struct settlement *t, const char *why)
{
    t->settle->stats.dead_letter_errors++;
    settlement_retry_later(t);
    log_error("dead-letter-failed", LOG_STR("handler", t->settle->handler->name),
              LOG_STR("stream", consumer_dead_letter(t->message->consumer)), LOG_UINT("seq", t->message->stream_seq),
              LOG_STR("error", why), LOG_NS("retry_in", t->retry_pause_ns),
              LOG_STR("msg", "the message stays in flight until its dead letter is stored"));
}

static void on_store_answer(void *data, int rc, natsMsg *msg)
{
    struct settlement *t = data;
    struct answer a;

    t->request = NULL;
    pub_ack_read(&a, rc, msg);
    json_decref(a.json);
    if (a.rc == 0 || a.err_code == JS_WRONG_LAST_SEQUENCE) {
        t->settle->stats.dead[t->reason]++;
        settlement_enter_step(t, STEP_CONFIRM);
    } else if (a.err_code == JS_MESSAGE_TOO_LARGE && t->extent < DEAD_LETTER_POINTER) {
        if (consumer_verified(t->message->consumer) && !consumer_stale(t->message->consumer, t->message))
            dead_letter_send(t, t->extent + 1);
        else
            settlement_retry_later(t);
    } else {
        if (a.rc == -EHOSTUNREACH)
            consumer_recheck(t->message->consumer);
        store_failure_report(t, a.rc == -EREMOTEIO      ? a.text
                                : a.rc == -EHOSTUNREACH ? "no responders: the dead-letter stream is deleted, has no "
                                                          "leader, or lacks the subject of the dead letter"
                                                        : strerror(-a.rc));
    }
}

/* The stream deletes acknowledged messages, so a dead letter without payload would lose the message. */
static void pointer_refuse(struct settlement *t)
{
    char why[512];
    snprintf(
        why, sizeof(why),
        "the message with its headers is too large for a dead letter, and stream %s deletes acknowledged messages; "
        "raise max_payload of the servers or max_msg_size of the dead-letter stream, whichever is too small",
        consumer_stream(t->message->consumer));
    store_failure_report(t, why);
}

static void dead_letter_send(struct settlement *t, enum dead_letter_extent extent)
{
    struct message *m = t->message;
    struct requests *requests = consumer_requests(m->consumer);
    struct buf headers = {0};
    struct dead_letter d;
    char subject[DEAD_LETTER_SUBJECT_MAX];
    int64_t limit = connection_max_payload(requests_connection(requests));
    size_t size = (size_t)natsMsg_GetDataLength(m->msg);

    dead_letter_describe(t, &d);
    for (;; extent++) {
        buf_clear(&headers);
        headers_write(&headers, t, &d, extent);
        if (extent == DEAD_LETTER_POINTER || limit <= 0 || size + headers_wire_size(&headers) <= (size_t)limit)
            break;
    }
    t->extent = extent;
    dead_letter_subject(&d, subject, sizeof(subject));
    struct connection_publish p = {.subject = subject,
                                   .headers = headers.data,
                                   .headers_size = headers.len,
                                   .data = natsMsg_GetData(m->msg),
                                   .size = extent == DEAD_LETTER_POINTER ? 0 : size};
    if (extent == DEAD_LETTER_POINTER && !consumer_keeps_acked(m->consumer))
        pointer_refuse(t);
    else if (headers.failed || request_send(requests, p, PUBLISH_TIMEOUT_NS, on_store_answer, t, &t->request))
        settlement_retry_later(t); /* not connected or out of memory */
    buf_finish(&headers);
}

/* Each retry starts with the whole message, because an operator may have raised the limit meanwhile. */
void dead_letter_publish(struct settlement *t)
{
    if (!t->request)
        dead_letter_send(t, DEAD_LETTER_ALL);
}
