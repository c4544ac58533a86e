/* SPDX-License-Identifier: Apache-2.0
 * breaker: the changes between closed, open and probing, with times given by the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "dispatch/breaker.h"

#include <string.h>

#define NO_REQUEST INT64_C(-1)

static const int a, b, c; /* stand for messages */

/* The next probe may start after the pause and at most a quarter of it more. */
static void expect_probe_in(const struct breaker *k, int64_t now, int64_t pause)
{
    assert_true(k->probe_ns >= now + pause);
    assert_true(k->probe_ns <= now + pause + pause / 4);
}

static void one_unavailable_message_opens_the_breaker_and_its_reason_is_kept(void **state)
{
    struct breaker k = {0};
    (void)state;
    breaker_start(&k, &a);
    assert_null(k.probe); /* closed: no message is a probe */
    assert_true(breaker_unavailable(&k, &a, NO_REQUEST, "db: refused", 5 * NS_PER_SEC));
    assert_true(k.open);
    assert_int_equal(k.opened, 1);
    assert_int_equal(k.since_ns, 5 * NS_PER_SEC);
    assert_string_equal(k.reason, "db: refused");
    expect_probe_in(&k, 5 * NS_PER_SEC, NS_PER_SEC);
}

static void the_pause_doubles_to_30_s_and_starts_over_after_a_success(void **state)
{
    static const int64_t seconds[] = {1, 2, 4, 8, 16, 30, 30};
    struct breaker k = {0};
    int64_t now = 0;
    (void)state;
    for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
        assert_int_equal(breaker_unavailable(&k, &a, NO_REQUEST, "", now), i == 0);
        expect_probe_in(&k, now, seconds[i] * NS_PER_SEC);
        now = k.probe_ns;
        breaker_start(&k, &a);
    }
    assert_true(breaker_result(&k, &a, true, now));
    assert_false(k.open);
    assert_true(breaker_unavailable(&k, &b, NO_REQUEST, "again", now));
    expect_probe_in(&k, now, NS_PER_SEC);
    assert_int_equal(k.opened, 2);
}

static void a_handler_can_request_a_pause_of_at_most_an_hour(void **state)
{
    struct breaker k = {0};
    (void)state;
    breaker_unavailable(&k, &a, 90 * NS_PER_SEC, "", 0);
    expect_probe_in(&k, 0, 90 * NS_PER_SEC);
    breaker_start(&k, &a);
    breaker_unavailable(&k, &a, INT64_MAX, "", 0);
    expect_probe_in(&k, 0, 3600 * NS_PER_SEC);
}

/* The first probe of many breakers is at the end of the pause, the last one a quarter of the pause later. */
static void a_pause_is_an_hour_at_most_and_up_to_a_quarter_more(void **state)
{
    static const struct {
        int64_t requested_ns, pause_ns;
    } rows[] = {{INT64_MAX, 3600 * NS_PER_SEC},
                {3600 * NS_PER_SEC + 1, 3600 * NS_PER_SEC},
                {3599 * NS_PER_SEC, 3599 * NS_PER_SEC},
                {NO_REQUEST, NS_PER_SEC},
                {NS_PER_SEC - 1, NS_PER_SEC}};
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t first = INT64_MAX, last = 0;
        for (unsigned seed = 1; seed <= 20000; seed++) {
            struct breaker k = {.seed = seed};
            breaker_unavailable(&k, &a, rows[i].requested_ns, "", 0);
            first = k.probe_ns < first ? k.probe_ns : first;
            last = k.probe_ns > last ? k.probe_ns : last;
        }
        assert_in_range(first, rows[i].pause_ns, rows[i].pause_ns + rows[i].pause_ns / 4000);
        assert_in_range(last, rows[i].pause_ns * 5 / 4 - rows[i].pause_ns / 4000, rows[i].pause_ns * 5 / 4);
    }
}

/* Handlers that lose the same service do not probe it together. */
static void breakers_that_open_at_different_times_add_different_pauses(void **state)
{
    struct breaker first = {0}, second = {0};
    (void)state;
    breaker_unavailable(&first, &a, NO_REQUEST, "", 1000);
    breaker_unavailable(&second, &a, NO_REQUEST, "", 2000);
    assert_int_not_equal(first.probe_ns - 1000, second.probe_ns - 2000);
}

static void outcomes_of_messages_that_were_running_are_ignored(void **state)
{
    struct breaker k = {0};
    (void)state;
    breaker_unavailable(&k, &a, NO_REQUEST, "first", 0);
    int64_t probe = k.probe_ns;
    assert_false(breaker_unavailable(&k, &b, 60 * NS_PER_SEC, "second", 1));
    assert_false(breaker_result(&k, &c, true, 1));
    assert_true(k.open);
    assert_int_equal(k.probe_ns, probe);
    assert_string_equal(k.reason, "first");
}

static void a_failed_probe_keeps_the_breaker_open(void **state)
{
    struct breaker k = {0};
    (void)state;
    breaker_unavailable(&k, &a, NO_REQUEST, "", 0);
    breaker_start(&k, &b);
    assert_ptr_equal(k.probe, &b);
    assert_false(breaker_result(&k, &b, false, 10 * NS_PER_SEC));
    assert_true(k.open);
    assert_null(k.probe);
    expect_probe_in(&k, 10 * NS_PER_SEC, 2 * NS_PER_SEC);
}

static void after_a_withdrawn_probe_another_may_start_at_once(void **state)
{
    struct breaker k = {0};
    (void)state;
    breaker_unavailable(&k, &a, NO_REQUEST, "", 0);
    int64_t probe = k.probe_ns;
    breaker_start(&k, &b);
    breaker_withdrawn(&k, &c);
    assert_ptr_equal(k.probe, &b);
    breaker_withdrawn(&k, &b);
    assert_null(k.probe);
    assert_int_equal(k.probe_ns, probe);
}

static void long_reasons_are_cut(void **state)
{
    struct breaker k = {0};
    char text[2000];
    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    breaker_unavailable(&k, &a, NO_REQUEST, text, 0);
    assert_int_equal(strlen(k.reason), BREAKER_REASON_MAX - 1);
    breaker_start(&k, &a);
    breaker_unavailable(&k, &a, NO_REQUEST, "", 0);
    assert_string_equal(k.reason, "no reason given");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_unavailable_message_opens_the_breaker_and_its_reason_is_kept),
        cmocka_unit_test(the_pause_doubles_to_30_s_and_starts_over_after_a_success),
        cmocka_unit_test(a_handler_can_request_a_pause_of_at_most_an_hour),
        cmocka_unit_test(a_pause_is_an_hour_at_most_and_up_to_a_quarter_more),
        cmocka_unit_test(breakers_that_open_at_different_times_add_different_pauses),
        cmocka_unit_test(outcomes_of_messages_that_were_running_are_ignored),
        cmocka_unit_test(a_failed_probe_keeps_the_breaker_open),
        cmocka_unit_test(after_a_withdrawn_probe_another_may_start_at_once),
        cmocka_unit_test(long_reasons_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
