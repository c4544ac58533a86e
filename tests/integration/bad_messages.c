/* SPDX-License-Identifier: Apache-2.0
 * Messages from a hostile or broken client to the daemon's own subjects do not crash the daemon. */
#include "scene.h"

#include "raw.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAIR(text) (text), sizeof(text) - 1

/* Receives every pull request; the reply subject of the last one is the daemon's present inbox. */
struct spy {
    struct scene *scene;
    natsSubscription *sub;
    const char *inbox;
};

static void spy_end(void *data)
{
    struct spy *spy = data;
    natsSubscription_Destroy(spy->sub);
    free(spy);
}

static struct spy *spy_begin(struct scene *s)
{
    struct spy *spy = calloc(1, sizeof(*spy));

    assert_non_null(spy);
    spy->scene = s;
    world_at_end(s->w, spy_end, spy);
    assert_int_equal(
        natsConnection_SubscribeSync(&spy->sub, s->client->nc, "$JS.API.CONSUMER.MSG.NEXT.WORK." SCENE_HANDLER),
        NATS_OK);
    assert_int_equal(natsConnection_Flush(s->client->nc), NATS_OK);
    return spy;
}

static const char *spy_inbox(struct spy *spy)
{
    natsMsg *m = NULL;

    while (natsSubscription_NextMsg(&m, spy->sub, spy->inbox ? 50 : 10000) == NATS_OK) {
        spy->inbox = world_text(spy->scene->w, "%s", natsMsg_GetReply(m));
        natsMsg_Destroy(m);
    }
    if (!spy->inbox)
        fail_msg("no pull request within 10 s");
    return spy->inbox;
}

static void expect_alive_and_working(struct scene *s, int first, int n)
{
    for (int i = 0; i < n; i++)
        scene_publish(s, "%d ack", first + i);
    scene_expect_settled(s, 40);
    if (!s->daemon->proc->running || process_wait(s->daemon->proc, 0))
        fail_msg("seamqd ended with %d", process_exit_code(s->daemon->proc));
    assert_int_equal(daemon_get(s->daemon, "/healthz", NULL), 200);
    for (int i = 0; i < n; i++)
        if (scene_effects(s, world_text(s->w, " %d ack", first + i)) == 0)
            fail_msg("message %d was not handled", first + i);
}

static const struct {
    const char *headers;
    size_t size;
} statuses[] = {
    {PAIR("NATS/1.0 999 Nonsense\r\n\r\n")},
    {PAIR("NATS/1.0 409 Something Nobody Knows\r\n\r\n")},
    {PAIR("NATS/1.0 409\r\n\r\n")},
    {PAIR("NATS/1.0 \r\n\r\n")},
    {PAIR("NATS/1.0 404 No Messages\r\n\r\n")},
    {PAIR("NATS/1.0 408 Request Timeout\r\nNats-Pending-Messages: -5\r\nNats-Pending-Bytes: x\r\n\r\n")},
    {PAIR("NATS/1.0 408 Request Timeout\r\nNats-Pending-Messages: 99999999999999999999\r\n\r\n")},
    {PAIR("NATS/1.0 409 Leadership Change\r\n\r\n")},
    {PAIR("NATS/1.0 409 Exceeded MaxWaiting\r\n\r\n")},
    {PAIR("NATS/1.0 409 Batch Completed\r\nNats-Pending-Messages: 1\r\n\r\n")},
    {PAIR("NATS/1.0 409 Server Shutdown\r\n\r\n")},
    {PAIR("NATS/1.0 100 Idle Heartbeat\r\n\r\n")},
    {PAIR("NATS/1.0 100 FlowControl Request\r\n\r\n")},
    {PAIR("NATS/1.0 503\r\n\r\n")},
    {PAIR("NATS/1.0 18446744073709551617 x\r\n\r\n")},
    {PAIR("NATS/1.0 -1 x\r\n\r\n")},
    {PAIR("NATS/1.0 4 0 4\r\n\r\n")},
    {PAIR("HTTP/1.1 200 OK\r\n\r\n")},
    {PAIR("\r\n\r\n")},
    {PAIR("NATS/1.0\r\n: empty name\r\n\r\n")},
    {PAIR("NATS/1.0\r\nNo colon at all\r\n\r\n")},
    {PAIR("NATS/1.0\r\nA: b")},
    {PAIR("NATS/1.0\r\nStatus: 409\r\nDescription: Consumer Gone\r\n\r\n")},
    {PAIR("NATS/1.0 40\0 9\r\n\r\n")},
    {PAIR("NATS/1.0 \xff\xfe\xfd\r\n\r\n")},
};

