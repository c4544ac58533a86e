/* SPDX-License-Identifier: Apache-2.0
 *
 * metrics - Prometheus text exposition 0.0.4.
 *
 *     struct metrics m = METRICS_INIT(&response->body);
 *     metrics_family(&m, METRIC_COUNTER, "seamq_messages_processed_total", "Messages settled.");
 *     metrics_uint(&m, METRIC_LABELS({"handler", name}, {"outcome", "ack"}), n);
 *
 * A family is started once, and all its samples follow before the next family.  Input that would make the scraper
 * refuse the page (a bad or repeated name, a bad label name) is left out and counted in `refused`.  Out of memory sets
 * the buffer's `failed`.  Any thread, each with its own writer.
 */
#ifndef SEAMQ_ADMIN_METRICS_H
#define SEAMQ_ADMIN_METRICS_H

#include "base/buf.h"
#include "base/histogram.h"

#include <stdbool.h>
#include <stdint.h>

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define METRICS_INIT(b) ((struct metrics){.out = (b)})

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

/* A value may have any bytes; invalid UTF-8 is replaced by U+FFFD. */
struct metric_label {
    const char *name;
    const char *value; /* NULL: this label is left out */
};

/* An array that ends in {NULL, NULL}; NULL where there are no labels. */
#define METRIC_LABELS(...) ((const struct metric_label[]){__VA_ARGS__, {NULL, NULL}})

struct metrics {
    struct buf *out;
    const char *name; /* of the family; NULL: none, or it was refused */
    enum metric_kind kind;
    unsigned refused;
};

/* Names have the characters [a-z0-9_:]; counters end in _total, other kinds in no suffix that the format reserves.
 * Returns 0, -EINVAL for a bad name or -EEXIST for a repeated one; the samples of a refused family are left out. `name`
 * must live until the next family. */
int metrics_family(struct metrics *m, enum metric_kind kind, const char *name, const char *help);

/* One sample of a counter or gauge. */
void metrics_uint(struct metrics *m, const struct metric_label *labels, uint64_t value);
/* One sample of a duration or a Unix time, written in seconds with nanosecond precision. */
void metrics_seconds(struct metrics *m, const struct metric_label *labels, int64_t ns);

/* The samples of one histogram: _bucket, _sum, _count; in seconds. */
void metrics_histogram(struct metrics *m, const struct metric_label *labels, const struct histogram *h);

#endif
