/* SPDX-License-Identifier: Apache-2.0
 * dlq_test - the parsing of stored messages, filters and replay journals of `seamq dlq`, without a server. */
#include "base/base64.h"
#include "base/clock.h"
#include "cli/dlq/journal.h"
#include "cli/dlq/filter.h"
#include "cli/time_option.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void expect_bytes(struct buf *b, const char *bytes, size_t len)
{
    assert_int_equal(b->len, len);
    assert_memory_equal(buf_str(b), bytes, len);
    buf_finish(b);
}

static void base64_is_encoded_and_decoded(void **state)
{
    static const char *const pairs[][2] = {{"", ""},        {"f", "Zg=="},        {"fo", "Zm8="},
                                           {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"foobar", "Zm9vYmFy"}};
    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        struct buf b = {0};
        base64_encode(pairs[i][0], strlen(pairs[i][0]), &b);
        expect_bytes(&b, pairs[i][1], strlen(pairs[i][1]));
        b = (struct buf){0};
        assert_int_equal(base64_decode(pairs[i][1], strlen(pairs[i][1]), &b), 0);
        expect_bytes(&b, pairs[i][0], strlen(pairs[i][0]));
    }
    struct buf b = {0};
    assert_int_equal(base64_decode("Zg", 2, &b), 0); /* without padding */
    expect_bytes(&b, "f", 1);
    assert_int_equal(base64_decode("Z", 1, &b), -EINVAL);
    assert_int_equal(base64_decode("Z-==", 4, &b), -EINVAL);
    buf_finish(&b);
}

/* An answer of STREAM.MSG.GET with this header block and payload. */
static json_t *answer(const char *subject, const char *headers, const char *data)
{
    struct buf h = {0};
    struct buf d = {0};
    base64_encode(headers, strlen(headers), &h);
    base64_encode(data, strlen(data), &d);
    json_t *json = json_pack("{s:{s:s, s:i, s:s, s:s, s:s}}", "message", "subject", subject, "seq", 17, "time",
                             "2026-01-31T12:00:00.5Z", "hdrs", buf_str(&h), "data", buf_str(&d));
    buf_finish(&h);
    buf_finish(&d);
    return json;
}

static void a_stored_message_is_parsed(void **state)
{
    (void)state;
    struct stored_message m = {0};
    json_t *json = answer("a.b", "NATS/1.0\r\nA: 1\r\nB:2\r\nA: x: y\r\nEmpty:\r\nnoise\r\n\r\n", "payload");
    assert_int_equal(stored_message_parse(json, &m), 0);
    json_decref(json);
    assert_int_equal(m.seq, 17);
    assert_string_equal(m.subject, "a.b");
    assert_string_equal(m.time, "2026-01-31T12:00:00.5Z");
    assert_int_equal(m.time_ns % NS_PER_SEC, NS_PER_SEC / 2);
    assert_memory_equal(m.data.data, "payload", 7);
    assert_string_equal(stored_message_header(&m, "A"), "1");
    assert_string_equal(stored_message_header(&m, "B"), "2");
    assert_string_equal(stored_message_header(&m, "Empty"), "");
    assert_null(stored_message_header(&m, "noise"));
    const char *name;
    const char *value;
    size_t n = 0;
    for (size_t at = 0; stored_message_next_header(&m, &at, &name, &value); n++)
        if (n == 2)
            assert_string_equal(value, "x: y");
    assert_int_equal(n, 4);
    stored_message_finish(&m);
}

static void an_answer_without_a_message_is_refused(void **state)
{
    static const char *const bad[] = {
        "{}",
        "{\"message\":{}}",
        "{\"message\":{\"subject\":\"a\",\"seq\":0,\"time\":\"x\"}}",
        "{\"message\":{\"subject\":\"a\",\"seq\":1}}",
        "{\"message\":{\"subject\":\"a\",\"seq\":1,\"time\":\"x\",\"data\":\"?\"}}",
        "{\"message\":{\"subject\":\"a\",\"seq\":1,\"time\":\"x\",\"data\":5}}",
        "{\"message\":{\"subject\":\"a\",\"seq\":1,\"time\":\"x\",\"hdrs\":\"Z\"}}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct stored_message m = {0};
        json_t *json = json_loads(bad[i], 0, NULL);
        assert_int_equal(stored_message_parse(json, &m), -EBADMSG);
        json_decref(json);
    }
}

