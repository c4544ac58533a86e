/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <setjmp.h>
#include <cmocka.h>

#define EXAMPLE(name) SEAMQ_BUILD_DIR "/examples/" name "/" name ".so"

static struct harness h;

static void hello_logs_and_acknowledges(void **state)
{
    (void)state;
    harness_load(&h, EXAMPLE("hello"), NULL);
    assert_string_equal(h.plugin.stream, "HELLO");
    assert_string_equal(h.plugin.subjects, "hello.>");
    assert_int_equal(harness_handle(&h, "hello.world", "good morning"), SEAMQ_ACK);
    assert_string_equal(h.log, "6 hello.world: good morning\n");
    harness_close(&h);
}

static void append_writes_a_batch_and_refuses_one_of_it(void **state)
{
    char file[] = "/tmp/seamq-abi-XXXXXX", option[64], text[256];
    int fd = mkstemp(file);

    (void)state;
    assert_true(fd >= 0);
    snprintf(option, sizeof option, "file=%s", file);
    harness_load(&h, EXAMPLE("append"), (const char *[]){option, NULL});
    assert_int_equal(harness_open(&h), 0);
    harness_handle_batch(&h, "events.a", (const char *[]){"one", "two\nlines", "", "four"}, 4);
    assert_int_equal(h.outcomes[0], SEAMQ_ACK);
    assert_int_equal(h.outcomes[1], SEAMQ_DEAD);
    assert_int_equal(h.outcomes[2], SEAMQ_ACK);
    assert_int_equal(h.outcomes[3], SEAMQ_ACK);
    assert_string_equal(h.counts, "syncs+1 ");
    text[pread(fd, text, sizeof text - 1, 0)] = '\0';
    assert_string_equal(text, "1 events.a one\n3 events.a \n4 events.a four\n");
    harness_close(&h);
    close(fd);
    unlink(file);
}

static void append_acknowledges_nothing_that_is_not_written(void **state)
{
    (void)state;
    harness_load(&h, EXAMPLE("append"), (const char *[]){"file=/dev/full", NULL});
    assert_int_equal(harness_open(&h), 0);
    harness_handle_batch(&h, "events.a", (const char *[]){"one", "two"}, 2);
    assert_int_equal(h.outcomes[0], SEAMQ_UNAVAILABLE);
    assert_int_equal(h.outcomes[1], SEAMQ_UNAVAILABLE);
    assert_string_equal(h.reason, "/dev/full: No space left on device");
    harness_close(&h);
    harness_load(&h, EXAMPLE("append"), (const char *[]){"file=/nonexistent/x", NULL});
    assert_int_equal(harness_open(&h), SEAMQ_OPEN_FAILED);
    assert_string_equal(h.failure, "option.file: /nonexistent/x: No such file or directory");
    harness_close(&h);
}

static void route_accepts_and_sends_on(void **state)
{
    (void)state;
    harness_load(&h, EXAMPLE("route"), NULL);
    assert_int_equal(harness_handle(&h, "orders.new", "A-17,bolt_m8,40\n"), SEAMQ_ACK);
    assert_int_equal(h.n_publishes, 1);
    assert_string_equal(h.publishes[0].subject, "orders.accepted.bolt_m8");
    assert_string_equal(h.publishes[0].data, "A-17,bolt_m8,40\n");
    assert_string_equal(h.publishes[0].headers, "Order-Id=A-17;Order-Check=passed;");
    assert_string_equal(h.publishes[0].msg_id, "");
    assert_string_equal(h.counts, "orders_accepted+1 ");
    harness_close(&h);
}

static void route_limit_is_inclusive_and_above_it_goes_to_review(void **state)
{
    (void)state;
    harness_load(&h, EXAMPLE("route"), (const char *[]){"limit=50", "review=check", NULL});
    assert_int_equal(harness_handle(&h, "orders.new", "A,b,50"), SEAMQ_ACK);
    assert_string_equal(h.publishes[0].subject, "orders.accepted.b");
    assert_int_equal(harness_handle(&h, "orders.new", "A,b,51"), SEAMQ_ACK);
    assert_string_equal(h.publishes[0].subject, "check.b");
    assert_string_equal(h.publishes[0].headers, "Order-Id=A;Order-Check=quantity above the limit;");
    harness_close(&h);
}

static void route_dead_letters_what_is_no_order(void **state)
{
    static const char id_rule[] =
        "not an order: order id is empty or starts with a character other than A-Z a-z 0-9 _ -";
    static const char sku_rule[] = "not an order: sku is empty or starts with a character other than A-Z a-z 0-9 _ -";
    static const struct {
        const char *data;
        const char *reason;
    } cases[] = {
        {"", id_rule},
        {",b,1", id_rule},
        {" A,b,1", id_rule},
        {"A", "not an order: order id is not followed by a comma"},
        {"A b,c,1", "not an order: order id is not followed by a comma"},
        {"A,,1", sku_rule},
        {"A,x.y,1", "not an order: sku is not followed by a comma"},
        {"A,>,1", sku_rule},
        {"A,b", "not an order: sku is not followed by a comma"},
        {"A,b,", "not an order: quantity is missing"},
        {"A,b,\n", "not an order: quantity is missing"},
        {"A,b,0", "not an order: quantity must be from 1, without leading zeros"},
        {"A,b,007", "not an order: quantity must be from 1, without leading zeros"},
        {"A,b,-1", "not an order: quantity is not a number"},
        {"A,b,1,2", "not an order: quantity is not a number"},
        {"A,b,1\n\n", "not an order: quantity is not a number"},
        {"A,b,99999999999999999999999", "not an order: quantity is more than a billion"},
        {"123456789012345678901234567890123,b,1", "not an order: order id is longer than 32 characters"},
        {"A,123456789012345678901234567890123,1", "not an order: sku is longer than 32 characters"},
    };

    (void)state;
    harness_load(&h, EXAMPLE("route"), NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(harness_handle(&h, "orders.new", cases[i].data), SEAMQ_DEAD);
        assert_string_equal(h.reason, cases[i].reason);
        assert_int_equal(h.n_publishes, 0);
    }
    assert_int_equal(harness_handle(&h, "orders.new", "12345678901234567890123456789012,b,1000000000"), SEAMQ_ACK);
    harness_close(&h);
}

