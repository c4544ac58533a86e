/* SPDX-License-Identifier: Apache-2.0
 * consumer_test - pulling, leases and acknowledgements of one consumer against a real server. */
#include "consumer_helper.h"

#include "raw.h"

#include <inttypes.h>

static void publish(struct bench *b, int n)
{
    for (int i = 0; i < n; i++)
        client_publish(b->client, "work.x", world_text(b->r->w, "%d", i));
}

/* Publishes without waiting for each PubAck. */
static void publish_fast(struct bench *b, int n)
{
    for (int i = 0; i < n; i++)
        assert_int_equal(natsConnection_PublishString(b->client->nc, "work.x", "x"), NATS_OK);
    assert_int_equal(natsConnection_Flush(b->client->nc), NATS_OK);
}

static void ack(struct bench *b, struct message *h)
{
    consumer_ack(b->c, h);
}

/* ---- setting up ------------------------------------------------------------------------- */

static void missing_consumer_is_created_and_messages_settle(struct world *w)
{
    struct bench *b = bench_run(bench_prepare(w), 100);
    publish(b, 50);
    for (uint64_t i = 1; i <= 50; i++) {
        struct message *h = bench_next(b);
        assert_int_equal(h->stream_seq, i);
        assert_int_equal(h->delivered, 1);
        ack(b, h);
    }
    turn_until(b->r, 5, consumer_unconfirmed(b->c) == 0);
    assert_int_equal(consumer_messages(b->c)->n, 0);
    assert_int_equal(bench_info(b, "num_ack_pending"), 0);
    assert_int_equal(bench_info(b, "config.max_deliver"), -1);
    assert_true(consumer_stream_created_ns(b->c) > 0);
    assert_string_equal(consumer_reason(b->c), "");
}

static void missing_stream_is_named_until_it_exists(struct world *w)
{
    struct bench *b = bench_prepare(w);
    b->handler.stream = (char *)"LATER";
    bench_start(b);
    turn_until(b->r, 10, strstr(consumer_reason(b->c), "stream LATER does not exist on cluster test"));
    assert_false(consumer_ready(b->c));
    client_add_stream(b->client, "LATER", "later.>", "");
    b->handler.filter_subjects.n = 0;
    turn_until(b->r, 10, consumer_ready(b->c));
}

static void create_never_waits_for_the_consumer(struct world *w)
{
    struct bench *b = bench_prepare(w);
    b->handler.create = CREATE_NEVER;
    bench_start(b);
    turn_until(b->r, 10, strstr(consumer_reason(b->c), "create = never"));
    assert_null(client_consumer(b->client, "WORK", "d"));
    client_add_consumer(b->client, "WORK", "d", "");
    turn_until(b->r, 10, consumer_ready(b->c));
}

static void push_consumer_is_refused_in_a_sentence(struct world *w)
{
    struct bench *b = bench_prepare(w);
    client_add_consumer(b->client, "WORK", "d", ",\"deliver_subject\":\"push.x\"");
    bench_start(b);
    turn_until(b->r, 10, strstr(consumer_reason(b->c), "it is a push consumer"));
    assert_false(consumer_ready(b->c));
}

static void dead_letter_stream_is_created_with_its_subject(struct world *w)
{
    struct bench *b = bench_prepare(w);
    b->handler.dead_letter = (char *)"DLQ";
    bench_run(b, 1);
    json_t *info = client_api_ok(b->client, NULL, "STREAM.INFO.DLQ");
    assert_string_equal(json_text(info, "config.retention"), "limits");
    json_t *subjects = json_object_get(json_object_get(info, "config"), "subjects");
    assert_string_equal(json_string_value(json_array_get(subjects, 0)), "dlq.WORK.>");
}

/* ---- while running ---------------------------------------------------------------------------- */

