/* SPDX-License-Identifier: Apache-2.0
 *
 * outputs - what a handler staged: published with a message id, each confirmed by its stream,
 * before the source message is acknowledged.
 *
 * No answer or no connection: published again under the same id (the stream drops the copy).
 * Refused: the attempt has failed.  No stream takes the subject: the same, unless one does within seconds,
 * because a stream that elects its leader cannot be told from one that does not exist.
 */
#include "settle_private.h"

#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PUBLISH_TIMEOUT_NS (5 * NS_PER_SEC)
#define ELECTION_NS (10 * NS_PER_SEC) /* more than a cluster needs */

int settle_stage(struct settle *s, struct message *h, const struct settle_output *o)
{
    struct settlement *t = settlement_of(s, h);
    size_t subject = strlen(o->subject) + 1;
    size_t msg_id = o->msg_id ? strlen(o->msg_id) + 1 : 1;
    struct output *out = t ? malloc(sizeof(*out) + subject + msg_id + o->headers_size + o->size) : NULL;
    if (!out)
        return -ENOMEM;

    *out = (struct output){.settlement = t,
                           .msg_id = subject,
                           .headers = subject + msg_id,
                           .headers_size = o->headers_size,
                           .data = subject + msg_id + o->headers_size,
                           .size = o->size};
    memcpy(out->bytes, o->subject, subject);
    memcpy(out->bytes + out->msg_id, o->msg_id ? o->msg_id : "", msg_id);
    if (o->headers_size)
        memcpy(out->bytes + out->headers, o->headers, o->headers_size);
    if (o->size)
        memcpy(out->bytes + out->data, o->data, o->size);
    list_push_back(&t->outputs, &out->node);
    t->n_outputs++;
    return 0;
}

void settle_unstage(struct settle *s, struct message *h)
{
    (void)s;
    settlement_free(h);
}

void outputs_cancel(struct settlement *t)
{
    struct list *node;
    while ((node = list_pop_front(&t->outputs))) {
        struct output *out = container_of(node, struct output, node);
        request_cancel(out->request);
        free(out);
    }
    t->n_outputs = t->n_open = 0;
}

/* All answers are in: done, failed, or some to be sent again. */
static void judge(struct settlement *t)
{
    struct settle *s = t->settle;
    struct message *h = t->message;
    size_t open = 0;

    if (t->error) {
        char text[512];
        snprintf(text, sizeof(text), "%s", t->error);
        outputs_cancel(t);
        free(t->error);
        t->error = NULL;
        s->stats.publish_errors++;
        log_warn("publish-failed", LOG_STR("handler", s->handler->name), LOG_UINT("seq", h->stream_seq),
                 LOG_STR("error", text), LOG_STR("msg", "the attempt has failed: again after the backoff"));
        settle_failed(s, h, -1, text);
        return;
    }
    list_for_each(node, &t->outputs) open += !container_of(node, struct output, node)->confirmed;
    if (open) {
        settlement_again(t);
        return;
    }
    s->stats.published += t->n_outputs;
    s->stats.acked++;
    if (s->handler->ack == ACK_CONFIRMED) {
        settlement_step(t, STEP_CONFIRM);
        return;
    }
    settlement_free(h);
    consumer_ack(h->consumer, h);
}

/* Nobody there to take it, which may pass. */
static bool waits_for_leader(struct settlement *t, const struct answer *a)
{
    int64_t now = loop_now_ns(t->settle->loop);
    if (!answer_is_transient(a))
        return false;
    if (!t->leaderless_ns)
        t->leaderless_ns = now;
    return now - t->leaderless_ns < ELECTION_NS;
}

static void on_published(void *data, int rc, natsMsg *msg)
{
    struct output *out = data;
    struct settlement *t = out->settlement;
    struct answer a;

    out->request = NULL;
    t->n_open--;
    pub_ack_read(&a, rc, msg);
    out->confirmed = a.rc == 0;
    if (waits_for_leader(t, &a)) {
        ; /* sent again */
    } else if (!t->error && a.rc == -EHOSTUNREACH) {
        if (asprintf(&t->error, "publishing to %s: no stream takes this subject", out->bytes) < 0)
            t->error = NULL;
    } else if (!t->error && (a.rc == -EREMOTEIO || a.rc == -EBADMSG)) {
        if (asprintf(&t->error, "publishing to %s: %s (%d)", out->bytes, a.text, a.err_code) < 0)
            t->error = NULL;
    }
    json_decref(a.json);
    if (t->n_open == 0)
        judge(t);
}

/* "NATS/1.0\r\n", each "Name: value\r\n", "\r\n". */
size_t headers_wire_size(const struct buf *headers)
{
    size_t size = 12 + headers->len;
    for (size_t i = 0; i < headers->len; i++)
        size += headers->data[i] == '\0';
    return size;
}

/* nats.c would refuse it at each try. */
static bool too_large(struct settlement *t, const struct output *out, const struct buf *headers)
{
    int64_t limit = connection_max_payload(requests_connection(consumer_requests(t->message->consumer)));
    size_t size = out->size + headers_wire_size(headers);

    if (limit <= 0 || size <= (size_t)limit)
        return false;
    if (asprintf(&t->error, "publishing to %s: %zu bytes are more than the server takes (max_payload %" PRId64 ")",
                 out->bytes, size, limit) < 0)
        t->error = NULL;
    return true;
}

static int send_one(struct settlement *t, struct output *out, size_t number)
{
    struct message *h = t->message;
    struct buf headers = {0};
    char id[512];

    const char *msg_id = out->bytes + out->msg_id;
    if (!*msg_id) {
        snprintf(id, sizeof(id), "%s.%" PRId64 ".%" PRIu64 ".%s.%zu", consumer_stream(h->consumer),
                 consumer_stream_created_ns(h->consumer), h->stream_seq, t->settle->handler->name, number);
        msg_id = id;
    }
    buf_append(&headers, "Nats-Msg-Id", sizeof("Nats-Msg-Id"));
    buf_append(&headers, msg_id, strlen(msg_id) + 1);
    buf_append(&headers, out->bytes + out->headers, out->headers_size);
    struct connection_publish p = {.subject = out->bytes,
                                   .headers = headers.data,
                                   .headers_size = headers.len,
                                   .data = out->bytes + out->data,
                                   .size = out->size};
    int rc = -ENOMEM;
    if (!headers.failed)
        rc = too_large(t, out, &headers) ? -EMSGSIZE
                                         : request_send(consumer_requests(h->consumer), p, PUBLISH_TIMEOUT_NS,
                                                        on_published, out, &out->request);
    buf_finish(&headers);
    return rc;
}

void outputs_publish(struct settlement *t)
{
    size_t number = 0;

    list_for_each(node, &t->outputs)
    {
        struct output *out = container_of(node, struct output, node);
        number++;
        if (out->confirmed || out->request || t->error)
            continue;
        int rc = send_one(t, out, number - 1);
        if (rc == 0)
            t->n_open++;
        else if (rc != -EMSGSIZE)
            break; /* not connected or no memory: judged below, sent again later */
    }
    if (t->n_open == 0)
        judge(t);
}
