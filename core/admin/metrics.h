/* SPDX-License-Identifier: Apache-2.0
 *
 * metrics - Prometheus text exposition 0.0.4.
 *
 *     struct metrics m = METRICS_INIT(&response->body);
 *     metrics_family(&m, METRIC_COUNTER, "seamq_messages_processed_total", "Messages settled.");
 *     metrics_uint(&m, METRIC_LABELS({"handler", name}, {"outcome", "ack"}), n);
 *
 * A family is begun once, and all its samples follow it before the next one begins.  What would
 * make the scraper refuse the page (a bad or repeated name, a broken label value) is left out and
 * counted in `refused`.  Memory that runs out shows in the buffer's `failed`.  Any thread, each
 * with its own writer.
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

/* Any bytes may be a value; what is not UTF-8 is shown as U+FFFD. */
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

/* Names are constants [a-z0-9_:], counters end in _total, the others in nothing that the format
 * gives a meaning to.  0; -EINVAL for a bad name, -EEXIST for one that is there already: its
 * samples are then left out.  `name` must live until the next family. */
int metrics_family(struct metrics *m, enum metric_kind kind, const char *name, const char *help);

/* One sample of a counter or gauge. */
void metrics_uint(struct metrics *m, const struct metric_label *labels, uint64_t value);
/* A duration or a time, in seconds as Prometheus wants them, to the nanosecond. */
void metrics_seconds(struct metrics *m, const struct metric_label *labels, int64_t ns);

/* The samples of one histogram: _bucket, _sum, _count; in seconds. */
void metrics_histogram(struct metrics *m, const struct metric_label *labels, const struct histogram *h);

#endif
