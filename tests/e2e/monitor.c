/* SPDX-License-Identifier: Apache-2.0
 * monitor - HTTP GET and JSON of a server's monitoring port. */
#include "monitor.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static int dial(const char *url)
{
    char host[128], port[8];
    struct addrinfo *found = NULL, hints = {.ai_socktype = SOCK_STREAM};
    struct timeval limit = {.tv_sec = 3};

    if (sscanf(url, "http://%127[^:/]:%7[0-9]", host, port) != 2 || getaddrinfo(host, port, &hints, &found))
        return -1;
    int fd = -1;
    for (struct addrinfo *a = found; a && fd < 0; a = a->ai_next) {
        fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
        if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen)) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(found);
    return fd;
}

/* Reads to the end of the connection. Returns a string that the caller frees; NULL: error. */
static char *read_all(int fd)
{
    size_t size = 0, room = 0;
    char *text = NULL;

    for (;;) {
        if (room - size < 4096) {
            char *more = realloc(text, room += 65536);
            if (!more)
                break;
            text = more;
        }
        ssize_t got = read(fd, text + size, room - size - 1);
        if (got < 0)
            break;
        size += (size_t)got;
        text[size] = '\0';
        if (!got)
            return text;
    }
    free(text);
    return NULL;
}

json_t *monitor_get(const char *url, const char *page)
{
    char *text = NULL, *body = NULL;
    json_t *json = NULL;
    int fd = dial(url);

    if (fd < 0)
        return NULL;
    if (dprintf(fd, "GET %s HTTP/1.0\r\n\r\n", page) > 0)
        text = read_all(fd);
    if (text)
        body = strstr(text, "\r\n\r\n");
    if (body)
        json = json_loads(body, 0, NULL);
    if (body && !json) /* nats-server prints the reservation 2^64 - 1 after a restore, too large for an integer */
        json = json_loads(body, JSON_DECODE_INT_AS_REAL, NULL);
    free(text);
    close(fd);
    return json;
}

json_t *monitor_at(json_t *page, const char *path)
{
    char key[64];

    while (page && *path) {
        size_t n = strcspn(path, "/");
        snprintf(key, sizeof(key), "%.*s", (int)n, path);
        page = json_object_get(page, key);
        path += n + (path[n] == '/');
    }
    return page;
}

const char *monitor_text(json_t *page, const char *path)
{
    const char *text = json_string_value(monitor_at(page, path));
    return text ? text : "";
}
