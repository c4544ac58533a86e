/* SPDX-License-Identifier: Apache-2.0
 *
 * nodes - who does what in the cluster: looked up, and moved to where a fault wants it. */
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
    ROLE_CONNECTED = 4, /* has seamqd's connection */
    ROLE_LETTERS = 8,   /* leads the dead-letter stream */
    ROLE_META = 16,     /* leads the meta group */
};
#define ROLES_PLACED (ROLE_STREAM | ROLE_CONSUMER | ROLE_CONNECTED)

struct nodes {
    struct world *w;
    struct cluster *cluster;
    struct client *clients[CLUSTER_NODES]; /* each connected to its node alone */
    struct daemon *daemon;
};

void nodes_connect(struct nodes *n, struct world *w, struct cluster *cluster);
/* All nodes up, all replicas current, seamqd ready, nothing of a backlog at the consumer. */
void nodes_heal(struct nodes *n);
/* Of ROLES_PLACED exactly `roles` are one node's: moves leaders until it is so. ROLE_CONNECTED stays where it is;
 * where that is not asked for, `roll` chooses among the other two. Its index. */
size_t nodes_place(struct nodes *n, unsigned roles, uint64_t roll);
/* Everything that it is; all nodes must be up. */
unsigned nodes_roles(struct nodes *n, size_t node);

#endif
