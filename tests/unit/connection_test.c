/* SPDX-License-Identifier: Apache-2.0
 * connection_test - the connection to one cluster, with a real nats-server that is killed, frozen and restarted. */
#include "federation/nats_options.h"
#include "nats_helper.h"

#include "http.h"

#include <errno.h>

#define MANY 10000

struct inbox {
    struct rig *r;
    size_t n;
    size_t nobody;        /* calls without a message: no responders */
    size_t no_responders; /* messages with status 503 */
    size_t out_of_order;
    char last[256];
    char reply[128];
    char header[64];
};

static void receive(void *data, natsMsg *msg)
{
    struct inbox *in = data;
    const char *header = NULL;

    if (!msg) {
        in->nobody++;
        return;
    }
    if (natsMsg_IsNoResponders(msg)) {
        in->no_responders++;
    } else {
        snprintf(in->last, sizeof(in->last), "%.*s", natsMsg_GetDataLength(msg), natsMsg_GetData(msg));
        snprintf(in->reply, sizeof(in->reply), "%s", natsMsg_GetReply(msg) ? natsMsg_GetReply(msg) : "");
        if (natsMsgHeader_Get(msg, "Key", &header) == NATS_OK)
            snprintf(in->header, sizeof(in->header), "%s", header);
        in->out_of_order += in->last[0] >= '0' && in->last[0] <= '9' && strtoull(in->last, NULL, 10) != in->n;
        in->n++;
    }
    connection_recycle(in->r->connection, msg);
}

static struct connection_sub *listen_on(struct rig *r, const char *subject, enum connection_delivery delivery,
                                        struct inbox *in)
{
    *in = (struct inbox){.r = r};
    struct connection_sub *sub = connection_subscribe(r->connection, subject, delivery, receive, in);
    assert_non_null(sub);
    return sub;
}

/* ---- messages ------------------------------------------------------------------------- */

static void what_is_published_comes_back_whole(struct world *w)
{
    static const char headers[] = "Key\0value of it\0Other\0x";
    struct rig *r = rig_open(w, NULL);
    struct inbox stream, replies;
    listen_on(r, "a.stream", CONNECTION_STREAM, &stream);
    listen_on(r, "a.replies", CONNECTION_REPLIES, &replies);
    struct connection_publish p = {.subject = "a.stream",
                                   .reply = "answer.here",
                                   .headers = headers,
                                   .headers_size = sizeof(headers),
                                   .data = "payload",
                                   .size = 7};
    assert_int_equal(connection_publish(r->connection, &p), 0);
    p.subject = "a.replies";
    assert_int_equal(connection_publish(r->connection, &p), 0);
    turn_until(r, 5, stream.n == 1 && replies.n == 1);
    assert_string_equal(stream.last, "payload");
    assert_string_equal(stream.reply, "answer.here");
    assert_string_equal(stream.header, "value of it");
    assert_string_equal(replies.last, "payload");
    assert_string_equal(replies.header, "value of it");
    assert_string_equal(r->text, r->url);
    assert_string_equal(connection_state_text(r->connection), r->url);
    assert_int_equal(connection_max_payload(r->connection), 1048576);
    assert_int_equal(r->ups, 1);
    assert_int_equal(r->downs, 0);
}

static void inbox_is_under_the_prefix_and_ones_own(struct world *w)
{
    struct rig *r = rig_prepare(w, "nats://127.0.0.1:1");
    r->config.inbox_prefix = (char *)"_INBOX.team.x";
    rig_connection(r);
    char first[200];
    snprintf(first, sizeof(first), "%s", connection_inbox(r->connection));
    assert_int_equal(strncmp(first, "_INBOX.team.x.", 14), 0);
    assert_int_equal(strlen(first), 14 + 22);
    rig_unlink(r, 0);
    rig_connection(r);
    assert_string_not_equal(connection_inbox(r->connection), first);
}

