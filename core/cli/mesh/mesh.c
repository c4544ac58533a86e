/* SPDX-License-Identifier: Apache-2.0
 * mesh/mesh - rows, and finding one. */
#include "mesh.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int mesh_init(struct mesh *m)
{
    *m = (struct mesh){json_array(), json_array(), json_array(), json_array(), json_array(), 0};
    if (m->clusters && m->servers && m->paths && m->streams && m->consumers)
        return 0;
    mesh_finish(m);
    return -ENOMEM;
}

void mesh_finish(struct mesh *m)
{
    json_decref(m->clusters);
    json_decref(m->servers);
    json_decref(m->paths);
    json_decref(m->streams);
    json_decref(m->consumers);
    *m = (struct mesh){0};
}

const char *row_text(json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));
    return text ? text : "";
}

int64_t row_number(json_t *row, const char *key)
{
    return json_integer_value(json_object_get(row, key));
}

bool row_has(json_t *row, const char *key)
{
    return json_object_get(row, key) != NULL;
}

static int by_cluster_and_server(const void *a, const void *b)
{
    json_t *x = *(json_t *const *)a;
    json_t *y = *(json_t *const *)b;
    int order = strcmp(row_text(x, "cluster"), row_text(y, "cluster"));
    return order ? order : strcmp(row_text(x, "server"), row_text(y, "server"));
}

void mesh_sort_servers(struct mesh *m)
{
    size_t n = json_array_size(m->servers);
    json_t **rows = calloc(n + 1, sizeof(*rows));

    if (!rows)
        return;
    for (size_t i = 0; i < n; i++)
        rows[i] = json_incref(json_array_get(m->servers, i));
    qsort(rows, n, sizeof(*rows), by_cluster_and_server);
    json_array_clear(m->servers);
    for (size_t i = 0; i < n; i++)
        json_array_append_new(m->servers, rows[i]);
    free(rows);
}

bool row_lists(json_t *row, const char *key, const char *item)
{
    json_t *one;
    size_t i;
    json_array_foreach(json_object_get(row, key), i, one)
    {
        if (json_is_string(one) && strcmp(json_string_value(one), item) == 0)
            return true;
    }
    return false;
}

static json_t *find_two(json_t *rows, const char *key, const char *value, const char *key2, const char *value2)
{
    json_t *row;
    size_t i;
    json_array_foreach(rows, i, row)
    {
        if (strcmp(row_text(row, key), value) == 0 && (!key2 || strcmp(row_text(row, key2), value2) == 0))
            return row;
    }
    return NULL;
}

json_t *rows_find(json_t *rows, const char *key, const char *value)
{
    return find_two(rows, key, value, NULL, NULL);
}

json_t *mesh_find_server(const struct mesh *m, const char *cluster, const char *server)
{
    return find_two(m->servers, "server", server, "cluster", cluster);
}

json_t *mesh_find_stream(const struct mesh *m, const char *domain, const char *stream)
{
    return find_two(m->streams, "stream", stream, "domain", domain);
}

const char *mesh_cluster_name(const struct mesh *m, const char *cluster)
{
    const char *name = row_text(rows_find(m->clusters, "cluster", cluster), "name");
    return *name ? name : cluster;
}
