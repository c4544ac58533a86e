/* SPDX-License-Identifier: Apache-2.0
 * value - parsing and formatting of values, and the errors of invalid ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/value.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct good {
    const char *text;
    int64_t value;
};

struct bad {
    const char *text;
    int code;
    const char *message;
};

typedef int parse_number(const char *text, int64_t *ret, struct error *err);

static void expect_good(parse_number *parse, const struct good *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct error err = {0};
        int64_t value = -1;
        int r = parse(cases[i].text, &value, &err);
        if (r != 0)
            print_message("%s: %s\n", cases[i].text, err.text);
        assert_int_equal(r, 0);
        assert_true(value == cases[i].value);
    }
}

static void expect_bad(parse_number *parse, const struct bad *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct error err = {0};
        int64_t value = -42;
        assert_int_equal(parse(cases[i].text, &value, &err), cases[i].code);
        assert_string_equal(err.text, cases[i].message);
        assert_int_equal(err.code, cases[i].code);
        assert_true(value == -42); /* untouched on failure */
        assert_int_equal(parse(cases[i].text, &value, NULL), cases[i].code);
    }
}

#define N(a) (sizeof(a) / sizeof((a)[0]))

static void durations_are_read_with_their_unit(void **state)
{
    static const struct good cases[] = {
        {"0", 0},
        {"250ms", 250000000},
        {"30s", 30000000000},
        {"5m", 300000000000},
        {"2h", 7200000000000},
        {"1d", 86400000000000},
        {"100us", 100000},
        {"7ns", 7},
        {"0s", 0},
        {"106751d", 106751 * INT64_C(86400000000000)},
    };
    (void)state;
    expect_good(value_parse_duration, cases, N(cases));
}

static void wrong_durations_are_refused_with_a_right_one(void **state)
{
    static const struct bad cases[] = {
        {"10x", -EINVAL, "\"10x\" is not a duration (try 10s)"},
        {"10", -EINVAL, "\"10\" is not a duration (try 10s)"},
        {"", -EINVAL, "\"\" is not a duration (try 30s)"},
        {"soon", -EINVAL, "\"soon\" is not a duration (try 30s)"},
        {"-5s", -EINVAL, "\"-5s\" is not a duration (try 30s)"},
        {"1.5s", -EINVAL, "\"1.5s\" is not a duration (try 1s)"},
        {"5 s", -EINVAL, "\"5 s\" is not a duration (try 5s)"},
        {"5S", -EINVAL, "\"5S\" is not a duration (try 5s)"},
        {"12345678901", -EINVAL, "\"12345678901\" is not a duration (try 30s)"},
        {"200000d", -ERANGE, "\"200000d\" is too long for a duration"},
        {"99999999999999999999s", -ERANGE, "\"99999999999999999999s\" is too long for a duration"},
    };
    (void)state;
    expect_bad(value_parse_duration, cases, N(cases));
}

static void sizes_are_powers_of_1024(void **state)
{
    static const struct good cases[] = {
        {"0", 0},
        {"512", 512},
        {"64k", 65536},
        {"64K", 65536},
        {"10M", 10485760},
        {"10m", 10485760},
        {"1G", 1073741824},
        {"1T", 1099511627776},
        {"64kB", 65536},
        {"64KiB", 65536},
        {"512B", 512},
        {"1GiB", 1073741824},
        {"8191T", INT64_C(8191) << 40},
    };
    (void)state;
    expect_good(value_parse_size, cases, N(cases));
}

static void wrong_sizes_are_refused_with_a_right_one(void **state)
{
    static const struct bad cases[] = {
        {"64q", -EINVAL, "\"64q\" is not a size (try 64M)"},
        {"big", -EINVAL, "\"big\" is not a size (try 64M)"},
        {"-1", -EINVAL, "\"-1\" is not a size (try 64M)"},
        {"5 M", -EINVAL, "\"5 M\" is not a size (try 5M)"},
        {"5Mi", -EINVAL, "\"5Mi\" is not a size (try 5M)"},
        {"99999999T", -ERANGE, "\"99999999T\" is too large for a size"},
        {"99999999999999999999", -ERANGE, "\"99999999999999999999\" is too large for a size"},
    };
    (void)state;
    expect_bad(value_parse_size, cases, N(cases));
}

