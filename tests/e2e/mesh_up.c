/* SPDX-License-Identifier: Apache-2.0
 * A mesh is complete: every node is ready, each cluster has its domain, gateways and the bridge join the clusters. */
#include "e2e.h"
#include "monitor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MESSAGES 100

/* ---- ready, on every node ------------------------------------------------------------------ */

static const char *say(char *why, size_t size, const char *node, const char *what)
{
    snprintf(why, size, "%s: %s", node, what);
    return why;
}

static int current_followers(json_t *jsz)
{
    json_t *replica;
    size_t i;
    int n = 0;

    json_array_foreach(monitor_at(jsz, "meta_cluster/replicas"), i, replica) n +=
        json_is_true(json_object_get(replica, "current"));
    return n;
}

/* Returns the first error of JetStream on this node of the cluster; NULL: no error. */
static const char *jetstream_trouble(const char *name, const char *cluster, json_t *jsz)
{
    const char *leader = monitor_text(jsz, "meta_cluster/leader");

    if (strcmp(monitor_text(jsz, "meta_cluster/name"), cluster))
        return "the meta group has another cluster's name";
    if (strncmp(leader, cluster, strlen(cluster)))
        return *leader ? "the meta leader is in the other cluster" : "no meta leader";
    if (json_integer_value(monitor_at(jsz, "meta_cluster/cluster_size")) != 3)
        return "the meta group is not of three";
    if (strcmp(monitor_text(jsz, "config/domain"), cluster))
        return "another domain";
    if (!strcmp(name, leader) && current_followers(jsz) != 2)
        return "the leader's followers are not current";
    return NULL;
}

static const char *gateway_trouble(const char *cluster, const char *other, json_t *gatewayz)
{
    json_t *outbound = monitor_at(gatewayz, "outbound_gateways");

    if (strcmp(monitor_text(gatewayz, "name"), cluster))
        return "the gateway does not have the cluster's name";
    if (json_object_size(outbound) != 1 || !json_object_get(outbound, other))
        return "no outbound gateway to the other cluster";
    return NULL;
}

/* Returns the first error of TLS; NULL: no error, or a mesh without TLS. Both ends of routes and gateways need
 * certificates. */
static const char *tls_trouble(json_t *varz)
{
    if (!getenv("E2E_NATS_CA"))
        return NULL;
    if (!json_is_true(monitor_at(varz, "tls_required")))
        return "clients need no TLS";
    if (!json_is_true(monitor_at(varz, "cluster/tls_required")) ||
        !json_is_true(monitor_at(varz, "cluster/tls_verify")))
        return "routes need no certificates";
    if (!json_is_true(monitor_at(varz, "gateway/tls_required")) ||
        !json_is_true(monitor_at(varz, "gateway/tls_verify")))
        return "gateways need no certificates";
    return NULL;
}

static const char *node_trouble(const char *url, const char *cluster, const char *other, char *ret_name, size_t size)
{
    json_t *varz = monitor_get(url, "/varz"), *jsz = monitor_get(url, "/jsz?config=1"),
           *gatewayz = monitor_get(url, "/gatewayz");
    const char *trouble = "does not answer";

    if (varz && jsz && gatewayz) {
        snprintf(ret_name, size, "%s", monitor_text(varz, "server_name"));
        trouble = jetstream_trouble(ret_name, cluster, jsz);
        if (!trouble)
            trouble = gateway_trouble(cluster, other, gatewayz);
        if (!trouble)
            trouble = tls_trouble(varz);
        if (!trouble && strcmp(monitor_text(varz, "cluster/name"), cluster))
            trouble = "is of another cluster";
    }
    json_decref(varz);
    json_decref(jsz);
    json_decref(gatewayz);
    return trouble;
}

