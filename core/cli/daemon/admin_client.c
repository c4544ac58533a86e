/* SPDX-License-Identifier: Apache-2.0
 * daemon/admin_client - one HTTP/1.1 request over a connection of its own. */
#include "admin_client.h"

#include "base/buf.h"
#include "base/clock.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define ANSWER_MAX (64 << 20)
#define READ_SIZE 65536
#define HOST_SIZE 256

/* "[::1]:9222", "localhost:9222", "0.0.0.0:9222". 0 or -EINVAL with a sentence. */
static int parse_address(const char *addr, char *host, const char **port, struct error *err)
{
    const char *colon = strrchr(addr, ':');
    size_t len = colon ? (size_t)(colon - addr) : 0;

    if (strcmp(addr, "off") == 0)
        return error_set(
            err, -EINVAL,
            "seamqd.admin is off: this seamqd cannot be reached (send it SIGHUP to reload, SIGTERM to drain)");
    if (!colon || len >= HOST_SIZE || strcmp(colon, ":0") == 0)
        return error_set(err, -EINVAL,
                         "seamqd.admin = %s is not an address to connect to (try seamqd.admin=127.0.0.1:9222)", addr);
    if (len >= 2 && addr[0] == '[' && addr[len - 1] == ']')
        addr++, len -= 2;
    memcpy(host, addr, len);
    host[len] = '\0';
    if (strcmp(host, "0.0.0.0") == 0 || !*host)
        strcpy(host, "127.0.0.1");
    else if (strcmp(host, "::") == 0)
        strcpy(host, "::1");
    *port = colon + 1;
    return 0;
}

/* A connected descriptor, or a negative errno. */
static int connect_to(const struct addrinfo *a, int64_t deadline_ns)
{
    int64_t left_ns = deadline_ns - clock_now_ns();
    const struct timeval left = {.tv_sec = left_ns / NS_PER_SEC, .tv_usec = left_ns % NS_PER_SEC / 1000};
    if (left_ns < 1000)
        return -ETIMEDOUT; /* a time-out of 0 would mean none */
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &left, sizeof(left)); /* also limits connect() */
    if (connect(fd, a->ai_addr, a->ai_addrlen) == 0)
        return fd;
    int rc = errno == EINPROGRESS ? -ETIMEDOUT : -errno;
    close(fd);
    return rc;
}

/* A descriptor, or a negative errno with a sentence. */
static int connect_to_any(const char *addr, int64_t deadline_ns, struct error *err)
{
    char host[HOST_SIZE];
    const char *port = NULL;
    struct addrinfo *found = NULL;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    int fd = -ECONNREFUSED;

    int rc = parse_address(addr, host, &port, err);
    if (rc)
        return rc;
    int why = getaddrinfo(host, port, &hints, &found);
    if (why)
        return error_set(err, -EHOSTUNREACH, "%s: %s", addr, gai_strerror(why));
    for (const struct addrinfo *a = found; a && fd < 0; a = a->ai_next)
        fd = connect_to(a, deadline_ns);
    freeaddrinfo(found);
    if (fd < 0)
        return error_set(err, fd, "no seamqd answers at %s: %s (seamqd.admin=HOST:PORT sets the address)", addr,
                         strerror(-fd));
    return fd;
}

static int read_all(int fd, int64_t deadline_ns, struct buf *out)
{
    for (;;) {
        int64_t left_ns = deadline_ns - clock_now_ns();
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (left_ns <= 0 || poll(&p, 1, (int)(left_ns / NS_PER_MS + 1)) == 0)
            return -ETIMEDOUT;
        char *to = out->len < ANSWER_MAX ? buf_reserve(out, READ_SIZE) : NULL;
        ssize_t n = to ? recv(fd, to, READ_SIZE, 0) : -1;
        if (!to)
            return -ENOMEM;
        if (n == 0)
            return 0;
        if (n < 0 && errno != EINTR && errno != EAGAIN)
            return -errno;
        out->len += n > 0 ? (size_t)n : 0;
    }
}

int admin_parse_answer(const char *data, size_t len, size_t *ret_body_at)
{
    static const char end[] = "\r\n\r\n";
    const char *body = memmem(data, len, end, 4);
    int status = 0;

    if (!body || len < 12 || memcmp(data, "HTTP/1.", 7) != 0 || data[8] != ' ')
        return -EBADMSG;
    for (size_t i = 9; i < 12; i++) {
        if (data[i] < '0' || data[i] > '9')
            return -EBADMSG;
        status = status * 10 + data[i] - '0';
    }
    *ret_body_at = (size_t)(body + 4 - data);
    return status >= 100 ? status : -EBADMSG;
}

int admin_request(const char *addr, const char *method, const char *path, int64_t timeout_ns, json_t **ret_body,
                  struct error *err)
{
    char request[512];
    struct buf answer = {0};
    size_t body = 0;

    int64_t deadline_ns = clock_now_ns() + timeout_ns;
    int fd = connect_to_any(addr, deadline_ns, err);
    if (fd < 0)
        return fd;
    int n = snprintf(request, sizeof(request), "%s %s HTTP/1.1\r\nHost: %s\r\nSeamq: 1\r\nConnection: close\r\n\r\n",
                     method, path, addr);
    int rc = send(fd, request, (size_t)n, MSG_NOSIGNAL) == n ? 0 : -EIO;
    if (rc == 0)
        rc = read_all(fd, deadline_ns, &answer);
    close(fd);
    if (rc == 0)
        rc = admin_parse_answer(answer.data ? answer.data : "", answer.len, &body);
    if (rc < 0)
        error_set(err, rc, "%s: %s %s: %s", addr, method, path,
                  rc == -EBADMSG ? "the answer is not HTTP" : strerror(-rc));
    else if (ret_body)
        *ret_body = json_loadb(answer.data + body, answer.len - body, 0, NULL);
    buf_finish(&answer);
    return rc;
}