static void garbage_statuses_in_the_pull_inbox_do_no_harm(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);
    struct raw *raw = raw_connect(w, s->server->port);
    struct spy *spy = spy_begin(s);

    scene_start(s);
    expect_alive_and_working(s, 1000, 5);
    for (int round = 0; round < 3; round++) {
        const char *inbox = spy_inbox(spy);
        for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
            raw_publish(raw, inbox, NULL, statuses[i].headers, statuses[i].size, "", 0);
        raw_flush(raw);
        expect_alive_and_working(s, 2000 + round * 100, 20);
    }
}

static const char *const replies[] = {
    "$JS.ACK.WORK.scripted.1.1.1.1700000000000000000.0",
    "$JS.ACK.WORK.scripted.99999999999999999999.1.1.1.0",
    "$JS.ACK.WORK.scripted.-1.-1.-1.-1.-1",
    "$JS.ACK.WORK.scripted.1.2.3",
    "$JS.ACK.WORK.scripted.a.b.c.d.e",
    "$JS.ACK.OTHER.other.1.77.77.1700000000000000000.0",
    "$JS.ACK._.hash.WORK.scripted.1.88.88.1700000000000000000.0",
    "$JS.ACK._.hash.WORK.scripted.1.88.88.1700000000000000000.0.token.more.and.more",
    "$JS.ACK",
    "$JS.ACK.",
    "$JS.ACKNOWLEDGED.by.nobody",
    "some.reply",
};

static void messages_with_strange_replies_do_no_harm(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);
    struct raw *raw = raw_connect(w, s->server->port);
    struct spy *spy = spy_begin(s);

    scene_start(s);
    const char *inbox = spy_inbox(spy);
    for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
        size_t len = strlen(replies[i]);
        if (replies[i][len - 1] == '.') /* the server refuses this one itself */
            continue;
        raw_publish(raw, inbox, replies[i], NULL, 0, "900001 ack", 10);
        raw_publish(raw, inbox, replies[i], PAIR("NATS/1.0\r\nA: b\r\n\r\n"), "900002 dead x", 13);
        raw_publish(raw, inbox, replies[i], PAIR("NATS/1.0\r\nNats-Msg-Size: x\r\n\r\n"), "", 0);
    }
    raw_publish(raw, inbox, NULL, NULL, 0, "no reply", 8);
    raw_publish(raw, inbox, NULL, NULL, 0, "", 0);
    raw_flush(raw);
    expect_alive_and_working(s, 1, 20);
}

