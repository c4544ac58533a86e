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

/* Without waiting for each. */
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

static void absent_stream_is_named_until_it_is_there(struct world *w)
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

static void dead_letter_stream_is_made_with_its_subject(struct world *w)
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

static void deleted_consumer_is_an_alarm_and_not_made_anew(struct world *w)
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

/* The next pull request that the server sees: its heartbeat, and where it wants to be answered. */
static int64_t next_request(struct bench *b, natsSubscription *requests, char *ret_reply, size_t size)
{
    uint64_t queued = 0;
    natsMsg *msg = NULL;

    turn_until(b->r, 10, natsSubscription_QueuedMsgs(requests, &queued) == NATS_OK && queued > 0);
    assert_int_equal(natsSubscription_NextMsg(&msg, requests, 0), NATS_OK);
    json_t *json = json_loadb(natsMsg_GetData(msg), (size_t)natsMsg_GetDataLength(msg), 0, NULL);
    int64_t heartbeat = json_at(json, "idle_heartbeat");
    assert_true(json_at(json, "expires") >= 2 * heartbeat); /* or the server refuses it */
    snprintf(ret_reply, size, "%s", natsMsg_GetReply(msg));
    json_decref(json);
    natsMsg_Destroy(msg);
    return heartbeat;
}

static void requests_are_short_until_one_is_heard_of(struct world *w)
{
    struct bench *b = bench_prepare(w);
    natsSubscription *requests = watch(b->client, "$JS.API.CONSUMER.MSG.NEXT.WORK.d");
    char reply[128];

    bench_run(b, 10);
    int64_t at_first = next_request(b, requests, reply, sizeof(reply));
    int64_t later = next_request(b, requests, reply, sizeof(reply)); /* the first one has expired */
    assert_true(later > at_first);
    connection_kick(b->r->connection, "test");
    assert_int_equal(next_request(b, requests, reply, sizeof(reply)), at_first);
    natsSubscription_Destroy(requests);
}

static void new_leader_is_asked_at_once(struct world *w)
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
    /* During an election what was asked before it is given up; the subjects are told all the same. */
    uint64_t pulls = consumer_stats(b->c)->pulls;
    raw_publish(raw, reply, NULL, status, sizeof(status) - 1, "", 0);
    raw_flush(raw);
    turn_until(b->r, 10, (b->c->pull.contact = PULL_UNHEARD, consumer_stats(b->c)->pulls > pulls));
    natsSubscription_Destroy(requests);
}

/* The server keeps those subjects of requests that are not done, to tell them when the leader changes. */
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

static void silent_server_is_asked_until_it_answers(struct world *w)
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

static void window_bounds_what_is_here(struct world *w)
{
    struct bench *b = bench_run(bench_prepare(w), 7);
    publish_fast(b, 100);
    turn_until(b->r, 10, b->n == 7);
    for (size_t acked = 0; acked < 93; acked++) {
        ack(b, bench_next(b));
        turn_until(b->r, 10, b->n > 7 + acked / 8); /* it goes on before the window is empty */
        assert_in_range(sound_length(&b->ready), 0, 7);
    }
}

static void redelivered_message_that_is_held_is_not_handed_out_again(struct world *w)
{
    struct bench *b = bench_run(bench_prepare(w), 10);
    publish(b, 1);
    struct message *h = bench_next(b);
    message_set_state(consumer_messages(b->c), h, MESSAGE_RUNNING);
    /* Somebody says NAK in our name: the server delivers it again, to us. */
    natsConnection_PublishString(b->client->nc, message_reply(h), "-NAK");
    turn_until(b->r, 10, consumer_stats(b->c)->repeated == 1);
    assert_int_equal(b->n, 1);
    assert_int_equal(h->delivered, 2);
    assert_int_equal(h->state, MESSAGE_RUNNING);
    ack(b, h);
    turn_until(b->r, 5, consumer_unconfirmed(b->c) == 0);
    assert_int_equal(bench_info(b, "num_ack_pending"), 0);
}

/* A message that went back and came again is in every list once: a ring that is broken there
 * never ends, at the latest at the next CONNECTION_UP. */
static void message_that_went_back_comes_again_with_its_attempts(struct world *w)
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

static void delayed_give_back_comes_after_the_delay(struct world *w)
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

