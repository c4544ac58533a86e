/* SPDX-License-Identifier: Apache-2.0
 * letter_test - stored messages, dead letters, filters, the journal of a replay: without a server. */
#include "base/base64.h"
#include "base/clock.h"
#include "cli/dlq/journal.h"
#include "cli/dlq/letter.h"
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

static void base64_goes_both_ways(void **state)
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

/* The answer of a server with this header block and payload. */
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

static void a_stored_message_is_taken_apart(void **state)
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

static void what_is_no_message_is_refused(void **state)
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

static void a_letter_is_told_by_its_subject(void **state)
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
    struct letter l;
    assert_int_equal(letter_read(&m, &l), 0);
    assert_string_equal(l.stream, "ORDERS");
    assert_string_equal(l.consumer, "billing");
    assert_int_equal(l.created_ns, 1700000000000000000);
    assert_int_equal(l.seq, 42);
    assert_string_equal(l.reason, "");
    assert_int_equal(l.replays, 0);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        m.subject = (char *)others[i];
        assert_int_equal(letter_read(&m, &l), -EINVAL);
    }
}

static void ranges_are_read(void **state)
{
    (void)state;
    struct letter_range r;
    struct error err;
    assert_int_equal(letter_range_parse("17", &r, &err), 0);
    assert_int_equal(r.first, 17);
    assert_int_equal(r.last, 17);
    assert_int_equal(letter_range_parse("17-20", &r, &err), 0);
    assert_int_equal(r.last, 20);
    assert_int_equal(letter_range_parse("17-", &r, &err), 0);
    assert_true(r.last == UINT64_MAX);
    static const char *const bad[] = {"", "0", "-3", "x", "1-x", "1--2", "3 ", "99999999999999999999", "5-4"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(letter_range_parse(bad[i], &r, &err), -EINVAL);
    assert_non_null(strstr(err.text, "ends before it begins"));
}

static void times_are_moments_or_how_long_ago(void **state)
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

static void filters_are_all_of_them(void **state)
{
    (void)state;
    struct stored_message m = {.seq = 5, .time_ns = 100};
    struct letter l = {
        .stored = &m, .stream = "S", .consumer = "c", .handler = "h", .reason = "crash", .subject = "a.b"};
    assert_true(letter_matches(&l, &(struct letter_filter){0}));
    assert_true(letter_matches(&l, &(struct letter_filter){.stream = "S",
                                                           .consumer = "c",
                                                           .handler = "h",
                                                           .reason = "crash",
                                                           .subject = "a.*",
                                                           .since_ns = 100,
                                                           .until_ns = 101}));
    assert_false(letter_matches(&l, &(struct letter_filter){.stream = "s"}));
    assert_false(letter_matches(&l, &(struct letter_filter){.consumer = "d"}));
    assert_false(letter_matches(&l, &(struct letter_filter){.handler = "c"}));
    assert_false(letter_matches(&l, &(struct letter_filter){.reason = "timeout"}));
    assert_false(letter_matches(&l, &(struct letter_filter){.subject = "a"}));
    assert_false(letter_matches(&l, &(struct letter_filter){.since_ns = 101}));
    assert_false(letter_matches(&l, &(struct letter_filter){.until_ns = 100}));
    m.time_ns = -1; /* before 1970: a filter without a start takes it */
    assert_true(letter_matches(&l, &(struct letter_filter){0}));
    assert_false(letter_matches(&l, &(struct letter_filter){.since_ns = 1}));
    m.time_ns = 100;
    assert_false(letter_matches(&l, &(struct letter_filter){.ranges = {{6, 9}}, .n_ranges = 1}));
    assert_true(letter_matches(&l, &(struct letter_filter){.ranges = {{6, 9}, {5, 5}}, .n_ranges = 2}));
}

static void sequences_jump_over_what_no_range_allows(void **state)
{
    (void)state;
    const struct letter_filter all = {0};
    const struct letter_filter some = {.ranges = {{20, 22}, {5, 5}}, .n_ranges = 2};
    assert_int_equal(letter_next_seq(&all, 7), 7);
    assert_int_equal(letter_next_seq(&some, 1), 5);
    assert_int_equal(letter_next_seq(&some, 6), 20);
    assert_int_equal(letter_next_seq(&some, 21), 21);
    assert_true(letter_next_seq(&some, 23) == UINT64_MAX);
}

static size_t lots_of(const char *text)
{
    json_t *lots = journal_parse(text, strlen(text));
    size_t n = json_array_size(lots);
    json_decref(lots);
    return n;
}

static void a_journal_holds_whole_lots_only(void **state)
{
    (void)state;
    assert_int_equal(lots_of("{\"lots\":[{\"stream\":\"S\",\"created\":1,\"after\":0,\"letters\":[1,2]}]}"), 1);
    assert_int_equal(lots_of("{\"lots\":[{\"stream\":\"S\",\"created\":1,\"after\":0,\"to\":\"a\",\"letters\":[1]}]}"),
                     1);
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
        assert_int_equal(lots_of(bad[i]), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64_goes_both_ways),
        cmocka_unit_test(a_stored_message_is_taken_apart),
        cmocka_unit_test(what_is_no_message_is_refused),
        cmocka_unit_test(a_letter_is_told_by_its_subject),
        cmocka_unit_test(ranges_are_read),
        cmocka_unit_test(times_are_moments_or_how_long_ago),
        cmocka_unit_test(filters_are_all_of_them),
        cmocka_unit_test(sequences_jump_over_what_no_range_allows),
        cmocka_unit_test(a_journal_holds_whole_lots_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
