/* SPDX-License-Identifier: Apache-2.0
 * consumer_config_test - the document that creates a consumer, and the comparison with a server's. */
#include "base/clock.h"
#include "jetstream/consumer_config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *filters[] = {(char *)"orders.eu.>", (char *)"orders.us.*", (char *)"orders.x"};
static struct consumer_config config;
static struct consumer_comparison found; /* of the last check() */

static int set_up(void **state)
{
    (void)state;
    config = (struct consumer_config){
        .stream = (char *)"ORDERS",
        .name = (char *)"billing-d",
        .deliver_policy = (char *)"all",
        .ack_wait_ns = 30 * NS_PER_SEC,
        .max_ack_pending = 1000,
        .filter_subjects = {.items = filters},
    };
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    consumer_comparison_finish(&found);
    return 0;
}

static json_t *parse(const char *text)
{
    json_error_t e;
    json_t *json = json_loads(text, 0, &e);
    if (!json)
        fail_msg("%s: %s", text, e.text);
    return json;
}

static void expect_request(const char *expected)
{
    json_t *document = consumer_config_write(&config);
    char *text = consumer_config_request(config.stream, document, "create");
    assert_non_null(text);
    json_t *got = parse(text), *want = parse(expected);
    if (!json_equal(got, want))
        fail_msg("got  %s\nwant %s", text, expected);
    json_decref(document);
    json_decref(got);
    json_decref(want);
    free(text);
}

/* ---- CONSUMER.CREATE ---------------------------------------------------------------- */

#define CREATE(more)                                                                                  \
    "{\"stream_name\":\"ORDERS\",\"action\":\"create\",\"config\":{\"durable_name\":\"billing-d\","   \
    "\"name\":\"billing-d\",\"ack_policy\":\"explicit\",\"ack_wait\":30000000000,\"max_deliver\":-1," \
    "\"max_ack_pending\":1000,\"replay_policy\":\"instant\"," more "}}"

static void consumer_without_filter_takes_all(void **state)
{
    (void)state;
    expect_request(CREATE("\"deliver_policy\":\"all\""));
}

static void one_filter_is_filter_subject(void **state)
{
    (void)state;
    config.filter_subjects.n = 1;
    expect_request(CREATE("\"deliver_policy\":\"all\",\"filter_subject\":\"orders.eu.>\""));
}

static void several_filters_are_filter_subjects(void **state)
{
    (void)state;
    config.filter_subjects.n = 2;
    expect_request(CREATE("\"deliver_policy\":\"all\",\"filter_subjects\":[\"orders.eu.>\",\"orders.us.*\"]"));
}

static void each_deliver_policy_is_written(void **state)
{
    (void)state;
    config.deliver_policy = (char *)"new";
    expect_request(CREATE("\"deliver_policy\":\"new\""));
    config.deliver_policy = (char *)"last";
    expect_request(CREATE("\"deliver_policy\":\"last\""));
    config.deliver_policy = (char *)"last_per_subject";
    expect_request(CREATE("\"deliver_policy\":\"last_per_subject\""));
    config.deliver_policy = (char *)"by_start_sequence=12345678901";
    expect_request(CREATE("\"deliver_policy\":\"by_start_sequence\",\"opt_start_seq\":12345678901"));
    config.deliver_policy = (char *)"by_start_time=2026-01-31T12:00:00Z";
    expect_request(CREATE("\"deliver_policy\":\"by_start_time\",\"opt_start_time\":\"2026-01-31T12:00:00Z\""));
}

/* ---- drift and refusal -------------------------------------------------------------- */

static void check(const char *server)
{
    json_t *json = parse(server);
    consumer_comparison_finish(&found);
    assert_int_equal(consumer_config_compare(&config, json, &found), 0);
    json_decref(json);
}

/* A server's document that agrees with the configuration, then `more`: the last of two equal keys counts. */
#define SERVER(more)                                                                                                   \
    "{\"durable_name\":\"billing-d\",\"deliver_policy\":\"all\",\"ack_policy\":\"explicit\",\"ack_wait\":30000000000," \
    "\"max_deliver\":-1,\"max_ack_pending\":1000,\"max_waiting\":512,\"num_replicas\":0,"                              \
    "\"metadata\":{\"_nats.level\":\"1\"}" more "}"

static void expect_drift(const char *server, const char *sentence)
{
    check(server);
    assert_string_equal(buf_str(&found.drift), sentence);
    assert_string_equal(buf_str(&found.refusal), "");
}

static void expect_refusal(const char *server, const char *sentence)
{
    check(server);
    assert_string_equal(buf_str(&found.refusal), sentence);
}

