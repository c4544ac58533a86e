/* SPDX-License-Identifier: Apache-2.0
 * dlq/journal - written with "expected last subject sequence", so that two replays cannot write at the same time. */
#include "journal.h"

#include "base/clock.h"
#include "base/rfc3339.h"
#include "base/value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_NS (10 * NS_PER_SEC)
#define WINDOW_MARGIN_NS (10 * NS_PER_SEC) /* safety margin of the server's duplicate window */
#define NUMBER_MAX 24

/* ---- content ------------------------------------------------------------------------------ */

static bool is_valid_batch(json_t *batch)
{
    json_t *letters = json_object_get(batch, "letters");
    const char *stream = json_string_value(json_object_get(batch, "stream"));
    json_t *to = json_object_get(batch, "to");
    json_t *item;
    size_t i;

    json_array_foreach(letters, i, item) if (json_integer_value(item) <= 0) return false;
    return json_array_size(letters) && stream && *stream && strlen(stream) < DEAD_LETTER_NAME_MAX &&
           !strpbrk(stream, " .*>") && json_is_integer(json_object_get(batch, "created")) &&
           json_integer_value(json_object_get(batch, "after")) >= 0 && (!to || json_is_string(to));
}

json_t *journal_parse(const char *data, size_t size)
{
    json_t *root = json_loadb(data ? data : "", data ? size : 0, 0, NULL);
    json_t *batches = json_array();
    json_t *batch;
    size_t i;

    json_array_foreach(json_object_get(root, "lots"), i, batch)
    {
        if (is_valid_batch(batch))
            json_array_append(batches, batch);
    }
    json_decref(root);
    return batches;
}

bool journal_empty(const struct journal *j)
{
    return json_array_size(j->batches) == 0;
}

static bool contains_seq(uint64_t seq, const uint64_t *seqs, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (seqs[i] == seq)
            return true;
    return false;
}

void journal_forget(struct journal *j, const uint64_t *seqs, size_t n)
{
    for (size_t i = json_array_size(j->batches); i-- > 0;) {
        json_t *letters = json_object_get(json_array_get(j->batches, i), "letters");
        for (size_t k = json_array_size(letters); k-- > 0;)
            if (contains_seq((uint64_t)json_integer_value(json_array_get(letters, k)), seqs, n))
                json_array_remove(letters, k);
        if (json_array_size(letters) == 0)
            json_array_remove(j->batches, i);
    }
}

/* ---- the message ------------------------------------------------------------------------------ */

/* Deletes older messages of the journal: a replay that was killed between writing and deleting leaves two. */
static int delete_older(struct journal *j, struct error *err)
{
    int rc = 0;
    for (uint64_t from = 1; rc == 0 && from < j->seq;) {
        struct stored_message m = {0};
        rc = stored_message_next(j->dlq->session, j->dlq->stream, from, j->subject, &m, err);
        if (rc == 0 && m.seq < j->seq)
            rc = stored_message_delete(j->dlq->session, j->dlq->stream, &m.seq, 1, err);
        from = m.seq + 1;
        stored_message_finish(&m);
    }
    return rc == -ENOENT ? 0 : rc;
}

int journal_open(struct journal *j, struct dlq *d, const char *stream, struct error *err)
{
    struct stored_message m = {0};

    *j = (struct journal){.dlq = d};
    dead_letter_journal_subject(stream, j->subject, sizeof(j->subject));
    int rc = stored_message_last(d->session, d->stream, j->subject, &m, err);
    if (rc < 0 && rc != -ENOENT)
        return rc;
    j->seq = m.seq;
    j->batches = journal_parse(m.data.data, m.data.len);
    stored_message_finish(&m);
    return j->batches ? delete_older(j, err) : error_set(err, -ENOMEM, "out of memory");
}

void journal_finish(struct journal *j)
{
    json_decref(j->batches);
}

static void put_header(struct buf *b, const char *name, const char *value)
{
    buf_append(b, name, strlen(name) + 1);
    buf_append(b, value, strlen(value) + 1);
}

/* A wrong last sequence means that another replay wrote meanwhile, or that the confirmation of our own write was
 * lost. */
static int explain_write_error(struct journal *j, const struct call *call, struct error *err)
{
    if (call->answer.err_code == JS_WRONG_LAST_SEQUENCE)
        return error_set(err, -EBUSY,
                         "another replay of stream %s is running (its journal %s has changed); try again later",
                         j->dlq->stream, j->subject);
    if (call->answer.rc == -EHOSTUNREACH)
        return error_set(err, call->answer.rc, "no stream captures the subject %s: add it to the subjects of stream %s",
                         j->subject, j->dlq->stream);
    if (call->answer.rc == -ETIMEDOUT)
        return error_set(err, call->answer.rc,
                         "%s: publish not confirmed in time (check that the user may publish there); run the same "
                         "command again to continue",
                         j->subject);
    return session_explain(j->dlq->session, call, err);
}

