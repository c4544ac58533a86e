/* SPDX-License-Identifier: Apache-2.0
 * rate: how many messages may start, with times given by the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "dispatch/rate.h"

#define START (INT64_C(1000) * 3600 * NS_PER_SEC) /* a machine that is up for six weeks */

/* Starts all that may start at `now`. */
static size_t start_all(struct rate *r, int64_t now)
{
    size_t n = 0;
    for (; rate_due_ns(r) <= now; n++)
        rate_start(r, now);
    return n;
}

static void a_full_bucket_is_a_tenth_of_a_second(void **state)
{
    static const struct {
        double rate;
        size_t bucket;
    } cases[] = {{1e9, 100000000}, {100000, 10000}, {1000, 100}, {25, 2}, {10, 1}, {5, 1}, {1.0 / 60, 1}};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rate r;
        rate_init(&r, cases[i].rate);
        assert_int_equal(rate_room(&r, START, START), cases[i].bucket);
        if (cases[i].bucket < 1000000)
            assert_int_equal(start_all(&r, START), cases[i].bucket);
    }
}

static void the_pace_is_kept_however_often_messages_start(void **state)
{
    static const int64_t steps[] = {1, 3 * NS_PER_MS, 47 * NS_PER_MS, 90 * NS_PER_MS};
    (void)state;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct rate r;
        size_t n = 0;
        rate_init(&r, 700);
        n += start_all(&r, START);
        for (int64_t t = 0; steps[i] > 1 && t < 60 * NS_PER_SEC; t += steps[i])
            n += start_all(&r, START + t);
        n += start_all(&r, START + 60 * NS_PER_SEC);
        size_t most = 60 * 700 + 70;
        if (steps[i] == 1) /* no start for a minute: a pause earns one bucket */
            most = 70 + 70;
        assert_in_range(n, most - 2, most);
    }
}

static void slow_rates_start_one_at_a_time(void **state)
{
    struct rate r;
    (void)state;
    rate_init(&r, 5.0 / 3600);
    rate_start(&r, START);
    assert_int_equal(rate_due_ns(&r), START + 720 * NS_PER_SEC);
    assert_int_equal(rate_room(&r, START, START + 719 * NS_PER_SEC), 0);
    assert_int_equal(rate_room(&r, START, START + 720 * NS_PER_SEC), 1);
    assert_int_equal(rate_room(&r, START, START + 1440 * NS_PER_SEC), 2);
}

/* A third of a second is not a whole number of nanoseconds: the start is due at the next one, never before. */
static void a_start_is_due_at_the_next_whole_nanosecond(void **state)
{
    static const struct {
        double rate;
        int64_t due_ns;
    } rows[] = {{3, 333333334}, {4, 250000000}, {7, 142857143}, {9, 111111112}};
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rate r;
        rate_init(&r, rows[i].rate);
        assert_int_equal(rate_due_ns(&r), 0);
        rate_start(&r, 0);
        assert_int_equal(rate_due_ns(&r), rows[i].due_ns);
        assert_int_equal(rate_room(&r, 0, rows[i].due_ns - 1), 0);
        assert_int_equal(rate_room(&r, 0, rows[i].due_ns), 1);
    }
}

static void room_is_the_number_of_starts_until_a_time(void **state)
{
    struct rate r;
    (void)state;
    rate_init(&r, 300);
    start_all(&r, START);
    size_t room = rate_room(&r, START, START + 100 * NS_PER_MS);
    size_t n = 0;
    for (int64_t t = 0; t <= 100 * NS_PER_MS; t += NS_PER_MS)
        n += start_all(&r, START + t);
    assert_int_equal(n, room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_bucket_is_a_tenth_of_a_second),
        cmocka_unit_test(the_pace_is_kept_however_often_messages_start),
        cmocka_unit_test(slow_rates_start_one_at_a_time),
        cmocka_unit_test(a_start_is_due_at_the_next_whole_nanosecond),
        cmocka_unit_test(room_is_the_number_of_starts_until_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
