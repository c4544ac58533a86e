/* SPDX-License-Identifier: Apache-2.0
 *
 * dlq/journal - the dead letters that a replay is publishing, stored in the dead-letter stream itself, so that a
 * replay that was killed continues without publishing twice.
 *
 * Before a batch is published, its sequences and the last sequence of the target stream are written to
 * `dlq.<stream>.replay`.  The next replay searches the target stream after that sequence for the message id of each
 * dead letter that still exists.  A message that is found was published.  One that is not found was not published, if
 * that part of the stream is complete; if handled messages are deleted there (work queues, limits), the answer is
 * unknown, and the dead letter is left alone.
 *
 * The subject has one message: if two replays run at once, the second fails to write it and exits with an error.
 */
#ifndef SEAMQ_CLI_DLQ_JOURNAL_H
#define SEAMQ_CLI_DLQ_JOURNAL_H

#include "cli/dlq/dlq.h"

struct journal {
    struct dlq *dlq;
    char subject[DEAD_LETTER_NAME_MAX + 32];
    uint64_t seq; /* of the journal's message; 0: none */
    /* Array of {stream, created, after, noted, to, letters: [sequences]}, in JSON "lots". `noted` is the server's clock
     * before the batch was published; the message's own time is later, because old batches are written again. */
    json_t *batches;
};

/* Reads the journal of dead letters of `stream`. 0, or a negative errno with a sentence in `err`; call
 * journal_finish() in any case. */
int journal_open(struct journal *j, struct dlq *d, const char *stream, struct error *err);
void journal_finish(struct journal *j);

/* The stream to which a batch is published. */
struct journal_target {
    char stream[DEAD_LETTER_NAME_MAX];
    int64_t created_ns;
    uint64_t last_seq;
    int64_t now_ns; /* the server's clock; 0: unknown (before 2.10) */
};

/* Adds a batch and writes the journal; `to` NULL: their own subjects. */
int journal_add_batch(struct journal *j, const struct journal_target *target, const char *to, json_t *letters,
                      struct error *err);
/* Removes `seqs`, which are resolved. The change is written with the next batch, or by journal_save(). */
void journal_forget(struct journal *j, const uint64_t *seqs, size_t n);
/* Writes the journal, or deletes it if it is empty. */
int journal_save(struct journal *j, struct error *err);
bool journal_empty(const struct journal *j);

/* Answers whether an earlier replay published the dead letter `d`, read from `m`. 0, or a negative errno with a
 * sentence in `err`. */
enum journal_answer { JOURNAL_PUBLISHED, JOURNAL_NOT_PUBLISHED, JOURNAL_UNKNOWN };
int journal_find_published(struct journal *j, const json_t *batch, const struct stored_message *m,
                           const struct dead_letter *d, enum journal_answer *ret, struct error *err);

/* The batches of a journal's message; invalid ones are left out. NULL: out of memory. Pure. */
json_t *journal_parse(const char *data, size_t size);

#endif
