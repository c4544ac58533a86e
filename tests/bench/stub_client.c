/* SPDX-License-Identifier: Apache-2.0
 *
 * stub_client - one connection of the stub server: the server's side of the NATS protocol. */
#include "stub_client.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util.h"

enum { IN_SIZE = 512 << 10, OUT_SIZE = 1 << 20, OUT_ENOUGH = 256 << 10, READ_SIZE = 128 << 10 };

static const char INFO[] = "INFO {\"server_id\":\"STUB\",\"server_name\":\"stub\",\"version\":\"2.12.0\",\"proto\":1,"
                           "\"go\":\"none\",\"host\":\"127.0.0.1\",\"port\":0,\"headers\":true,\"max_payload\":1048576,"
                           "\"jetstream\":true,\"client_id\":1,\"auth_required\":false,\"tls_required\":false}\r\n";

static void put(struct stub_client *client, const void *bytes, size_t n)
{
    if (client->out_len + n > OUT_SIZE)
        bench_die("the client does not read what it asked for");
    memcpy(client->out + client->out_len, bytes, n);
    client->out_len += n;
}

void stub_client_accept(struct stub_client *clients, int listener)
{
    int on = 1, fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd < 0)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    for (int i = 0; i < STUB_CLIENTS; i++) {
        struct stub_client *client = &clients[i];
        if (client->open)
            continue;
        *client = (struct stub_client){.open = true, .fd = fd, .in = malloc(IN_SIZE), .out = malloc(OUT_SIZE)};
        if (!client->in || !client->out)
            bench_die("out of memory");
        put(client, INFO, sizeof(INFO) - 1);
        return;
    }
    close(fd);
}

void stub_client_close(struct stub_client *client)
{
    if (!client->open)
        return;
    close(client->fd);
    free(client->in);
    free(client->out);
    client->open = false;
}

static void drop_pulls(struct stub *stub, const struct stub_client *client)
{
    int kept = 0;

    for (int i = 0; i < stub->n_pulls; i++)
        if (stub->pulls[i].client != client)
            stub->pulls[kept++] = stub->pulls[i];
    stub->n_pulls = kept;
}

static void subscribe(struct stub_client *client, char **words, int n)
{
    struct stub_sub *sub = &client->subs[client->n_subs];

    if (n < 3 || client->n_subs == STUB_SUBS)
        bench_die("the stub takes %d subscriptions", STUB_SUBS);
    snprintf(sub->subject, sizeof(sub->subject), "%s", words[1]);
    snprintf(sub->sid, sizeof(sub->sid), "%s", words[n - 1]);
    client->n_subs++;
}

/* "UNSUB sid max" keeps the subscription: the stub never sends more than one response to it. */
static void unsubscribe(struct stub_client *client, char **words, int n)
{
    for (int i = 0; n == 2 && i < client->n_subs; i++)
        if (!strcmp(client->subs[i].sid, words[1])) {
            client->subs[i] = client->subs[--client->n_subs];
            return;
        }
}

static int split(char *line, char **words, int max)
{
    int n = 0;

    while (n < max) {
        while (*line == ' ')
            line++;
        if (!*line)
            break;
        words[n++] = line;
        line += strcspn(line, " ");
        if (*line)
            *line++ = '\0';
    }
    return n;
}

static void take_publish(struct stub *stub, struct stub_client *client, const struct stub_publish *message)
{
    if (!strncmp(message->subject, "$JS.ACK.", 8))
        stub_take_ack(stub, client, message);
    else if (!strncmp(message->subject, "$JS.API.", 8))
        stub_take_api(stub, client, message);
    else if (*message->reply)
        stub_answer(client, message->reply, "NATS/1.0 503\r\n\r\n", "");
}

/* PUB subject [reply] size, HPUB subject [reply] header-size size. Returns the bytes after the line; 0: incomplete. */
static size_t publish(struct stub *stub, struct stub_client *client, char **words, int n, char *data, size_t left)
{
    bool headers = words[0][0] == 'H';
    int fixed = headers ? 4 : 3;

    if (n < fixed || n > fixed + 1)
        bench_die("the client sent %s with %d words", words[0], n);
    size_t size = strtoul(words[n - 1], NULL, 10), skip = headers ? strtoul(words[n - 2], NULL, 10) : 0;
    if (size > IN_SIZE - READ_SIZE || skip > size)
        bench_die("the client sent %zu bytes at once", size);
    if (left < size + 2)
        return 0;
    data[size] = '\0';
    struct stub_publish message = {words[1], n > fixed ? words[2] : "", data + skip, size - skip};
    take_publish(stub, client, &message);
    return size + 2;
}

