/* SPDX-License-Identifier: Apache-2.0
 * notify - one datagram per message to systemd's socket. */
#include "admin/notify.h"

#include "base/clock.h"
#include "base/value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static int send_state(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};

    if (!path || !*path)
        return 0;
    if (path[0] != '/' && path[0] != '@')
        return -EAFNOSUPPORT;
    size_t len = strlen(path);
    if (len >= sizeof(to.sun_path))
        return -ENAMETOOLONG;
    memcpy(to.sun_path, path, len);
    if (path[0] == '@')
        to.sun_path[0] = '\0'; /* abstract socket: the address length ends the name */

    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    struct timeval limit = {.tv_usec = 100000};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    socklen_t to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (path[0] == '/'));
    int rc = sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&to, to_len) < 0 ? -errno : 1;
    close(fd);
    return rc;
}

int notify_ready(void)
{
    return send_state("READY=1");
}

int notify_reloading(void)
{
    char state[64];

    snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%" PRId64, clock_now_ns() / NS_PER_US);
    return send_state(state);
}

int notify_stopping(void)
{
    return send_state("STOPPING=1");
}

int notify_watchdog(void)
{
    return send_state("WATCHDOG=1");
}

int notify_status(const char *fmt, ...)
{
    char state[512] = "STATUS=";
    size_t start = strlen(state);
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(state + start, sizeof(state) - start, fmt, ap);
    va_end(ap);
    /* A line end would start another assignment of the datagram. */
    for (char *s = state; *s; s++)
        if (*s == '\n' || *s == '\r')
            *s = ' ';
    return send_state(state);
}

int64_t notify_watchdog_ns(void)
{
    const char *usec = getenv("WATCHDOG_USEC");
    const char *pid = getenv("WATCHDOG_PID");
    int64_t n = 0;

    if (pid && (value_parse_int(pid, &n, NULL) < 0 || n != getpid()))
        return 0;
    if (!usec || value_parse_int(usec, &n, NULL) < 0 || n <= 0 || n > INT64_MAX / NS_PER_US)
        return 0;
    return n * NS_PER_US;
}
