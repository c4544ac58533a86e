/* SPDX-License-Identifier: Apache-2.0
 * lanes: whose turn it is, as messages come, fail, leave, get lost and come back.  Nobody else is needed: the
 * consumer is a struct with a table of held messages. */
#include "consumer/consumer_private.h"
#include "dispatch/lanes.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct config_handler config;
static struct consumer consumer;
static struct list ready;
static struct lanes *lanes;

static int set_up(void **state)
{
    (void)state;
    config = (struct config_handler){.ordering = ORDERING_SUBJECT, .lane_max_held = 4};
    memset(&consumer, 0, sizeof(consumer));
    consumer.handler = &config;
    consumer.max_ack_pending = 1000;
    list_init(&ready);
    assert_int_equal(held_table_init(&consumer.held), 0);
    return lanes_create(&lanes, &config, &consumer, &ready);
}

static int tear_down(void **state)
{
    (void)state;
    lanes_destroy(lanes);
    held_table_finish(&consumer.held);
    return 0;
}

static void set(struct held *m, enum held_state state)
{
    held_set_state(&consumer.held, m, state);
}

static struct held *come_with(uint64_t seq, const char *subject, const char *header, const char *value)
{
    natsMsg *msg = NULL;
    struct ack_meta meta = {.stream_seq = seq, .consumer_seq = seq, .stored_ns = 1, .delivered = 1};

    assert_int_equal(natsMsg_Create(&msg, subject, "reply", "", 0), NATS_OK);
    if (header)
        assert_int_equal(natsMsgHeader_Set(msg, header, value), NATS_OK);
    struct held *m = held_add(&consumer.held, &consumer, msg, &meta);
    assert_non_null(m);
    lanes_arrive(lanes, m);
    return m;
}

static struct held *come(uint64_t seq, const char *subject)
{
    return come_with(seq, subject, NULL, NULL);
}

/* The ready list is these sequences, 0-terminated, in this order. */
static void expect_ready(const uint64_t *seqs)
{
    list_for_each(node, &ready)
    {
        uint64_t seq = container_of(node, struct held, node)->stream_seq;
        if (seq != *seqs)
            fail_msg("%" PRIu64 " is ready where %" PRIu64 " is expected", seq, *seqs);
        seqs++;
    }
    if (*seqs)
        fail_msg("%" PRIu64 " is not ready", *seqs);
}
#define EXPECT_READY(...) expect_ready((const uint64_t[]){__VA_ARGS__})

/* A worker takes it. */
static void run(struct held *m)
{
    assert_false(list_empty(&m->node));
    list_remove(&m->node);
    set(m, HELD_RUNNING);
}

static void ack(struct held *m)
{
    set(m, HELD_ACKED);
    lane_left(m, true);
}

static void nak(struct held *m)
{
    set(m, HELD_WAITING);
    lane_wait(m);
}

static void due(struct held *m)
{
    set(m, HELD_READY);
    lane_ready(m);
}

static void lose(struct held *m)
{
    set(m, HELD_AWAY);
    lane_left(m, false);
}

static void come_again(struct held *m)
{
    list_remove(&m->node);
    set(m, HELD_READY);
    lanes_arrive(lanes, m);
}

static void order(bool in_order)
{
    consumer.recall.on = !in_order;
    lanes_order(lanes);
}

static void one_of_a_key_at_a_time_and_keys_apart(void **state)
{
    struct held *a1 = come(1, "a"), *a2 = come(2, "a"), *b3 = come(3, "b");
    (void)state;
    EXPECT_READY(1, 3, 0);
    run(a1);
    run(b3);
    EXPECT_READY(0);
    set(a1, HELD_SETTLING); /* its outputs are not confirmed yet */
    come(4, "a");
    EXPECT_READY(0);
    ack(a1);
    EXPECT_READY(2, 0);
    assert_ptr_equal(a1->lane, NULL);
    assert_string_equal(lane_key(a2->lane), "a");
    ack(b3);
    assert_int_equal(lanes_stats(lanes).n, 1);
}

static void a_failing_head_holds_its_key(void **state)
{
    struct held *a1 = come(1, "a");
    (void)state;
    come(2, "a");
    run(a1);
    nak(a1);
    EXPECT_READY(0);
    due(a1);
    EXPECT_READY(1, 0);
    run(a1);
    set(a1, HELD_READY);
    lane_back(a1); /* its worker died before it began */
    EXPECT_READY(1, 0);
}

static void what_comes_late_goes_before_what_has_not_begun(void **state)
{
    struct held *a5 = come(5, "a"), *a7 = come(7, "a");
    (void)state;
    struct held *a3 = come(3, "a");
    EXPECT_READY(3, 0);
    run(a3);
    struct held *a2 = come(2, "a"); /* too late for that */
    EXPECT_READY(0);
    ack(a3);
    EXPECT_READY(2, 0);
    run(a2);
    nak(a2);
    come(1, "a");
    EXPECT_READY(1, 0);
    (void)a5;
    (void)a7;
}

static void a_lost_message_stops_its_key_until_it_is_back(void **state)
{
    struct held *a1 = come(1, "a");
    (void)state;
    come(2, "a");
    come(3, "b");
    lose(a1);
    EXPECT_READY(3, 0);
    come_again(a1);
    EXPECT_READY(3, 1, 0);
    lose(a1);
    lane_left(a1, true); /* it will not come again */
    EXPECT_READY(3, 2, 0);
}

