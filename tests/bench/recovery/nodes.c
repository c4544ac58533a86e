/* SPDX-License-Identifier: Apache-2.0
 * nodes - reads leaders by the JetStream API, and connections and the meta group by the monitoring port. */
#include "nodes.h"

#include "http.h"

#include <stdlib.h>
#include <string.h>

#define DEADLINE_S 90
#define BACKLOG 20 /* the publisher never stops: a few messages are always pending */

void nodes_connect(struct nodes *n, struct world *w, struct cluster *cluster)
{
    n->w = w;
    n->cluster = cluster;
    for (size_t i = 0; i < CLUSTER_NODES; i++) {
        n->clients[i] = client_connect(w, cluster->nodes[i]->url);
        n->clients[i]->timeout_s = DEADLINE_S;
    }
}

/* ---- roles of nodes ----------------------------------------------------------------------- */

static size_t leads(struct nodes *n, const char *name)
{
    size_t i = 0;
    while (i < CLUSTER_NODES && name && strcmp(n->cluster->nodes[i]->name, name) != 0)
        i++;
    return name ? i : CLUSTER_NODES;
}

/* The leader by STREAM.INFO or CONSUMER.INFO, requested through this node; CLUSTER_NODES: there is none. */
static size_t leader(struct nodes *n, size_t through, const char *call)
{
    return leads(n, json_text(client_api(n->clients[through], NULL, "%s", call), "cluster.leader"));
}

static char *monitor(const struct server *s, const char *path)
{
    char *body = NULL;
    if (http_get(s->monitor, path, 2, &body) == 200)
        return body;
    free(body);
    return NULL;
}

static bool is_connected(const struct server *s)
{
    char *body = monitor(s, "/connz");
    bool found = body && strstr(body, RECOVERY_INSTANCE);
    free(body);
    return found;
}

static bool leads_meta(const struct server *s)
{
    char *body = monitor(s, "/jsz");
    json_t *j = body ? json_loads(body, 0, NULL) : NULL;
    const char *name = j ? json_text(j, "meta_cluster.leader") : NULL;
    bool found = name && strcmp(name, s->name) == 0;
    json_decref(j);
    free(body);
    return found;
}

unsigned nodes_roles(struct nodes *n, size_t i)
{
    const struct server *s = n->cluster->nodes[i];
    return (leader(n, i, "STREAM.INFO." RECOVERY_STREAM) == i ? ROLE_STREAM : 0) |
           (leader(n, i, "CONSUMER.INFO." RECOVERY_STREAM "." RECOVERY_DURABLE) == i ? ROLE_CONSUMER : 0) |
           (leader(n, i, "STREAM.INFO.DLQ") == i ? ROLE_LETTERS : 0) | (is_connected(s) ? ROLE_CONNECTED : 0) |
           (leads_meta(s) ? ROLE_META : 0);
}

/* ---- healed ---------------------------------------------------------------------------- */

static bool replicas_current(json_t *info)
{
    json_t *replicas = json_object_get(json_object_get(info, "cluster"), "replicas"), *one;
    size_t i;

    json_array_foreach(replicas, i, one)
    {
        if (!json_is_true(json_object_get(one, "current")) || json_is_true(json_object_get(one, "offline")))
            return false;
    }
    return json_array_size(replicas) == CLUSTER_NODES - 1;
}

static bool whole(void *data)
{
    struct nodes *n = data;

    for (size_t i = 0; i < CLUSTER_NODES; i++)
        if (http_get(n->cluster->nodes[i]->monitor, "/healthz", 2, NULL) != 200)
            return false;
    json_t *consumer = client_api(n->clients[0], NULL, "CONSUMER.INFO." RECOVERY_STREAM "." RECOVERY_DURABLE);
    return replicas_current(client_api(n->clients[0], NULL, "STREAM.INFO." RECOVERY_STREAM)) &&
           replicas_current(client_api(n->clients[0], NULL, "STREAM.INFO.DLQ")) && replicas_current(consumer) &&
           json_at(consumer, "num_pending") + json_at(consumer, "num_ack_pending") <= BACKLOG;
}

void nodes_heal(struct nodes *n)
{
    if (!world_until(whole, n, DEADLINE_S))
        fail_msg("the cluster has not healed within %d s", DEADLINE_S);
    daemon_wait_ready(n->daemon, 30);
}

/* ---- placed ---------------------------------------------------------------------------- */

struct move {
    struct nodes *n;
    size_t node;
    enum role role;
    bool there;
};

static bool moved(void *data)
{
    const struct move *m = data;
    return !!(nodes_roles(m->n, m->node) & m->role) == m->there;
}

/* Moves `role` to the node, or away from it. */
static void move_leader(struct nodes *n, size_t node, enum role role, bool there)
{
    const char *call = role == ROLE_STREAM ? "STREAM.LEADER.STEPDOWN." RECOVERY_STREAM
                                           : "CONSUMER.LEADER.STEPDOWN." RECOVERY_STREAM "." RECOVERY_DURABLE;
    size_t to = there ? node : (node + 1) % CLUSTER_NODES;
    struct move m = {n, node, role, there};
    int64_t deadline = deadline_in(DEADLINE_S);
    const char *body =
        server_version() < 21100
            ? NULL /* the meta group chooses its leader itself: step down again until it is the right one */
            : world_text(n->w, "{\"placement\":{\"preferred\":\"%s\"}}", n->cluster->nodes[to]->name);

    while (!moved(&m)) {
        if (deadline_left_ms(deadline) == 0)
            fail_msg("%s does not move a leader %s %s", call, there ? "to" : "from", n->cluster->nodes[node]->name);
        client_api(n->clients[node], body, "%s", call);
        world_until(moved, &m, 3);
    }
}

size_t nodes_place(struct nodes *n, unsigned roles, uint64_t roll)
{
    size_t node = 0;

    while (node < CLUSTER_NODES && !is_connected(n->cluster->nodes[node]))
        node++;
    if (node == CLUSTER_NODES)
        fail_msg("no node has a connection whose name contains \"%s\"", RECOVERY_INSTANCE);
    if (!(roles & ROLE_CONNECTED))
        node = (node + 1 + roll % (CLUSTER_NODES - 1)) % CLUSTER_NODES;
    move_leader(n, node, ROLE_STREAM, roles & ROLE_STREAM);
    move_leader(n, node, ROLE_CONSUMER, roles & ROLE_CONSUMER);
    return node;
}
