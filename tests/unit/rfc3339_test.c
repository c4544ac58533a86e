/* SPDX-License-Identifier: Apache-2.0
 * rfc3339_test - times as servers write them, invalid ones, and times that SeaMQ writes. */
#include "base/clock.h"
#include "base/rfc3339.h"

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
        if (rfc3339_parse(rows[i].text) != rows[i].ns)
            fail_msg("%s: %lld", rows[i].text, (long long)rfc3339_parse(rows[i].text));
}

static void invalid_times_are_0(void **state)
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
    assert_int_equal(rfc3339_parse(NULL), 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (rfc3339_parse(bad[i]) != 0)
            fail_msg("\"%s\": %lld", bad[i], (long long)rfc3339_parse(bad[i]));
}

static void bytes_after_a_time_make_it_invalid(void **state)
{
    (void)state;
    assert_int_equal(rfc3339_parse("2023-11-14T22:13:20Zjunk"), 0);
    assert_int_equal(rfc3339_parse("2023-11-14T22:13:20+02:00junk"), 0);
    assert_int_equal(rfc3339_parse("2023-11-14T22:13:20.5Z."), 0);
    assert_int_equal(rfc3339_parse("2023-11-14T22:13:20Z+02:00"), 0);
}

/* A server writes the zero time of Go for "never". */
static void times_that_nanoseconds_cannot_hold_are_0(void **state)
{
    (void)state;
    assert_int_equal(rfc3339_parse("0001-01-01T00:00:00Z"), 0);
    assert_int_equal(rfc3339_parse("9999-12-31T23:59:59Z"), 0);
    assert_int_equal(rfc3339_parse("2262-04-11T23:47:17Z"), 0);
}

static void a_written_time_reads_back(void **state)
{
    static const int64_t times[] = {1, -1, -1500000000, 1700000000000000000, 1769860800123456789, INT64_MAX};
    char text[RFC3339_SIZE];
    (void)state;
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
        assert_int_equal(rfc3339_parse(rfc3339_format(times[i], RFC3339_NS, text)), times[i]);
}

static void fractions_are_cut_to_the_unit(void **state)
{
    (void)state;
    static const struct {
        int64_t ns;
        enum rfc3339_unit unit;
        const char *text;
    } rows[] = {
        {1769860800500000000, RFC3339_NS, "2026-01-31T12:00:00.500000000Z"},
        {1769860800999999999, RFC3339_MS, "2026-01-31T12:00:00.999Z"},
        {1769860800999999999, RFC3339_SECONDS, "2026-01-31T12:00:00Z"},
        {INT64_C(1709164800) * NS_PER_SEC, RFC3339_SECONDS, "2024-02-29T00:00:00Z"},
        {0, RFC3339_NS, "1970-01-01T00:00:00.000000000Z"},
        {-1, RFC3339_NS, "1969-12-31T23:59:59.999999999Z"},
        {-1, RFC3339_MS, "1969-12-31T23:59:59.999Z"},
        {-1, RFC3339_SECONDS, "1969-12-31T23:59:59Z"},
        {-NS_PER_SEC, RFC3339_NS, "1969-12-31T23:59:59.000000000Z"},
        {INT64_MIN, RFC3339_SECONDS, "1677-09-21T00:12:43Z"},
        {INT64_MAX, RFC3339_NS, "2262-04-11T23:47:16.854775807Z"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[RFC3339_SIZE];
        assert_ptr_equal(rfc3339_format(rows[i].ns, rows[i].unit, text), text);
        assert_string_equal(text, rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_read_with_fractions_and_offsets),
        cmocka_unit_test(invalid_times_are_0),
        cmocka_unit_test(bytes_after_a_time_make_it_invalid),
        cmocka_unit_test(times_that_nanoseconds_cannot_hold_are_0),
        cmocka_unit_test(a_written_time_reads_back),
        cmocka_unit_test(fractions_are_cut_to_the_unit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
