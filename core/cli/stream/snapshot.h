/* SPDX-License-Identifier: Apache-2.0
 *
 * stream/snapshot - a stream carried from one server or cluster to another: JetStream's snapshot piped into its
 * restore, so that messages keep their sequences and times, and consumers their positions.
 *
 * Each piece is acknowledged to the source when the target has it: neither side runs ahead, and nothing is kept here.
 */
#ifndef SEAMQ_CLI_STREAM_SNAPSHOT_H
#define SEAMQ_CLI_STREAM_SNAPSHOT_H

#include "cli/session.h"

#include <jansson.h>

typedef void (*snapshot_progress_fn)(void *data, uint64_t bytes);

/* `replicas` 0: as on the source. 0, or a negative errno with a sentence; what is on the target then is no copy.
 * `progress` may be NULL. */
int snapshot_copy(struct session *from, struct session *to, const char *stream, int replicas,
                  snapshot_progress_fn progress, void *data, struct error *err);

#endif
