/* SPDX-License-Identifier: Apache-2.0
 *
 * mesh/check - the checks of `seamq mesh verify`, on one snapshot or two.  Pure.
 */
#ifndef SEAMQ_CLI_MESH_CHECK_H
#define SEAMQ_CLI_MESH_CHECK_H

#include "cli/mesh/finding.h"
#include "cli/mesh/mesh.h"

/* Runs every check. `nodes` is how many servers each cluster should have.  `earlier` is a snapshot of some seconds
 * ago; without it (NULL) mirrors and sources are not checked. */
void mesh_check(const struct mesh *m, const struct mesh *earlier, int64_t nodes, struct findings *findings);

/* True if a mirror or a source is behind or silent, so that only a second snapshot shows whether it makes progress. */
bool mesh_needs_second_snapshot(const struct mesh *m);

/* How many messages of its origin a stream has not copied yet. */
int64_t mesh_origin_behind(const struct mesh *m, const struct mesh_stream *s, const struct mesh_origin *from);
/* True if the stream has had no contact with its origin for too long. */
bool mesh_origin_silent(const struct mesh_origin *from);

/* The parts of mesh_check(), in files of their own. */
void mesh_check_servers(const struct mesh *m, int64_t nodes, struct findings *findings);
void mesh_check_domains(const struct mesh *m, struct findings *findings);
void mesh_check_streams(const struct mesh *m, struct findings *findings);
void mesh_check_origins(const struct mesh *m, const struct mesh *earlier, struct findings *findings);

#endif
