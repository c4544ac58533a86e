/* SPDX-License-Identifier: Apache-2.0
 * The line between the clusters drops all packets, or is slow: each side keeps its own domain, and traffic across
 * continues when the line is healed. gateway_cut.sh creates the line; E2E_WAN is its control socket. */
#include "e2e.h"
#include "monitor.h"
#include "readback.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define MESSAGES 500
#define DEADLINE_S 120 /* seconds: a server closes a gateway that is silent for 30 s, and connects again */

/* ---- the line --------------------------------------------------------------------------------- */

static void wan(const char *command)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX}, own = {.sun_family = AF_UNIX};
    struct timeval limit = {.tv_sec = 10};
    char answer[16] = "";

    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", getenv("E2E_WAN"));
    bind(fd, (struct sockaddr *)&own, sizeof(sa_family_t)); /* the kernel chooses an address, for the response */
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    if (sendto(fd, command, strlen(command), 0, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        recv(fd, answer, sizeof(answer) - 1, 0) < 0 || strcmp(answer, "done") != 0)
        fail_msg("e2e-wan: %s: no answer (%s)", command, answer);
    close(fd);
    print_message("the line: %s\n", command);
}

static void heal(void *data)
{
    (void)data;
    wan("heal");
}

/* ---- the scene -------------------------------------------------------------------------------- */

struct scene {
    struct mesh *mesh;
    const char *stream, *subject; /* in sea-a */
};

static void open_scene(struct world *w, struct scene *s, const char *name)
{
    s->mesh = mesh_in(w);
    s->stream = world_text(w, "E2E_SEA_A_%s", name);
    s->subject = world_text(w, "e2e.cut.%s", name);
    jsStreamInfo_Destroy(mesh_add_stream(s->mesh->a.home, s->stream, s->subject));
    world_at_end(w, heal, NULL);
}

static struct ledger *publish(struct world *w, const struct side *side, const char *subject)
{
    struct ledger_options o = {.urls = side->url, .subject = subject, .count = MESSAGES};
    struct ledger *l = ledger_start(w, &o);

    ledger_finish(l, DEADLINE_S);
    return l;
}

static void on_request(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *closure)
{
    (void)sub;
    (void)closure;
    natsConnection_PublishString(nc, natsMsg_GetReply(msg), "here");
    natsMsg_Destroy(msg);
}

struct request {
    natsConnection *from;
    const char *subject;
};

static bool is_answered(void *data)
{
    struct request *r = data;
    natsMsg *answer = NULL;

    natsStatus s = natsConnection_RequestString(&answer, r->from, r->subject, "x", 1000);
    natsMsg_Destroy(answer);
    return s == NATS_OK;
}

static bool is_not_answered(void *data)
{
    return !is_answered(data);
}

/* Consumes the stream from the other side until each of the MESSAGES messages up to `last` has arrived. A message is
 * redelivered if the cut line lost its acknowledgement. Returns the number of repeats. */
static int consume_across(struct scene *s, natsSubscription *sub, uint64_t last)
{
    int64_t deadline = mesh_now_ms() + DEADLINE_S * 1000;
    bool seen[2 * MESSAGES + 1] = {false};
    uint64_t fresh = 0;
    int repeats = 0;

    while (fresh < MESSAGES && mesh_now_ms() < deadline) {
        natsMsgList list = {0};
        if (natsSubscription_Fetch(&list, sub, 100, 2000, NULL) != NATS_OK)
            continue;
        for (int i = 0; i < list.Count; i++) {
            jsMsgMetaData *meta = NULL;
            expect_ok(natsMsg_GetMetaData(&meta, list.Msgs[i]));
            uint64_t seq = meta->Sequence.Stream;
            jsMsgMetaData_Destroy(meta);
            assert_in_range(seq, 1, last);
            bool is_fresh = seq + MESSAGES > last && !seen[seq];
            fresh += is_fresh;
            repeats += !is_fresh;
            seen[seq] = true;
            expect_ok(natsMsg_Ack(list.Msgs[i], NULL));
        }
        natsMsgList_Destroy(&list);
    }
    if (fresh != MESSAGES)
        fail_msg("%llu of %d messages of %s arrived on the other side", (unsigned long long)fresh, MESSAGES, s->stream);
    return repeats;
}

/* ---- cut -------------------------------------------------------------------------------------- */

static bool gateways_are(const struct side *side, const char *other, bool up)
{
    char urls[512];
    bool all = true;

    snprintf(urls, sizeof(urls), "%s", side->monitors);
    for (char *save, *url = strtok_r(urls, ", ", &save); url; url = strtok_r(NULL, ", ", &save)) {
        json_t *page = monitor_get(url, "/gatewayz"), *outbound = monitor_at(page, "outbound_gateways");
        all = all && page && (json_object_get(outbound, other) != NULL) == up;
        json_decref(page);
    }
    return all;
}

static bool both_see_none(void *data)
{
    struct mesh *m = data;
    return gateways_are(&m->a, "sea-b", false) && gateways_are(&m->b, "sea-a", false);
}

static bool both_see_the_other(void *data)
{
    struct mesh *m = data;
    return gateways_are(&m->a, "sea-b", true) && gateways_are(&m->b, "sea-a", true);
}

