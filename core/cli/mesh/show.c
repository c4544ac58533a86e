/* SPDX-License-Identifier: Apache-2.0
 * mesh/show - tables of a mesh, and lines of findings. */
#include "show.h"

#include "base/buf.h"
#include "base/clock.h"
#include "judge.h"
#include "cli/output.h"

#include <stdio.h>
#include <string.h>

#define MAX_DOMAINS 14 /* columns beside the first */
#define NAMES_SHOWN 6

/* A row with one more key, a formatted text. */
static void put(json_t *row, const char *key, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void put(json_t *row, const char *key, const char *fmt, ...)
{
    struct buf b = {0};
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(&b, fmt, ap);
    va_end(ap);
    const char *text = buf_str(&b);
    json_object_set_new(row, key, json_string(text ? text : ""));
    buf_finish(&b);
}

static void put_ms(json_t *row, const char *key, int64_t ns)
{
    put(row, key, "%.1f ms", (double)ns / NS_PER_MS);
}

/* With a blank line in front; nothing at all for no rows. Takes `rows`. */
static int show(FILE *out, const struct column *columns, json_t *rows)
{
    int rc = 0;
    if (json_array_size(rows)) {
        fputc('\n', out);
        rc = output_rows(out, columns, rows, false);
    }
    json_decref(rows);
    return rc;
}

/* ---- clusters ------------------------------------------------------------------------------- */

static void put_counts(const struct mesh *m, json_t *row)
{
    const char *cluster = row_text(row, "cluster");
    int64_t servers = 0, streams = 0, messages = 0;
    json_t *r;
    size_t i;

    json_array_foreach(m->servers, i, r)
    {
        if (strcmp(row_text(r, "cluster"), cluster) != 0)
            continue;
        servers++;
        if (row_has(r, "followers"))
            put(row, "leader", "%s", row_text(r, "server"));
    }
    json_array_foreach(m->streams, i, r)
    {
        if (strcmp(row_text(r, "cluster"), cluster) != 0)
            continue;
        streams++;
        messages += row_number(r, "messages");
    }
    if (servers)
        json_object_set_new(row, "servers", json_integer(servers));
    json_object_set_new(row, "streams", json_integer(streams));
    json_object_set_new(row, "messages", json_integer(messages));
}

static int show_clusters(FILE *out, const struct mesh *m)
{
    static const struct column columns[] = {
        {"cluster", "CLUSTER", COLUMN_TEXT},
        {"domain", "DOMAIN", COLUMN_TEXT},
        {"servers", "SERVERS", COLUMN_NUMBER},
        {"leader", "META LEADER", COLUMN_TEXT},
        {"streams", "STREAMS", COLUMN_NUMBER},
        {"messages", "MESSAGES", COLUMN_NUMBER},
        {"round_trip", "ROUND TRIP", COLUMN_NUMBER},
        {"state", "STATE", COLUMN_TEXT},
        {NULL, NULL, COLUMN_TEXT},
    };
    json_t *rows = json_deep_copy(m->clusters);
    json_t *row;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        const char *why = row_text(row, "error");
        put_counts(m, row);
        if (row_has(row, "rtt"))
            put_ms(row, "round_trip", row_number(row, "rtt"));
        put(row, "state", "%s", *why ? why : row_has(row, "system_error") ? row_text(row, "system_error") : "up");
    }
    int rc = output_rows(out, columns, rows, false);
    json_decref(rows);
    return rc;
}

static int show_servers(FILE *out, const struct mesh *m)
{
    static const struct column columns[] = {
        {"server", "SERVER", COLUMN_TEXT},
        {"version", "VERSION", COLUMN_TEXT},
        {"uptime", "UP", COLUMN_NUMBER},
        {"connections", "CONNECTIONS", COLUMN_NUMBER},
        {"meta_leader", "META LEADER", COLUMN_TEXT},
        {"meta_size", "META SIZE", COLUMN_NUMBER},
        {"gateways", "GATEWAYS TO", COLUMN_TEXT},
        {NULL, NULL, COLUMN_TEXT},
    };
    json_t *rows = json_deep_copy(m->servers);
    json_t *row;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        if (row_has(row, "followers"))
            put(row, "meta_leader", "itself");
    }
    return show(out, columns, rows);
}

/* ---- round trips: a row for each cluster, a column for each domain ------------------------------ */

