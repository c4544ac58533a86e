/* SPDX-License-Identifier: Apache-2.0
 * config, plugins: discovery in directories, defaults and options from what a plugin declares. */
#include "config_helper.h"

static struct config *discover(const char *ini)
{
    struct config *c = make_config(ini, NULL, NULL);
    config_discover(c);
    return c;
}

/* plugins/ with orders.so, my_audit.so and files that are not plugins. */
static int make_plugins(void **state)
{
    if (enter_temporary(state) < 0)
        return -1;
    mkdir("plugins", 0755);
    mkdir("plugins/folder.so", 0755);
    mkdir("more", 0755);
    write_text("plugins/orders.so", "x");
    write_text("plugins/my_audit.so", "x");
    write_text("plugins/.hidden.so", "x");
    write_text("plugins/readme.txt", "x");
    write_text("plugins/.so", "x");
    write_text("more/orders.so", "x");
    return 0;
}

static void each_plugin_that_no_section_names_gets_a_handler(void **state)
{
    struct config *c = discover("[seamqd]\nplugin_dir = plugins more\n");
    (void)state;
    expect_no_problems(c);
    assert_int_equal(c->n_handlers, 2);
    assert_string_equal(c->handlers[0].name, "my-audit");
    assert_string_equal(c->handlers[0].plugin, "my_audit");
    assert_string_equal(c->handlers[0].plugin_path, "plugins/my_audit.so");
    assert_string_equal(c->handlers[0].durable, "my-audit");
    assert_string_equal(c->handlers[1].plugin_path, "plugins/orders.so"); /* from the first directory */
    config_destroy(c);
}

static void a_link_that_leads_nowhere_is_still_a_plugin(void **state)
{
    (void)state;
    mkdir("links", 0755);
    assert_int_equal(symlink("../releases/2/stale.so", "links/stale.so"), 0);
    struct config *c = discover("[seamqd]\nplugin_dir = links\n[handler.b]\nplugin = stale\n");
    expect_no_problems(c);
    assert_int_equal(c->n_handlers, 1);
    assert_string_equal(c->handlers[0].plugin_path, "links/stale.so");
    config_destroy(c);
}

static void a_link_that_leads_nowhere_and_that_no_section_names_is_no_handler(void **state)
{
    (void)state;
    assert_int_equal(symlink("../releases/2/no.name.so", "links/no.name.so"), 0);
    assert_int_equal(symlink("../releases/2/orders.so", "links/orders.so"), 0);
    struct config *c = discover("[seamqd]\nplugin_dir = links plugins\n[handler.stale]\nplugin = my_audit\n");
    expect_no_problems(c);
    assert_int_equal(c->n_handlers, 2);
    assert_string_equal(c->handlers[0].name, "stale");
    assert_string_equal(c->handlers[1].plugin_path, "plugins/orders.so"); /* an existing file is preferred */
    assert_int_equal(c->dangling.n, 2);
    assert_string_equal(c->dangling.items[0], "links/no.name.so");
    assert_string_equal(c->dangling.items[1], "links/stale.so");
    config_destroy(c);
}

static void sections_claim_their_plugins(void **state)
{
    struct config *c = discover("[seamqd]\nplugin_dir = plugins\n[handler.a]\nplugin = orders\n[handler.b]\n"
                                "plugin = orders.so\n[handler.my-audit]\nworkers = 2\n[handler.path]\n"
                                "plugin = ./plugins/orders\n");
    (void)state;
    expect_no_problems(c);
    assert_int_equal(c->n_handlers, 4);
    assert_string_equal(c->handlers[0].plugin_path, "plugins/orders.so");
    assert_string_equal(c->handlers[1].plugin_path, "plugins/orders.so");
    assert_string_equal(c->handlers[2].plugin_path, "plugins/my_audit.so");
    assert_string_equal(c->handlers[3].plugin_path, "./plugins/orders.so");
    config_destroy(c);
}

