/* SPDX-License-Identifier: Apache-2.0
 * dlq/replay_batch - the original message of a dead letter, the stream that captures it, and its headers. */
#include "replay_batch.h"

#include "base/clock.h"
#include "base/rfc3339.h"
#include "base/value.h"
#include "config/names.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_NS (10 * NS_PER_SEC)

/* ---- streams --------------------------------------------------------------------------------- */

static bool captures(json_t *subjects, const char *subject)
{
    json_t *item;
    size_t i;
    json_array_foreach(subjects, i,
                       item) if (json_is_string(item) && subject_covers(json_string_value(item), subject)) return true;
    return false;
}

/* -ENOENT: no stream has that name. */
static int read_stream_info(struct dlq *d, const char *stream, json_t **ret, struct error *err)
{
    struct call call = {.path = {API_STREAM_INFO, .stream = stream}};

    int rc = session_call(d->session, &call, TIMEOUT_NS, err);
    *ret = call.answer.json;
    return rc && call.answer.err_code == JS_STREAM_NOT_FOUND ? -ENOENT : rc;
}

/* The stream that captures `subject`, as the server reports it. -ENOENT: none. */
static int find_stream(struct dlq *d, const char *subject, char *out, size_t size, struct error *err)
{
    json_t *question = json_pack("{s:s}", "subject", subject);
    char *body = json_dumps(question, JSON_COMPACT);
    struct call call = {.path = {.verb = API_STREAM_NAMES}, .body = body};

    json_decref(question);
    int rc = body ? session_call(d->session, &call, TIMEOUT_NS, err) : error_set(err, -ENOMEM, "out of memory");
    const char *name = json_string_value(json_array_get(json_object_get(call.answer.json, "streams"), 0));
    if (rc == 0 && name)
        snprintf(out, size, "%s", name);
    else if (rc == 0)
        rc = -ENOENT;
    call_finish(&call);
    free(body);
    return rc;
}

static void set_target(struct replay_batch *ps, const char *stream, json_t *info)
{
    json_t *state = json_object_get(info, "state");
    snprintf(ps->target.stream, sizeof(ps->target.stream), "%s", stream);
    ps->target.created_ns = rfc3339_parse(json_string_value(json_object_get(info, "created")));
    ps->target.last_seq = (uint64_t)json_integer_value(json_object_get(state, "last_seq"));
    ps->target.now_ns = rfc3339_parse(json_string_value(json_object_get(info, "ts")));
    ps->subjects = json_incref(json_object_get(json_object_get(info, "config"), "subjects"));
}

/* The first item decides the target of the batch: normally the stream that the message came from. */
static int choose_target(struct replay_batch *ps, struct dlq *d, struct replay_item *p, struct error *err)
{
    char stream[DEAD_LETTER_NAME_MAX];
    json_t *info;

    snprintf(stream, sizeof(stream), "%s", p->letter.stream);
    int rc = read_stream_info(d, stream, &info, err);
    if (rc == 0 && !captures(json_object_get(json_object_get(info, "config"), "subjects"), p->call.publish))
        rc = -ENOENT;
    if (rc == -ENOENT) { /* messages of a mirror go to its origin, and --to may name any stream's subject */
        json_decref(info);
        info = NULL;
        rc = find_stream(d, p->call.publish, stream, sizeof(stream), err);
        if (rc == 0)
            rc = read_stream_info(d, stream, &info, err);
    }
    bool takes = rc == 0 && strcmp(stream, d->stream) != 0 &&
                 captures(json_object_get(json_object_get(info, "config"), "subjects"), p->call.publish);
    if (rc == -ENOENT || (rc == 0 && !takes)) {
        snprintf(p->refusal, sizeof(p->refusal), "no stream captures the subject %.256s: the message would be lost",
                 p->call.publish);
        rc = 0;
    } else if (rc == 0) {
        set_target(ps, stream, info);
    }
    json_decref(info);
    return rc;
}

/* ---- one item ---------------------------------------------------------------------------------- */

/* Reads the original message if the dead letter contains only a part of it, and the stream was not recreated. */
static int fetch_original(struct dlq *d, struct replay_item *p, struct error *err)
{
    const struct dead_letter *l = &p->letter;
    json_t *info = NULL;

    if (strcmp(l->cut, "message") != 0 && strcmp(l->cut, "headers") != 0)
        return 0;
    int rc = read_stream_info(d, l->stream, &info, err);
    bool same = rc == 0 && rfc3339_parse(json_string_value(json_object_get(info, "created"))) == l->created_ns;
    json_decref(info);
    if (same)
        rc = stored_message_get(d->session, l->stream, &l->seq, 1, &p->original, err);
    if (rc < 0 && rc != -ENOENT)
        return rc;
    if (!p->original.seq)
        snprintf(p->refusal, sizeof(p->refusal),
                 "it was too large for a dead letter, which contains no %s, and the message itself (%.128s %" PRIu64
                 ") is gone",
                 strcmp(l->cut, "message") == 0 ? "payload" : "headers of its own", l->stream, l->seq);
    return 0;
}

