/* SPDX-License-Identifier: Apache-2.0
 * key_queues: which message has its turn when messages arrive, fail, are settled, are lost and are redelivered. */
#include "dispatch/key_queues.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct config_handler config;
static struct message_table messages;
static struct list ready;
static struct key_queues *key_queues;

static int set_up(void **state)
{
    (void)state;
    config = (struct config_handler){.ordering = ORDERING_SUBJECT, .key_max_in_flight = 4};
    list_init(&ready);
    assert_int_equal(message_table_init(&messages), 0);
    return key_queues_create(&key_queues, &config, true, &ready);
}

static int tear_down(void **state)
{
    (void)state;
    key_queues_destroy(key_queues);
    message_table_finish(&messages);
    return 0;
}

static void set_state(struct message *m, enum message_state state)
{
    message_set_state(&messages, m, state);
}

static struct message *arrive_with_header(uint64_t seq, const char *subject, const char *header, const char *value)
{
    natsMsg *msg = NULL;
    struct ack_meta meta = {.stream_seq = seq, .consumer_seq = seq, .stored_ns = 1, .delivered = 1};

    assert_int_equal(natsMsg_Create(&msg, subject, "reply", "", 0), NATS_OK);
    if (header)
        assert_int_equal(natsMsgHeader_Set(msg, header, value), NATS_OK);
    struct message *m = message_add(&messages, NULL, msg, &meta);
    assert_non_null(m);
    key_queues_add(key_queues, m);
    return m;
}

static struct message *arrive(uint64_t seq, const char *subject)
{
    return arrive_with_header(seq, subject, NULL, NULL);
}

/* The ready list is these sequences, 0-terminated, in this order. */
static void expect_ready(const uint64_t *seqs)
{
    list_for_each(node, &ready)
    {
        uint64_t seq = container_of(node, struct message, node)->stream_seq;
        if (seq != *seqs)
            fail_msg("%" PRIu64 " is ready where %" PRIu64 " is expected", seq, *seqs);
        seqs++;
    }
    if (*seqs)
        fail_msg("%" PRIu64 " is not ready", *seqs);
}
#define EXPECT_READY(...) expect_ready((const uint64_t[]){__VA_ARGS__})

/* A worker takes the message. */
static void start_message(struct message *m)
{
    assert_false(list_empty(&m->node));
    list_remove(&m->node);
    set_state(m, MESSAGE_RUNNING);
}

static void ack_message(struct message *m)
{
    set_state(m, MESSAGE_ACKED);
    key_queue_note_left(m, true);
}

static void nak_message(struct message *m)
{
    set_state(m, MESSAGE_WAITING);
    key_queue_note_waiting(m);
}

static void end_wait(struct message *m)
{
    set_state(m, MESSAGE_READY);
    key_queue_note_ready(m);
}

static void lose_lease(struct message *m)
{
    set_state(m, MESSAGE_AWAY);
    key_queue_note_left(m, false);
}

static void redeliver(struct message *m)
{
    list_remove(&m->node);
    set_state(m, MESSAGE_READY);
    key_queues_add(key_queues, m);
}

static void set_in_order(bool in_order)
{
    key_queues_set_in_order(key_queues, in_order);
}

static void messages_of_one_key_run_one_at_a_time(void **state)
{
    struct message *a1 = arrive(1, "a"), *a2 = arrive(2, "a"), *b3 = arrive(3, "b");
    (void)state;
    EXPECT_READY(1, 3, 0);
    start_message(a1);
    start_message(b3);
    EXPECT_READY(0);
    set_state(a1, MESSAGE_SETTLING); /* outputs are not confirmed yet */
    arrive(4, "a");
    EXPECT_READY(0);
    ack_message(a1);
    EXPECT_READY(2, 0);
    assert_ptr_equal(a1->key_queue, NULL);
    assert_string_equal(key_queue_key(a2->key_queue), "a");
    ack_message(b3);
    assert_int_equal(key_queues_stats(key_queues).n, 1);
}

