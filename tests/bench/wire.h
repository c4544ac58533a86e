/* SPDX-License-Identifier: Apache-2.0
 *
 * wire - a minimal client connection of the NATS protocol: blocking socket, one thread, plain TCP, loopback only. It is
 * the reader of bench_raw, where its speed matters, and serves the API calls of the other programs.
 * Protocol: https://docs.nats.io/reference/reference-protocols/nats-protocol */
#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

struct wire {
    int fd;
    char *in; /* [start, end) is not parsed yet */
    size_t start, end;
    char *out;
    size_t queued;
    bool closed;       /* the server has closed the connection */
    unsigned requests; /* for reply subjects */
};

/* A message; all pointers lead into the read buffer and are valid until the next wire_read(). */
struct wire_msg {
    unsigned sid;
    const char *subject, *reply, *data;              /* data starts with the headers, if there are any */
    size_t subject_len, reply_len, header_len, size; /* size counts the headers too */
};

void wire_open(struct wire *wire, const char *url);
void wire_close(struct wire *wire);

/* Queues bytes; wire_flush() sends them. A full queue flushes itself. */
void wire_put(struct wire *wire, const void *bytes, size_t n);
void wire_subscribe(struct wire *wire, const char *subject, unsigned sid);
/* `reply` may be NULL. */
void wire_publish(struct wire *wire, const char *subject, const char *reply, const void *data, size_t size);
void wire_flush(struct wire *wire);

/* Waits up to timeout_ns for bytes and reads them. True: something was read. */
bool wire_read(struct wire *wire, int64_t timeout_ns);
/* Takes the next complete message from the buffer; responds to pings before it. */
bool wire_next(struct wire *wire, struct wire_msg *ret_msg);

/* The status of a message with headers ("NATS/1.0 408 ..."), else 0. */
int wire_status(const struct wire_msg *msg);

/* Sends a JetStream API request to $JS.API.<call>; the caller owns the reply. An error in the reply is an error, unless
 * `ret_error` takes its err_code. Messages of other subscriptions that arrive during the call are dropped. */
json_t *wire_api(struct wire *wire, const char *call, const char *body, int *ret_error);

#endif
