/* SPDX-License-Identifier: Apache-2.0
 * http_listen - the address as configured, and the socket on it. */
#include "admin/http_listen.h"

#include "base/value.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 64

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* Parses a numeric address: the loop must not wait for a name server. */
static int parse_address(const char *addr, union address *ret, struct error *err)
{
    const char *colon = strrchr(addr, ':');
    size_t host_len = colon ? (size_t)(colon - addr) : 0;
    bool v6 = host_len > 2 && addr[0] == '[' && addr[host_len - 1] == ']';
    char host[INET6_ADDRSTRLEN] = "";
    char quoted[80];
    int64_t port = -1;

    host_len -= v6 ? 2 : 0;
    if (host_len < sizeof(host))
        memcpy(host, addr + v6, host_len);
    if (strcmp(host, "localhost") == 0)
        memcpy(host, "127.0.0.1", sizeof("127.0.0.1"));

    *ret = (union address){.any.sa_family = v6 ? AF_INET6 : AF_INET};
    void *bytes = v6 ? (void *)&ret->v6.sin6_addr : (void *)&ret->v4.sin_addr;
    if (!colon || inet_pton(ret->any.sa_family, host, bytes) != 1 || colon[1] < '0' || colon[1] > '9' ||
        value_parse_int(colon + 1, &port, NULL) < 0 || port > 65535)
        return error_set(err, -EINVAL, "admin: %s is not an address with a port (try 127.0.0.1:9222 or [::1]:9222)",
                         value_quote(addr, quoted, sizeof(quoted)));
    ret->v4.sin_port = htons((uint16_t)port); /* sin_port and sin6_port have the same offset */
    return 0;
}

static int open_socket(const char *addr, const union address *at, uint16_t *ret_port, struct error *err)
{
    int v6 = at->any.sa_family == AF_INET6;
    socklen_t len = v6 ? sizeof(at->v6) : sizeof(at->v4);
    union address bound = *at;
    int on = 1;
    int off = 0;
    int fd = socket(at->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        goto fail;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (v6) /* [::] means IPv4 too */
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if (bind(fd, &at->any, len) < 0 || listen(fd, BACKLOG) < 0 || getsockname(fd, &bound.any, &len) < 0)
        goto fail;
    *ret_port = ntohs(bound.v4.sin_port);
    return fd;
fail:;
    int code = -errno;
    if (fd >= 0)
        close(fd);
    return error_set(err, code, "admin: cannot listen on %s: %s (set admin = 127.0.0.1:0 for a free port, or off)",
                     addr, strerror(-code));
}

int http_listen(const char *addr, uint16_t *ret_port, struct error *err)
{
    union address at;
    int rc = parse_address(addr, &at, err);

    return rc < 0 ? rc : open_socket(addr, &at, ret_port, err);
}