static void a_failing_message_stops_its_key(void **state)
{
    struct message *a1 = arrive(1, "a");
    (void)state;
    arrive(2, "a");
    start_message(a1);
    nak_message(a1);
    EXPECT_READY(0);
    end_wait(a1);
    EXPECT_READY(1, 0);
    start_message(a1);
    set_state(a1, MESSAGE_READY);
    key_queue_requeue(a1); /* the worker died before the message started */
    EXPECT_READY(1, 0);
}

static void an_earlier_message_that_arrives_late_runs_before_unstarted_ones(void **state)
{
    struct message *a5 = arrive(5, "a"), *a7 = arrive(7, "a");
    (void)state;
    struct message *a3 = arrive(3, "a");
    EXPECT_READY(3, 0);
    start_message(a3);
    struct message *a2 = arrive(2, "a"); /* message 3 runs already */
    EXPECT_READY(0);
    ack_message(a3);
    EXPECT_READY(2, 0);
    start_message(a2);
    nak_message(a2);
    arrive(1, "a");
    EXPECT_READY(1, 0);
    (void)a5;
    (void)a7;
}

static void a_message_with_a_lost_lease_stops_its_key_until_it_is_redelivered(void **state)
{
    struct message *a1 = arrive(1, "a");
    (void)state;
    arrive(2, "a");
    arrive(3, "b");
    lose_lease(a1);
    EXPECT_READY(3, 0);
    redeliver(a1);
    EXPECT_READY(3, 1, 0);
    lose_lease(a1);
    key_queue_note_left(a1, true); /* the message will not be redelivered */
    EXPECT_READY(3, 2, 0);
}

static void no_message_gets_a_turn_while_the_consumer_is_not_in_order(void **state)
{
    (void)state;
    set_in_order(false);
    struct message *a4 = arrive(4, "a");
    arrive(2, "a");
    arrive(9, "b");
    EXPECT_READY(0);
    set_in_order(true);
    set_in_order(true);
    assert_int_equal(key_queues_stats(key_queues).n, 2);
    assert_int_equal(a4->state, MESSAGE_READY);
    struct message *first = container_of(ready.next, struct message, node);
    start_message(first);
    set_in_order(false); /* a reconnect: running messages go on, ready messages lose the turn */
    EXPECT_READY(0);
    set_state(first, MESSAGE_READY);
    key_queue_requeue(first);
    EXPECT_READY(0);
    set_in_order(true);
    size_t n = 0;
    list_for_each(node, &ready) n++;
    assert_int_equal(n, 2);
}

static void a_full_key_queue_counts_as_full_until_it_has_half(void **state)
{
    struct message *m[4];
    (void)state;
    for (uint64_t i = 0; i < 3; i++)
        m[i] = arrive(i + 1, "hot");
    assert_int_equal(key_queues_full(key_queues), 0);
    assert_int_equal(key_queues_turns(key_queues), 1);
    assert_null(key_queues_stats(key_queues).full);
    m[3] = arrive(4, "hot");
    assert_int_equal(key_queues_stats(key_queues).n_full, 1);
    assert_string_equal(key_queues_stats(key_queues).full, "hot");
    assert_int_equal(key_queues_stats(key_queues).full_n, 4);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(key_queues_full(key_queues), 1);
        start_message(m[i]);
        ack_message(m[i]);
    }
    assert_int_equal(key_queues_full(key_queues), 0);
    assert_null(key_queues_stats(key_queues).full);
    assert_int_equal(key_queues_stats(key_queues).stops, 1);
}

static void a_waiting_message_has_no_turn(void **state)
{
    struct message *a1 = arrive(1, "a");
    (void)state;
    arrive(2, "a");
    arrive(3, "b");
    assert_int_equal(key_queues_turns(key_queues), 2);
    start_message(a1);
    nak_message(a1);
    assert_int_equal(key_queues_turns(key_queues), 1);
    end_wait(a1);
    assert_int_equal(key_queues_turns(key_queues), 2);
}

