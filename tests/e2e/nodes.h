/* SPDX-License-Identifier: Apache-2.0
 *
 * nodes - kills and starts the nodes of the private local mesh: sea-a-1 to sea-a-3, sea-b-1 to sea-b-3. Every function
 * fails the running test on an error. */
#ifndef SEAMQ_TESTS_E2E_NODES_H
#define SEAMQ_TESTS_E2E_NODES_H

/* For main(): exits with status 77 and prints why, unless E2E_LOCAL_MESH names a mesh whose nodes may be killed. */
void nodes_need(void);

/* Sends SIGKILL and waits until the process has ended. */
void node_kill(const char *node);
void node_start(const char *node);
/* Waits until local-mesh reports each node of a NULL-terminated list as ready; at most 60 s. */
void nodes_wait_ready(const char *const *nodes);

/* The three nodes of a cluster. */
void cluster_kill(const char *cluster);        /* kills all at the same time */
void cluster_start_again(const char *cluster); /* waits until all are ready */

/* Grows the cluster to a mesh, node after node. */
void mesh_grow(void);

#endif
