/* SPDX-License-Identifier: Apache-2.0
 *
 * dlq/letter - a dead letter as seamqd writes it (settle/dead_letter_publish.c), and which ones somebody means.
 *
 * Pure, any thread.
 */
#ifndef SEAMQ_CLI_DLQ_LETTER_H
#define SEAMQ_CLI_DLQ_LETTER_H

#include "cli/dlq/stored_message.h"
#include "jetstream/dead_letter.h"

#include <jansson.h>
#include <stdbool.h>

#define LETTER_RANGES_MAX 64
#define LETTER_NAME_MAX DEAD_LETTER_NAME_MAX

struct letter { /* a view: lives as long as the message; texts are never NULL */
    const struct stored_message *stored;
    char stream[LETTER_NAME_MAX];
    char consumer[LETTER_NAME_MAX];
    int64_t created_ns; /* of the stream, at the time of the letter */
    uint64_t seq;       /* of the message in its stream */
    const char *subject;
    const char *handler;
    const char *reason;
    const char *error;
    const char *cut; /* what did not fit: "", "backtrace", "headers", "message" */
    uint64_t attempts;
    uint64_t replays; /* how often it had been replayed when it died */
};

/* 0; -EINVAL: its subject is not a dead letter's. */
int letter_read(const struct stored_message *m, struct letter *ret);

/* As one row for people and programs: without payload and backtrace. NULL: out of memory. */
json_t *letter_row(const struct letter *l);

struct letter_filter {  /* zero: all */
    const char *stream; /* these are NULL when not asked for */
    const char *consumer;
    const char *handler;
    const char *reason;
    const char *subject;  /* of the message, may hold wildcards */
    int64_t since_ns;     /* died at or after, Unix time; 0: no start */
    int64_t until_ns;     /* died before; 0: no end */
    struct letter_range { /* of sequences in the dead-letter stream */
        uint64_t first;
        uint64_t last;
    } ranges[LETTER_RANGES_MAX];
    size_t n_ranges; /* 0: all */
    uint64_t limit;  /* 0: none */
};

/* "17", "17-20", "17-": 0, or -EINVAL with a sentence. */
int letter_range_parse(const char *text, struct letter_range *ret, struct error *err);

/* A reason that dead letters have: 0, or -EINVAL with a sentence. */
int letter_reason_check(const char *text, struct error *err);

/* All but the limit. */
bool letter_matches(const struct letter *l, const struct letter_filter *f);
/* The lowest sequence >= `seq` that a range allows; UINT64_MAX: none. */
uint64_t letter_next_seq(const struct letter_filter *f, uint64_t seq);

#endif
