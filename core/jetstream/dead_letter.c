/* SPDX-License-Identifier: Apache-2.0
 * dead_letter - one table of headers, from which dead letters are written and read. */
#include "dead_letter.h"

#include "base/rfc3339.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PREFIX "dlq."
#define REPLAY ".replay"
#define TOKENS 5
#define VALUE_MAX 2048
#define BACKTRACE_MAX 8192

const char *dead_reason_name(enum dead_reason reason)
{
    static const char *const names[N_DEAD_REASONS] = {
        [DEAD_REJECTED] = "rejected",
        [DEAD_ATTEMPTS] = "max-attempts",
        [DEAD_CRASHED] = "crash",
        [DEAD_TIMEOUT] = "timeout",
    };
    return names[reason];
}

/* ---- subjects -------------------------------------------------------------------------- */

static int check_length(int length, size_t size)
{
    return length < 0 || (size_t)length >= size ? -ENAMETOOLONG : 0;
}

int dead_letter_subject(const struct dead_letter *d, char *out, size_t size)
{
    return check_length(
        snprintf(out, size, PREFIX "%s.%s.%" PRId64 ".%" PRIu64, d->stream, d->consumer, d->created_ns, d->seq), size);
}

int dead_letter_stream_subject(const char *stream, char *out, size_t size)
{
    return check_length(snprintf(out, size, PREFIX "%s.>", stream), size);
}

int dead_letter_filter(const char *stream, const char *consumer, char *out, size_t size)
{
    return check_length(snprintf(out, size, PREFIX "%s.%s.*.*", stream ? stream : "*", consumer ? consumer : "*"),
                        size);
}

int dead_letter_journal_subject(const char *stream, char *out, size_t size)
{
    return check_length(snprintf(out, size, PREFIX "%s" REPLAY, stream), size);
}

bool dead_letter_journal_parse(const char *subject, char *ret_stream, size_t size)
{
    size_t head = strlen(PREFIX);
    size_t tail = strlen(REPLAY);
    size_t len = strlen(subject);

    return len > head + tail && strncmp(subject, PREFIX, head) == 0 && strcmp(subject + len - tail, REPLAY) == 0 &&
           check_length(snprintf(ret_stream, size, "%.*s", (int)(len - head - tail), subject + head), size) == 0;
}

bool dead_letter_subject_matches(const char *subject, const char *stream)
{
    size_t head = strlen(PREFIX);
    size_t len = stream ? strlen(stream) : 0;

    if (strncmp(subject, PREFIX, head) != 0)
        return false;
    return !stream || (strncmp(subject + head, stream, len) == 0 && subject[head + len] == '.');
}

/* Digits only; *ret_end is the first character after them. */
static bool parse_number(const char *text, uint64_t *ret, const char **ret_end)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *ret = strtoull(text, &end, 10);
    *ret_end = end;
    return errno == 0;
}

static bool copy_token(const char *text, char *out, size_t size)
{
    size_t len = strcspn(text, ".");
    if (len == 0 || len >= size)
        return false;
    memcpy(out, text, len);
    out[len] = '\0';
    return true;
}

static int parse_subject(const char *subject, struct dead_letter *d)
{
    const char *tokens[TOKENS];
    size_t n = 0;
    uint64_t created;
    const char *end;

    for (const char *at = subject; at && n < TOKENS; n++) {
        tokens[n] = at;
        at = strchr(at, '.');
        at = at ? at + 1 : NULL;
    }
    if (n != TOKENS || strncmp(subject, PREFIX, strlen(PREFIX)) != 0 ||
        !copy_token(tokens[1], d->stream, sizeof(d->stream)) ||
        !copy_token(tokens[2], d->consumer, sizeof(d->consumer)) || !parse_number(tokens[3], &created, &end) ||
        *end != '.' || created > INT64_MAX || !parse_number(tokens[4], &d->seq, &end) || *end)
        return -EINVAL;
    d->created_ns = (int64_t)created;
    return 0;
}

/* ---- headers --------------------------------------------------------------------------- */

enum header_kind {
    TEXT,     /* const char * */
    OPTIONAL, /* the same, not written if NULL */
    READ,     /* the same, not written from the table */
    BACKTRACE,
    NUMBER, /* uint64_t or int64_t, not negative */
    COUNT,  /* the same, not written */
    TIME,   /* int64_t, Unix time; not read */
};

