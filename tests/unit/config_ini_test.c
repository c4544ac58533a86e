/* SPDX-License-Identifier: Apache-2.0
 * config, the file: syntax, lines, sections, and the problems of malformed ones. */
#include "config_helper.h"

#include <errno.h>

static void values_of_all_sections_arrive(void **state)
{
    struct config *c = make_config("[seamqd]\nadmin = off\n[cluster.sea-a]\nurls = nats://a:4222, nats://b:4222\n"
                                   "[handler.orders]\nworkers = 4\nclusters=sea-a\noption.rate = 3\n"
                                   "stream.sea-a = A_ORDERS\n[handler.empty]\n",
                                   NULL, NULL);
    (void)state;
    expect_no_problems(c);
    assert_string_equal(c->admin, "off");
    assert_int_equal(c->n_clusters, 1);
    assert_int_equal(c->clusters[0].urls.n, 2);
    assert_string_equal(c->clusters[0].urls.items[1], "nats://b:4222");
    assert_int_equal(c->n_handlers, 2);
    assert_int_equal(c->handlers[0].workers, 4);
    assert_string_equal(c->handlers[0].options[0].name, "rate");
    assert_string_equal(c->handlers[0].options[0].value, "3");
    assert_string_equal(c->handlers[0].options[0].origin, "t.ini:8");
    assert_string_equal(c->handlers[0].stream_for_cluster.items[0], "sea-a=A_ORDERS");
    assert_string_equal(c->handlers[1].name, "empty");
    assert_string_equal(config_origin(c, "handler.orders", "workers"), "t.ini:6");
    assert_string_equal(config_origin(c, "handler.orders", "option.rate"), "t.ini:8");
    assert_string_equal(config_origin(c, "handler.orders", "ack"), "default");
    assert_string_equal(config_origin(c, "handler.nobody", "ack"), "default");
    config_destroy(c);
}

static void comments_blanks_bom_and_crlf_are_tolerated(void **state)
{
    struct config *c =
        make_config("\xef\xbb\xbf# one\r\n\r\n[seamqd] ; two\r\n; three\r\n  \t\r\nadmin = off ; four\r\n"
                    "name = a;b#c\r\n[ cluster.default ]\nurls: nats://a:1\n  ; five\n  nats://b:2 ; six\n"
                    "\n\tnats://c:3",
                    NULL, NULL);
    (void)state;
    expect_no_problems(c);
    assert_string_equal(c->admin, "off");
    assert_string_equal(c->name, "a;b#c");
    assert_int_equal(c->clusters[0].urls.n, 3);
    assert_string_equal(c->clusters[0].urls.items[1], "nats://b:2");
    assert_string_equal(c->clusters[0].urls.items[2], "nats://c:3");
    config_destroy(c);
}

static void an_empty_file_is_fine(void **state)
{
    struct config *c = make_config("", NULL, NULL);
    (void)state;
    expect_no_problems(c);
    assert_int_equal(c->n_clusters, 1);
    assert_string_equal(c->clusters[0].name, "default");
    config_destroy(c);
}

/* inih splits lines at 198 bytes and would read the rest as a new line. */
static void long_lines_arrive_whole_at_every_length(void **state)
{
    char value[2048];
    char ini[8192];
    (void)state;

    for (size_t len = 1; len<1200; len += len> 150 && len < 640 ? 1 : 13) {
        for (size_t i = 0; i < len; i++)
            value[i] = "ab ;,=:[#]x"[(i * 7 + len) % 11];
        value[0] = 'v';
        value[len - 1] = 'w';
        value[len] = '\0';
        for (char *s = value; (s = strstr(s, " ;")) != NULL;)
            *s = '_';
        snprintf(ini, sizeof(ini), "[handler.h]\noption.text = %s ; = : comment %s\nworkers = 3\n", value,
                 len % 2 ? "" : value);
        struct config *c = make_config(ini, NULL, NULL);
        expect_no_problems(c);
        assert_string_equal(c->handlers[0].options[0].value, value);
        assert_int_equal(c->handlers[0].workers, 3);
        config_destroy(c);
    }
}