static void whole_numbers_have_an_optional_sign(void **state)
{
    static const struct good good[] = {{"0", 0}, {"-7", -7}, {"+7", 7}, {"9223372036854775807", INT64_MAX}};
    static const struct bad bad[] = {
        {"", -EINVAL, "\"\" is not a whole number"},
        {"-", -EINVAL, "\"-\" is not a whole number"},
        {"4.0", -EINVAL, "\"4.0\" is not a whole number"},
        {" 4", -EINVAL, "\" 4\" is not a whole number"},
        {"0x10", -EINVAL, "\"0x10\" is not a whole number"},
        {"9223372036854775808", -ERANGE, "\"9223372036854775808\" is too large a number"},
    };
    (void)state;
    expect_good(value_parse_int, good, N(good));
    expect_bad(value_parse_int, bad, N(bad));
}

static void booleans_are_read_in_any_case(void **state)
{
    static const char *const yes[] = {"yes", "TRUE", "On", "1"};
    static const char *const no[] = {"no", "False", "OFF", "0"};
    struct error err = {0};
    bool b = false;
    (void)state;

    for (size_t i = 0; i < N(yes); i++) {
        b = false;
        assert_int_equal(value_parse_bool(yes[i], &b, &err), 0);
        assert_true(b);
        assert_int_equal(value_parse_bool(no[i], &b, &err), 0);
        assert_false(b);
    }
    assert_int_equal(value_parse_bool("maybe", &b, &err), -EINVAL);
    assert_string_equal(err.text, "\"maybe\" is neither yes nor no");
}

static void rates_are_per_second_minute_or_hour(void **state)
{
    static const struct {
        const char *text;
        double value;
    } good[] = {{"none", 0}, {"0", 0}, {"0/s", 0}, {"1000/s", 1000}, {"600/m", 10}, {"36/h", 0.01}, {"0.5/s", 0.5}};
    static const struct {
        const char *text;
        int code;
        const char *message;
    } bad[] = {
        {"1000", -EINVAL, "\"1000\" is not a rate (try 1000/s)"},
        {"fast", -EINVAL, "\"fast\" is not a rate (try 1000/s)"},
        {"-1/s", -EINVAL, "\"-1/s\" is not a rate (try 1000/s)"},
        {"5/d", -EINVAL, "\"5/d\" is not a rate (try 5/s)"},
        {"99999999999999999999/s", -ERANGE, "\"99999999999999999999/s\" is too large for a rate"},
    };
    struct error err;
    double rate;
    (void)state;

    for (size_t i = 0; i < N(good); i++) {
        assert_int_equal(value_parse_rate(good[i].text, &rate, NULL), 0);
        assert_true(rate > good[i].value - 1e-9 && rate < good[i].value + 1e-9);
    }
    for (size_t i = 0; i < N(bad); i++) {
        assert_int_equal(value_parse_rate(bad[i].text, &rate, &err), bad[i].code);
        assert_string_equal(err.text, bad[i].message);
    }
}

static void formatting_is_the_shortest_text_that_reads_back(void **state)
{
    static const struct good durations[] = {
        {"0", 0},  {"1m", 60000000000}, {"90s", 90000000000}, {"1500ms", 1500000000}, {"1d", 86400000000000},
        {"1ns", 1}};
    static const struct good sizes[] = {
        {"0", 0}, {"64k", 65536}, {"1000", 1000}, {"1T", 1099511627776}, {"1537", 1537}};
    char text[32];
    (void)state;

    for (size_t i = 0; i < N(durations); i++) {
        value_format_duration(durations[i].value, text, sizeof(text));
        assert_string_equal(text, durations[i].text);
    }
    for (size_t i = 0; i < N(sizes); i++) {
        value_format_size(sizes[i].value, text, sizeof(text));
        assert_string_equal(text, sizes[i].text);
    }
}

