/* SPDX-License-Identifier: Apache-2.0
 * dlq/stored_message - parses the answers of STREAM.MSG.GET, and makes many calls in parallel. */
#include "stored_message.h"

#include "base/base64.h"
#include "base/clock.h"
#include "base/rfc3339.h"
#include "base/value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_NS (10 * NS_PER_SEC)
#define BODY_MAX 512
#define NAME_SIZE 320

/* ---- parsing ---------------------------------------------------------------------- */

/* "NATS/1.0...\r\nName: value\r\n...\r\n" to "Name\0value\0...". */
static void parse_headers(const char *block, size_t len, struct buf *out)
{
    const char *end = block + len;
    const char *line = memchr(block, '\n', len);

    while (line && ++line < end) {
        const char *next = memchr(line, '\n', (size_t)(end - line));
        const char *stop = next ? next : end;
        const char *colon = memchr(line, ':', (size_t)(stop - line));
        if (stop > line && stop[-1] == '\r')
            stop--;
        if (colon && colon > line && !memchr(line, '\0', (size_t)(stop - line))) {
            const char *value = colon + 1;
            while (value < stop && *value == ' ')
                value++;
            buf_append(out, line, (size_t)(colon - line));
            buf_putc(out, '\0');
            buf_append(out, value, (size_t)(stop - value));
            buf_putc(out, '\0');
        }
        line = next;
    }
}

static int decode_base64(json_t *text, struct buf *out)
{
    return text ? base64_decode(json_string_value(text), json_string_length(text), out) : 0;
}

int stored_message_parse(json_t *answer, struct stored_message *ret)
{
    json_t *message = json_object_get(answer, "message");
    const char *subject = json_string_value(json_object_get(message, "subject"));
    const char *time = json_string_value(json_object_get(message, "time"));
    json_t *headers = json_object_get(message, "hdrs");
    json_t *data = json_object_get(message, "data");
    json_int_t seq = json_integer_value(json_object_get(message, "seq"));
    struct buf block = {0};
    struct stored_message m = {.seq = (uint64_t)seq};

    if (!subject || !time || seq <= 0 || (headers && !json_is_string(headers)) || (data && !json_is_string(data)))
        return -EBADMSG;
    int rc = decode_base64(headers, &block) < 0 || decode_base64(data, &m.data) < 0 ? -EBADMSG : 0;
    if (rc == 0 && block.len)
        parse_headers(block.data, block.len, &m.headers);
    m.time_ns = rfc3339_parse(time);
    m.time = strdup(time);
    m.subject = strdup(subject);
    if (rc == 0 && (block.failed || m.data.failed || m.headers.failed || !m.time || !m.subject))
        rc = -ENOMEM;
    buf_finish(&block);
    if (rc < 0) {
        stored_message_finish(&m);
        return rc;
    }
    *ret = m;
    return 0;
}

void stored_message_finish(struct stored_message *m)
{
    free(m->time);
    free(m->subject);
    buf_finish(&m->headers);
    buf_finish(&m->data);
    *m = (struct stored_message){0};
}

bool stored_message_next_header(const struct stored_message *m, size_t *at, const char **ret_name,
                                const char **ret_value)
{
    if (*at >= m->headers.len)
        return false;
    *ret_name = m->headers.data + *at;
    *ret_value = *ret_name + strlen(*ret_name) + 1;
    *at += strlen(*ret_name) + strlen(*ret_value) + 2;
    return true;
}

const char *stored_message_header(const struct stored_message *m, const char *name)
{
    const char *key;
    const char *value;
    for (size_t at = 0; stored_message_next_header(m, &at, &key, &value);)
        if (strcmp(key, name) == 0)
            return value;
    return NULL;
}

int stored_message_dead_letter(const struct stored_message *m, struct dead_letter *ret)
{
    return dead_letter_read(m->subject, m->headers.data, m->headers.len, ret);
}

/* ---- calls ------------------------------------------------------------------------- */

struct body { /* of one call */
    char text[BODY_MAX];
};

