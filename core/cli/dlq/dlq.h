/* SPDX-License-Identifier: Apache-2.0
 *
 * dlq/dlq - what the verbs of `seamq dlq` share: the dead-letter stream, and the dead letters that the command line
 * selects.
 */
#ifndef SEAMQ_CLI_DLQ_DLQ_H
#define SEAMQ_CLI_DLQ_DLQ_H

#include "cli/cli.h"
#include "cli/dlq/filter.h"

#define DLQ_BATCH 64 /* messages in one round of requests */

extern const struct flag dlq_ls_flags[];
extern const struct flag dlq_show_flags[];
extern const struct flag dlq_replay_flags[];
extern const struct flag dlq_drop_flags[];

struct dlq {
    struct cli *cli;
    struct session *session;
    char stream[DEAD_LETTER_NAME_MAX]; /* the dead-letter stream */
    struct dlq_filter filter;
    uint64_t first_seq; /* of the stream when it was opened; later dead letters are not included */
    uint64_t last_seq;
    bool deny_delete;
    struct progress progress;
};

/* Reads the command line, connects, and reads the state of the stream. 0, or the exit status after an error message.
 * Call dlq_close() in any case. */
int dlq_open(struct cli *cli, struct dlq *ret);
void dlq_close(struct dlq *d);
/* True if the command line selects some dead letters; otherwise all are selected. */
bool dlq_has_selection(const struct dlq *d);

/* Calls `fn` for each selected dead letter, in the order of sequences, until it returns other than 0.  Returns that
 * value, 0, or a negative errno with a sentence in `err`.  Reads by sequence, and never creates a consumer. */
typedef int (*dlq_letter_fn)(void *data, const struct stored_message *m, const struct dead_letter *d);
int dlq_each(struct dlq *d, dlq_letter_fn fn, void *data, struct error *err);

/* One dead letter as a row, without payload and backtrace. NULL: out of memory. */
json_t *dlq_row(const struct stored_message *m, const struct dead_letter *d);
/* The selected dead letters as rows for output_rows(); NULL after an error message. */
json_t *dlq_rows(struct dlq *d);
/* Prints the rows; returns the exit status. */
int dlq_print(struct dlq *d, json_t *rows);
/* Prints "3 dead letters of DLQ <what>", or that none was selected. */
void dlq_print_result(const struct dlq *d, size_t n, const char *what);

#endif
