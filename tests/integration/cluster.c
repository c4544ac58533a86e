/* SPDX-License-Identifier: Apache-2.0
 * A cluster of three servers with R3 streams: servers are killed and frozen while the daemon uses them. */
#include "load.h"

#include "http.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INSTANCE "it-instance"

static struct scene *prepare(struct world *w)
{
    struct scene *s = scene_prepare(w, &(struct scene_options){.cluster = true});
    scene_set(s, "ACK_WAIT", "5s");
    daemon_env(s->daemon, "SEAMQ_NAME=" INSTANCE);
    daemon_env(s->daemon, "SEAMQ_CLUSTER_DEFAULT_PING_INTERVAL=500ms");
    scene_start(s);
    return s;
}

static bool serves_daemon(struct server *node)
{
    char *body = NULL;
    if (!node->proc->running || node->frozen)
        return false;
    bool found = http_get(node->monitor, "/connz", 3, &body) == 200 && strstr(body, INSTANCE);
    free(body);
    return found;
}

struct node_query {
    struct scene *s;
    struct server *found;
};

static bool find_connected(void *data)
{
    struct node_query *q = data;
    for (int i = 0; i < CLUSTER_NODES; i++)
        if (serves_daemon(q->s->cluster->nodes[i]))
            q->found = q->s->cluster->nodes[i];
    return q->found != NULL;
}

/* The node that the daemon is connected to; waits for a connection. */
static struct server *connected_node(struct scene *s)
{
    struct node_query q = {.s = s};
    if (!world_until(find_connected, &q, 30))
        fail_msg("no node has a connection whose name contains \"%s\"", INSTANCE);
    return q.found;
}

static bool find_leader(void *data)
{
    struct node_query *q = data;
    const char *leader = json_text(client_api(q->s->client, NULL, "STREAM.INFO.WORK"), "cluster.leader");
    q->found = leader ? cluster_node(q->s->cluster, leader) : NULL;
    return q->found != NULL;
}

static struct server *stream_leader(struct scene *s)
{
    struct node_query q = {.s = s};
    if (!world_until(find_leader, &q, 30))
        fail_msg("the stream WORK has no leader");
    return q.found;
}

static void finish(struct scene *s, struct ledger *l)
{
    load_finish(s, l);
    daemon_wait_ready(s->daemon, 20);
    assert_int_equal(daemon_stop(s->daemon, 30), 0);
}

static void a_killed_stream_leader_loses_nothing(struct world *w)
{
    struct scene *s = prepare(w);
    struct ledger *l = load_start(s, NULL);

    for (unsigned i = 0; i < 2; i++) {
        load_wait_mark(s, i, 2);
        struct server *node = stream_leader(s);
        print_message("killing the stream's leader, %s\n", node->name);
        server_kill(node);
        server_restart(node);
    }
    finish(s, l);
}

static void a_killed_connected_server_loses_nothing(struct world *w)
{
    struct scene *s = prepare(w);
    struct ledger *l = load_start(s, NULL);

    for (unsigned i = 0; i < 2; i++) {
        load_wait_mark(s, i, 2);
        struct server *node = connected_node(s);
        print_message("killing the daemon's server, %s\n", node->name);
        server_kill(node);
        connected_node(s); /* the daemon has connected to another server */
        server_restart(node);
    }
    finish(s, l);
}

static void a_frozen_connected_server_is_left(struct world *w)
{
    struct scene *s = prepare(w);
    struct ledger *l = load_start(s, NULL);

    load_wait_mark(s, 0, 1);
    struct server *node = connected_node(s);
    print_message("freezing the daemon's server, %s\n", node->name);
    server_freeze(node);
    connected_node(s);
    uint64_t before = effects_lines(s->effects);
    if (before < load_messages())
        assert_true(effects_wait(s->effects, before + 1, load_deadline_s()));
    server_thaw(node);
    server_wait_ready(node, 30);
    finish(s, l);
}

struct leader_query {
    struct scene *s;
    const char *name;
};

static bool leads_elsewhere(void *data)
{
    struct leader_query *q = data;
    json_t *info = client_consumer(q->s->client, "WORK", SCENE_HANDLER);
    q->name = info ? json_text(info, "cluster.leader") : NULL;
    if (q->name && strcmp(q->name, q->s->cluster->nodes[0]->name) != 0)
        return true;
    if (q->name)
        client_api(q->s->client, NULL, "CONSUMER.LEADER.STEPDOWN.WORK." SCENE_HANDLER);
    return false;
}

/* The node that leads the consumer; leadership is moved until it is another node than the first. */
static struct server *lead_elsewhere(struct scene *s)
{
    struct leader_query q = {.s = s};
    if (!world_until(leads_elsewhere, &q, 30))
        fail_msg("the consumer's leader stays on the first server");
    return cluster_node(s->cluster, q.name);
}

/* The new leader never received these acknowledgements, and responds as if there were none. */
static void acknowledgements_that_a_dead_leader_took_along_are_sent_again(struct world *w)
{
    struct scene *s = scene_prepare(w, &(struct scene_options){.cluster = true});

    daemon_env(s->daemon, "NATS_URL=%s", s->cluster->nodes[0]->url);
    scene_set(s, "ACK_WAIT", "120s");
    scene_set(s, "WORKERS", "4");
    scene_start(s);
    struct server *leader = lead_elsewhere(s);
    for (int i = 1; i <= 4; i++)
        scene_publish(s, "%d sleep 3000", i);
    scene_expect_effects(s, 4, 20);
    server_freeze(leader);
    assert_true(daemon_wait_metric(s->daemon, "seamq_messages_processed_total", "outcome=\"ack\"", 4, 20));
    server_kill(leader);
    scene_expect_settled(s, 60);
    assert_int_equal(effects_lines(s->effects), 4);
}

/* Messages that the leader sends to the daemon's server must not arrive after the daemon has left. */
static void drain_under_flow(struct world *w, double rate)
{
    struct scene *s = scene_prepare(w, &(struct scene_options){.cluster = true});
    struct ledger_options o = {.urls = s->urls, .subject = "work.test", .count = 1000000, .rate = rate};

    daemon_env(s->daemon, "NATS_URL=%s", s->cluster->nodes[0]->url);
    scene_set(s, "ACK_WAIT", "300s");
    scene_start(s);
    lead_elsewhere(s);
    struct ledger *l = ledger_start(w, &o);
    for (int i = 0; i < 8; i++) {
        uint64_t before = effects_lines(s->effects);
        if (i > 0)
            scene_start(s);
        assert_true(effects_wait(s->effects, before + 200, load_deadline_s()));
        assert_int_equal(daemon_stop(s->daemon, 20), 0);
    }
    ledger_stop(l);
    ledger_finish(l, load_deadline_s());
    scene_start(s);
    scene_expect_settled(s, 120);
}

static void a_drain_under_heavy_flow_leaves_nothing_to_ack_wait(struct world *w)
{
    drain_under_flow(w, 0);
}

static void a_drain_under_light_flow_leaves_nothing_to_ack_wait(struct world *w)
{
    drain_under_flow(w, 500);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        IT(a_killed_stream_leader_loses_nothing),
        IT(a_killed_connected_server_loses_nothing),
        IT(a_frozen_connected_server_is_left),
        IT(acknowledgements_that_a_dead_leader_took_along_are_sent_again),
        IT(a_drain_under_heavy_flow_leaves_nothing_to_ack_wait),
        IT(a_drain_under_light_flow_leaves_nothing_to_ack_wait),
    };
    return it_main(tests, argc, argv);
}
