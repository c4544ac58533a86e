/* SPDX-License-Identifier: Apache-2.0
 * Core messages cross between the clusters, in both directions: subscribe on B and publish on A, and the reverse. On
 * any mesh. */
#include "e2e.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGES 500

static char side_a[] = "a", side_b[] = "b";

/* Answers a request with the listener's side (the closure) and the request's header Side. */
static void on_request(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *closure)
{
    const char *side = "", *name = closure;
    char text[64];

    (void)sub;
    natsMsgHeader_Get(msg, "Side", &side);
    snprintf(text, sizeof(text), "%s heard %s", name, side);
    natsConnection_PublishString(nc, natsMsg_GetReply(msg), text);
    natsMsg_Destroy(msg);
}

/* Subscribes on `there`, and returns when a publisher on `here` reaches the subscription. The probe's subject is
 * subscribed later on the same connection, so a server that knows its interest also knows the first one. */
static natsSubscription *listen_across(natsConnection *there, natsConnection *here, const char *subject,
                                       const char *queue)
{
    natsSubscription *sub = NULL, *probes = NULL;
    char probe[96];

    snprintf(probe, sizeof(probe), "%s-probe", subject);
    if (queue)
        expect_ok(natsConnection_QueueSubscribeSync(&sub, there, subject, queue));
    else
        expect_ok(natsConnection_SubscribeSync(&sub, there, subject));
    expect_ok(natsConnection_Subscribe(&probes, there, probe, on_request, side_a));
    mesh_wait_interest(here, probe);
    natsSubscription_Destroy(probes);
    return sub;
}

static void publish_numbers(natsConnection *from, const char *subject)
{
    char text[16];

    for (int i = 0; i < MESSAGES; i++) {
        snprintf(text, sizeof(text), "%d", i);
        expect_ok(natsConnection_PublishString(from, subject, text));
    }
    expect_ok(natsConnection_FlushTimeout(from, 5000));
}

/* ---- messages, in each direction -------------------------------------------------------------- */

static void each_arrives_once_and_in_order(natsConnection *from, natsConnection *to, const char *subject)
{
    natsSubscription *sub = listen_across(to, from, subject, NULL);
    natsMsg *msg = NULL;

    publish_numbers(from, subject);
    for (int i = 0; i < MESSAGES; i++) {
        expect_ok(natsSubscription_NextMsg(&msg, sub, MESH_DEADLINE_MS));
        assert_int_equal(atoi(natsMsg_GetData(msg)), i);
        natsMsg_Destroy(msg);
    }
    assert_int_equal(natsSubscription_NextMsg(&msg, sub, 100), NATS_TIMEOUT);
    natsSubscription_Destroy(sub);
}

static void published_on_a_arrives_on_b(void **state)
{
    struct mesh *m = *state;
    each_arrives_once_and_in_order(m->a.nc, m->b.nc, mesh_name("e2e.pubsub.ab"));
}

static void published_on_b_arrives_on_a(void **state)
{
    struct mesh *m = *state;
    each_arrives_once_and_in_order(m->b.nc, m->a.nc, mesh_name("e2e.pubsub.ba"));
}

/* ---- requests --------------------------------------------------------------------------------- */

static void ask(natsConnection *from, const char *subject, const char *side, const char *expected)
{
    natsMsg *request = NULL, *answer = NULL;

    expect_ok(natsMsg_Create(&request, subject, NULL, "x", 1));
    expect_ok(natsMsgHeader_Set(request, "Side", side));
    expect_ok(natsConnection_RequestMsg(&answer, from, request, 5000));
    assert_string_equal(natsMsg_GetData(answer), expected);
    natsMsg_Destroy(request);
    natsMsg_Destroy(answer);
}

static void a_request_is_answered_from_the_other_side(void **state)
{
    struct mesh *m = *state;
    natsSubscription *on_a = NULL, *on_b = NULL;
    const char *a = mesh_name("e2e.request.a"), *b = mesh_name("e2e.request.b");

    expect_ok(natsConnection_Subscribe(&on_a, m->a.nc, a, on_request, side_a));
    expect_ok(natsConnection_Subscribe(&on_b, m->b.nc, b, on_request, side_b));
    mesh_wait_interest(m->b.nc, a);
    mesh_wait_interest(m->a.nc, b);
    ask(m->b.nc, a, "b", "a heard b");
    ask(m->a.nc, b, "a", "b heard a");
    natsSubscription_Destroy(on_a);
    natsSubscription_Destroy(on_b);
}

/* After the last listener has unsubscribed, a request from the other side fails immediately (no responders). */
static void nobody_left_to_listen_is_known_on_the_other_side(void **state)
{
    struct mesh *m = *state;
    int64_t deadline = mesh_now_ms() + MESH_DEADLINE_MS;
    const char *subject = mesh_name("e2e.gone");
    natsSubscription *sub = NULL;
    natsMsg *answer = NULL;
    natsStatus s;

    expect_ok(natsConnection_Subscribe(&sub, m->b.nc, subject, on_request, side_b));
    mesh_wait_interest(m->a.nc, subject);
    natsSubscription_Destroy(sub);
    do {
        s = natsConnection_RequestString(&answer, m->a.nc, subject, "x", 250);
        natsMsg_Destroy(answer);
        answer = NULL;
    } while (s != NATS_NO_RESPONDERS && mesh_now_ms() < deadline);
    assert_int_equal(s, NATS_NO_RESPONDERS);
}

/* ---- queue groups ----------------------------------------------------------------------------- */

static int take_all(natsSubscription *sub, bool *seen)
{
    natsMsg *msg = NULL;
    int n = 0;

    while (natsSubscription_NextMsg(&msg, sub, 500) == NATS_OK) {
        int i = atoi(natsMsg_GetData(msg));
        assert_in_range(i, 0, MESSAGES - 1);
        assert_false(seen[i]);
        seen[i] = true;
        natsMsg_Destroy(msg);
        n++;
    }
    return n;
}

/* With members on both sides each message is delivered once, and to the publisher's side if it has a member. */
static void a_queue_group_prefers_its_own_side(void **state)
{
    struct mesh *m = *state;
    const char *subject = mesh_name("e2e.queue");
    natsSubscription *on_a = listen_across(m->a.nc, m->b.nc, subject, "workers"),
                     *on_b = listen_across(m->b.nc, m->a.nc, subject, "workers");
    bool seen[MESSAGES] = {false};

    publish_numbers(m->a.nc, subject);
    assert_int_equal(take_all(on_a, seen), MESSAGES);
    assert_int_equal(take_all(on_b, seen), 0);

    natsSubscription_Destroy(on_a);
    expect_ok(natsConnection_FlushTimeout(m->a.nc, 5000));
    memset(seen, 0, sizeof(seen));
    publish_numbers(m->a.nc, subject);
    assert_int_equal(take_all(on_b, seen), MESSAGES);
    natsSubscription_Destroy(on_b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_on_a_arrives_on_b),
        cmocka_unit_test(published_on_b_arrives_on_a),
        cmocka_unit_test(a_request_is_answered_from_the_other_side),
        cmocka_unit_test(nobody_left_to_listen_is_known_on_the_other_side),
        cmocka_unit_test(a_queue_group_prefers_its_own_side),
    };
    return cmocka_run_group_tests_name("federation_pubsub_across_clusters", tests, mesh_open, mesh_close) ? 1 : 0;
}
