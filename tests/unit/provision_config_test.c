/* SPDX-License-Identifier: Apache-2.0
 * provision_config_test - streams and consumers for provisioning, from a file and the environment, and their problems.
 */
#include "provision_helper.h"

#include "config/options.h"

#include <ctype.h>

#define ENV(...) ((const char *const[]){__VA_ARGS__, NULL})

static void a_file_says_everything(void **state)
{
    struct provision_config p;
    struct config *c =
        make_provision(&p,
                       "[provision]\ntimeout = 10s\ndry_run = yes\n"
                       "[stream.Orders_1]\nsubjects = orders.> returns.*\nreplicas = 3\nstorage = memory\n"
                       "retention = workqueue\nmax_age = 30d\nmax_bytes = 10G\nmax_msgs = 5\n"
                       "max_msg_size = 1M\ndiscard = new\nduplicate_window = 5m\n"
                       "placement_cluster = sea-a\nplacement_tags = ssd az:1\n"
                       "[stream.COPY]\nmirror = Orders_1@sea-b\n"
                       "[stream.ALL]\nsources = A@sea-a, B\n"
                       "[consumer.Orders_1/billing]\nfilter_subjects = orders.new\nack_wait = 10s\n"
                       "deliver_policy = new\nack = confirmed\nmax_ack_pending = 7\nreplicas = 1\n",
                       NULL, NULL);
    (void)state;
    expect_no_problems(c);
    assert_true(p.timeout_ns == 10000000000 && p.dry_run);
    assert_int_equal(p.n_streams, 3);
    const struct stream_config *s = &p.streams[0];
    assert_string_equal(s->name, "Orders_1");
    assert_int_equal(s->subjects.n, 2);
    assert_int_equal(s->replicas, 3);
    assert_int_equal(s->storage, STORAGE_MEMORY);
    assert_int_equal(s->retention, RETENTION_WORKQUEUE);
    assert_true(s->max_age_ns == 30 * INT64_C(86400000000000) && s->max_bytes == INT64_C(10) << 30);
    assert_true(s->max_msgs == 5 && s->max_msg_size == 1 << 20 && s->duplicate_window_ns == 300 * INT64_C(1000000000));
    assert_int_equal(s->discard, DISCARD_NEW);
    assert_string_equal(s->placement_cluster, "sea-a");
    assert_int_equal(s->placement_tags.n, 2);
    assert_string_equal(p.streams[1].mirror, "Orders_1@sea-b");
    assert_string_equal(p.streams[2].sources.items[1], "B");
    assert_int_equal(p.n_consumers, 1);
    const struct consumer_config *co = &p.consumers[0];
    assert_string_equal(co->stream, "Orders_1");
    assert_string_equal(co->name, "billing");
    assert_string_equal(co->filter_subjects.items[0], "orders.new");
    assert_string_equal(co->deliver_policy, "new");
    assert_true(co->ack_wait_ns == 10000000000 && co->max_ack_pending == 7 && co->replicas == 1);
    free_provision(&p, c);
}

static void the_environment_alone_says_everything(void **state)
{
    struct provision_config p;
    struct config *c =
        make_provision(&p, NULL,
                       ENV("SEAMQ_STREAMS=orders-eu AUDIT", "SEAMQ_STREAM_DEFAULT_REPLICAS=3",
                           "SEAMQ_STREAM_ORDERS_EU_SUBJECTS=orders.eu.>", "SEAMQ_STREAM_orders_eu_MAX_AGE=1h",
                           "SEAMQ_STREAM_AUDIT_SUBJECTS=audit.>", "SEAMQ_STREAM_AUDIT_REPLICAS=1",
                           "SEAMQ_STREAM_AUDIT_MAX_BYTES=", "SEAMQ_CONSUMERS=orders-eu/billing",
                           "SEAMQ_CONSUMER_ORDERS_EU_BILLING_ACK_WAIT=9s", "SEAMQ_CONSUMER_DEFAULT_MAX_ACK_PENDING=3",
                           "SEAMQ_PROVISION_TIMEOUT=5s", "SEAMQ_STREAM_SERVICE_HOST=10.0.0.1"),
                       NULL);
    (void)state;
    expect_no_problems(c);
    assert_int_equal(p.n_streams, 2);
    assert_string_equal(p.streams[0].name, "orders-eu");
    assert_string_equal(p.streams[0].subjects.items[0], "orders.eu.>");
    assert_int_equal(p.streams[0].replicas, 3);
    assert_true(p.streams[0].max_age_ns == INT64_C(3600000000000));
    assert_int_equal(p.streams[1].replicas, 1);
    assert_string_equal(p.consumers[0].stream, "orders-eu");
    assert_true(p.consumers[0].ack_wait_ns == 9000000000 && p.consumers[0].max_ack_pending == 3);
    assert_true(p.timeout_ns == 5000000000);
    free_provision(&p, c);
}

