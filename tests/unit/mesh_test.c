/* SPDX-License-Identifier: Apache-2.0
 * mesh_test - checks of a mesh: documents recorded from three server versions have no findings, and each fault that is
 * put into them is found. */
#include "cli/mesh/check.h"
#include "cli/mesh/documents.h"
#include "cli/mesh/print.h"
#include "cli/mesh/rows.h"

#include "base/clock.h"
#include "base/rfc3339.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const versions[] = {"2.9.10", "2.10.27", "2.15.1"};
#define N_VERSIONS (sizeof(versions) / sizeof(versions[0]))

/* ---- a mesh from recorded documents ----------------------------------------------------------- */

static void add_cluster(struct mesh *m, const char *name, json_t *docs)
{
    struct mesh_cluster *c = mesh_add_cluster(m, name);
    json_t *doc;
    size_t i;

    assert_non_null(c);
    c->name = c->domain = c->configured_domain = c->cluster;
    c->rtt = mesh_number(100000);
    json_array_foreach(json_object_get(docs, "varz"), i, doc)
    {
        /* The documents arrive at the moment at which they were written. */
        int64_t now_ns = rfc3339_parse(document_text(json_object_get(doc, "data"), "now"));
        assert_true(now_ns > 0);
        mesh_read_server(m, name, doc, json_array_get(json_object_get(docs, "gatewayz"), i), now_ns);
    }
    for (struct mesh_server *s = m->servers; s; s = s->next)
        if (strcmp(s->cluster, name) == 0)
            c->account = s->account;
    json_array_foreach(json_object_get(docs, "streams"), i, doc) mesh_read_stream(m, name, name, doc);
    json_array_foreach(json_object_get(docs, "consumers"), i, doc) mesh_read_consumer(m, name, name, doc);
}

/* The stream of the recorded mesh that mirrors a domain that does not exist. */
static void remove_lost_mirror(struct mesh *m)
{
    for (struct mesh_stream **at = &m->streams; *at; at = &(*at)->next)
        if (strcmp((*at)->stream, "SEA_B_LOST") == 0) {
            *at = (*at)->next;
            return;
        }
}

static void load_with_lost_mirror(struct mesh *m, const char *version)
{
    static const char *const names[] = {"sea-a", "sea-b"};
    char path[512];
    json_error_t e;

    snprintf(path, sizeof(path), MESH_DOCUMENTS "/%s.json", version);
    json_t *docs = json_load_file(path, 0, &e);
    if (!docs)
        fail_msg("%s: %s", path, e.text);
    *m = (struct mesh){0};
    for (int i = 0; i < 2; i++)
        add_cluster(m, names[i], json_object_get(docs, names[i]));
    for (int via = 0; via < 2; via++)
        for (int to = 0; to < 2; to++)
            mesh_add_path(m, names[via], names[to], names[to])->rtt = mesh_number(200000);
    json_decref(docs);
    assert_false(m->arena.failed);
}

/* A mesh without any fault. */
static void load(struct mesh *m, const char *version)
{
    load_with_lost_mirror(m, version);
    remove_lost_mirror(m);
}

static size_t count_all(const struct findings *f)
{
    return findings_count(f, FINDING_ERROR) + findings_count(f, FINDING_NOTE);
}

static size_t count_rows(const struct mesh *m, const char *key)
{
    json_t *all = mesh_to_json(m);
    size_t n = json_array_size(json_object_get(all, key));
    json_decref(all);
    return n;
}

static void recorded_meshes_hold(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_VERSIONS; i++) {
        struct mesh m;
        struct findings findings = {0};
        load(&m, versions[i]);
        assert_int_equal(count_rows(&m, "servers"), 6);
        assert_int_equal(count_rows(&m, "streams"), 3);
        assert_int_equal(count_rows(&m, "consumers"), 1);
        assert_int_equal(m.consumers->pending.value, 5);
        assert_false(mesh_needs_second_snapshot(&m));
        mesh_check(&m, &m, 3, &findings);
        if (count_all(&findings)) {
            findings_print(stderr, &findings);
            fail_msg("nats-server %s: findings on a mesh without a fault", versions[i]);
        }
        findings_finish(&findings);
        mesh_finish(&m);
    }
}

