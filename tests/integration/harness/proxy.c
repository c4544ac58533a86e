/* SPDX-License-Identifier: Apache-2.0
 * proxy - one thread, a few connections, and the part of the protocol that shows where a message ends. */
#include "proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAIRS_MAX 8
#define MESSAGE_MAX (2u << 20)

struct side { /* input that is not forwarded yet */
    int fd;
    char *data;
    size_t len;
};

struct pair {
    struct side sides[2]; /* client, server; fd -1: not in use */
};

struct proxy {
    int listener;
    int port, to_port;
    struct pair pairs[PAIRS_MAX];
    pthread_t thread;
    atomic_bool stop;
    atomic_bool refuse;
    pthread_mutex_t lock; /* of what follows */
    unsigned left;        /* messages until the cut; 0: never */
    void (*fn)(void *data);
    void *data;
    bool has_cut;
};

static int dial(int port)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&sin, sizeof(sin)) != 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static void pair_close(struct pair *p)
{
    for (int i = 0; i < 2; i++) {
        if (p->sides[i].fd >= 0)
            close(p->sides[i].fd);
        free(p->sides[i].data);
        p->sides[i] = (struct side){.fd = -1};
    }
}

static void pair_open(struct proxy *p)
{
    int client = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);
    int server = client >= 0 && !atomic_load(&p->refuse) ? dial(p->to_port) : -1;
    for (int i = 0; server >= 0 && i < PAIRS_MAX; i++) {
        struct pair *pair = &p->pairs[i];
        if (pair->sides[0].fd < 0) {
            pair->sides[0] = (struct side){.fd = client, .data = malloc(MESSAGE_MAX)};
            pair->sides[1] = (struct side){.fd = server, .data = malloc(MESSAGE_MAX)};
            return;
        }
    }
    if (client >= 0)
        close(client);
    if (server >= 0)
        close(server);
}

/* The size of the first protocol message; 0: incomplete. *ret_counts: it is a PUB, HPUB, MSG or HMSG. */
static size_t first_message(const char *data, size_t len, bool *ret_counts)
{
    const char *end = memmem(data, len, "\r\n", 2);
    size_t line = end ? (size_t)(end - data) + 2 : 0;

    *ret_counts = false;
    if (line == 0)
        return 0;
    for (size_t i = 0; i < 4; i++) {
        static const char *const verbs[] = {"PUB ", "HPUB ", "MSG ", "HMSG "};
        *ret_counts = *ret_counts || (line > 6 && strncmp(data, verbs[i], strlen(verbs[i])) == 0);
    }
    if (!*ret_counts)
        return line;
    const char *last = end;
    while (last[-1] != ' ')
        last--;
    size_t all = line + strtoul(last, NULL, 10) + 2;
    return all <= len ? all : 0;
}

/* True: this message is the one before which the connections are cut; all are closed now. */
static bool cut(struct proxy *p)
{
    pthread_mutex_lock(&p->lock);
    bool now = p->left > 0 && --p->left == 0;
    void (*fn)(void *data) = now ? p->fn : NULL;
    p->has_cut |= now;
    pthread_mutex_unlock(&p->lock);
    if (fn)
        fn(p->data);
    for (int i = 0; now && i < PAIRS_MAX; i++)
        pair_close(&p->pairs[i]);
    return now;
}

/* False: the pair is closed. */
static bool forward(struct proxy *p, struct pair *pair, struct side *from, struct side *to)
{
    ssize_t n = recv(from->fd, from->data + from->len, MESSAGE_MAX - from->len, 0);
    size_t size;
    bool counts;

    if (n <= 0) {
        pair_close(pair);
        return false;
    }
    from->len += (size_t)n;
    while ((size = first_message(from->data, from->len, &counts)) > 0) {
        if (counts && cut(p))
            return false;
        for (size_t done = 0; done < size; done += (size_t)n) {
            n = send(to->fd, from->data + done, size - done, MSG_NOSIGNAL);
            if (n < 0) {
                pair_close(pair);
                return false;
            }
        }
        from->len -= size;
        memmove(from->data, from->data + size, from->len);
    }
    return true;
}

static void *carry(void *data)
{
    struct proxy *p = data;

    while (!atomic_load(&p->stop)) {
        struct pollfd fds[1 + PAIRS_MAX * 2];
        for (int i = 0; atomic_load(&p->refuse) && i < PAIRS_MAX; i++)
            pair_close(&p->pairs[i]);
        fds[0] = (struct pollfd){.fd = p->listener, .events = POLLIN};
        for (int i = 0; i < PAIRS_MAX * 2; i++)
            fds[1 + i] = (struct pollfd){.fd = p->pairs[i / 2].sides[i % 2].fd, .events = POLLIN};
        if (poll(fds, sizeof(fds) / sizeof(fds[0]), 50) <= 0)
            continue;
        for (int i = 0; i < PAIRS_MAX * 2; i++) {
            struct pair *pair = &p->pairs[i / 2];
            if (fds[1 + i].revents && pair->sides[i % 2].fd == fds[1 + i].fd &&
                !forward(p, pair, &pair->sides[i % 2], &pair->sides[1 - i % 2]))
                break; /* descriptors have changed */
        }
        if (fds[0].revents)
            pair_open(p);
    }
    return NULL;
}

static void proxy_destroy(void *data)
{
    struct proxy *p = data;
    atomic_store(&p->stop, true);
    pthread_join(p->thread, NULL);
    for (int i = 0; i < PAIRS_MAX; i++)
        pair_close(&p->pairs[i]);
    close(p->listener);
    free(p);
}

struct proxy *proxy_start(struct world *w, int to_port)
{
    struct proxy *p = calloc(1, sizeof(*p));
    struct sockaddr_in sin = {.sin_family = AF_INET};
    int one = 1;

    assert_non_null(p);
    p->to_port = to_port;
    p->port = world_port(w);
    pthread_mutex_init(&p->lock, NULL);
    for (int i = 0; i < PAIRS_MAX; i++)
        p->pairs[i].sides[0].fd = p->pairs[i].sides[1].fd = -1;
    sin.sin_port = htons((uint16_t)p->port);
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(p->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(p->listener, (struct sockaddr *)&sin, sizeof(sin)) != 0 || listen(p->listener, 16) != 0)
        fail_msg("proxy on port %d: %s", p->port, strerror(errno));
    assert_int_equal(pthread_create(&p->thread, NULL, carry, p), 0);
    world_at_end(w, proxy_destroy, p);
    return p;
}

void proxy_refuse(struct proxy *p, bool on)
{
    atomic_store(&p->refuse, on);
}

int proxy_port(const struct proxy *p)
{
    return p->port;
}

void proxy_cut_at(struct proxy *p, unsigned n, void (*fn)(void *data), void *data)
{
    pthread_mutex_lock(&p->lock);
    p->left = n;
    p->fn = fn;
    p->data = data;
    p->has_cut = false;
    pthread_mutex_unlock(&p->lock);
}

bool proxy_has_cut(struct proxy *p)
{
    pthread_mutex_lock(&p->lock);
    bool has = p->has_cut;
    pthread_mutex_unlock(&p->lock);
    return has;
}
