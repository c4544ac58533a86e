/* SPDX-License-Identifier: Apache-2.0
 * port - loopback ports that no two parallel tests use.
 *
 * Each chosen port is locked by an abstract Unix socket with its number in the name. All tests see the lock, and it
 * disappears with the test program. */
#include "world.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define FIRST_PORT 12000

static int ephemeral_start(void)
{
    int low = 32768, high;
    FILE *f = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
    if (f) {
        if (fscanf(f, "%d %d", &low, &high) != 2)
            low = 32768;
        fclose(f);
    }
    return low > FIRST_PORT + 1000 ? low : 32768;
}

static int lock_port(int port)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int len = snprintf(sun.sun_path + 1, sizeof(sun.sun_path) - 1, "seamq-it-port-%d", port);

    if (fd < 0)
        return -1;
    if (bind(fd, (struct sockaddr *)&sun, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool port_is_free(int port)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sin.sin_addr.s_addr = htonl(INADDR_ANY);
    bool is_free = fd >= 0 && bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == 0;
    if (fd >= 0)
        close(fd);
    return is_free;
}

int world_port(struct world *w)
{
    static uint64_t salt;
    int range = ephemeral_start() - FIRST_PORT;
    /* Not the test's own random sequence, because the number of tries depends on other tests. */
    unsigned at = (unsigned)getpid() * 7919u + (unsigned)(salt++) * 104729u;

    for (int tries = 0; tries < range; tries++) {
        int port = FIRST_PORT + (int)((at + (unsigned)tries) % (unsigned)range);
        int fd = lock_port(port);
        if (fd < 0)
            continue;
        if (!port_is_free(port)) {
            close(fd);
            continue;
        }
        w->port_locks = realloc(w->port_locks, (w->n_port_locks + 1) * sizeof(int));
        assert_non_null(w->port_locks);
        w->port_locks[w->n_port_locks++] = fd;
        return port;
    }
    fail_msg("no free port between %d and %d", FIRST_PORT, FIRST_PORT + range);
    return -1;
}