/* Builds a call for each sequence, with `more` after the sequence in its body. 0 or -ENOMEM. */
static int make_calls(enum api_verb verb, const char *stream, const char *more, const uint64_t *seqs, size_t n,
                      struct call **ret_calls, struct body **ret_bodies)
{
    struct call *calls = calloc(n, sizeof(*calls));
    struct body *bodies = calloc(n, sizeof(*bodies));
    if (!calls || !bodies) {
        free(calls);
        free(bodies);
        return -ENOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        snprintf(bodies[i].text, sizeof(bodies[i].text), "{\"seq\":%" PRIu64 "%s}", seqs[i], more);
        calls[i] = (struct call){.path = {verb, .stream = stream}, .body = bodies[i].text};
    }
    *ret_calls = calls;
    *ret_bodies = bodies;
    return 0;
}

static int read_message(const struct session *s, const struct call *call, struct stored_message *ret, struct error *err)
{
    char name[API_SUBJECT_MAX];
    int rc = call->answer.rc;
    if (rc == -EREMOTEIO && call->answer.code == JS_CODE_NOT_FOUND)
        return -ENOENT;
    if (rc)
        return session_explain(s, call, err);
    rc = stored_message_parse(call->answer.json, ret);
    return rc ? error_set(err, rc, "%s: the answer contains no message", call_name(call, name, sizeof(name))) : 0;
}

int stored_message_get(struct session *s, const char *stream, const uint64_t *seqs, size_t n,
                       struct stored_message *ret, struct error *err)
{
    struct call *calls;
    struct body *bodies;

    memset(ret, 0, n * sizeof(*ret));
    int rc = make_calls(API_MESSAGE_GET, stream, "", seqs, n, &calls, &bodies);
    if (rc)
        return error_set(err, rc, "out of memory");
    session_calls(s, calls, n, clock_now_ns() + TIMEOUT_NS, NULL, NULL);
    for (size_t i = 0; i < n; i++) {
        int got = rc ? 0 : read_message(s, &calls[i], &ret[i], err);
        rc = rc || got == -ENOENT ? rc : got;
        call_finish(&calls[i]);
    }
    free(calls);
    free(bodies);
    return rc;
}

static int request_message(struct session *s, const char *stream, json_t *body, struct stored_message *ret,
                           struct error *err)
{
    char *text = json_dumps(body, JSON_COMPACT);
    struct call call = {.path = {API_MESSAGE_GET, .stream = stream}, .body = text};

    json_decref(body);
    if (!text)
        return error_set(err, -ENOMEM, "out of memory");
    session_calls(s, &call, 1, clock_now_ns() + TIMEOUT_NS, NULL, NULL);
    int rc = read_message(s, &call, ret, err);
    call_finish(&call);
    free(text);
    return rc;
}

int stored_message_next(struct session *s, const char *stream, uint64_t from, const char *subject,
                        struct stored_message *ret, struct error *err)
{
    return request_message(s, stream, json_pack("{s:I, s:s}", "seq", (json_int_t)from, "next_by_subj", subject), ret,
                           err);
}

int stored_message_last(struct session *s, const char *stream, const char *subject, struct stored_message *ret,
                        struct error *err)
{
    return request_message(s, stream, json_pack("{s:s}", "last_by_subj", subject), ret, err);
}

/* A message that another command or a repeated call has deleted is not found. If two deletions meet, the error text of
 * the server's store is the only sign of it. */
static bool is_deleted(const struct answer *a)
{
    static const char *const words[] = {"no message found", "deleted message", "stream store EOF"};
    bool gone = a->err_code == JS_SEQUENCE_NOT_FOUND;
    for (size_t i = 0; a->err_code == JS_DELETE_FAILED && i < sizeof(words) / sizeof(words[0]); i++)
        gone = gone || strstr(a->text, words[i]);
    return gone;
}

int stored_message_delete(struct session *s, const char *stream, const uint64_t *seqs, size_t n, struct error *err)
{
    struct call *calls;
    struct body *bodies;

    int rc = make_calls(API_MESSAGE_DELETE, stream, ",\"no_erase\":true", seqs, n, &calls, &bodies);
    if (rc)
        return error_set(err, rc, "out of memory");
    session_calls(s, calls, n, clock_now_ns() + TIMEOUT_NS, NULL, NULL);
    for (size_t i = 0; i < n; i++) {
        if (rc == 0 && calls[i].answer.rc && !is_deleted(&calls[i].answer))
            rc = session_explain(s, &calls[i], err);
        call_finish(&calls[i]);
    }
    free(calls);
    free(bodies);
    return rc;
}