static void ten_thousand_messages_go_both_ways_in_order(struct world *w)
{
    struct rig *r = rig_open(w, NULL);
    struct client *c = client_connect(w, r->url);
    natsSubscription *out = watch(c, "out");
    struct inbox stream, replies;
    listen_on(r, "in.stream", CONNECTION_STREAM, &stream);
    listen_on(r, "in.replies", CONNECTION_REPLIES, &replies);
    struct inbox ready;
    listen_on(r, "ready", CONNECTION_STREAM, &ready);
    rig_send(r, "ready", NULL, "x");
    turn_until(r, 5, ready.n == 1); /* so the server has the earlier subscriptions, too */
    for (int i = 0; i < MANY; i++) {
        char text[16];
        snprintf(text, sizeof(text), "%d", i);
        rig_send(r, "out", NULL, text);
        assert_int_equal(natsConnection_PublishString(c->nc, "in.stream", text), NATS_OK);
        assert_int_equal(natsConnection_PublishString(c->nc, "in.replies", text), NATS_OK);
        if (i % 1000 == 999)
            assert_true(loop_once(r->loop, 0) >= 0);
    }
    turn_until(r, 30, stream.n == MANY && replies.n == MANY);
    assert_int_equal(stream.out_of_order + replies.out_of_order, 0);
    for (int i = 0; i < MANY; i++) {
        char text[16];
        snprintf(text, sizeof(text), "%d", i);
        expect_next(out, text);
    }
    natsSubscription_Destroy(out);
}

static void behind(void *data, natsMsg *msg)
{
    struct inbox *in = data;
    struct inbox *ahead = in + 1;
    in->out_of_order += in->n >= ahead->n;
    in->n++;
    connection_recycle(in->r->connection, msg);
}

/* A response to a request about messages must not be delivered before those messages. */
static void stream_made_first_is_not_ahead_of_one_made_later(struct world *w)
{
    struct rig *r = rig_open(w, NULL);
    struct client *c = client_connect(w, r->url);
    struct inbox both[2] = {{.r = r}};
    assert_non_null(connection_subscribe(r->connection, "answers", CONNECTION_STREAM, behind, &both[0]));
    listen_on(r, "messages", CONNECTION_STREAM, &both[1]);
    struct inbox ready;
    listen_on(r, "ready", CONNECTION_STREAM, &ready);
    rig_send(r, "ready", NULL, "x");
    turn_until(r, 5, ready.n == 1);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(natsConnection_PublishString(c->nc, "messages", ""), NATS_OK);
        assert_int_equal(natsConnection_PublishString(c->nc, "answers", ""), NATS_OK);
    }
    turn_until(r, 30, both[0].n == MANY);
    assert_int_equal(both[1].n, MANY);
    assert_int_equal(both[0].out_of_order, 0);
}

static void nobody_is_told_to_a_stream_and_to_replies(struct world *w)
{
    struct rig *r = rig_open(w, NULL);
    struct inbox stream, replies;
    listen_on(r, "in.s.*", CONNECTION_STREAM, &stream);
    listen_on(r, "in.r.*", CONNECTION_REPLIES, &replies);
    rig_send(r, "nobody.listens", "in.s.1", "x");
    rig_send(r, "nobody.listens", "in.r.1", "x");
    turn_until(r, 5, stream.nobody == 1 && replies.no_responders == 1);
    assert_int_equal(stream.n + replies.n + replies.nobody + stream.no_responders, 0);
    rig_send(r, "in.s.2", NULL, "still here");
    turn_until(r, 5, stream.n == 1);
}

static void unsubscribed_gets_no_call(struct world *w)
{
    struct rig *r = rig_open(w, NULL);
    struct inbox gone, stays;
    struct connection_sub *a = listen_on(r, "x", CONNECTION_STREAM, &gone);
    struct connection_sub *b = listen_on(r, "x", CONNECTION_REPLIES, &gone);
    listen_on(r, "x", CONNECTION_REPLIES, &stays);
    rig_send(r, "x", NULL, "a");
    turn_until(r, 5, gone.n == 2 && stays.n == 1);
    for (int i = 0; i < 100; i++)
        rig_send(r, "x", NULL, "a"); /* in transit during the unsubscribe */
    assert_true(loop_once(r->loop, 0) >= 0);
    size_t before = gone.n;
    connection_unsubscribe(a);
    connection_unsubscribe(b);
    turn_until(r, 5, stays.n == 101);
    rig_send(r, "x", NULL, "a");
    turn_until(r, 5, stays.n == 102);
    assert_int_equal(gone.n, before);
    connection_unsubscribe(NULL);
}

/* ---- lost connections -------------------------------------------------------------------- */

