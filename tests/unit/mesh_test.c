/* SPDX-License-Identifier: Apache-2.0
 * mesh_test - what is said of a mesh: recorded documents of three server versions hold, and each thing that can be
 * wrong is named. */
#include "cli/mesh/judge.h"
#include "cli/mesh/show.h"

#include "base/clock.h"
#include "base/value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const versions[] = {"2.9.10", "2.10.27", "2.15.1"};

/* ---- a mesh from recorded documents ----------------------------------------------------------- */

static void add_cluster(struct mesh *m, const char *cluster, json_t *docs)
{
    json_t *doc;
    size_t i;

    json_array_append_new(m->clusters, json_pack("{s:s, s:s, s:s, s:s, s:i}", "cluster", cluster, "name", cluster,
                                                 "domain", cluster, "configured_domain", cluster, "rtt", 100000));
    json_array_foreach(json_object_get(docs, "varz"), i, doc)
    {
        /* As if it came the moment it was written. */
        int64_t now_ns = value_time_ns(row_text(json_object_get(doc, "data"), "now"));
        assert_true(now_ns > 0);
        mesh_add_server(m, cluster, doc, json_array_get(json_object_get(docs, "gatewayz"), i), now_ns);
    }
    json_object_set(rows_find(m->clusters, "cluster", cluster), "account",
                    json_object_get(rows_find(m->servers, "cluster", cluster), "account"));
    json_array_foreach(json_object_get(docs, "streams"), i, doc) mesh_add_stream(m, cluster, cluster, doc);
    json_array_foreach(json_object_get(docs, "consumers"), i, doc) mesh_add_consumer(m, cluster, cluster, doc);
}

static void add_paths(struct mesh *m)
{
    static const char *const names[] = {"sea-a", "sea-b"};
    for (int via = 0; via < 2; via++)
        for (int to = 0; to < 2; to++)
            json_array_append_new(m->paths, json_pack("{s:s, s:s, s:s, s:i}", "cluster", names[via], "domain",
                                                      names[to], "owner", names[to], "rtt", 200000));
}

static void load(struct mesh *m, const char *version)
{
    char path[512];
    json_error_t e;

    snprintf(path, sizeof(path), MESH_DOCUMENTS "/%s.json", version);
    json_t *docs = json_load_file(path, 0, &e);
    if (!docs)
        fail_msg("%s: %s", path, e.text);
    assert_int_equal(mesh_init(m), 0);
    add_cluster(m, "sea-a", json_object_get(docs, "sea-a"));
    add_cluster(m, "sea-b", json_object_get(docs, "sea-b"));
    add_paths(m);
    json_decref(docs);
}

/* The recorded mesh has one mirror of a domain that is not there. */
static void drop_lost(struct mesh *m)
{
    for (size_t i = 0; i < json_array_size(m->streams); i++)
        if (strcmp(row_text(json_array_get(m->streams, i), "stream"), "SEA_B_LOST") == 0)
            json_array_remove(m->streams, i--);
}

static void dump(json_t *findings)
{
    findings_show(stderr, findings);
}

static void recorded_meshes_hold(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct mesh m;
        json_t *findings = json_array();
        load(&m, versions[i]);
        drop_lost(&m);
        assert_int_equal(json_array_size(m.servers), 6);
        assert_int_equal(json_array_size(m.streams), 3);
        assert_int_equal(json_array_size(m.consumers), 1);
        assert_int_equal(row_number(json_array_get(m.consumers, 0), "pending"), 5);
        assert_false(mesh_needs_second_look(&m));
        mesh_judge(&m, &m, 3, findings);
        if (json_array_size(findings)) {
            dump(findings);
            fail_msg("nats-server %s: findings on a mesh that is right", versions[i]);
        }
        json_decref(findings);
        mesh_finish(&m);
    }
}

static void a_mirror_without_contact_is_found_by_a_second_look(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct mesh m;
        json_t *findings = json_array();
        load(&m, versions[i]);
        assert_true(mesh_needs_second_look(&m));
        mesh_judge(&m, NULL, 3, findings);
        assert_int_equal(json_array_size(findings), 0);
        mesh_judge(&m, &m, 3, findings);
        assert_int_equal(json_array_size(findings), 1);
        assert_string_equal(row_text(json_array_get(findings, 0), "what"),
                            "mirror of sea-x/SEA_A_ORDERS: no contact, never yet (active -1)");
        json_decref(findings);
        mesh_finish(&m);
    }
}