static void deleted_consumer_is_an_alarm_and_not_recreated(struct world *w)
{
    struct bench *b = bench_run(bench_prepare(w), 10);
    publish(b, 1);
    ack(b, bench_next(b));
    client_api_ok(b->client, NULL, "CONSUMER.DELETE.WORK.d");
    turn_until(b->r, 10, strstr(consumer_reason(b->c), "was deleted while running; it is not recreated"));
    assert_false(consumer_ready(b->c));
    assert_null(client_consumer(b->client, "WORK", "d"));
    client_add_consumer(b->client, "WORK", "d", ",\"deliver_policy\":\"new\"");
    turn_until(b->r, 10, consumer_ready(b->c));
    publish(b, 1);
    assert_int_equal(bench_next(b)->stream_seq, 2);
}

/* Returns the heartbeat of the next pull request that reaches the server; ret_reply: its reply subject. */
static int64_t next_request(struct bench *b, natsSubscription *requests, char *ret_reply, size_t size)
{
    uint64_t queued = 0;
    natsMsg *msg = NULL;

    turn_until(b->r, 10, natsSubscription_QueuedMsgs(requests, &queued) == NATS_OK && queued > 0);
    assert_int_equal(natsSubscription_NextMsg(&msg, requests, 0), NATS_OK);
    json_t *json = json_loadb(natsMsg_GetData(msg), (size_t)natsMsg_GetDataLength(msg), 0, NULL);
    int64_t heartbeat = json_at(json, "idle_heartbeat");
    assert_true(json_at(json, "expires") >= 2 * heartbeat); /* the server refuses other values */
    snprintf(ret_reply, size, "%s", natsMsg_GetReply(msg));
    json_decref(json);
    natsMsg_Destroy(msg);
    return heartbeat;
}

static void requests_are_short_until_the_server_responds(struct world *w)
{
    struct bench *b = bench_prepare(w);
    natsSubscription *requests = watch(b->client, "$JS.API.CONSUMER.MSG.NEXT.WORK.d");
    char reply[128];

    bench_run(b, 10);
    int64_t at_first = next_request(b, requests, reply, sizeof(reply));
    int64_t later = next_request(b, requests, reply, sizeof(reply)); /* sent when the first one has expired */
    assert_true(later > at_first);
    connection_kick(b->r->connection, "test");
    assert_int_equal(next_request(b, requests, reply, sizeof(reply)), at_first);
    natsSubscription_Destroy(requests);
}

/* The reply subject of a pull request is <inbox>.p<index>.<epoch>.<number>. */
static uint64_t request_epoch(const char *reply)
{
    const char *dot = strrchr(reply, '.') - 1;
    while (dot > reply && *dot != '.')
        dot--;
    return strtoull(dot + 1, NULL, 10);
}

static void new_leader_gets_requests_at_once(struct world *w)
{
    static const char status[] = "NATS/1.0 409 Leadership Change\r\n\r\n";
    struct bench *b = bench_prepare(w);
    natsSubscription *requests = watch(b->client, "$JS.API.CONSUMER.MSG.NEXT.WORK.d");
    char reply[128], again[128];

    bench_run(b, 10);
    int64_t at_first = next_request(b, requests, reply, sizeof(reply));
    struct raw *raw = raw_connect(w, b->r->server->port);
    raw_publish(raw, reply, NULL, status, sizeof(status) - 1, "", 0);
    raw_flush(raw);
    assert_int_equal(next_request(b, requests, again, sizeof(again)), at_first);
    assert_string_not_equal(again, reply);
    /* Until a message arrives, the server also reports requests of before the reset; the next one starts an epoch. */
    uint64_t epoch = request_epoch(again);
    raw_publish(raw, again, NULL, status, sizeof(status) - 1, "", 0);
    raw_publish(raw, reply, NULL, status, sizeof(status) - 1, "", 0);
    raw_flush(raw);
    while (request_epoch(again) < epoch + 2)
        next_request(b, requests, again, sizeof(again));
    natsSubscription_Destroy(requests);
}