static void long_url_lists_and_their_continuations_arrive_whole(void **state)
{
    char ini[16384] = "[cluster.default]\nurls = ";
    char item[64];
    (void)state;

    for (int i = 0; i < 200; i++) {
        snprintf(item, sizeof(item), "nats://node-%d.example.com:4222%s", i, i == 99 ? "\n     " : ", ");
        strcat(ini, item);
    }
    strcat(ini, " ; all of them\n");
    struct config *c = make_config(ini, NULL, NULL);
    expect_no_problems(c);
    assert_int_equal(c->clusters[0].urls.n, 200);
    assert_string_equal(c->clusters[0].urls.items[199], "nats://node-199.example.com:4222");
    assert_string_equal(c->clusters[0].urls.items[100], "nats://node-100.example.com:4222");
    config_destroy(c);
}

static void malformed_lines_are_named(void **state)
{
    static const struct ini_case cases[] = {
        {"[seamqd]\nadmin off\n", "t.ini:2: \"admin\" is not followed by = (write KEY = VALUE)"},
        {"[seamqd]\npassword hunter2\n  more\n", "t.ini:2: \"password\" is not followed by = (write KEY = VALUE)"},
        {"[seamqd]\n = off\n", "t.ini:2: there is no key before the ="},
        {"[seamqd\nadmin = off\n", "t.ini:1: the heading has no ] (try [handler.orders])"},
        {"[seamqd] admin = off\n", "t.ini:1: only a comment may follow the ] of a heading (\" ;\")"},
        {"admin = off\n", "t.ini:1: \"admin\" comes before the first section (begin with [seamqd] or [handler.NAME])"},
        {"[seamqd]\nadmin = a\rb\n", "t.ini:2: control character 0x0d is not allowed"},
        {"[seamqd]\nadmin = \x7f\n", "t.ini:2: control character 0x7f is not allowed"},
        {"[seamqd]\nadmin = off\n  drain_timeout = 3s\n",
         "t.ini:3: an indented line continues the one above; remove the indent before \"drain_timeout\""},
        {"[handler.a]\nworkers = 2\n  option.x = 3s\n",
         "t.ini:3: an indented line continues the one above; remove the indent before \"option.x\""},
        {"[seamqd]\nadmin = off\n  more\n",
         "t.ini:3: an indented line continues the one above, and \"admin\" is not a list (remove the indent)"},
        {"[handler.a]\noption.x = off\n  more\n",
         "t.ini:3: an indented line continues the one above, and \"option.x\" is not a list (remove the indent)"},
    };
    (void)state;
    EXPECT_INI_CASES(cases);
}

static void wrong_sections_are_named(void **state)
{
    static const struct ini_case cases[] = {
        {"[handlr.a]\nx = 1\n  more\n", "t.ini:1: unknown section [handlr.a] (did you mean [handler.NAME]?)"},
        {"[seamq]\n", "t.ini:1: unknown section [seamq] (did you mean [seamqd]?)"},
        {"[webserver]\n",
         "t.ini:1: unknown section [webserver] (there are [seamqd], [cluster.NAME] and [handler.NAME])"},
        {"[]\n", "t.ini:1: unknown section [] (there are [seamqd], [cluster.NAME] and [handler.NAME])"},
        {"[seamqd.a]\n", "t.ini:1: [seamqd] takes no name"},
        {"[cluster]\n", "t.ini:1: [cluster] needs a name (try [cluster.default])"},
        {"[handler.]\n", "t.ini:1: [handler.] needs a name (try [handler.orders])"},
        {"[handler.My_Orders]\n", "t.ini:1: [handler.My_Orders]: \"My_Orders\" is not a name (use a-z, 0-9 and -)"},
        {"[handler.abcdefghijklmnopqrstuvwxyzabcdefghijklmno]\n",
         "t.ini:1: [handler.abcdefghijklmnopqrstuvwxyzabcdefghijklmno]: "
         "\"abcdefghijklmnopqrstuvwxyzabcdefghijklmno\" is too long for a name (at most 40 characters)"},
        {"[streem.A]\n", "t.ini:1: unknown section [streem.A] (did you mean [stream.NAME]?)"},
        {"[handler.a]\nworkers = 2\n\n[handler.b]\n[handler.a]\nack = each\n",
         "t.ini:5: section [handler.a] is already at t.ini:1; merge its keys there"},
    };
    char heading[700];
    (void)state;
    EXPECT_INI_CASES(cases);

    snprintf(heading, sizeof(heading), "[stream.%0600d]\n", 1);
    struct config *c = make_config(heading, NULL, NULL);
    expect_problem(c, "t.ini:1: the section's name is longer than 544 characters");
    config_destroy(c);
}