static void a_mirror_without_contact_is_found_with_a_second_snapshot(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_VERSIONS; i++) {
        struct mesh m;
        struct findings findings = {0};
        load_with_lost_mirror(&m, versions[i]);
        assert_true(mesh_needs_second_snapshot(&m));
        mesh_check(&m, NULL, 3, &findings);
        assert_int_equal(count_all(&findings), 0);
        mesh_check(&m, &m, 3, &findings);
        assert_int_equal(count_all(&findings), 1);
        assert_string_equal(findings.first->what, "mirror of sea-x/SEA_A_ORDERS: no contact, never yet (active -1)");
        findings_finish(&findings);
        mesh_finish(&m);
    }
}

/* ---- JSON ------------------------------------------------------------------------------------- */

static void a_mesh_survives_json(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_VERSIONS; i++) {
        struct mesh m, back;
        load_with_lost_mirror(&m, versions[i]);
        m.clusters->error = "no server answers";
        texts_add(&m.arena, &m.clusters->strangers, "sea-b-1");
        json_t *first = mesh_to_json(&m);
        assert_int_equal(mesh_from_json(&back, first), 0);
        json_t *second = mesh_to_json(&back);
        assert_true(json_equal(first, second));
        json_decref(first);
        json_decref(second);
        mesh_finish(&back);
        mesh_finish(&m);
    }
}

static void expect_json(json_t *row, const char *expected)
{
    char *text = json_dumps(row, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(text, expected);
    free(text);
}

/* Scripts read these keys: they stay, and what is unknown is left out. */
static void json_keys_stay(void **state)
{
    struct mesh m = {0};
    (void)state;

    mesh_add_cluster(&m, "sea-a")->name = "A";
    struct mesh_server *s = mesh_add_server(&m, "sea-a", "a-1");
    s->jetstream = s->leads_meta = s->gateways_known = true;
    mesh_add_follower(&m, s, "a-2")->current = true;
    mesh_add_path(&m, "sea-a", "d", "sea-b")->error = "none";
    mesh_add_stream(&m, "sea-a", "d", "LOST")->leaderless = true;
    struct mesh_stream *copy = mesh_add_stream(&m, "sea-a", "d", "COPY");
    copy->described = true;
    copy->last = mesh_number(0);
    mesh_add_origin(&m, copy)->active = mesh_number(-1);
    mesh_add_consumer(&m, "sea-a", "d", "COPY", "c")->floor = mesh_number(7);
    json_t *all = mesh_to_json(&m);
    expect_json(json_object_get(all, "clusters"), "[{\"cluster\":\"sea-a\",\"name\":\"A\"}]");
    expect_json(json_object_get(all, "servers"),
                "[{\"cluster\":\"sea-a\",\"followers\":[{\"current\":true,\"offline\":false,\"server\":\"a-2\"}],"
                "\"gateways\":[],\"jetstream\":true,\"server\":\"a-1\"}]");
    expect_json(json_object_get(all, "paths"),
                "[{\"cluster\":\"sea-a\",\"domain\":\"d\",\"error\":\"none\",\"owner\":\"sea-b\"}]");
    expect_json(json_object_get(all, "streams"),
                "[{\"cluster\":\"sea-a\",\"domain\":\"d\",\"leaderless\":true,\"stream\":\"LOST\"},"
                "{\"behind\":[],\"cluster\":\"sea-a\",\"domain\":\"d\",\"from\":[{\"active\":-1,\"domain\":\"\","
                "\"mirror\":false,\"stream\":\"\"}],\"last\":0,\"stream\":\"COPY\"}]");
    expect_json(json_object_get(all, "consumers"), "[{\"cluster\":\"sea-a\",\"consumer\":\"c\",\"domain\":\"d\","
                                                   "\"filters\":[],\"floor\":7,\"stream\":\"COPY\"}]");
    json_decref(all);
    mesh_finish(&m);
}

static void other_json_is_not_a_mesh(void **state)
{
    static const char *const texts[] = {"{}", "[]", "{\"consumers\":{}}"};
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct mesh m;
        json_t *doc = json_loads(texts[i], 0, NULL);
        assert_int_equal(mesh_from_json(&m, doc), -EINVAL);
        mesh_finish(&m);
        json_decref(doc);
    }
}

