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
#include "base/value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PUBLISH_TIMEOUT_NS (5 * NS_PER_SEC)
#define VALUE_MAX 2048
#define BACKTRACE_MAX 8192

/* Header values are one line: line ends become " | ", other control bytes a space. */
static void put_header(struct buf *b, const char *name, const char *value, size_t max)
{
    buf_append(b, name, strlen(name) + 1);
    size_t n = 0;
    for (const char *s = value; *s && n < max; s++, n++) {
        if (*s == '\n')
            buf_puts(b, s[1] ? " | " : "");
        else
            buf_putc(b, (unsigned char)*s < ' ' ? ' ' : *s);
    }
    buf_putc(b, '\0');
}

static void put_number(struct buf *b, const char *name, int64_t n)
{
    char text[32];
    snprintf(text, sizeof(text), "%" PRId64, n);
    put_header(b, name, text, sizeof(text));
}

static void put_time(struct buf *b, const char *name, int64_t ns)
{
    char text[64];
    value_format_time(ns, text, sizeof(text));
    put_header(b, name, text, sizeof(text));
}

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
        if (strncasecmp(keys[i], "Nats-", 5) == 0 || strncasecmp(keys[i], "Seamq-", 6) == 0 ||
            natsMsgHeader_Values(msg, keys[i], &values, &n_values) != NATS_OK)
            continue;
        for (int v = 0; v < n_values; v++)
            put_header(b, keys[i], values[v], SIZE_MAX);
        free(values);
    }
    free(keys);
}

/* What `seamq dlq replay` has written, so that it can count on. */
static void put_replay(struct buf *b, natsMsg *msg)
{
    static const char *const names[] = {"Seamq-Replays", "Seamq-Replay-Id"};
    const char *value;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (natsMsgHeader_Get(msg, names[i], &value) == NATS_OK)
            put_header(b, names[i], value, VALUE_MAX);
}

static void put_headers(struct buf *b, const struct settlement *t, enum extent extent)
{
    const struct message *h = t->message;
    const struct settle *s = t->settle;

    put_header(b, "Nats-Expected-Last-Subject-Sequence", "0", 1);
    put_header(b, "Nats-Expected-Stream", consumer_dead_letter(h->consumer), VALUE_MAX);
    put_header(b, "Seamq-Reason", dead_reason_name(t->reason), VALUE_MAX);
    if (t->text)
        put_header(b, "Seamq-Error", t->text, VALUE_MAX);
    put_header(b, "Seamq-Stream", consumer_stream(h->consumer), VALUE_MAX);
    put_header(b, "Seamq-Consumer", consumer_durable(h->consumer), VALUE_MAX);
    put_header(b, "Seamq-Subject", natsMsg_GetSubject(h->msg), VALUE_MAX);
    put_number(b, "Seamq-Sequence", (int64_t)h->stream_seq);
    put_number(b, "Seamq-Stream-Created", consumer_stream_created_ns(h->consumer));
    put_time(b, "Seamq-Time", h->stored_ns);
    put_number(b, "Seamq-Attempts", h->attempts);
    put_header(b, "Seamq-Handler", s->handler->name, VALUE_MAX);
    put_header(b, "Seamq-Handler-Version", s->version, VALUE_MAX);
    put_header(b, "Seamq-Cluster", consumer_cluster(h->consumer)->name, VALUE_MAX);
    put_replay(b, h->msg);
    if (t->signal)
        put_header(b, "Seamq-Signal", strsignal(t->signal), VALUE_MAX);
    if (t->backtrace && extent < EXTENT_NO_BACKTRACE)
        put_header(b, "Seamq-Backtrace", t->backtrace, BACKTRACE_MAX);
    if (extent < EXTENT_NO_HEADERS)
        put_original(b, h->msg);
    if (extent > EXTENT_ALL)
        put_header(b, "Seamq-Cut",
                   extent == EXTENT_POINTER      ? "message"
                   : extent == EXTENT_NO_HEADERS ? "headers"
                                                 : "backtrace",
                   16);
}

static void publish(struct settlement *t, enum extent extent);

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
    answer_read(&a, rc, msg);
    json_decref(a.json);
    if (a.rc == 0 || a.err_code == JS_WRONG_LAST_SEQUENCE) {
        t->settle->stats.dead[t->reason]++;
        settlement_step(t, STEP_CONFIRM);
    } else if (a.err_code == JS_MESSAGE_TOO_LARGE && t->extent < EXTENT_POINTER) {
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

static void publish(struct settlement *t, enum extent extent)
{
    struct message *h = t->message;
    struct requests *requests = consumer_requests(h->consumer);
    struct buf headers = {0};
    char subject[512];
    int64_t limit = connection_max_payload(requests_connection(requests));
    size_t size = (size_t)natsMsg_GetDataLength(h->msg);

    for (;; extent++) {
        buf_clear(&headers);
        put_headers(&headers, t, extent);
        if (extent == EXTENT_POINTER || limit <= 0 || size + headers_wire_size(&headers) <= (size_t)limit)
            break;
    }
    t->extent = extent;
    snprintf(subject, sizeof(subject), "dlq.%s.%s.%" PRId64 ".%" PRIu64, consumer_stream(h->consumer),
             consumer_durable(h->consumer), consumer_stream_created_ns(h->consumer), h->stream_seq);
    struct connection_publish p = {.subject = subject,
                                   .headers = headers.data,
                                   .headers_size = headers.len,
                                   .data = natsMsg_GetData(h->msg),
                                   .size = extent == EXTENT_POINTER ? 0 : size};
    if (extent == EXTENT_POINTER && !consumer_keeps_acked(h->consumer))
        cannot_point(t);
    else if (headers.failed || request_send(requests, p, PUBLISH_TIMEOUT_NS, on_stored, t, &t->request))
        settlement_again(t); /* not connected, or no memory just now */
    buf_finish(&headers);
}

/* Each time from the whole message on: a limit that was too small may have been raised. */
void dead_letter_publish(struct settlement *t)
{
    if (!t->request)
        publish(t, EXTENT_ALL);
}
