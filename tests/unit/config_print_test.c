/* SPDX-License-Identifier: Apache-2.0
 * config, printing: --print-config hides secrets, names origins and reads back; --help fits. */
#include "config_helper.h"

static char *print(const struct config *c, void (*help)(FILE *out))
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    if (c)
        config_print(c, out);
    else
        help(out);
    fclose(out);
    return text;
}

static void expect_line(const char *text, const char *line)
{
    size_t len = strlen(line);
    for (const char *s = text; s; s = strchr(s, '\n'), s = s ? s + 1 : NULL)
        if (strncmp(s, line, len) == 0 && s[len] == '\n')
            return;
    print_message("missing line: %s\n%s", line, text);
    fail();
}

static const char ini[] = "[seamqd]\nplugin_dir = /a\n[cluster.default]\nurls = nats://u:geheim@a nats://b\n"
                          "[cluster.b]\nuser = u\npassword = geheim\n[cluster.c]\ntoken_file = t\n"
                          "[handler.orders]\nworkers = 4\nstream = {CLUSTER}_S\nstream.b = T\noption.rate = 3\n"
                          "option.pin = geheim\n";

static void every_value_stands_with_its_origin_and_no_secret(void **state)
{
    static const char *const env[] = {"SEAMQ_CLUSTER_B_DOMAIN=d", NULL};
    static const char *const flags[] = {"handler.orders.ack_wait=7s", NULL};
    (void)state;
    write_text("t", "geheim\n");
    struct config *c = make_config(ini, env, flags);
    expect_no_problems(c);
    char *text = print(c, NULL);
    expect_line(text, "[seamqd]");
    expect_line(text, "plugin_dir = /a                                  ; t.ini:2");
    expect_line(text, "admin = 127.0.0.1:9222                           ; default");
    expect_line(text, "urls = nats://u:********@a nats://b              ; t.ini:4");
    expect_line(text, "# domain is not set");
    expect_line(text, "domain = d                                       ; SEAMQ_CLUSTER_B_DOMAIN");
    expect_line(text, "password = ********                              ; t.ini:7");
    expect_line(text, "token_file = t                                   ; t.ini:9");
    expect_line(text, "[handler.orders]");
    expect_line(text, "plugin = orders                                  ; default");
    expect_line(text, "ack_wait = 7s                                    ; command line");
    expect_line(text, "stream.b = T                                     ; t.ini:13");
    expect_line(text, "option.rate = ********                           ; t.ini:14");
    assert_null(strstr(text, "geheim"));
    free(text);

    /* Options are shown after the plugin has declared that they are not secret. */
    struct plugin_option options[] = {
        {.name = (char[]){"rate"}, .type = PLUGIN_OPTION_INT},
        {.name = (char[]){"pin"}, .type = PLUGIN_OPTION_STRING, .secret = true},
        {.name = (char[]){"size"}, .type = PLUGIN_OPTION_BYTES, .preset = (char[]){"64k"}},
    };
    struct plugin_info info = {.path = (char[]){"p.so"},
                               .name = (char[]){"p"},
                               .subjects = (char[]){"a b"},
                               .options = options,
                               .n_options = 3};
    config_apply_plugin(c, &c->handlers[0], &info);
    expect_no_problems(c);
    text = print(c, NULL);
    expect_line(text, "option.rate = 3                                  ; t.ini:14");
    expect_line(text, "option.pin = ********                            ; t.ini:15");
    expect_line(text, "option.size = 64k                                ; p.so");
    expect_line(text, "filter_subjects = a b                            ; p.so");
    assert_null(strstr(text, "geheim"));
    free(text);
    config_destroy(c);
}

static void what_is_printed_reads_back_to_the_same(void **state)
{
    (void)state;
    struct config *c = make_config("[cluster.default]\nurls = nats://a\n  nats://b\n[handler.a]\nbackoff = 1s, 2s\n"
                                   "filter_subjects =\nordering = token:3\nmax_memory = 64M\nstream = S\n",
                                   NULL, NULL);
    char *first = print(c, NULL);
    config_destroy(c);
    c = make_config(first, NULL, NULL);
    expect_no_problems(c);
    char *second = print(c, NULL);
    config_destroy(c);

    /* Both prints are equal except for the origins. */
    char *a = first;
    char *b = second;
    while (*a && *b) {
        char *ea = strstr(a, " ; ");
        char *na = strchr(a, '\n');
        char *nb = strchr(b, '\n');
        assert_true(na && nb);
        size_t len = (size_t)((ea && ea < na ? ea : na) - a);
        assert_memory_equal(a, b, len);
        a = na + 1;
        b = nb + 1;
    }
    assert_true(!*a && !*b);
    free(first);
    free(second);
}

static void values_that_no_ini_file_can_hold_are_comments(void **state)
{
    static const char *const flags[] = {"seamqd.worker=/a ;b",  "cluster.default.user= u", "cluster.default.password=x",
                                        "handler.a.option.x=;", "handler.a.plugin=a\nb",   NULL};
    (void)state;
    struct config *c = make_config(NULL, NULL, flags);
    char *text = print(c, NULL);
    expect_line(text, "# worker = \"/a ;b\" (can't be written in an ini file) ; command line");
    expect_line(text, "# user = \" u\" (can't be written in an ini file)  ; command line");
    expect_line(text, "# plugin = \"a?b\" (can't be written in an ini file) ; command line");
    free(text);
    config_destroy(c);
}

static void directories_given_by_flags_and_discovered_plugins_are_shown(void **state)
{
    struct config *c;
    (void)state;
    mkdir("p", 0755);
    write_text("p/x.so", "");
    assert_int_equal(config_create(&c), 0);
    config_set_flag(c, "--plugin-dir", "seamqd", "plugin_dir", "p");
    config_set_flag(c, "--plugin-dir", "seamqd", "plugin_dir", ".");
    config_finish(c);
    config_discover(c);
    char *text = print(c, NULL);
    expect_line(text, "plugin_dir = p .                                 ; --plugin-dir");
    expect_line(text, "# p/x.so");
    expect_line(text, "[handler.x]");
    free(text);
    config_destroy(c);
}

static void help_fits_into_100_columns_and_names_every_section(void **state)
{
    char *text = print(NULL, config_print_help);
    (void)state;
    for (const char *s = text; *s;) {
        size_t len = strcspn(s, "\n");
        if (len > 100)
            print_message("too wide: %.*s\n", (int)len, s);
        assert_true(len <= 100);
        s += len + (s[len] == '\n');
    }
    assert_non_null(strstr(text, "\n[seamqd]\n"));
    assert_non_null(strstr(text, "\n[cluster.NAME]\n"));
    assert_non_null(strstr(text, "\n[handler.NAME]\n"));
    assert_non_null(strstr(text, "  ack_wait          30s  "));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_stands_with_its_origin_and_no_secret),
        cmocka_unit_test(what_is_printed_reads_back_to_the_same),
        cmocka_unit_test(values_that_no_ini_file_can_hold_are_comments),
        cmocka_unit_test(directories_given_by_flags_and_discovered_plugins_are_shown),
        cmocka_unit_test(help_fits_into_100_columns_and_names_every_section),
    };
    return cmocka_run_group_tests(tests, enter_temporary, leave_temporary);
}
