/* SPDX-License-Identifier: Apache-2.0
 * connection_end_test - destroying a connection in any state takes bounded time and releases all resources. */
#include "nats_helper.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

static void recycle_message(void *data, natsMsg *msg)
{
    if (msg)
        connection_recycle(((struct rig *)data)->connection, msg);
}

static void listen_on(struct rig *r)
{
    assert_non_null(connection_subscribe(r->connection, "s", CONNECTION_STREAM, recycle_message, r));
    assert_non_null(connection_subscribe(r->connection, "r", CONNECTION_REPLIES, recycle_message, r));
}

static double destroy_seconds(struct rig *r, int64_t flush_ns)
{
    int64_t since = clock_now_ns();
    rig_unlink(r, flush_ns);
    return (double)(clock_now_ns() - since) / 1e9;
}

static void destroy_sends_queued_messages(struct world *w)
{
    struct rig *r = rig_open(w, NULL);
    struct client *c = client_connect(w, r->url);
    natsSubscription *seen = watch(c, "seen");
    for (int i = 0; i < 1000; i++)
        rig_send(r, "seen", NULL, "queued");
    destroy_seconds(r, 5 * NS_PER_SEC);
    for (int i = 0; i < 1000; i++)
        expect_next(seen, "queued");
    natsSubscription_Destroy(seen);
}

static void destroy_does_not_wait_for_a_frozen_server(struct world *w)
{
    struct rig *r = rig_open(w, NULL);
    char *big = calloc(1, 256 * 1024);
    listen_on(r);
    server_freeze(r->server);
    for (int i = 0; i < 64; i++)
        connection_publish(r->connection,
                           &(struct connection_publish){.subject = "big", .data = big, .size = 256 * 1024});
    free(big);
    double took = destroy_seconds(r, NS_PER_SEC);
    if (took > 5)
        fail_msg("%g s", took);
}

static bool resources_are(void *data)
{
    size_t *want = data;
    return count_entries("/proc/self/fd") <= want[0] && count_entries("/proc/self/task") <= want[1];
}

/* A listening socket that accepts and never sends: connecting ends by its time-out. Returns the socket. */
static int silent_server(struct world *w, const char **url)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    *url = world_text(w, "nats://127.0.0.1:%d", ntohs(a.sin_port));
    return fd;
}

static void destroy_while_connecting_is_bounded_and_releases_all(struct world *w)
{
    destroy_seconds(rig_open(w, NULL), 0); /* nats.c's own threads have started */
    const char *url;
    int fd = silent_server(w, &url);
    struct rig *r = rig_prepare(w, url);
    size_t want[2] = {count_entries("/proc/self/fd"), count_entries("/proc/self/task")};
    rig_connection(r);
    int peer = accept(fd, NULL, NULL); /* the connection is inside its connect */
    double took = destroy_seconds(r, 10 * NS_PER_SEC);
    if (took > 5)
        fail_msg("%g s", took);
    assert_true(r->kept);
    close(peer);
    rig_connection(r); /* destroying directly after the start */
    destroy_seconds(r, 0);
    close(fd);
    if (!world_until(resources_are, want, 10))
        fail_msg("%zu descriptors and %zu threads, at first %zu and %zu", count_entries("/proc/self/fd"),
                 count_entries("/proc/self/task"), want[0], want[1]);
}

static void descriptors_and_threads_are_released(struct world *w)
{
    struct rig *r = rig_open(w, NULL); /* nats.c's own threads have started */
    destroy_seconds(r, 0);
    size_t want[2] = {count_entries("/proc/self/fd"), count_entries("/proc/self/task")};
    for (int i = 0; i < 50; i++) {
        r->ups = 0;
        rig_connection(r);
        listen_on(r);
        for (int turn = 0; turn < i % 5; turn++)
            assert_true(loop_once(r->loop, NS_PER_MS) >= 0);
        if (i % 2)
            turn_until(r, 5, r->ups == 1);
        destroy_seconds(r, 0);
    }
    if (!world_until(resources_are, want, 10))
        fail_msg("%zu descriptors and %zu threads, at first %zu and %zu", count_entries("/proc/self/fd"),
                 count_entries("/proc/self/task"), want[0], want[1]);
    connection_destroy(NULL, 0);
}

static natsMsg *message_of(size_t size)
{
    natsMsg *msg = NULL;
    char *data = calloc(1, size);
    assert_non_null(data);
    assert_int_equal(natsMsg_Create(&msg, "s", NULL, data, (int)size), NATS_OK);
    free(data);
    return msg;
}

/* 2,048 small messages may wait to be freed together; as many large ones would be gigabytes. */
static void recycled_messages_wait_up_to_a_number_and_a_size(struct world *w)
{
    struct rig *r = rig_prepare(w, "nats://127.0.0.1:1");
    rig_connection(r);
    connection_recycle(r->connection, message_of(128));
    assert_int_equal(connection_recycled(r->connection), 1);
    connection_recycle(r->connection, message_of(2 << 20));
    assert_int_equal(connection_recycled(r->connection), 0);
    for (int i = 0; i < 2 * 2048; i++)
        connection_recycle(r->connection, message_of(1));
    assert_in_range(connection_recycled(r->connection), 1, 2048);
    destroy_seconds(r, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        IT(destroy_sends_queued_messages),
        IT(destroy_does_not_wait_for_a_frozen_server),
        IT(destroy_while_connecting_is_bounded_and_releases_all),
        IT(descriptors_and_threads_are_released),
        IT(recycled_messages_wait_up_to_a_number_and_a_size),
    };
    return it_main(tests, argc, argv);
}
