/* SPDX-License-Identifier: Apache-2.0
 *
 * mesh/show - a look and findings as text for a terminal.  0 or -ENOMEM.
 */
#ifndef SEAMQ_CLI_MESH_SHOW_H
#define SEAMQ_CLI_MESH_SHOW_H

#include "cli/mesh/mesh.h"

#include <stdio.h>

int mesh_show(FILE *out, const struct mesh *m);

/* "wrong: sea-a-1, sea-a-2: WHAT; REMEDY", one line each. */
void findings_show(FILE *out, json_t *findings);

#endif