/* The server keeps the reply subjects of open requests, to report a change of the leader to them. */
static void each_request_has_its_own_subject(struct world *w)
{
    struct bench *b = bench_prepare(w);
    natsSubscription *requests = watch(b->client, "$JS.API.CONSUMER.MSG.NEXT.WORK.d");
    char first[128], second[128];

    bench_run(b, 1);
    next_request(b, requests, first, sizeof(first));
    publish(b, 2);
    ack(b, bench_next(b));
    next_request(b, requests, second, sizeof(second));
    assert_string_not_equal(first, second);
    ack(b, bench_next(b));
    natsSubscription_Destroy(requests);
}

static void silent_server_gets_requests_until_it_responds(struct world *w)
{
    struct bench *b = bench_prepare(w);

    b->r->config.ping_interval_ns = 600 * NS_PER_SEC; /* the connection stays */
    bench_run(b, 10);
    publish(b, 1);
    ack(b, bench_next(b));
    uint64_t pulls = consumer_stats(b->c)->pulls;
    server_freeze(b->r->server);
    turn_until(b->r, 20, consumer_stats(b->c)->pulls >= pulls + 4);
    assert_true(consumer_ready(b->c)); /* an election takes longer */
    server_thaw(b->r->server);
    publish(b, 1);
    assert_int_equal(bench_next(b)->stream_seq, 2);
    assert_int_equal(b->r->downs, 0);
}

static void window_limits_the_messages_in_flight(struct world *w)
{
    struct bench *b = bench_run(bench_prepare(w), 7);
    publish_fast(b, 100);
    turn_until(b->r, 10, b->n == 7);
    for (size_t acked = 0; acked < 93; acked++) {
        ack(b, bench_next(b));
        turn_until(b->r, 10, b->n > 7 + acked / 8); /* requests are sent before the window is empty */
        assert_in_range(sound_length(&b->ready), 0, 7);
    }
}

static void redelivered_in_flight_message_is_not_handed_out_again(struct world *w)
{
    struct bench *b = bench_run(bench_prepare(w), 10);
    publish(b, 1);
    struct message *h = bench_next(b);
    message_set_state(consumer_messages(b->c), h, MESSAGE_RUNNING);
    /* Another client sends NAK in our name: the server redelivers the message to us. */
    natsConnection_PublishString(b->client->nc, message_reply(h), "-NAK");
    turn_until(b->r, 10, consumer_stats(b->c)->repeated == 1);
    assert_int_equal(b->n, 1);
    assert_int_equal(h->delivered, 2);
    assert_int_equal(h->state, MESSAGE_RUNNING);
    ack(b, h);
    turn_until(b->r, 5, consumer_unconfirmed(b->c) == 0);
    assert_int_equal(bench_info(b, "num_ack_pending"), 0);
}

/* A redelivered message is in every list once. A broken list would never end, at the latest at the next CONNECTION_UP.
 */
static void message_given_back_is_redelivered_with_its_attempts(struct world *w)
{
    struct bench *b = bench_run(bench_prepare(w), 10);
    publish(b, 3);
    struct message *h[3];
    for (int i = 0; i < 3; i++)
        h[i] = bench_next(b);
    h[1]->attempts = 2;
    consumer_give_back(b->c, h[1], 0);
    assert_int_equal(sound_length(&consumer_messages(b->c)->leases), 2);
    struct message *again = bench_next(b);
    assert_ptr_equal(again, h[1]);
    assert_int_equal(again->attempts, 2);
    assert_int_equal(again->delivered, 2);
    assert_int_equal(sound_length(&consumer_messages(b->c)->leases), 3);
    assert_int_equal(sound_length(&consumer_messages(b->c)->away), 0);
    connection_kick(b->r->connection, "test");
    turn_until(b->r, 10, b->r->ups == 2);
    for (int i = 0; i < 3; i++)
        ack(b, h[i]);
    turn_until(b->r, 5, consumer_unconfirmed(b->c) == 0);
    assert_int_equal(sound_length(&consumer_messages(b->c)->leases), 0);
    assert_int_equal(bench_info(b, "num_ack_pending"), 0);
}

static void message_given_back_with_a_delay_arrives_after_it(struct world *w)
{
    struct bench *b = bench_run(bench_prepare(w), 10);
    publish(b, 1);
    struct message *h = bench_next(b);
    int64_t since = clock_now_ns();
    consumer_give_back(b->c, h, NS_PER_SEC);
    bench_next(b);
    assert_true(clock_now_ns() - since >= 900 * NS_PER_MS);
}