static void killed_server_is_down_and_back_with_subscriptions(struct world *w)
{
    struct rig *r = rig_open(w, NULL);
    char first_inbox[200];
    struct inbox stream, replies, later;
    listen_on(r, "s", CONNECTION_STREAM, &stream);
    listen_on(r, "r", CONNECTION_REPLIES, &replies);
    snprintf(first_inbox, sizeof(first_inbox), "%s", connection_inbox(r->connection));
    rig_send(r, "s", NULL, "before");
    rig_send(r, "r", NULL, "before");
    turn_until(r, 5, stream.n == 1 && replies.n == 1);
    server_kill(r->server);
    turn_until(r, 5, r->downs == 1);
    assert_int_equal(connection_publish(r->connection, &(struct connection_publish){.subject = "s"}), -ENOTCONN);
    listen_on(r, "later", CONNECTION_REPLIES, &later); /* subscribed while there is no connection */
    server_restart(r->server);
    turn_until(r, 15, r->ups == 2);
    rig_send(r, "s", NULL, "after");
    rig_send(r, "r", NULL, "after");
    rig_send(r, "later", NULL, "after");
    turn_until(r, 5, stream.n == 2 && replies.n == 2 && later.n == 1);
    assert_int_equal(connection_reconnects(r->connection), 1);
    assert_string_equal(connection_inbox(r->connection), first_inbox);
}

static bool reconnected(void *data)
{
    struct rig *r = data;
    char *body = NULL;
    bool yes = http_get(r->server->monitor, "/connz", 2, &body) == 200 && strstr(body, "unit-test");
    free(body);
    return yes;
}

/* The loop publishes before it knows of the loss, so the publish must carry the number of its connection. */
static void publishes_for_a_lost_connection_are_not_sent_on_the_next(struct world *w)
{
    struct rig *r = rig_open(w, NULL);
    server_kill(r->server);
    server_restart(r->server);
    struct client *c = client_connect(w, r->url);
    natsSubscription *seen = watch(c, "seen");
    assert_true(
        world_until(reconnected, r, 15)); /* the loop does not run, so it still has the state of the first connection */
    assert_int_equal(connection_state(r->connection), CONNECTION_UP);
    for (int i = 0; i < 100; i++)
        rig_send(r, "seen", NULL, "stale");
    turn_until(r, 15, r->ups == 2);
    rig_send(r, "seen", NULL, "fresh");
    assert_true(loop_once(r->loop, 0) >= 0);
    expect_next(seen, "fresh");
    natsSubscription_Destroy(seen);
}

static void frozen_server_is_down_and_comes_back(struct world *w)
{
    struct rig *r = rig_open(w, NULL);
    struct inbox in;
    listen_on(r, "s", CONNECTION_STREAM, &in);
    server_freeze(r->server);
    int64_t since = clock_now_ns();
    turn_until(r, 6, r->downs >= 1);
    assert_true(clock_now_ns() - since < deadline_in(6) - deadline_in(0));
    server_thaw(r->server);
    turn_until(r, 15, r->ups == 2);
    rig_send(r, "s", NULL, "x");
    turn_until(r, 5, in.n == 1);
}

/* More data than the socket buffers hold: the connection's thread must not block in a write for ever. */
static void frozen_server_with_full_buffers_is_down_too(struct world *w)
{
    struct rig *r = rig_open(w, NULL);
    char *big = calloc(1, 256 * 1024);
    assert_non_null(big);
    server_freeze(r->server);
    for (int i = 0; i < 128; i++)
        if (connection_publish(r->connection,
                               &(struct connection_publish){.subject = "big", .data = big, .size = 256 * 1024}))
            break;
    free(big);
    turn_until(r, 8, r->downs >= 1);
    server_thaw(r->server);
    turn_until(r, 15, r->ups == 2);
}

static void kicked_connection_is_recreated(struct world *w)
{
    struct rig *r = rig_open(w, NULL);
    connection_kick(r->connection, "because");
    assert_string_equal(r->error, "because");
    turn_until(r, 5, r->downs == 1);
    turn_until(r, 5, r->ups == 2);
}

static void server_that_starts_late_is_found(struct world *w)
{
    struct server *s = server_prepare(w, &(struct server_options){.name = "late"});
    struct rig *r = rig_prepare(w, s->url);
    struct inbox in;
    r->server = s;
    rig_connection(r);
    listen_on(r, "s", CONNECTION_STREAM, &in);
    assert_int_equal(connection_state(r->connection), CONNECTION_CONNECTING);
    turn_until(r, 5, r->downs >= 2); /* it tries again and again */
    assert_int_equal(connection_reconnects(r->connection), 0);
    server_launch(s);
    turn_until(r, 15, r->ups == 1);
    rig_send(r, "s", NULL, "x");
    turn_until(r, 5, in.n == 1);
    assert_int_equal(connection_reconnects(r->connection), 0);
}

/* ---- texts ---------------------------------------------------------------------------------- */

