/* SPDX-License-Identifier: Apache-2.0
 * A single server grows to a cluster and then to a mesh by the steps of infra/nats/README.md, "Growing": no message is
 * lost, and a consumer continues at its position. growing.sh starts the single server and the cluster. */
#include "e2e.h"
#include "monitor.h"
#include "nodes.h"
#include "process.h"
#include "readback.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ORDERS 5000
#define HANDLED 2000 /* messages handled before the move */
#define HELD 50      /* messages delivered before the move and not acknowledged */
#define REMOVED 4000 /* the sequence that is deleted, so that the stream has a gap */
#define BUSY 30000
#define SHIPMENTS 10000
#define STREAMS 20
#define SMALL 500      /* messages in each small stream */
#define DEADLINE_S 120 /* seconds */

struct place {
    struct side side; /* only URL and connection are set */
    jsCtx *js;
};

static void close_place(void *data)
{
    struct place *p = data;
    jsCtx_Destroy(p->js);
    natsConnection_Destroy(p->side.nc);
    free(p);
}

static struct place *open_place(struct world *w, const char *url, const char *domain)
{
    struct place *p = calloc(1, sizeof(*p));

    assert_non_null(p);
    p->side.url = url;
    expect_ok(mesh_connect(&p->side, &(struct login){0}, &p->side.nc));
    p->js = mesh_context(p->side.nc, domain);
    world_at_end(w, close_place, p);
    return p;
}

/* ---- the single server ------------------------------------------------------------------------ */

static void add_stream(jsCtx *js, const char *name, const char *subject, int64_t replicas)
{
    const char *subjects[] = {subject};
    jsStreamConfig config;

    jsStreamConfig_Init(&config);
    config.Name = name;
    config.Subjects = subjects;
    config.SubjectsLen = 1;
    config.Replicas = replicas;
    expect_ok(js_AddStream(NULL, js, &config, NULL, NULL));
}

static struct ledger *publish(struct world *w, const char *urls, const char *subject, uint32_t count,
                              uint32_t in_flight)
{
    struct ledger_options o = {.urls = urls, .subject = subject, .count = count, .in_flight = in_flight};
    return ledger_start(w, &o);
}

/* Fetches `count` messages from the consumer `billing`, and acknowledges them if `acknowledge`. `seen` is indexed by
 * sequence. */
static void take(jsCtx *js, int count, bool acknowledge, int *seen)
{
    int64_t deadline = mesh_now_ms() + DEADLINE_S * 1000;
    natsSubscription *sub = NULL;
    int taken = 0;

    expect_ok(js_PullSubscribe(&sub, js, "orders", "billing", NULL, NULL, NULL));
    while (taken < count && mesh_now_ms() < deadline) {
        natsMsgList list = {0};
        int left = count - taken;
        if (natsSubscription_Fetch(&list, sub, left < 500 ? left : 500, 2000, NULL) != NATS_OK)
            continue;
        for (int i = 0; i < list.Count; i++) {
            jsMsgMetaData *meta = NULL;
            expect_ok(natsMsg_GetMetaData(&meta, list.Msgs[i]));
            assert_in_range(meta->Sequence.Stream, 1, ORDERS);
            seen[meta->Sequence.Stream]++;
            jsMsgMetaData_Destroy(meta);
            if (acknowledge)
                expect_ok(natsMsg_AckSync(list.Msgs[i], NULL, NULL));
        }
        taken += list.Count;
        natsMsgList_Destroy(&list);
    }
    assert_int_equal(taken, count);
    natsSubscription_Destroy(sub);
}

/* ---- to the cluster ----------------------------------------------------------------------------- */

/* The environment of seamq, with the clusters `single` and `sea-a`. */
static void name_clusters(struct world *w, char *env[32])
{
    size_t n = 0;

    for (char **e = process_env(); *e && n < 20; e++)
        env[n++] = *e;
    env[n++] = (char *)world_text(w, "SEAMQ_CLUSTER_SINGLE_URLS=%s", getenv("E2E_SINGLE_URL"));
    env[n++] = (char *)world_text(w, "SEAMQ_CLUSTER_SEA_A_URLS=%s", getenv("E2E_NATS_A_URLS"));
    env[n++] = (char *)"SEAMQ_CLUSTER_SEA_A_DOMAIN=sea-a";
    env[n] = NULL;
}

/* Returns the exit status of seamq; *ret_said is all its output. */
static int run_seamq(struct world *w, const char *const *argv, const char **ret_said)
{
    const char *full[16] = {E2E_SEAMQ}, *out, *err;
    char *env[32];

    name_clusters(w, env);
    for (size_t i = 0; argv[i]; i++)
        full[i + 1] = argv[i];
    int status = process_run(w, full, env, DEADLINE_S, &out, &err);
    *ret_said = world_text(w, "%s%s", out, err);
    print_message("%s", *ret_said);
    return status;
}

