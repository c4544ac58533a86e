/* SPDX-License-Identifier: Apache-2.0
 *
 * metric_families - the table of all metric families: /metrics is rendered from it (scrape.c) and docs/metrics.md is
 * generated from it.  A new metric is one row here and, if its value is new, one field of the snapshot.
 * Constant; any thread.
 */
#ifndef SEAMQ_ADMIN_METRIC_FAMILIES_H
#define SEAMQ_ADMIN_METRIC_FAMILIES_H

#include "metrics.h"

#include <stddef.h>
#include <stdio.h>

/* The objects that have samples of the family; the scope decides the first labels. */
enum metric_scope {
    SCOPE_DAEMON,             /* struct admin_snapshot; no label */
    SCOPE_CLUSTER,            /* struct snapshot_connection; label `cluster` */
    SCOPE_HANDLER,            /* struct snapshot_handler that runs; label `handler` */
    SCOPE_CONFIGURED_HANDLER, /* ... or whose plugin was refused */
    SCOPE_CONSUMER,           /* struct snapshot_consumer; labels `handler`, `cluster` */
    SCOPE_ORDERED_CONSUMER,   /* ... of an ordered handler */
    N_METRIC_SCOPES
};

/* The type of the field at `offset` in the scope's struct. */
enum metric_value {
    VALUE_ONE,       /* no field: the value is always 1, the labels carry the information */
    VALUE_BOOL,      /* bool */
    VALUE_UINT,      /* uint64_t */
    VALUE_SECONDS,   /* int64_t, nanoseconds */
    VALUE_COUNTS,    /* struct snapshot_counts: one sample each, by the last label of the row */
    VALUE_HISTOGRAM, /* const struct histogram * */
};

#define METRIC_ROW_LABELS 2

struct metric_row_label { /* beyond those of the scope */
    const char *name;     /* NULL: no more */
    size_t offset;        /* of a const char * in the scope's struct; not used where VALUE_COUNTS has the value */
};

struct metric_row {
    const char *name;
    enum metric_kind kind;
    enum metric_scope scope;
    enum metric_value value;
    size_t offset;
    struct metric_row_label labels[METRIC_ROW_LABELS];
    const char *help; /* for # HELP: one sentence that is read without its neighbours */
    const char *use;  /* meaning for an operator, for docs/metrics.md */
};

extern const struct metric_row metric_rows[];
extern const size_t n_metric_rows;

const char *metric_kind_name(enum metric_kind kind);
/* The names of all labels of a row, in the order of /metrics; `out` has room for METRIC_LABELS_MAX. Returns how many.
 */
#define METRIC_LABELS_MAX (METRIC_ROW_LABELS + 2)
size_t metric_row_labels(const struct metric_row *row, const char *out[METRIC_LABELS_MAX]);

/* Writes docs/metrics.md. */
void metrics_print_reference(FILE *out);

#endif
