/* SPDX-License-Identifier: Apache-2.0
 * probe_test - probes all fixtures: broken ones are refused with a sentence, the others return a descriptor. */
#include "worker_helper.h"

#include <sys/eventfd.h>
#include <sys/resource.h>

static const struct {
    const char *name;
    const char *why; /* NULL: accepted */
} fixtures[] = {
    {"ack", NULL},
    {"options", NULL},
    {"huge_struct", NULL}, /* from a newer header, with a lowered target */
    {"abort_in_ctor", "crashed while it was loaded (SIGABRT)"},
    {"crash_in_ctor", "crashed while it was loaded (SIGSEGV)"},
    {"crash_in_entry", "crashed while it was loaded (SIGABRT)"},
    {"exit_in_ctor", "ended the process while it was loaded (exit status 0)"},
    {"hang_in_ctor", "did not answer within 3 s: does one of its constructors hang?"},
    {"undefined_symbol", "undefined symbol: seamq_nobody_defines_this"},
    {"no_symbol", "exports no symbol seamq_plugin_v1"},
    {"next_major", "built for plugin ABI 2, this is SeaMQ 1."},
    {"wrong_major", "built for plugin ABI 2."},
    {"newer_minor", "needs plugin ABI 1.7, this is SeaMQ 1."},
    {"small_struct", "its descriptor says 24 bytes"},
    {"option_size", "(options 4)"},
    {"null_descriptor", "returned no descriptor"},
    {"no_name", "declares no name"},
    {"bad_name", "its name \"Not A Name\""},
    {"no_version", "declares no version"},
    {"no_handle", "declares no handle function"},
    {"huge_self", "its instance takes 1152921504606846976 bytes"},
    {"bad_options_table", "its option outside is outside of the instance"},
    {"option_type", "its option a has the unknown type 99"},
    {"option_name", "its option \"no spaces here\""},
    {"option_digit", "its option \"2nd\" must be named with a-z, 0-9 and _, a letter first"},
    {"option_help", "the texts of its option a take 300"},
    {"option_twice", "declares the option a twice"},
    {"option_preset", "option.a: \"10x\""},
    {"truncated", "truncated"},
    {"wrong_arch", "rebuild it for this machine"},
    {"empty", "not an ELF file (it is empty)"},
    {"text", "not an ELF file"},
};

#define N (sizeof(fixtures) / sizeof(fixtures[0]))

static void each_broken_plugin_is_refused_with_its_name_and_the_reason(void **state)
{
    (void)state;
    static char paths[N][512];
    static const char *list[N];
    static struct plugin_info infos[N];
    static struct image images[N];
    static struct error errs[N];
    const char *folder = path_of("TEST_FIXTURES", FIXTURES);

    for (size_t i = 0; i < N; i++) {
        snprintf(paths[i], sizeof(paths[i]), "%s/%s.so", folder, fixtures[i].name);
        list[i] = paths[i];
    }
    if (access(list[0], R_OK)) {
        print_message("the fixtures are not built: skipped\n");
        skip();
    }
    probe_all(WORKER, list, N, 3 * NS_PER_SEC, infos, images, errs);
    for (size_t i = 0; i < N; i++) {
        if (!fixtures[i].why) {
            if (errs[i].code)
                fail_msg("%s", errs[i].text);
            assert_string_equal(infos[i].path, list[i]);
            plugin_info_finish(&infos[i]);
            image_close(&images[i]);
        } else if (errs[i].code >= 0 || strncmp(errs[i].text, list[i], strlen(list[i])) != 0 ||
                   !strstr(errs[i].text, fixtures[i].why)) {
            fail_msg("%s: \"%s\" does not say \"%s\"", fixtures[i].name, errs[i].text, fixtures[i].why);
        }
    }
}

static void missing_worker_program_is_an_error_for_each_plugin(void **state)
{
    (void)state;
    const char *list[] = {BEHAVE, BEHAVE2};
    struct plugin_info infos[2];
    struct image images[2];
    struct error errs[2];
    probe_all("/nonexistent/seamq-worker", list, 2, NS_PER_SEC, infos, images, errs);
    assert_string_equal(errs[0].text, "/nonexistent/seamq-worker cannot be started: No such file or directory");
    assert_true(errs[1].code < 0);
    assert_int_equal(images[0].fd, -1);
}

static const char *fixture(const char *name)
{
    static char path[512];
    snprintf(path, sizeof(path), "%s/%s.so", path_of("TEST_FIXTURES", FIXTURES), name);
    if (access(path, R_OK)) {
        print_message("the fixtures are not built: skipped\n");
        skip();
    }
    return path;
}

static void probe_ends_when_it_is_cancelled(void **state)
{
    (void)state;
    const char *path = fixture("hang_in_ctor");
    const char *list[100];
    struct plugin_info infos[100];
    struct image images[100];
    struct error errs[100];
    struct worker_probe how = {
        .program = WORKER, .timeout_ns = 3600 * NS_PER_SEC, .cancel_fd = eventfd(1, EFD_CLOEXEC)};

    for (size_t i = 0; i < 100; i++)
        list[i] = path;
    worker_probe(&how, list, 100, infos, images, errs);
    for (size_t i = 0; i < 100; i++) {
        assert_true(errs[i].code < 0);
        assert_int_equal(images[i].fd, -1);
    }
    close(how.cancel_fd);
}

/* The checked copy is what runs, so a plugin that cannot be copied is not probed. */
static void probe_without_a_free_descriptor_returns_eagain(void **state)
{
    (void)state;
    const char *path = fixture("ack");
    struct plugin_info info;
    struct image image;
    struct error err;
    struct rlimit before, none;

    getrlimit(RLIMIT_NOFILE, &before);
    none = before;
    none.rlim_cur = 0;
    setrlimit(RLIMIT_NOFILE, &none);
    probe_all(WORKER, &path, 1, NS_PER_SEC, &info, &image, &err);
    setrlimit(RLIMIT_NOFILE, &before);
    assert_int_equal(err.code, -EAGAIN);
    assert_non_null(strstr(err.text, "cannot be copied: Too many open files"));
    assert_int_equal(image.fd, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_broken_plugin_is_refused_with_its_name_and_the_reason),
        cmocka_unit_test(missing_worker_program_is_an_error_for_each_plugin),
        cmocka_unit_test(probe_ends_when_it_is_cancelled),
        cmocka_unit_test(probe_without_a_free_descriptor_returns_eagain),
    };
    return cmocka_run_group_tests_name("probe", tests, NULL, NULL);
}