/* ---- one fault at a time ---------------------------------------------------------------------- */

static struct mesh_server *server(struct mesh *m, const char *name)
{
    struct mesh_server *s = mesh_find_server_anywhere(m, name);
    assert_non_null(s);
    return s;
}

static struct mesh_cluster *cluster(struct mesh *m, const char *name)
{
    struct mesh_cluster *c = mesh_find_cluster(m, name);
    assert_non_null(c);
    return c;
}

static struct mesh_stream *stream(struct mesh *m, const char *name)
{
    struct mesh_stream *s = m->streams;
    while (s && strcmp(s->stream, name) != 0)
        s = s->next;
    assert_non_null(s);
    return s;
}

static void remove_server(struct mesh *m, const struct mesh_server *server)
{
    struct mesh_server **at = &m->servers;
    while (*at != server)
        at = &(*at)->next;
    *at = server->next;
}

/* The server of sea-a that leads its meta group, or the first that does not. */
static struct mesh_server *meta_server(struct mesh *m, bool leads)
{
    for (struct mesh_server *s = m->servers; s; s = s->next)
        if (strcmp(s->cluster, "sea-a") == 0 && s->leads_meta == leads)
            return s;
    fail_msg("no such server");
    return NULL;
}

static void no_connection(struct mesh *m)
{
    cluster(m, "sea-b")->error = "no server answers at b:4222";
}

static void no_login(struct mesh *m)
{
    cluster(m, "sea-b")->system_error = "no login";
}

static void no_streams(struct mesh *m)
{
    cluster(m, "sea-a")->streams_error = "may not";
}

static void shared_account(struct mesh *m)
{
    cluster(m, "sea-b")->account = "SYS_SEA_A";
}

static void strangers(struct mesh *m)
{
    texts_add(&m->arena, &cluster(m, "sea-a")->strangers, "sea-b-1");
}

static void absent_follower(struct mesh *m)
{
    remove_server(m, meta_server(m, false));
}

static void absent_leader(struct mesh *m)
{
    remove_server(m, meta_server(m, true));
}

static void one_more(struct mesh *m)
{
    const struct mesh_server *like = meta_server(m, false);
    struct mesh_server *s = mesh_add_server(m, "sea-a", "sea-a-4");
    struct mesh_server *next = s->next;

    *s = *like;
    s->server = "sea-a-4";
    s->next = next;
}

static void no_jetstream(struct mesh *m)
{
    server(m, "sea-b-2")->jetstream = false;
}

static void no_leader(struct mesh *m)
{
    meta_server(m, false)->meta_leader = "";
}

static void leader_elsewhere(struct mesh *m)
{
    meta_server(m, false)->meta_leader = "sea-b-1";
}

static void leader_silent(struct mesh *m)
{
    meta_server(m, false)->meta_leader = "sea-a-9";
}

static void size_of_six(struct mesh *m)
{
    for (struct mesh_server *s = m->servers; s; s = s->next)
        s->meta_size = mesh_number(6);
}

static void follower_behind(struct mesh *m)
{
    meta_server(m, true)->followers->current = false;
}

static void follower_offline(struct mesh *m)
{
    meta_server(m, true)->followers->offline = true;
}

static void no_gateway(struct mesh *m)
{
    server(m, "sea-a-3")->gateways = NULL;
}

static void old_version(struct mesh *m)
{
    server(m, "sea-a-3")->version = "2.9.9";
}

static void clock_ahead(struct mesh *m)
{
    server(m, "sea-a-3")->clock.value += 100 * NS_PER_SEC;
}

static void domain_of_a_server(struct mesh *m)
{
    server(m, "sea-a-3")->domain = "sea-z";
}

static void same_domain(struct mesh *m)
{
    cluster(m, "sea-b")->domain = "sea-a";
}