static void a_disabled_handler_claims_but_need_not_exist(void **state)
{
    struct config *c = discover("[seamqd]\nplugin_dir = plugins\n[handler.orders]\nenabled = no\n[handler.my-audit]\n"
                                "enabled = no\n[handler.gone]\nenabled = no\n");
    (void)state;
    expect_no_problems(c);
    assert_int_equal(c->n_handlers, 3);
    config_destroy(c);
}

static void missing_plugins_and_directories_are_named(void **state)
{
    static const struct ini_case cases[] = {
        {"[seamqd]\nplugin_dir = plugins\n[handler.ordres]\nclusters = default\n",
         "t.ini:3: no ordres.so in the plugin directories (did you mean orders?)"},
        {"[seamqd]\nplugin_dir = plugins\n[handler.a]\nplugin = banana.so\n",
         "t.ini:4: plugin: no banana.so in the plugin directories (seamqd.plugin_dir)"},
        {"[seamqd]\nplugin_dir = plugins\n[handler.a]\nplugin = ./banana\n",
         "t.ini:4: plugin: there is no file ./banana.so"},
        {"[seamqd]\nplugin_dir = absent plugins\n",
         "t.ini:2: can't read the plugin directory \"absent\": No such file or directory"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct config *c = discover(cases[i].ini);
        expect_problem(c, cases[i].problem);
        config_destroy(c);
    }
}

static void files_whose_names_give_no_handler_are_named(void **state)
{
    (void)state;
    mkdir("odd", 0755);
    write_text("odd/a b.so", "x");
    struct config *c = discover("[seamqd]\nplugin_dir = odd\n");
    expect_problem(c, "odd/a b.so: the file name is not a handler name (a-z, 0-9 and -, at most 40); rename it, or "
                      "add a section [handler.NAME] with plugin = a b");
    config_destroy(c);

    c = discover("[seamqd]\nplugin_dir = plugins\n[handler.orders]\nplugin = my_audit\n");
    expect_problem(c, "plugins/orders.so: the handler orders exists already, with another plugin; give this one a "
                      "section [handler.NAME] with plugin = orders");
    config_destroy(c);
}

static void too_many_plugins_are_cut_with_a_word(void **state)
{
    char path[64];
    (void)state;
    mkdir("many", 0755);
    for (int i = 0; i < 1001; i++) {
        snprintf(path, sizeof(path), "many/p%d.so", i);
        write_text(path, "");
    }
    struct config *c = discover("[seamqd]\nplugin_dir = many\n");
    assert_true(has_problem(c, "many: more than 1000 plugins; the others are left out"));
    config_destroy(c);
}

/* ---- what a plugin declares ----------------------------------------------------- */

static void add_option(struct plugin_info *info, const char *name, enum plugin_option_type type, const char *preset,
                       int64_t min, int64_t max)
{
    info->options = realloc(info->options, (info->n_options + 1) * sizeof(*info->options));
    assert_non_null(info->options);
    info->options[info->n_options++] = (struct plugin_option){
        .name = strdup(name), .type = type, .preset = preset ? strdup(preset) : NULL, .min = min, .max = max};
}

static struct plugin_info make_info(void)
{
    struct plugin_info info = {.path = strdup("p/orders.so"),
                               .name = strdup("orders"),
                               .version = strdup("1.0"),
                               .stream = strdup("ORDERS"),
                               .subjects = strdup("orders.new orders.changed")};
    add_option(&info, "limit", PLUGIN_OPTION_INT, "10", 1, 100);
    add_option(&info, "size", PLUGIN_OPTION_BYTES, "64k", 1024, 1 << 20);
    add_option(&info, "wait", PLUGIN_OPTION_TIME, "5s", 1000000, 60000000000);
    add_option(&info, "dry", PLUGIN_OPTION_BOOL, "no", 0, 0);
    add_option(&info, "Label", PLUGIN_OPTION_STRING, NULL, 0, 0);
    add_option(&info, "password", PLUGIN_OPTION_STRING, NULL, 0, 0);
    info.options[5].secret = true;
    add_option(&info, "pin", PLUGIN_OPTION_INT, NULL, 0, 0);
    info.options[6].secret = true;
    add_option(&info, "least", PLUGIN_OPTION_TIME, "1s", 1000000000,
               0); /* a maximum below the minimum means no maximum */
    return info;
}

static struct config *apply(const char *ini, struct plugin_info *info)
{
    struct config *c = make_config(ini, NULL, NULL);
    config_apply_plugin(c, &c->handlers[0], info);
    return c;
}

static const char *option(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->handlers[0].n_options; i++)
        if (strcmp(c->handlers[0].options[i].name, name) == 0)
            return c->handlers[0].options[i].value;
    return NULL;
}

