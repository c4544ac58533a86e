/* SPDX-License-Identifier: Apache-2.0
 * Servers are killed with SIGKILL while messages are published to an R3 stream in each domain: no confirmed publish is
 * lost. On the local mesh only. IT_MESSAGES sets the number of messages for each stream. */
#include "e2e.h"
#include "nodes.h"
#include "readback.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEADLINE_S 90 /* seconds */

struct domain {
    struct side *side;
    const char *stream, *urls;
    struct ledger *ledger;
};

struct scene {
    struct mesh *mesh;
    struct domain a, b;
};

static uint32_t messages(void)
{
    return world_messages(20000);
}

static void open_domain(struct world *w, struct domain *d, struct side *side, const char *urls, const char *name)
{
    const char *subject = world_text(w, "e2e.durability.%s.%s", side->domain, name);

    *d = (struct domain){.side = side, .urls = getenv(urls), .stream = world_text(w, "E2E_%s_%s", side->domain, name)};
    jsStreamInfo_Destroy(mesh_add_stream(side->home, d->stream, subject));
    struct ledger_options o = {.urls = d->urls, .subject = subject, .count = messages(), .in_flight = 64};
    d->ledger = ledger_start(w, &o);
}

/* Creates a stream of this test in each domain and starts publishers to both. */
static void open_scene(struct world *w, struct scene *s, const char *name)
{
    s->mesh = mesh_in(w);
    open_domain(w, &s->a, &s->mesh->a, "E2E_NATS_A_URLS", name);
    open_domain(w, &s->b, &s->mesh->b, "E2E_NATS_B_URLS", name);
}

struct progress {
    struct ledger *ledger;
    uint32_t acked;
};

static bool has_progressed(void *data)
{
    struct progress *p = data;
    return ledger_acked(p->ledger) >= p->acked;
}

static void wait_acked(struct domain *d, uint32_t acked)
{
    struct progress p = {d->ledger, acked};
    if (!world_until(has_progressed, &p, DEADLINE_S))
        fail_msg("%s: %u of %u publishes confirmed, stuck", d->stream, ledger_acked(d->ledger), acked);
}

static void finish(struct domain *d)
{
    ledger_finish(d->ledger, DEADLINE_S);
    readback_expect(d->side->home, d->stream, d->ledger);
    expect_ok(js_DeleteStream(d->side->home, d->stream, NULL, NULL));
}

/* A node with a replica of the stream: the leader, or a follower. */
static const char *node_of(struct world *w, struct domain *d, bool leader)
{
    jsStreamInfo *info = NULL;
    jsErrCode code = 0;

    expect_ok(js_GetStreamInfo(&info, d->side->home, d->stream, NULL, &code));
    assert_non_null(info->Cluster);
    const char *node = world_text(w, "%s", leader ? info->Cluster->Leader : info->Cluster->Replicas[0]->Name);
    jsStreamInfo_Destroy(info);
    return node;
}

/* Kills and restarts one node of each cluster while messages are published. */
static void kill_one_of_each(struct world *w, const char *name, bool leader)
{
    struct scene s;

    open_scene(w, &s, name);
    wait_acked(&s.a, messages() / 4);
    wait_acked(&s.b, messages() / 4);
    const char *nodes[] = {node_of(w, &s.a, leader), node_of(w, &s.b, leader), NULL};
    node_kill(nodes[0]);
    node_kill(nodes[1]);
    wait_acked(&s.a, messages() / 2); /* publishing continues without the node */
    wait_acked(&s.b, messages() / 2);
    node_start(nodes[0]);
    node_start(nodes[1]);
    nodes_wait_ready(nodes);
    finish(&s.a);
    finish(&s.b);
}

static void a_killed_node_loses_nothing(struct world *w)
{
    kill_one_of_each(w, "node", false);
}

static void a_killed_stream_leader_loses_nothing(struct world *w)
{
    kill_one_of_each(w, "leader", true);
}

/* The other cluster is not affected: meanwhile a stream with three replicas can be created there. */
static void a_killed_cluster_loses_nothing(struct world *w)
{
    struct scene s;

    open_scene(w, &s, "cluster");
    wait_acked(&s.a, messages() / 2);
    cluster_kill("sea-a");
    uint32_t before = ledger_acked(s.a.ledger);
    jsStreamInfo_Destroy(mesh_add_stream(s.mesh->b.home, "E2E_B_ALONE", "e2e.durability.alone"));
    expect_ok(js_DeleteStream(s.mesh->b.home, "E2E_B_ALONE", NULL, NULL));
    finish(&s.b);
    assert_true(ledger_acked(s.a.ledger) < messages());
    print_message("sea-a was killed after %u confirmed publishes, while sea-b took all of its own\n", before);
    cluster_start_again("sea-a");
    finish(&s.a);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        IT(a_killed_node_loses_nothing),
        IT(a_killed_stream_leader_loses_nothing),
        IT(a_killed_cluster_loses_nothing),
    };

    nodes_need();
    return it_main(tests, argc, argv);
}
