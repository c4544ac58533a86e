/* SPDX-License-Identifier: Apache-2.0
 * http_conn - one connection: read, answer, keep or close. */
#include "http_private.h"

#include "base/clock.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LINGER_NS NS_PER_SEC

static const struct {
    int status;
    const char *reason;
} statuses[] = {
    {200, "OK"},
    {202, "Accepted"},
    {400, "Bad Request"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {503, "Service Unavailable"},
    {505, "HTTP Version Not Supported"},
};

static const char *reason_of(int status)
{
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
        if (statuses[i].status == status)
            return statuses[i].reason;
    return NULL;
}

void conn_close(struct http_conn *c)
{
    struct http *h = c->http;

    loop_disarm(h->loop, &c->deadline);
    loop_remove_fd(h->loop, &c->io);
    close(c->io.fd);
    list_remove(&c->node);
    buf_finish(&c->body);
    free(c);
    h->n_conns--;
    http_accept_again(h);
}

/* Sets the state and the deadline of the next step. */
static void conn_expect(struct http_conn *c, enum conn_state state, int64_t within_ns)
{
    struct http *h = c->http;

    c->state = state;
    loop_mod_fd(h->loop, &c->io, state == CONN_READING || state == CONN_LINGERING ? EPOLLIN : EPOLLOUT);
    loop_arm(h->loop, &c->deadline, loop_now_ns(h->loop) + within_ns);
}

static void conn_sent(struct http_conn *c)
{
    struct http *h = c->http;

    buf_finish(&c->body);
    c->served = true;
    if (!c->keep_alive) {
        shutdown(c->io.fd, SHUT_WR);
        conn_expect(c, CONN_LINGERING, LINGER_NS);
    } else if (c->in_len > 0) {
        conn_expect(c, CONN_PIPELINED, h->request_ns);
    } else {
        list_remove(&c->node);
        list_push_back(&h->conns, &c->node);
        conn_expect(c, CONN_READING, h->idle_ns);
    }
}

static void conn_write(struct http_conn *c)
{
    size_t total = c->head_len + c->body_len;

    while (c->sent < total) {
        size_t from = c->sent > c->head_len ? c->sent - c->head_len : 0;
        struct iovec iov[2] = {
            {c->head + (c->sent - from), c->head_len - (c->sent - from)},
            {c->body.data ? c->body.data + from : NULL, c->body_len - from},
        };
        struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
        ssize_t n = sendmsg(c->io.fd, &msg, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        if (n < 0) {
            conn_close(c);
            return;
        }
        c->sent += (size_t)n;
    }
    conn_sent(c);
}

/* Takes over the response's body. */
static void conn_answer(struct http_conn *c, struct http_response *r, bool head_only, bool keep_alive)
{
    const char *reason = reason_of(r->status);
    char date[64];
    struct tm tm;
    time_t now = time(NULL);

    if (!reason || r->body.failed) {
        buf_finish(&r->body);
        r->status = 500;
        reason = reason_of(500);
    }
    if (r->body.len == 0) {
        r->content_type = "text/plain; charset=utf-8";
        buf_printf(&r->body, "%d %s\n", r->status, reason);
    }
    gmtime_r(&now, &tm);
    strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
    int n = snprintf(c->head, sizeof(c->head),
                     "HTTP/1.1 %d %s\r\nDate: %s\r\nContent-Type: %.128s\r\nContent-Length: %zu\r\n"
                     "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n%sConnection: %s\r\n\r\n",
                     r->status, reason, date, r->content_type, r->body.len,
                     r->status == 405 ? (c->http->act ? "Allow: GET, HEAD, POST\r\n" : "Allow: GET, HEAD\r\n") : "",
                     keep_alive ? "keep-alive" : "close");
    assert(n > 0 && (size_t)n < sizeof(c->head));
    c->head_len = (size_t)n;
    c->body = r->body;
    c->body_len = head_only ? 0 : r->body.len;
    c->sent = 0;
    c->keep_alive = keep_alive;
    conn_expect(c, CONN_WRITING, c->http->request_ns);
    conn_write(c);
}

static void conn_refuse(struct http_conn *c, int status)
{
    struct http_response r = {.status = status};

    c->in_len = 0;
    conn_answer(c, &r, false, false);
}

static void post_serve(struct http *h, const struct http_request *request, struct http_response *r)
{
    r->status = 405;
    if (!h->act)
        return;
    if (request->intended) {
        h->act(h->data, request->path, r);
    } else {
        r->status = 403;
        buf_puts(&r->body, "a POST needs the field \"Seamq: 1\"\n");
    }
}

/* Serves the first request in the buffer, or waits for the rest of it. */
static void conn_next(struct http_conn *c)
{
    struct http *h = c->http;
    struct http_request request;
    struct http_response r = {.status = 404, .content_type = "text/plain; charset=utf-8"};
    int n = http_parse(c->in, c->in_len, &request);

    if (n < 0) {
        conn_refuse(c, -n);
    } else if (n == 0) {
        c->state = CONN_READING; /* the deadline of this request runs already */
        loop_mod_fd(h->loop, &c->io, EPOLLIN);
    } else {
        c->in_len -= (size_t)n;
        memmove(c->in, c->in + n, c->in_len);
        if (request.post)
            post_serve(h, &request, &r);
        else
            h->serve(h->data, request.path, request.query, &r);
        conn_answer(c, &r, request.head, request.keep_alive);
    }
}

static void conn_read(struct http_conn *c)
{
    struct http *h = c->http;
    ssize_t n = recv(c->io.fd, c->in + c->in_len, sizeof(c->in) - c->in_len, 0);

    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return;
    if (n <= 0) {
        conn_close(c);
        return;
    }
    if (c->state == CONN_LINGERING)
        return;
    if (c->in_len == 0 && c->served)
        conn_expect(c, CONN_READING, h->request_ns);
    c->in_len += (size_t)n;
    conn_next(c);
}

static void conn_ready(struct loop_fd *io, uint32_t events)
{
    struct http_conn *c = io->data;

    if (events & (EPOLLERR | EPOLLHUP)) {
        conn_close(c);
        return;
    }
    switch (c->state) {
    case CONN_READING:
    case CONN_LINGERING: conn_read(c); break;
    case CONN_WRITING: conn_write(c); break;
    case CONN_PIPELINED: conn_next(c); break;
    }
}

static void conn_late(struct loop_timer *t)
{
    struct http_conn *c = t->data;

    if (c->state == CONN_READING && c->in_len > 0) {
        conn_refuse(c, 408);
        return;
    }
    if (c->state == CONN_WRITING) {
        /* Reset the connection: otherwise the kernel keeps unread data for minutes. */
        struct linger off = {.l_onoff = 1, .l_linger = 0};
        setsockopt(c->io.fd, SOL_SOCKET, SO_LINGER, &off, sizeof(off));
    }
    conn_close(c);
}

bool conn_idle(const struct http_conn *c)
{
    return c->state == CONN_READING && c->served && c->in_len == 0;
}

int conn_create(struct http *h, int fd)
{
    struct http_conn *c = calloc(1, sizeof(*c));
    if (!c)
        return -ENOMEM;
    c->http = h;
    c->io = (struct loop_fd){.fd = fd, .events = EPOLLIN, .ready = conn_ready, .data = c};
    c->deadline = (struct loop_timer){.fire = conn_late, .data = c};
    int rc = loop_add_fd(h->loop, &c->io);
    if (rc < 0) {
        free(c);
        return rc;
    }
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    list_push_back(&h->conns, &c->node);
    h->n_conns++;
    conn_expect(c, CONN_READING, h->request_ns);
    return 0;
}
