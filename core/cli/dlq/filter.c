/* SPDX-License-Identifier: Apache-2.0
 * dlq/filter - ranges of sequences, reasons, and the match of a dead letter. */
#include "filter.h"

#include "base/value.h"
#include "config/names.h"
#include "config/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define QUOTE(text) value_quote((text), (char[80]){0}, 80)

/* Reads digits only; *end points behind them. */
static bool read_number(const char *text, uint64_t *ret, const char **end)
{
    char *stop;
    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *ret = strtoull(text, &stop, 10);
    *end = stop;
    return errno == 0;
}

int dlq_range_parse(const char *text, struct dlq_range *ret, struct error *err)
{
    struct dlq_range r;
    const char *end;
    bool good = read_number(text, &r.first, &end) && r.first > 0;

    r.last = r.first;
    if (good && *end == '-' && !end[1]) {
        r.last = UINT64_MAX;
        end++;
    } else if (good && *end == '-') {
        good = read_number(end + 1, &r.last, &end);
    }
    if (!good || *end)
        return error_set(err, -EINVAL, "%s is not a sequence or range (try 17, 17-20 or 17-)", QUOTE(text));
    if (r.last < r.first)
        return error_set(err, -EINVAL, "%s ends before it begins", QUOTE(text));
    *ret = r;
    return 0;
}

int dlq_reason_check(const char *text, struct error *err)
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
        return error_set(err, -EINVAL, "%s is not a reason (did you mean %s?)", QUOTE(text), near);
    return error_set(err, -EINVAL, "%s is not a reason (known: rejected, max-attempts, crash or timeout)", QUOTE(text));
}

static bool equals_if_given(const char *wanted, const char *text)
{
    return !wanted || strcmp(wanted, text) == 0;
}

bool dlq_filter_matches(const struct dlq_filter *f, const struct stored_message *m, const struct dead_letter *d)
{
    return dlq_filter_next_seq(f, m->seq) == m->seq && equals_if_given(f->stream, d->stream) &&
           equals_if_given(f->consumer, d->consumer) && equals_if_given(f->handler, d->handler) &&
           equals_if_given(f->reason, d->reason) && (!f->subject || subject_covers(f->subject, d->subject)) &&
           (!f->since_ns || m->time_ns >= f->since_ns) && (!f->until_ns || m->time_ns < f->until_ns);
}

uint64_t dlq_filter_next_seq(const struct dlq_filter *f, uint64_t seq)
{
    uint64_t next = f->n_ranges ? UINT64_MAX : seq;
    for (size_t i = 0; i < f->n_ranges; i++) {
        const struct dlq_range *r = &f->ranges[i];
        uint64_t here = seq > r->first ? seq : r->first;
        if (here <= r->last && here < next)
            next = here;
    }
    return next;
}
