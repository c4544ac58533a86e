/* SPDX-License-Identifier: Apache-2.0
 * dlq/letter - the subject and headers of a dead letter, and filters. */
#include "letter.h"

#include "base/value.h"
#include "config/names.h"
#include "config/options.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define TOKENS 5 /* dlq.<stream>.<consumer>.<stream-created-ns>.<seq> */
#define QUOTE(text) value_quote((text), (char[80]){0}, 80)

/* Digits only, `*end` behind them. */
static bool take_number(const char *text, uint64_t *ret, const char **end)
{
    char *stop;
    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *ret = strtoull(text, &stop, 10);
    *end = stop;
    return errno == 0;
}

static bool take_token(const char *text, size_t len, char *out, size_t size)
{
    if (len == 0 || len >= size)
        return false;
    memcpy(out, text, len);
    out[len] = '\0';
    return true;
}

static int read_subject(const char *subject, struct letter *l)
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
    if (n != TOKENS || strncmp(subject, "dlq.", 4) != 0 ||
        !take_token(tokens[1], strcspn(tokens[1], "."), l->stream, sizeof(l->stream)) ||
        !take_token(tokens[2], strcspn(tokens[2], "."), l->consumer, sizeof(l->consumer)) ||
        !take_number(tokens[3], &created, &end) || *end != '.' || created > INT64_MAX ||
        !take_number(tokens[4], &l->seq, &end) || *end)
        return -EINVAL;
    l->created_ns = (int64_t)created;
    return 0;
}

static const char *text_of(const struct stored *m, const char *header)
{
    const char *value = stored_header(m, header);
    return value ? value : "";
}

static uint64_t number_of(const struct stored *m, const char *header)
{
    uint64_t n;
    const char *end;
    return take_number(text_of(m, header), &n, &end) && !*end ? n : 0;
}

int letter_read(const struct stored *m, struct letter *ret)
{
    struct letter l = {
        .stored = m,
        .subject = text_of(m, "Seamq-Subject"),
        .handler = text_of(m, "Seamq-Handler"),
        .reason = text_of(m, "Seamq-Reason"),
        .error = text_of(m, "Seamq-Error"),
        .cut = text_of(m, "Seamq-Cut"),
        .attempts = number_of(m, "Seamq-Attempts"),
        .replays = number_of(m, "Seamq-Replays"),
    };
    int rc = read_subject(m->subject, &l);
    if (rc == 0)
        *ret = l;
    return rc;
}

/* What is not UTF-8 would have made the whole row fail. */
static json_t *text(const char *s)
{
    json_t *value = json_string(s);
    return value ? value : json_string("?");
}

json_t *letter_row(const struct letter *l)
{
    const struct stored *m = l->stored;
    return json_pack("{s:I, s:s, s:s, s:s, s:o, s:o, s:o, s:I, s:I, s:o, s:I, s:I, s:o}", "seq", (json_int_t)m->seq,
                     "time", m->time, "stream", l->stream, "consumer", l->consumer, "handler", text(l->handler),
                     "reason", text(l->reason), "subject", text(l->subject), "message", (json_int_t)l->seq, "attempts",
                     (json_int_t)l->attempts, "error", text(l->error), "replays", (json_int_t)l->replays, "bytes",
                     (json_int_t)m->data.len, "cut", text(l->cut));
}

/* ---- filters --------------------------------------------------------------------------- */

int letter_range_parse(const char *text, struct letter_range *ret, struct error *err)
{
    struct letter_range r;
    const char *end;
    bool good = take_number(text, &r.first, &end) && r.first > 0;

    r.last = r.first;
    if (good && *end == '-' && !end[1]) {
        r.last = UINT64_MAX;
        end++;
    } else if (good && *end == '-') {
        good = take_number(end + 1, &r.last, &end);
    }
    if (!good || *end)
        return error_set(err, -EINVAL, "%s is no sequence (try 17, 17-20 or 17-)", QUOTE(text));
    if (r.last < r.first)
        return error_set(err, -EINVAL, "%s ends before it begins", QUOTE(text));
    *ret = r;
    return 0;
}

/* As settle/settle.c writes them. */
int letter_reason_check(const char *text, struct error *err)
{
    static const char *const reasons[] = {"rejected", "max-attempts", "crash", "timeout"};
    const char *near = NULL;
    unsigned distance = near_limit(text);

    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (strcmp(text, reasons[i]) == 0)
            return 0;
        near_try(text, reasons[i], &near, &distance);
    }
    if (near)
        return error_set(err, -EINVAL, "%s is no reason (did you mean %s?)", QUOTE(text), near);
    return error_set(err, -EINVAL, "%s is none of rejected, max-attempts, crash or timeout", QUOTE(text));
}

static bool same(const char *wanted, const char *have)
{
    return !wanted || strcmp(wanted, have) == 0;
}

bool letter_matches(const struct letter *l, const struct letter_filter *f)
{
    return letter_next_seq(f, l->stored->seq) == l->stored->seq && same(f->stream, l->stream) &&
           same(f->consumer, l->consumer) && same(f->handler, l->handler) && same(f->reason, l->reason) &&
           (!f->subject || subject_covers(f->subject, l->subject)) && l->stored->time_ns >= f->since_ns &&
           (!f->until_ns || l->stored->time_ns < f->until_ns);
}

uint64_t letter_next_seq(const struct letter_filter *f, uint64_t seq)
{
    uint64_t next = f->n_ranges ? UINT64_MAX : seq;
    for (size_t i = 0; i < f->n_ranges; i++) {
        const struct letter_range *r = &f->ranges[i];
        uint64_t here = seq > r->first ? seq : r->first;
        if (here <= r->last && here < next)
            next = here;
    }
    return next;
}
