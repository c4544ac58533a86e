/* SPDX-License-Identifier: Apache-2.0
 *
 * dlq/stored_message - reads and deletes messages of a stream by sequence (STREAM.MSG.GET, STREAM.MSG.DELETE), so that
 * no consumer is needed.
 *
 * Thread: any, one at a time for each session.
 */
#ifndef SEAMQ_CLI_DLQ_STORED_MESSAGE_H
#define SEAMQ_CLI_DLQ_STORED_MESSAGE_H

#include "base/buf.h"
#include "cli/session.h"
#include "jetstream/dead_letter.h"

#include <jansson.h>
#include <stdbool.h>

struct stored_message { /* zeroed: none */
    uint64_t seq;
    int64_t time_ns; /* Unix time */
    char *time;      /* the same, as the server wrote it */
    char *subject;
    struct buf headers; /* "Name\0value\0..." */
    struct buf data;
};

/* Parses the "message" of an answer.  0, -EBADMSG: the answer has no message, or -ENOMEM. */
int stored_message_parse(json_t *answer, struct stored_message *ret);
void stored_message_finish(struct stored_message *m);

/* The first value of a header; NULL: none. */
const char *stored_message_header(const struct stored_message *m, const char *name);
/* Iterates over the headers; `*at` begins as 0. */
bool stored_message_next_header(const struct stored_message *m, size_t *at, const char **ret_name,
                                const char **ret_value);

/* Parses the message as a dead letter, whose texts point into the message. 0; -EINVAL: it is not a dead letter. */
int stored_message_dead_letter(const struct stored_message *m, struct dead_letter *ret);

/* Reads the messages `seqs[0..n)` in parallel; those that are deleted stay zeroed.  0, or a negative errno with a
 * sentence in `err`; call stored_message_finish() for each in any case. */
int stored_message_get(struct session *s, const char *stream, const uint64_t *seqs, size_t n,
                       struct stored_message *ret, struct error *err);
/* The first message from sequence `from` on whose subject matches `subject`. 0, -ENOENT: none, or a negative errno
 * with a sentence in `err`. */
int stored_message_next(struct session *s, const char *stream, uint64_t from, const char *subject,
                        struct stored_message *ret, struct error *err);
/* The last message on `subject`; returns the same. */
int stored_message_last(struct session *s, const char *stream, const char *subject, struct stored_message *ret,
                        struct error *err);
/* Deletes messages; one that is already deleted is not an error. 0, or a negative errno with a sentence in `err`. */
int stored_message_delete(struct session *s, const char *stream, const uint64_t *seqs, size_t n, struct error *err);

#endif