static void same_configuration_has_no_drift(void **state)
{
    (void)state;
    expect_drift(SERVER(""), "");
    assert_true(found.ack_wait_ns == 30 * NS_PER_SEC);
    assert_int_equal(found.max_ack_pending, 1000);
}

static void ack_wait_of_the_server_is_used_and_reported(void **state)
{
    (void)state;
    expect_drift(SERVER(",\"ack_wait\":90000000000"), "ack_wait is 90s on the server, 30s in the configuration");
    assert_true(found.ack_wait_ns == 90 * NS_PER_SEC);
}

static void max_ack_pending_of_the_server_is_used_and_reported(void **state)
{
    (void)state;
    expect_drift(SERVER(",\"max_ack_pending\":5"), "max_ack_pending is 5 on the server, 1000 in the configuration");
    assert_int_equal(found.max_ack_pending, 5);
    expect_drift(SERVER(",\"max_ack_pending\":-1"), "max_ack_pending is none on the server, 1000 in the configuration");
    assert_int_equal(found.max_ack_pending, INT32_MAX); /* no limit */
}

static void unknown_deliver_policy_is_no_drift_from_the_default(void **state)
{
    (void)state;
    expect_drift(SERVER(",\"deliver_policy\":\"orw\""), "");
}

static void a_limit_of_deliveries_is_reported(void **state)
{
    (void)state;
    expect_drift(SERVER(",\"max_deliver\":5"),
                 "max_deliver is 5 on the server: messages that exhaust it are stranded (set -1)");
}

#define FILTERS(theirs, ours) "filter_subjects is " theirs " on the server, " ours " in the configuration"

static void other_filters_are_reported(void **state)
{
    (void)state;
    expect_drift(SERVER(",\"filter_subject\":\"orders.eu.>\""), FILTERS("orders.eu.>", "all"));
    config.filter_subjects.n = 1;
    expect_drift(SERVER(",\"filter_subject\":\"orders.eu.>\""), "");
    expect_drift(SERVER(",\"filter_subjects\":[\"orders.eu.>\"]"), ""); /* another way to write it */
    expect_drift(SERVER(",\"filter_subject\":\"orders.eu.*\""), FILTERS("orders.eu.*", "orders.eu.>"));
    expect_drift(SERVER(""), FILTERS("all", "orders.eu.>"));
    config.filter_subjects.n = 2;
    expect_drift(SERVER(",\"filter_subjects\":[\"orders.us.*\",\"orders.eu.>\"]"), ""); /* in any order */
    expect_drift(SERVER(",\"filter_subjects\":[\"orders.us.*\",\"orders.x\"]"),
                 FILTERS("orders.us.* orders.x", "orders.eu.> orders.us.*"));
    expect_drift(SERVER(",\"filter_subjects\":[\"orders.us.*\",\"orders.eu.>\",\"orders.x\"]"),
                 FILTERS("orders.eu.> orders.us.* orders.x", "orders.eu.> orders.us.*"));
    expect_drift(SERVER(",\"filter_subject\":\"orders.eu.>\""), FILTERS("orders.eu.>", "orders.eu.> orders.us.*"));
}

static void another_start_is_reported_unless_it_is_from_a_seek(void **state)
{
    (void)state;
    expect_drift(SERVER(",\"deliver_policy\":\"new\""), "");
    config.deliver_policy = (char *)"new";
    expect_drift(SERVER(""), "deliver_policy was all when it was created, and is new in the configuration");
    expect_drift(SERVER(",\"deliver_policy\":\"new\""), "");
    expect_drift(SERVER(",\"deliver_policy\":\"by_start_sequence\",\"opt_start_seq\":7"), "");
    config.deliver_policy = (char *)"by_start_sequence=7";
    expect_drift(SERVER(",\"deliver_policy\":\"by_start_sequence\",\"opt_start_seq\":7"), "");
    expect_drift(SERVER(""),
                 "deliver_policy was all when it was created, and is by_start_sequence=7 in the configuration");
}

static void several_differences_are_one_sentence(void **state)
{
    (void)state;
    expect_drift(SERVER(",\"ack_wait\":1000000000,\"max_ack_pending\":7"),
                 "ack_wait is 1s on the server, 30s in the configuration; max_ack_pending is 7 on the server, 1000 in "
                 "the configuration");
}

static void push_consumer_is_refused(void **state)
{
    (void)state;
    expect_refusal(
        SERVER(",\"deliver_subject\":\"push.here\""),
        "deliver_subject is push.here on the server, and none is needed: it is a push consumer; SeaMQ needs a pull "
        "consumer (delete the consumer, or set durable = another name)");
}

