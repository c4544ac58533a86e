/* SPDX-License-Identifier: Apache-2.0
 *
 * The nodes of the private local mesh, killed and started: sea-a-1 to sea-a-3, sea-b-1 to sea-b-3. Everything here
 * fails the running test when it does not work. */
#ifndef SEAMQ_TESTS_E2E_NODES_H
#define SEAMQ_TESTS_E2E_NODES_H

/* For main(): exits with 77, said aloud, unless E2E_LOCAL_MESH names a mesh whose nodes may be killed. */
void nodes_need(void);

/* SIGKILL, and waits until it is gone. */
void node_kill(const char *node);
void node_start(const char *node);
/* NULL-terminated names: until each is ready, which says local-mesh; at most 60 s. */
void nodes_wait_ready(const char *const *nodes);

/* The three of a cluster. */
void cluster_kill(const char *cluster);        /* all at once */
void cluster_start_again(const char *cluster); /* and waits until it is ready */

/* From a cluster to a mesh, node after node. */
void mesh_grow(void);

#endif
