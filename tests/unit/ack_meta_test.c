/* SPDX-License-Identifier: Apache-2.0
 * ack_meta_test - acknowledgement subjects: both forms, limits, and everything that is none. */
#include "jetstream/ack_meta.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define V1 "$JS.ACK.ORDERS.billing.3.42.40.1700000000123456789.7"
#define V2 "$JS.ACK.hub.ACCHASH.ORDERS.billing.3.42.40.1700000000123456789.7"

static unsigned seed;

static void expect_refused(const char *reply)
{
    struct ack_meta before, m;
    memset(&m, 0x5a, sizeof(m));
    before = m;
    int rc = ack_meta_parse(reply, &m);
    if (rc != -EINVAL)
        fail_msg("\"%.100s\" gave %d", reply ? reply : "(null)", rc);
    assert_memory_equal(&m, &before, sizeof(m)); /* untouched on failure */
}

static void expect_meta(const char *reply)
{
    struct ack_meta m;
    assert_int_equal(ack_meta_parse(reply, &m), 0);
    assert_int_equal(m.delivered, 3);
    assert_int_equal(m.stream_seq, 42);
    assert_int_equal(m.consumer_seq, 40);
    assert_true(m.stored_ns == INT64_C(1700000000123456789));
    assert_int_equal(m.pending, 7);
    assert_int_equal(m.stream_len, strlen("ORDERS"));
    assert_memory_equal(m.stream, "ORDERS", m.stream_len);
    assert_int_equal(m.consumer_len, strlen("billing"));
    assert_memory_equal(m.consumer, "billing", m.consumer_len);
    assert_ptr_equal(m.stream, strstr(reply, "ORDERS"));
}

static void nine_tokens_are_read(void **state)
{
    (void)state;
    expect_meta(V1);
}

static void eleven_tokens_have_domain_and_account_in_front(void **state)
{
    (void)state;
    expect_meta(V2);
    expect_meta("$JS.ACK._.ACCHASH.ORDERS.billing.3.42.40.1700000000123456789.7");
}

static void tokens_behind_the_known_ones_are_for_later_servers(void **state)
{
    (void)state;
    expect_meta(V2 ".x7Kq");
    expect_meta(V2 ".x7Kq.and.more.and.more.and.more.and.more");
}

static void ten_tokens_are_neither_form(void **state)
{
    (void)state;
    expect_refused("$JS.ACK.hub.ORDERS.billing.3.42.40.1700000000123456789.7");
    expect_refused(V1 ".x");
}

static void missing_tokens_are_refused(void **state)
{
    (void)state;
    char cut[sizeof(V2)];
    for (size_t i = 0; i < sizeof(V1) - 1; i++) {
        snprintf(cut, sizeof(cut), "%.*s", (int)i, V1);
        if (i < strlen(V1) - 1) /* the last token has one digit: every shorter text lacks it */
            expect_refused(cut);
    }
}

static void other_subjects_are_refused(void **state)
{
    (void)state;
    static const char *const others[] = {
        "",
        "$",
        "$JS.ACK",
        "$JS.ACK.",
        "$JS.ACK.........",
        "_INBOX.abc.1",
        "$js.ack.ORDERS.billing.3.42.40.1.7",
        "$JS.ACKORDERS.billing.3.42.40.1.7",
        " $JS.ACK.ORDERS.billing.3.42.40.1.7",
        "$JS.NAK.ORDERS.billing.3.42.40.1.7",
    };
    expect_refused(NULL);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        expect_refused(others[i]);
}

static void empty_tokens_are_refused(void **state)
{
    (void)state;
    expect_refused("$JS.ACK..billing.3.42.40.1.7");
    expect_refused("$JS.ACK.ORDERS..3.42.40.1.7");
    expect_refused("$JS.ACK.ORDERS.billing..42.40.1.7");
    expect_refused("$JS.ACK.ORDERS.billing.:.42.40.1.7"); /* the byte after 9 */
    expect_refused("$JS.ACK.ORDERS.billing.3.42.40.1.");
    expect_refused("$JS.ACK..ORDERS.billing.3.42.40.1.7");
    expect_refused("$JS.ACK.hub..ORDERS.billing.3.42.40.1.7");
    expect_refused("$JS.ACK.hub.ACC.ORDERS.billing.3.42.40.1.7.");
}

static void numbers_are_digits_only(void **state)
{
    (void)state;
    static const char *const none[] = {"*", ">", "x", "-1", "+1", "1x", "0x1", " 1", "1 ", "1e3", "\xef\xbc\x91"};
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        for (int at = 0; at < 5; at++) {
            const char *v[5] = {"1", "1", "1", "1", "1"};
            char reply[160];
            v[at] = none[i];
            snprintf(reply, sizeof(reply), "$JS.ACK.S.C.%s.%s.%s.%s.%s", v[0], v[1], v[2], v[3], v[4]);
            expect_refused(reply);
        }
    }
}

static void largest_numbers_are_kept_and_larger_ones_refused(void **state)
{
    (void)state;
    struct ack_meta m;
    const char *max = "18446744073709551615";
    char reply[256];

    snprintf(reply, sizeof(reply), "$JS.ACK.S.C.%s.%s.%s.9223372036854775807.%s", max, max, max, max);
    assert_int_equal(ack_meta_parse(reply, &m), 0);
    assert_true(m.delivered == UINT64_MAX && m.stream_seq == UINT64_MAX && m.consumer_seq == UINT64_MAX &&
                m.pending == UINT64_MAX && m.stored_ns == INT64_MAX);
    expect_refused("$JS.ACK.S.C.18446744073709551616.1.1.1.1");
    expect_refused("$JS.ACK.S.C.1.18446744073709551616.1.1.1");
    expect_refused("$JS.ACK.S.C.1.1.99999999999999999999.1.1");
    expect_refused("$JS.ACK.S.C.1.1.1.1.184467440737095516150");
    expect_refused("$JS.ACK.S.C.1.1.1.9223372036854775808.1"); /* a time is signed */
}

