/* SPDX-License-Identifier: Apache-2.0
 * buf_test - the growing buffer, its JSON strings, and the error sentences. */
#include "base/buf.h"
#include "base/error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void empty_buffer_is_an_empty_string(void **state)
{
    (void)state;
    struct buf b = {0};
    assert_string_equal(buf_str(&b), "");
    assert_int_equal(b.len, 0);
    buf_finish(&b);
    assert_null(b.data);
    buf_finish(&b);
}

static void appends_grow_and_keep_order(void **state)
{
    (void)state;
    struct buf b = {0};
    for (int i = 0; i < 10000; i++)
        buf_printf(&b, "%d,", i % 10);
    buf_putc(&b, 'x');
    buf_puts(&b, "yz");
    buf_append(&b, NULL, 0);
    buf_append(&b, "\0!", 2);
    assert_int_equal(b.len, 20005);
    assert_memory_equal(b.data, "0,1,2,", 6);
    assert_memory_equal(buf_str(&b) + 20000, "xyz\0!", 6);
    buf_finish(&b);
}

static void every_length_around_the_first_size_fits(void **state)
{
    (void)state;
    char text[600];
    memset(text, 'a', sizeof(text));
    for (size_t n = 0; n < sizeof(text); n++) {
        struct buf b = {0};
        buf_append(&b, text, n);
        assert_int_equal(strlen(buf_str(&b)), n);
        buf_printf(&b, "%.*s", (int)n, text);
        assert_int_equal(strlen(buf_str(&b)), 2 * n);
        buf_finish(&b);
    }
}

static void reuse_gives_back_what_the_last_use_did_not_need(void **state)
{
    (void)state;
    struct buf b = {0};
    for (int i = 0; i < 3; i++) { /* the same size each time: memory is kept */
        assert_non_null(buf_reserve(&b, 1 << 20));
        b.len = 1 << 20;
        buf_reuse(&b);
        assert_int_equal(b.len, 0);
        assert_true(b.cap > 1 << 20);
    }
    buf_puts(&b, "little");
    buf_reuse(&b);
    assert_null(b.data);
    buf_puts(&b, "little");
    buf_reuse(&b);
    assert_true(b.cap > 0); /* small buffers are always kept */
    b.failed = true;
    buf_reuse(&b);
    assert_false(b.failed);
    buf_finish(&b);
}

static void reserve_makes_room_without_changing_the_length(void **state)
{
    (void)state;
    struct buf b = {0};
    char *at = buf_reserve(&b, 1000);
    assert_non_null(at);
    memset(at, 'r', 1000);
    assert_int_equal(b.len, 0);
    b.len = 1000;
    assert_int_equal(strlen(buf_str(&b)), 1000);
    buf_finish(&b);
}

static void failure_is_remembered_until_cleared(void **state)
{
    (void)state;
    struct buf b = {0};
    buf_puts(&b, "kept");
    assert_null(buf_reserve(&b, SIZE_MAX - 2));
    assert_true(b.failed);
    buf_puts(&b, "lost");
    assert_null(buf_str(&b));
    assert_int_equal(b.len, 4);
    buf_clear(&b);
    buf_puts(&b, "again");
    assert_string_equal(buf_str(&b), "again");
    buf_finish(&b);
}

static void text_that_cannot_be_formatted_is_a_failure(void **state)
{
    (void)state;
    struct buf b = {0};
    /* No multibyte form in the C locale: vsnprintf fails with EILSEQ. */
    buf_printf(&b, "%ls", L"\x20ac");
    assert_true(b.failed);
    buf_finish(&b);
}

static void check_json(const char *s, size_t len, const char *expected)
{
    struct buf b = {0};
    buf_put_json(&b, s, len);
    assert_string_equal(buf_str(&b), expected);
    buf_finish(&b);
}

static void json_escapes_what_json_and_terminals_mind(void **state)
{
    (void)state;
    check_json("", 0, "\"\"");
    check_json("a\"b\\c/", 6, "\"a\\\"b\\\\c/\"");
    check_json("\n\t\r\0\x1b\x7f", 6, "\"\\n\\t\\r\\u0000\\u001b\\u007f\"");
    /* C1 control characters: U+009B begins an escape sequence on terminals as ESC [ does. */
    check_json("\xc2\x9b"
               "31m",
               5, "\"\\u009b31m\"");
    check_json("\xc2\x80\xc2\x9f\xc2\xa0", 6, "\"\\u0080\\u009f\xc2\xa0\"");
}

