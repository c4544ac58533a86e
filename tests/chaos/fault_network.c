/* SPDX-License-Identifier: Apache-2.0
 * fault_network - cuts off a host of the run, makes it slow, or drops its packets. */
#include "faults.h"

#include "cluster.h"

#include <stdio.h>

static const struct weather fine, cut = {.loss = 1}, lossy = {.loss = 0.08},
                                  slow = {.delay_ns = INT64_C(60000000), .jitter_ns = INT64_C(60000000)};

static const char *no_network(struct chaos *c)
{
    return c->network ? NULL : c->isolated_why_not;
}

static bool node_weather(struct chaos *c, struct injection *i, const struct weather *weather)
{
    i->node = c->cluster->nodes[i->roll % CLUSTER_NODES];
    snprintf(i->what, sizeof(i->what), "%s", i->node->name);
    network_weather(c->network, cluster_host(c, i->node), weather);
    return true;
}

static bool cut_node(struct chaos *c, struct injection *i)
{
    return node_weather(c, i, &cut);
}

static bool slow_node(struct chaos *c, struct injection *i)
{
    return node_weather(c, i, &slow);
}

static bool lossy_node(struct chaos *c, struct injection *i)
{
    return node_weather(c, i, &lossy);
}

static void clear_node(struct chaos *c, struct injection *i)
{
    network_weather(c->network, cluster_host(c, i->node), &fine);
}

static bool cut_daemon(struct chaos *c, struct injection *i)
{
    (void)i;
    network_weather(c->network, HOST_DAEMON, &cut);
    return true;
}

static bool slow_daemon(struct chaos *c, struct injection *i)
{
    (void)i;
    network_weather(c->network, HOST_DAEMON, &slow);
    return true;
}

static bool lossy_daemon(struct chaos *c, struct injection *i)
{
    (void)i;
    network_weather(c->network, HOST_DAEMON, &lossy);
    return true;
}

static void clear_daemon(struct chaos *c, struct injection *i)
{
    (void)i;
    network_weather(c->network, HOST_DAEMON, &fine);
}

const struct fault network_faults[] = {
    {"server's network cut", LANE_CLUSTER, REPEATS_ANY, 2, 8, no_network, cut_node, clear_node},
    {"server's network slow", LANE_CLUSTER, REPEATS_ANY, 2, 6, no_network, slow_node, clear_node},
    {"server's network lossy", LANE_CLUSTER, REPEATS_ANY, 2, 6, no_network, lossy_node, clear_node},
    {"daemon's network cut", LANE_DAEMON, REPEATS_ANY, 1, 7, no_network, cut_daemon, clear_daemon},
    {"daemon's network slow", LANE_DAEMON, REPEATS_ANY, 2, 6, no_network, slow_daemon, clear_daemon},
    {"daemon's network lossy", LANE_DAEMON, REPEATS_ANY, 2, 6, no_network, lossy_daemon, clear_daemon},
    {0},
};
