/* SPDX-License-Identifier: Apache-2.0
 * metrics - writing families, samples and numbers so that every scraper reads them. */
#include "admin/metrics.h"

#include "base/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NUMBER_MAX 64

static bool is_name(const char *s, bool colons)
{
    for (size_t i = 0; s[i]; i++) {
        char c = s[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (colons && c == ':');
        if (!letter && (i == 0 || c < '0' || c > '9'))
            return false;
    }
    return s[0] != '\0';
}

static bool ends_with(const char *s, const char *end)
{
    size_t len = strlen(s);
    size_t n = strlen(end);
    return len >= n && strcmp(s + len - n, end) == 0;
}

static bool family_name_fits(enum metric_kind kind, const char *name)
{
    if (!is_name(name, true))
        return false;
    if (kind == METRIC_COUNTER)
        return ends_with(name, "_total");
    return !ends_with(name, "_total") && !ends_with(name, "_bucket") && !ends_with(name, "_sum") &&
           !ends_with(name, "_count");
}

static bool labels_fit(const struct metric_label *labels, enum metric_kind kind)
{
    for (const struct metric_label *l = labels; l && l->name; l++) {
        if (!is_name(l->name, false) || strncmp(l->name, "__", 2) == 0)
            return false;
        if (kind == METRIC_HISTOGRAM && strcmp(l->name, "le") == 0)
            return false;
        for (const struct metric_label *other = labels; other < l; other++)
            if (strcmp(other->name, l->name) == 0)
                return false;
    }
    return true;
}

/* Searches the page itself for the family. The search is exact: HELP precedes each TYPE, and no text can contain this
 * line, because line ends in texts are escaped. */
static bool is_written(const struct buf *b, const char *name)
{
    char line[256];
    int n = snprintf(line, sizeof(line), "\n# TYPE %s ", name);
    return n >= (int)sizeof(line) || (b->len > 0 && memmem(b->data, b->len, line, (size_t)n));
}

static void put_escaped(struct buf *b, const char *s, bool quotes)
{
    size_t len = strlen(s);

    for (size_t i = 0; i < len;) {
        size_t n = buf_utf8_len(s + i, len - i);
        if (n == 0)
            buf_puts(b, "\xef\xbf\xbd");
        else if (s[i] == '\n')
            buf_puts(b, "\\n");
        else if (s[i] == '\\' || (quotes && s[i] == '"'))
            buf_append(b, (char[]){'\\', s[i]}, 2);
        else
            buf_append(b, s + i, n);
        i += n ? n : 1;
    }
}

int metrics_family(struct metrics *m, enum metric_kind kind, const char *name, const char *help)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    int rc = !family_name_fits(kind, name) ? -EINVAL : is_written(m->out, name) ? -EEXIST : 0;

    m->name = NULL;
    if (rc < 0) {
        m->refused++;
        return rc;
    }
    m->name = name;
    m->kind = kind;
    buf_printf(m->out, "# HELP %s ", name);
    put_escaped(m->out, help, false);
    buf_printf(m->out, "\n# TYPE %s %s\n", name, kinds[kind]);
    return 0;
}

/* name{a="b",le="0.1"} value */
static void put_sample(struct metrics *m, const char *suffix, const struct metric_label *labels, const char *le,
                       const char *value)
{
    struct buf *b = m->out;
    char before = '{';

    buf_puts(b, m->name);
    buf_puts(b, suffix);
    for (const struct metric_label *l = labels; l && l->name; l++) {
        if (!l->value)
            continue;
        buf_putc(b, before);
        buf_puts(b, l->name);
        buf_puts(b, "=\"");
        put_escaped(b, l->value, true);
        buf_putc(b, '"');
        before = ',';
    }
    if (le) {
        buf_putc(b, before);
        buf_printf(b, "le=\"%s\"", le);
        before = ',';
    }
    if (before == ',')
        buf_putc(b, '}');
    buf_putc(b, ' ');
    buf_puts(b, value);
    buf_putc(b, '\n');
}

static void put_value(struct metrics *m, const struct metric_label *labels, const char *value)
{
    if (m->name && m->kind != METRIC_HISTOGRAM && labels_fit(labels, m->kind))
        put_sample(m, "", labels, NULL, value);
    else
        m->refused++;
}

static void format_seconds(uint64_t ns, bool minus, char out[NUMBER_MAX])
{
    int n = snprintf(out, NUMBER_MAX, "%s%" PRIu64 ".%09" PRIu64, minus ? "-" : "", ns / NS_PER_SEC, ns % NS_PER_SEC);
    while (out[n - 1] == '0')
        out[--n] = '\0';
    if (out[n - 1] == '.')
        out[--n] = '\0';
}

void metrics_uint(struct metrics *m, const struct metric_label *labels, uint64_t value)
{
    char text[NUMBER_MAX];

    snprintf(text, sizeof(text), "%" PRIu64, value);
    put_value(m, labels, text);
}

void metrics_seconds(struct metrics *m, const struct metric_label *labels, int64_t ns)
{
    char text[NUMBER_MAX];

    format_seconds(ns < 0 ? -(uint64_t)ns : (uint64_t)ns, ns < 0, text);
    put_value(m, labels, text);
}

void metrics_histogram(struct metrics *m, const struct metric_label *labels, const struct histogram *h)
{
    char le[NUMBER_MAX];
    char text[NUMBER_MAX];
    uint64_t total = 0;

    if (!m->name || m->kind != METRIC_HISTOGRAM || !labels_fit(labels, m->kind)) {
        m->refused++;
        return;
    }
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        total += h->counts[i];
        snprintf(text, sizeof(text), "%" PRIu64, total);
        format_seconds((uint64_t)histogram_bounds_ns[i], false, le);
        put_sample(m, "_bucket", labels, i + 1 < HISTOGRAM_BUCKETS ? le : "+Inf", text);
    }
    format_seconds(h->sum_ns, false, text);
    put_sample(m, "_sum", labels, NULL, text);
    snprintf(text, sizeof(text), "%" PRIu64, total);
    put_sample(m, "_count", labels, NULL, text);
}
