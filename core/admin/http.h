/* SPDX-License-Identifier: Apache-2.0
 *
 * http - the HTTP/1.1 server for probes, scrapers and operators: GET and HEAD, and POST for requests that change
 * something.  It is not meant for the open network.  Thread: the loop's.
 *
 * Limits: HTTP_REQUEST_MAX bytes a request, HTTP_CONNECTIONS_MAX connections (further ones wait
 * in the kernel's queue; an idle connection is closed to make room for them), 5 s to
 * send a request (then 408) and 5 s to take the response (then reset), 60 s between requests.
 * Pipelined requests are answered in order, one per turn of the loop.  A response may be as
 * large as memory allows; one that memory did not allow is a 500.
 */
#ifndef SEAMQ_ADMIN_HTTP_H
#define SEAMQ_ADMIN_HTTP_H

#include "base/buf.h"
#include "base/error.h"
#include "base/loop.h"

#include <stdint.h>

#define HTTP_CONNECTIONS_MAX 64

struct http;

struct http_response {
    int status;               /* initially 404; a status that is not in the table of http_conn.c is sent as 500 */
    const char *content_type; /* initially plain text; a constant */
    struct buf body;          /* owned by the server; empty: the status in words */
};

/* `path` is decoded and begins with '/'; `query` is what was behind '?', as sent, or "".  Both
 * live for the call only.  For HEAD it is called as for GET, and the body is not sent.
 * Must not call http_destroy(). */
typedef void http_serve_fn(void *data, const char *path, const char *query, struct http_response *r);

/* `addr`: "127.0.0.1:9222", "[::1]:9222", "localhost:9222"; port 0 takes a free one.  The loop
 * must outlive the server.  0, or a negative errno and a sentence that begins with "admin: ". */
int http_create(struct http **ret, struct loop *loop, const char *addr, http_serve_fn *serve, void *data,
                struct error *err);
void http_destroy(struct http *h);

/* Sets the function that serves POST; `r->status` is initially 405. It is called only for requests with the field
 * "Seamq: 1" (others get 403), which no page of another site can make a browser send. Without a function every POST
 * gets 405. */
typedef void http_act_fn(void *data, const char *path, struct http_response *r);
void http_allow_post(struct http *h, http_act_fn *fn);

/* The port that the server listens on. */
uint16_t http_port(const struct http *h);

/* Sets the limits of connections accepted from now on, by default 5 s for each half of a request and 60 s between
 * requests. */
void http_set_timeouts(struct http *h, int64_t request_ns, int64_t idle_ns);

#endif