/* A stream can be created, published to and read. */
static void works_alone(struct world *w, const struct side *side)
{
    const char *stream = world_text(w, "E2E_%s_ALONE", side->domain);
    const char *subject = world_text(w, "e2e.cut.alone.%s", side->domain);

    jsStreamInfo_Destroy(mesh_add_stream(side->home, stream, subject));
    readback_expect(side->home, stream, publish(w, side, subject));
    expect_ok(js_DeleteStream(side->home, stream, NULL, NULL));
}

static void each_side_keeps_its_own_while_the_line_is_cut(struct world *w)
{
    natsSubscription *answers = NULL, *sub = NULL;
    struct request r;
    struct scene s;

    open_scene(w, &s, "CUT");
    struct mesh *m = s.mesh;
    r = (struct request){m->a.nc, "e2e.cut.request"};
    expect_ok(natsConnection_Subscribe(&answers, m->b.nc, r.subject, on_request, NULL));
    assert_true(world_until(is_answered, &r, DEADLINE_S));
    expect_ok(js_PullSubscribe(&sub, m->b.across, s.subject, "across", NULL, NULL, NULL));
    publish(w, &m->a, s.subject);
    print_message("before the cut: %d repeats\n", consume_across(&s, sub, MESSAGES));

    wan("cut");
    assert_true(world_until(is_not_answered, &r, DEADLINE_S));
    int64_t cut = mesh_now_ms();
    works_alone(w, &m->a);
    works_alone(w, &m->b);
    publish(w, &m->a, s.subject);
    if (!world_until(both_see_none, m, DEADLINE_S))
        fail_msg("the gateways do not notice in %d s that the line is cut", DEADLINE_S);
    print_message("every node has noticed %.1f s after the cut\n", (double)(mesh_now_ms() - cut) / 1000);

    wan("heal");
    int64_t healed = mesh_now_ms();
    if (!world_until(both_see_the_other, m, DEADLINE_S) || !world_until(is_answered, &r, DEADLINE_S))
        fail_msg("no traffic across in %d s after the line was healed", DEADLINE_S);
    print_message("traffic crosses again %.1f s after the heal\n", (double)(mesh_now_ms() - healed) / 1000);
    print_message("published during the cut: %d repeats\n", consume_across(&s, sub, 2 * MESSAGES));
    natsSubscription_Destroy(sub);
    natsSubscription_Destroy(answers);
}

/* A cut that ends before a server notices it only costs time, because TCP retransmits. */
static void a_short_cut_loses_nothing(struct world *w)
{
    natsSubscription *sub = NULL;
    struct scene s;

    open_scene(w, &s, "SHORT");
    expect_ok(js_PullSubscribe(&sub, s.mesh->b.across, s.subject, "across", NULL, NULL, NULL));
    wan("cut");
    publish(w, &s.mesh->a, s.subject);
    wan("heal");
    print_message("published during the cut: %d repeats\n", consume_across(&s, sub, MESSAGES));
    natsSubscription_Destroy(sub);
}

/* ---- slow ------------------------------------------------------------------------------------- */

static void in_order_across(natsConnection *from, natsConnection *to, const char *subject)
{
    natsSubscription *sub = NULL, *probes = NULL;
    struct request probe = {from, "e2e.slow.probe"};
    natsMsg *msg = NULL;
    char text[16];

    expect_ok(natsConnection_SubscribeSync(&sub, to, subject));
    expect_ok(natsConnection_Subscribe(&probes, to, probe.subject, on_request, NULL));
    assert_true(world_until(is_answered, &probe, DEADLINE_S));
    for (int i = 0; i < MESSAGES; i++) {
        snprintf(text, sizeof(text), "%d", i);
        expect_ok(natsConnection_PublishString(from, subject, text));
    }
    for (int i = 0; i < MESSAGES; i++) {
        expect_ok(natsSubscription_NextMsg(&msg, sub, DEADLINE_S * 1000));
        assert_int_equal(atoi(natsMsg_GetData(msg)), i);
        natsMsg_Destroy(msg);
    }
    natsSubscription_Destroy(probes);
    natsSubscription_Destroy(sub);
}

static void a_slow_and_lossy_line_still_works(struct world *w)
{
    natsSubscription *sub = NULL;
    struct scene s;

    open_scene(w, &s, "SLOW");
    struct mesh *m = s.mesh;
    assert_true(world_until(both_see_the_other, m, DEADLINE_S));
    wan("slow 100 1");
    int64_t began = mesh_now_ms();
    in_order_across(m->a.nc, m->b.nc, "e2e.slow.ab");
    in_order_across(m->b.nc, m->a.nc, "e2e.slow.ba");
    publish(w, &m->a, s.subject);
    expect_ok(js_PullSubscribe(&sub, m->b.across, s.subject, "across", NULL, NULL, NULL));
    print_message("consumed across: %d repeats\n", consume_across(&s, sub, MESSAGES));
    print_message("%.1f s for %d messages each way and %d from the stream\n", (double)(mesh_now_ms() - began) / 1000,
                  MESSAGES, MESSAGES);
    natsSubscription_Destroy(sub);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        IT(a_short_cut_loses_nothing),
        IT(a_slow_and_lossy_line_still_works),
        IT(each_side_keeps_its_own_while_the_line_is_cut),
    };

    if (!getenv("E2E_WAN")) {
        printf("SKIP: E2E_WAN is not set: no line to cut (tests/e2e/gateway_cut.sh makes one)\n");
        return 77;
    }
    return it_main(tests, argc, argv);
}