static void held_messages_outlive_ack_wait(struct world *w)
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
    turn_until(b->r, 10, b->n == 2); /* it went back and came again */
    assert_int_equal(sound_length(&b->ready), 1);
    assert_int_equal(bench_next(b)->attempts, 0);
}

static void nothing_but_an_ack_is_said_after_the_lease(struct world *w)
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
    assert_int_equal(natsMsg_GetDataLength(msg), 0); /* the ack; the confirmed order says that no NAK came before it */
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
    ack(b, h); /* into the void: the loop has not noticed */
    turn_until(b->r, 5, b->r->downs >= 1);
    assert_int_equal(consumer_unconfirmed(b->c), 1);
    turn_until(b->r, 20, consumer_ready(b->c) && consumer_unconfirmed(b->c) == 0);
    assert_int_equal(bench_info(b, "num_ack_pending"), 0);
    assert_int_equal(b->n, 1);
}

/* A killed server forgets what it had not written: a message may come again, and must not be stuck. */
static void pulling_goes_on_after_a_killed_server(struct world *w)
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
            fail_msg("%zu are held, the server waits for %" PRId64, consumer_messages(b->c)->n,
                     bench_info(b, "num_ack_pending"));
        assert_true(loop_once(b->r->loop, 100 * NS_PER_MS) >= 0);
        while (!list_empty(&b->ready))
            ack(b, bench_next(b));
    }
}

/* A message that is acknowledged comes again while the question "is all acknowledged?" is under
 * way: the answer says nothing about the second acknowledgement. */
static void answer_does_not_cover_an_ack_sent_after_the_question(struct world *w)
{
    struct bench *b = bench_run(bench_prepare(w), 10);
    publish(b, 1);
    struct message *h = bench_next(b);
    ack(b, h);
    server_freeze(b->r->server);
    turn_until(b->r, 2, b->c->confirmation.request);
    ack(b, h); /* as for a second delivery */
    server_thaw(b->r->server);
    turn_until(b->r, 5, !b->c->confirmation.request);
    assert_int_equal(consumer_unconfirmed(b->c), 1);
    turn_until(b->r, 5, consumer_unconfirmed(b->c) == 0);
}

static void fire(struct loop_timer *t)
{
    t->fire(t);
}

/* After a reconnect CONSUMER.INFO may be answered while STREAM.INFO is not, and acks wait for both. */
static void ack_that_was_not_sent_is_not_confirmed(struct world *w)
{
    struct bench *b = bench_run(bench_prepare(w), 10);
    publish(b, 2);
    struct message *h[] = {bench_next(b), bench_next(b)};
    ack(b, h[0]);
    fire(&b->c->confirmation.timer);
    assert_non_null(b->c->confirmation.request);
    b->c->binding.verified = false;
    ack(b, h[1]);
    turn_until(b->r, 5, !b->c->confirmation.request);
    assert_int_equal(consumer_unconfirmed(b->c), 2); /* an answer from the time before */
    fire(&b->c->confirmation.timer);
    assert_null(b->c->confirmation.request);
    assert_true(loop_timer_armed(&b->c->confirmation.timer));
    b->c->binding.verified = true;
    lease_resume(b->c);
    turn_until(b->r, 5, consumer_unconfirmed(b->c) == 0);
    assert_true(client_wait_settled(b->client, "WORK", "d", 5));
    assert_int_equal(b->n, 2);
}

/* Nor is it lost with the connection: the next server says what it has taken. */
static void cumulative_ack_is_not_confirmed_before_it_is_compared(struct world *w)
{
    struct bench *b = bench_prepare(w);
    b->handler.ack = ACK_CUMULATIVE;
    bench_run(b, 10);
    publish(b, 1);
    ack(b, bench_next(b));
    turn_until(b->r, 5, consumer_unconfirmed(b->c) == 1);
    b->c->binding.verified = false;
    lease_resume(b->c);
    fire(&b->c->confirmation.timer);
    assert_null(b->c->confirmation.request);
    b->c->binding.verified = true;
    lease_resume(b->c);
    turn_until(b->r, 5, consumer_unconfirmed(b->c) == 0);
    assert_true(client_wait_settled(b->client, "WORK", "d", 5));
}

/* ---- a consumer made anew ------------------------------------------------------------------------------------- */

/* As if a deleted consumer had delivered it, and this one's delivery had been lost on the way. */
static struct message *of_the_old_consumer(struct message *h)
{
    h->consumer_created_ns--;
    return h;
}

