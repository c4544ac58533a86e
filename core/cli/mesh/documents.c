/* SPDX-License-Identifier: Apache-2.0
 * mesh/documents - from JSON of nats-server to rows. */
#include "documents.h"

#include "base/rfc3339.h"
#include "jetstream/api.h"

#include <stdio.h>
#include <string.h>

#define MAX_EXACT 9007199254740992.0 /* above 2^53 a double cannot hold every integer */

/* The value at a path of keys separated by '/'; NULL: none. */
static json_t *find_value(json_t *doc, const char *path)
{
    char key[64];

    for (; doc && *path; path += strcspn(path, "/"), path += *path == '/') {
        size_t n = strcspn(path, "/");
        if (n >= sizeof(key))
            return NULL;
        memcpy(key, path, n);
        key[n] = '\0';
        doc = json_object_get(doc, key);
    }
    return doc;
}

const char *document_text(json_t *doc, const char *key)
{
    const char *text = json_string_value(json_object_get(doc, key));
    return text ? text : "";
}

static const char *copy_text(struct mesh *m, json_t *doc, const char *path)
{
    return arena_text(&m->arena, json_string_value(find_value(doc, path)));
}

static struct mesh_number read_number(json_t *doc, const char *path)
{
    json_t *value = find_value(doc, path);
    double n = json_number_value(value);

    if (json_is_integer(value))
        return mesh_number(json_integer_value(value));
    if (json_is_real(value) && n > -MAX_EXACT && n < MAX_EXACT) /* see answer_json() */
        return mesh_number((int64_t)n);
    return (struct mesh_number){0};
}

static bool is_true(json_t *doc, const char *key)
{
    return json_is_true(json_object_get(doc, key));
}

static void read_texts(struct mesh *m, struct text_list **list, json_t *array)
{
    json_t *item;
    size_t i;
    json_array_foreach(array, i, item)
    {
        if (json_is_string(item))
            texts_add(&m->arena, list, json_string_value(item));
    }
}

/* ---- servers ---------------------------------------------------------------------------------- */

static void read_followers(struct mesh *m, struct mesh_server *s, json_t *replicas)
{
    json_t *r;
    size_t i;
    json_array_foreach(replicas, i, r)
    {
        const char *name = document_text(r, "name");
        struct mesh_follower *f = *name ? mesh_add_follower(m, s, name) : NULL;
        if (f) {
            f->current = is_true(r, "current");
            f->offline = is_true(r, "offline");
        }
    }
}

static void read_outbound_gateways(struct mesh *m, struct mesh_server *s, json_t *gatewayz)
{
    json_t *gateway;
    const char *name;
    json_object_foreach(find_value(gatewayz, "data/outbound_gateways"), name, gateway)
    {
        if (json_is_object(json_object_get(gateway, "connection")))
            texts_add(&m->arena, &s->gateways, name);
    }
}

void mesh_read_server(struct mesh *m, const char *cluster, json_t *varz, json_t *gatewayz, int64_t now_ns)
{
    json_t *data = json_object_get(varz, "data");
    int64_t clock_ns = rfc3339_parse(document_text(data, "now"));
    struct mesh_server *s = mesh_add_server(m, cluster, document_text(json_object_get(varz, "server"), "name"));

    if (!s)
        return;
    s->jetstream = json_object_size(find_value(data, "jetstream/config")) > 0;
    s->version = copy_text(m, data, "version");
    s->domain = copy_text(m, data, "jetstream/config/domain");
    s->account = copy_text(m, data, "system_account");
    s->uptime = copy_text(m, data, "uptime");
    s->connections = read_number(data, "connections");
    if (clock_ns > 0)
        s->clock = mesh_number(clock_ns - now_ns);
    s->meta_leader = copy_text(m, data, "jetstream/meta/leader");
    s->meta_size = read_number(data, "jetstream/meta/cluster_size");
    s->leads_meta = *s->meta_leader && strcmp(s->meta_leader, s->server) == 0;
    if (s->leads_meta)
        read_followers(m, s, find_value(data, "jetstream/meta/replicas"));
    s->gateways_known = gatewayz != NULL;
    read_outbound_gateways(m, s, gatewayz);
}

/* ---- streams ---------------------------------------------------------------------------------- */

