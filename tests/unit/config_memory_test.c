/* SPDX-License-Identifier: Apache-2.0
 * config, out of memory: whichever allocation fails, nothing crashes or leaks, and the
 * incomplete configuration has a problem.  Linked with --wrap for the allocators. */
#include "config_helper.h"

#include <errno.h>

static long calls_left = -1; /* negative: never fails */

static bool fails(void)
{
    return calls_left >= 0 && calls_left-- == 0;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
char *__real_strdup(const char *s);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
char *__wrap_strdup(const char *s);

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
    return fails() ? NULL : __real_realloc(p, size);
}

char *__wrap_strdup(const char *s)
{
    return fails() ? NULL : __real_strdup(s);
}

static const char ini[] = "[seamqd]\nplugin_dir = p\n[cluster.default]\nurls = nats://u:p@a\n  nats://b\n[cluster.b]\n"
                          "token_file = t\n[handler.orders]\nstream.b = T\noption.rate = 3\nordering = header:X\n"
                          "backoff = 1s 2s\nnonsense = 1\n[handler.my-x]\nclusters = nowhere\n";

static bool says_so(const struct config *c)
{
    for (size_t i = 0; i < config_n_problems(c); i++)
        if (strstr(config_problem(c, i), "out of memory"))
            return true;
    return false;
}

/* Loads a configuration as seamqd does at its start. */
static void start(FILE *null)
{
    static const char *const env[] = {"SEAMQ_HANDLER_ORDERS_WORKERS=2", "SEAMQ_HANDLER_E_STREAM=S", "NATS_URL=nats://x",
                                      NULL};
    struct plugin_option options[] = {
        {.name = (char[]){"rate"}, .type = PLUGIN_OPTION_INT},
        {.name = (char[]){"size"}, .type = PLUGIN_OPTION_BYTES, .preset = (char[]){"64k"}},
    };
    struct plugin_info info = {
        .path = (char[]){"p.so"}, .name = (char[]){"p"}, .stream = (char[]){"S"}, .options = options, .n_options = 2};
    struct config *c;

    long before = calls_left;
    if (config_create(&c) < 0) {
        assert_true(before >= 0);
        return;
    }
    config_load_file(c, "t.ini");
    config_load_env(c, (char *const *)(uintptr_t)env);
    config_set(c, "handler.orders.workers=3");
    config_set_flag(c, "--plugin-dir", "seamqd", "plugin_dir", "p");
    config_finish(c);
    config_discover(c);
    for (size_t i = 0; i < c->n_handlers; i++)
        config_apply_plugin(c, &c->handlers[i], &info);
    config_check_bindings(c);
    if (says_so(c) != (before >= 0 && calls_left < 0))
        print_message("allocation %ld\n", before);
    assert_true(says_so(c) == (before >= 0 && calls_left < 0));
    config_print(c, null);
    config_destroy(c);
}

static void any_allocation_may_fail(void **state)
{
    FILE *null = fopen("/dev/null", "w");
    long i = 0;
    (void)state;

    assert_non_null(null);
    mkdir("p", 0755);
    write_text("p/implicit.so", "");
    write_text("p/my_x.so", "");
    write_text("p/orders.so", "");
    write_text("p/e.so", "");
    write_text("t", "token\n");
    write_text("t.ini", ini);
    start(null);
    for (;; i++) {
        calls_left = i;
        start(null);
        bool failed = calls_left < 0;
        calls_left = -1;
        if (!failed)
            break;
    }
    print_message("%ld allocations\n", i);
    assert_true(i > 100);
    fclose(null);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, enter_temporary, leave_temporary);
}