/* ---- leases ---------------------------------------------------------------------------------------- */

static void leases_of_in_flight_messages_are_renewed(struct world *w)
{
    struct bench *b = bench_prepare(w);
    b->handler.ack_wait_ns = NS_PER_SEC;
    bench_run(b, 10);
    publish(b, 3);
    struct message *h[3];
    for (int i = 0; i < 3; i++) {
        h[i] = bench_next(b);
        message_set_state(consumer_messages(b->c), h[i], MESSAGE_RUNNING);
    }
    uint64_t before = consumer_stats(b->c)->leases_renewed;
    turn_until(b->r, 10, consumer_stats(b->c)->leases_renewed >= before + 3 * 9); /* three times ack_wait */
    assert_int_equal(consumer_stats(b->c)->redelivered, 0);
    for (int i = 0; i < 3; i++)
        ack(b, h[i]);
    turn_until(b->r, 5, consumer_unconfirmed(b->c) == 0);
    assert_int_equal(bench_info(b, "num_redelivered"), 0);
}

static void message_that_waits_for_longer_than_the_timeout_goes_back(struct world *w)
{
    struct bench *b = bench_prepare(w);
    b->handler.ack_wait_ns = NS_PER_SEC;
    b->handler.timeout_ns = NS_PER_SEC;
    bench_run(b, 1);
    publish(b, 1);
    turn_until(b->r, 10, b->n == 1);
    turn_until(b->r, 10, b->n == 2); /* it was given back and redelivered */
    assert_int_equal(sound_length(&b->ready), 1);
    assert_int_equal(bench_next(b)->attempts, 0);
}

static void only_an_ack_is_sent_after_the_lease_expired(struct world *w)
{
    struct bench *b = bench_prepare(w);
    b->handler.ack_wait_ns = NS_PER_SEC;
    bench_run(b, 2);
    publish(b, 2);
    struct message *h[2] = {bench_next(b), bench_next(b)};
    natsSubscription *seen = NULL;
    assert_int_equal(natsConnection_SubscribeSync(&seen, b->client->nc, "$JS.ACK.>"), NATS_OK);
    assert_int_equal(natsConnection_Flush(b->client->nc), NATS_OK);
    h[0]->lease_until_ns = h[1]->lease_until_ns = loop_now_ns(b->r->loop);
    assert_false(consumer_lease_valid(b->c, h[0]));
    consumer_give_back(b->c, h[0], 0);
    consumer_ack(b->c, h[1]);
    turn_until(b->r, 5, consumer_unconfirmed(b->c) == 0);
    natsMsg *msg = NULL;
    assert_int_equal(natsSubscription_NextMsg(&msg, seen, 5000), NATS_OK);
    assert_int_equal(natsMsg_GetDataLength(msg), 0); /* the ack is the first message: no NAK was sent before it */
    natsMsg_Destroy(msg);
    natsSubscription_Destroy(seen);
}

/* ---- reconnecting ------------------------------------------------------------------------------------- */

static void acknowledgement_lost_with_the_connection_is_sent_again(struct world *w)
{
    struct bench *b = bench_run(bench_prepare(w), 10);
    publish(b, 1);
    struct message *h = bench_next(b);
    connection_kick(b->r->connection, "test");
    ack(b, h); /* lost: the loop has not noticed that the connection has ended */
    turn_until(b->r, 5, b->r->downs >= 1);
    assert_int_equal(consumer_unconfirmed(b->c), 1);
    turn_until(b->r, 20, consumer_ready(b->c) && consumer_unconfirmed(b->c) == 0);
    assert_int_equal(bench_info(b, "num_ack_pending"), 0);
    assert_int_equal(b->n, 1);
}