static void refused_password_is_said_without_showing_it(struct world *w)
{
    struct server *s =
        server_start(w, &(struct server_options){.extra = "authorization: { user: \"u\", password: \"right\" }\n"});
    struct rig *r = rig_prepare(w, world_text(w, "nats://u:hunter2@127.0.0.1:%d", s->port));
    rig_connection(r);
    turn_until(r, 5, r->downs >= 1);
    assert_non_null(strstr(r->text, "refuses these credentials"));
    assert_null(strstr(r->text, "hunter2"));
    assert_int_equal(r->ups, 0);
}

static void absent_server_is_named_without_the_password(struct world *w)
{
    int port = world_port(w);
    struct rig *r = rig_prepare(w, world_text(w, "nats://u:hunter2@127.0.0.1:%d", port));
    rig_connection(r);
    turn_until(r, 5, r->downs >= 1);
    assert_string_equal(r->text, world_text(w, "no server answers at nats://127.0.0.1:%d", port));
}

static void forbidden_subject_is_an_error_of_the_servers(struct world *w)
{
    static const struct server_options options = {
        .extra =
            "authorization: { users: [ { user: u, password: p, permissions: { publish: { deny: \"secret.>\" } } } ] }\n"
            "no_auth_user: u\n"};
    struct rig *r = rig_open(w, &options);
    rig_send(r, "secret.x", NULL, "x");
    turn_until(r, 5, r->errors >= 1);
    assert_non_null(strstr(r->error, "Permissions Violation"));
    assert_non_null(strstr(r->error, "secret.x"));
    assert_int_equal(r->downs, 0);
}

static void connected_server_is_said_without_the_password(struct world *w)
{
    struct server *s =
        server_start(w, &(struct server_options){.extra = "authorization: { user: \"u\", password: \"hunter2\" }\n"});
    struct rig *r = rig_prepare(w, world_text(w, "nats://u:hunter2@127.0.0.1:%d", s->port));
    rig_connection(r);
    turn_until(r, 10, connection_state(r->connection) == CONNECTION_UP);
    assert_string_equal(r->text, s->url);
    assert_string_equal(connection_state_text(r->connection), s->url);
}

static void server_that_was_lost_is_tried_last(struct world *w)
{
    static char *all[] = {(char *)"nats://10.0.0.1:4222", (char *)"nats://host",
                          (char *)"tls://user:pass@10.0.0.1:14222", (char *)"10.0.0.1"};
    const struct {
        const char *lost; /* in the format of nats.c */
        const char *url;
    } cases[] = {
        {"nats://10.0.0.1:4222", all[0]},
        {"nats://host:4222", all[1]},
        {"tls://10.0.0.1:14222", all[2]},
    };
    struct config_cluster config = {.urls = {.items = all, .n = 3}};
    const char *order[4];
    unsigned seed = 1;
    bool first[3] = {false};
    (void)w;

    for (unsigned round = 0; round < 100; round++) {
        for (size_t i = 0; i < 3; i++) {
            nats_server_order(&config, cases[i].lost, &seed, order);
            assert_ptr_equal(order[2], cases[i].url);
            assert_ptr_not_equal(order[0], order[1]);
        }
        nats_server_order(&config, "", &seed, order);
        for (size_t i = 0; i < 3; i++)
            first[i] |= order[0] == all[i];
    }
    assert_true(first[0] && first[1] && first[2]);
    config.urls = (struct strv){.items = &all[3], .n = 1};
    nats_server_order(&config, "nats://10.0.0.1:4222", &seed, order);
    assert_ptr_equal(order[0], all[3]);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        IT(what_is_published_comes_back_whole),
        IT(inbox_is_under_the_prefix_and_ones_own),
        IT(ten_thousand_messages_go_both_ways_in_order),
        IT(stream_made_first_is_not_ahead_of_one_made_later),
        IT(nobody_is_told_to_a_stream_and_to_replies),
        IT(unsubscribed_gets_no_call),
        IT(killed_server_is_down_and_back_with_subscriptions),
        IT(publishes_for_a_lost_connection_are_not_sent_on_the_next),
        IT(frozen_server_is_down_and_comes_back),
        IT(frozen_server_with_full_buffers_is_down_too),
        IT(kicked_connection_is_recreated),
        IT(server_that_starts_late_is_found),
        IT(refused_password_is_said_without_showing_it),
        IT(absent_server_is_named_without_the_password),
        IT(connected_server_is_said_without_the_password),
        IT(server_that_was_lost_is_tried_last),
        IT(forbidden_subject_is_an_error_of_the_servers),
    };
    return it_main(tests, argc, argv);
}
