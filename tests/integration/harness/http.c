/* SPDX-License-Identifier: Apache-2.0
 * http - a minimal client that reads one response to its end. */
#include "http.h"

#include "world.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define ANSWER_MAX (8u << 20)

static int dial(const char *address, int port, double seconds)
{
    struct timeval timeout = {.tv_sec = (time_t)seconds + 1}; /* the time-out applies to connect() too */
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
    inet_pton(AF_INET, address, &sin.sin_addr);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&sin, sizeof(sin)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* True: the response is complete by its Content-Length. (A server may keep the connection open.) */
static int complete(const char *answer, size_t len)
{
    const char *end = strstr(answer, "\r\n\r\n");
    const char *length = strcasestr(answer, "\r\ncontent-length:");
    if (!end || !length || length > end)
        return 0;
    return len >= (size_t)(end + 4 - answer) + strtoul(length + 17, NULL, 10);
}

static int exchange(const char *address, int port, const char *request, double seconds, char **ret_answer)
{
    int64_t deadline = deadline_in(seconds);
    size_t len = 0, cap = 65536;
    int fd = dial(address, port, seconds), rc = -1;
    char *answer = calloc(1, cap);

    if (fd < 0 || !answer || send(fd, request, strlen(request), MSG_NOSIGNAL) < 0)
        goto out;
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, (int)deadline_left_ms(deadline)) <= 0)
            goto out;
        if (len + 1 == cap) {
            char *more = cap < ANSWER_MAX ? realloc(answer, cap * 2) : NULL;
            if (!more)
                goto out;
            answer = more;
            cap *= 2;
        }
        ssize_t n = recv(fd, answer + len, cap - len - 1, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && len == 0)
            goto out;
        if (n > 0)
            len += (size_t)n;
        answer[len] = '\0';
        if (n <= 0 || complete(answer, len))
            break;
    }
    rc = 0;
out:
    if (fd >= 0)
        close(fd);
    if (rc == 0 && ret_answer)
        *ret_answer = answer;
    else
        free(answer);
    return rc;
}

int http_raw(int port, const char *request, double seconds, char **ret_answer)
{
    return exchange("127.0.0.1", port, request, seconds, ret_answer);
}

int http_get(int port, const char *path, double seconds, char **ret_body)
{
    return http_get_at("127.0.0.1", port, path, seconds, ret_body);
}

int http_get_at(const char *address, int port, const char *path, double seconds, char **ret_body)
{
    char request[512];
    char *answer = NULL;
    int status = -1;

    if (ret_body)
        *ret_body = NULL;
    snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", path, address);
    if (exchange(address, port, request, seconds, &answer) != 0 || sscanf(answer, "HTTP/%*s %d", &status) != 1) {
        free(answer);
        return -1;
    }
    const char *body = strstr(answer, "\r\n\r\n");
    if (ret_body)
        *ret_body = strdup(body ? body + 4 : "");
    free(answer);
    return status;
}
