/* SPDX-License-Identifier: Apache-2.0
 *
 * client - the test's own view of a NATS server: JetStream's JSON API, publishing, looking.
 *
 * The names follow JetStream's API subjects, so that its reference is the manual.  JSON
 * answers live as long as the world.
 */
#ifndef SEAMQ_IT_CLIENT_H
#define SEAMQ_IT_CLIENT_H

#include "world.h"

#include <jansson.h>
#include <nats/nats.h>

struct client {
    struct world *w;
    natsConnection *nc;
    double patience; /* how long a call may take, in seconds: 10; longer where servers are killed meanwhile */
};

/* `setup` (may be NULL) sets credentials and TLS. */
typedef void (*client_setup)(natsOptions *options, void *data);
struct client *client_connect_with(struct world *w, const char *urls, client_setup setup, void *data);
struct client *client_connect(struct world *w, const char *urls);

/* $JS.API.<call> with a JSON body (may be NULL): the answer, errors included. */
json_t *client_api(struct client *c, const char *body, const char *call, ...) __attribute__((format(printf, 3, 4)));
/* The same; fails the test when JetStream answers with an error. */
json_t *client_api_ok(struct client *c, const char *body, const char *call, ...) __attribute__((format(printf, 3, 4)));

/* A stream with JSON-ish `more` appended (",\"num_replicas\":3"), file storage unless it says otherwise. */
void client_add_stream(struct client *c, const char *name, const char *subjects, const char *more);
/* The dead-letter stream as seamqd creates it: DLQ, capturing dlq.<stream>.>. */
void client_add_dlq(struct client *c, const char *stream);
/* An explicit-ack pull consumer; `more` as above. */
void client_add_consumer(struct client *c, const char *stream, const char *durable, const char *more);

/* NULL when there is none. */
json_t *client_consumer(struct client *c, const char *stream, const char *durable);
int64_t json_at(json_t *j, const char *path);       /* "state.messages"; fails the test when it is not a number */
const char *json_text(json_t *j, const char *path); /* NULL when it is not there */

bool client_wait_consumer(struct client *c, const char *stream, const char *durable, double seconds);
/* num_pending and num_ack_pending are 0, and the last message of the stream, which must be one
 * that the consumer takes, was delivered. */
bool client_wait_settled(struct client *c, const char *stream, const char *durable, double seconds);
/* As above, failing the test with the numbers. */
void client_expect_settled(struct client *c, const char *stream, const char *durable, double seconds);

/* Published and confirmed by the stream: its sequence. */
uint64_t client_publish(struct client *c, const char *subject, const char *payload);
/* `headers`: "Name: value\nName: value" or NULL. */
uint64_t client_publish_full(struct client *c, const char *subject, const char *headers, const void *data, size_t size);

int64_t client_stream_messages(struct client *c, const char *stream);
bool client_wait_messages(struct client *c, const char *stream, int64_t n, double seconds);

struct stored {
    const char *subject;
    const char *data; /* NUL behind it */
    size_t size;
    const char *headers; /* the block as sent: "NATS/1.0\r\nA: b\r\n..."; "" when none */
    uint64_t seq;
};
/* The message with sequence `seq` of a stream, false when it is not there. */
bool client_get(struct client *c, const char *stream, uint64_t seq, struct stored *ret);
/* Every message of a stream with one subject, in its order; how many. `stored_ns` is the server's date. */
typedef void (*client_visit)(void *data, int64_t stored_ns, natsMsg *m);
uint64_t client_each(struct client *c, const char *stream, client_visit fn, void *data);
/* The value of a header in a block, living as long as the world; NULL when it is not there. */
const char *header_in(struct world *w, const char *headers, const char *name);

#endif
