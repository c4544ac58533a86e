/* SPDX-License-Identifier: Apache-2.0
 *
 * outputs - publishes the staged outputs of a message, and waits for the PubAck of each.
 *
 * Without an answer or a connection, an output is published again with the same message id, so the stream stores it
 * once. If a stream refuses an output, the attempt fails. "No responders" is retried for ELECTION_NS before it counts
 * as a refusal, because a stream without a leader answers like a stream that does not exist.
 */
#include "settle_private.h"

#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PUBLISH_TIMEOUT_NS (5 * NS_PER_SEC)
#define ELECTION_NS (10 * NS_PER_SEC) /* longer than an election takes */

int settle_stage(struct settle *s, struct message *m, const struct settle_output *o)
{
    struct settlement *t = settlement_ensure(s, m);
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

void settle_unstage(struct settle *s, struct message *m)
{
    (void)s;
    settlement_free(m);
}

void outputs_cancel(struct settlement *t)
{
    struct list *node;
    while ((node = list_pop_front(&t->outputs))) {
        struct output *out = container_of(node, struct output, node);
        request_cancel(out->request);
        free(out);
    }
    t->n_outputs = t->n_publishing = 0;
}

/* Call it when no output is being published: the outputs are stored, or refused, or must be published again. */
static void outputs_evaluate(struct settlement *t)
{
    struct settle *s = t->settle;
    struct message *m = t->message;
    size_t open = 0;

    if (t->error) {
        char text[512];
        snprintf(text, sizeof(text), "%s", t->error);
        outputs_cancel(t);
        free(t->error);
        t->error = NULL;
        s->stats.publish_errors++;
        log_warn("publish-failed", LOG_STR("handler", s->handler->name), LOG_UINT("seq", m->stream_seq),
                 LOG_STR("error", text),
                 LOG_STR("msg", "the attempt failed; retried after the backoff, dead-lettered after the last attempt"));
        settle_attempt_failed(s, m, -1, text);
        return;
    }
    list_for_each(node, &t->outputs) open += !container_of(node, struct output, node)->confirmed;
    if (open) {
        settlement_retry_later(t);
        return;
    }
    s->stats.published += t->n_outputs;
    s->stats.acked++;
    if (s->handler->ack == ACK_CONFIRMED) {
        settlement_enter_step(t, STEP_CONFIRM);
        return;
    }
    settlement_free(m);
    consumer_ack(m->consumer, m);
}

/* True: no leader answered, and an election may still be going on. */
static bool leader_wait_continues(struct settlement *t, const struct answer *a)
{
    int64_t now = loop_now_ns(t->settle->loop);
    if (!answer_is_transient(a))
        return false;
    if (!t->leader_missing_since_ns)
        t->leader_missing_since_ns = now;
    return now - t->leader_missing_since_ns < ELECTION_NS;
}

static void on_publish_answer(void *data, int rc, natsMsg *msg)
{
    struct output *out = data;
    struct settlement *t = out->settlement;
    struct answer a;

    out->request = NULL;
    t->n_publishing--;
    pub_ack_read(&a, rc, msg);
    out->confirmed = a.rc == 0;
    if (leader_wait_continues(t, &a)) {
        ; /* outputs_evaluate() retries it */
    } else if (!t->error && a.rc == -EHOSTUNREACH) {
        if (asprintf(&t->error, "publishing to %s: no stream has this subject; create one, or correct the subject",
                     out->bytes) < 0)
            t->error = NULL;
    } else if (!t->error && (a.rc == -EREMOTEIO || a.rc == -EBADMSG)) {
        if (asprintf(&t->error, "publishing to %s: %s (%d)", out->bytes, a.text, a.err_code) < 0)
            t->error = NULL;
    }
    json_decref(a.json);
    if (t->n_publishing == 0)
        outputs_evaluate(t);
}

/* Format: "NATS/1.0\r\n", then "Name: value\r\n" for each header, then "\r\n". */
size_t headers_wire_size(const struct buf *headers)
{
    size_t size = 12 + headers->len;
    for (size_t i = 0; i < headers->len; i++)
        size += headers->data[i] == '\0';
    return size;
}

/* True: larger than max_payload, with t->error set. nats.c would refuse each retry of such an output. */
static bool output_exceeds_limit(struct settlement *t, const struct output *out, const struct buf *headers)
{
    int64_t limit = connection_max_payload(requests_connection(consumer_requests(t->message->consumer)));
    size_t size = out->size + headers_wire_size(headers);

    if (limit <= 0 || size <= (size_t)limit)
        return false;
    if (asprintf(&t->error, "publishing to %s: %zu bytes are more than the server's max_payload of %" PRId64,
                 out->bytes, size, limit) < 0)
        t->error = NULL;
    return true;
}

static int output_send(struct settlement *t, struct output *out, size_t number)
{
    struct message *m = t->message;
    struct buf headers = {0};
    char id[512];

    const char *msg_id = out->bytes + out->msg_id;
    if (!*msg_id) {
        snprintf(id, sizeof(id), "%s.%" PRId64 ".%" PRIu64 ".%s.%zu", consumer_stream(m->consumer),
                 consumer_stream_created_ns(m->consumer), m->stream_seq, t->settle->handler->name, number);
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
        rc = output_exceeds_limit(t, out, &headers)
                 ? -EMSGSIZE
                 : request_send(consumer_requests(m->consumer), p, PUBLISH_TIMEOUT_NS, on_publish_answer, out,
                                &out->request);
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
        int rc = output_send(t, out, number - 1);
        if (rc == 0)
            t->n_publishing++;
        else if (rc != -EMSGSIZE)
            break; /* not connected or out of memory: retried later */
    }
    if (t->n_publishing == 0)
        outputs_evaluate(t);
}