static void defaults_are_the_handlers(void **state)
{
    struct provision_config p;
    struct config *c = make_provision(&p, "[stream.A]\nsubjects = a\n[consumer.A/b]\n[handler.h]\n", NULL, NULL);
    (void)state;
    expect_no_problems(c);
    const struct config_handler *h = &c->handlers[0];
    const struct consumer_config *co = &p.consumers[0];
    assert_true(co->ack_wait_ns == h->ack_wait_ns && co->max_ack_pending == h->max_ack_pending && co->ack == h->ack);
    assert_string_equal(co->deliver_policy, h->deliver_policy);
    const struct stream_config *s = &p.streams[0];
    assert_true(s->replicas == 0 && s->storage == STORAGE_FILE && s->retention == RETENTION_LIMITS);
    assert_true(s->max_age_ns == 0 && s->max_bytes == 0 && s->max_msgs == 0 && s->max_msg_size == 0);
    assert_true(s->discard == DISCARD_OLD && s->duplicate_window_ns == 0 && !s->mirror && !s->placement_cluster);
    assert_true(p.timeout_ns == 120000000000 && !p.dry_run);
    free_provision(&p, c);
}

static void flag_beats_env_beats_file_beats_the_common_defaults(void **state)
{
    struct provision_config p;
    struct config *c = make_provision(&p,
                                      "[stream.DEFAULT]\nmax_msgs = 1\nmax_bytes = 1\nreplicas = 1\nmax_msg_size = 1\n"
                                      "[stream.A]\nsubjects = a\nmax_bytes = 2\nreplicas = 2\nmax_msg_size = 2\n",
                                      ENV("SEAMQ_STREAM_A_REPLICAS=3", "SEAMQ_STREAM_A_MAX_MSG_SIZE=3"),
                                      ENV("stream.A.max_msg_size=4"));
    (void)state;
    expect_no_problems(c);
    const struct stream_config *s = &p.streams[0];
    assert_int_equal(s->max_msgs, 1);
    assert_int_equal(s->max_bytes, 2);
    assert_int_equal(s->replicas, 3);
    assert_int_equal(s->max_msg_size, 4);
    free_provision(&p, c);
}

static void variables_in_a_file_are_replaced(void **state)
{
    struct provision_config p;
    struct config *c = make_provision(&p, "[stream.${REGION}_ORDERS]\nsubjects = ${SITE}.orders.> $KV.x.>\n",
                                      ENV("REGION=SEA_A", "SITE=a"), NULL);
    (void)state;
    expect_no_problems(c);
    assert_string_equal(p.streams[0].name, "SEA_A_ORDERS");
    assert_string_equal(p.streams[0].subjects.items[0], "a.orders.>");
    assert_string_equal(p.streams[0].subjects.items[1], "$KV.x.>");
    free_provision(&p, c);

    c = make_provision(&p, "[stream.${NOPE}]\n[stream.A]\nsubjects = ${ALSO_NOT}\n[stream.B]\nsubjects = ${open\n",
                       NULL, NULL);
    assert_true(has_problem(c, "t.ini:1: ${NOPE}: the environment has no variable NOPE"));
    assert_true(has_problem(c, "t.ini:3: subjects: ${ALSO_NOT}: the environment has no variable ALSO_NOT"));
    assert_true(has_problem(
        c, "t.ini:5: subjects: \"${open\": ${ must be followed by the name of an environment variable and }"));
    free_provision(&p, c);
}

struct stream_case {
    const char *ini;
    const char *env;
    const char *problem;
};