static struct message *run(struct bench *b)
{
    struct message *h = bench_next(b);
    message_set_state(consumer_messages(b->c), h, MESSAGE_RUNNING);
    return h;
}

static void cumulative_is_not_sure_by_what_runs_of_the_old_consumer(struct world *w)
{
    struct bench *b = bench_prepare(w);
    const struct cumulative *q;
    b->handler.ack = ACK_CUMULATIVE;
    bench_run(b, 10);
    q = &b->c->cumulative;
    publish(b, 2);
    run(b);
    of_the_old_consumer(run(b));
    confirmation_resend(b->c);
    int64_t first_pause = q->pause_ns;
    turn_until(b->r, 5, q->state == CUMULATIVE_COMPLETE || q->pause_ns > first_pause);
    assert_false(q->state == CUMULATIVE_COMPLETE);
}

static void order_waits_for_what_runs_of_the_old_consumer(struct world *w)
{
    struct bench *b = bench_prepare(w);
    b->handler.ordering = ORDERING_SUBJECT;
    bench_run(b, 10);
    turn_until(b->r, 5, consumer_in_order(b->c));
    publish(b, 2);
    run(b);
    of_the_old_consumer(run(b));
    lease_resume(b->c);
    redelivery_sync_begin(b->c);
    turn_until(b->r, 5, consumer_in_order(b->c) || consumer_missing_redeliveries(b->c));
    assert_int_equal(consumer_missing_redeliveries(b->c), 1);
}

static void what_is_remembered_of_the_old_consumer_is_forgotten(struct world *w)
{
    struct bench *b = bench_prepare(w);
    b->handler.ordering = ORDERING_SUBJECT;
    bench_run(b, 10);
    publish(b, 3);
    struct message *acked = bench_next(b), *away = bench_next(b), *here = run(b);
    ack(b, acked);
    turn_until(b->r, 5, acked->state == MESSAGE_SETTLED);
    consumer_give_back(b->c, away, 60 * NS_PER_SEC);
    of_the_old_consumer(acked);
    of_the_old_consumer(away);
    lease_resume(b->c);
    assert_int_equal(sound_length(&consumer_messages(b->c)->away), 0);
    assert_int_equal(sound_length(&consumer_messages(b->c)->settled), 0);
    assert_int_equal(consumer_messages(b->c)->n, 1);
    assert_int_equal(here->state, MESSAGE_RUNNING);
}

/* One that was handled, and then no pull is open that would be told of the deletion. */
static void replace_unnoticed(struct bench *b)
{
    publish(b, 1);
    ack(b, bench_next(b));
    turn_until(b->r, 5, consumer_unconfirmed(b->c) == 0);
    consumer_set_window(b->c, 0);
    turn_until(b->r, 10, bench_info(b, "num_waiting") == 0);
    client_api_ok(b->client, NULL, "CONSUMER.DELETE.WORK.d");
    client_add_consumer(b->client, "WORK", "d", ",\"ack_wait\":1000000000");
}

static void any_answer_tells_of_a_consumer_made_anew(struct world *w)
{
    struct bench *b = bench_run(bench_prepare(w), 10);
    int64_t created = b->c->consumer_created_ns;
    replace_unnoticed(b);
    consumer_refresh_lag(b->c);
    turn_until(b->r, 10, b->c->consumer_created_ns != created && consumer_ready(b->c));
}