static void seamq(struct world *w, int status, const char *text, const char *const *argv)
{
    const char *said;

    assert_int_equal(run_seamq(w, argv, &said), status);
    if (!strstr(said, text))
        fail_msg("seamq does not say \"%s\"", text);
}

static void expect_position(jsCtx *js)
{
    jsConsumerInfo *info = NULL;

    expect_ok(js_GetConsumerInfo(&info, js, "ORDERS", "billing", NULL, NULL));
    assert_int_equal(info->AckFloor.Stream, HANDLED);
    assert_int_equal(info->NumAckPending + (int64_t)info->NumPending, ORDERS - HANDLED - 1);
    jsConsumerInfo_Destroy(info);
}

/* The cluster delivers every message that was not acknowledged on the single server, and no other. */
static void handle_the_rest(jsCtx *js)
{
    int *seen = calloc(ORDERS + 1, sizeof(*seen));

    assert_non_null(seen);
    take(js, ORDERS - HANDLED - 1, true, seen);
    for (int seq = 1; seq <= ORDERS; seq++)
        assert_int_equal(seen[seq], seq > HANDLED && seq != REMOVED);
    free(seen);
}

static void move_to_the_cluster(struct world *w, struct place *single, struct place *cluster)
{
    int *seen = calloc(ORDERS + 1, sizeof(*seen));

    assert_non_null(seen);
    add_stream(single->js, "ORDERS", "orders", 1);
    ledger_finish(publish(w, single->side.url, "orders", ORDERS, 64), DEADLINE_S);
    expect_ok(js_DeleteMsg(single->js, "ORDERS", REMOVED, NULL, NULL));
    take(single->js, HANDLED, true, seen);
    take(single->js, HELD, false, seen);
    free(seen);

    seamq(w, 0, "ORDERS",
          (const char *[]){"stream", "copy", "--cluster", "single", "--to", "sea-a", "--replicas", "3", NULL});
    readback_expect_same(single->js, "ORDERS", cluster->js, "ORDERS");
    expect_position(cluster->js);
    seamq(w, 1, "ORDERS: is on cluster sea-a already",
          (const char *[]){"stream", "copy", "--cluster", "single", "--to", "sea-a", "ORDERS", NULL});
    handle_the_rest(cluster->js);
}

/* A copy fails if messages are published during it. A copy that falls into a pause of the publisher succeeds, and is
 * then repeated. */
static void a_copy_of_a_stream_that_moves_on_is_no_copy(struct world *w)
{
    static const char *const copy[] = {"stream", "copy", "--cluster", "single", "--to", "sea-a", "BUSY", NULL};
    struct place *single = open_place(w, getenv("E2E_SINGLE_URL"), NULL),
                 *cluster = open_place(w, getenv("E2E_NATS_A_URL"), NULL);
    const char *said = "";

    add_stream(single->js, "BUSY", "busy", 1);
    struct ledger *l = publish(w, single->side.url, "busy", BUSY, 8);
    while (run_seamq(w, copy, &said) == 0 && ledger_acked(l) < BUSY)
        expect_ok(js_DeleteStream(cluster->js, "BUSY", NULL, NULL));
    assert_non_null(strstr(said, "stop what publishes to it"));
    ledger_finish(l, DEADLINE_S);
    expect_ok(js_DeleteStream(cluster->js, "BUSY", NULL, NULL));
    seamq(w, 0, "BUSY", copy);
    readback_expect(cluster->js, "BUSY", l);
}

/* The number of a stream's messages on one node, by its monitoring port. */
static int messages_on_node(const char *monitor, const char *stream)
{
    json_t *page = monitor_get(monitor, "/jsz?streams=1&accounts=1"), *account, *detail;
    double held = 0;
    size_t i, k;

    assert_non_null(page);
    json_array_foreach(json_object_get(page, "account_details"), i, account)
    {
        json_array_foreach(json_object_get(account, "stream_detail"), k, detail)
        {
            if (!strcmp(monitor_text(detail, "name"), stream))
                held += json_number_value(monitor_at(detail, "state/messages"));
        }
    }
    json_decref(page);
    return (int)held;
}

static void expect_whole(struct world *w, struct place *cluster, const char *stream)
{
    char *urls = (char *)world_text(w, "%s", getenv("E2E_NATS_A_MONITOR_URLS")), *next = NULL;
    jsConsumerInfo *info = NULL;

    for (char *url = strtok_r(urls, " ", &next); url; url = strtok_r(NULL, " ", &next))
        assert_int_equal(messages_on_node(url, stream), SMALL);
    expect_ok(js_GetConsumerInfo(&info, cluster->js, stream, "reader", NULL, NULL));
    assert_int_equal(info->NumPending, SMALL);
    jsConsumerInfo_Destroy(info);
}