static void stream_sequence_0_is_no_message(void **state)
{
    (void)state;
    expect_refused("$JS.ACK.S.C.1.0.1.1.1");
    expect_refused("$JS.ACK.S.C.1.00.1.1.1");
    expect_refused("$JS.ACK.d.a.S.C.1.0.1.1.1");
}

static void huge_subjects_are_read_or_refused_like_small_ones(void **state)
{
    (void)state;
    size_t size = 1 << 20;
    char *reply = malloc(size + 128);
    struct ack_meta m;

    assert_non_null(reply);
    size_t n = (size_t)sprintf(reply, "$JS.ACK.");
    memset(reply + n, 'n', size);
    strcpy(reply + n + size, ".C.1.2.3.4.5");
    assert_int_equal(ack_meta_parse(reply, &m), 0);
    assert_int_equal(m.stream_len, size);
    assert_int_equal(m.stream_seq, 2);
    memset(reply + n, '1', size);
    memcpy(reply + n, "S.C.", 4);
    strcpy(reply + n + size, ".2.3.4.5");
    expect_refused(reply);
    strcpy(reply + n + size, ".C.1.2.3.4.5");
    memset(reply + n, '.', size);
    expect_refused(reply);
    for (size_t i = 0; i < size; i++)
        reply[n + i] = i % 2 ? '.' : '1';
    assert_int_equal(ack_meta_parse(reply, &m), 0); /* half a million tokens: version 2 with more */
    free(reply);
}

static uint64_t random64(void)
{
    uint64_t n = 0;
    for (int i = 0; i < 4; i++)
        n = n << 16 | (uint64_t)(rand_r(&seed) & 0xffff);
    return n >> rand_r(&seed) % 64;
}

static void what_was_written_is_read_back(void **state)
{
    (void)state;
    for (int i = 0; i < 20000; i++) {
        struct ack_meta m;
        uint64_t d = random64(), s = random64() | 1, c = random64(), t = random64() >> 1, p = random64();
        char reply[320];
        snprintf(reply, sizeof(reply),
                 "$JS.ACK.%sS%u.C-%u.%" PRIu64 ".%" PRIu64 ".%" PRIu64 ".%" PRIu64 ".%" PRIu64 "%s",
                 i % 2 ? "dom.acc." : "", (unsigned)i, (unsigned)i, d, s, c, t, p, i % 4 == 1 ? ".tail" : "");
        if (ack_meta_parse(reply, &m))
            fail_msg("refused: %s", reply);
        assert_true(m.delivered == d && m.stream_seq == s && m.consumer_seq == c && (uint64_t)m.stored_ns == t &&
                    m.pending == p);
    }
}

/* Valid subjects with bytes changed, removed and put in, and noise behind the prefix. */
static void garbage_is_refused_or_makes_sense(void **state)
{
    (void)state;
    static const char bytes[] = "0123456789....*>-+ $JSACKx\x01\xff";
    unsigned accepted = 0;

    for (int i = 0; i < 200000; i++) {
        char reply[256];
        struct ack_meta m;
        strcpy(reply, i % 2 ? V1 : V2);
        for (int k = rand_r(&seed) % 6; k >= 0; k--) {
            size_t len = strlen(reply), at = (size_t)rand_r(&seed) % len;
            char c = bytes[(size_t)rand_r(&seed) % (sizeof(bytes) - 1)];
            switch (rand_r(&seed) % 3) {
            case 0: reply[at] = c; break;
            case 1: memmove(reply + at, reply + at + 1, len - at); break;
            case 2:
                memmove(reply + at + 1, reply + at, len - at + 1);
                reply[at] = c;
                break;
            }
        }
        if (ack_meta_parse(reply, &m) != 0)
            continue;
        accepted++;
        size_t len = strlen(reply);
        if (m.stream_seq == 0 || m.stored_ns < 0 || m.stream_len == 0 || m.consumer_len == 0 ||
            m.consumer != m.stream + m.stream_len + 1 || m.stream < reply + 8 ||
            m.consumer + m.consumer_len >= reply + len || memchr(m.stream, '.', m.stream_len) ||
            memchr(m.consumer, '.', m.consumer_len))
            fail_msg("accepted: %s", reply);
    }
    assert_in_range(accepted, 1000, 199000); /* both valid and invalid subjects were tried */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nine_tokens_are_read),
        cmocka_unit_test(eleven_tokens_have_domain_and_account_in_front),
        cmocka_unit_test(tokens_behind_the_known_ones_are_for_later_servers),
        cmocka_unit_test(ten_tokens_are_neither_form),
        cmocka_unit_test(missing_tokens_are_refused),
        cmocka_unit_test(other_subjects_are_refused),
        cmocka_unit_test(empty_tokens_are_refused),
        cmocka_unit_test(numbers_are_digits_only),
        cmocka_unit_test(largest_numbers_are_kept_and_larger_ones_refused),
        cmocka_unit_test(stream_sequence_0_is_no_message),
        cmocka_unit_test(huge_subjects_are_read_or_refused_like_small_ones),
        cmocka_unit_test(what_was_written_is_read_back),
        cmocka_unit_test(garbage_is_refused_or_makes_sense),
    };
    const char *given = getenv("TEST_SEED");
    seed = given ? (unsigned)strtoul(given, NULL, 0) : (unsigned)time(NULL);
    printf("seed %u (TEST_SEED repeats it)\n", seed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
