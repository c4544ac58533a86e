/* SPDX-License-Identifier: Apache-2.0
 * value_time_test - RFC 3339 times as servers write them, and invalid ones. */
#include "base/clock.h"
#include "base/value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define T INT64_C(1700000000) /* 2023-11-14T22:13:20Z */

static void times_are_read_with_fractions_and_offsets(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ns;
    } rows[] = {
        {"2023-11-14T22:13:20Z", T * NS_PER_SEC},
        {"2023-11-14T22:13:20.123456789Z", T * NS_PER_SEC + 123456789},
        {"2023-11-14T22:13:20.1Z", T * NS_PER_SEC + 100000000},
        {"2023-11-14T22:13:20.000000001Z", T * NS_PER_SEC + 1},
        {"2023-11-14T22:13:20.123456789999Z", T * NS_PER_SEC + 123456789},
        {"2023-11-15T00:13:20+02:00", T * NS_PER_SEC},
        {"2023-11-14T16:43:20-05:30", T * NS_PER_SEC},
        {"2023-11-15T03:58:20.5+05:45", T * NS_PER_SEC + 500000000},
        {"2023-11-14T22:13:20-00:00", T * NS_PER_SEC},
        {"1970-01-01T00:00:01Z", NS_PER_SEC},
        {"2024-02-29T00:00:00Z", INT64_C(1709164800) * NS_PER_SEC},
        {"1969-12-31T23:59:59Z", -NS_PER_SEC},
        {"2262-04-11T23:47:16Z", INT64_C(9223372036) * NS_PER_SEC},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (value_time_ns(rows[i].text) != rows[i].ns)
            fail_msg("%s: %lld", rows[i].text, (long long)value_time_ns(rows[i].text));
}

static void what_is_no_time_is_0(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "x",
        "2023",
        "2023-11-14",
        "2023-11-14 22:13:20Z",
        "2023-11-14T22:13:20",
        "2023-11-14T22:13:20.5",
        "2023-13-14T22:13:20Z",
        "2023-11-32T22:13:20Z",
        "2023-11-14T25:13:20Z",
        "2023-11-14T22:61:20Z",
        "2023-11-14T22:13:20z",
        "2023-11-14T22:13:20+",
        "2023-11-14T22:13:20+02",
        "2023-11-14T22:13:20+0200",
        "2023-11-14T22:13:20+xx:yy",
    };
    assert_int_equal(value_time_ns(NULL), 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (value_time_ns(bad[i]) != 0)
            fail_msg("\"%s\": %lld", bad[i], (long long)value_time_ns(bad[i]));
}

static void bytes_behind_a_time_make_it_none(void **state)
{
    (void)state;
    assert_int_equal(value_time_ns("2023-11-14T22:13:20Zjunk"), 0);
    assert_int_equal(value_time_ns("2023-11-14T22:13:20+02:00junk"), 0);
    assert_int_equal(value_time_ns("2023-11-14T22:13:20.5Z."), 0);
    assert_int_equal(value_time_ns("2023-11-14T22:13:20Z+02:00"), 0);
}

/* A server writes the zero time of Go for "never". */
static void times_that_nanoseconds_cannot_hold_are_0(void **state)
{
    (void)state;
    assert_int_equal(value_time_ns("0001-01-01T00:00:00Z"), 0);
    assert_int_equal(value_time_ns("9999-12-31T23:59:59Z"), 0);
    assert_int_equal(value_time_ns("2262-04-11T23:47:17Z"), 0);
}

static void a_written_time_reads_back(void **state)
{
    static const int64_t times[] = {1, 1700000000000000000, 1769860800123456789, INT64_MAX};
    char text[64];
    (void)state;
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        value_format_time(times[i], text, sizeof(text));
        assert_int_equal(value_time_ns(text), times[i]);
    }
    value_format_time(1769860800500000000, text, sizeof(text));
    assert_string_equal(text, "2026-01-31T12:00:00.500000000Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_read_with_fractions_and_offsets),
        cmocka_unit_test(what_is_no_time_is_0),
        cmocka_unit_test(bytes_behind_a_time_make_it_none),
        cmocka_unit_test(times_that_nanoseconds_cannot_hold_are_0),
        cmocka_unit_test(a_written_time_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
