/* SPDX-License-Identifier: Apache-2.0
 * mesh/print - tables of a snapshot, and lines of findings. */
#include "print.h"

#include "base/clock.h"
#include "check.h"
#include "cli/output.h"

#include <errno.h>
#include <string.h>

#define MAX_DOMAINS 14 /* columns beside the first */
#define NAMES_SHOWN 6

/* ---- cells: JSON values, null for what is unknown --------------------------------------------- */

static json_t *cell_number(struct mesh_number n)
{
    return n.known ? json_integer(n.value) : json_null();
}

static json_t *cell_ms(struct mesh_number ns)
{
    return ns.known ? json_sprintf("%.1f ms", (double)ns.value / NS_PER_MS) : json_null();
}

static json_t *cell_texts(const struct text_list *list)
{
    json_t *all = json_array();
    for (; list; list = list->next)
        json_array_append_new(all, json_string(list->text));
    return all;
}

/* Prints the table and takes `rows`; nothing for no rows, a blank line before any. */
static int print_rows(FILE *out, const struct column *columns, json_t *rows)
{
    int rc = rows ? 0 : -ENOMEM;
    if (json_array_size(rows)) {
        fputc('\n', out);
        rc = output_rows(out, columns, rows, false);
    }
    json_decref(rows);
    return rc;
}

/* ---- clusters and servers --------------------------------------------------------------------- */

struct totals {
    struct mesh_number servers; /* unknown if none answered */
    const char *meta_leader;
    int64_t streams;
    int64_t messages;
};

static struct totals count_totals(const struct mesh *m, const char *cluster)
{
    struct totals t = {.meta_leader = ""};

    for (const struct mesh_server *s = m->servers; s; s = s->next) {
        if (strcmp(s->cluster, cluster) != 0)
            continue;
        t.servers = mesh_number(t.servers.value + 1);
        if (s->leads_meta)
            t.meta_leader = s->server;
    }
    for (const struct mesh_stream *s = m->streams; s; s = s->next) {
        if (strcmp(s->cluster, cluster) != 0)
            continue;
        t.streams++;
        t.messages += s->messages.value;
    }
    return t;
}

static int print_clusters(FILE *out, const struct mesh *m)
{
    static const struct column columns[] = {
        {NULL, "CLUSTER", COLUMN_TEXT},      {NULL, "DOMAIN", COLUMN_TEXT},    {NULL, "SERVERS", COLUMN_NUMBER},
        {NULL, "META LEADER", COLUMN_TEXT},  {NULL, "STREAMS", COLUMN_NUMBER}, {NULL, "MESSAGES", COLUMN_NUMBER},
        {NULL, "ROUND TRIP", COLUMN_NUMBER}, {NULL, "STATE", COLUMN_TEXT},     {NULL, NULL, COLUMN_TEXT},
    };
    json_t *rows = json_array();

    for (const struct mesh_cluster *c = m->clusters; c; c = c->next) {
        struct totals t = count_totals(m, c->cluster);
        const char *state = *c->error ? c->error : *c->system_error ? c->system_error : "up";
        json_array_append_new(rows, json_pack("[s, s, o, s, I, I, o, s]", c->cluster, c->domain, cell_number(t.servers),
                                              t.meta_leader, (json_int_t)t.streams, (json_int_t)t.messages,
                                              cell_ms(c->rtt), state));
    }
    int rc = output_rows(out, columns, rows, false);
    json_decref(rows);
    return rc;
}

static int print_servers(FILE *out, const struct mesh *m)
{
    static const struct column columns[] = {
        {NULL, "SERVER", COLUMN_TEXT},        {NULL, "VERSION", COLUMN_TEXT},     {NULL, "UP", COLUMN_NUMBER},
        {NULL, "CONNECTIONS", COLUMN_NUMBER}, {NULL, "META LEADER", COLUMN_TEXT}, {NULL, "META SIZE", COLUMN_NUMBER},
        {NULL, "GATEWAYS TO", COLUMN_TEXT},   {NULL, NULL, COLUMN_TEXT},
    };
    json_t *rows = json_array();

    for (const struct mesh_server *s = m->servers; s; s = s->next)
        json_array_append_new(rows, json_pack("[s, s, s, o, s, o, o]", s->server, s->version, s->uptime,
                                              cell_number(s->connections), s->leads_meta ? "itself" : s->meta_leader,
                                              cell_number(s->meta_size), cell_texts(s->gateways)));
    return print_rows(out, columns, rows);
}

/* ---- round trips: a row for each cluster, a column for each domain ---------------------------- */

static size_t add_domains(const struct mesh *m, struct column *columns)
{
    size_t n = 1;

    for (const struct mesh_path *path = m->paths; path; path = path->next) {
        size_t k = 1;
        while (k < n && strcmp(columns[k].title, path->domain) != 0)
            k++;
        if (k == n && n <= MAX_DOMAINS)
            columns[n++] = (struct column){NULL, path->domain, COLUMN_NUMBER};
    }
    return n;
}

