/* SPDX-License-Identifier: Apache-2.0
 * dlq/journal - written with "expected last subject sequence", read back after an interruption. */
#include "journal.h"

#include "base/clock.h"
#include "base/value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_NS (10 * NS_PER_SEC)
#define WINDOW_MARGIN_NS (10 * NS_PER_SEC) /* of the time that the server remembers message ids for */
#define NUMBER_MAX 24

/* ---- content ------------------------------------------------------------------------------ */

static bool good_lot(json_t *lot)
{
    json_t *letters = json_object_get(lot, "letters");
    const char *stream = json_string_value(json_object_get(lot, "stream"));
    json_t *to = json_object_get(lot, "to");
    json_t *item;
    size_t i;

    json_array_foreach(letters, i, item) if (json_integer_value(item) <= 0) return false;
    return json_array_size(letters) && stream && *stream && strlen(stream) < LETTER_NAME_MAX &&
           !strpbrk(stream, " .*>") && json_is_integer(json_object_get(lot, "created")) &&
           json_integer_value(json_object_get(lot, "after")) >= 0 && (!to || json_is_string(to));
}

json_t *journal_parse(const char *data, size_t size)
{
    json_t *root = json_loadb(data ? data : "", data ? size : 0, 0, NULL);
    json_t *lots = json_array();
    json_t *lot;
    size_t i;

    json_array_foreach(json_object_get(root, "lots"), i, lot)
    {
        if (good_lot(lot))
            json_array_append(lots, lot);
    }
    json_decref(root);
    return lots;
}

bool journal_empty(const struct journal *j)
{
    return json_array_size(j->lots) == 0;
}

static bool listed(uint64_t seq, const uint64_t *seqs, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (seqs[i] == seq)
            return true;
    return false;
}

void journal_forget(struct journal *j, const uint64_t *seqs, size_t n)
{
    for (size_t i = json_array_size(j->lots); i-- > 0;) {
        json_t *letters = json_object_get(json_array_get(j->lots, i), "letters");
        for (size_t k = json_array_size(letters); k-- > 0;)
            if (listed((uint64_t)json_integer_value(json_array_get(letters, k)), seqs, n))
                json_array_remove(letters, k);
        if (json_array_size(letters) == 0)
            json_array_remove(j->lots, i);
    }
}

/* ---- the message ------------------------------------------------------------------------------ */

/* A kill between writing one and removing the one before leaves both. */
static int remove_older(struct journal *j, struct error *err)
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
    j->lots = journal_parse(m.data.data, m.data.len);
    stored_message_finish(&m);
    return j->lots ? remove_older(j, err) : error_set(err, -ENOMEM, "out of memory");
}

void journal_finish(struct journal *j)
{
    json_decref(j->lots);
}

static void put(struct buf *b, const char *name, const char *value)
{
    buf_append(b, name, strlen(name) + 1);
    buf_append(b, value, strlen(value) + 1);
}

/* Another replay wrote in between, or it is our own message whose confirmation was lost. */
static int explain(struct journal *j, const struct call *call, struct error *err)
{
    if (call->answer.err_code == JS_WRONG_LAST_SEQUENCE)
        return error_set(err, -EBUSY, "another replay is at work on %s (its journal %s has changed): try again later",
                         j->dlq->stream, j->subject);
    if (call->answer.rc == -EHOSTUNREACH)
        return error_set(err, call->answer.rc, "%s: no stream takes it (%s has to capture it)", j->subject,
                         j->dlq->stream);
    if (call->answer.rc == -ETIMEDOUT)
        return error_set(err, call->answer.rc,
                         "%s: not confirmed in time (may this user publish there?); run it again to continue",
                         j->subject);
    return session_explain(j->dlq->session, call, err);
}

