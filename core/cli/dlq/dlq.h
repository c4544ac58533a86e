/* SPDX-License-Identifier: Apache-2.0
 *
 * dlq/dlq - what the verbs of `seamq dlq` share: which stream, which letters.
 */
#ifndef SEAMQ_CLI_DLQ_DLQ_H
#define SEAMQ_CLI_DLQ_DLQ_H

#include "cli/cli.h"
#include "cli/dlq/letter.h"

#define DLQ_BATCH 64 /* how much is asked for at once */

extern const struct flag dlq_ls_flags[];
extern const struct flag dlq_show_flags[];
extern const struct flag dlq_replay_flags[];
extern const struct flag dlq_drop_flags[];

struct dlq {
    struct cli *cli;
    struct session *session;
    char stream[LETTER_NAME_MAX]; /* of the dead letters */
    struct letter_filter filter;  /* of the command line */
    uint64_t first_seq;           /* what there was when it was opened: letters that come later are not meant */
    uint64_t last_seq;
    bool deny_delete;
    struct progress progress;
};

/* Everything from the command line, and the connection. 0, or the exit status after having said why. dlq_close()
 * either way. */
int dlq_open(struct cli *cli, struct dlq *ret);
void dlq_close(struct dlq *d);
/* Whether the command line says which letters; without, all are meant. */
bool dlq_chosen(const struct dlq *d);

/* Letter by letter, in the order of their sequences, those that are meant. `fn` returns 0 to go on. 0; what `fn`
 * returned; or negative with a sentence. Only looks: by sequence, without a consumer. */
typedef int (*dlq_letter_fn)(void *data, const struct letter *l);
int dlq_each(struct dlq *d, dlq_letter_fn fn, void *data, struct error *err);

/* The rows of the letters that are meant, for output_rows(); NULL after having said why not. */
json_t *dlq_rows(struct dlq *d);
int dlq_print(struct dlq *d, json_t *rows); /* the exit status */
/* "3 dead letters of DLQ <what>", or that there is none. */
void dlq_tell(const struct dlq *d, size_t n, const char *what);

#endif
