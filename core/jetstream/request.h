/* SPDX-License-Identifier: Apache-2.0
 *
 * request - requests with one reply over a connection, without blocking: JetStream API calls, confirmed publishes,
 * confirmed acknowledgements.
 *
 * Each connection has two wildcard subscriptions; each request has its own reply subject and deadline.
 * Thread: the loop's.
 */
#ifndef SEAMQ_JETSTREAM_REQUEST_H
#define SEAMQ_JETSTREAM_REQUEST_H

#include "federation/connection.h"
#include "jetstream/answer.h"
#include "jetstream/api.h"

struct requests;
struct request;

/* The outcome of a request. rc: 0, -ETIMEDOUT, -ENOTCONN (the connection was lost: the server may have executed the
 * request or not), -EHOSTUNREACH (no responders). `msg` is NULL unless rc is 0; the callee does not own it. */
typedef void (*request_reply_fn)(void *data, int rc, natsMsg *msg);

int requests_create(struct requests **ret, struct loop *loop, struct connection *connection);
void requests_destroy(struct requests *a); /* pending requests are dropped without a callback */
struct connection *requests_connection(const struct requests *a);

/* Ends all pending requests with -ENOTCONN; to be called on CONNECTION_DOWN. */
void requests_connection_down(struct requests *a);

/* Sends `p` (its `reply` is set here). On failure a negative errno, and fn is not called;
 * *ret (if not NULL) is valid until fn is called or request_cancel(). */
int request_send(struct requests *a, struct connection_publish p, int64_t timeout_ns, request_reply_fn fn, void *data,
                 struct request **ret);
void request_cancel(struct request *r);

/* Sends `json` to the API of `cluster`. Without `json` (NULL) the request only reads, and is sent again every 500 ms
 * until it is answered: without a leader, or with a frozen one, a request is lost. -ENAMETOOLONG: the names do not fit
 * into a subject. */
int request_call(struct requests *rs, const struct config_cluster *cluster, const struct api_path *path,
                 const char *json, request_reply_fn fn, void *data, struct request **ret);

/* request_call() without `json`, for a question about in-flight messages: its answer arrives after all messages that
 * the server sent before it, and no thread of nats.c, which a busy machine may delay, is in between. A "no responders"
 * does not name its request there: -EHOSTUNREACH ends all requests of request_ask(). */
int request_ask(struct requests *rs, const struct config_cluster *cluster, const struct api_path *path,
                request_reply_fn fn, void *data, struct request **ret);

#endif