/* Handles the operation at the start of the buffer. False: the operation is incomplete. */
static bool take_operation(struct stub *stub, struct stub_client *client)
{
    char *line = client->in + client->in_start, copy[1024], *words[6];
    size_t left = client->in_len - client->in_start;
    char *end = memchr(line, '\n', left);

    if (!end)
        return false;
    size_t length = (size_t)(end - line), after = 0;
    if (line[0] == 'P' && line[1] == 'I') {
        put(client, "PONG\r\n", 6);
    } else if (line[0] == 'C' || (line[0] == 'P' && line[1] == 'O')) {
        ; /* CONNECT and PONG need no response */
    } else {
        if (length >= sizeof(copy))
            bench_die("the client sent a line of %zu bytes", length);
        memcpy(copy, line, length);
        copy[length > 0 && line[length - 1] == '\r' ? length - 1 : length] = '\0';
        int n = split(copy, words, 6);
        if (n > 0 && (!strcmp(words[0], "PUB") || !strcmp(words[0], "HPUB"))) {
            after = publish(stub, client, words, n, end + 1, left - length - 1);
            if (!after)
                return false;
        } else if (n > 0 && !strcmp(words[0], "SUB")) {
            subscribe(client, words, n);
        } else if (n > 0 && !strcmp(words[0], "UNSUB")) {
            unsubscribe(client, words, n);
        }
    }
    client->in_start += length + 1 + after;
    return true;
}

void stub_client_read(struct stub_client *client, struct stub *stub)
{
    if (client->in_start == client->in_len) {
        client->in_start = client->in_len = 0;
    } else if (client->in_len + READ_SIZE > IN_SIZE) {
        memmove(client->in, client->in + client->in_start, client->in_len - client->in_start);
        client->in_len -= client->in_start;
        client->in_start = 0;
    }
    ssize_t n = recv(client->fd, client->in + client->in_len, READ_SIZE, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        drop_pulls(stub, client);
        stub_client_close(client);
        return;
    }
    client->in_len += (size_t)n;
    while (take_operation(stub, client)) {
    }
}

void stub_client_push(struct stub_client *client, struct stub *stub)
{
    if (!client->open)
        return;
    if (client->out_len < OUT_ENOUGH)
        stub_serve_pulls(stub);
    while (client->out_sent < client->out_len) {
        ssize_t n = send(client->fd, client->out + client->out_sent, client->out_len - client->out_sent, MSG_NOSIGNAL);
        if (n <= 0)
            break; /* the socket is full or closed: the next read shows which */
        client->out_sent += (size_t)n;
    }
    if (client->out_sent == client->out_len)
        client->out_sent = client->out_len = 0;
}

const char *stub_sid(const struct stub_client *client, const char *subject)
{
    for (int i = 0; i < client->n_subs; i++) {
        const char *have = client->subs[i].subject, *want = subject;
        for (;;) {
            size_t a = strcspn(have, "."), b = strcspn(want, ".");
            if (!strcmp(have, ">"))
                return client->subs[i].sid;
            if (!(a == 1 && *have == '*') && (a != b || memcmp(have, want, a)))
                break;
            have += a;
            want += b;
            if (!*have && !*want)
                return client->subs[i].sid;
            if (!*have || !*want)
                break;
            have++;
            want++;
        }
    }
    return NULL;
}

void stub_answer(struct stub_client *client, const char *subject, const char *header, const char *data)
{
    const char *sid = stub_sid(client, subject);
    size_t header_len = strlen(header), size = header_len + strlen(data);
    char line[512];
    int n;

    if (!sid || !client->open)
        return;
    if (header_len)
        n = snprintf(line, sizeof(line), "HMSG %s %s %zu %zu\r\n", subject, sid, header_len, size);
    else
        n = snprintf(line, sizeof(line), "MSG %s %s %zu\r\n", subject, sid, size);
    put(client, line, (size_t)n);
    put(client, header, header_len);
    put(client, data, size - header_len);
    put(client, "\r\n", 2);
}
