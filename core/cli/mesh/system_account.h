/* SPDX-License-Identifier: Apache-2.0
 *
 * mesh/system_account - asks the servers of one cluster about themselves, with a login to its system account.
 */
#ifndef SEAMQ_CLI_MESH_SYSTEM_ACCOUNT_H
#define SEAMQ_CLI_MESH_SYSTEM_ACCOUNT_H

#include "cli/mesh/mesh.h"

#include "config/config.h"

/* Adds the rows of the servers and completes `row`, the cluster's own; `row->system_error` says why if it cannot.
 * `name` and `nodes` as in mesh_collect(). */
void mesh_collect_servers(struct mesh *m, const struct config_cluster *cluster, const char *name, int64_t nodes,
                          struct mesh_cluster *row);

#endif
