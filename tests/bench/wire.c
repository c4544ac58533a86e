/* SPDX-License-Identifier: Apache-2.0
 *
 * wire - the client side of the NATS protocol, for programs that measure. */
#include "wire.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util.h"

enum {
    IN_SIZE = 1 << 20,
    OUT_SIZE = 1 << 20,
    READ_SIZE = 128 << 10, /* a buffer that fits the cache is faster than fewer system calls */
    API_SID = 1,
};
static const int64_t DEADLINE_NS = 10 * NS_PER_S;

/* nats://127.0.0.1:4222 */
static struct sockaddr_in parse_url(const char *url)
{
    struct sockaddr_in addr = {.sin_family = AF_INET};
    char host[64];
    unsigned port;
    int used = 0;

    if (sscanf(url, "nats://%63[0-9.]:%u%n", host, &port, &used) != 2 || url[used] || port > 65535 ||
        inet_pton(AF_INET, host, &addr.sin_addr) != 1)
        bench_die("%s: expected nats://ADDRESS:PORT", url);
    addr.sin_port = htons((uint16_t)port);
    return addr;
}

void wire_open(struct wire *wire, const char *url)
{
    static const char hello[] = "CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true,\"no_responders\":true,"
                                "\"protocol\":1,\"lang\":\"c\",\"version\":\"0\",\"name\":\"bench\"}\r\nPING\r\n";
    struct sockaddr_in addr = parse_url(url);
    int64_t deadline = bench_now_ns() + DEADLINE_NS;
    char subject[64];
    int on = 1;

    memset(wire, 0, sizeof(*wire));
    wire->in = malloc(IN_SIZE + 1);
    wire->out = malloc(OUT_SIZE);
    wire->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (!wire->in || !wire->out || wire->fd < 0 || connect(wire->fd, (struct sockaddr *)&addr, sizeof(addr)) != 0)
        bench_die("cannot connect to %s: %s", url, strerror(errno));
    setsockopt(wire->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    wire_put(wire, hello, sizeof(hello) - 1);
    wire_flush(wire);
    /* Waits for INFO and PONG: the server has accepted CONNECT. */
    while (!memmem(wire->in, wire->end, "PONG\r\n", 6))
        if (!wire_read(wire, deadline - bench_now_ns()))
            bench_die("%s does not answer like a NATS server", url);
    snprintf(subject, sizeof(subject), "_BENCH.API.%ld.*", (long)getpid());
    wire_subscribe(wire, subject, API_SID);
}

void wire_close(struct wire *wire)
{
    if (wire->in && wire->fd >= 0)
        close(wire->fd);
    free(wire->in);
    free(wire->out);
    memset(wire, 0, sizeof(*wire));
    wire->fd = -1;
}

void wire_flush(struct wire *wire)
{
    int64_t deadline = bench_now_ns() + DEADLINE_NS;
    size_t sent = 0;

    while (sent < wire->queued && !wire->closed) {
        ssize_t n = send(wire->fd, wire->out + sent, wire->queued - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0) {
            sent += (size_t)n;
        } else if (errno == EAGAIN) {
            struct pollfd ready = {.fd = wire->fd, .events = POLLOUT};
            if (bench_now_ns() > deadline)
                bench_die("the server does not read");
            poll(&ready, 1, 100);
        } else if (errno != EINTR) {
            wire->closed = true;
        }
    }
    wire->queued = 0;
}

void wire_put(struct wire *wire, const void *bytes, size_t n)
{
    if (n > OUT_SIZE)
        bench_die("%zu bytes in one piece", n);
    if (wire->queued + n > OUT_SIZE)
        wire_flush(wire);
    memcpy(wire->out + wire->queued, bytes, n);
    wire->queued += n;
}

void wire_subscribe(struct wire *wire, const char *subject, unsigned sid)
{
    char line[512];
    int n = snprintf(line, sizeof(line), "SUB %s %u\r\n", subject, sid);

    if (n < 0 || (size_t)n >= sizeof(line))
        bench_die("subject too long: %s", subject);
    wire_put(wire, line, (size_t)n);
}

void wire_publish(struct wire *wire, const char *subject, const char *reply, const void *data, size_t size)
{
    char line[1024];
    int n = snprintf(line, sizeof(line), "PUB %s %s%s%zu\r\n", subject, reply ? reply : "", reply ? " " : "", size);

    if (n < 0 || (size_t)n >= sizeof(line))
        bench_die("subject too long: %s", subject);
    wire_put(wire, line, (size_t)n);
    wire_put(wire, data, size);
    wire_put(wire, "\r\n", 2);
}

bool wire_read(struct wire *wire, int64_t timeout_ns)
{
    struct pollfd ready = {.fd = wire->fd, .events = POLLIN};
    struct timespec wait = {.tv_sec = timeout_ns / NS_PER_S, .tv_nsec = timeout_ns % NS_PER_S};

    if (wire->closed || timeout_ns < 0)
        return false;
    if (wire->start == wire->end) {
        wire->start = wire->end = 0;
    } else if (wire->end + READ_SIZE > IN_SIZE) {
        memmove(wire->in, wire->in + wire->start, wire->end - wire->start);
        wire->end -= wire->start;
        wire->start = 0;
        if (wire->end + READ_SIZE > IN_SIZE)
            bench_die("the server sent an operation of more than %zu bytes", wire->end);
    }
    ssize_t n = recv(wire->fd, wire->in + wire->end, READ_SIZE, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) {
        if (ppoll(&ready, 1, &wait, NULL) <= 0)
            return false;
        n = recv(wire->fd, wire->in + wire->end, READ_SIZE, MSG_DONTWAIT);
    }
    if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
        wire->closed = true;
    if (n <= 0)
        return false;
    wire->end += (size_t)n;
    return true;
}

/* Splits a MSG or HMSG line into words. Returns their number. */
static int split(const char *at, const char *end, const char **words, size_t *lengths, int max)
{
    int n = 0;

    while (at < end && n < max) {
        const char *space = memchr(at, ' ', (size_t)(end - at));
        const char *stop = space ? space : end;
        if (stop > at) {
            words[n] = at;
            lengths[n++] = (size_t)(stop - at);
        }
        at = stop + 1;
    }
    return n;
}

static size_t number(const char *word, size_t len)
{
    size_t value = 0;

    for (size_t i = 0; i < len && word[i] >= '0' && word[i] <= '9'; i++)
        value = value * 10 + (size_t)(word[i] - '0');
    return value;
}

/* MSG subject sid [reply] size, HMSG subject sid [reply] header-size size. False: the payload is incomplete. */
static bool take_msg(struct wire *wire, const char *line, const char *end, bool headers, struct wire_msg *ret_msg)
{
    const char *words[5];
    size_t lengths[5];
    int n = split(line, end, words, lengths, 5);
    int fixed = headers ? 4 : 3;
    struct wire_msg msg = {0};

    if (n < fixed || n > fixed + 1)
        bench_die("not understood: %.*s", (int)(end - line), line);
    msg.subject = words[0];
    msg.subject_len = lengths[0];
    msg.sid = (unsigned)number(words[1], lengths[1]);
    if (n > fixed) {
        msg.reply = words[2];
        msg.reply_len = lengths[2];
    }
    if (headers)
        msg.header_len = number(words[n - 2], lengths[n - 2]);
    msg.size = number(words[n - 1], lengths[n - 1]);
    msg.data = end + 2;
    if (msg.size > IN_SIZE || (size_t)(wire->in + wire->end - msg.data) < msg.size + 2)
        return false;
    wire->start = (size_t)(msg.data - wire->in) + msg.size + 2;
    *ret_msg = msg;
    return true;
}

bool wire_next(struct wire *wire, struct wire_msg *ret_msg)
{
    for (;;) {
        char *line = wire->in + wire->start;
        size_t left = wire->end - wire->start;
        char *end = memchr(line, '\r', left);

        if (!end || end + 2 > wire->in + wire->end)
            return false;
        if (line[0] == 'M')
            return take_msg(wire, line + 4, end, false, ret_msg);
        if (line[0] == 'H')
            return take_msg(wire, line + 5, end, true, ret_msg);
        if (line[0] == '-')
            bench_die("the server says %.*s", (int)(end - line), line);
        if (!strncmp(line, "PING", 4))
            wire_put(wire, "PONG\r\n", 6);
        wire->start += (size_t)(end - line) + 2;
    }
}

int wire_status(const struct wire_msg *msg)
{
    if (msg->header_len < 12)
        return 0;
    return (int)number(msg->data + 9, 3);
}

static json_t *take_reply(const char *call, const struct wire_msg *msg, int *ret_error)
{
    json_error_t error;
    json_t *reply = json_loadb(msg->data + msg->header_len, msg->size - msg->header_len, 0, &error);
    json_t *failed = json_object_get(reply, "error");

    if (wire_status(msg) == 503)
        bench_die("%s: JetStream is not there", call);
    if (!reply)
        bench_die("%s: the answer is not JSON: %s", call, error.text);
    if (ret_error)
        *ret_error = (int)json_integer_value(json_object_get(failed, "err_code"));
    else if (failed)
        bench_die("%s: %s", call, json_string_value(json_object_get(failed, "description")));
    return reply;
}

json_t *wire_api(struct wire *wire, const char *call, const char *body, int *ret_error)
{
    int64_t deadline = bench_now_ns() + DEADLINE_NS;
    char subject[512], inbox[64];
    struct wire_msg msg;

    snprintf(subject, sizeof(subject), "$JS.API.%s", call);
    snprintf(inbox, sizeof(inbox), "_BENCH.API.%ld.%u", (long)getpid(), ++wire->requests);
    wire_publish(wire, subject, inbox, body ? body : "", body ? strlen(body) : 0);
    wire_flush(wire);
    do {
        while (wire_next(wire, &msg))
            if (msg.sid == API_SID && msg.subject_len == strlen(inbox) && !memcmp(msg.subject, inbox, msg.subject_len))
                return take_reply(call, &msg, ret_error);
        wire_flush(wire);
    } while (wire_read(wire, deadline - bench_now_ns()));
    bench_die("%s: no answer in %d s", call, (int)(DEADLINE_NS / NS_PER_S));
}
