/* SPDX-License-Identifier: Apache-2.0
 *
 * mesh/collect - takes a snapshot of every cluster of the configuration, over the application's connection.
 *
 * Errors of a cluster do not fail the snapshot: the cluster's row says why something is unknown.
 */
#ifndef SEAMQ_CLI_MESH_COLLECT_H
#define SEAMQ_CLI_MESH_COLLECT_H

#include "cli/mesh/mesh.h"

#include "config/config.h"

#define MESH_NODES_DEFAULT 3 /* servers of a cluster */
#define MESH_NODES_MAX 1000

/* `name` is the name of the connections, as the servers show it.  A cluster with fewer than `nodes` servers is given
 * some more time to answer.  0 or -ENOMEM; `ret` is for mesh_finish() only after 0. */
int mesh_collect(struct mesh *ret, const struct config *config, const char *name, int64_t nodes);

#endif