static void defaults_come_from_the_plugin_where_nothing_is_set(void **state)
{
    struct plugin_info info = make_info();
    struct config *c = apply("[handler.orders]\noption.limit = 20\n", &info);
    (void)state;
    expect_no_problems(c);
    assert_string_equal(c->handlers[0].stream, "ORDERS");
    assert_int_equal(c->handlers[0].filter_subjects.n, 2);
    assert_string_equal(config_origin(c, "handler.orders", "stream"), "p/orders.so");
    assert_string_equal(option(c, "limit"), "20");
    assert_string_equal(option(c, "size"), "64k");
    assert_string_equal(option(c, "least"), "1s");
    assert_null(option(c, "Label"));
    config_destroy(c);

    c = apply("[handler.orders]\nstream = MINE\nfilter_subjects =\n", &info);
    expect_no_problems(c);
    assert_string_equal(c->handlers[0].stream, "MINE");
    assert_int_equal(c->handlers[0].filter_subjects.n, 0);
    config_destroy(c);
    plugin_info_finish(&info);
}

static void options_are_checked_against_the_plugins_table(void **state)
{
    static const struct ini_case cases[] = {
        {"[handler.orders]\noption.limt = 3\n",
         "t.ini:2: option.limt: the plugin orders has no such option (did you mean \"limit\"?)"},
        {"[handler.orders]\noption.banana = 3\n",
         "t.ini:2: option.banana: the plugin orders has no such option (the first that it has is \"limit\")"},
        {"[handler.orders]\noption.limit = 0\n", "t.ini:2: option.limit: \"0\" is out of bounds (1 to 100)"},
        {"[handler.orders]\noption.limit = x\n", "t.ini:2: option.limit: \"x\" is not a whole number"},
        {"[handler.orders]\noption.size = 1\n", "t.ini:2: option.size: \"1\" is out of bounds (1k to 1M)"},
        {"[handler.orders]\noption.size = x\n", "t.ini:2: option.size: \"x\" is not a size (try 64M)"},
        {"[handler.orders]\noption.wait = 2m\n", "t.ini:2: option.wait: \"2m\" is out of bounds (1ms to 1m)"},
        {"[handler.orders]\noption.wait = 3\n", "t.ini:2: option.wait: \"3\" is not a duration (try 3s)"},
        {"[handler.orders]\noption.least = 1ms\n", "t.ini:2: option.least: \"1ms\" is too small (at least 1s)"},
        {"[handler.orders]\noption.dry = x\n", "t.ini:2: option.dry: \"x\" is neither yes nor no"},
        {"[handler.orders]\noption.pin = hunter2\n",
         "t.ini:2: option.pin: the value is invalid for this option (it is secret and not shown)"},
        {"[handler.orders]\noption.limit_file = x\n",
         "t.ini:2: option.limit_file: only secret options are read from a file; write option.limit"},
        {"[handler.orders]\noption.password_file = absent\n",
         "t.ini:2: option.password_file: can't read \"absent\": No such file or directory"},
        {"[handler.orders]\noption.password = ********\n", "t.ini:2: option.password: the value is the mask that "
                                                           "--print-config prints; write the secret instead"},
        {"[handler.orders]\noption.password = a\noption.password_file = secret\n",
         "handler.orders: option.password is set twice, at t.ini:2 and at t.ini:3; keep one of them"},
    };
    struct plugin_info info = make_info();
    (void)state;
    write_text("secret", "hunter2\n");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct config *c = apply(cases[i].ini, &info);
        expect_problem(c, cases[i].problem);
        config_destroy(c);
    }
    plugin_info_finish(&info);
}