static int write_lots(struct journal *j, struct error *err)
{
    char expected[NUMBER_MAX];
    char *body = json_dumps(j->lots, JSON_COMPACT);
    struct buf text = {0};
    struct buf headers = {0};

    snprintf(expected, sizeof(expected), "%" PRIu64, j->seq);
    put(&headers, "Nats-Expected-Last-Subject-Sequence", expected);
    put(&headers, "Nats-Expected-Stream", j->dlq->stream);
    buf_printf(&text, "{\"lots\":%s}", body ? body : "");
    struct call call = {.publish = j->subject,
                        .body = text.data,
                        .size = text.len,
                        .headers = headers.data,
                        .headers_size = headers.len};
    int rc = !body || text.failed || headers.failed ? error_set(err, -ENOMEM, "out of memory") : 0;
    if (rc == 0) {
        session_calls(j->dlq->session, &call, 1, clock_now_ns() + TIMEOUT_NS, NULL, NULL);
        rc = call.answer.rc ? explain(j, &call, err) : 0;
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
        return write_lots(j, err);
    uint64_t seq = j->seq;
    j->seq = 0;
    return seq ? stored_message_delete(j->dlq->session, j->dlq->stream, &seq, 1, err) : 0;
}

int journal_begin(struct journal *j, const struct journal_target *target, const char *to, json_t *letters,
                  struct error *err)
{
    json_t *lot = json_pack("{s:s, s:I, s:I, s:I, s:s*, s:O}", "stream", target->stream, "created",
                            (json_int_t)target->created_ns, "after", (json_int_t)target->last_seq, "noted",
                            (json_int_t)target->now_ns, "to", to, "letters", letters);
    if (!lot || json_array_append_new(j->lots, lot) < 0)
        return error_set(err, -ENOMEM, "out of memory");
    return write_lots(j, err);
}

/* ---- was it published? ----------------------------------------------------------------------- */

/* Behind `after`, on `subject`, a message with the letter's id. */
static int find(struct journal *j, const char *stream, uint64_t after, const char *subject, const char *id, bool *ret,
                struct error *err)
{
    *ret = false;
    for (uint64_t from = after + 1; !*ret;) {
        struct stored_message m = {0};
        int rc = stored_message_next(j->dlq->session, stream, from, subject, &m, err);
        if (rc)
            return rc == -ENOENT ? 0 : rc;
        const char *have = stored_message_header(&m, "Nats-Msg-Id");
        *ret = have && strcmp(have, id) == 0;
        progress_show(&j->dlq->progress, "an interrupted replay: looking for %s in %s, at %" PRIu64, id, stream, m.seq);
        from = m.seq + 1;
        stored_message_finish(&m);
    }
    return 0;
}

static bool deleted_behind(json_t *state, uint64_t after)
{
    json_t *seq;
    size_t i;
    json_array_foreach(json_object_get(state, "deleted"), i,
                       seq) if ((uint64_t)json_integer_value(seq) > after) return true;
    return false;
}

/* From what the server says of the stream, when the message is not in it. */
static enum journal_word judge(json_t *info, const json_t *lot, uint64_t after)
{
    json_t *state = json_object_get(info, "state");
    int64_t window = json_integer_value(json_object_get(json_object_get(info, "config"), "duplicate_window"));
    int64_t noted_ns = json_integer_value(json_object_get(lot, "noted"));
    int64_t now_ns = value_time_ns(json_string_value(json_object_get(info, "ts")));
    bool same = value_time_ns(json_string_value(json_object_get(info, "created"))) ==
                json_integer_value(json_object_get(lot, "created"));

    if (!same)
        return JOURNAL_CANNOT_TELL;
    if ((uint64_t)json_integer_value(json_object_get(state, "first_seq")) <= after + 1 && !deleted_behind(state, after))
        return JOURNAL_NOT_PUBLISHED;
    /* Published once more, the server would drop it if it has seen the id. */
    if (now_ns && now_ns - noted_ns < window - WINDOW_MARGIN_NS)
        return JOURNAL_NOT_PUBLISHED;
    return JOURNAL_CANNOT_TELL;
}

/* -ENOENT: there is no such stream. */
static int look(struct journal *j, const char *stream, json_t **ret, struct error *err)
{
    struct call call = {.path = {API_STREAM_INFO, .stream = stream}, .body = "{\"deleted_details\":true}"};

    int rc = session_call(j->dlq->session, &call, TIMEOUT_NS, err);
    *ret = call.answer.json;
    return rc && call.answer.err_code == JS_STREAM_NOT_FOUND ? -ENOENT : rc;
}

int journal_ask(struct journal *j, const json_t *lot, const struct letter *l, enum journal_word *ret, struct error *err)
{
    const char *stream = json_string_value(json_object_get(lot, "stream"));
    const char *to = json_string_value(json_object_get(lot, "to"));
    uint64_t after = (uint64_t)json_integer_value(json_object_get(lot, "after"));
    bool found = false;
    json_t *info;

    int rc = find(j, stream, after, to ? to : l->subject, l->stored->subject, &found, err);
    if (rc == 0 && found) {
        *ret = JOURNAL_PUBLISHED;
        return 0;
    }
    /* Asked after the search: what is removed meanwhile has to show. */
    int known = look(j, stream, &info, err);
    if (known == -ENOENT) {
        *ret = JOURNAL_CANNOT_TELL;
        return 0;
    }
    if (rc == 0 && known == 0)
        *ret = judge(info, lot, after);
    json_decref(info);
    return rc ? rc : known;
}
