/* SPDX-License-Identifier: Apache-2.0
 *
 * api - requests with one reply over a link, without waiting: JetStream API calls, confirmed
 * publishes, confirmed acknowledgements.
 *
 * Two wildcard subscriptions for a link; each request has its own reply subject and deadline.
 * Thread: the loop's.
 */
#ifndef SEAMQ_JETSTREAM_REQUEST_H
#define SEAMQ_JETSTREAM_REQUEST_H

#include "jetstream/answer.h"
#include "federation/connection.h"

struct requests;
struct request;

/* The outcome of a request. rc: 0, -ETIMEDOUT, -ENOTCONN (the link went down: the request may or
 * may not have been carried out), -EHOSTUNREACH (no responders). `msg` is NULL unless rc is 0,
 * and stays the api's. */
typedef void (*request_reply_fn)(void *data, int rc, natsMsg *msg);

int requests_create(struct requests **ret, struct loop *loop, struct connection *connection);
void requests_destroy(struct requests *a); /* pending requests are dropped without a callback */
struct connection *requests_connection(const struct requests *a);

/* To be called on CONNECTION_DOWN: ends all pending requests with -ENOTCONN. */
void requests_connection_down(struct requests *a);

/* Sends `p` (its `reply` is set here). On failure a negative errno, and fn is not called;
 * *ret (if not NULL) is valid until fn is called or request_cancel(). */
int request_send(struct requests *a, struct connection_publish p, int64_t timeout_ns, request_reply_fn fn, void *data,
                 struct request **ret);
void request_cancel(struct request *r);

/* "$JS.API." or "$JS.<domain>.API." in front of the formatted rest. Without a body it is a question, which is asked
 * again every half a second: where nobody leads, or a frozen server does, it is swallowed. */
int request_call(struct requests *a, const char *domain, const char *rest, const char *json, request_reply_fn fn,
                 void *data, struct request **ret);

/* A question about messages that are flowing.  Its answer takes their way and comes behind all that came before it,
 * with no thread of nats.c's in between that a busy machine may keep waiting.  But there it cannot be told which
 * question nobody answered: -EHOSTUNREACH ends all that are pending. */
int request_ask(struct requests *a, const char *domain, const char *rest, request_reply_fn fn, void *data,
                struct request **ret);

#endif
