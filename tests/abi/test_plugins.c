/* SPDX-License-Identifier: Apache-2.0
 *
 * test_plugins - the plugins that ship with SeaMQ (log, forward), and the fixtures of other tests.
 */
#include "harness.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <cmocka.h>

#define PLUGIN(name) SEAMQ_BUILD_DIR "/plugins/" name ".so"
#define FIXTURE(name) SEAMQ_BUILD_DIR "/tests/fixtures/" name ".so"

static struct harness h;

static const seamq_field some_headers[] = {
    {"Tenant", "a"}, {"Nats-Msg-Id", "x"}, {"traceparent", "00-1-2-01"}, {"Tenant", "b"}};

static void with_headers(void)
{
    h.headers = some_headers;
    h.n_headers = 4;
}

static void log_shows_no_payload_unless_asked(void **state)
{
    (void)state;
    harness_load(&h, PLUGIN("log"), NULL);
    assert_null(h.plugin.stream);
    assert_int_equal(harness_open(&h), 0);
    assert_int_equal(harness_handle(&h, "a.b", "secret"), SEAMQ_ACK);
    assert_string_equal(h.log, "6 subject=a.b seq=1 attempt=1 size=6\n");
    harness_close(&h);
}

static void log_escapes_and_cuts_payload_and_headers(void **state)
{
    (void)state;
    harness_load(&h, PLUGIN("log"), (const char *[]){"bytes=6", "headers=yes", "level=debug", NULL});
    assert_int_equal(harness_open(&h), 0);
    h.headers = (const seamq_field[]){{"Tenant", "a\"b"}};
    h.n_headers = 1;
    assert_int_equal(harness_handle(&h, "a.b",
                                    "x\n\"\\\xff"
                                    "yz"),
                     SEAMQ_ACK);
    assert_string_equal(h.log, "7 subject=a.b seq=1 attempt=1 size=7 data=\"x\\x0a\\x22\\x5c\\xffy\"...\n"
                               "7 seq=1 header=Tenant value=\"a\\x22b\"\n");
    harness_close(&h);
}

static void log_refuses_an_unknown_level(void **state)
{
    (void)state;
    harness_load(&h, PLUGIN("log"), (const char *[]){"level=loud", NULL});
    assert_int_equal(harness_open(&h), SEAMQ_OPEN_CONFIG);
    assert_string_equal(h.failure, "option.level: \"loud\" is not one of error, warn, info, debug");
    harness_close(&h);
}

static void forward_renames_and_keeps_headers_but_those_of_nats(void **state)
{
    (void)state;
    harness_load(&h, PLUGIN("forward"), (const char *[]){"prefix=copy.", "strip=orders.", NULL});
    assert_int_equal(harness_open(&h), 0);
    with_headers();
    assert_int_equal(harness_handle(&h, "orders.new.1", "data"), SEAMQ_ACK);
    assert_int_equal(h.n_publishes, 1);
    assert_string_equal(h.publishes[0].subject, "copy.new.1");
    assert_string_equal(h.publishes[0].data, "data");
    assert_string_equal(h.publishes[0].headers, "Tenant=a;traceparent=00-1-2-01;Tenant=b;");
    assert_string_equal(h.counts, "forwarded+1 ");
    harness_close(&h);
}

static void forward_can_drop_headers(void **state)
{
    (void)state;
    harness_load(&h, PLUGIN("forward"), (const char *[]){"prefix=copy.", "headers=no", NULL});
    assert_int_equal(harness_open(&h), 0);
    with_headers();
    assert_int_equal(harness_handle(&h, "orders.new", ""), SEAMQ_ACK);
    assert_string_equal(h.publishes[0].subject, "copy.orders.new");
    assert_string_equal(h.publishes[0].headers, "");
    harness_close(&h);
}

static void forward_dead_letters_what_it_never_can_send(void **state)
{
    (void)state;
    harness_load(&h, PLUGIN("forward"), (const char *[]){"prefix=copy.", "strip=orders.", NULL});
    assert_int_equal(harness_open(&h), 0);
    assert_int_equal(harness_handle(&h, "audit.new", "data"), SEAMQ_DEAD);
    assert_string_equal(h.reason, "audit.new does not start with option.strip, \"orders.\"");
    h.publish_error = -EMSGSIZE;
    assert_int_equal(harness_handle(&h, "orders.new", "data"), SEAMQ_DEAD);
    assert_string_equal(h.reason, "cannot forward to \"copy.new\": Message too long");
    h.publish_error = -ENOMEM;
    assert_int_equal(harness_handle(&h, "orders.new", "data"), SEAMQ_NAK);
    harness_close(&h);
}