static json_t *path_rows(const struct mesh *m, struct column *columns, size_t *n_columns)
{
    json_t *rows = json_array();
    json_t *path;
    size_t i;

    json_array_foreach(m->paths, i, path)
    {
        const char *via = row_text(path, "cluster");
        const char *domain = row_text(path, "domain");
        json_t *row = rows_find(rows, "via", via);
        size_t k = 1;
        if (!row) {
            json_array_append_new(rows,
                                  json_pack("{s:s, s:o}", "via", via, "through", json_sprintf("through %s", via)));
            row = rows_find(rows, "via", via);
        }
        while (k < *n_columns && strcmp(columns[k].key, domain) != 0)
            k++;
        if (k > MAX_DOMAINS)
            continue;
        if (k == *n_columns)
            columns[(*n_columns)++] = (struct column){domain, domain, COLUMN_NUMBER};
        if (row_has(path, "error"))
            put(row, domain, "%s", row_text(path, "error"));
        else
            put_ms(row, domain, row_number(path, "rtt"));
    }
    return rows;
}

static int show_paths(FILE *out, const struct mesh *m)
{
    struct column columns[MAX_DOMAINS + 2] = {{"through", "ROUND TRIP TO DOMAIN", COLUMN_TEXT}};
    size_t n_columns = 1;
    return show(out, columns, path_rows(m, columns, &n_columns));
}

/* ---- streams ------------------------------------------------------------------------------------ */

static void put_origins(const struct mesh *m, json_t *row)
{
    json_t *names = json_array();
    int64_t behind = 0;
    bool silent = false;
    json_t *from;
    size_t i;

    json_array_foreach(json_object_get(row, "from"), i, from)
    {
        json_array_append_new(names, json_sprintf("%s/%s", row_text(from, "domain"), row_text(from, "stream")));
        behind += mesh_origin_behind(m, row, from);
        silent = silent || mesh_origin_silent(from);
    }
    if (silent)
        put(row, "behind", "no contact");
    else if (json_array_size(names))
        put(row, "behind", "%lld", (long long)behind);
    else
        json_object_del(row, "behind");
    json_object_set_new(row, "from", names);
}

static int show_streams(FILE *out, const struct mesh *m)
{
    static const struct column columns[] = {
        {"domain", "DOMAIN", COLUMN_TEXT},         {"stream", "STREAM", COLUMN_TEXT},
        {"leader", "LEADER", COLUMN_TEXT},         {"current", "REPLICAS", COLUMN_NUMBER},
        {"messages", "MESSAGES", COLUMN_NUMBER},   {"bytes", "BYTES", COLUMN_SIZE},
        {"consumers", "CONSUMERS", COLUMN_NUMBER}, {"from", "COPIES", COLUMN_TEXT},
        {"behind", "BEHIND", COLUMN_NUMBER},       {NULL, NULL, COLUMN_TEXT},
    };
    json_t *rows = json_deep_copy(m->streams);
    json_t *row;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        put(row, "current", "%lld/%lld", (long long)row_number(row, "current"), (long long)row_number(row, "replicas"));
        put_origins(m, row);
    }
    return show(out, columns, rows);
}

static int show_consumers(FILE *out, const struct mesh *m)
{
    static const struct column columns[] = {
        {"domain", "DOMAIN", COLUMN_TEXT},
        {"stream", "STREAM", COLUMN_TEXT},
        {"consumer", "CONSUMER", COLUMN_TEXT},
        {"leader", "LEADER", COLUMN_TEXT},
        {"pending", "PENDING", COLUMN_NUMBER},
        {"unacked", "UNACKED", COLUMN_NUMBER},
        {"redelivered", "REDELIVERED", COLUMN_NUMBER},
        {NULL, NULL, COLUMN_TEXT},
    };
    return show(out, columns, json_incref(m->consumers));
}

int mesh_show(FILE *out, const struct mesh *m)
{
    int (*const parts[])(FILE *, const struct mesh *) = {show_clusters, show_servers, show_paths, show_streams,
                                                         show_consumers};
    int rc = 0;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && rc == 0; i++)
        rc = parts[i](out, m);
    return rc;
}

/* ---- findings ------------------------------------------------------------------------------------- */

void findings_show(FILE *out, json_t *findings)
{
    json_t *f;
    size_t i;
    json_array_foreach(findings, i, f)
    {
        json_t *on = json_object_get(f, "on");
        size_t n = json_array_size(on);
        fprintf(out, "%s: ", row_text(f, "severity"));
        for (size_t k = 0; k < n && k < NAMES_SHOWN; k++)
            fprintf(out, "%s%s", k ? ", " : "", json_string_value(json_array_get(on, k)));
        if (n > NAMES_SHOWN)
            fprintf(out, " and %zu more", n - NAMES_SHOWN);
        fprintf(out, ": %s; %s\n", row_text(f, "what"), row_text(f, "remedy"));
    }
}