static void any_number_reads_back_after_formatting(void **state)
{
    uint64_t seed = (uint64_t)time(NULL);
    char text[32];
    int64_t back;
    (void)state;

    if (getenv("TEST_SEED"))
        seed = strtoull(getenv("TEST_SEED"), NULL, 10);
    print_message("TEST_SEED=%llu\n", (unsigned long long)seed);
    for (int i = 0; i < 20000; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        int64_t n = (int64_t)(seed >> 1) >> (i % 63);
        value_format_duration(n, text, sizeof(text));
        assert_int_equal(value_parse_duration(text, &back, NULL), 0);
        assert_true(back == n);
        value_format_size(n, text, sizeof(text));
        assert_int_equal(value_parse_size(text, &back, NULL), 0);
        assert_true(back == n);
    }
}

static void lists_are_separated_by_blanks_and_commas(void **state)
{
    const char *pos = " a,b\t c,, d ";
    char item[8];
    char all[32] = "";
    (void)state;

    while (value_list_next(&pos, item, sizeof(item))) {
        strcat(all, item);
        strcat(all, "|");
    }
    assert_string_equal(all, "a|b|c|d|");
}

static void an_overlong_list_item_is_cut_and_is_one_item(void **state)
{
    const char *pos = "abcdefgh ij";
    char item[4];
    (void)state;

    assert_true(value_list_next(&pos, item, sizeof(item)));
    assert_string_equal(item, "abc");
    assert_true(value_list_next(&pos, item, sizeof(item)));
    assert_string_equal(item, "ij");
    assert_false(value_list_next(&pos, item, sizeof(item)));
    pos = "ab";
    assert_true(value_list_next(&pos, NULL, 0));
}

static void distance_counts_slips_up_to_the_limit(void **state)
{
    char longer[80];
    (void)state;

    assert_int_equal(value_distance("workers", "workers", 3), 0);
    assert_int_equal(value_distance("workres", "workers", 3), 1); /* neighbours swapped */
    assert_int_equal(value_distance("worker", "workers", 3), 1);
    assert_int_equal(value_distance("wrkrs", "workers", 3), 2);
    assert_int_equal(value_distance("abc", "xyz", 2), 3);
    assert_int_equal(value_distance("", "ab", 3), 2);
    assert_int_equal(value_distance("a", "abcdef", 3), 4);
    memset(longer, 'a', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    assert_int_equal(value_distance(longer, longer, 3), 4); /* too long to be compared */
}

static void quoted_text_stays_on_one_line_and_short(void **state)
{
    char out[16];
    (void)state;

    assert_string_equal(value_quote("abc", out, sizeof(out)), "\"abc\"");
    assert_string_equal(value_quote("a\nb\x7f", out, sizeof(out)), "\"a?b?\"");
    assert_string_equal(value_quote("0123456789abcdef", out, sizeof(out)), "\"0123456789...\"");
    assert_string_equal(value_quote("", out, sizeof(out)), "\"\"");
    assert_true(strlen(value_quote("\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4", out, sizeof(out))) < 16);
    assert_string_equal(value_quote("abc", out, 4), "\"\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_are_read_with_their_unit),
        cmocka_unit_test(wrong_durations_are_refused_with_a_right_one),
        cmocka_unit_test(sizes_are_powers_of_1024),
        cmocka_unit_test(wrong_sizes_are_refused_with_a_right_one),
        cmocka_unit_test(whole_numbers_have_an_optional_sign),
        cmocka_unit_test(booleans_are_read_in_any_case),
        cmocka_unit_test(rates_are_per_second_minute_or_hour),
        cmocka_unit_test(formatting_is_the_shortest_text_that_reads_back),
        cmocka_unit_test(any_number_reads_back_after_formatting),
        cmocka_unit_test(lists_are_separated_by_blanks_and_commas),
        cmocka_unit_test(an_overlong_list_item_is_cut_and_is_one_item),
        cmocka_unit_test(distance_counts_slips_up_to_the_limit),
        cmocka_unit_test(quoted_text_stays_on_one_line_and_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