/* "$JS.sea-a.API" -> "sea-a"; any other prefix unchanged. */
static const char *domain_of_prefix(struct mesh *m, const char *prefix)
{
    char domain[256];
    size_t len;
    const char *name = api_prefix_domain(prefix, &len);

    if (!name || snprintf(domain, sizeof(domain), "%.*s", (int)len, name) >= (int)sizeof(domain))
        return arena_text(&m->arena, prefix);
    return arena_text(&m->arena, domain);
}

static void read_origin(struct mesh *m, struct mesh_stream *s, json_t *doc, bool mirror)
{
    json_t *external = json_object_get(doc, "external");
    struct mesh_origin *o = json_is_object(doc) ? mesh_add_origin(m, s) : NULL;

    if (!o)
        return;
    o->stream = copy_text(m, doc, "name");
    o->domain = json_is_object(external) ? domain_of_prefix(m, document_text(external, "api")) : s->domain;
    o->mirror = mirror;
    o->lag = read_number(doc, "lag");
    o->active = read_number(doc, "active");
}

static void read_origins(struct mesh *m, struct mesh_stream *s, json_t *info)
{
    json_t *source;
    size_t i;

    read_origin(m, s, json_object_get(info, "mirror"), true);
    json_array_foreach(json_object_get(info, "sources"), i, source) read_origin(m, s, source, false);
}

/* A server that is not clustered sends no `cluster`. */
static bool is_leaderless(json_t *info)
{
    json_t *cluster = json_object_get(info, "cluster");
    return cluster && !*document_text(cluster, "leader");
}

/* The leader is not in the list of replicas. */
static void read_replicas(struct mesh *m, struct mesh_stream *s, json_t *info)
{
    int64_t current = 1;
    json_t *r;
    size_t i;

    json_array_foreach(find_value(info, "cluster/replicas"), i, r)
    {
        const char *name = document_text(r, "name");
        if (!*name)
            continue;
        if (is_true(r, "current") && !is_true(r, "offline"))
            current++;
        else
            texts_add(&m->arena, &s->behind, name);
    }
    s->placed = copy_text(m, info, "cluster/name");
    s->leader = copy_text(m, info, "cluster/leader");
    s->leaderless = is_leaderless(info);
    s->replicas = read_number(info, "config/num_replicas");
    s->current = mesh_number(current);
}

void mesh_read_stream(struct mesh *m, const char *cluster, const char *domain, json_t *info)
{
    json_t *config = json_object_get(info, "config");
    json_t *mirror = json_object_get(config, "mirror");
    json_t *subjects = json_object_get(config, "subjects");
    struct mesh_stream *s = mesh_add_stream(m, cluster, domain, document_text(config, "name"));

    if (!s)
        return;
    s->described = true;
    s->subjects_known = json_is_array(subjects);
    read_texts(m, &s->subjects, subjects);
    read_replicas(m, s, info);
    s->messages = read_number(info, "state/messages");
    s->bytes = read_number(info, "state/bytes");
    s->first = read_number(info, "state/first_seq");
    s->last = read_number(info, "state/last_seq");
    s->consumers = read_number(info, "state/consumer_count");
    s->created = copy_text(m, info, "created");
    s->filtered =
        *document_text(mirror, "filter_subject") || json_array_size(json_object_get(mirror, "subject_transforms")) > 0;
    read_origins(m, s, info);
}

/* ---- consumers -------------------------------------------------------------------------------- */

/* Servers before 2.10 know one filter only, under another key. */
static void read_filters(struct mesh *m, struct mesh_consumer *c, json_t *config)
{
    json_t *several = json_object_get(config, "filter_subjects");
    const char *one = document_text(config, "filter_subject");

    if (json_is_array(several))
        read_texts(m, &c->filters, several);
    else if (*one)
        texts_add(&m->arena, &c->filters, one);
}

void mesh_read_consumer(struct mesh *m, const char *cluster, const char *domain, json_t *info)
{
    struct mesh_consumer *c =
        mesh_add_consumer(m, cluster, domain, document_text(info, "stream_name"), document_text(info, "name"));

    if (!c)
        return;
    c->pending = read_number(info, "num_pending");
    c->unacked = read_number(info, "num_ack_pending");
    c->redelivered = read_number(info, "num_redelivered");
    c->floor = read_number(info, "ack_floor/stream_seq");
    c->leader = copy_text(m, info, "cluster/leader");
    c->leaderless = is_leaderless(info);
    read_filters(m, c, json_object_get(info, "config"));
}
