/* SPDX-License-Identifier: Apache-2.0
 * The permissions of a worker with one handler: what the handler needs works at home and across the mesh, everything
 * else is refused. mesh_worker.sh allows SEA_A_WORK/worker, SEA_A_DLQ and worked.> */
#include "e2e.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MESSAGES 20

struct worker {
    natsConnection *nc;
    atomic_int refused;
};

static void on_error(natsConnection *nc, natsSubscription *sub, natsStatus err, void *closure)
{
    struct worker *w = closure;

    (void)nc;
    (void)sub;
    if (err == NATS_NOT_PERMITTED)
        atomic_fetch_add(&w->refused, 1);
}

static void worker_open(struct worker *w, const struct side *side)
{
    struct login login = {.user = "worker",
                          .password = getenv("E2E_NATS_WORKER_PASSWORD"),
                          .inbox = "_INBOX_worker",
                          .on_error = on_error,
                          .closure = w};

    atomic_init(&w->refused, 0);
    expect_ok(mesh_connect(side, &login, &w->nc));
}

/* ---- the scene ------------------------------------------------------------------------------ */

static void add_consumer(jsCtx *js, const char *name)
{
    jsConsumerConfig config;

    jsConsumerConfig_Init(&config);
    config.Durable = name;
    config.AckPolicy = js_AckExplicit;
    expect_ok(js_AddConsumer(NULL, js, "SEA_A_WORK", &config, NULL, NULL));
}

static int set_up(void **state)
{
    if (!getenv("E2E_NATS_WORKER_PASSWORD")) {
        printf("SKIP: E2E_NATS_WORKER_PASSWORD is not set (mesh_worker.sh does it)\n");
        exit(77);
    }
    mesh_open(state);
    struct mesh *m = *state;
    jsStreamInfo_Destroy(mesh_add_stream(m->a.home, "SEA_A_WORK", "work.a"));
    jsStreamInfo_Destroy(mesh_add_stream(m->a.home, "SEA_A_DLQ", "dlq.SEA_A_WORK.>"));
    jsStreamInfo_Destroy(mesh_add_stream(m->a.home, "SEA_A_WORKED", "worked.>"));
    add_consumer(m->a.home, "worker");
    add_consumer(m->a.home, "other");
    return 0;
}

/* ---- allowed ---------------------------------------------------------------------------------- */

/* Fetches all messages. No responders: the consumer's interest has not crossed the gateway yet. */
static void fetch_all(natsMsgList *ret_list, natsSubscription *sub)
{
    int64_t deadline = mesh_now_ms() + MESH_DEADLINE_MS;
    natsStatus s;

    do
        s = natsSubscription_Fetch(ret_list, sub, MESSAGES, 5000, NULL);
    while (s == NATS_NO_RESPONDERS && mesh_now_ms() < deadline);
    expect_ok(s);
}

static void take_and_acknowledge(struct side *home, const struct side *side, const char *domain)
{
    struct worker w;
    natsSubscription *sub = NULL;
    natsMsgList list = {0};
    jsSubOptions bind;

    for (int i = 0; i < MESSAGES; i++)
        expect_ok(js_Publish(NULL, home->home, "work.a", "order", 5, NULL, NULL));
    worker_open(&w, side);
    jsCtx *js = mesh_context(w.nc, domain);
    jsSubOptions_Init(&bind);
    bind.Stream = "SEA_A_WORK";
    bind.Consumer = "worker";
    expect_ok(js_PullSubscribe(&sub, js, NULL, "worker", NULL, &bind, NULL));
    fetch_all(&list, sub);
    assert_int_equal(list.Count, MESSAGES);
    for (int i = 0; i < list.Count; i++)
        expect_ok(natsMsg_AckSync(list.Msgs[i], NULL, NULL));
    natsMsgList_Destroy(&list);
    assert_int_equal(atomic_load(&w.refused), 0);
    natsSubscription_Destroy(sub);
    jsCtx_Destroy(js);
    natsConnection_Destroy(w.nc);
}

static void a_worker_takes_and_acknowledges_at_home(void **state)
{
    struct mesh *m = *state;

    take_and_acknowledge(&m->a, &m->a, NULL);
    take_and_acknowledge(&m->a, &m->a, "sea-a");
}

static void a_worker_takes_and_acknowledges_across_the_mesh(void **state)
{
    struct mesh *m = *state;

    take_and_acknowledge(&m->a, &m->b, "sea-a");
}

static void a_worker_publishes_outputs_and_dead_letters(void **state)
{
    struct mesh *m = *state;
    struct worker w;

    for (const struct side *side = &m->a; side; side = side == &m->a ? &m->b : NULL) {
        worker_open(&w, side);
        jsCtx *js = mesh_context(w.nc, NULL);
        expect_ok(js_Publish(NULL, js, "worked.orders", "x", 1, NULL, NULL));
        expect_ok(js_Publish(NULL, js, "dlq.SEA_A_WORK.worker.1.1", "x", 1, NULL, NULL));
        assert_int_equal(atomic_load(&w.refused), 0);
        jsCtx_Destroy(js);
        natsConnection_Destroy(w.nc);
    }
}