/* Returns the first error of a cluster; NULL: all three nodes are ready and have different names. */
static const char *side_trouble(const struct side *side, const char *other, char *why, size_t size)
{
    char urls[512], names[3][64] = {"", "", ""};
    int n = 0;

    snprintf(urls, sizeof(urls), "%s", side->monitors);
    for (char *save, *url = strtok_r(urls, ", ", &save); url; url = strtok_r(NULL, ", ", &save), n++) {
        const char *trouble =
            n < 3 ? node_trouble(url, side->domain, other, names[n], sizeof(names[n])) : "is one too many";
        if (trouble)
            return say(why, size, url, trouble);
    }
    if (n != 3)
        return say(why, size, side->domain, "not three nodes");
    if (!strcmp(names[0], names[1]) || !strcmp(names[0], names[2]) || !strcmp(names[1], names[2]))
        return say(why, size, side->domain, "two nodes have the same name");
    return NULL;
}

static void every_node_is_ready(void **state)
{
    struct mesh *m = *state;
    int64_t deadline = mesh_now_ms() + MESH_DEADLINE_MS;
    const char *trouble;
    char why[256];

    if (!m->a.monitors || !m->b.monitors) {
        print_message("SKIP: E2E_NATS_A_MONITOR_URLS and E2E_NATS_B_MONITOR_URLS are not set\n");
        skip();
    }
    do {
        trouble = side_trouble(&m->a, m->b.domain, why, sizeof(why));
        if (!trouble)
            trouble = side_trouble(&m->b, m->a.domain, why, sizeof(why));
    } while (trouble && mesh_now_ms() < deadline);
    if (trouble)
        fail_msg("%s", trouble);
}

/* ---- domains ----------------------------------------------------------------------------------- */

static bool lists(jsCtx *js, const char *stream)
{
    jsStreamNamesList *names = NULL;
    jsErrCode code;
    bool found = false;

    natsStatus s = js_StreamNames(&names, js, NULL, &code);
    if (s == NATS_NOT_FOUND)
        return false;
    expect_ok(s);
    for (int i = 0; i < names->Count; i++)
        found = found || !strcmp(names->List[i], stream);
    jsStreamNamesList_Destroy(names);
    return found;
}

static void stays_at_home(struct side *home, struct side *other, const char *stream, const char *subject)
{
    jsStreamInfo *info = mesh_add_stream(home->home, stream, subject);
    size_t n = strlen(home->domain);

    assert_non_null(info->Cluster);
    assert_string_equal(info->Cluster->Name, home->domain);
    assert_memory_equal(info->Cluster->Leader, home->domain, n);
    assert_int_equal(info->Cluster->ReplicasLen, 2);
    for (int i = 0; i < 2; i++)
        assert_memory_equal(info->Cluster->Replicas[i]->Name, home->domain, n);
    jsStreamInfo_Destroy(info);

    assert_true(lists(home->home, stream));
    assert_true(lists(other->across, stream));
    assert_false(lists(other->home, stream));
    assert_false(lists(home->across, stream));
    expect_ok(js_DeleteStream(home->home, stream, NULL, NULL));
}

static void a_stream_stays_in_its_own_domain(void **state)
{
    struct mesh *m = *state;

    stays_at_home(&m->a, &m->b, mesh_name("E2E_SEA_A_HOME"), mesh_name("e2e.home.a"));
    stays_at_home(&m->b, &m->a, mesh_name("E2E_SEA_B_HOME"), mesh_name("e2e.home.b"));
}

static void publish(jsCtx *js, const char *subject, int count)
{
    int64_t deadline = mesh_now_ms() + MESH_DEADLINE_MS;
    for (int i = 0; i < count; i++) {
        natsStatus s;
        /* no responders: the interest in the stream's new subject may not have crossed the gateway yet */
        while ((s = js_Publish(NULL, js, subject, "order", 5, NULL, NULL)) == NATS_NO_RESPONDERS &&
               mesh_now_ms() < deadline)
            nats_Sleep(10);
        expect_ok(s);
    }
}

