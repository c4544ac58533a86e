/* SPDX-License-Identifier: Apache-2.0
 * config, bindings: stream names per cluster, and the checks across handlers. */
#include "config_helper.h"

static void expect_fine(const char *const *inis, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct config *c = make_config(inis[i], NULL, NULL);
        config_check_bindings(c);
        expect_no_problems(c);
        config_destroy(c);
    }
}

static void stream_names_follow_the_cluster(void **state)
{
    struct config *c = make_config("[cluster.sea-a]\n[cluster.sea-b]\n[handler.h]\nclusters = sea-a\n"
                                   "stream = {CLUSTER}_ORDERS_{cluster}\nstream.sea-b = OTHER\n",
                                   NULL, NULL);
    char out[64];
    (void)state;
    config_check_bindings(c);
    expect_no_problems(c);
    config_stream_name(&c->handlers[0], "sea-a", out, sizeof(out));
    assert_string_equal(out, "SEA_A_ORDERS_sea-a");
    config_stream_name(&c->handlers[0], "sea-b", out, sizeof(out));
    assert_string_equal(out, "OTHER");
    config_stream_name(&c->handlers[0], "sea-a", out, 6);
    assert_string_equal(out, "SEA_A");
    strcpy(out, "same");
    config_stream_name(&c->handlers[0], "sea-a", out, 0);
    assert_string_equal(out, "same");
    config_destroy(c);
}

static void cumulative_acks_need_a_consumer_of_their_own(void **state)
{
#define H "[handler.a]\nstream = S\n"
    static const struct ini_case cases[] = {
        {H "ack = cumulative\n",
         "t.ini:3: ack: cumulative needs exclusive = yes: one acknowledgement is for all earlier messages, also for "
         "those of another process; set it if no other process uses this consumer"},
        {H "ack = cumulative\nexclusive = yes\nordering = subject\n",
         "t.ini:3: ack: cumulative cannot be combined with ordering; set ack = each, or ordering = none"},
    };
    (void)state;
    EXPECT_INI_CASES(cases);
}

static void a_batch_that_cannot_be_is_named(void **state)
{
    static const struct ini_case cases[] = {
        {H "batch_linger = 5ms\n",
         "t.ini:3: batch_linger: batch_linger has no effect with batch_max = 1; set batch_max"},
        {H "batch_max = 200\nmax_ack_pending = 100\n", "t.ini:3: batch_max: a batch of 200 can never fill, because "
                                                       "max_ack_pending is 100; set that to at least twice as much"},
        {H "batch_max = 200\nmax_in_flight = 100\n", "t.ini:3: batch_max: a batch of 200 can never fill, because "
                                                     "max_in_flight is 100; set that to at least twice as much"},
    };
    (void)state;
    EXPECT_INI_CASES(cases);
}

static void a_handler_may_not_read_its_own_dead_letters(void **state)
{
#define LOOP                                                                                                         \
    "is the handler's own stream: its dead letters would be delivered to it again and again; set dead_letter = off " \
    "or another stream, or filter_subjects without them"
    static const struct ini_case cases[] = {
        {"[handler.a]\nstream = DLQ\n", "handler.a.dead_letter: DLQ " LOOP},
        {H "dead_letter = S\n", "t.ini:3: dead_letter: S " LOOP},
        {"[handler.a]\nstream = DLQ\nfilter_subjects = orders.> dlq.*.a.>\n", "handler.a.dead_letter: DLQ " LOOP},
        {"[cluster.x]\n[cluster.y-1]\n[handler.a]\nclusters = x y-1\nstream = S\nstream.y-1 = Y_1_D\n"
         "dead_letter = {CLUSTER}_D\n",
         "t.ini:7: dead_letter: Y_1_D " LOOP},
    };
    static const char *const fine[] = {"[handler.a]\nstream = DLQ\ndead_letter = off\n",
                                       "[handler.a]\nstream = DLQ\ndead_letter = DLQ2\n",
                                       "[handler.a]\nstream = DLQ\nshadow = yes\n",
                                       "[handler.a]\nstream = DLQ\nfilter_subjects = dlq.ORDERS.>\n",
                                       "[handler.a]\nstream = off\ndead_letter = off\n",
                                       "[handler.a]\nstream = off\n"
                                       "dead_letter = D\n"};
    (void)state;
    EXPECT_INI_CASES(cases);
    expect_fine(fine, sizeof(fine) / sizeof(fine[0]));
}

