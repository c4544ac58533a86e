/* SPDX-License-Identifier: Apache-2.0
 * status_test - every status message of a pull that servers send, by what has to follow. */
#include "base/clock.h"
#include "consumer/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define RUN(reaction_, ...) assert_int_equal(pull_status_parse(__VA_ARGS__).reaction, reaction_)

/* The texts of nats-server 2.9 to 2.15, consumer.go. */
static void each_status_leads_to_its_reaction(void **state)
{
    (void)state;
    static const struct {
        const char *code;
        const char *description;
        enum pull_reaction reaction;
    } rows[] = {
        {"100", "Idle Heartbeat", PULL_HEARTBEAT},
        {"100", NULL, PULL_HEARTBEAT},
        {"404", "No Messages", PULL_ENDED},
        {"408", "Request Timeout", PULL_ENDED},
        {"408", "Interest Expired", PULL_ENDED},
        {"409", "Batch Completed", PULL_ENDED},
        {"409", "Message Size Exceeds MaxBytes", PULL_FULL},
        {"409", "Exceeded MaxWaiting", PULL_RESET},
        {"409", "Exceeded MaxAckPending", PULL_RESET},
        {"409", "Exceeded MaxRequestBatch of 10", PULL_LIMITED},
        {"409", "Exceeded MaxRequestExpires of 5s", PULL_LIMITED},
        {"409", "Exceeded MaxRequestMaxBytes of 1024", PULL_LIMITED},
        {"409", "Leadership Change", PULL_NEW_LEADER},
        {"409", "Server Shutdown", PULL_RESET},
        {"409", "Consumer Deleted", PULL_GONE},
        {"409", "Consumer is push based", PULL_REFUSED},
        {"400", "Bad Request", PULL_REFUSED},
        {"400", "Bad Request - Priority Group missing", PULL_REFUSED},
        {"503", NULL, PULL_NO_RESPONDERS},
        {"503", "No Responders", PULL_NO_RESPONDERS},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (pull_status_parse(rows[i].code, rows[i].description, NULL).reaction != rows[i].reaction)
            fail_msg("%s %s: %d", rows[i].code, rows[i].description ? rows[i].description : "",
                     pull_status_parse(rows[i].code, rows[i].description, NULL).reaction);
}

static void case_of_a_description_does_not_matter(void **state)
{
    (void)state;
    RUN(PULL_GONE, "409", "CONSUMER DELETED", NULL);
    RUN(PULL_ENDED, "409", "batch completed", NULL);
}

static void what_is_not_known_is_unknown(void **state)
{
    (void)state;
    RUN(PULL_UNKNOWN, "409", NULL, NULL);
    RUN(PULL_UNKNOWN, "409", "", NULL);
    RUN(PULL_UNKNOWN, "409", "Something of 2031", NULL);
    RUN(PULL_UNKNOWN, "409", "Consumer", NULL);
    RUN(PULL_UNKNOWN, "409", "The Consumer Deleted", NULL);
    RUN(PULL_UNKNOWN, "423", "Nats-Wrong-Pin-Id", NULL);
    RUN(PULL_UNKNOWN, "", NULL, NULL);
    RUN(PULL_UNKNOWN, "1000", NULL, NULL);
    RUN(PULL_UNKNOWN, "40", NULL, NULL);
    RUN(PULL_UNKNOWN, " 408", NULL, NULL);
    RUN(PULL_UNKNOWN, "200", "OK", NULL);
}

static void pending_says_how_many_will_not_come(void **state)
{
    (void)state;
    assert_int_equal(pull_status_parse("408", "Request Timeout", "17").unfilled, 17);
    assert_int_equal(pull_status_parse("409", "Batch Completed", "0").unfilled, 0);
    assert_true(pull_status_parse("408", NULL, "9223372036854775807").unfilled == INT64_MAX);
    assert_int_equal(pull_status_parse("404", "No Messages", NULL).unfilled, -1);
}

static void malformed_pending_counts_as_not_said(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", "x", "-1", "1x", "1 ", "1.5", "9223372036854775808", "99999999999999999999999"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (pull_status_parse("408", NULL, bad[i]).unfilled != -1)
            fail_msg("\"%s\": %lld", bad[i], (long long)pull_status_parse("408", NULL, bad[i]).unfilled);
}

static void batch_limit_is_read(void **state)
{
    (void)state;
    struct pull_status s = pull_status_parse("409", "Exceeded MaxRequestBatch of 10", NULL);
    assert_int_equal(s.max_batch, 10);
    assert_int_equal(s.max_expires_ns, 0);
    assert_int_equal(pull_status_parse("409", "Exceeded MaxRequestBatch of 1", NULL).max_batch, 1);
}

static void bytes_limit_is_read(void **state)
{
    (void)state;
    struct pull_status s = pull_status_parse("409", "Exceeded MaxRequestMaxBytes of 1024", NULL);
    assert_int_equal(s.max_bytes, 1024);
    assert_int_equal(s.max_batch, 0);
}

static void limits_that_make_no_sense_are_none(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "Exceeded MaxRequestBatch",           "Exceeded MaxRequestBatch of ",
        "Exceeded MaxRequestBatch of x",      "Exceeded MaxRequestBatch of -5",
        "Exceeded MaxRequestExpires of ",     "Exceeded MaxRequestExpires of -5s",
        "Exceeded MaxRequestExpires of soon", "Exceeded MaxRequestMaxBytes of -1024",
        "Exceeded MaxRequest of 5",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct pull_status s = pull_status_parse("409", bad[i], NULL);
        if (s.reaction != PULL_LIMITED || s.max_batch != 0 || s.max_expires_ns != 0 || s.max_bytes != 0)
            fail_msg("%s: batch %lld, expires %lld", bad[i], (long long)s.max_batch, (long long)s.max_expires_ns);
    }
}

