/* SPDX-License-Identifier: Apache-2.0
 *
 * mesh/finding - what a check found, on which servers, clusters, streams or consumers.
 */
#ifndef SEAMQ_CLI_MESH_FINDING_H
#define SEAMQ_CLI_MESH_FINDING_H

#include "cli/arena.h"

#include <jansson.h>
#include <stddef.h>

enum severity {
    FINDING_ERROR, /* `seamq mesh verify` fails */
    FINDING_NOTE,
};

struct finding {
    struct finding *next;
    const char *check; /* stable name of the check */
    enum severity severity;
    struct text_list *on; /* names: SERVER, CLUSTER, DOMAIN/STREAM, DOMAIN/STREAM/CONSUMER */
    const char *what;     /* what is wrong, with the value */
    const char *remedy;   /* what to do */
};

/* A zeroed struct is an empty list. */
struct findings {
    struct finding *first;
    struct arena arena;
};

void findings_finish(struct findings *f);

/* The same check, `what` and `remedy` on several names are one finding. `check` and `remedy` are not copied. */
void finding_add(struct findings *findings, enum severity severity, const char *check, const char *on,
                 const char *remedy, const char *what, ...) __attribute__((format(printf, 6, 7)));

/* The first finding of a check; NULL: none. */
const struct finding *findings_of_check(const struct findings *f, const char *check);
size_t findings_count(const struct findings *f, enum severity severity);

/* The list in `seamq mesh verify --json`; NULL: out of memory. */
json_t *findings_to_json(const struct findings *f);

#endif
