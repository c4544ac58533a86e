/* SPDX-License-Identifier: Apache-2.0
 *
 * http_private - shared by http.c (the server: who may connect, and when) and http_conn.c (one connection).
 */
#ifndef SEAMQ_ADMIN_HTTP_PRIVATE_H
#define SEAMQ_ADMIN_HTTP_PRIVATE_H

#include "http.h"
#include "http_parse.h"

#include "base/list.h"

enum conn_state {
    CONN_READING,
    CONN_WRITING,
    CONN_PIPELINED, /* the response is sent, and bytes of the next request are in the buffer */
    CONN_LINGERING, /* the response is sent and the socket shut down: input is discarded, so that no reset overtakes the
                       response */
};

/* Owned by the server's list `conns`; freed by conn_close(). */
struct http_conn {
    struct loop_fd io;
    struct loop_timer deadline;
    struct list node;
    struct http *http;
    enum conn_state state;
    bool served; /* at least one request */
    bool keep_alive;
    size_t in_len;
    size_t head_len;
    size_t body_len; /* to send: 0 for HEAD */
    size_t sent;     /* of head and body together */
    struct buf body;
    char head[512];
    char in[HTTP_REQUEST_MAX];
};

struct http {
    struct loop *loop;
    struct loop_fd listener;
    struct loop_timer resume; /* accepts again after an error */
    struct list conns;        /* the longest idle first */
    unsigned n_conns;
    bool warned; /* the failure to accept was logged; reset by the next success */
    uint16_t port;
    int64_t request_ns;
    int64_t idle_ns;
    http_serve_fn *serve;
    http_act_fn *act; /* NULL: no POST */
    void *data;
};

/* http_conn.c */
/* Takes over `fd`, which stays the caller's on failure. 0 or a negative errno. */
int conn_create(struct http *h, int fd);
void conn_close(struct http_conn *c);
/* True for a connection that is kept alive and has sent no byte of another request. */
bool conn_idle(const struct http_conn *c);

/* http.c */
/* To be called when a connection was closed: a waiting client may be accepted. */
void http_accept_again(struct http *h);

#endif