/* A killed server forgets what it had not written: a message may be redelivered, and must not get stuck. */
static void pulling_continues_after_a_killed_server(struct world *w)
{
    struct bench *b = bench_prepare(w);
    bool seen[16] = {false};
    unsigned n = 0;
    b->handler.ack_wait_ns = 2 * NS_PER_SEC;
    bench_run(b, 10);
    for (unsigned round = 1; round <= 3; round++) {
        server_kill(b->r->server);
        server_restart(b->r->server);
        publish(b, 5);
        while (n < round * 5) {
            struct message *h = bench_next(b);
            assert_in_range(h->stream_seq, 1, 15);
            n += !seen[h->stream_seq];
            seen[h->stream_seq] = true;
            ack(b, h);
        }
    }
    int64_t until = deadline_in(20);
    while (bench_info(b, "num_ack_pending") || consumer_messages(b->c)->n) {
        if (deadline_left_ms(until) == 0)
            fail_msg("%zu are in flight, the server waits for %" PRId64, consumer_messages(b->c)->n,
                     bench_info(b, "num_ack_pending"));
        assert_true(loop_once(b->r->loop, 100 * NS_PER_MS) >= 0);
        while (!list_empty(&b->ready))
            ack(b, bench_next(b));
    }
}

/* How many CONSUMER.INFO requests a watcher has seen; a repeated request has the reply subject of the first. */
static size_t count_info_requests(natsSubscription *requests)
{
    char last[128] = "";
    size_t n = 0;
    natsMsg *msg = NULL;

    while (natsSubscription_NextMsg(&msg, requests, 200) == NATS_OK) {
        n += strcmp(natsMsg_GetReply(msg), last) != 0;
        snprintf(last, sizeof(last), "%s", natsMsg_GetReply(msg));
        natsMsg_Destroy(msg);
    }
    return n;
}

/* An acked message is redelivered and acked again while a confirmation is pending: its answer proves nothing about the
 * second acknowledgement, so a second request is needed. */
static void answer_does_not_cover_an_ack_sent_after_the_request(struct world *w)
{
    struct bench *b = bench_run(bench_prepare(w), 10);
    publish(b, 1);
    struct message *m = bench_next(b);
    natsSubscription *requests = watch(b->client, "$JS.API.CONSUMER.INFO.WORK.d");
    ack(b, m);
    server_freeze(b->r->server);
    bench_turn_for(b, 0.6); /* the confirmation is requested after 0.25 s */
    ack(b, m);
    server_thaw(b->r->server);
    turn_until(b->r, 10, consumer_unconfirmed(b->c) == 0);
    assert_in_range(count_info_requests(requests), 2, 4);
    natsSubscription_Destroy(requests);
}

static void ack_without_a_connection_is_sent_on_the_next_one(struct world *w)
{
    struct bench *b = bench_run(bench_prepare(w), 10);
    publish(b, 2);
    struct message *m[] = {bench_next(b), bench_next(b)};
    ack(b, m[0]);
    connection_kick(b->r->connection, "test");
    turn_until(b->r, 5, b->r->downs == 1);
    assert_false(consumer_verified(b->c));
    ack(b, m[1]);
    assert_int_equal(consumer_unconfirmed(b->c), 2);
    turn_until(b->r, 10, consumer_unconfirmed(b->c) == 0);
    assert_true(consumer_verified(b->c));
    assert_true(client_wait_settled(b->client, "WORK", "d", 5));
    assert_int_equal(b->n, 2);
}

static void cumulative_ack_lost_with_the_connection_is_sent_again(struct world *w)
{
    struct bench *b = bench_prepare(w);
    b->handler.ack = ACK_CUMULATIVE;
    bench_run(b, 10);
    publish(b, 1);
    struct message *m = bench_next(b);
    connection_kick(b->r->connection, "test");
    ack(b, m);
    turn_until(b->r, 10, b->r->downs == 1);
    turn_until(b->r, 10, consumer_messages(b->c)->n == 0);
    assert_true(client_wait_settled(b->client, "WORK", "d", 5));
    assert_int_equal(b->n, 1);
}

/* ---- a recreated consumer ---------------------------------------------------------------------------------------- */

