/* SPDX-License-Identifier: Apache-2.0
 * fault_cluster - kills, stops and freezes nats-server processes, and moves leaders. */
#include "faults.h"

#include "cluster.h"

#include <signal.h>
#include <stdio.h>

/* ---- which node -------------------------------------------------------------------------- */

static bool choose(struct injection *i, struct server *node, const char *role)
{
    i->node = node;
    if (node)
        snprintf(i->what, sizeof(i->what), "%s%s", node->name, role);
    return node != NULL;
}

static bool choose_any(struct chaos *c, struct injection *i)
{
    return choose(i, c->cluster->nodes[i->roll % CLUSTER_NODES], "");
}

static bool choose_leader(struct chaos *c, struct injection *i)
{
    return i->roll % 2 ? choose(i, cluster_stream_leader(c), ", the stream's leader")
                       : choose(i, cluster_consumer_leader(c), ", the consumer's leader");
}

static bool choose_connected(struct chaos *c, struct injection *i)
{
    return choose(i, cluster_connected(c), ", the daemon's server");
}

/* ---- the faults -------------------------------------------------------------------- */

static bool kill_node(struct injection *i)
{
    server_kill(i->node);
    return true;
}

static bool freeze_node(struct injection *i)
{
    server_freeze(i->node);
    return true;
}

static bool kill_any(struct chaos *c, struct injection *i)
{
    return choose_any(c, i) && kill_node(i);
}

static bool kill_leader(struct chaos *c, struct injection *i)
{
    return choose_leader(c, i) && kill_node(i);
}

static bool kill_connected(struct chaos *c, struct injection *i)
{
    return choose_connected(c, i) && kill_node(i);
}

static bool freeze_any(struct chaos *c, struct injection *i)
{
    return choose_any(c, i) && freeze_node(i);
}

static bool freeze_leader(struct chaos *c, struct injection *i)
{
    return choose_leader(c, i) && freeze_node(i);
}

static bool freeze_connected(struct chaos *c, struct injection *i)
{
    return choose_connected(c, i) && freeze_node(i);
}

static bool stop_any(struct chaos *c, struct injection *i)
{
    choose_any(c, i);
    process_signal(i->node->proc, SIGTERM);
    return true;
}

/* The lane waits until the node is healthy before its next fault. */
static void launch(struct chaos *c, struct injection *i)
{
    (void)c;
    if (!process_wait(i->node->proc, 20))
        fail_msg("nats-server %s does not stop on SIGTERM", i->node->name);
    server_launch(i->node);
}

static void thaw(struct chaos *c, struct injection *i)
{
    (void)c;
    server_thaw(i->node);
}

static bool step_down(struct chaos *c, struct injection *i)
{
    json_t *answer = i->roll % 2
                         ? client_api(c->client, NULL, "STREAM.LEADER.STEPDOWN." CHAOS_STREAM)
                         : client_api(c->client, NULL, "CONSUMER.LEADER.STEPDOWN." CHAOS_STREAM "." CHAOS_HANDLER);
    snprintf(i->what, sizeof(i->what), "%s", i->roll % 2 ? "the stream's" : "the consumer's");
    return !json_object_get(answer, "error");
}

const struct fault cluster_faults[] = {
    {"server kill -9", LANE_CLUSTER, REPEATS_ANY, 1, 5, NULL, kill_any, launch},
    {"leader kill -9", LANE_CLUSTER, REPEATS_ANY, 1, 5, NULL, kill_leader, launch},
    {"connected server kill -9", LANE_CLUSTER, REPEATS_ANY, 1, 5, NULL, kill_connected, launch},
    {"server SIGSTOP", LANE_CLUSTER, REPEATS_ANY, 2, 8, NULL, freeze_any, thaw},
    {"leader SIGSTOP", LANE_CLUSTER, REPEATS_ANY, 2, 8, NULL, freeze_leader, thaw},
    {"connected server SIGSTOP", LANE_CLUSTER, REPEATS_ANY, 4, 9, NULL, freeze_connected, thaw},
    {"server SIGTERM", LANE_CLUSTER, REPEATS_ANY, 1, 4, NULL, stop_any, launch},
    {"leader stepdown", LANE_CLUSTER, REPEATS_ANY, 0.5, 2, NULL, step_down, NULL},
    {0},
};
