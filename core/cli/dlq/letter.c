/* SPDX-License-Identifier: Apache-2.0
 * dlq/letter - the subject and headers of a dead letter, and filters. */
#include "letter.h"

#include "base/value.h"
#include "config/names.h"
#include "config/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

int letter_read(const struct stored_message *m, struct letter *ret)
{
    struct dead_letter d;
    int rc = dead_letter_read(m->subject, m->headers.data, m->headers.len, &d);

    if (rc < 0)
        return rc;
    *ret = (struct letter){
        .stored = m,
        .created_ns = d.created_ns,
        .seq = d.seq,
        .subject = d.subject,
        .handler = d.handler,
        .reason = d.reason,
        .error = d.error,
        .cut = d.cut,
        .attempts = d.attempts,
        .replays = d.replays,
    };
    memcpy(ret->stream, d.stream, sizeof(ret->stream));
    memcpy(ret->consumer, d.consumer, sizeof(ret->consumer));
    return 0;
}

/* What is not UTF-8 would have made the whole row fail. */
static json_t *text(const char *s)
{
    json_t *value = json_string(s);
    return value ? value : json_string("?");
}

json_t *letter_row(const struct letter *l)
{
    const struct stored_message *m = l->stored;
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

int letter_reason_check(const char *text, struct error *err)
{
    const char *near = NULL;
    unsigned distance = near_limit(text);

    for (int i = 0; i < N_DEAD_REASONS; i++) {
        const char *name = dead_reason_name((enum dead_reason)i);
        if (strcmp(text, name) == 0)
            return 0;
        near_try(text, name, &near, &distance);
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
           (!f->subject || subject_covers(f->subject, l->subject)) &&
           (!f->since_ns || l->stored->time_ns >= f->since_ns) && (!f->until_ns || l->stored->time_ns < f->until_ns);
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
