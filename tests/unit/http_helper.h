/* SPDX-License-Identifier: Apache-2.0
 * http_helper - a server with some pages on a free loopback port, and clients in the same thread, which run the
 * server's loop while they wait. */
#ifndef SEAMQ_TESTS_HTTP_HELPER_H
#define SEAMQ_TESTS_HTTP_HELPER_H

#include "admin/http.h"
#include "admin/http_parse.h"
#include "base/clock.h"
#include "base/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define DEADLINE_NS (10 * NS_PER_SEC)
#define BIG (8 << 20)

static struct loop *loop;
static struct http *http;
static int served;
static char last_query[HTTP_REQUEST_MAX];
static struct buf got; /* what a client received */

static void serve(void *data, const char *path, const char *query, struct http_response *r)
{
    assert_ptr_equal(data, &served);
    served++;
    snprintf(last_query, sizeof(last_query), "%s", query);
    if (strcmp(path, "/healthz") == 0) {
        r->status = 200;
        buf_puts(&r->body, "ok\n");
    } else if (strcmp(path, "/big") == 0) {
        r->status = 200;
        r->content_type = "application/octet-stream";
        memset(buf_reserve(&r->body, BIG), 'b', BIG);
        r->body.len = BIG;
    } else if (strcmp(path, "/failed") == 0) {
        r->status = 200;
        r->body.failed = true;
    } else if (strcmp(path, "/odd") == 0) {
        r->status = 299;
    } else if (strcmp(path, "/readyz") == 0) {
        r->status = 503;
        buf_printf(&r->body, "not ready\n");
    }
}

static int set_up(void **state)
{
    struct error err;
    (void)state;
    served = 0;
    log_setup(2, LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    if (loop_create(&loop) < 0)
        return -1;
    return http_create(&http, loop, "127.0.0.1:0", serve, &served, &err);
}

static int tear_down(void **state)
{
    (void)state;
    http_destroy(http);
    loop_destroy(loop);
    buf_finish(&got);
    return 0;
}

static int client(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(http_port(http))};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

static void say_bytes(int fd, const char *s, size_t len)
{
    assert_int_equal(send(fd, s, len, MSG_NOSIGNAL), (ssize_t)len);
}

static void say(int fd, const char *s)
{
    say_bytes(fd, s, strlen(s));
}

static void turn(void)
{
    assert_int_equal(loop_once(loop, 20 * NS_PER_MS), 0);
}

/* Receives until `end` has arrived (NULL: until the server closes). False: deadline. */
static bool hear_until(int fd, const char *end)
{
    int64_t deadline = clock_now_ns() + DEADLINE_NS;
    buf_clear(&got);
    while (clock_now_ns() < deadline) {
        ssize_t n = recv(fd, buf_reserve(&got, 65536), 65536, 0);
        if (n > 0)
            got.len += (size_t)n;
        else if (n == 0)
            return end == NULL;
        else if (errno != EAGAIN)
            return false;
        else
            turn();
        if (end && strstr(buf_str(&got), end))
            return true;
    }
    return false;
}

/* Sends a request on a new connection, and expects that the server closes it. */
static void ask(const char *request)
{
    int fd = client();
    say(fd, request);
    assert_true(hear_until(fd, NULL));
    close(fd);
}

static void check_status(int status)
{
    int found = 0;
    assert_int_equal(sscanf(buf_str(&got), "HTTP/1.1 %d ", &found), 1);
    assert_int_equal(found, status);
}

static const char *body(void)
{
    return strstr(buf_str(&got), "\r\n\r\n") + 4;
}

#define CLOSE " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

#endif