/* Consumes `count` messages; each arrives once, and each ack is confirmed. */
static void drain(natsSubscription *sub, int count)
{
    int64_t deadline = mesh_now_ms() + MESH_DEADLINE_MS;
    uint64_t seen = 0;

    while ((int)seen < count && mesh_now_ms() < deadline) {
        natsMsgList list = {0};
        natsStatus s = natsSubscription_Fetch(&list, sub, 20, 2000, NULL);
        /* No responders: the interest of the new consumer has not crossed the gateway yet. */
        if (s == NATS_TIMEOUT || s == NATS_NO_RESPONDERS)
            continue;
        expect_ok(s);
        for (int i = 0; i < list.Count; i++) {
            jsMsgMetaData *meta = NULL;
            expect_ok(natsMsg_GetMetaData(&meta, list.Msgs[i]));
            assert_int_equal(meta->Sequence.Stream, ++seen);
            assert_int_equal(meta->NumDelivered, 1);
            jsMsgMetaData_Destroy(meta);
            expect_ok(natsMsg_AckSync(list.Msgs[i], NULL, NULL));
        }
        natsMsgList_Destroy(&list);
    }
    assert_int_equal(seen, count);
}

static void expect_settled(jsCtx *js, const char *stream, const char *durable, int count)
{
    jsConsumerInfo *info = NULL;

    expect_ok(js_GetConsumerInfo(&info, js, stream, durable, NULL, NULL));
    assert_int_equal(info->AckFloor.Stream, count);
    assert_int_equal(info->NumAckPending, 0);
    assert_int_equal(info->NumPending, 0);
    jsConsumerInfo_Destroy(info);
}

static void consume_across(struct side *home, struct side *other, const char *stream, const char *subject)
{
    natsSubscription *sub = NULL;
    jsErrCode code = 0;

    jsStreamInfo_Destroy(mesh_add_stream(home->home, stream, subject));
    publish(home->home, subject, MESSAGES);
    expect_ok(js_PullSubscribe(&sub, other->across, subject, "across", NULL, NULL, &code));
    drain(sub, MESSAGES);
    expect_settled(home->home, stream, "across", MESSAGES);
    natsSubscription_Destroy(sub);
    expect_ok(js_DeleteStream(other->across, stream, NULL, NULL));
    assert_false(lists(home->home, stream));
}

static void the_other_domain_is_consumed_through_the_bridge(void **state)
{
    struct mesh *m = *state;

    consume_across(&m->a, &m->b, mesh_name("E2E_SEA_A_ACROSS"), mesh_name("e2e.across.a"));
    consume_across(&m->b, &m->a, mesh_name("E2E_SEA_B_ACROSS"), mesh_name("e2e.across.b"));
}

/* The bridge allows requests about streams and consumers, and does not allow administration of the other cluster. */
static void the_bridge_is_narrow(void **state)
{
    struct mesh *m = *state;
    natsMsg *answer = NULL;

    natsStatus s =
        natsConnection_RequestString(&answer, m->b.nc, "$JS.sea-a.API.SERVER.REMOVE", "{\"peer\":\"none\"}", 1000);
    natsMsg_Destroy(answer);
    assert_true(s == NATS_NO_RESPONDERS || s == NATS_TIMEOUT);
    s = natsConnection_RequestString(&answer, m->b.nc, "$JS.sea-a.API.META.LEADER.STEPDOWN", "", 1000);
    natsMsg_Destroy(answer);
    assert_true(s == NATS_NO_RESPONDERS || s == NATS_TIMEOUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_node_is_ready),
        cmocka_unit_test(a_stream_stays_in_its_own_domain),
        cmocka_unit_test(the_other_domain_is_consumed_through_the_bridge),
        cmocka_unit_test(the_bridge_is_narrow),
    };
    return cmocka_run_group_tests_name("mesh_up", tests, mesh_open, mesh_close) ? 1 : 0;
}
