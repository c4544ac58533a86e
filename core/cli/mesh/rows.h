/* SPDX-License-Identifier: Apache-2.0
 *
 * mesh/rows - the rows of a mesh as a table of fields: creates them, and writes and reads them as JSON.
 *
 * The keys of `seamq mesh status --json` stand in rows.c alone.
 */
#ifndef SEAMQ_CLI_MESH_ROWS_H
#define SEAMQ_CLI_MESH_ROWS_H

#include "cli/mesh/mesh.h"

#include <jansson.h>

/* The output of `seamq mesh status --json`; NULL: out of memory. */
json_t *mesh_to_json(const struct mesh *m);
/* Reads the same back. Unknown keys and values of another type are ignored. 0; -EINVAL: `doc` has no list of
 * consumers, so it is not that output; -ENOMEM. `ret` is for mesh_finish() in any case. */
int mesh_from_json(struct mesh *ret, json_t *doc);

/* The table of fields of one kind of row. `next` is the first member of every row. */
struct mesh_row_type;
extern const struct mesh_row_type mesh_cluster_type, mesh_server_type, mesh_follower_type, mesh_path_type,
    mesh_stream_type, mesh_origin_type, mesh_consumer_type;

/* A row whose texts are ""; NULL: out of memory. */
void *mesh_row_create(struct arena *a, const struct mesh_row_type *type);
/* The same, behind the last row of the list whose head is at `list`. */
void *mesh_row_append(struct arena *a, const struct mesh_row_type *type, void *list);

#endif