static void only_a_limit_sets_limits(void **state)
{
    (void)state;
    struct pull_status s = pull_status_parse("409", "Leadership Change of 10, MaxRequestBatch", NULL);
    assert_int_equal(s.max_batch, 0);
    assert_int_equal(s.max_expires_ns, 0);
}

/* The server prints a Go time.Duration. */
static void expires_limit_is_read_in_gos_spelling(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ns;
    } rows[] = {
        {"10s", 10 * NS_PER_SEC},      {"500ms", 500 * NS_PER_MS},   {"1.5s", 1500 * NS_PER_MS},
        {"2.25s", 2250 * NS_PER_MS},   {"1m0s", 60 * NS_PER_SEC},    {"1m30s", 90 * NS_PER_SEC},
        {"1h0m0s", 3600 * NS_PER_SEC}, {"1.001s", 1001 * NS_PER_MS}, {"20.5ms", 20500 * NS_PER_US},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[80];
        snprintf(text, sizeof(text), "Exceeded MaxRequestExpires of %s", rows[i].text);
        struct pull_status s = pull_status_parse("409", text, NULL);
        if (s.max_expires_ns != rows[i].ns)
            fail_msg("%s: %lld", rows[i].text, (long long)s.max_expires_ns);
        assert_int_equal(s.max_batch, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_status_leads_to_its_reaction),
        cmocka_unit_test(case_of_a_description_does_not_matter),
        cmocka_unit_test(what_is_not_known_is_unknown),
        cmocka_unit_test(pending_says_how_many_will_not_come),
        cmocka_unit_test(malformed_pending_counts_as_not_said),
        cmocka_unit_test(batch_limit_is_read),
        cmocka_unit_test(bytes_limit_is_read),
        cmocka_unit_test(limits_that_make_no_sense_are_none),
        cmocka_unit_test(only_a_limit_sets_limits),
        cmocka_unit_test(expires_limit_is_read_in_gos_spelling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
