/* SPDX-License-Identifier: Apache-2.0
 *
 * cluster - looking at the run's cluster: which node is which just now.
 */
#ifndef SEAMQ_CHAOS_CLUSTER_H
#define SEAMQ_CHAOS_CLUSTER_H

#include "chaos.h"

/* All nodes run, with every stream and consumer up to date. */
bool cluster_is_whole(struct chaos *c);
/* NULL: there is none at the moment. */
struct server *cluster_stream_leader(struct chaos *c);
struct server *cluster_consumer_leader(struct chaos *c);
/* The node that the daemon is connected to. */
struct server *cluster_connected(struct chaos *c);
/* Its host's number in the network. */
size_t cluster_host(const struct chaos *c, const struct server *node);

#endif
