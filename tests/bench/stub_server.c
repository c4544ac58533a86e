/* SPDX-License-Identifier: Apache-2.0
 *
 * stub_server - a server of very low cost: one stream with one pull consumer. It sends the same message as fast as the
 * client reads, and counts the acknowledgements, so a client's rate here is the client's own limit.
 *
 * Like a real server it obeys max_ack_pending, batch, expires, no_wait and idle heartbeats of a pull request, sends 404
 * and 408 with the pending counts, and confirms acks. Redelivery, storage, limits and TLS are missing. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "stub_client.h"
#include "util.h"

static const char *stream = "STUB", *durable = "drain", *log_file;
static int64_t count = 2000000, size = 128, max_ack_pending = 5000, timeout_s = 60;
static bool ack_all;

static const struct bench_option options[] = {
    {"stream", BENCH_STRING, &stream, "the stream's name (STUB)"},
    {"durable", BENCH_STRING, &durable, "its consumer's name (drain)"},
    {"count", BENCH_INT, &count, "messages (2000000)"},
    {"size", BENCH_INT, &size, "bytes of each (128)"},
    {"max-ack-pending", BENCH_INT, &max_ack_pending, "delivered and not acknowledged (5000)"},
    {"ack-all", BENCH_FLAG, &ack_all, "an acknowledgement counts for all messages before it"},
    {"timeout", BENCH_INT, &timeout_s, "seconds (60)"},
    {"log", BENCH_STRING, &log_file, "where the command's output goes"},
    {NULL, BENCH_FLAG, NULL, NULL},
};

static int listen_here(char *ret_url, size_t size_of_url)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&addr, len) || listen(fd, 8) ||
        getsockname(fd, (struct sockaddr *)&addr, &len))
        bench_die("cannot listen on 127.0.0.1: %s", strerror(errno));
    snprintf(ret_url, size_of_url, "nats://127.0.0.1:%u", ntohs(addr.sin_port));
    return fd;
}

/* Replaces %URL% in arguments by the server's address; `kept` holds the new strings. */
static void fill_in_url(char **argv, const char *url)
{
    for (; *argv; argv++) {
        char *mark = strstr(*argv, "%URL%"), *text;
        if (!mark)
            continue;
        if (asprintf(&text, "%.*s%s%s", (int)(mark - *argv), *argv, url, mark + 5) < 0)
            bench_die("out of memory");
        *argv = text; /* freed by the end of the program */
    }
}

/* Sends and reads once on each ready socket. True: input was read. */
static bool serve_once(int listener, struct stub_client *clients, struct stub *stub)
{
    struct pollfd polls[STUB_CLIENTS + 1] = {{.fd = listener, .events = POLLIN}};

    for (int i = 0; i < STUB_CLIENTS; i++) {
        stub_client_push(&clients[i], stub);
        polls[i + 1].fd = clients[i].open ? clients[i].fd : -1;
        polls[i + 1].events = (short)(POLLIN | (clients[i].out_len > clients[i].out_sent ? POLLOUT : 0));
    }
    if (poll(polls, STUB_CLIENTS + 1, 50) <= 0)
        return false;
    if (polls[0].revents)
        stub_client_accept(clients, listener);
    for (int i = 0; i < STUB_CLIENTS; i++)
        if (clients[i].open && (polls[i + 1].revents & (POLLIN | POLLHUP | POLLERR)))
            stub_client_read(&clients[i], stub);
    return true;
}

/* Serves until every message is acknowledged, the command has ended, or time is up. Then serves on until the command
 * has stopped, because a client that drains needs responses. Returns whether every message was acknowledged. */
static bool serve(int listener, struct stub *stub, struct bench_child *child)
{
    struct stub_client clients[STUB_CLIENTS] = {0};
    int64_t deadline = bench_now_ns() + timeout_s * NS_PER_S;

    while (!bench_stop_asked && !stub_done(stub) && bench_now_ns() < deadline)
        if (!serve_once(listener, clients, stub) && !bench_running(child))
            break;
    bool done = stub_done(stub);
    if (child->pid > 0)
        kill(child->pid, SIGTERM);
    deadline = bench_now_ns() + 10 * NS_PER_S;
    while (bench_running(child) && bench_now_ns() < deadline)
        serve_once(listener, clients, stub);
    for (int i = 0; i < STUB_CLIENTS; i++)
        stub_client_close(&clients[i]);
    return done;
}

int main(int argc, char **argv)
{
    struct bench_child child;
    struct stub stub;
    char url[64];
    int command = bench_parse(argc, argv, "[options] -- COMMAND... (%URL% becomes the stub's address)", options);

    if (command >= argc)
        bench_die("a command is needed (see --help)");
    bench_catch_signals();
    int listener = listen_here(url, sizeof(url));
    fill_in_url(argv + command, url);
    stub_init(&stub, &(struct stub_settings){.stream = stream,
                                             .durable = durable,
                                             .count = count,
                                             .size = size,
                                             .max_ack_pending = max_ack_pending,
                                             .ack_all = ack_all});
    bench_spawn(&child, argv + command, log_file);
    bool done = serve(listener, &stub, &child);
    bool gentle = bench_stop(&child, 0);
    close(listener);

    if (bench_stop_asked)
        bench_die("interrupted");
    if (!done)
        bench_die("%lld of %lld messages sent, %lld acknowledged (wait status 0x%x, log %s)", (long long)stub.sent,
                  (long long)count, (long long)stub.acked, child.status, log_file ? log_file : "none");
    printf("rate=%.0f cpu_us=%.3f repeated_acks=%lld stop=%s\n", stub_rate(&stub),
           (double)bench_cpu_ns(&child) / 1e3 / (double)count, (long long)stub.repeated, gentle ? "clean" : "killed");
    stub_finish(&stub);
    return 0;
}
