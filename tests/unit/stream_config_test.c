/* SPDX-License-Identifier: Apache-2.0
 * stream_config_test - the document of a stream, and the subjects that a stream captures. */
#include "base/clock.h"
#include "jetstream/stream_config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static json_t *parse(const char *text)
{
    json_error_t e;
    json_t *json = json_loads(text, 0, &e);
    if (!json)
        fail_msg("%s: %s", text, e.text);
    return json;
}

/* Takes `got`. */
static void expect_json(json_t *got, const char *expected)
{
    json_t *want = parse(expected);
    char *text = json_dumps(got, JSON_COMPACT);
    if (!json_equal(got, want))
        fail_msg("got  %s\nwant %s", text ? text : "NULL", expected);
    free(text);
    json_decref(want);
    json_decref(got);
}

static void only_what_differs_from_the_server_s_default_is_written(void **state)
{
    char *subjects[] = {(char *)"dlq.ORDERS.>"};
    struct stream_config s = {
        .name = (char *)"DLQ", .description = (char *)"text", .subjects = {subjects, 1}, .replicas = 3};
    (void)state;
    expect_json(stream_config_write(&s, NULL),
                "{\"name\":\"DLQ\",\"description\":\"text\",\"subjects\":[\"dlq.ORDERS.>\"],\"retention\":\"limits\","
                "\"storage\":\"file\",\"discard\":\"old\",\"num_replicas\":3,\"max_bytes\":-1,\"max_msgs\":-1,"
                "\"max_msg_size\":-1}");
}

static void each_field_is_written_at_its_path(void **state)
{
    char *sources[] = {(char *)"A", (char *)"B@sea-b", (char *)"C@here"};
    char *tags[] = {(char *)"ssd"};
    struct stream_config s = {.name = (char *)"ALL",
                              .storage = STORAGE_MEMORY,
                              .retention = RETENTION_WORKQUEUE,
                              .discard = DISCARD_NEW,
                              .max_age_ns = NS_PER_SEC,
                              .max_bytes = 1,
                              .max_msgs = 2,
                              .max_msg_size = 3,
                              .duplicate_window_ns = 5,
                              .sources = {sources, 3},
                              .placement_cluster = (char *)"east",
                              .placement_tags = {tags, 1}};
    (void)state;
    expect_json(stream_config_write(&s, "here"),
                "{\"name\":\"ALL\",\"retention\":\"workqueue\",\"storage\":\"memory\",\"discard\":\"new\","
                "\"max_age\":1000000000,\"max_bytes\":1,\"max_msgs\":2,\"max_msg_size\":3,\"duplicate_window\":5,"
                "\"sources\":[{\"name\":\"A\"},{\"name\":\"B\",\"external\":{\"api\":\"$JS.sea-b.API\","
                "\"deliver\":\"\"}},{\"name\":\"C\"}],\"placement\":{\"cluster\":\"east\",\"tags\":[\"ssd\"]}}");
    s = (struct stream_config){.name = (char *)"M", .mirror = (char *)"A@sea-b"};
    json_t *document = stream_config_write(&s, NULL);
    struct buf text = {0};
    js_field_text(js_table_find(&stream_fields, "mirror"), document, NULL, &text);
    assert_string_equal(buf_str(&text), "A@sea-b");
    buf_finish(&text);
    json_decref(document);
}

static void a_text_that_is_not_utf8_is_not_written(void **state)
{
    struct stream_config s = {.name = (char *)"\xff"};
    (void)state;
    assert_null(stream_config_write(&s, NULL));
}

static void subject_is_added_to_an_existing_stream(void **state)
{
    (void)state;
    json_t *config = parse("{\"name\":\"DLQ\",\"subjects\":[\"dlq.A.>\"],\"max_age\":5}");
    expect_json(stream_with_subject(config, "dlq.ORDERS.>"),
                "{\"name\":\"DLQ\",\"subjects\":[\"dlq.A.>\",\"dlq.ORDERS.>\"],\"max_age\":5}");
    assert_int_equal(json_array_size(json_object_get(config, "subjects")), 1); /* the argument stays */
    json_decref(config);
    config = parse("{\"name\":\"DLQ\",\"sources\":[]}");
    expect_json(stream_with_subject(config, "dlq.ORDERS.>"),
                "{\"name\":\"DLQ\",\"sources\":[],\"subjects\":[\"dlq.ORDERS.>\"]}");
    json_decref(config);
}

static bool captures(const char *pattern, const char *subject)
{
    json_t *config = json_pack("{s:[s, i, s]}", "subjects", "unrelated", 5, pattern);
    bool yes = stream_captures(config, subject);
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
    assert_false(stream_captures(config, "dlq.ORDERS.>"));
    assert_false(stream_captures(NULL, "dlq.ORDERS.>"));
    json_decref(config);
}

static void expect_unmatched(const char *document, size_t n_filters, const char *expected)
{
    static char *filters[] = {(char *)"orders.eu.>", (char *)"orders.us.*", (char *)"orders.x"};
    json_t *json = parse(document);
    const struct strv wanted = {filters, n_filters};
    struct buf why = {0};
    assert_int_equal(stream_matches_no_filter(json, &wanted, &why), *expected != '\0');
    assert_string_equal(buf_str(&why), expected);
    buf_finish(&why);
    json_decref(json);
}

static void filters_that_no_subject_of_the_stream_matches_are_reported(void **state)
{
    (void)state;
    expect_unmatched("{\"subjects\":[\"eu.>\"]}", 0, ""); /* no filter: all */
    expect_unmatched("{\"subjects\":[\"eu.>\", \"orders.us.>\"]}", 1,
                     "captures eu.> orders.us.>, and filter_subjects is orders.eu.>");
    expect_unmatched("{\"subjects\":[\"eu.>\", \"*.eu.x\"]}", 1, "");
    expect_unmatched("{\"subjects\":[\"eu.>\"],\"sources\":[{\"name\":\"A\"}]}", 1, "");
    expect_unmatched("{\"subjects\":[\"eu.>\"],\"subject_transform\":{\"src\":\"eu.>\",\"dest\":\"orders.eu.>\"}}", 1,
                     "");
    expect_unmatched("{\"mirror\":{\"name\":\"A\"}}", 1, "");
    expect_unmatched("{}", 1, "");
    expect_unmatched("{\"subjects\":[\"eu.>\"]}", 2, "captures eu.>, and filter_subjects is orders.eu.> orders.us.*");
    expect_unmatched("{\"subjects\":[\"orders.*.>\"]}", 3, ""); /* only the third gets nothing */
    expect_unmatched("{\"subjects\":[\"orders.>\"]}", 3, "");
    expect_unmatched("{\"subjects\":[5]}", 3, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_differs_from_the_server_s_default_is_written),
        cmocka_unit_test(each_field_is_written_at_its_path),
        cmocka_unit_test(a_text_that_is_not_utf8_is_not_written),
        cmocka_unit_test(subject_is_added_to_an_existing_stream),
        cmocka_unit_test(capturing_means_every_subject),
        cmocka_unit_test(stream_without_subjects_captures_nothing),
        cmocka_unit_test(filters_that_no_subject_of_the_stream_matches_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