static void put_header(struct buf *b, const char *name, const char *value)
{
    buf_append(b, name, strlen(name) + 1);
    buf_append(b, value, strlen(value) + 1);
}

static void put_headers(struct replay_item *p, const struct stored_message *message, const char *target)
{
    const char *name;
    const char *value;
    char replays[24];

    for (size_t at = 0; stored_message_next_header(message, &at, &name, &value);)
        if (dead_letter_keeps_header(name))
            put_header(&p->headers, name, value);
    snprintf(replays, sizeof(replays), "%" PRIu64, p->letter.replays + 1);
    put_header(&p->headers, "Nats-Msg-Id", p->stored.subject);
    put_header(&p->headers, "Nats-Expected-Stream", target);
    put_header(&p->headers, DEAD_LETTER_REPLAY_ID, p->stored.subject);
    put_header(&p->headers, DEAD_LETTER_REPLAYS, replays);
}

static int prepare_item(struct replay_batch *ps, struct dlq *d, struct replay_item *p, const char *to,
                        struct error *err)
{
    if (!p->stored.seq)
        return 0;
    if (stored_message_dead_letter(&p->stored, &p->letter) < 0) {
        snprintf(p->refusal, sizeof(p->refusal), "it is not a dead letter");
        return 0;
    }
    p->call = (struct call){.publish = to ? to : p->letter.subject};
    if (!*p->call.publish) {
        snprintf(p->refusal, sizeof(p->refusal), "it has no Seamq-Subject header: give the subject with --to SUBJECT");
        return 0;
    }
    int rc = fetch_original(d, p, err);
    if (rc == 0 && !*p->refusal && !ps->subjects)
        rc = choose_target(ps, d, p, err);
    if (rc || *p->refusal || !captures(ps->subjects, p->call.publish))
        return rc;
    const struct stored_message *message = p->original.seq ? &p->original : &p->stored;
    put_headers(p, message, ps->target.stream);
    p->call.body = message->data.data;
    p->call.size = message->data.len;
    p->call.headers = p->headers.data;
    p->call.headers_size = p->headers.len;
    p->ready = true;
    return p->headers.failed ? error_set(err, -ENOMEM, "out of memory") : 0;
}

int replay_batch_fill(struct replay_batch *ps, struct dlq *d, const uint64_t *seqs, size_t n, const char *to,
                      struct error *err)
{
    struct stored_message messages[DLQ_BATCH];

    *ps = (struct replay_batch){.items = calloc(n, sizeof(*ps->items)), .n = n};
    if (!ps->items) {
        ps->n = 0;
        return error_set(err, -ENOMEM, "out of memory");
    }
    int rc = stored_message_get(d->session, d->stream, seqs, n, messages, err);
    for (size_t i = 0; i < n; i++)
        ps->items[i].stored = messages[i];
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = prepare_item(ps, d, &ps->items[i], to, err);
    return rc;
}

void replay_batch_finish(struct replay_batch *ps)
{
    for (size_t i = 0; i < ps->n; i++) {
        struct replay_item *p = &ps->items[i];
        call_finish(&p->call);
        stored_message_finish(&p->stored);
        stored_message_finish(&p->original);
        buf_finish(&p->headers);
    }
    free(ps->items);
    json_decref(ps->subjects);
    *ps = (struct replay_batch){0};
}

void replay_batch_publish(struct replay_batch *ps, struct session *s, int64_t timeout_ns)
{
    struct call calls[DLQ_BATCH];
    size_t n = 0;

    for (size_t i = 0; i < ps->n; i++)
        if (ps->items[i].ready)
            calls[n++] = ps->items[i].call;
    session_calls(s, calls, n, clock_now_ns() + timeout_ns, NULL, NULL);
    n = 0;
    for (size_t i = 0; i < ps->n; i++)
        if (ps->items[i].ready)
            ps->items[i].call = calls[n++];
}

int replay_item_explain(const struct session *s, const struct replay_item *p, struct error *err)
{
    const struct answer *a = &p->call.answer;

    if (a->rc == -EHOSTUNREACH)
        return error_set(err, a->rc, "no stream captures the subject %s", p->call.publish);
    return session_explain(s, &p->call, err);
}
