/* SPDX-License-Identifier: Apache-2.0
 * message_test - the table of in-flight messages: identity, states, growth, comparison with a reference model. */
#include "consumer/message.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static unsigned seed;
static struct message_table table;

static int set_up(void **state)
{
    (void)state;
    return message_table_init(&table);
}

static int tear_down(void **state)
{
    (void)state;
    message_table_finish(&table);
    return 0;
}

static natsMsg *message(const char *reply)
{
    natsMsg *msg = NULL;
    assert_int_equal(natsMsg_Create(&msg, "work.test", reply, "x", 1), NATS_OK);
    return msg;
}

static struct message *add(uint64_t seq, int64_t stored_ns)
{
    char reply[64];
    struct ack_meta m = {
        .delivered = 1, .stream_seq = seq, .consumer_seq = seq + 1000, .stored_ns = stored_ns, .pending = 9};
    snprintf(reply, sizeof(reply), "r.%" PRIu64, seq);
    struct message *h = message_add(&table, NULL, message(reply), &m);
    assert_non_null(h);
    return h;
}

static size_t length(const struct list *l)
{
    size_t n = 0;
    list_for_each(node, l)
    {
        assert_ptr_equal(node->next->prev, node);
        assert_in_range(++n, 1, 10000000);
    }
    return n;
}

static void added_message_is_found_ready_and_leased(void **state)
{
    (void)state;
    assert_null(message_find(&table, 7, 100));
    struct message *h = add(7, 100);
    assert_ptr_equal(message_find(&table, 7, 100), h);
    assert_int_equal(h->state, MESSAGE_READY);
    assert_int_equal(h->stream_seq, 7);
    assert_int_equal(h->consumer_seq, 1007);
    assert_int_equal(h->delivered, 1);
    assert_int_equal(h->pending, 9);
    assert_int_equal(h->attempts, 0);
    assert_string_equal(message_reply(h), "r.7");
    assert_true(list_empty(&h->node));
    assert_int_equal(length(&table.leases), 1);
    assert_int_equal(table.n, 1);
    assert_int_equal(table.n_by_state[MESSAGE_READY], 1);
}

static void same_sequence_of_a_recreated_stream_is_another_message(void **state)
{
    (void)state;
    struct message *old = add(1, 100);
    assert_null(message_find(&table, 1, 200));
    struct message *fresh = add(1, 200);
    assert_ptr_equal(message_find(&table, 1, 100), old);
    assert_ptr_equal(message_find(&table, 1, 200), fresh);
    message_free(&table, old, NULL);
    assert_null(message_find(&table, 1, 100));
    assert_ptr_equal(message_find(&table, 1, 200), fresh);
}

/* A message still runs for a deleted consumer, and the new consumer delivers it, too. */
static void latest_of_two_equal_messages_is_found(void **state)
{
    (void)state;
    struct message *old = add(1, 100);
    struct message *fresh = add(1, 100);
    assert_ptr_equal(message_find(&table, 1, 100), fresh);
    for (size_t before = table.n_buckets, seq = 2; table.n_buckets == before; seq++)
        add(seq, 100);
    assert_ptr_equal(message_find(&table, 1, 100), fresh);
    message_free(&table, fresh, NULL);
    assert_ptr_equal(message_find(&table, 1, 100), old);
}

static void redelivery_updates_the_reply_subject(void **state)
{
    (void)state;
    struct message *first = add(1, 100), *second = add(2, 100);
    struct ack_meta m = {.delivered = 2, .stream_seq = 1, .consumer_seq = 50, .stored_ns = 100, .pending = 3};

    first->attempts = 4;
    message_set_state(&table, first, MESSAGE_RUNNING);
    message_refresh(&table, first, message("r.again"), &m, NULL);
    assert_string_equal(message_reply(first), "r.again");
    assert_int_equal(first->delivered, 2);
    assert_int_equal(first->consumer_seq, 50);
    assert_int_equal(first->pending, 3);
    assert_int_equal(first->attempts, 4);
    assert_int_equal(first->state, MESSAGE_RUNNING);
    assert_int_equal(table.bytes, 2); /* the first delivery's natsMsg was dropped */
    assert_int_equal(table.n, 2);
    /* The redelivery moved its lease to the end. */
    assert_ptr_equal(table.leases.next, &second->lease);
    assert_ptr_equal(table.leases.prev, &first->lease);
    assert_int_equal(length(&table.leases), 2);
}

static void refreshed_acknowledgement_gets_no_lease(void **state)
{
    (void)state;
    struct message *h = add(1, 100);
    struct ack_meta m = {.delivered = 2, .stream_seq = 1, .consumer_seq = 2, .stored_ns = 100};
    message_set_state(&table, h, MESSAGE_ACKED);
    message_refresh(&table, h, message("r.again"), &m, NULL);
    assert_string_equal(message_reply(h), "r.again");
    assert_true(list_empty(&table.leases));
    assert_int_equal(length(&table.acked), 1);
}