/* Marks a message as delivered by a deleted consumer; its delivery by the new one counts as lost. */
static struct message *mark_as_of_old_consumer(struct message *m)
{
    m->consumer_created_ns--;
    return m;
}

static struct message *run_next(struct bench *b)
{
    struct message *h = bench_next(b);
    message_set_state(consumer_messages(b->c), h, MESSAGE_RUNNING);
    return h;
}

static void cumulative_acks_nothing_while_a_message_of_the_old_consumer_runs(struct world *w)
{
    struct bench *b = bench_prepare(w);
    b->handler.ack = ACK_CUMULATIVE;
    bench_run(b, 10);
    publish(b, 2);
    struct message *first = run_next(b);
    mark_as_of_old_consumer(run_next(b));
    bench_reconnect(b);
    ack(b, first);
    bench_turn_for(b, 1); /* many comparisons with the server */
    assert_int_equal(first->state, MESSAGE_DONE);
    assert_int_equal(bench_info(b, "num_ack_pending"), 2);
}

static void order_waits_for_a_message_that_runs_for_the_old_consumer(struct world *w)
{
    struct bench *b = bench_prepare(w);
    b->handler.ordering = ORDERING_SUBJECT;
    bench_run(b, 10);
    turn_until(b->r, 5, consumer_in_order(b->c));
    publish(b, 2);
    run_next(b);
    mark_as_of_old_consumer(run_next(b));
    bench_reconnect(b);
    turn_until(b->r, 5, consumer_in_order(b->c) || consumer_missing_redeliveries(b->c));
    assert_int_equal(consumer_missing_redeliveries(b->c), 1);
}

static void remembered_messages_of_the_old_consumer_are_forgotten(struct world *w)
{
    struct bench *b = bench_prepare(w);
    b->handler.ordering = ORDERING_SUBJECT;
    bench_run(b, 10);
    publish(b, 3);
    struct message *acked = bench_next(b), *away = bench_next(b), *here = run_next(b);
    ack(b, acked);
    turn_until(b->r, 5, acked->state == MESSAGE_SETTLED);
    consumer_give_back(b->c, away, 60 * NS_PER_SEC);
    mark_as_of_old_consumer(acked);
    mark_as_of_old_consumer(away);
    bench_reconnect(b);
    assert_int_equal(sound_length(&consumer_messages(b->c)->away), 0);
    assert_int_equal(sound_length(&consumer_messages(b->c)->settled), 0);
    assert_int_equal(consumer_messages(b->c)->n, 1);
    assert_int_equal(here->state, MESSAGE_RUNNING);
}

/* A message is handled; then the consumer is recreated while no pull request is open that would report it. */
static void recreate_unnoticed(struct bench *b)
{
    publish(b, 1);
    ack(b, bench_next(b));
    turn_until(b->r, 5, consumer_unconfirmed(b->c) == 0);
    consumer_set_window(b->c, 0);
    turn_until(b->r, 10, bench_info(b, "num_waiting") == 0);
    client_api_ok(b->client, NULL, "CONSUMER.DELETE.WORK.d");
    client_add_consumer(b->client, "WORK", "d", ",\"ack_wait\":1000000000");
}

static void any_answer_shows_that_the_consumer_was_recreated(struct world *w)
{
    struct bench *b = bench_run(bench_prepare(w), 10);
    recreate_unnoticed(b);
    assert_true(consumer_verified(b->c));
    consumer_refresh_lag(b->c);
    turn_until(b->r, 10, !consumer_verified(b->c));
    turn_until(b->r, 10, consumer_verified(b->c) && consumer_ready(b->c));
}

static void message_of_a_recreated_consumer_runs_though_it_is_in_the_table(struct world *w)
{
    struct bench *b = bench_prepare(w);
    b->handler.ordering = ORDERING_SUBJECT;
    bench_run(b, 10);
    recreate_unnoticed(b);
    consumer_set_window(b->c, 10);
    ack(b, bench_next(b));
    turn_until(b->r, 5, consumer_unconfirmed(b->c) == 0);
    assert_int_equal(b->n, 2);
    assert_true(client_wait_settled(b->client, "WORK", "d", 5));
}