static void other_domain(struct mesh *m)
{
    cluster(m, "sea-b")->configured_domain = "sea-z";
}

static void no_domain(struct mesh *m)
{
    cluster(m, "sea-b")->domain = "";
}

static void no_api(struct mesh *m)
{
    cluster(m, "sea-b")->jetstream_error = "no answer in 2 s";
}

static void no_bridge(struct mesh *m)
{
    m->paths->next->error = "no responders (503)";
}

static void wrong_cluster(struct mesh *m)
{
    stream(m, "SEA_A_ORDERS")->placed = "sea-b";
}

static void wrong_leader(struct mesh *m)
{
    stream(m, "SEA_A_ORDERS")->leader = "sea-b-2";
}

static void leaderless_stream(struct mesh *m)
{
    mesh_add_stream(m, "sea-a", "sea-a", "LOST")->leaderless = true;
}

static void replica_behind(struct mesh *m)
{
    stream(m, "SEA_A_ORDERS")->current = mesh_number(2);
    texts_add(&m->arena, &stream(m, "SEA_A_ORDERS")->behind, "sea-a-3");
}

static void silent_consumers(struct mesh *m)
{
    stream(m, "SEA_A_ORDERS")->consumers_silent = true;
}

static void leaderless_consumer(struct mesh *m)
{
    m->consumers->leaderless = true;
}

static void same_name(struct mesh *m)
{
    stream(m, "SEA_B_ORDERS")->stream = "SEA_A_ORDERS";
}

static void same_subject(struct mesh *m)
{
    struct text_list **subjects = &stream(m, "SEA_B_ORDERS")->subjects;
    *subjects = NULL;
    texts_add(&m->arena, subjects, "x");
    texts_add(&m->arena, subjects, "a.*.new");
}

static const struct {
    void (*spoil)(struct mesh *m);
    const char *check;
    enum severity severity;
    const char *on; /* the first; NULL: any */
    const char *what;
} cases[] = {
    {no_connection, "reachable", FINDING_ERROR, "sea-b", "no connection: no server answers at b:4222"},
    {no_login, "system-login", FINDING_ERROR, "sea-b",
     "its servers, meta group and gateways cannot be checked: no login"},
    {no_streams, "streams", FINDING_ERROR, "sea-a", "its streams cannot be listed: may not"},
    {shared_account, "system-account", FINDING_ERROR, "sea-a",
     "the clusters share the system account SYS_SEA_A, and with it one meta group"},
    {strangers, "system-account", FINDING_ERROR, "sea-a",
     "sea-b-1 of another cluster answers in its system account SYS_SEA_A"},
    {absent_follower, "server-absent", FINDING_ERROR, NULL, "does not answer, and belongs to the meta group of sea-a"},
    {absent_leader, "server-absent", FINDING_ERROR, "sea-a", "2 of 3 servers answer"},
    {one_more, "server-count", FINDING_ERROR, "sea-a", "4 servers answer, expected were 3"},
    {no_jetstream, "jetstream", FINDING_ERROR, "sea-b-2", "JetStream is not enabled"},
    {no_leader, "meta-leader", FINDING_ERROR, NULL, "JetStream has no meta leader"},
    {leader_elsewhere, "meta-leader", FINDING_ERROR, NULL, "its meta leader sea-b-1 is a server of another cluster"},
    {leader_silent, "meta-leader", FINDING_ERROR, NULL, "its meta leader sea-a-9 does not answer"},
    {size_of_six, "meta-size", FINDING_ERROR, "sea-a-1", "the meta group has 6 members, not 3"},
    {follower_behind, "meta-current", FINDING_ERROR, NULL, "its meta group is not current, as the leader "},
    {follower_offline, "meta-current", FINDING_ERROR, NULL, "its meta group is not current, as the leader "},
    {no_gateway, "gateway", FINDING_ERROR, "sea-a-3", "no outbound gateway to sea-b"},
    {old_version, "version", FINDING_NOTE, "sea-a-3", "runs nats-server 2.9.9, others do not"},
    {clock_ahead, "clock", FINDING_NOTE, "sea-a-3", " s ahead of "},
    {domain_of_a_server, "domain", FINDING_ERROR, "sea-a-3", "its domain is sea-z, its cluster's is sea-a"},
    {same_domain, "domain", FINDING_ERROR, "sea-a", "the clusters have the same domain sea-a"},
    {other_domain, "domain", FINDING_ERROR, "sea-b", "domain is sea-z in the configuration, sea-b on its servers"},
    {no_domain, "domain", FINDING_ERROR, "sea-b", "its servers have no JetStream domain"},
    {no_api, "jetstream", FINDING_ERROR, "sea-b", "$JS.API.INFO from its servers: no answer in 2 s"},
    {no_bridge, "bridge", FINDING_ERROR, "sea-a", "$JS.sea-b.API.INFO from its servers: no responders (503)"},
    {wrong_cluster, "stream-cluster", FINDING_ERROR, "sea-a/SEA_A_ORDERS", "is stored on the servers of sea-b"},
    {wrong_leader, "stream-cluster", FINDING_ERROR, "sea-a/SEA_A_ORDERS", "its leader sea-b-2 is a server of sea-b"},
    {leaderless_stream, "stream-leader", FINDING_ERROR, "sea-a/LOST", "has no leader: it stores and delivers nothing"},
    {replica_behind, "stream-replicas", FINDING_ERROR, "sea-a/SEA_A_ORDERS",
     "2 of 3 replicas are current, not on sea-a-3"},
    {leaderless_consumer, "consumer-leader", FINDING_ERROR, "sea-a/SEA_A_ORDERS/billing",
     "has no leader: it delivers nothing"},
    {silent_consumers, "consumer-leader", FINDING_ERROR, "sea-a/SEA_A_ORDERS", "its consumers cannot be listed"},
    {same_name, "stream-name", FINDING_ERROR, "sea-a/SEA_A_ORDERS",
     "domains sea-a and sea-b have a stream SEA_A_ORDERS each"},
    {same_subject, "subject", FINDING_ERROR, "sea-a/SEA_A_ORDERS", "a.orders.> and a.*.new overlap in two domains"},
};

