/* SPDX-License-Identifier: Apache-2.0
 * log_test - text and JSON lines, and a reader that does not read. */
#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static int ends[2]; /* of the pipe that the log writes to */
static char line[8192];

static int set_up(void **state)
{
    (void)state;
    return pipe2(ends, O_CLOEXEC);
}

static int tear_down(void **state)
{
    (void)state;
    log_setup(2, LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    close(ends[0]);
    close(ends[1]);
    return 0;
}

/* The line that one call wrote, without its newline. */
static const char *written(void)
{
    struct pollfd p = {.fd = ends[0], .events = POLLIN};
    if (poll(&p, 1, 0) != 1)
        return NULL;
    ssize_t n = read(ends[0], line, sizeof(line) - 1);
    assert_true(n > 0 && line[n - 1] == '\n');
    line[n - 1] = '\0';
    assert_null(strchr(line, '\n'));
    return line;
}

/* "2026-01-31T12:00:00.123Z" with digits as 0. */
static void check_time(const char *s)
{
    const char *shape = "0000-00-00T00:00:00.000Z";
    for (size_t i = 0; shape[i]; i++) {
        if (shape[i] == '0')
            assert_true(s[i] >= '0' && s[i] <= '9');
        else
            assert_int_equal(s[i], shape[i]);
    }
}

static void text_line_has_time_level_event_fields(void **state)
{
    (void)state;
    log_setup(ends[1], LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    log_info("ready", LOG_INT("handlers", 3), LOG_STR("admin", "127.0.0.1:9222"));
    const char *s = written();
    check_time(s);
    assert_string_equal(s + 24, " info  event=ready handlers=3 admin=127.0.0.1:9222");
}

static void json_line_has_the_same(void **state)
{
    (void)state;
    log_setup(ends[1], LOG_LEVEL_INFO, LOG_FORMAT_JSON);
    log_error("bad-thing", LOG_INT("n", -3), LOG_UINT("u", UINT64_MAX), LOG_STR("s", "a \"b\"\n"),
              LOG_NS("took", 1500 * NS_PER_MS), LOG_STR("none", NULL));
    const char *s = written();
    assert_memory_equal(s, "{\"time\":\"", 9);
    check_time(s + 9);
    assert_string_equal(s + 33, "\",\"level\":\"error\",\"event\":\"bad-thing\",\"n\":-3,\"u\":18446744073709551615,"
                                "\"s\":\"a \\\"b\\\"\\n\",\"took\":1.5,\"none\":\"\"}");
}

static void auto_is_json_when_nobody_looks(void **state)
{
    (void)state;
    log_setup(ends[1], LOG_LEVEL_INFO, LOG_FORMAT_AUTO);
    log_info("x", LOG_INT("n", 1));
    assert_int_equal(written()[0], '{');
}

static void levels_below_are_left_out(void **state)
{
    (void)state;
    log_setup(ends[1], LOG_LEVEL_WARN, LOG_FORMAT_TEXT);
    log_info("x", LOG_INT("n", 1));
    assert_null(written());
    assert_false(log_enabled(LOG_LEVEL_INFO));
    log_warn("y", LOG_INT("n", 1));
    assert_string_equal(written() + 24, " warn  event=y n=1");
    log_setup(ends[1], LOG_LEVEL_DEBUG, LOG_FORMAT_TEXT);
    log_debug("z", LOG_INT("n", 1));
    assert_string_equal(written() + 24, " debug event=z n=1");
}

static void text_values_are_quoted_when_they_must(void **state)
{
    (void)state;
    log_setup(ends[1], LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    log_info("x", LOG_STR("a", ""), LOG_STR("b", "two words"), LOG_STR("c", "k=v"), LOG_STR("d", "\x1b[31m"),
             LOG_STR("e", "\xc2\x9b"
                          "31m"),
             LOG_STR("f", NULL));
    assert_string_equal(written() + 24,
                        " info  event=x a=\"\" b=\"two words\" c=\"k=v\" d=\"\\u001b[31m\" e=\"\\u009b31m\" f=\"\"");
}

static void optional_field_is_skipped(void **state)
{
    (void)state;
    log_setup(ends[1], LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    bool yes = true;
    log_info("x", yes ? LOG_NONE : LOG_INT("a", 1), yes ? LOG_INT("b", 2) : LOG_NONE);
    assert_string_equal(written() + 24, " info  event=x b=2");
}

static void durations_read_well(void **state)
{
    (void)state;
    static const struct {
        int64_t ns;
        const char *text;
    } cases[] = {
        {0, "0ns"},
        {999, "999ns"},
        {1500, "1.5us"},
        {20 * NS_PER_MS, "20ms"},
        {1500 * NS_PER_MS, "1.5s"},
        {59 * NS_PER_SEC, "59s"},
        {90 * NS_PER_SEC, "90s"},
        {INT64_C(999999), "1ms"}, /* rounds up into the next unit */
        {INT64_C(999999999), "1s"},
        {INT64_C(59999999999), "60s"},
        {-5, "-5ns"},
        {-1500 * NS_PER_MS, "-1.5s"},
    };
    log_setup(ends[1], LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        log_info("x", LOG_NS("d", cases[i].ns));
        assert_string_equal(strstr(written(), "d=") + 2, cases[i].text);
    }
}

static void long_value_is_cut_and_the_line_stays_whole(void **state)
{
    (void)state;
    static const char *const fills[] = {"x", "\n", "\xe2\x82\xac", "\xff"};
    char *big = malloc(20001);

    for (size_t f = 0; f < 4; f++) {
        size_t step = strlen(fills[f]);
        for (size_t i = 0; i + step <= 20000; i += step)
            memcpy(big + i, fills[f], step);
        big[20000 / step * step] = '\0';
        for (int json = 0; json < 2; json++) {
            log_setup(ends[1], LOG_LEVEL_INFO, json ? LOG_FORMAT_JSON : LOG_FORMAT_TEXT);
            log_info("x", LOG_INT("n", 1), LOG_STR("msg", big), LOG_INT("after", 2));
            const char *s = written();
            size_t len = strlen(s);
            assert_true(len < 4096 && len > 3900);
            assert_non_null(strstr(s, "msg"));
            assert_non_null(strstr(s, json ? "...\",\"after\":2}" : " after=2"));
            if (f == 2) /* a UTF-8 character is never cut */
                assert_null(strstr(s, "\\u00"));
        }
    }
    free(big);
}

/* A value that fits, but not after escaping. */
static void value_that_grows_by_escapes_is_cut(void **state)
{
    (void)state;
    char *breaks = malloc(1001);
    memset(breaks, '\x01', 1000);
    breaks[1000] = '\0';
    log_setup(ends[1], LOG_LEVEL_INFO, LOG_FORMAT_JSON);
    log_info("x", LOG_STR("msg", breaks));
    const char *s = written();
    assert_true(strlen(s) < 4096);
    assert_non_null(strstr(s, "\\u0001...\"}"));
    free(breaks);
}

static void errno_survives(void **state)
{
    (void)state;
    log_setup(-1, LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    uint64_t before = log_dropped();
    errno = EDOM;
    log_info("x", LOG_INT("n", 1));
    assert_int_equal(errno, EDOM);
    assert_int_equal(log_dropped(), before + 1);
}

static void drain(void)
{
    struct pollfd p = {.fd = ends[0], .events = POLLIN};
    while (poll(&p, 1, 0) == 1)
        assert_true(read(ends[0], line, sizeof(line)) > 0);
}

static void *write_many(void *big)
{
    for (int i = 0; i < 500; i++)
        log_info("x", LOG_STR("msg", big));
    return NULL;
}

/* Several threads write at once: none may fill the pipe between poll() and write() of another. */
static void full_pipe_never_blocks(void **state)
{
    (void)state;
    pthread_t threads[4];
    char big[3000];
    uint64_t before = log_dropped();

    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    fcntl(ends[1], F_SETPIPE_SZ, 4096);
    log_setup(ends[1], LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    for (int round = 0; round < 20; round++) {
        alarm(10);
        for (int i = 0; i < 4; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, write_many, big), 0);
        for (int i = 0; i < 200; i++)
            drain(); /* and then no more */
        for (int i = 0; i < 4; i++)
            assert_int_equal(pthread_join(threads[i], NULL), 0);
        alarm(0);
    }
    assert_true(log_dropped() > before);
}

static void gone_reader_costs_lines_only(void **state)
{
    (void)state;
    int pair[2];
    uint64_t before = log_dropped();
    signal(SIGPIPE, SIG_IGN); /* SeaMQ's programs ignore it, too */
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    log_setup(pair[1], LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    close(pair[0]);
    log_info("x", LOG_INT("n", 1));
    log_setup(ends[1], LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    close(ends[0]);
    log_info("x", LOG_INT("n", 1));
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    close(pair[1]);
    assert_int_equal(log_dropped(), before + 2);
}

int main(void)
{
#define LOG_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        LOG_TEST(text_line_has_time_level_event_fields),
        LOG_TEST(json_line_has_the_same),
        LOG_TEST(auto_is_json_when_nobody_looks),
        LOG_TEST(levels_below_are_left_out),
        LOG_TEST(text_values_are_quoted_when_they_must),
        LOG_TEST(optional_field_is_skipped),
        LOG_TEST(durations_read_well),
        LOG_TEST(long_value_is_cut_and_the_line_stays_whole),
        LOG_TEST(value_that_grows_by_escapes_is_cut),
        LOG_TEST(errno_survives),
        LOG_TEST(full_pipe_never_blocks),
        LOG_TEST(gone_reader_costs_lines_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