static void on_ping(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *closure)
{
    (void)sub;
    (void)closure;
    natsConnection_PublishString(nc, natsMsg_GetReply(msg), "{}");
    natsMsg_Destroy(msg);
}

static void a_worker_answers_service_discovery(void **state)
{
    struct mesh *m = *state;
    natsSubscription *sub = NULL;
    struct worker w;

    worker_open(&w, &m->a);
    expect_ok(natsConnection_Subscribe(&sub, w.nc, "$SRV.PING", on_ping, NULL));
    mesh_wait_interest(m->b.nc, "$SRV.PING");
    natsSubscription_Destroy(sub);
    natsConnection_Destroy(w.nc);
}

/* ---- refused ---------------------------------------------------------------------------------- */

static bool becomes_refused(struct worker *w, int count)
{
    int64_t deadline = mesh_now_ms() + 5000;
    struct timespec pause = {.tv_nsec = 1000000};

    while (atomic_load(&w->refused) < count && mesh_now_ms() < deadline)
        nanosleep(&pause, NULL);
    return atomic_load(&w->refused) == count;
}

static void a_worker_may_not_publish_elsewhere(void **state)
{
    static const char *const subjects[] = {
        "work.a",
        "orders.other",
        "dlq.SEA_B_WORK.worker.1.1",
        "_INBOX.somebody",
        "$JS.ACK.SEA_A_WORK.other.1.1.1.1.0",
        "$JS.API.CONSUMER.MSG.NEXT.SEA_A_WORK.other",
        "$JS.sea-a.API.CONSUMER.MSG.NEXT.SEA_A_WORK.other",
        "$JS.API.CONSUMER.CREATE.SEA_A_WORK.worker",
        "$JS.API.STREAM.DELETE.SEA_A_WORK",
        "$JS.sea-a.API.STREAM.PURGE.SEA_A_WORK",
        "$JS.API.STREAM.NAMES",
    };
    struct mesh *m = *state;
    struct worker w;

    worker_open(&w, &m->a);
    for (int i = 0; i < (int)(sizeof(subjects) / sizeof(*subjects)); i++) {
        expect_ok(natsConnection_PublishString(w.nc, subjects[i], ""));
        expect_ok(natsConnection_FlushTimeout(w.nc, 5000));
        if (!becomes_refused(&w, i + 1))
            fail_msg("a worker may publish to %s", subjects[i]);
    }
    natsConnection_Destroy(w.nc);
}

static void a_worker_may_not_listen_elsewhere(void **state)
{
    static const char *const subjects[] = {">", "work.a", "_INBOX.>", "$JS.ACK.>"};
    natsSubscription *subs[4] = {NULL};
    struct mesh *m = *state;
    struct worker w;

    worker_open(&w, &m->b);
    for (int i = 0; i < 4; i++) {
        expect_ok(natsConnection_SubscribeSync(&subs[i], w.nc, subjects[i]));
        expect_ok(natsConnection_FlushTimeout(w.nc, 5000));
        if (!becomes_refused(&w, i + 1))
            fail_msg("a worker may subscribe to %s", subjects[i]);
    }
    for (int i = 0; i < 4; i++)
        natsSubscription_Destroy(subs[i]);
    natsConnection_Destroy(w.nc);
}

static void nobody_gets_in_without_the_right_password(void **state)
{
    static const struct login logins[] = {
        {.user = "worker", .password = ""},
        {.user = "worker", .password = "wrong"},
        {.user = "app", .password = ""},
        {.user = "sys-sea-a", .password = ""},
        {.user = "sys-sea-b", .password = "wrong"},
        {.user = "nobody", .password = "x"},
    };
    struct mesh *m = *state;
    natsConnection *nc = NULL;

    for (size_t i = 0; i < sizeof(logins) / sizeof(*logins); i++) {
        natsStatus s = mesh_connect(&m->a, &logins[i], &nc);
        if (s != NATS_CONNECTION_AUTH_FAILED)
            fail_msg("%s with \"%s\": %s", logins[i].user, logins[i].password, natsStatus_GetText(s));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_worker_takes_and_acknowledges_at_home),
        cmocka_unit_test(a_worker_takes_and_acknowledges_across_the_mesh),
        cmocka_unit_test(a_worker_publishes_outputs_and_dead_letters),
        cmocka_unit_test(a_worker_answers_service_discovery),
        cmocka_unit_test(a_worker_may_not_publish_elsewhere),
        cmocka_unit_test(a_worker_may_not_listen_elsewhere),
        cmocka_unit_test(nobody_gets_in_without_the_right_password),
    };
    return cmocka_run_group_tests_name("mesh_worker", tests, set_up, mesh_close) ? 1 : 0;
}
