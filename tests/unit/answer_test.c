/* SPDX-License-Identifier: Apache-2.0
 * answer_test - success, errors of the server and malformed answers are told apart. */
#include "jetstream/answer.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static natsMsg *message(const char *data)
{
    natsMsg *msg = NULL;
    assert_int_equal(natsMsg_Create(&msg, "_INBOX.1", NULL, data, (int)strlen(data)), NATS_OK);
    return msg;
}

static struct answer read_answer(void (*read)(struct answer *, int, natsMsg *), const char *data)
{
    struct answer a;
    natsMsg *msg = message(data);
    read(&a, 0, msg);
    natsMsg_Destroy(msg);
    return a;
}

static void object_without_an_error_is_a_success(void **state)
{
    (void)state;
    struct answer a = read_answer(answer_read, "{\"stream\":\"S\",\"seq\":7}");
    assert_int_equal(a.rc, 0);
    assert_int_equal(a.err_code, 0);
    assert_int_equal(json_integer_value(json_object_get(a.json, "seq")), 7);
    json_decref(a.json);
}

static void pub_ack_is_read_like_an_answer(void **state)
{
    (void)state;
    struct answer a = read_answer(pub_ack_read, "{\"stream\":\"S\",\"seq\":7,\"duplicate\":true}");
    assert_int_equal(a.rc, 0);
    assert_non_null(a.json);
    json_decref(a.json);
    a = read_answer(pub_ack_read,
                    "{\"error\":{\"code\":400,\"err_code\":10071,\"description\":\"wrong last sequence: 1\"}}");
    assert_int_equal(a.rc, -EREMOTEIO);
    assert_int_equal(a.err_code, JS_WRONG_LAST_SEQUENCE);
    assert_null(a.json);
}

static void error_of_the_server_has_its_codes_and_text(void **state)
{
    (void)state;
    struct answer a =
        read_answer(answer_read, "{\"error\":{\"code\":404,\"err_code\":10059,\"description\":\"stream not found\"}}");
    assert_int_equal(a.rc, -EREMOTEIO);
    assert_int_equal(a.code, JS_CODE_NOT_FOUND);
    assert_int_equal(a.err_code, JS_STREAM_NOT_FOUND);
    assert_string_equal(a.text, "stream not found");
    assert_null(a.json);
    a = read_answer(answer_read, "{\"error\":{}}");
    assert_int_equal(a.rc, -EREMOTEIO);
    assert_string_equal(a.text, "the server gave no description");
}

static void anything_but_an_object_is_malformed(void **state)
{
    static const char *const texts[] = {"", "+OK", "x", "[]", "7", "null", "{\"a\":1", "{} x"};
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct answer a = read_answer(answer_read, texts[i]);
        assert_int_equal(a.rc, -EBADMSG);
        assert_int_equal(strncmp(a.text, "the answer is no JSON object", 28), 0);
        assert_null(a.json);
    }
}

static void failed_request_is_passed_on_without_its_message(void **state)
{
    struct answer a;
    (void)state;
    answer_read(&a, -ETIMEDOUT, NULL);
    assert_int_equal(a.rc, -ETIMEDOUT);
    assert_string_equal(a.text, "");
    assert_null(a.json);
}

static void counts_above_int64_are_read_as_reals(void **state)
{
    json_error_t e;
    (void)state;
    json_t *json = answer_json("{\"n\":18446744073709551615}", 26, &e);
    assert_true(json_is_real(json_object_get(json, "n")));
    json_decref(json);
    json = answer_json("{\"n\":7}", 7, &e);
    assert_true(json_is_integer(json_object_get(json, "n")));
    json_decref(json);
    assert_null(answer_json("{\"n\":7", 6, &e));
    assert_null(answer_json("{\"n\":7,\"n\":", 11, &e));
    assert_null(answer_json("{\"n\":7}x", 8, &e)); /* bytes after the document */
}

static void missing_leaders_responders_and_peers_are_transient(void **state)
{
    static const struct {
        struct answer a;
        bool transient;
    } rows[] = {
        {{.rc = -EHOSTUNREACH}, true},
        {{.rc = -EREMOTEIO, .code = JS_CODE_UNAVAILABLE}, true},
        {{.rc = -EREMOTEIO, .code = 400, .err_code = JS_NO_SUITABLE_PEERS}, true},
        {{.rc = -EREMOTEIO, .code = 400, .err_code = JS_CLUSTER_NOT_AVAILABLE}, true},
        {{.rc = -EREMOTEIO, .code = JS_CODE_NOT_FOUND, .err_code = JS_STREAM_NOT_FOUND}, false},
        {{.rc = -ETIMEDOUT, .code = JS_CODE_UNAVAILABLE}, false},
        {{.rc = -EBADMSG}, false},
        {{.rc = 0}, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(answer_is_transient(&rows[i].a), rows[i].transient);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(object_without_an_error_is_a_success),
        cmocka_unit_test(pub_ack_is_read_like_an_answer),
        cmocka_unit_test(error_of_the_server_has_its_codes_and_text),
        cmocka_unit_test(anything_but_an_object_is_malformed),
        cmocka_unit_test(failed_request_is_passed_on_without_its_message),
        cmocka_unit_test(counts_above_int64_are_read_as_reals),
        cmocka_unit_test(missing_leaders_responders_and_peers_are_transient),
    };
    if (nats_Open(-1) != NATS_OK) /* a thread of nats.c frees messages */
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    nats_CloseAndWait(5000);
    return failed;
}