static void forward_refuses_options_that_loop(void **state)
{
    static const struct {
        const char *options[3];
        const char *failure;
    } cases[] = {
        {{NULL}, "option.prefix and option.strip are both empty: the handler would receive its own output; set one"},
        {{"prefix=a.", "strip=a."},
         "option.prefix and option.strip are both \"a.\": the handler would receive its own output"},
        {{"prefix=a.*."}, "option.prefix: \"a.*.\" contains a wildcard or a space"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        harness_load(&h, PLUGIN("forward"), cases[i].options);
        assert_int_equal(harness_open(&h), SEAMQ_OPEN_CONFIG);
        assert_string_equal(h.failure, cases[i].failure);
        harness_close(&h);
    }
}

static void read_file(const char *path, char *text, size_t size)
{
    FILE *f = fopen(path, "r");

    assert_non_null(f);
    text[fread(text, 1, size - 1, f)] = '\0';
    fclose(f);
}

static void effects_file_has_every_acknowledged_run(void **state)
{
    char dir[] = "/tmp/seamq-abi-XXXXXX";
    char file[64], attempts[64], once[64], text[256];

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(file, sizeof file, "file=%s/effects", dir);
    snprintf(attempts, sizeof attempts, "attempts=%s/attempts", dir);
    snprintf(once, sizeof once, "once_dir=%s", dir);
    harness_load(&h, FIXTURE("effects"), (const char *[]){file, attempts, once, NULL});
    assert_int_equal(harness_open(&h), 0);

    h.stream_seq = 5;
    assert_int_equal(harness_handle(&h, "test.a", "nak:2 a"), SEAMQ_NAK);
    assert_int_equal(h.delay_ns, 0);
    h.attempt = 3;
    assert_int_equal(harness_handle(&h, "test.a", "nak:2 a"), SEAMQ_ACK);
    h.stream_seq = 6;
    assert_int_equal(harness_handle(&h, "test.a", "nak:once b"), SEAMQ_NAK); /* attempt 3: by file */
    assert_int_equal(harness_handle(&h, "test.a", "nak:once b"), SEAMQ_ACK);
    assert_int_equal(harness_handle(&h, "test.a", "dead c"), SEAMQ_DEAD);
    assert_int_equal(harness_handle(&h, "test.a", "term:3 c"), SEAMQ_TERM);
    assert_int_equal(harness_handle(&h, "test.a", "outcome:9 c"), 9);

    read_file(file + 5, text, sizeof text);
    assert_string_equal(text, "5 nak:2 a\n6 nak:once b\n");
    read_file(attempts + 9, text, sizeof text);
    assert_string_equal(text, "5 1 nak:2 a\n5 3 nak:2 a\n6 3 nak:once b\n6 3 nak:once b\n6 3 dead c\n6 3 term:3 c\n"
                              "6 3 outcome:9 c\n");
    harness_close(&h);
    snprintf(text, sizeof text, "rm -rf %s", dir);
    assert_int_equal(system(text), 0);
}

static void effects_stages_extends_and_counts_as_told(void **state)
{
    (void)state;
    harness_load(&h, FIXTURE("effects"), NULL);
    assert_int_equal(harness_open(&h), 0);
    with_headers();
    assert_int_equal(harness_handle(&h, "test.a", "publish:out.a=text publish_id:out.b=me extend:20 count:c headers x"),
                     SEAMQ_ACK);
    assert_int_equal(h.n_publishes, 2);
    assert_string_equal(h.publishes[0].subject, "out.a");
    assert_string_equal(h.publishes[0].data, "text");
    assert_string_equal(h.publishes[1].msg_id, "me");
    assert_string_equal(h.publishes[1].headers, "Fixture=effects;Fixture=again;");
    assert_int_equal(h.extended_ns, 20 * SEAMQ_MS);
    assert_string_equal(h.counts, "c+1 ");
    assert_string_equal(h.log, "6 header 0 Tenant=a\n6 header 1 Nats-Msg-Id=x\n6 header 2 traceparent=00-1-2-01\n"
                               "6 header 3 Tenant=b\n6 traceparent 00-1-2-01\n");
    harness_close(&h);
}

static void options_of_each_type_arrive(void **state)
{
    (void)state;
    harness_load(&h, FIXTURE("options"), (const char *[]){"text=hi", "flag=no", "time=2s", NULL});
    assert_int_equal(harness_open(&h), 0);
    assert_string_equal(h.log, "6 text=hi unset=NULL password=0 number=7 signed_number=-3 flag=0 bytes=65536 "
                               "time=2000000000\n");
    harness_close(&h);
}

static void open_says_why_it_failed_and_whether_to_try_again(void **state)
{
    (void)state;
    harness_load(&h, FIXTURE("open_fails"), NULL);
    assert_int_equal(harness_open(&h), SEAMQ_OPEN_FAILED);
    assert_string_equal(h.failure, "the database at db.example:5432 is down");
    harness_close(&h);
    harness_load(&h, FIXTURE("open_fails_config"), NULL);
    assert_int_equal(harness_open(&h), SEAMQ_OPEN_CONFIG);
    assert_string_equal(h.failure, "option.mode: \"config\" is not wanted here (try ok)");
    harness_close(&h);
}

static void cxx_handler_works(void **state)
{
    (void)state;
    if (access(FIXTURE("cxx"), R_OK) != 0)
        skip(); /* no C++ compiler when this was built */
    harness_load(&h, FIXTURE("cxx"), NULL);
    assert_int_equal(harness_open(&h), 0);
    assert_int_equal(harness_handle(&h, "test.a", "x"), SEAMQ_ACK);
    assert_int_equal(harness_handle(&h, "test.a", "x"), SEAMQ_ACK);
    assert_string_equal(h.publishes[0].subject, "out.cxx");
    assert_string_equal(h.publishes[0].data, "n=2");
    assert_string_equal(h.publishes[0].headers, "Language=C++17;");
    assert_int_equal(harness_handle(&h, "test.a", "bad"), SEAMQ_DEAD);
    assert_string_equal(h.reason, "it is bad");
    harness_close(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log_shows_no_payload_unless_asked),
        cmocka_unit_test(log_escapes_and_cuts_payload_and_headers),
        cmocka_unit_test(log_refuses_an_unknown_level),
        cmocka_unit_test(forward_renames_and_keeps_headers_but_those_of_nats),
        cmocka_unit_test(forward_can_drop_headers),
        cmocka_unit_test(forward_dead_letters_what_it_never_can_send),
        cmocka_unit_test(forward_refuses_options_that_loop),
        cmocka_unit_test(effects_file_has_every_acknowledged_run),
        cmocka_unit_test(effects_stages_extends_and_counts_as_told),
        cmocka_unit_test(options_of_each_type_arrive),
        cmocka_unit_test(open_says_why_it_failed_and_whether_to_try_again),
        cmocka_unit_test(cxx_handler_works),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