static void keys_are_subjects_tokens_or_headers(void **state)
{
    static const struct {
        int64_t token;
        const char *subject;
        const char *key;
    } tokens[] = {{1, "a.b.c", "a"}, {2, "a.b.c", "b"}, {3, "a.b.c", "c"}, {4, "a.b.c", ""}, {1, "a", "a"}};
    uint64_t seq = 0;
    (void)state;
    assert_string_equal(key_queue_key(arrive(++seq, "a.b.c")->key_queue), "a.b.c");
    config.ordering = ORDERING_TOKEN;
    for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
        config.ordering_token = tokens[i].token;
        assert_string_equal(key_queue_key(arrive(++seq, tokens[i].subject)->key_queue), tokens[i].key);
    }
    config.ordering = ORDERING_HEADER;
    config.ordering_header = (char *)"Tenant";
    assert_string_equal(key_queue_key(arrive_with_header(++seq, "x", "Tenant", "red")->key_queue), "red");
    assert_string_equal(key_queue_key(arrive_with_header(++seq, "x", "tenant", "red")->key_queue), "");
    assert_string_equal(key_queue_key(arrive_with_header(++seq, "x", NULL, NULL)->key_queue), "");
}

/* ---- many keys, random events ------------------------------------------------------- */

#define MANY 5000
#define MANY_KEYS 700

/* The ready list has only first messages of keys, and none of a key that has a running message. */
static void check_turns(struct message **all, size_t n)
{
    uint64_t first[MANY_KEYS] = {0};
    for (size_t i = 0; i < n; i++) /* in the order of the stream */
        if (all[i] && !first[i % MANY_KEYS])
            first[i % MANY_KEYS] = all[i]->stream_seq;
    list_for_each(node, &ready)
    {
        struct message *m = container_of(node, struct message, node);
        assert_int_equal(m->state, MESSAGE_READY);
        assert_int_equal(m->stream_seq, first[(m->stream_seq - 1) % MANY_KEYS]);
    }
}

static void many_keys_keep_their_order_and_all_queues_are_freed(void **state)
{
    struct message **all = calloc(MANY, sizeof(struct message *));
    unsigned seed = 42;
    size_t n = 0, done = 0;
    (void)state;
    config.key_max_in_flight = 1000000;
    while (done < MANY) {
        unsigned dice = (unsigned)rand_r(&seed) % 8;
        if (n < MANY && dice < 3) {
            char subject[32];
            snprintf(subject, sizeof(subject), "key.%zu", n % MANY_KEYS);
            all[n] = arrive(n + 1, subject);
            n++;
            continue;
        }
        if (list_empty(&ready))
            continue;
        struct message *m = container_of(ready.next, struct message, node);
        if (dice == 3) {
            lose_lease(m);
            redeliver(m);
            continue;
        }
        start_message(m);
        if (dice == 4) {
            nak_message(m);
            end_wait(m);
        } else {
            ack_message(m);
            all[m->stream_seq - 1] = NULL;
            if (++done % 500 == 0)
                check_turns(all, n);
        }
    }
    assert_int_equal(key_queues_stats(key_queues).n, 0);
    assert_int_equal(key_queues_turns(key_queues), 0);
    assert_int_equal(key_queues_full(key_queues), 0);
    free(all);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(messages_of_one_key_run_one_at_a_time),
        TEST(a_failing_message_stops_its_key),
        TEST(an_earlier_message_that_arrives_late_runs_before_unstarted_ones),
        TEST(a_message_with_a_lost_lease_stops_its_key_until_it_is_redelivered),
        TEST(no_message_gets_a_turn_while_the_consumer_is_not_in_order),
        TEST(a_full_key_queue_counts_as_full_until_it_has_half),
        TEST(a_waiting_message_has_no_turn),
        TEST(keys_are_subjects_tokens_or_headers),
        TEST(many_keys_keep_their_order_and_all_queues_are_freed),
    };
    if (nats_Open(-1) != NATS_OK) /* a thread of nats.c frees the messages */
        return 1;
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    nats_CloseAndWait(5000);
    return rc;
}
