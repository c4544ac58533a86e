/* SPDX-License-Identifier: Apache-2.0
 * dead_letter_format_test - subjects and headers of dead letters, written and read again. */
#include "jetstream/dead_letter.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct dead_letter letter = {
    .stream = "ORDERS",
    .consumer = "billing",
    .created_ns = INT64_C(1700000000000000000),
    .seq = 42,
    .subject = "orders.new",
    .reason = "crash",
    .error = "line one\nline two\n",
    .backtrace = "main\tat x",
    .handler = "h",
    .handler_version = "v1",
    .cluster = "sea-a",
    .stored_ns = 1500000000,
    .attempts = 5,
};

static void read_back(enum dead_letter_extent extent, struct buf *headers, struct dead_letter *ret)
{
    char subject[DEAD_LETTER_SUBJECT_MAX];

    assert_int_equal(dead_letter_subject(&letter, subject, sizeof(subject)), 0);
    assert_string_equal(subject, "dlq.ORDERS.billing.1700000000000000000.42");
    dead_letter_headers_write(&letter, extent, headers);
    assert_int_equal(dead_letter_read(subject, headers->data, headers->len, ret), 0);
}

static void dead_letter_is_read_as_it_was_written(void **state)
{
    struct buf headers = {0};
    struct dead_letter d;
    (void)state;
    dead_letter_header_write(&headers, DEAD_LETTER_REPLAYS, "3", 8);
    read_back(DEAD_LETTER_ALL, &headers, &d);
    assert_string_equal(d.stream, "ORDERS");
    assert_string_equal(d.consumer, "billing");
    assert_int_equal(d.created_ns, letter.created_ns);
    assert_int_equal(d.seq, 42);
    assert_string_equal(d.subject, "orders.new");
    assert_string_equal(d.reason, "crash");
    assert_string_equal(d.error, "line one | line two");
    assert_string_equal(d.backtrace, "main at x");
    assert_string_equal(d.signal, "");
    assert_string_equal(d.handler_version, "v1");
    assert_string_equal(d.cluster, "sea-a");
    assert_string_equal(d.cut, "");
    assert_int_equal(d.attempts, 5);
    assert_int_equal(d.replays, 3);
    buf_finish(&headers);
}

static void header_value_is_one_line_of_at_most_max_bytes(void **state)
{
    static const char expected[] = "A\0abc\0Seamq-Sequence\0"
                                   "4 2";
    struct buf headers = {0};
    (void)state;
    dead_letter_header_write(&headers, "A", "abcdef", 3);
    dead_letter_header_write(&headers, "Seamq-Sequence", "4\t2", 3);
    assert_int_equal(headers.len, sizeof(expected));
    assert_memory_equal(headers.data, expected, sizeof(expected));
    buf_clear(&headers);
    dead_letter_headers_write(&letter, DEAD_LETTER_ALL, &headers);
    assert_non_null(memmem(headers.data, headers.len,
                           "Seamq-Sequence\0"
                           "42",
                           sizeof("Seamq-Sequence\0"
                                  "42")));
    buf_finish(&headers);
}

static void other_subjects_are_not_read(void **state)
{
    static const char *const subjects[] = {"dlq.S.c.1",    "dlq.S.c.1.2.3", "dlq.S.c.1.2.3.4", "dlq.S.c.+1.2",
                                           "dlq.S.c.1.-2", "dlq.S.c. 1.2",  "dlq.S.c.1.",      "dlq.S..1.2",
                                           "xlq.S.c.1.2",  "dlq.S.c.1.2x"};
    struct dead_letter d;
    (void)state;
    assert_int_equal(dead_letter_read("dlq.S.c.1.2", "", 0, &d), 0);
    for (size_t i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++)
        assert_int_equal(dead_letter_read(subjects[i], "", 0, &d), -EINVAL);
}

static void extent_says_what_was_left_out(void **state)
{
    static const char *const cuts[] = {"", "backtrace", "headers", "message"};
    (void)state;
    for (int i = DEAD_LETTER_ALL; i <= DEAD_LETTER_POINTER; i++) {
        struct buf headers = {0};
        struct dead_letter d;
        read_back((enum dead_letter_extent)i, &headers, &d);
        assert_string_equal(d.cut, cuts[i]);
        assert_string_equal(d.backtrace, i == DEAD_LETTER_ALL ? "main at x" : "");
        buf_finish(&headers);
    }
}

static void journal_subject_is_written_and_read(void **state)
{
    char subject[32], stream[8];
    (void)state;
    assert_int_equal(dead_letter_journal_subject("ORDERS", subject, sizeof(subject)), 0);
    assert_string_equal(subject, "dlq.ORDERS.replay");
    assert_true(dead_letter_journal_parse(subject, stream, sizeof(stream)));
    assert_string_equal(stream, "ORDERS");
    assert_false(dead_letter_journal_parse(subject, stream, 6));
    assert_false(dead_letter_journal_parse("dlq..replay", stream, sizeof(stream)));
    assert_false(dead_letter_journal_parse("dlq.replay", stream, sizeof(stream)));
    assert_false(dead_letter_journal_parse("xlq.A.replay", stream, sizeof(stream)));
}

static void subjects_belong_to_a_stream(void **state)
{
    char subject[32];
    (void)state;
    assert_int_equal(dead_letter_stream_subject("A", subject, sizeof(subject)), 0);
    assert_string_equal(subject, "dlq.A.>");
    assert_int_equal(dead_letter_filter(NULL, "c", subject, sizeof(subject)), 0);
    assert_string_equal(subject, "dlq.*.c.*.*");
    assert_int_equal(dead_letter_filter("A", NULL, subject, strlen("dlq.A.*.*.*")), -ENAMETOOLONG);
    assert_true(dead_letter_subject_matches("dlq.A.c.1.2", "A"));
    assert_true(dead_letter_subject_matches("dlq.A.c.1.2", NULL));
    assert_false(dead_letter_subject_matches("dlq.AB.c.1.2", "A"));
    assert_false(dead_letter_subject_matches("orders.A", NULL));
}

static void names_that_mean_something_are_not_kept(void **state)
{
    (void)state;
    assert_true(dead_letter_keeps_header("Trace-Id"));
    assert_false(dead_letter_keeps_header("nats-msg-id"));
    assert_false(dead_letter_keeps_header("Seamq-Error"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dead_letter_is_read_as_it_was_written),
        cmocka_unit_test(extent_says_what_was_left_out),
        cmocka_unit_test(journal_subject_is_written_and_read),
        cmocka_unit_test(subjects_belong_to_a_stream),
        cmocka_unit_test(header_value_is_one_line_of_at_most_max_bytes),
        cmocka_unit_test(other_subjects_are_not_read),
        cmocka_unit_test(names_that_mean_something_are_not_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