static int write_batches(struct journal *j, struct error *err)
{
    char expected[NUMBER_MAX];
    char *body = json_dumps(j->batches, JSON_COMPACT);
    struct buf text = {0};
    struct buf headers = {0};

    snprintf(expected, sizeof(expected), "%" PRIu64, j->seq);
    put_header(&headers, "Nats-Expected-Last-Subject-Sequence", expected);
    put_header(&headers, "Nats-Expected-Stream", j->dlq->stream);
    buf_printf(&text, "{\"lots\":%s}", body ? body : "");
    struct call call = {.publish = j->subject,
                        .body = text.data,
                        .size = text.len,
                        .headers = headers.data,
                        .headers_size = headers.len};
    int rc = !body || text.failed || headers.failed ? error_set(err, -ENOMEM, "out of memory") : 0;
    if (rc == 0) {
        session_calls(j->dlq->session, &call, 1, clock_now_ns() + TIMEOUT_NS, NULL, NULL);
        rc = call.answer.rc ? explain_write_error(j, &call, err) : 0;
    }
    uint64_t before = j->seq;
    if (rc == 0)
        j->seq = (uint64_t)json_integer_value(json_object_get(call.answer.json, "seq"));
    if (rc == 0 && before)
        rc = stored_message_delete(j->dlq->session, j->dlq->stream, &before, 1, err);
    call_finish(&call);
    buf_finish(&text);
    buf_finish(&headers);
    free(body);
    return rc;
}

int journal_save(struct journal *j, struct error *err)
{
    if (!journal_empty(j))
        return write_batches(j, err);
    uint64_t seq = j->seq;
    j->seq = 0;
    return seq ? stored_message_delete(j->dlq->session, j->dlq->stream, &seq, 1, err) : 0;
}

int journal_add_batch(struct journal *j, const struct journal_target *target, const char *to, json_t *letters,
                      struct error *err)
{
    json_t *batch = json_pack("{s:s, s:I, s:I, s:I, s:s*, s:O}", "stream", target->stream, "created",
                              (json_int_t)target->created_ns, "after", (json_int_t)target->last_seq, "noted",
                              (json_int_t)target->now_ns, "to", to, "letters", letters);
    if (!batch || json_array_append_new(j->batches, batch) < 0)
        return error_set(err, -ENOMEM, "out of memory");
    return write_batches(j, err);
}

/* ---- was it published? ----------------------------------------------------------------------- */

/* Searches `stream` after sequence `after`, on `subject`, for a message with the id of the dead letter. */
static int find_by_id(struct journal *j, const char *stream, uint64_t after, const char *subject, const char *id,
                      bool *ret, struct error *err)
{
    *ret = false;
    for (uint64_t from = after + 1; !*ret;) {
        struct stored_message m = {0};
        int rc = stored_message_next(j->dlq->session, stream, from, subject, &m, err);
        if (rc)
            return rc == -ENOENT ? 0 : rc;
        const char *have = stored_message_header(&m, "Nats-Msg-Id");
        *ret = have && strcmp(have, id) == 0;
        progress_show(&j->dlq->progress, "resolving an interrupted replay: searching %s in %s, at sequence %" PRIu64,
                      id, stream, m.seq);
        from = m.seq + 1;
        stored_message_finish(&m);
    }
    return 0;
}

static bool is_any_deleted_after(json_t *state, uint64_t after)
{
    json_t *seq;
    size_t i;
    json_array_foreach(json_object_get(state, "deleted"), i,
                       seq) if ((uint64_t)json_integer_value(seq) > after) return true;
    return false;
}

/* The answer if the message is not in the stream: its state decides whether it could have been there. */
static enum journal_answer answer_if_not_found(json_t *info, const json_t *batch, uint64_t after)
{
    json_t *state = json_object_get(info, "state");
    int64_t window = json_integer_value(json_object_get(json_object_get(info, "config"), "duplicate_window"));
    int64_t noted_ns = json_integer_value(json_object_get(batch, "noted"));
    int64_t now_ns = rfc3339_parse(json_string_value(json_object_get(info, "ts")));
    bool same = rfc3339_parse(json_string_value(json_object_get(info, "created"))) ==
                json_integer_value(json_object_get(batch, "created"));

    if (!same)
        return JOURNAL_UNKNOWN;
    if ((uint64_t)json_integer_value(json_object_get(state, "first_seq")) <= after + 1 &&
        !is_any_deleted_after(state, after))
        return JOURNAL_NOT_PUBLISHED;
    /* Within the duplicate window the server drops the message if it was published already. */
    if (now_ns && now_ns - noted_ns < window - WINDOW_MARGIN_NS)
        return JOURNAL_NOT_PUBLISHED;
    return JOURNAL_UNKNOWN;
}

/* -ENOENT: the stream does not exist. */
static int read_stream_info(struct journal *j, const char *stream, json_t **ret, struct error *err)
{
    struct call call = {.path = {API_STREAM_INFO, .stream = stream}, .body = "{\"deleted_details\":true}"};

    int rc = session_call(j->dlq->session, &call, TIMEOUT_NS, err);
    *ret = call.answer.json;
    return rc && call.answer.err_code == JS_STREAM_NOT_FOUND ? -ENOENT : rc;
}

int journal_find_published(struct journal *j, const json_t *batch, const struct stored_message *m,
                           const struct dead_letter *d, enum journal_answer *ret, struct error *err)
{
    const char *stream = json_string_value(json_object_get(batch, "stream"));
    const char *to = json_string_value(json_object_get(batch, "to"));
    uint64_t after = (uint64_t)json_integer_value(json_object_get(batch, "after"));
    bool found = false;
    json_t *info;

    int rc = find_by_id(j, stream, after, to ? to : d->subject, m->subject, &found, err);
    if (rc == 0 && found) {
        *ret = JOURNAL_PUBLISHED;
        return 0;
    }
    /* The state is read after the search, so that a message deleted meanwhile shows in it. */
    int known = read_stream_info(j, stream, &info, err);
    if (known == -ENOENT) {
        *ret = JOURNAL_UNKNOWN;
        return 0;
    }
    if (rc == 0 && known == 0)
        *ret = answer_if_not_found(info, batch, after);
    json_decref(info);
    return rc ? rc : known;
}
