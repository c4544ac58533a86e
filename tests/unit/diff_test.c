/* SPDX-License-Identifier: Apache-2.0
 * diff_test - what is wanted against what a server has: changes, refusals, and what survives an update. */
#include "provision_helper.h"

#include "base/clock.h"
#include "cli/stream/diff.h"

#include <errno.h>

#define NOW_NS (INT64_C(1700000000) * NS_PER_SEC) /* 2023-11-14T22:13:20Z */

/* A stream as 2.15 shows it, with fields that we do not know. */
#define PLAIN                                                                                  \
    "'name':'A','subjects':['a.>','b'],'retention':'limits','max_consumers':-1,'max_msgs':-1," \
    "'max_bytes':-1,'max_age':0,'max_msgs_per_subject':-1,'max_msg_size':-1,'discard':'old',"  \
    "'storage':'file','num_replicas':3,'duplicate_window':120000000000,'allow_direct':true,"   \
    "'consumer_limits':{},'metadata':{'_nats.level':'1','team':'x'}"
#define EMPTY "'messages':0,'bytes':0,'first_ts':'0001-01-01T00:00:00Z'"
#define FULL "'messages':10,'bytes':5000,'first_ts':'2023-11-14T21:13:20Z'"

static const char plain_ini[] = "[stream.A]\nsubjects = b a.>\nreplicas = 3\n";

/* JSON with ' for ". */
static json_t *parse(const char *text)
{
    char *copy = strdup(text);
    for (char *s = copy; *s; s++)
        if (*s == '\'')
            *s = '"';
    json_error_t e;
    json_t *json = json_loads(copy, 0, &e);
    if (!json)
        fail_msg("%s: %s", e.text, copy);
    free(copy);
    return json;
}

static json_t *info_of(const char *config, const char *state)
{
    char text[2048];
    snprintf(text, sizeof(text), "{'config':{%s},'state':{%s}}", config, state);
    return parse(text);
}

/* Compares and returns the document of the update. `changes`: "field: from -> to; ..."; `problems`: refused changes. */
static json_t *compare(const char *ini, json_t *info, char *changes, char *problems)
{
    struct provision_config p;
    struct config *c = make_provision(&p, ini, NULL, NULL);
    struct diff d;
    expect_no_problems(c);
    json_t *wanted = p.n_streams ? diff_wanted_stream(&p.streams[0], "here") : consumer_config_write(&p.consumers[0]);
    assert_int_equal(p.n_streams ? diff_stream(&d, wanted, info, "here", NOW_NS) : diff_consumer(&d, wanted, info), 0);

    *changes = '\0';
    for (size_t i = 0; i < json_array_size(d.changes); i++) {
        json_t *ch = json_array_get(d.changes, i);
        sprintf(changes + strlen(changes), "%s%s: %s -> %s", i ? "; " : "",
                json_string_value(json_object_get(ch, "field")), json_string_value(json_object_get(ch, "from")),
                json_string_value(json_object_get(ch, "to")));
    }
    sprintf(problems, "%s", buf_str(&d.problems));
    json_t *update = json_incref(d.update);
    diff_finish(&d);
    json_decref(wanted);
    json_decref(info);
    free_provision(&p, c);
    return update;
}

static void expect(const char *ini, json_t *info, const char *changes, const char *problems)
{
    char got_changes[2048];
    char got_problems[2048];
    json_decref(compare(ini, info, got_changes, got_problems));
    assert_string_equal(got_changes, changes);
    assert_string_equal(got_problems, problems);
}

