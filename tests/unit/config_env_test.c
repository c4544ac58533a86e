/* SPDX-License-Identifier: Apache-2.0
 * config, the environment and the command line: names, precedence, NATS_*, secret files. */
#include "config_helper.h"

#include "config/options.h"

#include <ctype.h>

#define ENV(...) ((const char *const[]){__VA_ARGS__, NULL})

static void variables_reach_every_section(void **state)
{
    struct config *c =
        make_config(NULL,
                    ENV("SEAMQ_ADMIN=off", "SEAMQ_PLUGIN_DIR=/a /b", "SEAMQ_CLUSTER_SEA_A_URLS=tls://a:1",
                        "SEAMQ_HANDLER_ORDERS_EU_ACK_WAIT=7s", "SEAMQ_HANDLER_ORDERS_EU_CLUSTERS=sea-a",
                        "SEAMQ_HANDLER_ORDERS_EU_STREAM=EU", "SEAMQ_HANDLER_ORDERS_EU_STREAM_SEA_A=EU_A",
                        "SEAMQ_HANDLER_ORDERS_EU_OPTION_MIN_AMOUNT=5", "HOME=/root"),
                    NULL);
    (void)state;
    expect_no_problems(c);
    assert_string_equal(c->admin, "off");
    assert_int_equal(c->plugin_dirs.n, 2);
    assert_int_equal(c->n_clusters, 1);
    assert_string_equal(c->clusters[0].name, "sea-a");
    assert_int_equal(c->n_handlers, 1);
    struct config_handler *h = &c->handlers[0];
    assert_string_equal(h->name, "orders-eu");
    assert_true(h->ack_wait_ns == 7000000000);
    assert_string_equal(h->stream, "EU");
    assert_string_equal(h->stream_for_cluster.items[0], "sea-a=EU_A");
    assert_string_equal(h->options[0].name, "min_amount");
    assert_string_equal(h->options[0].origin, "SEAMQ_HANDLER_ORDERS_EU_OPTION_MIN_AMOUNT");
    assert_string_equal(config_origin(c, "handler.orders-eu", "ack_wait"), "SEAMQ_HANDLER_ORDERS_EU_ACK_WAIT");
    config_destroy(c);
}

static const struct config_handler *find_handler(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->n_handlers; i++)
        if (strcmp(c->handlers[i].name, name) == 0)
            return &c->handlers[i];
    fail_msg("no handler %s", name);
    return NULL;
}

static bool has_deprecation(const struct config *c, const char *text)
{
    for (size_t i = 0; i < config_n_deprecations(c); i++)
        if (strcmp(config_deprecation(c, i), text) == 0)
            return true;
    for (size_t i = 0; i < config_n_deprecations(c); i++)
        print_message("  deprecation: %s\n", config_deprecation(c, i));
    return false;
}

static void every_key_has_its_variable_and_its_flag(void **state)
{
    static const struct {
        const struct section_type *type;
        const char *prefix;
        const char *section;
    } cases[] = {{&section_seamqd, "SEAMQ_", "seamqd"},
                 {&section_cluster, "SEAMQ_CLUSTER_A_B_", "cluster.a-b"},
                 {&section_handler, "SEAMQ_HANDLER_A_B_", "handler.a-b"}};
    (void)state;

    write_text("file", "x");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (const struct opt *o = cases[i].type->options; o->key; o++) {
            const char *value = *o->preset ? o->preset : o->type == OPT_PATH ? "file" : "x";
            char env[256];
            char flag[256];
            int n = snprintf(env, sizeof(env), "%s%s", cases[i].prefix, o->key);
            for (char *s = env; *s; s++)
                *s = (char)toupper((unsigned char)*s);
            snprintf(env + n, sizeof(env) - (size_t)n, "=%s", value);
            struct config *c = make_config(NULL, ENV(env), NULL);
            env[n] = '\0';
            assert_string_equal(config_origin(c, cases[i].section, o->key), env);
            config_destroy(c);

            snprintf(flag, sizeof(flag), "%s.%s=%s", cases[i].section, o->key, value);
            c = make_config(NULL, NULL, ENV(flag));
            assert_string_equal(config_origin(c, cases[i].section, o->key), "command line");
            config_destroy(c);
        }
    }
}