static json_t *cell_path(const struct mesh *m, const char *cluster, const char *domain)
{
    for (const struct mesh_path *path = m->paths; path; path = path->next)
        if (strcmp(path->cluster, cluster) == 0 && strcmp(path->domain, domain) == 0)
            return *path->error ? json_string(path->error) : cell_ms(path->rtt);
    return json_null();
}

static bool has_path(const struct mesh *m, const char *cluster)
{
    const struct mesh_path *path = m->paths;
    while (path && strcmp(path->cluster, cluster) != 0)
        path = path->next;
    return path != NULL;
}

static int print_paths(FILE *out, const struct mesh *m)
{
    struct column columns[MAX_DOMAINS + 2] = {{NULL, "ROUND TRIP TO DOMAIN", COLUMN_TEXT}};
    size_t n = add_domains(m, columns);
    json_t *rows = json_array();

    for (const struct mesh_cluster *c = m->clusters; c; c = c->next) {
        if (!has_path(m, c->cluster))
            continue;
        json_t *row = json_pack("[o]", json_sprintf("through %s", c->cluster));
        for (size_t k = 1; k < n; k++)
            json_array_append_new(row, cell_path(m, c->cluster, columns[k].title));
        json_array_append_new(rows, row);
    }
    return print_rows(out, columns, rows);
}

/* ---- streams and consumers -------------------------------------------------------------------- */

static json_t *cell_origins(const struct mesh_stream *s)
{
    json_t *names = json_array();
    for (const struct mesh_origin *from = s->from; from; from = from->next)
        json_array_append_new(names, json_sprintf("%s/%s", from->domain, from->stream));
    return names;
}

static json_t *cell_behind(const struct mesh *m, const struct mesh_stream *s)
{
    int64_t behind = 0;

    for (const struct mesh_origin *from = s->from; from; from = from->next) {
        if (mesh_origin_silent(from))
            return json_string("no contact");
        behind += mesh_origin_behind(m, s, from);
    }
    return s->from ? json_integer(behind) : json_null();
}

static int print_streams(FILE *out, const struct mesh *m)
{
    static const struct column columns[] = {
        {NULL, "DOMAIN", COLUMN_TEXT},      {NULL, "STREAM", COLUMN_TEXT},     {NULL, "LEADER", COLUMN_TEXT},
        {NULL, "REPLICAS", COLUMN_NUMBER},  {NULL, "MESSAGES", COLUMN_NUMBER}, {NULL, "BYTES", COLUMN_SIZE},
        {NULL, "CONSUMERS", COLUMN_NUMBER}, {NULL, "COPIES", COLUMN_TEXT},     {NULL, "BEHIND", COLUMN_NUMBER},
        {NULL, NULL, COLUMN_TEXT},
    };
    json_t *rows = json_array();

    for (const struct mesh_stream *s = m->streams; s; s = s->next)
        json_array_append_new(
            rows, json_pack("[s, s, s, o, o, o, o, o, o]", s->domain, s->stream, s->leader,
                            json_sprintf("%lld/%lld", (long long)s->current.value, (long long)s->replicas.value),
                            cell_number(s->messages), cell_number(s->bytes), cell_number(s->consumers), cell_origins(s),
                            cell_behind(m, s)));
    return print_rows(out, columns, rows);
}

static int print_consumers(FILE *out, const struct mesh *m)
{
    static const struct column columns[] = {
        {NULL, "DOMAIN", COLUMN_TEXT},        {NULL, "STREAM", COLUMN_TEXT},    {NULL, "CONSUMER", COLUMN_TEXT},
        {NULL, "LEADER", COLUMN_TEXT},        {NULL, "PENDING", COLUMN_NUMBER}, {NULL, "UNACKED", COLUMN_NUMBER},
        {NULL, "REDELIVERED", COLUMN_NUMBER}, {NULL, NULL, COLUMN_TEXT},
    };
    json_t *rows = json_array();

    for (const struct mesh_consumer *c = m->consumers; c; c = c->next)
        json_array_append_new(rows,
                              json_pack("[s, s, s, s, o, o, o]", c->domain, c->stream, c->consumer, c->leader,
                                        cell_number(c->pending), cell_number(c->unacked), cell_number(c->redelivered)));
    return print_rows(out, columns, rows);
}

int mesh_print(FILE *out, const struct mesh *m)
{
    int (*const tables[])(FILE *, const struct mesh *) = {print_clusters, print_servers, print_paths, print_streams,
                                                          print_consumers};
    int rc = 0;
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]) && rc == 0; i++)
        rc = tables[i](out, m);
    return rc;
}

/* ---- findings --------------------------------------------------------------------------------- */

void findings_print(FILE *out, const struct findings *findings)
{
    for (const struct finding *f = findings->first; f; f = f->next) {
        size_t n = 0;
        fprintf(out, "%s: ", f->severity == FINDING_ERROR ? "error" : "note");
        for (const struct text_list *on = f->on; on; on = on->next, n++)
            if (n < NAMES_SHOWN)
                fprintf(out, "%s%s", n ? ", " : "", on->text);
        if (n > NAMES_SHOWN)
            fprintf(out, " and %zu more", n - NAMES_SHOWN);
        fprintf(out, ": %s; %s\n", f->what, f->remedy);
    }
}