static bool is_found(const struct findings *findings, size_t i)
{
    for (const struct finding *f = findings->first; f; f = f->next)
        if (strcmp(f->check, cases[i].check) == 0 && f->severity == cases[i].severity &&
            strstr(f->what, cases[i].what) && *f->remedy && (!cases[i].on || strcmp(f->on->text, cases[i].on) == 0))
            return true;
    return false;
}

static void each_fault_is_found(void **state)
{
    (void)state;
    for (size_t v = 0; v < N_VERSIONS; v++)
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            struct findings findings = {0};
            struct mesh m;
            load(&m, versions[v]);
            cases[i].spoil(&m);
            mesh_check(&m, NULL, 3, &findings);
            if (!is_found(&findings, i)) {
                findings_print(stderr, &findings);
                fail_msg("%s: not found: %s: %s", versions[v], cases[i].check, cases[i].what);
            }
            findings_finish(&findings);
            mesh_finish(&m);
        }
}

/* ---- findings --------------------------------------------------------------------------------- */

static void the_same_fault_on_many_is_one_finding(void **state)
{
    struct findings findings = {0};
    struct mesh m;
    (void)state;

    load(&m, versions[0]);
    size_of_six(&m);
    mesh_check(&m, NULL, 3, &findings);
    assert_int_equal(findings_count(&findings, FINDING_ERROR), 1);
    assert_int_equal(findings_count(&findings, FINDING_NOTE), 0);
    json_t *all = findings_to_json(&findings);
    json_t *f = json_array_get(all, 0);
    assert_int_equal(json_array_size(all), 1);
    assert_int_equal(json_array_size(json_object_get(f, "on")), 6);
    assert_string_equal(json_string_value(json_object_get(f, "check")), "meta-size");
    assert_string_equal(json_string_value(json_object_get(f, "severity")), "wrong");
    assert_string_equal(json_string_value(json_object_get(f, "what")), "the meta group has 6 members, not 3");
    assert_non_null(json_string_value(json_object_get(f, "remedy")));
    json_decref(all);
    findings_finish(&findings);
    mesh_finish(&m);
}