/* ---- one thing wrong at a time ------------------------------------------------------------------ */

static json_t *server(struct mesh *m, const char *name)
{
    return rows_find(m->servers, "server", name);
}

static json_t *cluster(struct mesh *m, const char *name)
{
    return rows_find(m->clusters, "cluster", name);
}

static json_t *stream(struct mesh *m, const char *name)
{
    return rows_find(m->streams, "stream", name);
}

static void set_text(json_t *row, const char *key, const char *value)
{
    assert_non_null(row);
    json_object_set_new(row, key, json_string(value));
}

static void set_number(json_t *row, const char *key, int64_t value)
{
    assert_non_null(row);
    json_object_set_new(row, key, json_integer(value));
}

static void remove_server(struct mesh *m, const char *name)
{
    for (size_t i = 0; i < json_array_size(m->servers); i++)
        if (strcmp(row_text(json_array_get(m->servers, i), "server"), name) == 0)
            json_array_remove(m->servers, i);
}

/* The server of sea-a that leads its meta group; `other`: the first that does not. */
static json_t *leader(struct mesh *m, bool other)
{
    json_t *s;
    size_t i;
    json_array_foreach(m->servers, i, s)
    {
        if (strcmp(row_text(s, "cluster"), "sea-a") == 0 && row_has(s, "followers") != other)
            return s;
    }
    fail_msg("there is no such server");
    return NULL;
}

static void no_connection(struct mesh *m)
{
    set_text(cluster(m, "sea-b"), "error", "no server answers at b:4222");
}

static void no_login(struct mesh *m)
{
    set_text(cluster(m, "sea-b"), "system_error", "no login");
}

static void no_streams(struct mesh *m)
{
    set_text(cluster(m, "sea-a"), "streams_error", "may not");
}

static void shared_account(struct mesh *m)
{
    set_text(cluster(m, "sea-b"), "account", "SYS_SEA_A");
}

static void strangers(struct mesh *m)
{
    json_object_set_new(cluster(m, "sea-a"), "strangers", json_pack("[s]", "sea-b-1"));
}

static void absent_follower(struct mesh *m)
{
    char name[64];
    snprintf(name, sizeof(name), "%s", row_text(leader(m, true), "server"));
    remove_server(m, name);
}

static void absent_leader(struct mesh *m)
{
    char name[64];
    snprintf(name, sizeof(name), "%s", row_text(leader(m, false), "server"));
    remove_server(m, name);
}

static void one_more(struct mesh *m)
{
    json_t *copy = json_deep_copy(leader(m, true));
    set_text(copy, "server", "sea-a-4");
    json_array_append_new(m->servers, copy);
}

static void no_jetstream(struct mesh *m)
{
    json_object_set_new(server(m, "sea-b-2"), "jetstream", json_false());
}

static void no_leader(struct mesh *m)
{
    json_object_del(leader(m, true), "meta_leader");
}

static void leader_elsewhere(struct mesh *m)
{
    set_text(leader(m, true), "meta_leader", "sea-b-1");
}

static void size_of_six(struct mesh *m)
{
    json_t *s;
    size_t i;
    json_array_foreach(m->servers, i, s) set_number(s, "meta_size", 6);
}

static void follower_behind(struct mesh *m)
{
    json_t *f = json_array_get(json_object_get(leader(m, false), "followers"), 0);
    json_object_set_new(f, "current", json_false());
}

static void no_gateway(struct mesh *m)
{
    json_object_set_new(server(m, "sea-a-3"), "gateways", json_array());
}

static void old_version(struct mesh *m)
{
    set_text(server(m, "sea-a-3"), "version", "2.9.9");
}

static void clock_ahead(struct mesh *m)
{
    set_number(server(m, "sea-a-3"), "clock", row_number(server(m, "sea-a-3"), "clock") + 100 * NS_PER_SEC);
}

static void domain_of_a_server(struct mesh *m)
{
    set_text(server(m, "sea-a-3"), "domain", "sea-z");
}

static void same_domain(struct mesh *m)
{
    set_text(cluster(m, "sea-b"), "domain", "sea-a");
}

static void other_domain(struct mesh *m)
{
    set_text(cluster(m, "sea-b"), "configured_domain", "sea-z");
}

