/* SPDX-License-Identifier: Apache-2.0
 * api_test - subjects of the JetStream API. */
#include "jetstream/api.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct config_cluster plain = {0};
static const struct config_cluster hub = {.domain = (char[]){"hub"}};

static void expect_subject(const struct config_cluster *cluster, const char *domain, struct api_path path,
                           const char *expected)
{
    char subject[API_SUBJECT_MAX];
    size_t size = strlen(expected) + 1;

    assert_int_equal(api_subject(cluster, domain, &path, subject, size), 0);
    assert_string_equal(subject, expected);
    for (size_t less = 0; less < size; less++)
        assert_int_equal(api_subject(cluster, domain, &path, subject, less), -ENAMETOOLONG);
}

static void subjects_have_a_prefix_and_the_names_that_the_verb_needs(void **state)
{
    (void)state;
    expect_subject(&plain, NULL, (struct api_path){API_INFO, .stream = "X"}, "$JS.API.INFO");
    expect_subject(&hub, NULL, (struct api_path){.verb = API_STREAM_NAMES}, "$JS.hub.API.STREAM.NAMES");
    expect_subject(&hub, "spoke", (struct api_path){API_MESSAGE_GET, .stream = "A"}, "$JS.spoke.API.STREAM.MSG.GET.A");
    expect_subject(&plain, NULL, (struct api_path){API_CONSUMER_NEXT, .stream = "A", .consumer = "c", .filter = "f"},
                   "$JS.API.CONSUMER.MSG.NEXT.A.c");
}

static void only_consumer_create_carries_the_filter(void **state)
{
    (void)state;
    struct api_path path = {API_CONSUMER_CREATE, .stream = "A", .consumer = "c", .filter = "a.>"};
    expect_subject(&plain, NULL, path, "$JS.API.CONSUMER.CREATE.A.c.a.>");
    path.filter = "";
    expect_subject(&plain, NULL, path, "$JS.API.CONSUMER.CREATE.A.c");
    path.filter = NULL;
    expect_subject(&plain, NULL, path, "$JS.API.CONSUMER.CREATE.A.c");
    path = (struct api_path){API_CONSUMER_CREATE_DURABLE, .stream = "A", .consumer = "c", .filter = "a.>"};
    expect_subject(&plain, NULL, path, "$JS.API.CONSUMER.DURABLE.CREATE.A.c");
}

static void every_verb_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int i = 0; i < N_API_VERBS; i++) {
        assert_non_null(api_verb_name((enum api_verb)i));
        for (int k = 0; k < i; k++)
            assert_string_not_equal(api_verb_name((enum api_verb)i), api_verb_name((enum api_verb)k));
    }
}

static void expect_domain(const char *prefix, const char *expected)
{
    size_t len = 99;
    const char *domain = api_prefix_domain(prefix, &len);

    if (!expected) {
        assert_null(domain);
        return;
    }
    assert_int_equal(len, strlen(expected));
    assert_memory_equal(domain, expected, len);
}

static void prefix_of_a_domain_is_written_and_read(void **state)
{
    char prefix[32];
    (void)state;
    assert_int_equal(api_domain_prefix("sea-a", prefix, sizeof(prefix)), 0);
    assert_string_equal(prefix, "$JS.sea-a.API");
    expect_domain(prefix, "sea-a");
    assert_int_equal(api_domain_prefix("sea-a", prefix, strlen("$JS.sea-a.API")), -ENAMETOOLONG);
    expect_domain("$JS.a.API", "a");
    expect_domain("$JS.API", NULL);
    expect_domain("$JS..API", NULL);
    expect_domain("$JS.a.APIX", NULL);
    expect_domain("JS.sea-a.API", NULL);
    expect_domain("import.from.a", NULL);
    expect_domain("", NULL);
}

static void stream_is_found_as_a_whole_token(void **state)
{
    (void)state;
    assert_true(api_subject_names_stream("$JS.API.STREAM.INFO.WORK", "WORK"));
    assert_true(api_subject_names_stream("$JS.ACK.WORK.c.1.2.3.4.5", "WORK"));
    assert_true(api_subject_names_stream("$JS.API.STREAM.INFO.WORK\"", "WORK"));
    assert_true(api_subject_names_stream("$JS.API.STREAM.INFO.WORKER.WORK", "WORK"));
    assert_false(api_subject_names_stream("$JS.API.STREAM.INFO.WORKER", "WORK"));
    assert_false(api_subject_names_stream("$JS.API.STREAM.INFO.HARDWORK", "WORK"));
    assert_false(api_subject_names_stream("dlq.WORK.c.1.2", "WORK"));
    assert_false(api_subject_names_stream("$JS.API.INFO", "$JS"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(subjects_have_a_prefix_and_the_names_that_the_verb_needs),
        cmocka_unit_test(only_consumer_create_carries_the_filter),
        cmocka_unit_test(every_verb_has_a_name_of_its_own),
        cmocka_unit_test(prefix_of_a_domain_is_written_and_read),
        cmocka_unit_test(stream_is_found_as_a_whole_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