static void one_server_needs_no_meta_group(void **state)
{
    struct findings findings = {0};
    struct mesh m = {0};
    (void)state;

    mesh_add_cluster(&m, "default")->account = "$SYS";
    mesh_add_server(&m, "default", "one")->jetstream = true;
    mesh_check(&m, NULL, 1, &findings);
    assert_int_equal(count_all(&findings), 0);
    mesh_check(&m, NULL, 3, &findings);
    assert_true(findings_count(&findings, FINDING_ERROR) > 0);
    findings_finish(&findings);
    mesh_finish(&m);
}

static void the_domain_of_a_down_cluster_is_no_missing_bridge(void **state)
{
    struct findings findings = {0};
    struct mesh m;
    (void)state;

    load(&m, versions[0]);
    no_connection(&m);
    no_bridge(&m);
    mesh_check(&m, NULL, 3, &findings);
    assert_null(findings_of_check(&findings, "bridge"));
    assert_non_null(findings_of_check(&findings, "reachable"));
    findings_finish(&findings);
    mesh_finish(&m);
}

/* The meta leader lists a follower whose name it does not know yet under a sentence. */
static void a_follower_without_a_name_is_not_absent(void **state)
{
    struct findings findings = {0};
    struct mesh m;
    (void)state;

    load(&m, versions[2]);
    meta_server(&m, true)->followers->server = "Server name unknown at this time (peerID: x)";
    mesh_check(&m, NULL, 3, &findings);
    assert_int_equal(count_all(&findings), 0);
    findings_finish(&findings);
    mesh_finish(&m);
}

/* ---- mirrors over time ------------------------------------------------------------------------ */

/* Findings about SEA_B_COPY: the last sequences of its origin and of itself, first at the earlier snapshot. */
static struct findings check_progress(int64_t origin_then, int64_t copy_then, int64_t origin_now, int64_t copy_now)
{
    struct findings findings = {0};
    struct mesh before;
    struct mesh m;

    load(&before, versions[2]);
    load(&m, versions[2]);
    stream(&before, "SEA_A_ORDERS")->last.value = origin_then;
    stream(&before, "SEA_B_COPY")->last.value = copy_then;
    stream(&m, "SEA_A_ORDERS")->last.value = origin_now;
    stream(&m, "SEA_B_COPY")->last.value = copy_now;
    assert_int_equal(mesh_needs_second_snapshot(&m), origin_now > copy_now);
    mesh_check(&m, &before, 3, &findings);
    mesh_finish(&before);
    mesh_finish(&m);
    return findings;
}

static void a_mirror_that_makes_no_progress_is_an_error(void **state)
{
    struct findings findings = check_progress(100, 40, 100, 40);
    (void)state;
    assert_int_equal(findings_count(&findings, FINDING_ERROR), 1);
    assert_string_equal(
        findings.first->what,
        "mirror of sea-a/SEA_A_ORDERS: 60 messages behind, and no message was copied between two snapshots");
    findings_finish(&findings);
}

static void a_mirror_that_catches_up_has_no_finding(void **state)
{
    struct findings findings = check_progress(100, 40, 100, 90);
    (void)state;
    assert_int_equal(count_all(&findings), 0);
    findings_finish(&findings);
    findings = check_progress(100, 100, 200, 100); /* level a moment before */
    assert_int_equal(count_all(&findings), 0);
    findings_finish(&findings);
}

static void a_mirror_that_falls_back_is_a_note(void **state)
{
    struct findings findings = check_progress(100, 40, 300, 50);
    (void)state;
    assert_int_equal(findings_count(&findings, FINDING_ERROR), 0);
    assert_int_equal(findings_count(&findings, FINDING_NOTE), 1);
    assert_string_equal(findings.first->what,
                        "mirror of sea-a/SEA_A_ORDERS: 250 messages behind, 190 more than a moment before");
    findings_finish(&findings);
}

