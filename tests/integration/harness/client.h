/* SPDX-License-Identifier: Apache-2.0
 *
 * client - the test's own client of a NATS server: JetStream's JSON API, publishing, reading messages.
 *
 * Function names follow the API subjects, so that JetStream's reference is the manual. JSON responses live as long as
 * the world.
 */
#ifndef SEAMQ_IT_CLIENT_H
#define SEAMQ_IT_CLIENT_H

#include "world.h"

#include <jansson.h>
#include <nats/nats.h>

struct client {
    struct world *w;
    natsConnection *nc;
    double timeout_s; /* limit for one call in seconds; default 10, more for tests that kill servers */
};

/* `setup` (may be NULL) sets credentials and TLS. */
typedef void (*client_setup)(natsOptions *options, void *data);
struct client *client_connect_with(struct world *w, const char *urls, client_setup setup, void *data);
struct client *client_connect(struct world *w, const char *urls);

/* Calls $JS.API.<call> with a JSON body (may be NULL). Returns the response, which may be an error. */
json_t *client_api(struct client *c, const char *body, const char *call, ...) __attribute__((format(printf, 3, 4)));
/* The same, but fails the test if the response is an error. */
json_t *client_api_ok(struct client *c, const char *body, const char *call, ...) __attribute__((format(printf, 3, 4)));

/* Creates a stream. `more` is appended to its configuration (",\"num_replicas\":3"); storage is file by default. */
void client_add_stream(struct client *c, const char *name, const char *subjects, const char *more);
/* The dead-letter stream as seamqd creates it: DLQ, capturing dlq.<stream>.>. */
void client_add_dlq(struct client *c, const char *stream);
/* Creates a pull consumer with explicit acks; `more` as above. */
void client_add_consumer(struct client *c, const char *stream, const char *durable, const char *more);

/* NULL if the consumer does not exist. */
json_t *client_consumer(struct client *c, const char *stream, const char *durable);
int64_t json_at(json_t *j,
                const char *path); /* `path` as in "state.messages"; fails the test if the value is not a number */
const char *json_text(json_t *j, const char *path); /* NULL if the member does not exist */

bool client_wait_consumer(struct client *c, const char *stream, const char *durable, double seconds);
/* Waits until num_pending and num_ack_pending are 0 and the last message of the stream, which must match the consumer's
 * filter, was delivered. */
bool client_wait_settled(struct client *c, const char *stream, const char *durable, double seconds);
/* The same, but fails the test with the numbers. */
void client_expect_settled(struct client *c, const char *stream, const char *durable, double seconds);

/* Publishes a message and waits for the PubAck. Returns its sequence. */
uint64_t client_publish(struct client *c, const char *subject, const char *payload);
/* `headers`: "Name: value\nName: value" or NULL. */
uint64_t client_publish_full(struct client *c, const char *subject, const char *headers, const void *data, size_t size);

int64_t client_stream_messages(struct client *c, const char *stream);
bool client_wait_messages(struct client *c, const char *stream, int64_t n, double seconds);

struct stored {
    const char *subject;
    const char *data; /* with a NUL behind it */
    size_t size;
    const char *headers; /* the header block as sent: "NATS/1.0\r\nA: b\r\n..."; "": no headers */
    uint64_t seq;
};
/* Reads the message with sequence `seq` of a stream. False: it does not exist. */
bool client_get(struct client *c, const char *stream, uint64_t seq, struct stored *ret);
/* Reads all messages of a stream with one subject, in stream order. Returns their number. `stored_ns`: server's date.
 */
typedef void (*client_visit)(void *data, int64_t stored_ns, natsMsg *m);
uint64_t client_each(struct client *c, const char *stream, client_visit fn, void *data);
/* The value of a header in a header block; lives as long as the world. NULL: the header does not exist. */
const char *header_in(struct world *w, const char *headers, const char *name);

#endif
