/* SPDX-License-Identifier: Apache-2.0
 *
 * config_helper - for the tests of config: a temporary directory as working directory, a
 * config from an ini text, variables and flags, and comparison of its problems.
 */
#ifndef SEAMQ_TESTS_CONFIG_HELPER_H
#define SEAMQ_TESTS_CONFIG_HELPER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "config/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char helper_dir[256];

static inline void write_bytes(const char *path, const void *data, size_t len)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

static inline void write_text(const char *path, const char *text)
{
    write_bytes(path, text, strlen(text));
}

/* Group set-up and tear-down. */
static inline int enter_temporary(void **state)
{
    const char *base = getenv("TMPDIR");
    (void)state;
    snprintf(helper_dir, sizeof(helper_dir), "%s/seamq-config-XXXXXX", base ? base : "/tmp");
    return mkdtemp(helper_dir) && chdir(helper_dir) == 0 ? 0 : -1;
}

static inline int leave_temporary(void **state)
{
    char command[300];
    (void)state;
    snprintf(command, sizeof(command), "rm -rf '%s'", helper_dir);
    return chdir("/") == 0 && system(command) == 0 ? 0 : -1;
}

/* Reads `ini` (as t.ini), `env` and `flags` (NULL-terminated) into `c`; each may be NULL. Ends with config_finish(). */
static inline void load_config(struct config *c, const char *ini, const char *const *env, const char *const *flags)
{
    if (ini) {
        write_text("t.ini", ini);
        assert_int_equal(config_load_file(c, "t.ini"), 0);
    }
    if (env)
        config_load_env(c, (char *const *)(uintptr_t)env);
    for (; flags && *flags; flags++)
        config_set(c, *flags);
    config_finish(c);
}

/* A configuration as seamqd reads it. */
static inline struct config *make_config(const char *ini, const char *const *env, const char *const *flags)
{
    struct config *c = NULL;
    assert_int_equal(config_create(&c), 0);
    load_config(c, ini, env, flags);
    return c;
}

static inline void print_problems(const struct config *c)
{
    for (size_t i = 0; i < config_n_problems(c); i++)
        print_message("  problem: %s\n", config_problem(c, i));
}

static inline void expect_no_problems(const struct config *c)
{
    print_problems(c);
    assert_int_equal(config_n_problems(c), 0);
}

/* Expects exactly one problem, `text`. */
static inline void expect_problem(const struct config *c, const char *text)
{
    if (config_n_problems(c) != 1)
        print_problems(c);
    assert_int_equal(config_n_problems(c), 1);
    assert_string_equal(config_problem(c, 0), text);
}

static inline bool has_problem(const struct config *c, const char *text)
{
    for (size_t i = 0; i < config_n_problems(c); i++)
        if (strcmp(config_problem(c, i), text) == 0)
            return true;
    print_message("  missing: %s\n", text);
    print_problems(c);
    return false;
}

/* An ini file with one mistake and its problem; config_check_bindings() is called, too. */
struct ini_case {
    const char *ini;
    const char *problem;
};

static inline void expect_ini_cases(const struct ini_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct config *c = make_config(cases[i].ini, NULL, NULL);
        config_check_bindings(c);
        expect_problem(c, cases[i].problem);
        config_destroy(c);
    }
}

#define EXPECT_INI_CASES(cases) expect_ini_cases((cases), sizeof(cases) / sizeof((cases)[0]))

#endif
