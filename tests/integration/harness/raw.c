/* SPDX-License-Identifier: Apache-2.0
 * raw - the NATS protocol by hand: CONNECT, PUB, HPUB, PING. */
#include "raw.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct raw {
    int fd;
};

static void raw_close(void *data)
{
    struct raw *r = data;
    close(r->fd);
    free(r);
}

static void put(struct raw *r, const void *data, size_t size)
{
    const char *p = data;
    while (size > 0) {
        ssize_t n = send(r->fd, p, size, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            fail_msg("raw connection: %s", strerror(errno));
        p += n;
        size -= (size_t)n;
    }
}

struct raw *raw_connect(struct world *w, int port)
{
    static const char hello[] = "CONNECT {\"verbose\":false,\"headers\":true,\"name\":\"raw\"}\r\n";
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct raw *r = calloc(1, sizeof(*r));

    assert_non_null(r);
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    r->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    world_at_end(w, raw_close, r);
    if (r->fd < 0 || connect(r->fd, (struct sockaddr *)&sin, sizeof(sin)) != 0)
        fail_msg("raw connection to port %d: %s", port, strerror(errno));
    put(r, hello, strlen(hello));
    raw_flush(r);
    return r;
}

void raw_publish(struct raw *r, const char *subject, const char *reply, const void *headers, size_t headers_size,
                 const void *data, size_t size)
{
    char line[1024];
    int n;

    if (headers)
        n = snprintf(line, sizeof(line), "HPUB %s %s %zu %zu\r\n", subject, reply ? reply : "", headers_size,
                     headers_size + size);
    else
        n = snprintf(line, sizeof(line), "PUB %s %s %zu\r\n", subject, reply ? reply : "", size);
    put(r, line, (size_t)n);
    if (headers)
        put(r, headers, headers_size);
    put(r, data, size);
    put(r, "\r\n", 2);
}

void raw_flush(struct raw *r)
{
    char in[4096] = "";
    size_t len = 0;
    int64_t deadline = deadline_in(10);

    put(r, "PING\r\n", 6);
    for (;;) {
        struct pollfd p = {.fd = r->fd, .events = POLLIN};
        if (poll(&p, 1, (int)deadline_left_ms(deadline)) <= 0)
            fail_msg("raw connection: no PONG");
        ssize_t n = recv(r->fd, in + len, sizeof(in) - len - 1, 0);
        if (n <= 0)
            fail_msg("raw connection: the server closed it: %s", in);
        len += (size_t)n;
        in[len] = '\0';
        if (strstr(in, "PONG\r\n"))
            return;
        if (len > sizeof(in) / 2) { /* INFO and PING are skipped; only PONG and -ERR matter */
            memmove(in, in + len - 16, 16);
            len = 16;
        }
    }
}