static void a_secret_option_is_read_from_its_file(void **state)
{
    struct plugin_info info = make_info();
    static const char *const env[] = {"SEAMQ_HANDLER_ORDERS_OPTION_PASSWORD_FILE=secret",
                                      "SEAMQ_HANDLER_ORDERS_OPTION_LABEL=x", NULL};
    (void)state;
    write_text("secret", "hunter2\n");
    struct config *c = make_config(NULL, env, NULL);
    config_apply_plugin(c, &c->handlers[0], &info);
    expect_no_problems(c);
    assert_string_equal(option(c, "password"), "hunter2");
    assert_string_equal(option(c, "Label"), "x"); /* in the plugin's spelling */
    config_destroy(c);
    plugin_info_finish(&info);
}

static void what_a_plugin_needs_or_declares_wrongly_is_named(void **state)
{
    struct plugin_info info = make_info();
    struct config *c;
    (void)state;

    info.options[4].required = true;
    c = apply("[handler.orders]\n", &info);
    expect_problem(c, "handler.orders: option.Label is required by the plugin orders; set it");
    config_destroy(c);
    info.options[4].help = strdup("what to print");
    c = apply("[handler.orders]\n", &info);
    expect_problem(c, "handler.orders: option.Label is required by the plugin orders; set it: what to print");
    config_destroy(c);
    info.options[4].required = false;

    free(info.options[0].preset);
    info.options[0].preset = strdup("1000");
    c = apply("[handler.orders]\n", &info);
    expect_problem(c, "p/orders.so: the plugin's own default for option.limit: \"1000\" is out of bounds (1 to 100)");
    config_destroy(c);
    free(info.options[0].preset);
    info.options[0].preset = NULL;

    free(info.stream);
    info.stream = strdup("a.b");
    c = apply("[handler.orders]\n", &info);
    expect_problem(c, "p/orders.so: the plugin's own default for stream: \"a.b\" is not a stream name (no spaces, no "
                      ". * > / \\)");
    config_destroy(c);

    free(info.stream);
    info.stream = NULL;
    c = apply("[handler.orders]\n", &info);
    expect_problem(c, "handler.orders: no stream: the plugin orders declares none; set stream in [handler.orders]");
    config_destroy(c);

    free(info.subjects);
    info.subjects = strdup("a.> a.b");
    c = apply("[handler.orders]\nstream = S\n", &info);
    expect_problem(c, "p/orders.so: filter_subjects: \"a.>\" and \"a.b\" overlap, which the server refuses; keep the "
                      "wider one");
    config_destroy(c);
    plugin_info_finish(&info);

    struct plugin_info bare = {.path = strdup("p/bare.so"), .name = strdup("bare")};
    c = apply("[handler.orders]\nstream = S\noption.x = 1\n", &bare);
    expect_problem(c, "t.ini:3: option.x: the plugin bare has no options");
    config_destroy(c);
    plugin_info_finish(&bare);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_plugin_that_no_section_names_gets_a_handler),
        cmocka_unit_test(a_link_that_leads_nowhere_is_still_a_plugin),
        cmocka_unit_test(a_link_that_leads_nowhere_and_that_no_section_names_is_no_handler),
        cmocka_unit_test(sections_claim_their_plugins),
        cmocka_unit_test(a_disabled_handler_claims_but_need_not_exist),
        cmocka_unit_test(missing_plugins_and_directories_are_named),
        cmocka_unit_test(files_whose_names_give_no_handler_are_named),
        cmocka_unit_test(too_many_plugins_are_cut_with_a_word),
        cmocka_unit_test(defaults_come_from_the_plugin_where_nothing_is_set),
        cmocka_unit_test(options_are_checked_against_the_plugins_table),
        cmocka_unit_test(a_secret_option_is_read_from_its_file),
        cmocka_unit_test(what_a_plugin_needs_or_declares_wrongly_is_named),
    };
    return cmocka_run_group_tests(tests, make_plugins, leave_temporary);
}
