/* SPDX-License-Identifier: Apache-2.0
 *
 * cluster - which node of the run's cluster leads or serves what at this moment.
 */
#ifndef SEAMQ_CHAOS_CLUSTER_H
#define SEAMQ_CHAOS_CLUSTER_H

#include "chaos.h"

/* True: all nodes run, and every stream and consumer is current. */
bool cluster_is_whole(struct chaos *c);
/* NULL: there is no leader at this moment. */
struct server *cluster_stream_leader(struct chaos *c);
struct server *cluster_consumer_leader(struct chaos *c);
/* The node that the daemon is connected to. */
struct server *cluster_connected(struct chaos *c);
/* Number of the node's host in the network. */
size_t cluster_host(const struct chaos *c, const struct server *node);

#endif