static void settled_states_leave_the_leases(void **state)
{
    (void)state;
    struct message *a = add(1, 1), *b = add(2, 1);
    message_set_state(&table, a, MESSAGE_ACKED);
    assert_ptr_equal(table.acked.next, &a->node);
    message_set_state(&table, b, MESSAGE_AWAY);
    assert_ptr_equal(table.away.next, &b->node);
    assert_true(list_empty(&table.leases));
    assert_int_equal(table.n, 2);
    assert_int_equal(table.n_by_state[MESSAGE_ACKED], 1);
    assert_int_equal(table.n_by_state[MESSAGE_AWAY], 1);
    message_free(&table, a, NULL);
    message_free(&table, b, NULL);
    assert_true(list_empty(&table.acked) && list_empty(&table.away));
}

static void acknowledged_message_keeps_only_its_reply_subject(void **state)
{
    (void)state;
    char longest[MESSAGE_REPLY_MAX + 1];
    struct message *h = add(1, 1), *other = add(2, 1);
    struct ack_meta m = {.delivered = 1, .stream_seq = 3, .consumer_seq = 3, .stored_ns = 1};
    memset(longest, 'r', MESSAGE_REPLY_MAX);
    longest[MESSAGE_REPLY_MAX] = '\0';
    struct message *long_one = message_add(&table, NULL, message(longest), &m);
    assert_int_equal(table.bytes, 3);
    message_set_state(&table, h, MESSAGE_ACKED);
    message_drop_message(&table, h, NULL);
    message_drop_message(&table, h, NULL);
    assert_null(h->msg);
    assert_string_equal(message_reply(h), "r.1");
    assert_int_equal(table.bytes, 2);
    message_set_state(&table, long_one, MESSAGE_ACKED); /* its reply subject does not fit, so the natsMsg stays */
    message_drop_message(&table, long_one, NULL);
    assert_string_equal(message_reply(long_one), longest);
    message_set_state(&table, other, MESSAGE_AWAY);
    message_drop_message(&table, other, NULL);
    assert_null(other->msg);
    assert_int_equal(table.bytes, 1);
    m.stream_seq = 1;
    message_refresh(&table, h, message("r.again"), &m, NULL);
    assert_string_equal(message_reply(h), "r.again");
    assert_int_equal(table.bytes, 2);
}

static void freed_message_leaves_whatever_list_it_is_in(void **state)
{
    (void)state;
    struct list mine;
    list_init(&mine);
    struct message *h = add(1, 1);
    list_push_back(&mine, &h->node);
    message_free(&table, h, NULL);
    assert_true(list_empty(&mine) && list_empty(&table.leases));
    assert_int_equal(table.n, 0);
    assert_int_equal(table.n_by_state[MESSAGE_READY], 0);
    assert_int_equal(table.bytes, 0);
}

static void reused_memory_remembers_nothing(void **state)
{
    (void)state;
    struct message *h = add(1, 1);
    h->attempts = 3;
    h->crashes = 2;
    h->run_id = 99;
    h->settlement = h;
    h->lease_until_ns = 5;
    message_free(&table, h, NULL);
    struct message *again = add(1, 1);
    assert_true(again->attempts == 0 && again->crashes == 0 && again->run_id == 0 && !again->settlement &&
                again->lease_until_ns == 0 && !loop_timer_armed(&again->retry));
}

static void finish_frees_messages_of_all_states(void **state)
{
    (void)state;
    for (int s = MESSAGE_READY; s <= MESSAGE_AWAY; s++)
        message_set_state(&table, add((uint64_t)s + 1, 1), (enum message_state)s);
    for (uint64_t i = 100; i < 1000; i++) /* more than the table keeps for reuse */
        add(i, 1);
    for (uint64_t i = 100; i < 1000; i++)
        message_free(&table, message_find(&table, i, 1), NULL);
    assert_int_equal(table.n, MESSAGE_AWAY + 1);
    /* tear_down frees the rest; LeakSanitizer reports a leak */
}

/* Sequences in a row, with gaps, and with the top bits set. */
static uint64_t sequence(size_t i)
{
    return i % 3 == 0 ? i + 1 : i % 3 == 1 ? (uint64_t)i << 20 : UINT64_MAX - i;
}

static void hundred_thousand_messages_stay_quick_to_find(void **state)
{
    (void)state;
    enum { N = 100000 };
    size_t longest = 0;

    for (size_t i = 0; i < N; i++)
        add(sequence(i), (int64_t)i);
    assert_int_equal(table.n, N);
    for (size_t i = 0; i < N; i++) {
        struct message *h = message_find(&table, sequence(i), (int64_t)i);
        if (!h || h->stream_seq != sequence(i))
            fail_msg("message %zu is lost", i);
        assert_null(message_find(&table, sequence(i), (int64_t)i + 1));
    }
    for (size_t b = 0; b < table.n_buckets; b++) {
        size_t n = 0;
        for (struct message *h = table.buckets[b]; h; h = h->chain)
            n++;
        longest = n > longest ? n : longest;
    }
    assert_in_range(longest, 1, 32);
    for (size_t i = 0; i < N; i++)
        message_free(&table, message_find(&table, sequence(i), (int64_t)i), NULL);
    assert_int_equal(table.n, 0);
    assert_true(list_empty(&table.leases));
    add(1, 1);
}