static void a_disabled_handler_is_not_checked(void **state)
{
    struct config *c = make_config(H "enabled = no\nclusters = nowhere\nack = cumulative\n", NULL, NULL);
    (void)state;
    config_check_bindings(c);
    expect_no_problems(c);
    config_destroy(c);
}

static void clusters_and_streams_that_do_not_fit_are_named(void **state)
{
    static const struct ini_case cases[] = {
        {"[cluster.sea-a]\n" H "clusters = sea-b\n",
         "t.ini:4: clusters: cluster \"sea-b\" is not configured (did you mean sea-a?)"},
        {"[cluster.mediterranean]\n" H,
         "handler.a.clusters: cluster \"default\" is not configured; add [cluster.default], or "
         "use mediterranean"},
        {H "stream.sea-x = X\n",
         "t.ini:3: stream.sea-x: cluster \"sea-x\" is not configured; add [cluster.sea-x], or use default"},
        {"[cluster.b]\n[cluster.default]\n[handler.a]\nstream.b = X\n",
         "handler.a.stream: no stream on cluster default; set stream, or stream.default"},
        {H "deliver_policy = last_per_subject\n",
         "t.ini:3: deliver_policy: last_per_subject needs filter_subjects; set them (> is all)"},
        {"[cluster.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]\n[handler.a]\nclusters = "
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\nstream = "
         "{cluster}{cluster}{cluster}{cluster}{cluster}{cluster}{cluster}\n",
         "t.ini:4: stream: the stream's name on cluster aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa is longer than 255 "
         "characters"},
    };
    (void)state;
    EXPECT_INI_CASES(cases);
}

static void two_handlers_may_not_be_one_consumer(void **state)
{
    static const struct ini_case cases[] = {
        {H "durable = d\n[handler.b]\nstream = S\ndurable = d\n",
         "t.ini:6: durable: handlers a and b both use the consumer d of stream S; give one of them another durable"},
        {"[cluster.x]\ndomain = x\n[cluster.y]\ndomain = y\n" H "clusters = x\ndurable = d\n[handler.b]\nstream = S\n"
         "clusters = y\ndurable = d\n",
         "t.ini:12: durable: consumer d of stream S is used on both x and y, which are two JetStream domains: one ack "
         "would settle both; name the streams apart (stream = {CLUSTER}_...)"},
    };
    static const char *const fine[] = {
        H "durable = d\n[handler.b]\nstream = T\ndurable = d\n",
        H "[handler.b]\nstream = S\n",
        H "durable = d\n[handler.b]\nstream = S\ndurable = d\nenabled = no\n",
        "[cluster.x]\ndomain = x\n[cluster.y]\ndomain = y\n[handler.a]\nstream = {CLUSTER}_S\nclusters = x\ndurable = "
        "d\n"
        "[handler.b]\nstream = {CLUSTER}_S\nclusters = y\ndurable = d\n",
        /* Two clusters without a domain are independent of each other. */
        ("[cluster.x]\n[cluster.y]\n[handler.a]\nstream = S\nclusters = x\ndurable = d\n"
         "[handler.b]\nstream = S\nclusters = y\ndurable = d\n"),
    };
    (void)state;
    EXPECT_INI_CASES(cases);
    expect_fine(fine, sizeof(fine) / sizeof(fine[0]));
}

static void callers_add_problems_of_their_own_once(void **state)
{
    struct config *c = make_config(NULL, NULL, NULL);
    (void)state;
    config_add_problem(c, "%s: does not load", "x.so");
    config_add_problem(c, "%s: does not load", "x.so");
    expect_problem(c, "x.so: does not load");
    config_destroy(c);
    config_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stream_names_follow_the_cluster),
        cmocka_unit_test(cumulative_acks_need_a_consumer_of_their_own),
        cmocka_unit_test(a_batch_that_cannot_be_is_named),
        cmocka_unit_test(a_handler_may_not_read_its_own_dead_letters),
        cmocka_unit_test(a_disabled_handler_is_not_checked),
        cmocka_unit_test(clusters_and_streams_that_do_not_fit_are_named),
        cmocka_unit_test(two_handlers_may_not_be_one_consumer),
        cmocka_unit_test(callers_add_problems_of_their_own_once),
    };
    return cmocka_run_group_tests(tests, enter_temporary, leave_temporary);
}
