/* SPDX-License-Identifier: Apache-2.0
 *
 * mesh/documents - adds rows to a mesh from documents that servers sent.  The documents are not trusted: a value that
 * is missing or of another type stays unknown.
 */
#ifndef SEAMQ_CLI_MESH_DOCUMENTS_H
#define SEAMQ_CLI_MESH_DOCUMENTS_H

#include "cli/mesh/mesh.h"

#include <jansson.h>

/* The answers to VARZ and GATEWAYZ (NULL: none) of one server. `now_ns` is our wall clock when VARZ arrived. */
void mesh_read_server(struct mesh *m, const char *cluster, json_t *varz, json_t *gatewayz, int64_t now_ns);
/* The answer to STREAM.INFO. */
void mesh_read_stream(struct mesh *m, const char *cluster, const char *domain, json_t *info);
/* The answer to CONSUMER.INFO, or one of CONSUMER.LIST. */
void mesh_read_consumer(struct mesh *m, const char *cluster, const char *domain, json_t *info);

/* A string of an object; "" if it has none. */
const char *document_text(json_t *doc, const char *key);

#endif