static void wrong_keys_are_named_with_the_nearest(void **state)
{
    static const struct ini_case cases[] = {
        {"[seamqd]\nlog_levl = info\n", "t.ini:2: unknown key \"log_levl\" in [seamqd] (did you mean \"log_level\"?)"},
        {"[handler.a]\nackwait = 3s\n", "t.ini:2: unknown key \"ackwait\" in [handler.a] (did you mean \"ack_wait\"?)"},
        {"[handler.a]\nurls = x\n", "t.ini:2: unknown key \"urls\" in [handler.a] (it belongs in [cluster.NAME])"},
        {"[cluster.a]\nadmin = x\n", "t.ini:2: unknown key \"admin\" in [cluster.a] (it belongs in [seamqd])"},
        {"[handler.a]\nretention_period = x\n",
         "t.ini:2: unknown key \"retention_period\" in [handler.a] (a plugin's own option is written "
         "option.retention_period)"},
        {"[seamqd]\nretention_period = x\n",
         "t.ini:2: unknown key \"retention_period\" in [seamqd] (seamqd --help lists the keys)"},
        {"[handler.a]\noption. = x\n", "t.ini:2: \"\" is not an option's name (letters, digits and _)"},
        {"[handler.a]\noption.a b = x\n", "t.ini:2: \"a b\" is not an option's name (letters, digits and _)"},
        {"[handler.a]\nstream.Sea = x\n", "t.ini:2: \"Sea\" is not a name (use a-z, 0-9 and -)"},
        {"[handler.a]\nworkers = 1\nack = each\nworkers = 2\n",
         "t.ini:4: \"workers\" is already set at t.ini:2; keep one of them"},
        {"[handler.a]\noption.x = 1\noption.x = 2\n",
         "t.ini:3: \"option.x\" is already set at t.ini:2; keep one of them"},
    };
    (void)state;
    EXPECT_INI_CASES(cases);
}

static void every_problem_of_a_file_is_named_in_one_run(void **state)
{
    struct config *c = make_config("[seamqd]\nadmn = off\nlog_level = loud\n[handlr.x]\n[handler.a]\nworkers = 0\n"
                                   "workers = 2\nack_wait = 10x\n",
                                   NULL, NULL);
    (void)state;
    assert_int_equal(config_n_problems(c), 6);
    assert_true(has_problem(c, "t.ini:2: unknown key \"admn\" in [seamqd] (did you mean \"admin\"?)"));
    assert_true(has_problem(c, "t.ini:3: log_level: \"loud\" is not one of error, warn, info, debug"));
    assert_true(has_problem(c, "t.ini:4: unknown section [handlr.x] (did you mean [handler.NAME]?)"));
    assert_true(has_problem(c, "t.ini:7: \"workers\" is already set at t.ini:6; keep one of them"));
    assert_true(has_problem(c, "t.ini:6: workers: \"0\" is too small (at least 1)"));
    assert_true(has_problem(c, "t.ini:8: ack_wait: \"10x\" is not a duration (try 10s)"));
    assert_null(config_problem(c, 6));
    config_destroy(c);
}

static void a_nul_byte_is_refused_with_its_line(void **state)
{
    struct config *c;
    (void)state;
    write_bytes("nul.ini", "[seamqd]\nadmin = o\0ff\n", 22);
    assert_int_equal(config_create(&c), 0);
    assert_int_equal(config_load_file(c, "nul.ini"), -EINVAL);
    expect_problem(c, "nul.ini:2: a NUL byte: this is not a text file");
    config_destroy(c);
}

