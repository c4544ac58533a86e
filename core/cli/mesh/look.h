/* SPDX-License-Identifier: Apache-2.0
 *
 * mesh/look - asks every cluster of the configuration what it is and has.
 *
 * Streams, consumers and domains are what the application account sees ($JS.API); servers, meta group and gateways are
 * asked of the system account ($SYS.REQ.SERVER.PING), with a login of its own.  What does not answer becomes a row that
 * says so.
 */
#ifndef SEAMQ_CLI_MESH_LOOK_H
#define SEAMQ_CLI_MESH_LOOK_H

#include "cli/mesh/mesh.h"

#include "base/error.h"
#include "config/config.h"

/* `name` is what the servers show for the connections; `nodes` how many servers of a cluster to wait for, a little.
 * 0 or -ENOMEM; the caller's to finish. */
int mesh_look(struct mesh *ret, const struct config *config, const char *name, int64_t nodes);

/* The part of the system account: adds the servers' rows and completes the row of the cluster. */
void mesh_look_servers(struct mesh *m, const struct config_cluster *cluster, const char *name, int64_t nodes,
                       json_t *cluster_row);

#endif