static void huge_headers_reach_the_handler_or_are_refused(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);
    size_t size = 60 * 1024; /* JetStream accepts less than 64 KiB */
    char *headers = calloc(1, size + 64);
    size_t n = 0;

    assert_non_null(headers);
    world_at_end(w, free, headers);
    scene_start(s);
    struct raw *raw = raw_connect(w, s->server->port);
    /* one large header */
    n = (size_t)sprintf(headers, "NATS/1.0\r\nX-Test: ");
    memset(headers + n, 'h', size - n - 4);
    memcpy(headers + size - 4, "\r\n\r\n", 4);
    raw_publish(raw, "work.huge", NULL, headers, size, "1 echo", 6);
    raw_publish(raw, "work.huge", NULL, headers, size, "2 dead x", 8);
    /* very many small headers */
    n = (size_t)sprintf(headers, "NATS/1.0\r\n");
    for (int i = 0; n < size - 64; i++)
        n += (size_t)sprintf(headers + n, "H%d: v\r\n", i);
    n += (size_t)sprintf(headers + n, "\r\n");
    raw_publish(raw, "work.huge", NULL, headers, n, "3 echo", 6);
    raw_publish(raw, "work.huge", NULL, headers, n, "4 dead x", 8);
    raw_publish(raw, "work.huge", NULL, PAIR("NATS/1.0\r\nX-Test:\r\n\r\n"), "5 echo", 6);
    raw_flush(raw);
    assert_true(client_wait_messages(s->client, "WORK", 5, 10));
    expect_alive_and_working(s, 100, 10);
    assert_int_equal(scene_effects(s, " echo "), 3);
    assert_int_equal(client_stream_messages(s->client, "DLQ"), 2);
}

/* ---- garbage instead of JetStream's responses ------------------------------------------- */

static const char *const answers[] = {
    "",
    "{",
    "null",
    "[]",
    "\"text\"",
    "{\"error\":{}}",
    "{\"error\":{\"code\":\"x\",\"err_code\":\"y\",\"description\":[]}}",
    "{\"error\":{\"code\":404,\"err_code\":99999999,\"description\":\"never heard of\"}}",
    "{\"type\":\"io.nats.jetstream.api.v1.stream_info_response\"}",
    "{\"config\":null,\"created\":17,\"state\":[]}",
    "{\"config\":{\"name\":7,\"num_replicas\":\"three\",\"subjects\":{}},\"created\":\"yesterday\"}",
    "{\"config\":{\"ack_policy\":5,\"max_ack_pending\":\"many\",\"filter_subjects\":17},\"num_pending\":-1e300}",
    "{\"stream\":\"WORK\",\"seq\":-1}",
    "\xff\xfe\x00\x01",
};

static void *answer_garbage(void *data)
{
    struct scene *s = data;
    natsSubscription *sub = NULL;
    natsMsg *m = NULL;
    unsigned next = 0;

    if (natsConnection_SubscribeSync(&sub, s->client->nc, "$JS.API.*.INFO.>") != NATS_OK)
        return NULL;
    natsConnection_Flush(s->client->nc);
    while (natsSubscription_NextMsg(&m, sub, 3000) == NATS_OK && next < 4 * sizeof(answers) / sizeof(answers[0])) {
        for (int i = 0; i < 4 && natsMsg_GetReply(m); i++)
            natsConnection_PublishString(s->client->nc, natsMsg_GetReply(m),
                                         answers[next++ % (sizeof(answers) / sizeof(answers[0]))]);
        natsMsg_Destroy(m);
        m = NULL;
    }
    natsMsg_Destroy(m);
    natsSubscription_Destroy(sub);
    return NULL;
}

static void garbage_api_answers_do_no_harm(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, answer_garbage, s), 0);
    daemon_start(s->daemon); /* the daemon requests stream and consumer again and again */
    pthread_join(thread, NULL);
    /* A forged response may have made the daemon ready. It must still run, and after a restart it sees the true state.
     */
    if (process_wait(s->daemon->proc, 0))
        fail_msg("seamqd ended with %d", process_exit_code(s->daemon->proc));
    assert_int_equal(daemon_get(s->daemon, "/healthz", NULL), 200);
    assert_int_equal(daemon_stop(s->daemon, 20), 0);
    scene_start(s);
    expect_alive_and_working(s, 1, 10);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        IT(garbage_statuses_in_the_pull_inbox_do_no_harm),
        IT(messages_with_strange_replies_do_no_harm),
        IT(huge_headers_reach_the_handler_or_are_refused),
        IT(garbage_api_answers_do_no_harm),
    };
    return it_main(tests, argc, argv);
}
