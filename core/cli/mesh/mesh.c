/* SPDX-License-Identifier: Apache-2.0
 * mesh/mesh - adding and finding rows. */
#include "mesh.h"

#include "rows.h"

#include <string.h>

void mesh_finish(struct mesh *m)
{
    arena_finish(&m->arena);
    *m = (struct mesh){0};
}

struct mesh_number mesh_number(int64_t value)
{
    return (struct mesh_number){value, true};
}

/* ---- adding ----------------------------------------------------------------------------------- */

struct mesh_cluster *mesh_add_cluster(struct mesh *m, const char *cluster)
{
    struct mesh_cluster *row = mesh_row_append(&m->arena, &mesh_cluster_type, &m->clusters);
    if (row)
        row->cluster = arena_text(&m->arena, cluster);
    return row;
}

/* Servers answer in any order; the list is sorted. */
struct mesh_server *mesh_add_server(struct mesh *m, const char *cluster, const char *server)
{
    struct mesh_server **at = &m->servers;
    struct mesh_server *row = mesh_row_create(&m->arena, &mesh_server_type);

    if (!row)
        return NULL;
    for (; *at; at = &(*at)->next) {
        int order = strcmp((*at)->cluster, cluster);
        if (order > 0 || (order == 0 && strcmp((*at)->server, server) > 0))
            break;
    }
    row->cluster = arena_text(&m->arena, cluster);
    row->server = arena_text(&m->arena, server);
    row->next = *at;
    *at = row;
    return row;
}

struct mesh_path *mesh_add_path(struct mesh *m, const char *cluster, const char *domain, const char *owner)
{
    struct mesh_path *row = mesh_row_append(&m->arena, &mesh_path_type, &m->paths);
    if (!row)
        return NULL;
    row->cluster = arena_text(&m->arena, cluster);
    row->domain = arena_text(&m->arena, domain);
    row->owner = arena_text(&m->arena, owner);
    return row;
}

struct mesh_stream *mesh_add_stream(struct mesh *m, const char *cluster, const char *domain, const char *stream)
{
    struct mesh_stream *row = mesh_row_append(&m->arena, &mesh_stream_type, &m->streams);
    if (!row)
        return NULL;
    row->cluster = arena_text(&m->arena, cluster);
    row->domain = arena_text(&m->arena, domain);
    row->stream = arena_text(&m->arena, stream);
    return row;
}

struct mesh_consumer *mesh_add_consumer(struct mesh *m, const char *cluster, const char *domain, const char *stream,
                                        const char *consumer)
{
    struct mesh_consumer *row = mesh_row_append(&m->arena, &mesh_consumer_type, &m->consumers);
    if (!row)
        return NULL;
    row->cluster = arena_text(&m->arena, cluster);
    row->domain = arena_text(&m->arena, domain);
    row->stream = arena_text(&m->arena, stream);
    row->consumer = arena_text(&m->arena, consumer);
    return row;
}

struct mesh_follower *mesh_add_follower(struct mesh *m, struct mesh_server *server, const char *name)
{
    struct mesh_follower *row = mesh_row_append(&m->arena, &mesh_follower_type, &server->followers);
    if (row)
        row->server = arena_text(&m->arena, name);
    return row;
}

struct mesh_origin *mesh_add_origin(struct mesh *m, struct mesh_stream *stream)
{
    return mesh_row_append(&m->arena, &mesh_origin_type, &stream->from);
}

/* ---- finding ---------------------------------------------------------------------------------- */

struct mesh_cluster *mesh_find_cluster(const struct mesh *m, const char *cluster)
{
    struct mesh_cluster *c = m->clusters;
    while (c && strcmp(c->cluster, cluster) != 0)
        c = c->next;
    return c;
}

struct mesh_server *mesh_find_server(const struct mesh *m, const char *cluster, const char *server)
{
    struct mesh_server *s = m->servers;
    while (s && (strcmp(s->server, server) != 0 || strcmp(s->cluster, cluster) != 0))
        s = s->next;
    return s;
}

struct mesh_server *mesh_find_server_anywhere(const struct mesh *m, const char *server)
{
    struct mesh_server *s = m->servers;
    while (s && strcmp(s->server, server) != 0)
        s = s->next;
    return s;
}

struct mesh_stream *mesh_find_stream(const struct mesh *m, const char *domain, const char *stream)
{
    struct mesh_stream *s = m->streams;
    while (s && (strcmp(s->stream, stream) != 0 || strcmp(s->domain, domain) != 0))
        s = s->next;
    return s;
}

const char *mesh_cluster_name(const struct mesh *m, const char *cluster)
{
    const struct mesh_cluster *c = mesh_find_cluster(m, cluster);
    return c && *c->name ? c->name : cluster;
}
