/* SPDX-License-Identifier: Apache-2.0
 * http - listens, and accepts up to HTTP_CONNECTIONS_MAX connections. */
#include "http_private.h"

#include "http_listen.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_NS (5 * NS_PER_SEC)
#define IDLE_NS (60 * NS_PER_SEC)
#define ACCEPT_PAUSE_NS (100 * NS_PER_MS)
#define ACCEPT_BATCH 16 /* connections in one iteration of the loop */

/* The connection that has been idle for the longest time; NULL if all are busy. */
static struct http_conn *oldest_idle(struct http *h)
{
    list_for_each(node, &h->conns)
    {
        struct http_conn *c = container_of(node, struct http_conn, node);
        if (conn_idle(c))
            return c;
    }
    return NULL;
}

static void accept_failed(struct http *h, int code)
{
    if (!h->warned)
        log_warn("admin-accept-failed", LOG_STR("msg", strerror(-code)), LOG_NS("retry_in", ACCEPT_PAUSE_NS));
    h->warned = true;
    loop_mod_fd(h->loop, &h->listener, 0);
    loop_arm(h->loop, &h->resume, loop_now_ns(h->loop) + ACCEPT_PAUSE_NS);
}

static void resume_accepting(struct loop_timer *t)
{
    struct http *h = t->data;
    loop_mod_fd(h->loop, &h->listener, EPOLLIN);
}

void http_accept_again(struct http *h)
{
    if (!loop_timer_armed(&h->resume))
        loop_mod_fd(h->loop, &h->listener, EPOLLIN);
}

static void listener_ready(struct loop_fd *f, uint32_t events)
{
    struct http *h = f->data;
    (void)events;

    for (int i = 0; i < ACCEPT_BATCH; i++) {
        struct http_conn *idle = h->n_conns < HTTP_CONNECTIONS_MAX ? NULL : oldest_idle(h);
        if (h->n_conns >= HTTP_CONNECTIONS_MAX && !idle) {
            loop_mod_fd(h->loop, &h->listener, 0); /* http_accept_again() */
            return;
        }
        int fd = accept4(f->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EAGAIN || errno == EWOULDBLOCK)
                return;
            if (errno == EINTR || errno == ECONNABORTED)
                continue;
            accept_failed(h, -errno); /* no descriptors or memory: another try at once would spin */
            return;
        }
        if (idle)
            conn_close(idle);
        int rc = conn_create(h, fd);
        if (rc < 0) {
            close(fd);
            accept_failed(h, rc);
            return;
        }
        h->warned = false;
    }
}

int http_create(struct http **ret, struct loop *loop, const char *addr, http_serve_fn *serve, void *data,
                struct error *err)
{
    struct http *h = calloc(1, sizeof(*h));
    if (!h)
        return error_set(err, -ENOMEM, "admin: not enough memory for the HTTP server");
    *h = (struct http){.loop = loop, .serve = serve, .data = data, .request_ns = REQUEST_NS, .idle_ns = IDLE_NS};
    int fd = http_listen(addr, &h->port, err);
    if (fd < 0) {
        free(h);
        return fd;
    }
    list_init(&h->conns);
    h->resume = (struct loop_timer){.fire = resume_accepting, .data = h};
    h->listener = (struct loop_fd){.fd = fd, .events = EPOLLIN, .ready = listener_ready, .data = h};
    int rc = loop_add_fd(loop, &h->listener);
    if (rc < 0) {
        close(fd);
        free(h);
        return error_set(err, rc, "admin: cannot watch the socket of %s: %s", addr, strerror(-rc));
    }
    *ret = h;
    return 0;
}

void http_destroy(struct http *h)
{
    if (!h)
        return;
    while (!list_empty(&h->conns))
        conn_close(container_of(h->conns.next, struct http_conn, node));
    loop_disarm(h->loop, &h->resume);
    loop_remove_fd(h->loop, &h->listener);
    close(h->listener.fd);
    free(h);
}

void http_allow_post(struct http *h, http_act_fn *fn)
{
    h->act = fn;
}

uint16_t http_port(const struct http *h)
{
    return h->port;
}

void http_set_timeouts(struct http *h, int64_t request_ns, int64_t idle_ns)
{
    h->request_ns = request_ns;
    h->idle_ns = idle_ns;
}