static void files_that_cannot_be_read_are_named(void **state)
{
    struct config *c;
    char *big = malloc((1 << 20) + 10);
    (void)state;

    assert_int_equal(config_create(&c), 0);
    assert_int_equal(config_load_file(c, "absent.ini"), -ENOENT);
    expect_problem(c, "can't read \"absent.ini\": No such file or directory");
    config_destroy(c);

    assert_int_equal(config_create(&c), 0);
    assert_int_equal(config_load_file(c, "."), -EISDIR);
    expect_problem(c, "can't read \".\": it is a directory");
    config_destroy(c);

    assert_non_null(big);
    memset(big, '#', (1 << 20) + 10);
    write_bytes("big.ini", big, (1 << 20) + 10);
    assert_int_equal(config_create(&c), 0);
    assert_int_equal(config_load_file(c, "big.ini"), -EFBIG);
    expect_problem(c, "\"big.ini\" is longer than 1048576 bytes");
    config_destroy(c);
    free(big);
}

static void limits_of_a_line_are_told(void **state)
{
    char *ini = malloc(200000);
    struct config *c;
    (void)state;

    assert_non_null(ini);
    memset(ini, 'a', 70000);
    memcpy(ini, "[seamqd]\nadmin = ", 17);
    strcpy(ini + 70000, "\n");
    c = make_config(ini, NULL, NULL);
    expect_problem(c, "t.ini:2: the line is longer than 65536 bytes");
    config_destroy(c);

    memset(ini, ' ', 1000);
    memcpy(ini, "[seamqd]\nname = a", 17);
    strcpy(ini + 1000, "b\n");
    c = make_config(ini, NULL, NULL);
    expect_problem(c, "t.ini:2: the line holds a long run of blanks, which can't be read; remove them");
    config_destroy(c);

    memset(ini, 'k', 400);
    memcpy(ini, "[seamqd]\n", 9);
    strcpy(ini + 400, " = 3\n");
    c = make_config(ini, NULL, NULL);
    assert_int_equal(config_n_problems(c), 1);
    assert_non_null(strstr(config_problem(c, 0), "\" is too long for a key"));
    config_destroy(c);

    /* A list grows line by line. */
    strcpy(ini, "[cluster.default]\nurls = nats://a:1");
    for (int i = 0; i < 2; i++) {
        size_t len = strlen(ini);
        ini[len] = '\n';
        memset(ini + len + 1, ' ', 2);
        memset(ini + len + 3, 'b', 40000);
        ini[len + 40003] = '\0';
    }
    c = make_config(ini, NULL, NULL);
    assert_true(has_problem(c, "t.ini:4: the value is longer than 65536 bytes"));
    config_destroy(c);
    free(ini);
}

static void garbage_makes_a_bounded_number_of_problems(void **state)
{
    char *ini = malloc(400000);
    struct config *c;
    (void)state;

    assert_non_null(ini);
    size_t n = 0;
    for (int i = 0; i < 5000; i++)
        n += (size_t)sprintf(ini + n, "garbage-%d\n", i);
    c = make_config(ini, NULL, NULL);
    assert_int_equal(config_n_problems(c), 1001);
    assert_string_equal(config_problem(c, 1000), "too many problems: the others are not shown");
    config_destroy(c);

    n = 0;
    for (int i = 0; i < 10002; i++)
        n += (size_t)sprintf(ini + n, "[handler.h%d]\n", i);
    c = make_config(ini, NULL, NULL);
    assert_true(has_problem(c, "t.ini:10001: more than 10000 sections"));
    config_destroy(c);
    free(ini);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_of_all_sections_arrive),
        cmocka_unit_test(comments_blanks_bom_and_crlf_are_tolerated),
        cmocka_unit_test(an_empty_file_is_fine),
        cmocka_unit_test(long_lines_arrive_whole_at_every_length),
        cmocka_unit_test(long_url_lists_and_their_continuations_arrive_whole),
        cmocka_unit_test(malformed_lines_are_named),
        cmocka_unit_test(wrong_sections_are_named),
        cmocka_unit_test(wrong_keys_are_named_with_the_nearest),
        cmocka_unit_test(every_problem_of_a_file_is_named_in_one_run),
        cmocka_unit_test(a_nul_byte_is_refused_with_its_line),
        cmocka_unit_test(files_that_cannot_be_read_are_named),
        cmocka_unit_test(limits_of_a_line_are_told),
        cmocka_unit_test(garbage_makes_a_bounded_number_of_problems),
    };
    return cmocka_run_group_tests(tests, enter_temporary, leave_temporary);
}