/* Findings about a mirror whose last contact was that long ago in both snapshots. */
static struct findings check_silence(int64_t active_ns)
{
    struct findings findings = {0};
    struct mesh m;

    load(&m, versions[2]);
    stream(&m, "SEA_B_COPY")->from->active = mesh_number(active_ns);
    assert_int_equal(mesh_needs_second_snapshot(&m), mesh_origin_silent(stream(&m, "SEA_B_COPY")->from));
    mesh_check(&m, &m, 3, &findings);
    mesh_finish(&m);
    return findings;
}

static void a_mirror_is_silent_after_ten_seconds(void **state)
{
    static const struct {
        int64_t active_ns;
        const char *what; /* NULL: no finding */
    } rows[] = {
        {0, NULL},
        {NS_PER_SEC, NULL},
        {10 * NS_PER_SEC, NULL},
        {10 * NS_PER_SEC + 1, "mirror of sea-a/SEA_A_ORDERS: no contact for more than 10 s"},
        {3600 * NS_PER_SEC, "mirror of sea-a/SEA_A_ORDERS: no contact for more than 10 s"},
        {-1, "mirror of sea-a/SEA_A_ORDERS: no contact, never yet (active -1)"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct findings findings = check_silence(rows[i].active_ns);
        assert_int_equal(count_all(&findings), rows[i].what != NULL);
        if (rows[i].what)
            assert_string_equal(findings.first->what, rows[i].what);
        findings_finish(&findings);
    }
}

/* ---- text ------------------------------------------------------------------------------------- */

static void tables_show_clusters_servers_streams_and_consumers(void **state)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    struct mesh m;
    (void)state;

    load_with_lost_mirror(&m, versions[2]);
    no_connection(&m);
    no_bridge(&m);
    assert_int_equal(mesh_print(out, &m), 0);
    fclose(out);
    assert_non_null(strstr(text, "no server answers at b:4222"));
    assert_non_null(strstr(text, "through sea-a"));
    assert_non_null(strstr(text, "no responders (503)"));
    assert_non_null(strstr(text, "sea-a/SEA_A_ORDERS"));
    assert_non_null(strstr(text, "no contact"));
    assert_non_null(strstr(text, "billing"));
    assert_non_null(strstr(text, "itself"));
    free(text);
    mesh_finish(&m);
}

static void a_long_list_of_names_is_cut(void **state)
{
    struct findings findings = {0};
    char *text = NULL;
    char name[8];
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    (void)state;

    for (int i = 1; i <= 9; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        finding_add(&findings, FINDING_ERROR, "x", name, "repair it", "is %s", "broken");
        finding_add(&findings, FINDING_ERROR, "x", name, "repair it", "is %s", "broken");
    }
    findings_print(out, &findings);
    fclose(out);
    assert_string_equal(text, "error: n1, n2, n3, n4, n5, n6 and 3 more: is broken; repair it\n");
    free(text);
    findings_finish(&findings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded_meshes_hold),
        cmocka_unit_test(a_mirror_without_contact_is_found_with_a_second_snapshot),
        cmocka_unit_test(a_mesh_survives_json),
        cmocka_unit_test(json_keys_stay),
        cmocka_unit_test(other_json_is_not_a_mesh),
        cmocka_unit_test(each_fault_is_found),
        cmocka_unit_test(the_same_fault_on_many_is_one_finding),
        cmocka_unit_test(one_server_needs_no_meta_group),
        cmocka_unit_test(the_domain_of_a_down_cluster_is_no_missing_bridge),
        cmocka_unit_test(a_follower_without_a_name_is_not_absent),
        cmocka_unit_test(a_mirror_that_makes_no_progress_is_an_error),
        cmocka_unit_test(a_mirror_that_catches_up_has_no_finding),
        cmocka_unit_test(a_mirror_that_falls_back_is_a_note),
        cmocka_unit_test(a_mirror_is_silent_after_ten_seconds),
        cmocka_unit_test(tables_show_clusters_servers_streams_and_consumers),
        cmocka_unit_test(a_long_list_of_names_is_cut),
    };
    return cmocka_run_group_tests_name("mesh", tests, NULL, NULL);
}