static void no_domain(struct mesh *m)
{
    json_object_del(cluster(m, "sea-b"), "domain");
}

static void no_api(struct mesh *m)
{
    set_text(cluster(m, "sea-b"), "jetstream_error", "no answer in 2 s");
}

static void no_bridge(struct mesh *m)
{
    json_t *path = json_array_get(m->paths, 1);
    set_text(path, "error", "nobody answers (503)");
}

static void wrong_cluster(struct mesh *m)
{
    set_text(stream(m, "SEA_A_ORDERS"), "placed", "sea-b");
}

static void wrong_leader(struct mesh *m)
{
    set_text(stream(m, "SEA_A_ORDERS"), "leader", "sea-b-2");
}

static void leaderless_stream(struct mesh *m)
{
    mesh_add_leaderless(m, "sea-a", "sea-a", "LOST");
}

static void replica_behind(struct mesh *m)
{
    set_number(stream(m, "SEA_A_ORDERS"), "current", 2);
    json_object_set_new(stream(m, "SEA_A_ORDERS"), "behind", json_pack("[s]", "sea-a-3"));
}

static void silent_consumers(struct mesh *m)
{
    json_object_set_new(stream(m, "SEA_A_ORDERS"), "consumers_silent", json_true());
}

static void leaderless_consumer(struct mesh *m)
{
    json_object_set_new(json_array_get(m->consumers, 0), "leaderless", json_true());
}

static void same_name(struct mesh *m)
{
    set_text(stream(m, "SEA_B_ORDERS"), "stream", "SEA_A_ORDERS");
}

static void same_subject(struct mesh *m)
{
    json_object_set_new(stream(m, "SEA_B_ORDERS"), "subjects", json_pack("[s, s]", "x", "a.*.new"));
}

static const struct {
    void (*spoil)(struct mesh *m);
    const char *check;
    const char *severity;
    const char *on; /* the first; NULL: any */
    const char *what;
} cases[] = {
    {no_connection, "reachable", "wrong", "sea-b", "no connection: no server answers at b:4222"},
    {no_login, "system-login", "wrong", "sea-b", "its servers, meta group and gateways cannot be checked: no login"},
    {no_streams, "streams", "wrong", "sea-a", "its streams cannot be listed: may not"},
    {shared_account, "system-account", "wrong", "sea-a",
     "the clusters share the system account SYS_SEA_A, and with it one meta group"},
    {strangers, "system-account", "wrong", "sea-a",
     "sea-b-1 of another cluster answers in its system account SYS_SEA_A"},
    {absent_follower, "server-absent", "wrong", NULL, "does not answer, and belongs to the meta group of sea-a"},
    {absent_leader, "server-absent", "wrong", "sea-a", "2 of 3 servers answer"},
    {one_more, "server-count", "wrong", "sea-a", "4 servers answer, expected were 3"},
    {no_jetstream, "jetstream", "wrong", "sea-b-2", "JetStream is not enabled"},
    {no_leader, "meta-leader", "wrong", NULL, "JetStream has no meta leader"},
    {leader_elsewhere, "meta-leader", "wrong", NULL, "its meta leader sea-b-1 is a server of another cluster"},
    {size_of_six, "meta-size", "wrong", "sea-a-1", "the meta group has 6 members, not 3"},
    {follower_behind, "meta-current", "wrong", NULL, "its meta group is not current, as the leader "},
    {no_gateway, "gateway", "wrong", "sea-a-3", "no outbound gateway to sea-b"},
    {old_version, "version", "note", "sea-a-3", "runs nats-server 2.9.9, others do not"},
    {clock_ahead, "clock", "note", "sea-a-3", " s ahead of "},
    {domain_of_a_server, "domain", "wrong", "sea-a-3", "its domain is sea-z, its cluster's is sea-a"},
    {same_domain, "domain", "wrong", "sea-a", "the clusters have the same domain sea-a"},
    {other_domain, "domain", "wrong", "sea-b", "domain is sea-z in the configuration, sea-b on its servers"},
    {no_domain, "domain", "wrong", "sea-b", "its servers have no JetStream domain"},
    {no_api, "jetstream", "wrong", "sea-b", "$JS.API.INFO from its servers: no answer in 2 s"},
    {no_bridge, "bridge", "wrong", "sea-a", "$JS.sea-b.API.INFO from its servers: nobody answers (503)"},
    {wrong_cluster, "stream-cluster", "wrong", "sea-a/SEA_A_ORDERS", "lies on the servers of sea-b"},
    {wrong_leader, "stream-cluster", "wrong", "sea-a/SEA_A_ORDERS", "its leader sea-b-2 is a server of sea-b"},
    {leaderless_stream, "stream-leader", "wrong", "sea-a/LOST", "has no leader: it takes and gives nothing"},
    {replica_behind, "stream-replicas", "wrong", "sea-a/SEA_A_ORDERS", "2 of 3 replicas are current, not on sea-a-3"},
    {leaderless_consumer, "consumer-leader", "wrong", "sea-a/SEA_A_ORDERS/billing",
     "has no leader: it delivers nothing"},
    {silent_consumers, "consumer-leader", "wrong", "sea-a/SEA_A_ORDERS", "its consumers cannot be listed"},
    {same_name, "stream-name", "wrong", "sea-a/SEA_A_ORDERS",
     "domains sea-a and sea-b have a stream SEA_A_ORDERS each"},
    {same_subject, "subject", "wrong", "sea-a/SEA_A_ORDERS", "a.orders.> and a.*.new overlap in two domains"},
};