static void a_dead_letter_is_recognized_by_its_subject(void **state)
{
    static const char *const others[] = {"dlq.S.replay",
                                         "dlq.S.C.1",
                                         "dlq.S.C.1.2.3",
                                         "dlq.S.C.x.2",
                                         "dlq.S.C.1.",
                                         "dlq.S.C.1.2x",
                                         "dlq..C.1.2",
                                         "dlq.S..1.2",
                                         "DLQ.S.C.1.2",
                                         "dlq.S.C..2",
                                         "dlq.S.C.-1.2",
                                         "x",
                                         "",
                                         "dlq.S.C.1.99999999999999999999"};
    (void)state;
    struct stored_message m = {.seq = 1, .subject = (char *)"dlq.ORDERS.billing.1700000000000000000.42"};
    struct dead_letter d;
    assert_int_equal(stored_message_dead_letter(&m, &d), 0);
    assert_string_equal(d.stream, "ORDERS");
    assert_string_equal(d.consumer, "billing");
    assert_int_equal(d.created_ns, 1700000000000000000);
    assert_int_equal(d.seq, 42);
    assert_string_equal(d.reason, "");
    assert_int_equal(d.replays, 0);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        m.subject = (char *)others[i];
        assert_int_equal(stored_message_dead_letter(&m, &d), -EINVAL);
    }
}