static void route_retries_when_it_cannot_publish(void **state)
{
    (void)state;
    harness_load(&h, EXAMPLE("route"), NULL);
    h.publish_error = -EMSGSIZE;
    assert_int_equal(harness_handle(&h, "orders.new", "A,b,1"), SEAMQ_NAK);
    assert_int_equal(h.delay_ns, SEAMQ_BACKOFF);
    assert_string_equal(h.reason, "cannot publish to orders.accepted.b");
    harness_close(&h);
}

/* The plugin reads the real clock, so the tests use windows of one millisecond. */
static void wait_past_window(void)
{
    struct timespec t = {.tv_nsec = 2000000};

    nanosleep(&t, NULL);
}

static void counter_reports_the_most_frequent_words_first(void **state)
{
    (void)state;
    harness_load(&h, EXAMPLE("counter"), (const char *[]){"top=2", "max_words=3", NULL});
    assert_int_equal(harness_open(&h), 0);
    harness_handle(&h, "events.asia.login", "");
    harness_handle(&h, "events.us.login", "");
    harness_handle(&h, "events.eu.login", "");
    harness_handle(&h, "events.eu.logout", "");
    harness_handle(&h, "events.mars.login", ""); /* a fourth word: counted as untold */
    assert_int_equal(harness_handle(&h, "events.us", ""), SEAMQ_ACK);
    assert_string_equal(h.counts, "events+1 ");
    harness_forget(&h);
    harness_close(&h);
    assert_string_equal(h.log, "6 events=6 words=3 untold=1 top: eu=2 us=2\n");
    assert_string_equal(h.counts, "reports+1 ");
}

static void counter_reports_while_idle_once_the_window_is_over(void **state)
{
    (void)state;
    harness_load(&h, EXAMPLE("counter"), (const char *[]){"window=1ms", "token=9", NULL});
    assert_int_equal(harness_open(&h), 0);
    h.plugin.idle(h.self);
    assert_string_equal(h.log, "");
    harness_handle(&h, "events.eu.login", "");
    wait_past_window();
    h.plugin.idle(h.self);
    assert_string_equal(h.log, "6 events=1 words=1 untold=0 top: login=1\n");
    harness_forget(&h);
    h.plugin.idle(h.self);
    harness_close(&h);
    assert_string_equal(h.log, ""); /* nothing was counted since the last report */
}

static void counter_publishes_its_report_with_the_next_message(void **state)
{
    (void)state;
    harness_load(&h, EXAMPLE("counter"), (const char *[]){"window=1ms", "report=reports.events", "quiet=yes", NULL});
    assert_int_equal(harness_open(&h), 0);
    harness_handle(&h, "events.eu", "");
    wait_past_window();
    h.plugin.idle(h.self); /* waits, because there is no message to stage with */
    h.publish_error = -EINVAL;
    assert_int_equal(harness_handle(&h, "events.us", ""), SEAMQ_NAK);
    assert_string_equal(h.reason, "option.report: cannot publish to \"reports.events\"");
    h.publish_error = 0;
    assert_int_equal(harness_handle(&h, "events.us", ""), SEAMQ_ACK);
    assert_int_equal(h.n_publishes, 1);
    assert_string_equal(h.publishes[0].subject, "reports.events");
    assert_string_equal(h.publishes[0].data, "events=1 words=1 untold=0 top: eu=1");
    assert_string_equal(h.log, "");
    harness_close(&h);
}

static void counter_refuses_a_table_that_does_not_fit(void **state)
{
    (void)state;
    harness_load(&h, EXAMPLE("counter"), (const char *[]){"max_words=10000000000000", NULL});
    assert_int_equal(harness_open(&h), SEAMQ_OPEN_CONFIG);
    assert_string_equal(h.failure, "option.max_words: no memory for 10000000000000 words: set a smaller value");
    harness_close(&h); /* also after a failed open */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hello_logs_and_acknowledges),
        cmocka_unit_test(append_writes_a_batch_and_refuses_one_of_it),
        cmocka_unit_test(append_acknowledges_nothing_that_is_not_written),
        cmocka_unit_test(route_accepts_and_sends_on),
        cmocka_unit_test(route_limit_is_inclusive_and_above_it_goes_to_review),
        cmocka_unit_test(route_dead_letters_what_is_no_order),
        cmocka_unit_test(route_retries_when_it_cannot_publish),
        cmocka_unit_test(counter_reports_the_most_frequent_words_first),
        cmocka_unit_test(counter_reports_while_idle_once_the_window_is_over),
        cmocka_unit_test(counter_publishes_its_report_with_the_next_message),
        cmocka_unit_test(counter_refuses_a_table_that_does_not_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
