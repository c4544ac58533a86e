/* SPDX-License-Identifier: Apache-2.0
 *
 * record - the records of the ring: messages to the worker; outcomes, staged publishes and extensions back.
 *
 * A record is a fixed part and, for messages and staged publishes, a body of texts:
 *     subject NUL | msg_id NUL (if msg_id_len) | headers | data NUL
 * A message to the worker has its ordering key in the place of the message id. Headers are "Name NUL value NUL" pairs.
 * A body larger than half of the ring is passed as a memfd over the control socket; then `serial`, counted from 1 by
 * its sender, identifies it.
 *
 * Fields are in host order: both processes run on one machine.  Fields are only added, at the
 * end; PACKET_PROTOCOL changes when that is not enough.  Pure functions, any thread.
 */
#ifndef SEAMQ_RING_RECORD_H
#define SEAMQ_RING_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum record_type {
    RECORD_PAD = 1,
    RECORD_MESSAGE = 2, /* in  */
    RECORD_OUTCOME = 3, /* out */
    RECORD_STAGED = 4,  /* out, before the outcome of its message */
    RECORD_EXTEND = 5   /* out */
};

#define RECORD_BODY_MAX (UINT64_C(128) << 20) /* bytes; nats-server allows 64 MiB payloads */
#define RECORD_ALONE 1u          /* the handler gets it in a call of its own: it may have crashed a batch */
#define RECORD_TEXT_MAX 1024u    /* bytes kept of an outcome's reason */
#define RECORD_STAGED_MAX 65536u /* publishes of one call */
#define RECORD_STAGED_BYTES_MAX (UINT64_C(128) << 20)

struct record_message {
    uint64_t id;
    uint64_t stream_seq;
    uint64_t consumer_seq;
    uint64_t attempt;
    uint64_t pending;
    int64_t stored_ns;
    uint64_t data_len;
    uint32_t subject_len;
    uint32_t headers_len;
    uint16_t binding;
    uint16_t flags;    /* RECORD_ALONE */
    uint32_t serial;   /* 0: the body follows in the ring */
    uint32_t key_size; /* with its NUL; 0: the handler is not ordered */
};

struct record_outcome { /* followed by text_len bytes and a NUL */
    uint64_t id;
    int64_t delay_ns;
    int64_t duration_ns;
    int32_t outcome;
    uint32_t text_len;
};

struct record_staged {
    uint64_t id;
    uint64_t data_len;
    uint32_t subject_len;
    uint32_t msg_id_len; /* 0: none */
    uint32_t headers_len;
    uint32_t serial;
};

struct record_extend {
    uint64_t id;
    int64_t ns;
};

struct record_body {
    const char *subject;
    size_t subject_len;
    const char *msg_id; /* NULL: none */
    size_t msg_id_len;
    const char *headers; /* NULL: none */
    size_t headers_len;
    const char *data;
    size_t data_len;
};

/* Bytes that the body takes, all NULs included; UINT64_MAX: beyond RECORD_BODY_MAX. */
uint64_t record_body_size(const struct record_body *b);
void record_body_write(const struct record_body *b, char *out);
/* Checks the lengths in `b`, which the peer wrote, against the `size` bytes at `at` and sets the pointers. Texts must
 * have exactly their length, headers must be complete pairs. 0 or -EBADMSG. */
int record_body_read(struct record_body *b, const char *at, uint64_t size);

/* True: the text is valid in the line protocol of the server: a literal subject (no wildcards, blanks or empty tokens),
 * a message id, a header. */
bool record_subject_ok(const char *subject);
bool record_msg_id_ok(const char *id);
bool record_header_ok(const char *name, const char *value);

/* The header at *pos of a block that record_body_read() accepted; false: at the end. */
bool record_header_next(const char *headers, size_t len, size_t *pos, const char **ret_name, const char **ret_value);

#endif