static void message_of_a_consumer_made_anew_runs_though_it_is_remembered(struct world *w)
{
    struct bench *b = bench_prepare(w);
    b->handler.ordering = ORDERING_SUBJECT;
    bench_run(b, 10);
    replace_unnoticed(b);
    b->c->binding.verified_ns = 0; /* long ago */
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

/* Each request would end with it. */
static void a_message_larger_than_all_bytes_of_a_request_comes(struct world *w)
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

/* And a reader that is slow for a moment is not cut off by the server for what it has asked for. */
static void a_request_brings_no_more_than_its_bytes(struct world *w)
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
    int64_t until = deadline_in(2);
    while (deadline_left_ms(until))
        assert_true(loop_once(b->r->loop, 10 * NS_PER_MS) >= 0);
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

/* A limit that cannot be kept must not turn into a request for each answer. */
static void expires_limit_too_short_to_keep_does_not_spin(struct world *w)
{
    pulls_are_few(limited(w, ",\"max_expires\":2000000"));
}

/* A drain waits for the end of what was asked for while messages came. */
static void requests_are_short_while_messages_come(struct world *w)
{
    struct bench *b = bench_run(bench_prepare(w), 1);
    publish(b, 1);
    ack(b, bench_next(b));
    turn_until(b->r, 5, bench_info(b, "num_waiting") == 1);
    uint64_t pulls = consumer_stats(b->c)->pulls;
    turn_until(b->r, 10, consumer_stats(b->c)->pulls > pulls);
}

/* ---- the end ----------------------------------------------------------------------------------------------- */

static void stop_ends_once_nothing_more_can_come(struct world *w)
{
    struct bench *b = bench_run(bench_prepare(w), 10);
    publish(b, 3);
    for (int i = 0; i < 3; i++)
        ack(b, bench_next(b));
    consumer_stop(b->c, loop_now_ns(b->r->loop) + 10 * NS_PER_SEC, bench_stopped, b);
    turn_until(b->r, 5, b->stopped && consumer_unconfirmed(b->c) == 0);
    uint64_t pulls = consumer_stats(b->c)->pulls;
    publish(b, 1);
    int64_t until = deadline_in(0.5);
    while (deadline_left_ms(until))
        loop_once(b->r->loop, 10 * NS_PER_MS);
    assert_int_equal(consumer_stats(b->c)->pulls, pulls);
}

/* Not for the whole time of a drain. */
static void a_deleted_consumer_holds_up_no_stop(struct world *w)
{
    struct bench *b = bench_run(bench_prepare(w), 10);
    publish(b, 1);
    struct message *h = bench_next(b);
    client_api_ok(b->client, NULL, "CONSUMER.DELETE.WORK.d");
    turn_until(b->r, 10, strstr(consumer_reason(b->c), "was deleted while running"));
    b->c->binding.verified = false; /* as on the next connection */
    ack(b, h);
    consumer_stop(b->c, loop_now_ns(b->r->loop) + 600 * NS_PER_SEC, bench_stopped, b);
    turn_until(b->r, 30, b->stopped && consumer_unconfirmed(b->c) == 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        IT(missing_consumer_is_created_and_messages_settle),
        IT(absent_stream_is_named_until_it_is_there),
        IT(create_never_waits_for_the_consumer),
        IT(push_consumer_is_refused_in_a_sentence),
        IT(dead_letter_stream_is_made_with_its_subject),
        IT(deleted_consumer_is_an_alarm_and_not_made_anew),
        IT(requests_are_short_until_one_is_heard_of),
        IT(new_leader_is_asked_at_once),
        IT(each_request_has_its_own_subject),
        IT(silent_server_is_asked_until_it_answers),
        IT(window_bounds_what_is_here),
        IT(redelivered_message_that_is_held_is_not_handed_out_again),
        IT(message_that_went_back_comes_again_with_its_attempts),
        IT(delayed_give_back_comes_after_the_delay),
        IT(held_messages_outlive_ack_wait),
        IT(message_that_waits_for_longer_than_the_timeout_goes_back),
        IT(nothing_but_an_ack_is_said_after_the_lease),
        IT(acknowledgement_lost_with_the_connection_is_sent_again),
        IT(pulling_goes_on_after_a_killed_server),
        IT(answer_does_not_cover_an_ack_sent_after_the_question),
        IT(ack_that_was_not_sent_is_not_confirmed),
        IT(cumulative_ack_is_not_confirmed_before_it_is_compared),
        IT(cumulative_is_not_sure_by_what_runs_of_the_old_consumer),
        IT(order_waits_for_what_runs_of_the_old_consumer),
        IT(what_is_remembered_of_the_old_consumer_is_forgotten),
        IT(any_answer_tells_of_a_consumer_made_anew),
        IT(message_of_a_consumer_made_anew_runs_though_it_is_remembered),
        IT(batch_limit_of_the_consumer_is_kept),
        IT(bytes_limit_of_the_consumer_is_kept),
        IT(a_message_larger_than_all_bytes_of_a_request_comes),
        IT(a_request_brings_no_more_than_its_bytes),
        IT(expires_limit_with_a_fraction_is_kept),
        IT(short_expires_limit_is_kept_without_spinning),
        IT(expires_limit_too_short_to_keep_does_not_spin),
        IT(requests_are_short_while_messages_come),
        IT(stop_ends_once_nothing_more_can_come),
        IT(a_deleted_consumer_holds_up_no_stop),
    };
    return it_main(tests, argc, argv);
}