static void the_same_is_unchanged_however_defaults_are_written(void **state)
{
    (void)state;
    expect(plain_ini, info_of(PLAIN, FULL), "", "");
    expect(plain_ini,
           info_of("'name':'A','subjects':['a.>','b'],'num_replicas':3,'duplicate_window':120000000000", FULL), "", "");
    expect("[stream.A]\nmirror = B@there\n",
           info_of("'mirror':{'name':'B','external':{'api':'$JS.there.API','deliver':''}},'num_replicas':1", EMPTY), "",
           "");
    expect("[stream.A]\nmirror = B@here\n", info_of("'mirror':{'name':'B'}", EMPTY), "", "");
    expect("[stream.A]\nmirror = B\n", info_of("'mirror':{'name':'B','external':{'api':'$JS.here.API'}}", EMPTY), "",
           "");
    expect("[stream.A]\nsources = C B@there\n",
           info_of("'sources':[{'name':'B','external':{'api':'$JS.there.API'}},{'name':'C'}],"
                   "'duplicate_window':120000000000",
                   EMPTY),
           "", "");
}

static void an_update_changes_only_what_differs(void **state)
{
    char changes[2048];
    char problems[2048];
    (void)state;
    json_t *update = compare("[stream.A]\nsubjects = b a.> c\nreplicas = 3\nmax_age = 2h\nmax_bytes = 1M\n"
                             "placement_tags = ssd\n",
                             info_of(PLAIN, FULL), changes, problems);
    assert_string_equal(changes, "subjects: a.> b -> a.> b c; max_age: none -> 2h; max_bytes: none -> 1M; "
                                 "placement_tags: none -> ssd");
    assert_string_equal(problems, "");
    json_t *expected = parse("{" PLAIN ",'placement':{'tags':['ssd']}}");
    json_object_set_new(expected, "subjects", parse("['b','a.>','c']"));
    json_object_set_new(expected, "max_age", json_integer(INT64_C(7200) * NS_PER_SEC));
    json_object_set_new(expected, "max_bytes", json_integer(1 << 20));
    assert_true(json_equal(update, expected));
    json_decref(update);
    json_decref(expected);
}

static void what_is_no_longer_wanted_goes_and_nothing_else(void **state)
{
    char changes[2048];
    char problems[2048];
    (void)state;
    json_t *update = compare("[stream.A]\nsources = C\n",
                             info_of("'sources':[{'name':'B'},{'name':'C','filter_subject':'c.x'}],"
                                     "'duplicate_window':120000000000,'placement':{'cluster':'x','new':1}",
                                     FULL),
                             changes, problems);
    assert_string_equal(changes, "sources: B C -> C; placement_cluster: x -> any");
    json_t *expected = parse("{'sources':[{'name':'C','filter_subject':'c.x'}],'duplicate_window':120000000000,"
                             "'placement':{'new':1}}");
    assert_true(json_equal(update, expected));
    json_decref(update);
    json_decref(expected);
}

static void what_would_lose_data_is_refused(void **state)
{
    (void)state;
    expect(
        "[stream.A]\nsubjects = a.> b\nreplicas = 3\nmax_bytes = 4k\n", info_of(PLAIN, FULL), "max_bytes: none -> 4k",
        "max_bytes is none on the server, and 4k is wanted: 5000 are stored, and the oldest messages would go (purge "
        "what is not needed first, or keep more)");
    expect("[stream.A]\nsubjects = a.> b\nreplicas = 3\nmax_bytes = 5000\nmax_msgs = 10\nmax_age = 1h\n",
           info_of(PLAIN, FULL), "max_age: none -> 1h; max_bytes: none -> 5000; max_msgs: none -> 10", "");
    expect("[stream.A]\nsubjects = a.> b\nreplicas = 3\nmax_msgs = 9\n", info_of(PLAIN, FULL), "max_msgs: none -> 9",
           "max_msgs is none on the server, and 9 is wanted: 10 are stored, and the oldest would go (purge what is not "
           "needed first, or keep more)");
    expect("[stream.A]\nsubjects = a.> b\nreplicas = 3\nmax_age = 59m\n", info_of(PLAIN, FULL), "max_age: none -> 59m",
           "max_age is none on the server, and 59m is wanted: the oldest message is 1h old and would go (purge what is "
           "not needed first, or keep more)");
    expect("[stream.A]\nsubjects = a.> b\nreplicas = 3\nmax_age = 59m\nmax_bytes = 1\nmax_msgs = 1\n",
           info_of(PLAIN, EMPTY), "max_age: none -> 59m; max_bytes: none -> 1; max_msgs: none -> 1", "");
    expect("[stream.A]\nsubjects = a.> b\nreplicas = 3\nretention = interest\n", info_of(PLAIN, FULL),
           "retention: limits -> interest",
           "retention is limits on the server, and interest is wanted: of 10 messages those that no consumer waits for "
           "would go (purge the stream first, or set retention = limits)");
    expect("[stream.A]\nsubjects = a.> b\nreplicas = 3\nretention = interest\n", info_of(PLAIN, EMPTY),
           "retention: limits -> interest", "");
}