/* ---- against a model -------------------------------------------------------------- */

#define KEYS 3000

static struct {
    struct message *message; /* NULL: not in the table */
    enum message_state state;
    uint64_t delivered;
} model[KEYS];

static void key_of(size_t k, uint64_t *seq, int64_t *stored_ns)
{
    *seq = k / 2 + 1; /* each sequence at two times */
    *stored_ns = 1000 + (int64_t)(k % 2);
}

static void change(size_t k)
{
    uint64_t seq;
    int64_t stored;
    struct message *h = model[k].message;

    key_of(k, &seq, &stored);
    if (!h) {
        model[k].message = add(seq, stored);
        model[k].state = MESSAGE_READY;
        model[k].delivered = 1;
        return;
    }
    switch (rand_r(&seed) % 4) {
    case 0:
        message_free(&table, h, NULL);
        model[k].message = NULL;
        break;
    case 1: {
        struct ack_meta m = {
            .delivered = ++model[k].delivered, .stream_seq = seq, .consumer_seq = 1, .stored_ns = stored};
        if (model[k].state == MESSAGE_AWAY) { /* delivery.c makes the message ready again, too */
            message_refresh(&table, h, message("r"), &m, NULL);
            list_remove(&h->node);
            message_set_state(&table, h, model[k].state = MESSAGE_READY);
        } else {
            message_refresh(&table, h, message("r"), &m, NULL);
        }
        break;
    }
    default:
        if (model[k].state >= MESSAGE_ACKED)
            break;
        model[k].state = (enum message_state)(rand_r(&seed) % (MESSAGE_AWAY + 1));
        message_set_state(&table, h, model[k].state);
        if (model[k].state >= MESSAGE_ACKED) /* consumer_ack() and consumer_give_back() do so, too */
            message_drop_message(&table, h, NULL);
    }
}

static void compare(void)
{
    size_t n = 0, bytes = 0, by_state[MESSAGE_AWAY + 1] = {0};
    for (size_t k = 0; k < KEYS; k++) {
        uint64_t seq;
        int64_t stored;
        key_of(k, &seq, &stored);
        assert_ptr_equal(message_find(&table, seq, stored), model[k].message);
        if (!model[k].message)
            continue;
        assert_int_equal(model[k].message->state, model[k].state);
        assert_int_equal(model[k].message->delivered, model[k].delivered);
        n++;
        by_state[model[k].state]++;
        bytes += model[k].message->msg ? (size_t)natsMsg_GetDataLength(model[k].message->msg) : 0;
    }
    assert_int_equal(table.n, n);
    assert_int_equal(table.bytes, bytes);
    for (int s = 0; s <= MESSAGE_AWAY; s++)
        assert_int_equal(table.n_by_state[s], by_state[s]);
    assert_int_equal(length(&table.acked), by_state[MESSAGE_ACKED]);
    assert_int_equal(length(&table.away), by_state[MESSAGE_AWAY]);
    assert_int_equal(length(&table.leases), n - by_state[MESSAGE_ACKED] - by_state[MESSAGE_AWAY]);
}

static void random_changes_agree_with_the_model(void **state)
{
    (void)state;
    memset(model, 0, sizeof(model));
    for (int i = 0; i < 200000; i++) {
        change((size_t)rand_r(&seed) % KEYS);
        if (i % 5000 == 0)
            compare();
    }
    compare();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(added_message_is_found_ready_and_leased),
        TEST(same_sequence_of_a_recreated_stream_is_another_message),
        TEST(latest_of_two_equal_messages_is_found),
        TEST(redelivery_updates_the_reply_subject),
        TEST(refreshed_acknowledgement_gets_no_lease),
        TEST(settled_states_leave_the_leases),
        TEST(acknowledged_message_keeps_only_its_reply_subject),
        TEST(freed_message_leaves_whatever_list_it_is_in),
        TEST(reused_memory_remembers_nothing),
        TEST(finish_frees_messages_of_all_states),
        TEST(hundred_thousand_messages_stay_quick_to_find),
        TEST(random_changes_agree_with_the_model),
    };
    const char *given = getenv("TEST_SEED");
    seed = given ? (unsigned)strtoul(given, NULL, 0) : (unsigned)time(NULL);
    printf("seed %u (TEST_SEED repeats it)\n", seed);
    if (nats_Open(-1) != NATS_OK) /* a thread of the library frees messages */
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    nats_CloseAndWait(0);
    return failed;
}
