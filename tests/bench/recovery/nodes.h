/* SPDX-License-Identifier: Apache-2.0
 *
 * nodes - looks up which node has which role in the cluster, and moves roles to where a fault needs them. */
#ifndef SEAMQ_BENCH_RECOVERY_NODES_H
#define SEAMQ_BENCH_RECOVERY_NODES_H

#include "client.h"
#include "daemon.h"
#include "server.h"

#define RECOVERY_STREAM "RECOVERY"
#define RECOVERY_DURABLE "mark"
#define RECOVERY_INSTANCE "recovery-daemon"

enum role {
    ROLE_STREAM = 1,    /* leads the stream */
    ROLE_CONSUMER = 2,  /* leads the consumer */
    ROLE_CONNECTED = 4, /* seamqd is connected to this node */
    ROLE_LETTERS = 8,   /* leads the dead-letter stream */
    ROLE_META = 16,     /* leads the meta group */
};
#define ROLES_PLACED (ROLE_STREAM | ROLE_CONSUMER | ROLE_CONNECTED)

struct nodes {
    struct world *w;
    struct cluster *cluster;
    struct client *clients[CLUSTER_NODES]; /* one connection for each node */
    struct daemon *daemon;
};

void nodes_connect(struct nodes *n, struct world *w, struct cluster *cluster);
/* Waits until all nodes are up, all replicas current, seamqd is ready and the consumer has no backlog. */
void nodes_heal(struct nodes *n);
/* Moves leaders until one node has exactly `roles` of ROLES_PLACED, and returns its index. ROLE_CONNECTED is never
 * moved; if `roles` does not contain it, `roll` chooses among the other two nodes. */
size_t nodes_place(struct nodes *n, unsigned roles, uint64_t roll);
/* All roles of the node; all nodes must be up. */
unsigned nodes_roles(struct nodes *n, size_t node);

#endif