/* ---- limits of the consumer ------------------------------------------------------------------------------- */

static struct bench *limited(struct world *w, const char *more)
{
    struct bench *b = bench_prepare(w);
    if (server_version() < 21000)
        world_skip(w, "this server prints limits of pulls in another way");
    client_add_consumer(b->client, "WORK", "d", more);
    bench_start(b);
    consumer_set_window(b->c, 100);
    turn_until(b->r, 10, consumer_ready(b->c));
    return b;
}

static void batch_limit_of_the_consumer_is_kept(struct world *w)
{
    struct bench *b = limited(w, ",\"max_batch\":5");
    publish(b, 20);
    for (int i = 0; i < 20; i++)
        ack(b, bench_next(b));
}

static void publish_large(struct bench *b, int n, size_t size)
{
    char *text = malloc(size + 1);
    assert_non_null(text);
    memset(text, 'x', size);
    text[size] = '\0';
    for (int i = 0; i < n; i++)
        client_publish(b->client, "work.x", text);
    free(text);
}

static void bytes_limit_of_the_consumer_is_kept(struct world *w)
{
    struct bench *b = limited(w, ",\"max_bytes\":5000");
    publish_large(b, 20, 1000);
    for (int i = 0; i < 20; i++)
        ack(b, bench_next(b));
    assert_in_range(consumer_stats(b->c)->pulls, 5, 30);
}

/* The server ends a request at a message that is larger than its max_bytes. */
static void message_larger_than_a_whole_request_arrives(struct world *w)
{
    struct bench *b = limited(w, ",\"max_bytes\":5000");
    publish_large(b, 1, 1000);
    publish_large(b, 2, 50000);
    publish_large(b, 2, 1000);
    for (int i = 0; i < 5; i++)
        ack(b, bench_next(b));
    if (consumer_stats(b->c)->pulls > 20)
        fail_msg("%" PRIu64 " pulls", consumer_stats(b->c)->pulls);
}

/* The limit prevents that the server disconnects a slow reader. */
static void request_brings_no_more_than_its_max_bytes(struct world *w)
{
    struct bench *b = bench_run(bench_prepare(w), 1000);
    publish_large(b, 200, 1000000);
    for (int i = 0; i < 200; i++)
        ack(b, bench_next(b));
    if (consumer_stats(b->c)->pulls < 200 / 16)
        fail_msg("200 MB by %" PRIu64 " pulls", consumer_stats(b->c)->pulls);
}

static void expires_limit_with_a_fraction_is_kept(struct world *w)
{
    struct bench *b = limited(w, ",\"max_expires\":1500000000");
    publish(b, 1);
    ack(b, bench_next(b));
}

static void pulls_are_few(struct bench *b)
{
    uint64_t before = consumer_stats(b->c)->pulls;
    bench_turn_for(b, 2);
    if (consumer_stats(b->c)->pulls - before > 100)
        fail_msg("%" PRIu64 " pulls", consumer_stats(b->c)->pulls - before);
}

static void short_expires_limit_is_kept_without_spinning(struct world *w)
{
    struct bench *b = limited(w, ",\"max_expires\":300000000");
    publish(b, 1);
    ack(b, bench_next(b));
    pulls_are_few(b);
}

/* A limit that cannot be kept must not cause a request for each answer. */
static void expires_limit_too_short_to_keep_does_not_spin(struct world *w)
{
    pulls_are_few(limited(w, ",\"max_expires\":2000000"));
}

/* A drain waits for the end of requests that were sent while messages flowed. */
static void requests_are_short_while_messages_arrive(struct world *w)
{
    struct bench *b = bench_run(bench_prepare(w), 1);
    publish(b, 1);
    ack(b, bench_next(b));
    turn_until(b->r, 5, bench_info(b, "num_waiting") == 1);
    uint64_t pulls = consumer_stats(b->c)->pulls;
    turn_until(b->r, 10, consumer_stats(b->c)->pulls > pulls);
}

/* ---- the end ----------------------------------------------------------------------------------------------- */

