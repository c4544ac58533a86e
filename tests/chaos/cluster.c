/* SPDX-License-Identifier: Apache-2.0
 * cluster - reads leaders by the JetStream API, health and connections by the monitoring port. */
#include "cluster.h"

#include "http.h"

#include <stdlib.h>
#include <string.h>

bool cluster_is_whole(struct chaos *c)
{
    for (int i = 0; i < CLUSTER_NODES; i++) {
        struct server *node = c->cluster->nodes[i];
        if (process_wait(node->proc, 0) || node->frozen ||
            http_get_at(node->host->address, node->monitor, "/healthz", 2, NULL) != 200)
            return false;
    }
    return true;
}

static struct server *leader_in(struct chaos *c, json_t *info)
{
    const char *leader = json_text(info, "cluster.leader");
    return leader ? cluster_node(c->cluster, leader) : NULL;
}

struct server *cluster_stream_leader(struct chaos *c)
{
    return leader_in(c, client_api(c->client, NULL, "STREAM.INFO." CHAOS_STREAM));
}

struct server *cluster_consumer_leader(struct chaos *c)
{
    return leader_in(c, client_api(c->client, NULL, "CONSUMER.INFO." CHAOS_STREAM "." CHAOS_HANDLER));
}

struct server *cluster_connected(struct chaos *c)
{
    for (int i = 0; i < CLUSTER_NODES; i++) {
        struct server *node = c->cluster->nodes[i];
        char *body = NULL;
        bool found = node->proc->running && !node->frozen &&
                     http_get_at(node->host->address, node->monitor, "/connz", 2, &body) == 200 &&
                     strstr(body, CHAOS_INSTANCE);
        free(body);
        if (found)
            return node;
    }
    return NULL;
}

size_t cluster_host(const struct chaos *c, const struct server *node)
{
    size_t i = 0;
    while (c->cluster->nodes[i] != node)
        i++;
    return HOST_NODES + i;
}
