/* SPDX-License-Identifier: Apache-2.0
 *
 * stream/provision - creates and updates the streams and consumers of a configuration in a domain.
 *
 * Reads what is there, plans, and changes only what differs.  Nothing is ever deleted, and what is not named is not
 * touched.  Others may do the same at the same time: who comes second looks again and finds it done.
 */
#ifndef SEAMQ_CLI_STREAM_PROVISION_H
#define SEAMQ_CLI_STREAM_PROVISION_H

#include "cli/session.h"
#include "cli/stream/provision_config.h"

#include <jansson.h>

enum action {
    ACTION_UNCHANGED,
    ACTION_CREATE,
    ACTION_UPDATE,
    ACTION_REFUSED, /* would lose data, or cannot be changed */
    ACTION_FAILED,  /* the server did not respond, or refused */
    N_ACTIONS
};

struct provision;

/* Reports progress; `total` 0: unknown. */
typedef void (*provision_progress_fn)(void *data, const char *what, size_t done, size_t total);

/* `config` names the clusters of the mesh. `session`, `config` and `wanted` must outlive it. */
int provision_create(struct provision **ret, struct session *session, const struct config *config,
                     const struct provision_config *wanted, int64_t deadline_ns, provision_progress_fn progress,
                     void *data);
void provision_destroy(struct provision *p);

/* Waits until the domain responds, reads it, and decides the actions. A problem of one stream is reported in its row; a
 * negative errno with a sentence: nothing can be planned. */
int provision_plan(struct provision *p, struct error *err);
/* Applies the plan. -EPERM, and nothing is changed, if an item is refused or could not be read. */
int provision_apply(struct provision *p);

size_t provision_count(const struct provision *p, enum action action);
/* A new array, in the order of the configuration: {"action": "update", "kind": "stream", "name": "ORDERS",
 * "changes": [{"field", "from", "to"}], "detail": "max_age: none -> 30d", "problem": "..."}.
 * "detail" is for people: changes or what is new, or the problem. NULL: out of memory. */
json_t *provision_rows(const struct provision *p);
/* Warnings about dangerous but allowed settings: an array of sentences that `p` owns. */
json_t *provision_warnings(const struct provision *p);

#endif