static void other_ack_policies_are_refused(void **state)
{
    (void)state;
    expect_refusal(
        SERVER(",\"ack_policy\":\"none\""),
        "ack policy is none on the server, and explicit is needed: it cannot be changed (delete the consumer, or set "
        "durable = another name)");
    expect_refusal(
        SERVER(",\"ack_policy\":\"all\""),
        "ack policy is all on the server, and explicit is needed: it cannot be changed (delete the consumer, or set "
        "durable = another name)");
}

static void priority_groups_are_refused(void **state)
{
    (void)state;
    expect_refusal(
        SERVER(",\"priority_policy\":\"overflow\",\"priority_groups\":[\"a\"]"),
        "priority groups is a on the server, and none is needed: a consumer with priority groups refuses plain pull "
        "requests (delete the consumer, or set durable = another name)");
    expect_refusal(SERVER(",\"priority_policy\":\"none\""), "");
}

static void several_filters_need_a_server_that_keeps_them(void **state)
{
    (void)state;
    config.filter_subjects.n = 2;
    expect_refusal(SERVER(""),
                   "it has no filter and would deliver every subject: servers before 2.10 know one filter only");
    config.filter_subjects.n = 1;
    expect_refusal(SERVER(""), "");
}

static void invalid_documents_give_valid_limits(void **state)
{
    static const char *const documents[] = {
        "{}",
        "{\"ack_wait\":-5,\"max_ack_pending\":\"x\",\"filter_subjects\":7,\"filter_subject\":[],\"ack_policy\":1}",
        "{\"ack_wait\":9223372036854775807,\"max_ack_pending\":9223372036854775807,\"max_deliver\":"
        "9223372036854775807}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
        check(documents[i]);
        assert_true(found.ack_wait_ns >= 0 && found.max_ack_pending > 0);
    }
    consumer_comparison_finish(&found);
    assert_int_equal(consumer_config_compare(&config, NULL, &found), 0);
    assert_int_equal(found.ack_wait_ns, 0);
}

/* ---- of a handler ---------------------------------------------------------------------- */

static void a_handler_s_filters_get_the_cluster_s_name(void **state)
{
    static char *templates[] = {(char *)"{cluster}.orders", (char *)"all.>"};
    const struct config_cluster cluster = {.name = (char *)"sea-a"};
    struct config_handler handler = {.durable = (char *)"billing-shadow",
                                     .deliver_policy = (char *)"new",
                                     .ack = ACK_CUMULATIVE,
                                     .ack_wait_ns = NS_PER_SEC,
                                     .max_ack_pending = 7,
                                     .filter_subjects = {templates, 2}};
    struct consumer_config c;
    (void)state;
    assert_int_equal(consumer_config_for_handler(&c, &handler, &cluster, "ORDERS"), 0);
    assert_string_equal(c.filter_subjects.items[0], "sea-a.orders");
    assert_string_equal(c.filter_subjects.items[1], "all.>");
    assert_null(consumer_config_path(&c).filter);
    assert_int_equal(c.inactive_threshold_ns, 0);
    consumer_config_finish(&c);

    handler.shadow = true; /* the server deletes the consumer of a trial that is over */
    handler.filter_subjects.n = 1;
    assert_int_equal(consumer_config_for_handler(&c, &handler, &cluster, "ORDERS"), 0);
    json_t *document = consumer_config_write(&c);
    assert_string_equal(consumer_config_path(&c).filter, "sea-a.orders");
    assert_string_equal(json_string_value(json_object_get(document, "ack_policy")), "all");
    assert_int_equal(json_integer_value(json_object_get(document, "inactive_threshold")), 24 * 3600 * NS_PER_SEC);
    json_decref(document);
    consumer_config_finish(&c);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(consumer_without_filter_takes_all),
        TEST(one_filter_is_filter_subject),
        TEST(several_filters_are_filter_subjects),
        TEST(each_deliver_policy_is_written),
        TEST(same_configuration_has_no_drift),
        TEST(ack_wait_of_the_server_is_used_and_reported),
        TEST(max_ack_pending_of_the_server_is_used_and_reported),
        TEST(unknown_deliver_policy_is_no_drift_from_the_default),
        TEST(a_limit_of_deliveries_is_reported),
        TEST(other_filters_are_reported),
        TEST(another_start_is_reported_unless_it_is_from_a_seek),
        TEST(several_differences_are_one_sentence),
        TEST(push_consumer_is_refused),
        TEST(other_ack_policies_are_refused),
        TEST(priority_groups_are_refused),
        TEST(several_filters_need_a_server_that_keeps_them),
        TEST(invalid_documents_give_valid_limits),
        TEST(a_handler_s_filters_get_the_cluster_s_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