static const struct {
    const char *name;
    enum header_kind kind;
    size_t offset;
} headers[] = {
    {"Seamq-Reason", TEXT, offsetof(struct dead_letter, reason)},
    {"Seamq-Error", OPTIONAL, offsetof(struct dead_letter, error)},
    {"Seamq-Subject", TEXT, offsetof(struct dead_letter, subject)},
    {"Seamq-Time", TIME, offsetof(struct dead_letter, stored_ns)},
    {"Seamq-Attempts", NUMBER, offsetof(struct dead_letter, attempts)},
    {"Seamq-Handler", TEXT, offsetof(struct dead_letter, handler)},
    {"Seamq-Handler-Version", TEXT, offsetof(struct dead_letter, handler_version)},
    {"Seamq-Cluster", TEXT, offsetof(struct dead_letter, cluster)},
    {"Seamq-Signal", OPTIONAL, offsetof(struct dead_letter, signal)},
    {"Seamq-Backtrace", BACKTRACE, offsetof(struct dead_letter, backtrace)},
    {"Seamq-Cut", READ, offsetof(struct dead_letter, cut)},
    {DEAD_LETTER_REPLAYS, COUNT, offsetof(struct dead_letter, replays)},
};
#define N_HEADERS (sizeof(headers) / sizeof(headers[0]))

void dead_letter_header_write(struct buf *out, const char *name, const char *value, size_t max)
{
    buf_append(out, name, strlen(name) + 1);
    size_t n = 0;
    for (const char *s = value; *s && n < max; s++, n++) {
        if (*s == '\n')
            buf_puts(out, s[1] ? " | " : "");
        else
            buf_putc(out, (unsigned char)*s < ' ' ? ' ' : *s);
    }
    buf_putc(out, '\0');
}

static void write_number(struct buf *out, const char *name, uint64_t n)
{
    char text[32];
    snprintf(text, sizeof(text), "%" PRIu64, n);
    dead_letter_header_write(out, name, text, sizeof(text));
}

static void write_field(const struct dead_letter *d, size_t i, enum dead_letter_extent extent, struct buf *out)
{
    const char *field = (const char *)d + headers[i].offset;
    const char *name = headers[i].name;
    const char *text;
    uint64_t n;

    memcpy(&n, field, sizeof(n));
    memcpy(&text, field, sizeof(text));
    switch (headers[i].kind) {
    case TEXT:
    case OPTIONAL:
        if (text)
            dead_letter_header_write(out, name, text, VALUE_MAX);
        break;
    case BACKTRACE:
        if (text && extent < DEAD_LETTER_NO_BACKTRACE)
            dead_letter_header_write(out, name, text, BACKTRACE_MAX);
        break;
    case NUMBER: write_number(out, name, n); break;
    case TIME: {
        char time[RFC3339_SIZE];
        rfc3339_format((int64_t)n, RFC3339_NS, time);
        dead_letter_header_write(out, name, time, sizeof(time));
        break;
    }
    case READ:
    case COUNT: break;
    }
}

void dead_letter_headers_write(const struct dead_letter *d, enum dead_letter_extent extent, struct buf *out)
{
    static const char *const cuts[] = {
        [DEAD_LETTER_NO_BACKTRACE] = "backtrace",
        [DEAD_LETTER_NO_HEADERS] = "headers",
        [DEAD_LETTER_POINTER] = "message",
    };

    dead_letter_header_write(out, "Seamq-Stream", d->stream, VALUE_MAX);
    dead_letter_header_write(out, "Seamq-Consumer", d->consumer, VALUE_MAX);
    write_number(out, "Seamq-Sequence", d->seq);
    write_number(out, "Seamq-Stream-Created", (uint64_t)d->created_ns);
    for (size_t i = 0; i < N_HEADERS; i++)
        write_field(d, i, extent, out);
    if (extent > DEAD_LETTER_ALL)
        dead_letter_header_write(out, "Seamq-Cut", cuts[extent], VALUE_MAX);
}

bool dead_letter_keeps_header(const char *name)
{
    return strncasecmp(name, "Nats-", 5) != 0 && strncasecmp(name, "Seamq-", 6) != 0;
}

static void read_field(size_t i, const char *value, struct dead_letter *d)
{
    char *field = (char *)d + headers[i].offset;
    const char *end;
    uint64_t n;

    if (headers[i].kind == NUMBER || headers[i].kind == COUNT) {
        n = parse_number(value, &n, &end) && !*end ? n : 0;
        memcpy(field, &n, sizeof(n));
    } else if (headers[i].kind != TIME) {
        memcpy(field, &value, sizeof(value));
    }
}

/* The first header of a name counts. */
static const char *find_header(const char *block, size_t size, const char *name)
{
    for (size_t at = 0; at < size;) {
        const char *value = block + at + strlen(block + at) + 1;
        if (strcmp(block + at, name) == 0)
            return value;
        at = (size_t)(value - block) + strlen(value) + 1;
    }
    return "";
}

int dead_letter_read(const char *subject, const char *block, size_t size, struct dead_letter *ret)
{
    struct dead_letter d = {0};
    int rc = parse_subject(subject, &d);

    for (size_t i = 0; rc == 0 && i < N_HEADERS; i++)
        read_field(i, find_header(block, size, headers[i].name), &d);
    if (rc == 0)
        *ret = d;
    return rc;
}
