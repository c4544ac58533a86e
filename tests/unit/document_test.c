/* SPDX-License-Identifier: Apache-2.0
 * document_test - the JSON that SeaMQ sends to JetStream, and what it reads out of its answers. */
#include "consumer/consumer_private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *filters[] = {(char *)"orders.eu.>", (char *)"orders.us.*", (char *)"orders.x"};
static struct config_handler handler;
static struct consumer consumer;
static const struct config_cluster cluster = {.name = (char *)"sea-a"};
static char drift[CONSUMER_REASON_MAX];
static char refusal[CONSUMER_REASON_MAX];

static int set_up(void **state)
{
    (void)state;
    handler = (struct config_handler){
        .name = (char *)"billing",
        .durable = (char *)"billing-d",
        .deliver_policy = (char *)"all",
        .ack_wait_ns = 30 * NS_PER_SEC,
        .max_ack_pending = 1000,
        .filter_subjects = {.items = filters},
    };
    consumer = (struct consumer){.handler = &handler,
                                 .cluster = &cluster,
                                 .stream = (char *)"ORDERS",
                                 .dead_letter = (char *)"DLQ",
                                 .stream_replicas = 3};
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

static void expect_json(char *text, const char *expected)
{
    assert_non_null(text);
    json_t *got = parse(text), *want = parse(expected);
    if (!json_equal(got, want))
        fail_msg("got  %s\nwant %s", text, expected);
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
    expect_json(document_consumer_create(&consumer), CREATE("\"deliver_policy\":\"all\""));
}

static void one_filter_is_filter_subject(void **state)
{
    (void)state;
    handler.filter_subjects.n = 1;
    expect_json(document_consumer_create(&consumer),
                CREATE("\"deliver_policy\":\"all\",\"filter_subject\":\"orders.eu.>\""));
}

static void several_filters_are_filter_subjects(void **state)
{
    (void)state;
    handler.filter_subjects.n = 2;
    expect_json(document_consumer_create(&consumer),
                CREATE("\"deliver_policy\":\"all\",\"filter_subjects\":[\"orders.eu.>\",\"orders.us.*\"]"));
}

static void each_deliver_policy_is_written(void **state)
{
    (void)state;
    handler.deliver_policy = (char *)"new";
    expect_json(document_consumer_create(&consumer), CREATE("\"deliver_policy\":\"new\""));
    handler.deliver_policy = (char *)"last";
    expect_json(document_consumer_create(&consumer), CREATE("\"deliver_policy\":\"last\""));
    handler.deliver_policy = (char *)"last_per_subject";
    expect_json(document_consumer_create(&consumer), CREATE("\"deliver_policy\":\"last_per_subject\""));
    handler.deliver_policy = (char *)"by_start_sequence=12345678901";
    expect_json(document_consumer_create(&consumer),
                CREATE("\"deliver_policy\":\"by_start_sequence\",\"opt_start_seq\":12345678901"));
    handler.deliver_policy = (char *)"by_start_time=2026-01-31T12:00:00Z";
    expect_json(document_consumer_create(&consumer),
                CREATE("\"deliver_policy\":\"by_start_time\",\"opt_start_time\":\"2026-01-31T12:00:00Z\""));
}

/* ---- drift and refusal -------------------------------------------------------------- */

static void check(const char *config)
{
    json_t *json = parse(config);
    memset(drift, 'x', sizeof(drift));
    memset(refusal, 'x', sizeof(refusal));
    document_consumer_check(&consumer, json, drift, sizeof(drift), refusal, sizeof(refusal));
    json_decref(json);
}

/* `more` comes behind what agrees with the configuration; the last of two equal keys counts. */
#define SERVER(more)                                                                                                   \
    "{\"durable_name\":\"billing-d\",\"deliver_policy\":\"all\",\"ack_policy\":\"explicit\",\"ack_wait\":30000000000," \
    "\"max_deliver\":-1,\"max_ack_pending\":1000,\"max_waiting\":512,\"num_replicas\":0,"                              \
    "\"metadata\":{\"_nats.level\":\"1\"}" more "}"

static void expect_drift(const char *config, const char *sentence)
{
    check(config);
    assert_string_equal(drift, sentence);
    assert_string_equal(refusal, "");
}

static void expect_refusal(const char *config, const char *sentence)
{
    check(config);
    assert_string_equal(refusal, sentence);
}

static void same_configuration_has_no_drift(void **state)
{
    (void)state;
    expect_drift(SERVER(""), "");
    assert_true(consumer.ack_wait_ns == 30 * NS_PER_SEC);
    assert_int_equal(consumer.max_ack_pending, 1000);
}

static void ack_wait_of_the_server_is_taken_over_and_said(void **state)
{
    (void)state;
    expect_drift(SERVER(",\"ack_wait\":90000000000"), "ack_wait is 90s on the server, 30s in the configuration");
    assert_true(consumer.ack_wait_ns == 90 * NS_PER_SEC);
}

static void max_ack_pending_of_the_server_is_taken_over_and_said(void **state)
{
    (void)state;
    expect_drift(SERVER(",\"max_ack_pending\":5"), "max_ack_pending is 5 on the server, 1000 in the configuration");
    assert_int_equal(consumer.max_ack_pending, 5);
    expect_drift(SERVER(",\"max_ack_pending\":-1"), "max_ack_pending is -1 on the server, 1000 in the configuration");
    assert_int_equal(consumer.max_ack_pending, INT32_MAX); /* no limit */
}

static void unknown_deliver_policy_is_no_drift_from_the_default(void **state)
{
    (void)state;
    json_t *config = parse("{\"deliver_policy\":\"orw\",\"ack_policy\":\"explicit\",\"max_ack_pending\":1000}");
    handler.filter_subjects.n = 0;
    document_consumer_check(&consumer, config, drift, sizeof(drift), refusal, sizeof(refusal));
    assert_string_equal(drift, "");
    assert_string_equal(refusal, "");
    json_decref(config);
}

static void limit_of_deliveries_is_said(void **state)
{
    (void)state;
    expect_drift(SERVER(",\"max_deliver\":5"),
                 "max_deliver is 5 on the server: messages that exhaust it are stranded (set -1)");
}

#define FILTERS(theirs, ours) "filter_subjects is " theirs " on the server, " ours " in the configuration"

static void other_filters_are_said(void **state)
{
    (void)state;
    expect_drift(SERVER(",\"filter_subject\":\"orders.eu.>\""), FILTERS("orders.eu.>", "all"));
    handler.filter_subjects.n = 1;
    expect_drift(SERVER(",\"filter_subject\":\"orders.eu.>\""), "");
    expect_drift(SERVER(",\"filter_subjects\":[\"orders.eu.>\"]"), ""); /* another way to write it */
    expect_drift(SERVER(",\"filter_subject\":\"orders.eu.*\""), FILTERS("orders.eu.*", "orders.eu.>"));
    expect_drift(SERVER(""), FILTERS("all", "orders.eu.>"));
    handler.filter_subjects.n = 2;
    expect_drift(SERVER(",\"filter_subjects\":[\"orders.us.*\",\"orders.eu.>\"]"), ""); /* in any order */
    expect_drift(SERVER(",\"filter_subjects\":[\"orders.us.*\",\"orders.x\"]"),
                 FILTERS("orders.us.* orders.x", "orders.eu.> orders.us.*"));
    expect_drift(SERVER(",\"filter_subjects\":[\"orders.us.*\",\"orders.eu.>\",\"orders.x\"]"),
                 FILTERS("orders.us.* orders.eu.> orders.x", "orders.eu.> orders.us.*"));
    expect_drift(SERVER(",\"filter_subject\":\"orders.eu.>\""), FILTERS("orders.eu.>", "orders.eu.> orders.us.*"));
}

static void another_start_is_said_unless_a_seek_made_it(void **state)
{
    (void)state;
    expect_drift(SERVER(",\"deliver_policy\":\"new\""), "");
    handler.deliver_policy = (char *)"new";
    expect_drift(SERVER(""), "deliver_policy was all when it was created, and is new in the configuration");
    expect_drift(SERVER(",\"deliver_policy\":\"new\""), "");
    expect_drift(SERVER(",\"deliver_policy\":\"by_start_sequence\",\"opt_start_seq\":7"), "");
    handler.deliver_policy = (char *)"by_start_sequence=7";
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
    expect_refusal(SERVER(",\"deliver_subject\":\"push.here\""),
                   "it is a push consumer; SeaMQ needs a pull consumer (delete it, or set durable = another name)");
}

static void other_ack_policies_are_refused(void **state)
{
    (void)state;
    expect_refusal(SERVER(",\"ack_policy\":\"none\""),
                   "its ack policy is \"none\" and cannot be changed; SeaMQ needs \"explicit\" (delete it, or set "
                   "durable = another name)");
    expect_refusal(SERVER(",\"ack_policy\":\"all\""),
                   "its ack policy is \"all\" and cannot be changed; SeaMQ needs \"explicit\" (delete it, or set "
                   "durable = another name)");
}

static void priority_groups_are_refused(void **state)
{
    (void)state;
    expect_refusal(SERVER(",\"priority_policy\":\"overflow\",\"priority_groups\":[\"a\"]"),
                   "it has priority groups, with which every plain pull is refused");
    expect_refusal(SERVER(",\"priority_policy\":\"none\""), "");
}

static void nonsense_of_a_server_does_no_harm(void **state)
{
    (void)state;
    char big[4096];
    consumer.ack_wait_ns = 30 * NS_PER_SEC;
    check("{}");
    check("{\"ack_wait\":-5,\"max_ack_pending\":\"x\",\"filter_subjects\":7,\"filter_subject\":[],\"ack_policy\":1}");
    assert_true(consumer.ack_wait_ns > 0 && consumer.max_ack_pending > 0);
    check("{\"ack_wait\":9223372036854775807,\"max_ack_pending\":9223372036854775807,\"max_deliver\":"
          "9223372036854775807}");
    snprintf(big, sizeof(big), "{\"ack_policy\":\"%03000d\",\"deliver_subject\":\"x\"}", 0);
    check(big);
    assert_true(memchr(refusal, '\0', sizeof(refusal)) && memchr(drift, '\0', sizeof(drift)));
    document_consumer_check(&consumer, NULL, drift, sizeof(drift), refusal, sizeof(refusal));
}

/* ---- the dead-letter stream ------------------------------------------------------------ */

static void dead_letter_stream_has_the_replicas_of_its_source(void **state)
{
    (void)state;
    expect_json(document_dead_letter_create(&consumer, "dlq.ORDERS.>"),
                "{\"name\":\"DLQ\",\"description\":\"Dead letters of SeaMQ handlers\",\"subjects\":[\"dlq.ORDERS.>\"],"
                "\"retention\":\"limits\",\"storage\":\"file\",\"discard\":\"old\",\"num_replicas\":3}");
}

static void subject_is_added_to_an_existing_stream(void **state)
{
    (void)state;
    json_t *config = parse("{\"name\":\"DLQ\",\"subjects\":[\"dlq.A.>\"],\"max_age\":5}");
    expect_json(document_dead_letter_update(config, "dlq.ORDERS.>"),
                "{\"name\":\"DLQ\",\"subjects\":[\"dlq.A.>\",\"dlq.ORDERS.>\"],\"max_age\":5}");
    assert_int_equal(json_array_size(json_object_get(config, "subjects")), 1); /* the argument stays */
    json_decref(config);
    config = parse("{\"name\":\"DLQ\",\"sources\":[]}");
    expect_json(document_dead_letter_update(config, "dlq.ORDERS.>"),
                "{\"name\":\"DLQ\",\"sources\":[],\"subjects\":[\"dlq.ORDERS.>\"]}");
    json_decref(config);
}

static bool captures(const char *pattern, const char *subject)
{
    json_t *config = json_pack("{s:[s, i, s]}", "subjects", "unrelated", 5, pattern);
    bool yes = document_stream_captures(config, subject);
    json_decref(config);
    return yes;
}

static void capturing_means_every_subject(void **state)
{
    (void)state;
    static const char *const yes[][2] = {
        {"dlq.ORDERS.>", "dlq.ORDERS.>"},
        {"dlq.>", "dlq.ORDERS.>"},
        {">", "dlq.ORDERS.>"},
        {"dlq.*.>", "dlq.ORDERS.>"},
        {"*.*.>", "dlq.ORDERS.>"},
        {"*.>", "dlq.ORDERS.>"},
        {"a.*.c", "a.b.c"},
        {"a.*", "a.*"},
        {"a.b", "a.b"},
        {"*", "a"},
        {">", "a"},
        {"a.>", "a.*"},
    };
    static const char *const no[][2] = {
        {"dlq.ORDERS.*", "dlq.ORDERS.>"},
        {"dlq.ORDERS.*.*.*", "dlq.ORDERS.>"},
        {"dlq.ORDERS", "dlq.ORDERS.>"},
        {"dlq.ORDER.>", "dlq.ORDERS.>"},
        {"dlq.ORDERSX.>", "dlq.ORDERS.>"},
        {"dlq.orders.>", "dlq.ORDERS.>"},
        {"dlq.ORDERS.billing.>", "dlq.ORDERS.>"},
        {"a.b", "a.*"},
        {"*", "a.b"},
        {"a.*", "a"},
        {"a.>", "a"},
        {"a", "a.b"},
        {"a.b.c", "a.b"},
        {"*", ">"},
        {"a.*", "a.>"},
        {"", "a"},
        {"a", ""},
        {"x>", "xa"},
        {"a.x*", "a.xy"},
    };
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
        if (!captures(yes[i][0], yes[i][1]))
            fail_msg("%s captures all of %s", yes[i][0], yes[i][1]);
    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
        if (captures(no[i][0], no[i][1]))
            fail_msg("%s does not capture all of %s", no[i][0], no[i][1]);
}

static void stream_without_subjects_captures_nothing(void **state)
{
    (void)state;
    json_t *config = parse("{\"mirror\":{\"name\":\"X\"}}");
    assert_false(document_stream_captures(config, "dlq.ORDERS.>"));
    assert_false(document_stream_captures(NULL, "dlq.ORDERS.>"));
    json_decref(config);
}

static void expect_lack(const char *config, const char *sentence)
{
    json_t *json = parse(config);
    char lack[CONSUMER_REASON_MAX] = "";
    assert_int_equal(document_stream_lacks(&consumer, json, lack, sizeof(lack)), *sentence != '\0');
    assert_string_equal(lack, sentence);
    json_decref(json);
}

#define LACKS(captured, filter)                                                                      \
    "stream ORDERS captures " captured ", and filter_subjects takes " filter " of it: nothing will " \
    "come (set handler.billing.filter_subjects, or give the stream that subject)"

static void a_filter_that_no_subject_of_the_stream_matches_is_said(void **state)
{
    (void)state;
    expect_lack("{\"subjects\":[\"eu.>\"]}", ""); /* no filter: all */
    handler.filter_subjects.n = 1;
    expect_lack("{\"subjects\":[\"eu.>\", \"orders.us.>\"]}", LACKS("eu.> orders.us.>", "orders.eu.>"));
    expect_lack("{\"subjects\":[\"eu.>\", \"*.eu.x\"]}", "");
    expect_lack("{\"subjects\":[\"eu.>\"],\"sources\":[{\"name\":\"A\"}]}", "");
    expect_lack("{\"subjects\":[\"eu.>\"],\"subject_transform\":{\"src\":\"eu.>\",\"dest\":\"orders.eu.>\"}}", "");
    expect_lack("{\"mirror\":{\"name\":\"A\"}}", "");
    expect_lack("{}", "");
    handler.filter_subjects.n = 2;
    expect_lack("{\"subjects\":[\"eu.>\"]}", LACKS("eu.>", "orders.eu.> orders.us.*"));
    handler.filter_subjects.n = 3;
    expect_lack("{\"subjects\":[\"orders.*.>\"]}", ""); /* the third alone gets nothing */
    expect_lack("{\"subjects\":[\"orders.>\"]}", "");
    expect_lack("{\"subjects\":[5]}", "");
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(consumer_without_filter_takes_all),
        TEST(one_filter_is_filter_subject),
        TEST(several_filters_are_filter_subjects),
        TEST(each_deliver_policy_is_written),
        TEST(same_configuration_has_no_drift),
        TEST(ack_wait_of_the_server_is_taken_over_and_said),
        TEST(max_ack_pending_of_the_server_is_taken_over_and_said),
        TEST(unknown_deliver_policy_is_no_drift_from_the_default),
        TEST(limit_of_deliveries_is_said),
        TEST(other_filters_are_said),
        TEST(another_start_is_said_unless_a_seek_made_it),
        TEST(several_differences_are_one_sentence),
        TEST(push_consumer_is_refused),
        TEST(other_ack_policies_are_refused),
        TEST(priority_groups_are_refused),
        TEST(nonsense_of_a_server_does_no_harm),
        TEST(dead_letter_stream_has_the_replicas_of_its_source),
        TEST(subject_is_added_to_an_existing_stream),
        TEST(capturing_means_every_subject),
        TEST(a_filter_that_no_subject_of_the_stream_matches_is_said),
        TEST(stream_without_subjects_captures_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