static void what_cannot_be_is_named(void **state)
{
    static const struct stream_case cases[] = {
        {"[stream.A]\n", NULL,
         "stream.A.subjects: a stream needs subjects, or a mirror or sources (try subjects = orders.>)"},
        {"[stream.A]\nsubjects = a\nmirror = B\n", NULL,
         "t.ini:3: mirror: a mirror has no subjects of its own (t.ini:2: subjects); remove one of them"},
        {"[stream.A]\nsources = C\nmirror = B\n", NULL,
         "t.ini:3: mirror: a mirror has no sources (t.ini:2: sources); remove one of them"},
        {"[stream.A]\nmirror = A\n", NULL,
         "t.ini:2: mirror: \"A\" cannot copy itself (STREAM@DOMAIN is one of another domain)"},
        {"[stream.A]\nsubjects = a\nmax_age = 1m\nduplicate_window = 2m\n", NULL,
         "t.ini:4: duplicate_window: longer than max_age (t.ini:3: max_age), which the server refuses"},
        {"[stream.A]\nmirror = B\nduplicate_window = 2m\n", NULL,
         "t.ini:3: duplicate_window: a mirror has no duplicate window (t.ini:2: mirror); remove it"},
        {"[stream.A]\nsubjects = a.*\n[stream.B]\nsubjects = b a.b\n", NULL,
         "t.ini:4: subjects: \"a.b\" overlaps \"a.*\" of stream A, which the server refuses"},
        {"[stream.A]\nsubjects = a\nreplicsa = 3\n", NULL,
         "t.ini:3: unknown key \"replicsa\" in [stream.A] (did you mean \"replicas\"?)"},
        {"[stream.A]\nsubjects = a\nstorage = disk\n", NULL, "t.ini:3: storage: \"disk\" is not one of file, memory"},
        {"[stream.A]\nmirror = B@\n", NULL, "t.ini:2: mirror: \"\" is not a domain name (no spaces, no . * > / \\)"},
        {"[stream.A.B]\nsubjects = a\n", NULL,
         "t.ini:1: [stream.A.B]: \"A.B\" is not a stream name (no spaces, no . * > / \\)"},
        {"[consumer.A/b]\nfilter_subjects = a.> a.b\n", NULL,
         "t.ini:2: filter_subjects: \"a.>\" and \"a.b\" overlap, which the server refuses; keep the wider one"},
        {"[provision.a]\n", NULL, "t.ini:1: [provision] takes no name"},
        {"[consumer.billing]\n", NULL,
         "t.ini:1: [consumer.billing]: \"billing\" is not STREAM/NAME (try ORDERS/billing)"},
        {"[consumr.A/b]\n", NULL, "t.ini:1: unknown section [consumr.A/b] (did you mean [consumer.STREAM/NAME]?)"},
        {NULL, "SEAMQ_STREAMS=DEFAULT", "SEAMQ_STREAMS: DEFAULT is the section of defaults and cannot be a name here"},
        {NULL, "SEAMQ_STREAMS=a.b", "SEAMQ_STREAMS: \"a.b\" is not a stream name (no spaces, no . * > / \\)"},
        {"[stream.A]\nsubjects = a\n", "SEAMQ_STREAM_A_REPLICSA=1",
         "SEAMQ_STREAM_A_REPLICSA: unknown variable (did you mean SEAMQ_STREAM_A_REPLICAS?)"},
        {"[stream.ORDERS]\nsubjects = a\n", "SEAMQ_STREAM_ORDRES_REPLICAS=1",
         "SEAMQ_STREAM_ORDRES_REPLICAS: unknown variable (did you mean SEAMQ_STREAM_ORDERS_REPLICAS?)"},
        {NULL, "SEAMQ_STREAM_SOMETHING_ELSE=1",
         "SEAMQ_STREAM_SOMETHING_ELSE: unknown variable (the form is SEAMQ_STREAM_NAME_KEY, with a NAME of "
         "SEAMQ_STREAMS)"},
        {NULL, "SEAMQ_PROVISION_TIMOUT=1s",
         "SEAMQ_PROVISION_TIMOUT: unknown variable (did you mean SEAMQ_PROVISION_TIMEOUT?)"},
        {"[stream.a-b]\nsubjects = a\n[stream.a_b]\nsubjects = b\n", "SEAMQ_STREAM_A_B_REPLICAS=1",
         "SEAMQ_STREAM_A_B_REPLICAS: it could belong to a-b and a_b; set the keys in a file"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct provision_config p;
        struct config *c = make_provision(&p, cases[i].ini, cases[i].env ? ENV(cases[i].env) : NULL, NULL);
        expect_problem(c, cases[i].problem);
        free_provision(&p, c);
    }
}

/* A daemon must not fail on sections that another program reads. */
static void seamqd_leaves_streams_alone(void **state)
{
    struct config *c = make_config("[stream.${X}]\nmax_age = never\nsubjects = a\n  b\nno_such_key = 1\n"
                                   "[consumer.A/b]\nack_wait = ${Y}\n[provision]\ntimeout = soon\n",
                                   ENV("SEAMQ_STREAMS=a.b", "SEAMQ_STREAM_X=1"), ENV("stream.A.replicas=many"));
    (void)state;
    expect_no_problems(c);
    config_destroy(c);
}

/* Verbs other than plan and apply read the same file: names and keys are checked, values and ${NAME} are not. */
static void other_verbs_check_names_and_keys_only(void **state)
{
    struct provision_config p;
    struct config *c = NULL;
    (void)state;
    assert_int_equal(config_create(&c), 0);
    provision_config_register(&p, c);
    load_config(c, "[stream.${X}]\nmax_age = never\nreplicsa = 1\n", ENV("SEAMQ_STREAMS=a.b"), NULL);
    expect_problem(c, "t.ini:3: unknown key \"replicsa\" in [stream.${X}] (did you mean \"replicas\"?)");
    assert_int_equal(p.n_streams, 0);
    free_provision(&p, c);
}

static const char *const section_names[] = {"provision", "stream.a-b", "consumer.A/b-c"};

static void every_default_is_a_right_value(void **state)
{
    (void)state;
    for (size_t i = 0; provision_sections[i]; i++) {
        for (const struct opt *o = provision_sections[i]->options; o->key; o++) {
            struct provision_config p;
            char ini[512];
            if (!*o->preset)
                continue;
            snprintf(ini, sizeof(ini), "[stream.DEFAULT]\nsubjects = a\n[%s]\n%s = %s\n", section_names[i], o->key,
                     o->preset);
            struct config *c = make_provision(&p, ini, NULL, NULL);
            expect_no_problems(c);
            free_provision(&p, c);
        }
    }
}

static void every_key_has_its_variable_and_its_flag(void **state)
{
    static const char *const prefixes[] = {"SEAMQ_PROVISION_", "SEAMQ_STREAM_A_B_", "SEAMQ_CONSUMER_A_B_C_"};
    (void)state;
    for (size_t i = 0; provision_sections[i]; i++) {
        for (const struct opt *o = provision_sections[i]->options; o->key; o++) {
            struct provision_config p;
            char env[256];
            char flag[256];
            const char *value = *o->preset ? o->preset : "x";
            int n = snprintf(env, sizeof(env), "%s%s", prefixes[i], o->key);
            for (char *s = env; *s; s++)
                *s = (char)toupper((unsigned char)*s);
            snprintf(env + n, sizeof(env) - (size_t)n, "=%s", value);
            snprintf(flag, sizeof(flag), "%s.%s=%s", section_names[i], o->key, value);

            struct config *c = make_provision(&p, NULL, ENV(env, "SEAMQ_STREAMS=a-b", "SEAMQ_CONSUMERS=A/b-c"), NULL);
            env[n] = '\0';
            assert_string_equal(config_origin(c, section_names[i], o->key), env);
            free_provision(&p, c);

            c = make_provision(&p, NULL, NULL, ENV(flag));
            assert_string_equal(config_origin(c, section_names[i], o->key), "command line");
            free_provision(&p, c);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_says_everything),
        cmocka_unit_test(the_environment_alone_says_everything),
        cmocka_unit_test(defaults_are_the_handlers),
        cmocka_unit_test(flag_beats_env_beats_file_beats_the_common_defaults),
        cmocka_unit_test(variables_in_a_file_are_replaced),
        cmocka_unit_test(what_cannot_be_is_named),
        cmocka_unit_test(seamqd_leaves_streams_alone),
        cmocka_unit_test(other_verbs_check_names_and_keys_only),
        cmocka_unit_test(every_default_is_a_right_value),
        cmocka_unit_test(every_key_has_its_variable_and_its_flag),
    };
    return cmocka_run_group_tests(tests, enter_temporary, leave_temporary);
}
