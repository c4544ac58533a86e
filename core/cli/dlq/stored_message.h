/* SPDX-License-Identifier: Apache-2.0
 *
 * dlq/stored_message - a message of a stream, as STREAM.MSG.GET gives it: looked at by its sequence, so that no
 * consumer is made and nothing is moved.
 *
 * Thread: any, each with its own.
 */
#ifndef SEAMQ_CLI_DLQ_STORED_MESSAGE_H
#define SEAMQ_CLI_DLQ_STORED_MESSAGE_H

#include "base/buf.h"
#include "cli/session.h"

#include <jansson.h>
#include <stdbool.h>

struct stored_message { /* zero: none */
    uint64_t seq;
    int64_t time_ns; /* Unix time */
    char *time;      /* the same as the server wrote it */
    char *subject;
    struct buf headers; /* "Name\0value\0..." */
    struct buf data;
};

/* The "message" of an answer.  0; -EBADMSG: it is none, -ENOMEM.  Untouched unless 0. */
int stored_message_parse(json_t *answer, struct stored_message *ret);
void stored_message_finish(struct stored_message *m);

/* The first value of a header; NULL: it has none. */
const char *stored_message_header(const struct stored_message *m, const char *name);
/* Header by header, `*at` from 0 on. */
bool stored_message_next_header(const struct stored_message *m, size_t *at, const char **ret_name,
                                const char **ret_value);

/* Messages `seqs[0..n)` of a stream, asked for at once; those that are not there any more stay zero.
 * 0, or a negative errno with a sentence. Either way stored_message_finish() each. */
int stored_message_get(struct session *s, const char *stream, const uint64_t *seqs, size_t n,
                       struct stored_message *ret, struct error *err);
/* The first one from `from` on whose subject matches `subject`. 0, -ENOENT: there is none, or negative with a
 * sentence. */
int stored_message_next(struct session *s, const char *stream, uint64_t from, const char *subject,
                        struct stored_message *ret, struct error *err);
/* The last one on `subject`; likewise. */
int stored_message_last(struct session *s, const char *stream, const char *subject, struct stored_message *ret,
                        struct error *err);
/* Removes them; those that are gone already are no error. 0 or negative with a sentence. */
int stored_message_delete(struct session *s, const char *stream, const uint64_t *seqs, size_t n, struct error *err);

#endif