static bool says(json_t *findings, size_t i)
{
    json_t *f;
    size_t k;
    json_array_foreach(findings, k, f)
    {
        if (strcmp(row_text(f, "check"), cases[i].check) == 0 &&
            strcmp(row_text(f, "severity"), cases[i].severity) == 0 && strstr(row_text(f, "what"), cases[i].what) &&
            *row_text(f, "remedy") &&
            (!cases[i].on || strcmp(json_string_value(json_array_get(json_object_get(f, "on"), 0)), cases[i].on) == 0))
            return true;
    }
    return false;
}

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    for (size_t v = 0; v < 3; v++)
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            json_t *findings = json_array();
            struct mesh m;
            load(&m, versions[v]);
            drop_lost(&m);
            cases[i].spoil(&m);
            mesh_judge(&m, NULL, 3, findings);
            if (!says(findings, i)) {
                dump(findings);
                fail_msg("%s: not said: %s: %s", versions[v], cases[i].check, cases[i].what);
            }
            json_decref(findings);
            mesh_finish(&m);
        }
}

/* ---- findings ------------------------------------------------------------------------------------ */

static void the_same_thing_on_many_is_one_finding(void **state)
{
    json_t *findings = json_array();
    struct mesh m;
    (void)state;

    load(&m, versions[0]);
    drop_lost(&m);
    size_of_six(&m);
    mesh_judge(&m, NULL, 3, findings);
    assert_int_equal(json_array_size(findings), 1);
    assert_int_equal(json_array_size(json_object_get(json_array_get(findings, 0), "on")), 6);
    assert_int_equal(findings_count(findings, WRONG), 1);
    assert_int_equal(findings_count(findings, NOTE), 0);
    json_decref(findings);
    mesh_finish(&m);
}

static void one_server_needs_no_meta_group(void **state)
{
    json_t *findings = json_array();
    struct mesh m;
    (void)state;

    assert_int_equal(mesh_init(&m), 0);
    json_array_append_new(m.clusters, json_pack("{s:s, s:s}", "cluster", "default", "account", "$SYS"));
    json_array_append_new(m.servers,
                          json_pack("{s:s, s:s, s:b}", "cluster", "default", "server", "one", "jetstream", true));
    mesh_judge(&m, NULL, 1, findings);
    assert_int_equal(json_array_size(findings), 0);
    mesh_judge(&m, NULL, 3, findings);
    assert_true(findings_count(findings, WRONG) > 0);
    json_decref(findings);
    mesh_finish(&m);
}

static void the_domain_of_a_down_cluster_is_no_missing_bridge(void **state)
{
    json_t *findings = json_array();
    struct mesh m;
    (void)state;

    load(&m, versions[0]);
    drop_lost(&m);
    no_connection(&m);
    no_bridge(&m);
    mesh_judge(&m, NULL, 3, findings);
    assert_null(rows_find(findings, "check", "bridge"));
    assert_non_null(rows_find(findings, "check", "reachable"));
    json_decref(findings);
    mesh_finish(&m);
}

/* ---- mirrors over time ---------------------------------------------------------------------------- */

