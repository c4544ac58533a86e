/* SPDX-License-Identifier: Apache-2.0
 * scrape - GET /metrics: the snapshot's values in the order of the table of families. */
#include "scrape.h"

#include "metric_families.h"

static void put_counts(struct metrics *m, struct metric_label *labels, size_t n, const struct snapshot_counts *counts)
{
    for (size_t i = 0; i < counts->n; i++) {
        labels[n - 1].value = counts->items[i].name;
        metrics_uint(m, labels, counts->items[i].n);
    }
}

/* `object` is the struct of the row's scope. */
static void put_value(struct metrics *m, const struct metric_row *row, const void *object, struct metric_label *labels,
                      size_t n)
{
    const void *value = (const char *)object + row->offset;

    switch (row->value) {
    case VALUE_ONE: metrics_uint(m, labels, 1); break;
    case VALUE_BOOL: metrics_uint(m, labels, *(const bool *)value); break;
    case VALUE_UINT: metrics_uint(m, labels, *(const uint64_t *)value); break;
    case VALUE_SECONDS: metrics_seconds(m, labels, *(const int64_t *)value); break;
    case VALUE_COUNTS: put_counts(m, labels, n, value); break;
    case VALUE_HISTOGRAM: metrics_histogram(m, labels, *(const struct histogram *const *)value); break;
    }
}

/* `handler` and `cluster` are the scope's labels; NULL where it has none. */
static void put_object(struct metrics *m, const struct metric_row *row, const void *object, const char *handler,
                       const char *cluster)
{
    struct metric_label labels[METRIC_LABELS_MAX + 1] = {{NULL, NULL}};
    size_t n = 0;

    if (handler)
        labels[n++] = (struct metric_label){"handler", handler};
    if (cluster)
        labels[n++] = (struct metric_label){"cluster", cluster};
    for (size_t i = 0; i < METRIC_ROW_LABELS && row->labels[i].name; i++) {
        const void *text = (const char *)object + row->labels[i].offset;
        labels[n++] = (struct metric_label){row->labels[i].name, *(const char *const *)text};
    }
    put_value(m, row, object, labels, n);
}

static void put_consumers(struct metrics *m, const struct metric_row *row, const struct admin_snapshot *s, bool ordered)
{
    for (size_t i = 0; i < s->n_consumers; i++)
        if (!ordered || s->consumers[i].ordered)
            put_object(m, row, &s->consumers[i], s->consumers[i].handler, s->consumers[i].cluster);
}

static void put_family(struct metrics *m, const struct metric_row *row, const struct admin_snapshot *s)
{
    metrics_family(m, row->kind, row->name, row->help);
    switch (row->scope) {
    case SCOPE_DAEMON: put_object(m, row, s, NULL, NULL); break;
    case SCOPE_CLUSTER:
        for (size_t i = 0; i < s->n_connections; i++)
            put_object(m, row, &s->connections[i], NULL, s->connections[i].cluster);
        break;
    case SCOPE_HANDLER:
        for (size_t i = 0; i < s->n_running; i++)
            put_object(m, row, &s->handlers[i], s->handlers[i].name, NULL);
        break;
    case SCOPE_CONFIGURED_HANDLER:
        for (size_t i = 0; i < s->n_handlers; i++)
            put_object(m, row, &s->handlers[i], s->handlers[i].name, NULL);
        break;
    case SCOPE_CONSUMER: put_consumers(m, row, s, false); break;
    case SCOPE_ORDERED_CONSUMER: put_consumers(m, row, s, true); break;
    case N_METRIC_SCOPES: break;
    }
}

void scrape_serve(const struct admin_snapshot *s, struct http_response *out)
{
    struct metrics m = METRICS_INIT(&out->body);

    out->status = 200;
    out->content_type = METRICS_CONTENT_TYPE;
    for (size_t i = 0; i < n_metric_rows; i++)
        put_family(&m, &metric_rows[i], s);
}
