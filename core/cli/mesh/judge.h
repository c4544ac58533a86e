/* SPDX-License-Identifier: Apache-2.0
 *
 * mesh/judge - what of a mesh does not hold, from the rows of one look or two.  Pure.
 *
 * A finding is a JSON object: check (its stable name), severity (wrong, note), on (an array of names: servers,
 * clusters, DOMAIN/STREAM, DOMAIN/STREAM/CONSUMER), what (what is wrong, with the value) and remedy (what to do).  The
 * same thing on many is one finding.
 */
#ifndef SEAMQ_CLI_MESH_JUDGE_H
#define SEAMQ_CLI_MESH_JUDGE_H

#include "cli/mesh/mesh.h"

enum severity { NOTE, WRONG };

/* Everything.  `nodes` is how many servers each cluster should have; `earlier` is an earlier look, without which
 * nothing is said about progress; NULL: none. */
void mesh_judge(const struct mesh *m, const struct mesh *earlier, int64_t nodes, json_t *findings);

/* Does something copy, or stand still, so that only a second look can tell? */
bool mesh_needs_second_look(const struct mesh *m);

/* Of a stream's row and one of its `from`: messages that have not come in, and whether they are out of touch. */
int64_t mesh_origin_behind(const struct mesh *m, json_t *stream, json_t *from);
bool mesh_origin_silent(json_t *from);

size_t findings_count(json_t *findings, enum severity severity);

/* The parts, in files of their own. */
void mesh_judge_servers(const struct mesh *m, int64_t nodes, json_t *findings);
void mesh_judge_domains(const struct mesh *m, json_t *findings);
void mesh_judge_streams(const struct mesh *m, json_t *findings);
void mesh_judge_origins(const struct mesh *m, const struct mesh *earlier, json_t *findings);

void finding_add(json_t *findings, enum severity severity, const char *check, const char *on, const char *remedy,
                 const char *what, ...) __attribute__((format(printf, 6, 7)));

#endif