static void ranges_are_parsed(void **state)
{
    (void)state;
    struct dlq_range r;
    struct error err;
    assert_int_equal(dlq_range_parse("17", &r, &err), 0);
    assert_int_equal(r.first, 17);
    assert_int_equal(r.last, 17);
    assert_int_equal(dlq_range_parse("17-20", &r, &err), 0);
    assert_int_equal(r.last, 20);
    assert_int_equal(dlq_range_parse("17-", &r, &err), 0);
    assert_true(r.last == UINT64_MAX);
    static const char *const bad[] = {"", "0", "-3", "x", "1-x", "1--2", "3 ", "99999999999999999999", "5-4"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(dlq_range_parse(bad[i], &r, &err), -EINVAL);
    assert_non_null(strstr(err.text, "ends before it begins"));
}

static void a_time_is_absolute_or_a_duration_before_now(void **state)
{
    (void)state;
    int64_t ns;
    struct error err;
    assert_int_equal(time_option_parse("2h", 10000 * NS_PER_SEC, &ns, &err), 0);
    assert_int_equal(ns, 2800 * NS_PER_SEC);
    assert_int_equal(time_option_parse("1970-01-01T00:00:01Z", 0, &ns, &err), 0);
    assert_int_equal(ns, NS_PER_SEC);
    assert_int_equal(time_option_parse("tomorrow", NS_PER_SEC, &ns, &err), -EINVAL);
    assert_non_null(strstr(err.text, "\"tomorrow\" is not a time"));
}

static void a_filter_needs_all_its_conditions(void **state)
{
    (void)state;
    struct stored_message m = {.seq = 5, .time_ns = 100};
    struct dead_letter d = {.stream = "S", .consumer = "c", .handler = "h", .reason = "crash", .subject = "a.b"};
    assert_true(dlq_filter_matches(&(struct dlq_filter){0}, &m, &d));
    assert_true(dlq_filter_matches(&(struct dlq_filter){.stream = "S",
                                                        .consumer = "c",
                                                        .handler = "h",
                                                        .reason = "crash",
                                                        .subject = "a.*",
                                                        .since_ns = 100,
                                                        .until_ns = 101},
                                   &m, &d));
    assert_false(dlq_filter_matches(&(struct dlq_filter){.stream = "s"}, &m, &d));
    assert_false(dlq_filter_matches(&(struct dlq_filter){.consumer = "d"}, &m, &d));
    assert_false(dlq_filter_matches(&(struct dlq_filter){.handler = "c"}, &m, &d));
    assert_false(dlq_filter_matches(&(struct dlq_filter){.reason = "timeout"}, &m, &d));
    assert_false(dlq_filter_matches(&(struct dlq_filter){.subject = "a"}, &m, &d));
    assert_false(dlq_filter_matches(&(struct dlq_filter){.since_ns = 101}, &m, &d));
    assert_false(dlq_filter_matches(&(struct dlq_filter){.until_ns = 100}, &m, &d));
    m.time_ns = -1; /* before 1970: selected by a filter without a start */
    assert_true(dlq_filter_matches(&(struct dlq_filter){0}, &m, &d));
    assert_false(dlq_filter_matches(&(struct dlq_filter){.since_ns = 1}, &m, &d));
    m.time_ns = 100;
    assert_false(dlq_filter_matches(&(struct dlq_filter){.ranges = {{6, 9}}, .n_ranges = 1}, &m, &d));
    assert_true(dlq_filter_matches(&(struct dlq_filter){.ranges = {{6, 9}, {5, 5}}, .n_ranges = 2}, &m, &d));
}

static void the_next_sequence_skips_gaps_between_ranges(void **state)
{
    (void)state;
    const struct dlq_filter all = {0};
    const struct dlq_filter some = {.ranges = {{20, 22}, {5, 5}}, .n_ranges = 2};
    assert_int_equal(dlq_filter_next_seq(&all, 7), 7);
    assert_int_equal(dlq_filter_next_seq(&some, 1), 5);
    assert_int_equal(dlq_filter_next_seq(&some, 6), 20);
    assert_int_equal(dlq_filter_next_seq(&some, 21), 21);
    assert_true(dlq_filter_next_seq(&some, 23) == UINT64_MAX);
}

static size_t count_batches(const char *text)
{
    json_t *batches = journal_parse(text, strlen(text));
    size_t n = json_array_size(batches);
    json_decref(batches);
    return n;
}

static void a_journal_ignores_invalid_batches(void **state)
{
    (void)state;
    assert_int_equal(count_batches("{\"lots\":[{\"stream\":\"S\",\"created\":1,\"after\":0,\"letters\":[1,2]}]}"), 1);
    assert_int_equal(
        count_batches("{\"lots\":[{\"stream\":\"S\",\"created\":1,\"after\":0,\"to\":\"a\",\"letters\":[1]}]}"), 1);
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"lots\":{}}",
        "{\"lots\":[1]}",
        "{\"lots\":[{\"stream\":\"S\",\"created\":1,\"after\":0,\"letters\":[]}]}",
        "{\"lots\":[{\"stream\":\"S\",\"created\":1,\"after\":0,\"letters\":[0]}]}",
        "{\"lots\":[{\"stream\":\"S\",\"created\":1,\"after\":-1,\"letters\":[1]}]}",
        "{\"lots\":[{\"stream\":\"S.>\",\"created\":1,\"after\":0,\"letters\":[1]}]}",
        "{\"lots\":[{\"stream\":\"S\",\"created\":\"1\",\"after\":0,\"letters\":[1]}]}",
        "{\"lots\":[{\"stream\":\"S\",\"created\":1,\"after\":0,\"to\":5,\"letters\":[1]}]}",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(count_batches(bad[i]), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64_is_encoded_and_decoded),
        cmocka_unit_test(a_stored_message_is_parsed),
        cmocka_unit_test(an_answer_without_a_message_is_refused),
        cmocka_unit_test(a_dead_letter_is_recognized_by_its_subject),
        cmocka_unit_test(ranges_are_parsed),
        cmocka_unit_test(a_time_is_absolute_or_a_duration_before_now),
        cmocka_unit_test(a_filter_needs_all_its_conditions),
        cmocka_unit_test(the_next_sequence_skips_gaps_between_ranges),
        cmocka_unit_test(a_journal_ignores_invalid_batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
