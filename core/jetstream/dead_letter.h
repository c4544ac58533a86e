/* SPDX-License-Identifier: Apache-2.0
 *
 * dead_letter - subject, headers and reasons of a dead letter, written by the daemon and read by the command line.
 *
 *     dlq.<stream>.<consumer>.<stream-created-ns>.<seq>    one dead letter; names one message for ever
 *     dlq.<stream>.replay                                  the journal of `seamq dlq replay`
 *
 * Headers are "Name\0value\0...", as struct connection_publish takes them. Pure, any thread.
 */
#ifndef SEAMQ_JETSTREAM_DEAD_LETTER_H
#define SEAMQ_JETSTREAM_DEAD_LETTER_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DEAD_LETTER_NAME_MAX 256
#define DEAD_LETTER_SUBJECT_MAX 640

/* Why a message was dead-lettered. */
enum dead_reason { DEAD_REJECTED, DEAD_ATTEMPTS, DEAD_CRASHED, DEAD_TIMEOUT, N_DEAD_REASONS };

/* "rejected", "max-attempts", "crash", "timeout": header value, metric label and --reason. */
const char *dead_reason_name(enum dead_reason reason);

/* How much of a message is in its dead letter. The writer tries one after the other until the dead letter fits. */
enum dead_letter_extent {
    DEAD_LETTER_ALL,
    DEAD_LETTER_NO_BACKTRACE,
    DEAD_LETTER_NO_HEADERS,
    DEAD_LETTER_POINTER, /* without payload too */
};

/* Texts are the caller's when writing, and point into the headers when read. */
struct dead_letter {
    /* From the subject: */
    char stream[DEAD_LETTER_NAME_MAX];
    char consumer[DEAD_LETTER_NAME_MAX];
    int64_t created_ns; /* of the stream, Unix time */
    uint64_t seq;       /* of the message in its stream */
    /* From the headers: */
    const char *subject; /* of the message */
    const char *reason;
    const char *error; /* of optional texts: NULL when writing, "" when read */
    const char *signal;
    const char *backtrace;
    const char *handler;
    const char *handler_version;
    const char *cluster;
    const char *cut;   /* what does not fit: "", "backtrace", "headers", "message"; only read */
    int64_t stored_ns; /* when the stream stored the message, Unix time; only written */
    uint64_t attempts;
    uint64_t replays; /* how often the message had been replayed before; only read */
};

/* ---- subjects: 0, or -ENAMETOOLONG ------------------------------------------------------ */

int dead_letter_subject(const struct dead_letter *d, char *out, size_t size);
/* All subjects that belong to dead letters of a stream: "dlq.ORDERS.>" */
int dead_letter_stream_subject(const char *stream, char *out, size_t size);
/* Filter of dead letters. `stream`, `consumer`: NULL means all. */
int dead_letter_filter(const char *stream, const char *consumer, char *out, size_t size);
/* Subject of the replay journal of a stream; "*" for all. */
int dead_letter_journal_subject(const char *stream, char *out, size_t size);

/* False: not the subject of a replay journal, or the name of its stream does not fit. */
bool dead_letter_journal_parse(const char *subject, char *ret_stream, size_t size);
/* True if the subject is one of `stream`; NULL: of any stream. */
bool dead_letter_subject_matches(const char *subject, const char *stream);

/* ---- headers ------------------------------------------------------------------------------ */

/* Appends one header of at most `max` bytes. The value becomes one line: line ends become " | ", other control bytes a
 * space. */
void dead_letter_header_write(struct buf *out, const char *name, const char *value, size_t max);
/* Appends what `d` says. */
void dead_letter_headers_write(const struct dead_letter *d, enum dead_letter_extent extent, struct buf *out);
/* True: a header of the original message that its copies keep. */
bool dead_letter_keeps_header(const char *name);

/* Headers that a replay adds to the message. Its next dead letter takes them over. */
#define DEAD_LETTER_REPLAY_ID "Seamq-Replay-Id"
#define DEAD_LETTER_REPLAYS "Seamq-Replays"

/* Reads a dead letter; an absent or malformed header gives "" or 0. 0, or -EINVAL: `subject` is not a dead letter's. */
int dead_letter_read(const char *subject, const char *headers, size_t size, struct dead_letter *ret);

#endif