static void flag_beats_env_beats_file_beats_default(void **state)
{
    static const char ini[] = "[handler.a]\nworkers = 2\ncrash_limit = 2\nmax_attempts = 2\n";
    struct config *c =
        make_config(ini, ENV("SEAMQ_HANDLER_A_WORKERS=3", "SEAMQ_HANDLER_A_CRASH_LIMIT=3"), ENV("handler.a.workers=4"));
    (void)state;
    expect_no_problems(c);
    assert_int_equal(c->handlers[0].workers, 4);
    assert_int_equal(c->handlers[0].crash_limit, 3);
    assert_int_equal(c->handlers[0].max_attempts, 2);
    assert_int_equal(c->handlers[0].key_max_in_flight, 256);
    assert_string_equal(config_origin(c, "handler.a", "workers"), "command line");
    config_destroy(c);
}

static void a_deprecated_key_works_from_every_source(void **state)
{
    struct config *c = make_config("[handler.a]\nlane_max_held = 3\n[handler.b]\nkey_max_in_flight = 2\n",
                                   ENV("SEAMQ_HANDLER_B_X_LANE_MAX_HELD=4"), ENV("handler.c.lane_max_held=5"));
    (void)state;
    expect_no_problems(c);
    assert_int_equal(find_handler(c, "a")->key_max_in_flight, 3);
    assert_int_equal(find_handler(c, "b")->key_max_in_flight, 2);
    assert_int_equal(find_handler(c, "b-x")->key_max_in_flight, 4);
    assert_int_equal(find_handler(c, "c")->key_max_in_flight, 5);
    assert_string_equal(config_origin(c, "handler.a", "key_max_in_flight"), "t.ini:2");
    assert_int_equal(config_n_deprecations(c), 3);
    assert_true(has_deprecation(c, "t.ini:2: lane_max_held: this key is deprecated; use key_max_in_flight"));
    assert_true(has_deprecation(c, "SEAMQ_HANDLER_B_X_LANE_MAX_HELD: this key is deprecated; use key_max_in_flight"));
    assert_true(
        has_deprecation(c, "command line: handler.c.lane_max_held: this key is deprecated; use key_max_in_flight"));
    assert_null(config_deprecation(c, 3));
    config_destroy(c);

    c = make_config("[handler.a]\nkey_max_in_flight = 3\n", NULL, NULL);
    assert_int_equal(config_n_deprecations(c), 0);
    config_destroy(c);
}

static void a_key_and_its_deprecated_name_together_are_refused(void **state)
{
    (void)state;

    struct config *c = make_config("[handler.a]\nlane_max_held = 3\nkey_max_in_flight = 3\n", NULL, NULL);
    expect_problem(c, "t.ini:3: key_max_in_flight: set together with its deprecated name lane_max_held "
                      "(t.ini:2: lane_max_held); keep key_max_in_flight");
    config_destroy(c);

    c = make_config("[handler.a]\nlane_max_held = 3\n", ENV("SEAMQ_HANDLER_A_KEY_MAX_IN_FLIGHT=4"), NULL);
    expect_problem(c, "SEAMQ_HANDLER_A_KEY_MAX_IN_FLIGHT: set together with its deprecated name lane_max_held "
                      "(t.ini:2: lane_max_held); keep key_max_in_flight");
    config_destroy(c);

    c = make_config("[handler.a]\nlane_max_held = 3\nlane_max_held = 4\n", NULL, NULL);
    expect_problem(c, "t.ini:3: \"lane_max_held\" is already set at t.ini:2; keep one of them");
    config_destroy(c);

    c = make_config("[handler.a]\nlane_max_held = 0\n", NULL, NULL);
    expect_problem(c, "t.ini:2: lane_max_held: \"0\" is too small (at least 1)");
    config_destroy(c);
}

static void an_empty_variable_counts_as_not_set(void **state)
{
    struct config *c = make_config("[handler.a]\nworkers = 2\n", ENV("SEAMQ_HANDLER_A_WORKERS=", "SEAMQ_ADMIN="), NULL);
    (void)state;
    expect_no_problems(c);
    assert_int_equal(c->handlers[0].workers, 2);
    config_destroy(c);
}

