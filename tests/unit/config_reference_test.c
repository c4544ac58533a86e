/* SPDX-License-Identifier: Apache-2.0
 * config_reference_test - docs/configuration.md is generated from the option tables, and its examples work.
 * UPDATE_DOCS=1 build/tests/config_reference_test writes the page. */
#include "config_helper.h"

#include "cli/stream/provision_config.h"

#define PAGE SEAMQ_SOURCE_DIR "/docs/configuration.md"

static char *generate(void)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    config_print_reference(provision_sections, out);
    fclose(out);
    return text;
}

static char *read_page(void)
{
    FILE *f = fopen(PAGE, "r");
    char *text = calloc(1, 1 << 17);
    assert_non_null(text);
    if (f) {
        size_t n = fread(text, 1, (1 << 17) - 1, f);
        text[n] = '\0';
        fclose(f);
    }
    return text;
}

static void the_page_is_what_the_table_generates(void **state)
{
    char *text = generate();
    (void)state;
    if (getenv("UPDATE_DOCS"))
        write_text(PAGE, text);
    char *page = read_page();
    bool same = strcmp(page, text) == 0;
    free(page);
    free(text);
    if (!same)
        print_message("%s is not what the option table gives; run: UPDATE_DOCS=1 %s\n", PAGE,
                      "build/tests/config_reference_test");
    assert_true(same);
}

/* The text between "```LANGUAGE\n" and "```". */
static char *example(char *page, const char *language)
{
    char fence[16];
    snprintf(fence, sizeof(fence), "```%s\n", language);
    char *begin = strstr(page, fence);
    assert_non_null(begin);
    begin += strlen(fence);
    char *end = strstr(begin, "```");
    assert_non_null(end);
    *end = '\0';
    return begin;
}

static void the_example_file_is_right(void **state)
{
    char *page = generate();
    (void)state;
    struct config *c = make_config(example(page, "ini"), NULL, NULL);
    config_check_bindings(c);
    expect_no_problems(c);
    assert_int_equal(c->n_handlers, 2);
    assert_int_equal(c->clusters[0].urls.n, 3);
    config_destroy(c);
    free(page);
}

static void the_example_environment_is_right(void **state)
{
    char *page = generate();
    const char *env[32] = {0};
    size_t n = 0;
    (void)state;
    for (char *line = strtok(example(page, "sh"), "\n"); line && n < 31; line = strtok(NULL, "\n"))
        env[n++] = line;
    struct config *c = make_config(NULL, env, NULL);
    config_check_bindings(c);
    /* The file of the secret does not exist here. */
    expect_problem(c, "SEAMQ_CLUSTER_DEFAULT_PASSWORD_FILE: can't read \"/run/secrets/nats-password\": No such file or "
                      "directory");
    assert_int_equal(c->handlers[0].workers, 4);
    config_destroy(c);
    free(page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_is_what_the_table_generates),
        cmocka_unit_test(the_example_file_is_right),
        cmocka_unit_test(the_example_environment_is_right),
    };
    return cmocka_run_group_tests(tests, enter_temporary, leave_temporary);
}