static struct process *start_copy(struct world *w, const char *stream)
{
    const char *const argv[] = {E2E_SEAMQ, "stream",     "copy", "--cluster", "single", "--to",
                                "sea-a",   "--replicas", "3",    stream,      NULL};
    char *env[32];

    name_clusters(w, env);
    return process_spawn(
        w, &(struct process_spec){.name = stream, .argv = argv, .env = env, .log = world_path(w, "%s", stream)});
}

static const char *add_small_stream(struct world *w, struct place *single, int i)
{
    const char *name = world_text(w, "SMALL%d", i), *subject = world_text(w, "small.%d", i);
    jsConsumerConfig reader;

    add_stream(single->js, name, subject, 1);
    ledger_finish(publish(w, single->side.url, subject, SMALL, 64), DEADLINE_S);
    jsConsumerConfig_Init(&reader);
    reader.Durable = "reader";
    reader.AckPolicy = js_AckExplicit;
    expect_ok(js_AddConsumer(NULL, single->js, name, &reader, NULL, NULL));
    return name;
}

/* A copy ends when each replica has all messages and each consumer has counted its pending messages. With many copies
 * at once, some would otherwise end too early, and some start before all servers know the stream's replicas. */
static void a_copy_is_done_when_it_is_whole(struct world *w)
{
    struct place *single = open_place(w, getenv("E2E_SINGLE_URL"), NULL),
                 *cluster = open_place(w, getenv("E2E_NATS_A_URL"), NULL);
    struct process *copies[STREAMS];
    const char *streams[STREAMS];

    for (int i = 0; i < STREAMS; i++)
        streams[i] = add_small_stream(w, single, i);
    for (int i = 0; i < STREAMS; i++)
        copies[i] = start_copy(w, streams[i]);
    for (int i = 0; i < STREAMS; i++) {
        assert_true(process_wait(copies[i], DEADLINE_S));
        assert_int_equal(process_exit_code(copies[i]), 0);
        expect_whole(w, cluster, streams[i]);
    }
}

static void a_wrong_command_line_copies_nothing(struct world *w)
{
    seamq(w, 2, "--to CLUSTER", (const char *[]){"stream", "copy", "--cluster", "single", NULL});
    seamq(w, 2, "are both sea-a", (const char *[]){"stream", "copy", "--cluster", "sea-a", "--to", "sea-a", NULL});
    seamq(w, 2, "not a number from 1 to 5",
          (const char *[]){"stream", "copy", "--cluster", "single", "--to", "sea-a", "--replicas", "7", NULL});
    seamq(w, 1, "NONE: ", (const char *[]){"stream", "copy", "--cluster", "single", "--to", "sea-a", "NONE", NULL});
}

/* ---- to the mesh -------------------------------------------------------------------------------- */

static void grow_into_a_mesh(struct world *w, struct place *cluster)
{
    add_stream(cluster->js, "SHIPMENTS", "shipments", 3);
    struct ledger *l = publish(w, getenv("E2E_NATS_A_URLS"), "shipments", SHIPMENTS, 2);
    mesh_grow();
    print_message("%u messages were confirmed meanwhile\n", ledger_acked(l));
    assert_in_range(ledger_acked(l), 1, SHIPMENTS);
    ledger_finish(l, DEADLINE_S);
    readback_expect(cluster->js, "SHIPMENTS", l);
}

static void a_single_server_grows_into_a_cluster_and_a_mesh(struct world *w)
{
    struct place *single = open_place(w, getenv("E2E_SINGLE_URL"), NULL),
                 *cluster = open_place(w, getenv("E2E_NATS_A_URL"), NULL);

    move_to_the_cluster(w, single, cluster);
    grow_into_a_mesh(w, cluster);
    struct place *mesh = open_place(w, getenv("E2E_NATS_A_URL"), "sea-a");
    readback_expect_same(single->js, "ORDERS", mesh->js, "ORDERS");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        IT(a_single_server_grows_into_a_cluster_and_a_mesh),
        IT(a_copy_of_a_stream_that_moves_on_is_no_copy),
        IT(a_copy_is_done_when_it_is_whole),
        IT(a_wrong_command_line_copies_nothing),
    };

    if (!getenv("E2E_SINGLE_URL")) {
        printf("SKIP: E2E_SINGLE_URL is not set: no single server to grow (tests/e2e/growing.sh starts one)\n");
        return 77;
    }
    return it_main(tests, argc, argv);
}
