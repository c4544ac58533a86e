/* SPDX-License-Identifier: Apache-2.0
 * packet - writes, sends, receives and reads packets. */
#include "packet.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void put_text(struct buf *b, const char *text)
{
    buf_append(b, text, strlen(text) + 1);
}

void packet_begin(struct buf *b, const char *type)
{
    buf_clear(b);
    put_text(b, type);
}

void packet_add(struct buf *b, const char *key, const char *value)
{
    put_text(b, key);
    put_text(b, value ? value : "");
}

void packet_add_int(struct buf *b, const char *key, int64_t value)
{
    put_text(b, key);
    buf_printf(b, "%" PRId64, value);
    buf_putc(b, '\0');
}

int packet_send_raw(int fd, const void *data, size_t len, int pass)
{
    union {
        char room[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    struct iovec iov = {(void *)(uintptr_t)data, len};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    if (pass >= 0) {
        msg.msg_control = control.room;
        msg.msg_controllen = sizeof(control.room);
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &pass, sizeof(pass));
    }
    ssize_t n;
    do
        n = sendmsg(fd, &msg, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : 0;
}

int packet_send(int fd, struct buf *b, int pass)
{
    return b->failed ? -ENOMEM : packet_send_raw(fd, b->data, b->len, pass);
}

/* Takes the first descriptor and closes all others. */
static int take_descriptor(struct msghdr *msg)
{
    int first = -1;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
            if (first < 0)
                first = fd;
            else
                close(fd);
        }
    }
    return first;
}

ssize_t packet_recv(int fd, char *data, size_t size, int *ret_pass)
{
    union {
        char room[CMSG_SPACE(4 * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec iov = {data, size};
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof(control.room)};
    ssize_t n;
    do
        n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);

    *ret_pass = -1;
    if (n < 0)
        return -errno;
    *ret_pass = take_descriptor(&msg);
    int rc = 0;
    if (msg.msg_flags & MSG_TRUNC)
        rc = -EMSGSIZE;
    else if (n > 0 && data[n - 1] != '\0')
        rc = -EBADMSG;
    if (rc && *ret_pass >= 0) {
        close(*ret_pass);
        *ret_pass = -1;
    }
    return rc ? rc : n;
}

void packet_open(struct packet *p, const char *data, size_t len)
{
    p->type = data;
    p->end = data + len;
    p->at = data + strlen(data) + 1;
}

bool packet_next(struct packet *p, const char **ret_key, const char **ret_value)
{
    if (p->at >= p->end)
        return false;
    const char *value = p->at + strlen(p->at) + 1;
    if (value >= p->end)
        return false; /* a key without a value */
    *ret_key = p->at;
    *ret_value = value;
    p->at = value + strlen(value) + 1;
    return true;
}

const char *packet_get(const struct packet *p, const char *key)
{
    struct packet at = *p;
    const char *k, *v;
    while (packet_next(&at, &k, &v))
        if (strcmp(k, key) == 0)
            return v;
    return "";
}

int64_t packet_get_int(const struct packet *p, const char *key)
{
    return strtoll(packet_get(p, key), NULL, 10);
}