static void stop_ends_when_no_message_can_arrive(struct world *w)
{
    struct bench *b = bench_run(bench_prepare(w), 10);
    publish(b, 3);
    for (int i = 0; i < 3; i++)
        ack(b, bench_next(b));
    consumer_stop(b->c, loop_now_ns(b->r->loop) + 10 * NS_PER_SEC, bench_stopped, b);
    turn_until(b->r, 5, b->stopped && consumer_unconfirmed(b->c) == 0);
    uint64_t pulls = consumer_stats(b->c)->pulls;
    publish(b, 1);
    bench_turn_for(b, 0.5);
    assert_int_equal(consumer_stats(b->c)->pulls, pulls);
}

/* The stop must not take the whole time of a drain. */
static void deleted_consumer_does_not_delay_a_stop(struct world *w)
{
    struct bench *b = bench_run(bench_prepare(w), 10);
    publish(b, 1);
    struct message *h = bench_next(b);
    client_api_ok(b->client, NULL, "CONSUMER.DELETE.WORK.d");
    turn_until(b->r, 10, strstr(consumer_reason(b->c), "was deleted while running"));
    connection_kick(b->r->connection, "test");
    turn_until(b->r, 10, b->r->ups == 2 && strstr(consumer_reason(b->c), "was deleted while running"));
    assert_false(consumer_verified(b->c)); /* so the acknowledgement cannot be sent */
    ack(b, h);
    consumer_stop(b->c, loop_now_ns(b->r->loop) + 600 * NS_PER_SEC, bench_stopped, b);
    turn_until(b->r, 30, b->stopped && consumer_unconfirmed(b->c) == 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        IT(missing_consumer_is_created_and_messages_settle),
        IT(missing_stream_is_named_until_it_exists),
        IT(create_never_waits_for_the_consumer),
        IT(push_consumer_is_refused_in_a_sentence),
        IT(dead_letter_stream_is_created_with_its_subject),
        IT(deleted_consumer_is_an_alarm_and_not_recreated),
        IT(requests_are_short_until_the_server_responds),
        IT(new_leader_gets_requests_at_once),
        IT(each_request_has_its_own_subject),
        IT(silent_server_gets_requests_until_it_responds),
        IT(window_limits_the_messages_in_flight),
        IT(redelivered_in_flight_message_is_not_handed_out_again),
        IT(message_given_back_is_redelivered_with_its_attempts),
        IT(message_given_back_with_a_delay_arrives_after_it),
        IT(leases_of_in_flight_messages_are_renewed),
        IT(message_that_waits_for_longer_than_the_timeout_goes_back),
        IT(only_an_ack_is_sent_after_the_lease_expired),
        IT(acknowledgement_lost_with_the_connection_is_sent_again),
        IT(pulling_continues_after_a_killed_server),
        IT(answer_does_not_cover_an_ack_sent_after_the_request),
        IT(ack_without_a_connection_is_sent_on_the_next_one),
        IT(cumulative_ack_lost_with_the_connection_is_sent_again),
        IT(cumulative_acks_nothing_while_a_message_of_the_old_consumer_runs),
        IT(order_waits_for_a_message_that_runs_for_the_old_consumer),
        IT(remembered_messages_of_the_old_consumer_are_forgotten),
        IT(any_answer_shows_that_the_consumer_was_recreated),
        IT(message_of_a_recreated_consumer_runs_though_it_is_in_the_table),
        IT(batch_limit_of_the_consumer_is_kept),
        IT(bytes_limit_of_the_consumer_is_kept),
        IT(message_larger_than_a_whole_request_arrives),
        IT(request_brings_no_more_than_its_max_bytes),
        IT(expires_limit_with_a_fraction_is_kept),
        IT(short_expires_limit_is_kept_without_spinning),
        IT(expires_limit_too_short_to_keep_does_not_spin),
        IT(requests_are_short_while_messages_arrive),
        IT(stop_ends_when_no_message_can_arrive),
        IT(deleted_consumer_does_not_delay_a_stop),
    };
    return it_main(tests, argc, argv);
}
