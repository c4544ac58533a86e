/* SPDX-License-Identifier: Apache-2.0
 *
 * mesh/print - a snapshot and its findings as text for a terminal.
 */
#ifndef SEAMQ_CLI_MESH_PRINT_H
#define SEAMQ_CLI_MESH_PRINT_H

#include "cli/mesh/finding.h"
#include "cli/mesh/mesh.h"

#include <stdio.h>

/* Tables of clusters, servers, round trips, streams and consumers. 0 or -ENOMEM. */
int mesh_print(FILE *out, const struct mesh *m);

/* Prints each finding as a line "error: sea-a-1, sea-a-2: WHAT; REMEDY". */
void findings_print(FILE *out, const struct findings *findings);

#endif