static void ambiguous_names_prefer_what_is_declared_then_the_longest_key(void **state)
{
    struct config *c = make_config("[handler.stock-option]\n[handler.event-stream]\n",
                                   ENV("SEAMQ_HANDLER_STOCK_OPTION_WORKERS=3", "SEAMQ_HANDLER_EVENT_STREAM_ACK_WAIT=3s",
                                       "SEAMQ_HANDLER_B_OPTION_ACK_WAIT=9", "SEAMQ_HANDLER_C_STREAM_MAX_ATTEMPTS=9"),
                                   NULL);
    (void)state;
    expect_no_problems(c);
    assert_int_equal(c->n_handlers, 4);
    assert_int_equal(c->handlers[0].workers, 3);
    assert_true(c->handlers[1].ack_wait_ns == 3000000000);
    assert_string_equal(c->handlers[2].name, "b");
    assert_string_equal(c->handlers[2].options[0].name, "ack_wait");
    /* No cluster has the name max-attempts, so the key is max_attempts. */
    assert_string_equal(c->handlers[3].name, "c-stream");
    assert_int_equal(c->handlers[3].max_attempts, 9);
    config_destroy(c);
}

static void unknown_variables_are_named_with_the_nearest(void **state)
{
    static const struct {
        const char *env;
        const char *problem;
    } cases[] = {
        {"SEAMQ_ADMIM=off", "SEAMQ_ADMIM: unknown variable (did you mean SEAMQ_ADMIN?)"},
        {"SEAMQ_PLUGIN_DIRS=x", "SEAMQ_PLUGIN_DIRS: unknown variable (did you mean SEAMQ_PLUGIN_DIR?)"},
        {"SEAMQ_admin=x", "SEAMQ_admin: unknown variable (did you mean SEAMQ_ADMIN?)"},
        {"SEAMQ_HANDLER_A_WORKRES=1",
         "SEAMQ_HANDLER_A_WORKRES: unknown variable (did you mean SEAMQ_HANDLER_A_WORKERS?)"},
        {"SEAMQ_CLUSTER_SEA_A_TLS_CRT=1",
         "SEAMQ_CLUSTER_SEA_A_TLS_CRT: unknown variable (did you mean SEAMQ_CLUSTER_SEA_A_TLS_CERT?)"},
        {"SEAMQ_CLUSTER_URLS=x", "SEAMQ_CLUSTER_URLS: the cluster's name is missing (try SEAMQ_CLUSTER_DEFAULT_URLS)"},
        {"SEAMQ_HANDLER_WORKERS=x",
         "SEAMQ_HANDLER_WORKERS: the handler's name is missing (try SEAMQ_HANDLER_ORDERS_WORKERS)"},
        {"SEAMQ_BANANA=",
         "SEAMQ_BANANA: unknown variable (there are SEAMQ_KEY, SEAMQ_CLUSTER_NAME_KEY and SEAMQ_HANDLER_NAME_KEY; "
         "seamqd --help lists the keys)"},
        {"SEAMQ_ADMIN_PORT=9222",
         "SEAMQ_ADMIN_PORT: unknown variable (there are SEAMQ_KEY, SEAMQ_CLUSTER_NAME_KEY and SEAMQ_HANDLER_NAME_KEY; "
         "seamqd --help lists the keys)"},
        {"SEAMQ_HANDLER_A.B_WORKERS=1", "SEAMQ_HANDLER_A.B_WORKERS: \"a.b\" is not a name (use a-z, 0-9 and -)"},
        {"SEAMQ_HANDLER_A_OPTION_A.B=1",
         "SEAMQ_HANDLER_A_OPTION_A.B: \"a.b\" is not an option's name (letters, digits and _)"},
        {"SEAMQ_HANDLER_A_WORKERS=many", "SEAMQ_HANDLER_A_WORKERS: \"many\" is not a whole number"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct config *c = make_config(NULL, ENV(cases[i].env), NULL);
        expect_problem(c, cases[i].problem);
        config_destroy(c);
    }
}

static void an_overlong_name_is_refused(void **state)
{
    char env[400] = "SEAMQ_HANDLER_";
    (void)state;
    memset(env + 14, 'A', 300);
    strcpy(env + 314, "_WORKERS=1");
    struct config *c = make_config(NULL, ENV(env), NULL);
    expect_problem(c, "SEAMQ_HANDLER_AAAAAAAAAAAAAAAAAAAAAAAAAA...: the variable's name is longer than 248 characters");
    config_destroy(c);
}

static void names_of_other_tools_are_left_alone(void **state)
{
    struct config *c =
        make_config(NULL,
                    ENV("SEAMQ_CONFIG=x", "SEAMQ_STREAMS=A B", "SEAMQ_STREAM_A_SUBJECTS=x", "SEAMQ_CONSUMERS=A/b",
                        "SEAMQ_CONSUMER_A_B_ACK_WAIT=x", "SEAMQ_PROVISION_TIMEOUT=1", "SEAMQ_NATS_ROOT=/x",
                        "SEAMQ_NATS_SERVER=/x", "SEAMQ_IMAGE=x", "SEAMQ_SITE=/x", "SEAMQ_SERVICE_HOST=10.0.0.1",
                        "SEAMQ_SERVICE_PORT=9222", "SEAMQ_SERVICE_PORT_ADMIN=9222", "SEAMQ_PORT=tcp://10.0.0.1:9222",
                        "SEAMQ_PORT_9222_TCP=tcp://10.0.0.1:9222", "SEAMQ_PORT_9222_TCP_ADDR=10.0.0.1",
                        "SEAMQ_PORT_9222_TCP_PROTO=tcp", "SEAMQ_PORT_9222_TCP_PORT=9222"),
                    NULL);
    (void)state;
    expect_no_problems(c);
    config_destroy(c);
}

static void nats_variables_fill_gaps_of_the_default_cluster(void **state)
{
    struct config *c =
        make_config(NULL, ENV("NATS_URL=nats://n:1", "NATS_USER=u", "NATS_PASSWORD=p", "NATS_OTHER=x"), NULL);
    (void)state;
    expect_no_problems(c);
    assert_string_equal(c->clusters[0].urls.items[0], "nats://n:1");
    assert_string_equal(c->clusters[0].user, "u");
    assert_string_equal(c->clusters[0].password, "p");
    assert_string_equal(config_origin(c, "cluster.default", "urls"), "NATS_URL");
    config_destroy(c);

    c = make_config("[cluster.default]\nurls = nats://f:1\n", ENV("NATS_URL=nats://n:1"), NULL);
    expect_no_problems(c);
    assert_string_equal(c->clusters[0].urls.items[0], "nats://f:1");
    config_destroy(c);

    c = make_config(NULL, ENV("NATS_URL=nats://n:1", "SEAMQ_CLUSTER_DEFAULT_URLS=nats://s:1"), NULL);
    expect_no_problems(c);
    assert_string_equal(c->clusters[0].urls.items[0], "nats://s:1");
    config_destroy(c);

    c = make_config("[cluster.sea-a]\n", ENV("NATS_USER=u", "NATS_PASSWORD=p"), NULL);
    expect_no_problems(c);
    assert_int_equal(c->n_clusters, 1);
    assert_null(c->clusters[0].user);
    config_destroy(c);

    c = make_config("[cluster.sea-a]\n", ENV("NATS_URL=nats://n:1"), NULL);
    expect_no_problems(c);
    assert_int_equal(c->n_clusters, 2);
    assert_non_null(config_find_cluster(c, "default"));
    assert_null(config_find_cluster(c, "sea-b"));
    config_destroy(c);

    c = make_config(NULL, ENV("NATS_URL=http://x"), NULL);
    expect_problem(c, "NATS_URL: \"http://x\" is not a server's URL: the scheme is nats:// or tls://");
    config_destroy(c);
}

static void nats_credentials_never_mix_with_configured_ones(void **state)
{
    struct config *c =
        make_config("[cluster.default]\ntoken = t\n",
                    ENV("NATS_USER=u", "NATS_PASSWORD=p", "NATS_CREDS=/absent", "NATS_NKEY=/absent"), NULL);
    (void)state;
    expect_no_problems(c);
    assert_null(c->clusters[0].user);
    assert_null(c->clusters[0].creds);
    config_destroy(c);

    /* The other half of the same login is taken from NATS_*. */
    c = make_config("[cluster.default]\nuser = u\n", ENV("NATS_PASSWORD=p", "NATS_TOKEN=t"), NULL);
    expect_no_problems(c);
    assert_string_equal(c->clusters[0].password, "p");
    assert_null(c->clusters[0].token);
    config_destroy(c);
}

static void secrets_are_read_from_files_less_one_newline(void **state)
{
    write_text("secret", "s3cret\n\n");
    write_text("windows", "t0ken\r\n");
    write_text("user", "u");
    struct config *c = make_config("[cluster.a]\nuser_file = user\npassword_file = secret\n[cluster.b]\n",
                                   ENV("SEAMQ_CLUSTER_B_TOKEN_FILE=windows"), NULL);
    (void)state;
    expect_no_problems(c);
    assert_string_equal(c->clusters[0].user, "u");
    assert_string_equal(c->clusters[0].password, "s3cret\n");
    assert_string_equal(c->clusters[1].token, "t0ken");
    config_destroy(c);

    /* The environment replaces the value of the file, whether KEY or KEY_file. */
    c = make_config("[cluster.a]\ntoken = old\n", ENV("SEAMQ_CLUSTER_A_TOKEN_FILE=windows"), NULL);
    expect_no_problems(c);
    assert_string_equal(c->clusters[0].token, "t0ken");
    config_destroy(c);
}

static void secret_files_that_cannot_be_used_are_named(void **state)
{
    char *big = calloc(1, 70001);
    (void)state;

    write_text("empty", "\n");
    write_bytes("binary", "a\0b\n", 4);
    assert_non_null(big);
    memset(big, 'x', 70000);
    write_text("big", big);
    free(big);
    static const struct {
        const char *env;
        const char *problem;
    } cases[] = {
        {"SEAMQ_CLUSTER_A_TOKEN_FILE=absent",
         "SEAMQ_CLUSTER_A_TOKEN_FILE: can't read \"absent\": No such file or directory"},
        {"SEAMQ_CLUSTER_A_TOKEN_FILE=.", "SEAMQ_CLUSTER_A_TOKEN_FILE: can't read \".\": it is a directory"},
        {"SEAMQ_CLUSTER_A_TOKEN_FILE=empty", "SEAMQ_CLUSTER_A_TOKEN_FILE: \"empty\" is empty"},
        {"SEAMQ_CLUSTER_A_TOKEN_FILE=binary",
         "SEAMQ_CLUSTER_A_TOKEN_FILE: \"binary\" holds a NUL byte: it is not a text file"},
        {"SEAMQ_CLUSTER_A_TOKEN_FILE=big", "SEAMQ_CLUSTER_A_TOKEN_FILE: \"big\" is longer than 65536 bytes"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct config *c = make_config(NULL, ENV(cases[i].env), NULL);
        expect_problem(c, cases[i].problem);
        config_destroy(c);
    }
    struct config *c = make_config("[cluster.a]\ntoken_file = absent\n", NULL, NULL);
    expect_problem(c, "t.ini:2: token_file: can't read \"absent\": No such file or directory");
    config_destroy(c);
}

static void a_value_and_its_file_form_together_are_refused(void **state)
{
    write_text("t", "t");
    struct config *c = make_config(NULL, ENV("SEAMQ_CLUSTER_A_TOKEN=x", "SEAMQ_CLUSTER_A_TOKEN_FILE=t"), NULL);
    (void)state;
    expect_problem(c, "SEAMQ_CLUSTER_A_TOKEN_FILE: SEAMQ_CLUSTER_A_TOKEN is set as well; keep one of them");
    config_destroy(c);

    c = make_config("[cluster.a]\ntoken = x\ntoken_file = t\n", NULL, NULL);
    expect_problem(c, "t.ini:3: token_file: t.ini:2: token is set as well; keep one of them");
    config_destroy(c);
}

static void the_mask_is_not_taken_for_a_secret(void **state)
{
    struct config *c = make_config("[cluster.a]\ntoken = ********\n", NULL, NULL);
    (void)state;
    expect_problem(c, "t.ini:2: token: the value is the mask that --print-config prints; write the secret instead");
    config_destroy(c);
}

static void wrong_flags_are_named(void **state)
{
    static const struct {
        const char *flag;
        const char *problem;
    } cases[] = {
        {"workers", "command line: \"workers\" is not SECTION.KEY=VALUE (try handler.orders.workers=4)"},
        {"workers=4", "command line: workers: not a key (seamqd.KEY, cluster.NAME.KEY or handler.NAME.KEY; try "
                      "handler.orders.workers=4)"},
        {"handler.workers=4", "command line: handler.workers: not a key (seamqd.KEY, cluster.NAME.KEY or "
                              "handler.NAME.KEY; try handler.orders.workers=4)"},
        {"seamqd.=4", "command line: seamqd.: not a key (seamqd.KEY, cluster.NAME.KEY or handler.NAME.KEY; try "
                      "handler.orders.workers=4)"},
        {"daemon.x=4", "command line: daemon.x: not a key (seamqd.KEY, cluster.NAME.KEY or handler.NAME.KEY; try "
                       "handler.orders.workers=4)"},
        {"handler.A.workers=4", "command line: handler.A.workers: \"A\" is not a name (use a-z, 0-9 and -)"},
        {"handler..workers=4", "command line: handler..workers: \"\" is not a name (use a-z, 0-9 and -)"},
        {"handler.a.workrs=4",
         "command line: handler.a.workrs: unknown key \"workrs\" in [handler.a] (did you mean \"workers\"?)"},
        {"handler.a.workers=", "command line: handler.a.workers: the value is empty (the default is 1)"},
        {"seamqd.log_level=loud", "command line: seamqd.log_level: \"loud\" is not one of error, warn, info, debug"},
        {"a\nb=4", "command line: a?b: not a key (seamqd.KEY, cluster.NAME.KEY or handler.NAME.KEY; try "
                   "handler.orders.workers=4)"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct config *c = make_config(NULL, NULL, ENV(cases[i].flag));
        expect_problem(c, cases[i].problem);
        config_destroy(c);
    }
}

static void flags_reach_options_and_streams(void **state)
{
    struct config *c =
        make_config(NULL, NULL, ENV("handler.a.option.x=a=b", "handler.a.stream.sea-a=S", "cluster.sea-a.domain=d"));
    (void)state;
    expect_no_problems(c);
    assert_string_equal(c->handlers[0].options[0].value, "a=b");
    assert_string_equal(c->handlers[0].stream_for_cluster.items[0], "sea-a=S");
    assert_string_equal(c->clusters[0].domain, "d");
    config_destroy(c);
}

static void plugin_dir_flags_add_up_and_keep_their_spaces(void **state)
{
    struct config *c;
    (void)state;
    assert_int_equal(config_create(&c), 0);
    config_load_env(c, (char *[]){(char[]){"SEAMQ_PLUGIN_DIR=/env"}, NULL});
    config_load_env(c, NULL);
    config_set_flag(c, "--plugin-dir", "seamqd", "plugin_dir", "/a b");
    config_set_flag(c, "--plugin-dir", "seamqd", "plugin_dir", "/c");
    config_set_flag(c, "--config", "seamq", "x", "/c");
    config_finish(c);
    expect_problem(c, "--config: seamq is not a section");
    assert_int_equal(c->plugin_dirs.n, 2);
    assert_string_equal(c->plugin_dirs.items[0], "/a b");
    assert_string_equal(c->plugin_dirs.items[1], "/c");
    assert_string_equal(config_origin(c, "seamqd", "plugin_dir"), "--plugin-dir");
    config_destroy(c);
}

static void a_value_that_is_far_too_long_is_refused(void **state)
{
    char *env = malloc(70100);
    (void)state;
    assert_non_null(env);
    memset(env, 'a', 70099);
    env[70099] = '\0';
    memcpy(env, "SEAMQ_NAME=", 11);
    struct config *c = make_config(NULL, ENV(env), NULL);
    expect_problem(c, "SEAMQ_NAME: the value is longer than 65536 bytes");
    config_destroy(c);
    free(env);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(variables_reach_every_section),
        cmocka_unit_test(every_key_has_its_variable_and_its_flag),
        cmocka_unit_test(flag_beats_env_beats_file_beats_default),
        cmocka_unit_test(a_deprecated_key_works_from_every_source),
        cmocka_unit_test(a_key_and_its_deprecated_name_together_are_refused),
        cmocka_unit_test(an_empty_variable_counts_as_not_set),
        cmocka_unit_test(ambiguous_names_prefer_what_is_declared_then_the_longest_key),
        cmocka_unit_test(unknown_variables_are_named_with_the_nearest),
        cmocka_unit_test(an_overlong_name_is_refused),
        cmocka_unit_test(names_of_other_tools_are_left_alone),
        cmocka_unit_test(nats_variables_fill_gaps_of_the_default_cluster),
        cmocka_unit_test(nats_credentials_never_mix_with_configured_ones),
        cmocka_unit_test(secrets_are_read_from_files_less_one_newline),
        cmocka_unit_test(secret_files_that_cannot_be_used_are_named),
        cmocka_unit_test(a_value_and_its_file_form_together_are_refused),
        cmocka_unit_test(the_mask_is_not_taken_for_a_secret),
        cmocka_unit_test(wrong_flags_are_named),
        cmocka_unit_test(flags_reach_options_and_streams),
        cmocka_unit_test(plugin_dir_flags_add_up_and_keep_their_spaces),
        cmocka_unit_test(a_value_that_is_far_too_long_is_refused),
    };
    return cmocka_run_group_tests(tests, enter_temporary, leave_temporary);
}