static void subjects_that_hold_messages_are_not_taken_away(void **state)
{
    (void)state;
    expect("[stream.A]\nsubjects = a.>\nreplicas = 3\n", info_of(PLAIN, FULL ",'subjects':{'b':4}"),
           "subjects: a.> b -> a.>",
           "subjects is a.> b on the server, and a.> is wanted: b holds 4 messages that would belong to no subject "
           "(purge them first, or keep the subject)");
    expect("[stream.A]\nsubjects = a.> b.>\nreplicas = 3\n", info_of(PLAIN, EMPTY), "subjects: a.> b -> a.> b.>", "");
    expect("[stream.A]\nsubjects = a.* b\nreplicas = 3\n", info_of(PLAIN, FULL ",'subjects':{'a.x':4}"),
           "subjects: a.> b -> a.* b", "");
    json_t *wanted = parse("{'subjects':['a.*','b']}");
    json_t *info = info_of(PLAIN, FULL);
    json_t *removed = diff_removed_subjects(wanted, info);
    json_t *expected = parse("['a.>']");
    assert_true(json_equal(removed, expected));
    json_decref(removed);
    json_decref(expected);
    json_decref(wanted);
    json_decref(info);
}

static void what_cannot_change_is_refused_all_at_once(void **state)
{
    (void)state;
    expect("[stream.A]\nsubjects = a.> b\nreplicas = 3\nstorage = memory\nretention = workqueue\n",
           info_of(PLAIN, EMPTY), "storage: file -> memory; retention: limits -> workqueue",
           "storage is file on the server, and memory is wanted: it cannot be changed (set storage = file, or make "
           "another stream); retention is limits on the server, and workqueue is wanted: it cannot be changed (set "
           "retention = limits, or make another stream)");
    expect("[stream.A]\nmirror = B@there\n", info_of("'mirror':{'name':'B'}", EMPTY), "mirror: B -> B@there",
           "mirror is B on the server, and B@there is wanted: it cannot be changed (set mirror = B, or make another "
           "stream)");
}

static void fewer_copies_need_to_be_asked_for(void **state)
{
    (void)state;
    expect("[stream.A]\nsubjects = a.> b\n", info_of(PLAIN, FULL), "replicas: 3 -> 1",
           "replicas is 3 on the server, and 1 is wanted: fewer copies only where replicas is set (set replicas = 3 or "
           "1)");
    expect("[stream.A]\nsubjects = a.> b\nreplicas = 1\n", info_of(PLAIN, FULL), "replicas: 3 -> 1", "");
}

#define CONSUMER                                                                                           \
    "'durable_name':'c','name':'c','deliver_policy':'all','ack_policy':'explicit','ack_wait':30000000000," \
    "'max_deliver':-1,'max_ack_pending':5000,'replay_policy':'instant','num_replicas':0,'max_waiting':512"

