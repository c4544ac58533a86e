/* SPDX-License-Identifier: Apache-2.0
 *
 * dlq/filter - which dead letters the options and arguments of `seamq dlq` select.
 *
 * Pure, any thread.
 */
#ifndef SEAMQ_CLI_DLQ_FILTER_H
#define SEAMQ_CLI_DLQ_FILTER_H

#include "base/error.h"
#include "cli/dlq/stored_message.h"
#include "jetstream/dead_letter.h"

#include <stdbool.h>

#define DLQ_RANGES_MAX 64

struct dlq_range { /* of sequences in the dead-letter stream, both included */
    uint64_t first;
    uint64_t last;
};

struct dlq_filter {     /* zeroed: selects all */
    const char *stream; /* of the message; texts are NULL if not given */
    const char *consumer;
    const char *handler;
    const char *reason;
    const char *subject; /* of the message; may contain wildcards */
    int64_t since_ns;    /* dead-lettered at or after, Unix time; 0: no start */
    int64_t until_ns;    /* dead-lettered before; 0: no end */
    struct dlq_range ranges[DLQ_RANGES_MAX];
    size_t n_ranges; /* 0: all sequences */
    uint64_t limit;  /* 0: none */
};

/* Parses "17", "17-20" or "17-". 0, or -EINVAL with a sentence in `err`. */
int dlq_range_parse(const char *text, struct dlq_range *ret, struct error *err);

/* 0 if dead letters can have that reason, or -EINVAL with a sentence in `err`. */
int dlq_reason_check(const char *text, struct error *err);

/* True if the filter, apart from its limit, selects the dead letter `d`, read from `m`. */
bool dlq_filter_matches(const struct dlq_filter *f, const struct stored_message *m, const struct dead_letter *d);
/* The lowest sequence >= `seq` in any range; UINT64_MAX: none. */
uint64_t dlq_filter_next_seq(const struct dlq_filter *f, uint64_t seq);

#endif