static void nothing_moves_before_everything_is_here(void **state)
{
    (void)state;
    order(false);
    struct held *a4 = come(4, "a");
    come(2, "a");
    come(9, "b");
    EXPECT_READY(0);
    order(true);
    order(true);
    assert_int_equal(lanes_stats(lanes).n, 2);
    assert_int_equal(a4->state, HELD_READY);
    struct held *first = container_of(ready.next, struct held, node);
    run(first);
    order(false); /* a reconnect: what runs goes on, what is ready waits */
    EXPECT_READY(0);
    set(first, HELD_READY);
    lane_back(first);
    EXPECT_READY(0);
    order(true);
    size_t n = 0;
    list_for_each(node, &ready) n++;
    assert_int_equal(n, 2);
}

static void a_full_lane_stops_pulling_until_it_has_half(void **state)
{
    struct held *m[4];
    (void)state;
    for (uint64_t i = 0; i < 3; i++)
        m[i] = come(i + 1, "hot");
    assert_int_equal(lanes_window(lanes, 3), 3);
    assert_int_equal(consumer.queued, 2);
    assert_int_equal(lanes_window(lanes, 100), 1 + 4); /* no more than may be of one key */
    m[3] = come(4, "hot");
    assert_int_equal(lanes_window(lanes, 3), 0);
    assert_string_equal(lanes_stats(lanes).full, "hot");
    assert_int_equal(lanes_stats(lanes).full_holds, 4);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(lanes_window(lanes, 3), 0);
        run(m[i]);
        ack(m[i]);
    }
    assert_int_equal(lanes_window(lanes, 3), 3);
    assert_null(lanes_stats(lanes).full);
    assert_int_equal(lanes_stats(lanes).stops, 1);
}

static void too_many_failing_heads_stop_pulling(void **state)
{
    (void)state;
    consumer.max_ack_pending = 4; /* 16 may wait at least */
    for (uint64_t i = 1; i <= 16; i++) {
        char subject[16];
        snprintf(subject, sizeof(subject), "k%" PRIu64, i);
        assert_int_equal(lanes_window(lanes, 4), 4);
        struct held *m = come(i, subject);
        run(m);
        nak(m);
    }
    assert_int_equal(lanes_window(lanes, 4), 0);
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
    assert_string_equal(lane_key(come(++seq, "a.b.c")->lane), "a.b.c");
    config.ordering = ORDERING_TOKEN;
    for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
        config.ordering_token = tokens[i].token;
        assert_string_equal(lane_key(come(++seq, tokens[i].subject)->lane), tokens[i].key);
    }
    config.ordering = ORDERING_HEADER;
    config.ordering_header = (char *)"Tenant";
    assert_string_equal(lane_key(come_with(++seq, "x", "Tenant", "red")->lane), "red");
    assert_string_equal(lane_key(come_with(++seq, "x", "tenant", "red")->lane), "");
    assert_string_equal(lane_key(come_with(++seq, "x", NULL, NULL)->lane), "");
}

/* ---- many keys, anything at any time ------------------------------------------------------- */

#define MANY 5000
#define MANY_KEYS 700

/* The ready list holds the first of a key only, each once, and never one behind one that runs. */
static void check_turns(struct held **all, size_t n)
{
    uint64_t first[MANY_KEYS] = {0};
    for (size_t i = 0; i < n; i++) /* in the order of the stream */
        if (all[i] && !first[i % MANY_KEYS])
            first[i % MANY_KEYS] = all[i]->stream_seq;
    list_for_each(node, &ready)
    {
        struct held *m = container_of(node, struct held, node);
        assert_int_equal(m->state, HELD_READY);
        assert_int_equal(m->stream_seq, first[(m->stream_seq - 1) % MANY_KEYS]);
    }
}

static void many_keys_keep_their_order_and_leave_nothing_behind(void **state)
{
    struct held **all = calloc(MANY, sizeof(struct held *));
    unsigned seed = 42;
    size_t n = 0, done = 0;
    (void)state;
    config.lane_max_held = 1000000;
    while (done < MANY) {
        unsigned dice = (unsigned)rand_r(&seed) % 8;
        if (n < MANY && dice < 3) {
            char subject[32];
            snprintf(subject, sizeof(subject), "key.%zu", n % MANY_KEYS);
            all[n] = come(n + 1, subject);
            n++;
            continue;
        }
        if (list_empty(&ready))
            continue;
        struct held *m = container_of(ready.next, struct held, node);
        if (dice == 3) {
            lose(m);
            come_again(m);
            continue;
        }
        run(m);
        if (dice == 4) {
            nak(m);
            due(m);
        } else {
            ack(m);
            all[m->stream_seq - 1] = NULL;
            if (++done % 500 == 0)
                check_turns(all, n);
        }
    }
    assert_int_equal(lanes_stats(lanes).n, 0);
    assert_int_equal(lanes_window(lanes, 9), 9);
    assert_int_equal(consumer.queued, 0);
    free(all);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(one_of_a_key_at_a_time_and_keys_apart),
        TEST(a_failing_head_holds_its_key),
        TEST(what_comes_late_goes_before_what_has_not_begun),
        TEST(a_lost_message_stops_its_key_until_it_is_back),
        TEST(nothing_moves_before_everything_is_here),
        TEST(a_full_lane_stops_pulling_until_it_has_half),
        TEST(too_many_failing_heads_stop_pulling),
        TEST(keys_are_subjects_tokens_or_headers),
        TEST(many_keys_keep_their_order_and_leave_nothing_behind),
    };
    if (nats_Open(-1) != NATS_OK) /* messages are freed by a thread of the library's */
        return 1;
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    nats_CloseAndWait(5000);
    return rc;
}