static void consumers_are_compared_as_the_daemon_binds_them(void **state)
{
    char changes[2048];
    char problems[2048];
    (void)state;
    expect("[consumer.A/c]\n", info_of(CONSUMER, ""), "", "");
    expect("[consumer.A/c]\nfilter_subjects = x y\n", info_of(CONSUMER ",'filter_subjects':['y','x']", ""), "", "");
    expect("[consumer.A/c]\ndeliver_policy = by_start_time=2023-11-14T23:13:20+01:00\n",
           info_of("'deliver_policy':'by_start_time','opt_start_time':'2023-11-14T22:13:20Z','ack_policy':'explicit',"
                   "'ack_wait':30000000000,'max_ack_pending':5000",
                   ""),
           "", "");
    json_t *update = compare("[consumer.A/c]\nfilter_subjects = x\nack_wait = 1m\n",
                             info_of(CONSUMER ",'filter_subjects':['x','y']", ""), changes, problems);
    assert_string_equal(changes, "filter_subjects: x y -> x; ack_wait: 30s -> 1m");
    assert_string_equal(problems, "");
    assert_null(json_object_get(update, "filter_subjects"));
    assert_string_equal(json_string_value(json_object_get(update, "filter_subject")), "x");
    assert_int_equal(json_integer_value(json_object_get(update, "max_waiting")), 512);
    json_decref(update);
    expect("[consumer.A/c]\ndeliver_policy = new\n", info_of(CONSUMER, ""), "", ""); /* only for a new one */
    expect(
        "[consumer.A/c]\n", info_of(CONSUMER ",'deliver_subject':'d'", ""), "deliver_subject: d -> none",
        "deliver_subject is d on the server, and none is wanted: it is a push consumer, and SeaMQ pulls (make another "
        "consumer)");
    expect(
        "[consumer.A/c]\nack = cumulative\n", info_of(CONSUMER, ""), "ack policy: explicit -> all",
        "ack policy is explicit on the server, and all is wanted: it cannot be changed (make another consumer; `ack` "
        "of the configuration is each for explicit, cumulative for all)");
}

static void invalid_documents_of_a_server_are_compared(void **state)
{
    static const struct {
        const char *info;
        int rc; /* of both comparisons */
    } rows[] = {
        {"{}", -ENOMEM}, /* no configuration to copy */
        {"{'config':5,'state':[]}", -ENOMEM},
        {"{'config':{'subjects':5,'sources':[5,{}],'mirror':7,'placement':'x'}}", 0},
        {"{'config':{'max_age':'x','num_replicas':-5,'storage':5,'subjects':[1,null]},'state':{'messages':'x'}}", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct provision_config p;
        struct config *c =
            make_provision(&p, "[stream.A]\nsubjects = a\nplacement_tags = t\n[consumer.A/c]\n", NULL, NULL);
        json_t *info = parse(rows[i].info);
        json_t *stream = diff_wanted_stream(&p.streams[0], NULL);
        json_t *consumer = consumer_config_write(&p.consumers[0]);
        struct diff d = {0};
        assert_int_equal(diff_stream(&d, stream, info, NULL, NOW_NS), rows[i].rc);
        if (rows[i].rc == 0)
            diff_finish(&d);
        assert_int_equal(diff_consumer(&d, consumer, info), rows[i].rc);
        if (rows[i].rc == 0)
            diff_finish(&d);
        json_decref(diff_removed_subjects(stream, info));
        json_decref(stream);
        json_decref(consumer);
        json_decref(info);
        free_provision(&p, c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_is_unchanged_however_defaults_are_written),
        cmocka_unit_test(an_update_changes_only_what_differs),
        cmocka_unit_test(what_is_no_longer_wanted_goes_and_nothing_else),
        cmocka_unit_test(what_would_lose_data_is_refused),
        cmocka_unit_test(subjects_that_hold_messages_are_not_taken_away),
        cmocka_unit_test(what_cannot_change_is_refused_all_at_once),
        cmocka_unit_test(fewer_copies_need_to_be_asked_for),
        cmocka_unit_test(consumers_are_compared_as_the_daemon_binds_them),
        cmocka_unit_test(invalid_documents_of_a_server_are_compared),
    };
    return cmocka_run_group_tests(tests, enter_temporary, leave_temporary);
}