static void json_keeps_valid_utf8(void **state)
{
    (void)state;
    const char *s = "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xa6 \xed\x9f\xbf \xee\x80\x80 \xf4\x8f\xbf\xbf";
    struct buf b = {0};
    buf_put_json(&b, s, strlen(s));
    assert_int_equal(b.len, strlen(s) + 2);
    assert_memory_equal(b.data + 1, s, strlen(s));
    buf_finish(&b);
}

static void json_escapes_invalid_utf8(void **state)
{
    (void)state;
    check_json("\xff", 1, "\"\\u00ff\"");
    check_json("\xe2\x82", 2, "\"\\u00e2\\u0082\"");                       /* cut */
    check_json("\xc0\xaf", 2, "\"\\u00c0\\u00af\"");                       /* over-long */
    check_json("\xe0\x80\xaf", 3, "\"\\u00e0\\u0080\\u00af\"");            /* over-long */
    check_json("\xed\xa0\x80", 3, "\"\\u00ed\\u00a0\\u0080\"");            /* surrogate */
    check_json("\xf4\x90\x80\x80", 4, "\"\\u00f4\\u0090\\u0080\\u0080\""); /* beyond U+10FFFF */
    check_json("\xc3(", 2, "\"\\u00c3(\"");
}

static void utf8_length_never_looks_behind_the_end(void **state)
{
    (void)state;
    const char *s = "\xf0\x9f\x90\xa6";
    for (size_t n = 1; n < 4; n++) {
        char *copy = malloc(n); /* exact size, so that the sanitizer finds an overrun */
        memcpy(copy, s, n);
        assert_int_equal(buf_utf8_len(copy, n), 0);
        free(copy);
    }
    assert_int_equal(buf_utf8_len(s, 4), 4);
    assert_int_equal(buf_utf8_len("a", 1), 1);
    assert_int_equal(buf_utf8_len("", 0), 0);
}

static void error_carries_code_and_sentence(void **state)
{
    (void)state;
    struct error e = {0};
    assert_int_equal(error_set(&e, -EINVAL, "%s:%d: bad", "a.ini", 3), -EINVAL);
    assert_int_equal(e.code, -EINVAL);
    assert_string_equal(e.text, "a.ini:3: bad");
    assert_int_equal(error_prefix(&e, "config %s", "x"), -EINVAL);
    assert_string_equal(e.text, "config x: a.ini:3: bad");
}

static void error_is_optional(void **state)
{
    (void)state;
    assert_int_equal(error_set(NULL, -ENOENT, "nobody reads this %d", 1), -ENOENT);
    assert_true(error_prefix(NULL, "context") < 0);
}

static void long_error_is_cut_and_keeps_its_prefix(void **state)
{
    (void)state;
    struct error e;
    char text[2000];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    error_set(&e, -EIO, "%s", text);
    assert_int_equal(strlen(e.text), ERROR_TEXT_MAX - 1);
    error_prefix(&e, "here");
    assert_memory_equal(e.text, "here: xx", 8);
    assert_int_equal(strlen(e.text), ERROR_TEXT_MAX - 1);
    error_prefix(&e, "%s", text);
    assert_int_equal(strlen(e.text), ERROR_TEXT_MAX - 1);
}

static void error_may_quote_itself(void **state)
{
    (void)state;
    struct error e;
    error_set(&e, -EIO, "inner");
    error_set(&e, -EINVAL, "outer (%s)", e.text);
    assert_string_equal(e.text, "outer (inner)");
    error_prefix(&e, "again %s", e.text);
    assert_string_equal(e.text, "again outer (inner): outer (inner)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_buffer_is_an_empty_string),
        cmocka_unit_test(appends_grow_and_keep_order),
        cmocka_unit_test(every_length_around_the_first_size_fits),
        cmocka_unit_test(reuse_gives_back_what_the_last_use_did_not_need),
        cmocka_unit_test(reserve_makes_room_without_changing_the_length),
        cmocka_unit_test(failure_is_remembered_until_cleared),
        cmocka_unit_test(text_that_cannot_be_formatted_is_a_failure),
        cmocka_unit_test(json_escapes_what_json_and_terminals_mind),
        cmocka_unit_test(json_keeps_valid_utf8),
        cmocka_unit_test(json_escapes_invalid_utf8),
        cmocka_unit_test(utf8_length_never_looks_behind_the_end),
        cmocka_unit_test(error_carries_code_and_sentence),
        cmocka_unit_test(error_is_optional),
        cmocka_unit_test(long_error_is_cut_and_keeps_its_prefix),
        cmocka_unit_test(error_may_quote_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