/* What is said of SEA_B_COPY, whose origin has `then` and `now` messages, and it itself `had` and `has`. */
static json_t *progress(int64_t then, int64_t had, int64_t now, int64_t has)
{
    json_t *findings = json_array();
    struct mesh before;
    struct mesh m;

    load(&before, versions[2]);
    load(&m, versions[2]);
    drop_lost(&m);
    set_number(stream(&before, "SEA_A_ORDERS"), "last", then);
    set_number(stream(&before, "SEA_B_COPY"), "last", had);
    set_number(stream(&m, "SEA_A_ORDERS"), "last", now);
    set_number(stream(&m, "SEA_B_COPY"), "last", has);
    assert_int_equal(mesh_needs_second_look(&m), now > has);
    mesh_judge(&m, &before, 3, findings);
    mesh_finish(&before);
    mesh_finish(&m);
    return findings;
}

static void a_mirror_that_stands_still_is_wrong(void **state)
{
    (void)state;
    json_t *findings = progress(100, 40, 100, 40);
    assert_int_equal(findings_count(findings, WRONG), 1);
    assert_string_equal(row_text(json_array_get(findings, 0), "what"),
                        "mirror of sea-a/SEA_A_ORDERS: 60 messages behind, and nothing came in between two looks");
    json_decref(findings);
}

static void a_mirror_that_catches_up_is_right(void **state)
{
    (void)state;
    json_t *findings = progress(100, 40, 100, 90);
    assert_int_equal(json_array_size(findings), 0);
    json_decref(findings);
    findings = progress(100, 100, 200, 100); /* it was level a moment ago */
    assert_int_equal(json_array_size(findings), 0);
    json_decref(findings);
}

static void a_mirror_that_falls_back_is_to_note(void **state)
{
    (void)state;
    json_t *findings = progress(100, 40, 300, 50);
    assert_int_equal(findings_count(findings, WRONG), 0);
    assert_int_equal(findings_count(findings, NOTE), 1);
    assert_string_equal(row_text(json_array_get(findings, 0), "what"),
                        "mirror of sea-a/SEA_A_ORDERS: 250 messages behind, 190 more than a moment before");
    json_decref(findings);
}

/* ---- text ------------------------------------------------------------------------------------------ */

static void a_table_shows_what_is_there(void **state)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    struct mesh m;
    (void)state;

    load(&m, versions[2]);
    no_connection(&m);
    no_bridge(&m);
    assert_int_equal(mesh_show(out, &m), 0);
    fclose(out);
    assert_non_null(strstr(text, "no server answers at b:4222"));
    assert_non_null(strstr(text, "nobody answers (503)"));
    assert_non_null(strstr(text, "sea-a/SEA_A_ORDERS"));
    assert_non_null(strstr(text, "no contact"));
    assert_non_null(strstr(text, "billing"));
    assert_non_null(strstr(text, "itself"));
    free(text);
    mesh_finish(&m);
}

static void a_long_list_of_names_is_cut(void **state)
{
    json_t *findings = json_array();
    char *text = NULL;
    char name[8];
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    (void)state;

    for (int i = 1; i <= 9; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        finding_add(findings, WRONG, "x", name, "mend it", "is %s", "broken");
        finding_add(findings, WRONG, "x", name, "mend it", "is %s", "broken");
    }
    findings_show(out, findings);
    fclose(out);
    assert_string_equal(text, "wrong: n1, n2, n3, n4, n5, n6 and 3 more: is broken; mend it\n");
    free(text);
    json_decref(findings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded_meshes_hold),
        cmocka_unit_test(a_mirror_without_contact_is_found_by_a_second_look),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(the_same_thing_on_many_is_one_finding),
        cmocka_unit_test(one_server_needs_no_meta_group),
        cmocka_unit_test(the_domain_of_a_down_cluster_is_no_missing_bridge),
        cmocka_unit_test(a_mirror_that_stands_still_is_wrong),
        cmocka_unit_test(a_mirror_that_catches_up_is_right),
        cmocka_unit_test(a_mirror_that_falls_back_is_to_note),
        cmocka_unit_test(a_table_shows_what_is_there),
        cmocka_unit_test(a_long_list_of_names_is_cut),
    };
    return cmocka_run_group_tests_name("mesh", tests, NULL, NULL);
}
