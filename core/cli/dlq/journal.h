/* SPDX-License-Identifier: Apache-2.0
 *
 * dlq/journal - which dead letters a replay is at work on, kept in their own stream, so that a replay that
 * was killed is continued without doubling.
 *
 * Before a lot of letters is published, their sequences and the end of the stream that takes them are
 * written to `dlq.<stream>.replay`.  Whoever comes next looks, for each of them that is still there, behind that
 * end for a message with its id: found, it was published.  Not found, it was not, if that part of the stream is
 * complete; where messages go when they were handled (work queues, limits), it cannot be told, and the
 * letter is left alone.
 *
 * The subject holds one message: a second replay at the same time fails to write, and ends.
 */
#ifndef SEAMQ_CLI_DLQ_JOURNAL_H
#define SEAMQ_CLI_DLQ_JOURNAL_H

#include "cli/dlq/dlq.h"

struct journal {
    struct dlq *dlq;
    char subject[LETTER_NAME_MAX + 32];
    uint64_t seq; /* of its message; 0: there is none */
    /* Array of {stream, created, after, noted, to, letters: [sequences]}. `noted`: the server's clock before the lot
     * was published. The message's own time is no lot's: an old lot is written again with the next one. */
    json_t *lots;
};

/* What an earlier replay of letters of `stream` left. 0 or negative with a sentence; journal_finish() either way. */
int journal_open(struct journal *j, struct dlq *d, const char *stream, struct error *err);
void journal_finish(struct journal *j);

/* The stream that is to take a lot, as far as it matters here. */
struct journal_target {
    char stream[LETTER_NAME_MAX];
    int64_t created_ns;
    uint64_t last_seq;
    int64_t now_ns; /* by the server's clock; 0: before 2.10 it does not say */
};

/* Adds a lot and writes it; `to` NULL: to their own subjects. */
int journal_begin(struct journal *j, const struct journal_target *target, const char *to, json_t *letters,
                  struct error *err);
/* `seqs` are no longer anybody's question. Written with the next lot, or by journal_save(). */
void journal_forget(struct journal *j, const uint64_t *seqs, size_t n);
/* Writes what is left, or removes the journal when nothing is. */
int journal_save(struct journal *j, struct error *err);
bool journal_empty(const struct journal *j);

/* Whether an earlier replay published the letter. */
enum journal_word { JOURNAL_PUBLISHED, JOURNAL_NOT_PUBLISHED, JOURNAL_CANNOT_TELL };
int journal_ask(struct journal *j, const json_t *lot, const struct letter *l, enum journal_word *ret,
                struct error *err);

/* Pure, for tests: what is not as journal_begin() writes it is left out. NULL: out of memory. */
json_t *journal_parse(const char *data, size_t size);

#endif
