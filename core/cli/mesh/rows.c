/* SPDX-License-Identifier: Apache-2.0
 * mesh/rows - the servers' documents, which may be anything, to rows. */
#include "mesh.h"

#include "base/value.h"

#include <string.h>

#define MAX_EXACT 9007199254740992.0 /* beyond it a double skips integers */

/* What a document has under a path of keys separated by '/'; NULL: nothing. */
static json_t *at(json_t *doc, const char *path)
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

/* Only what is of the kind that the rows promise. */
static void put_text(json_t *row, const char *key, json_t *value)
{
    if (json_string_length(value))
        json_object_set(row, key, value);
}

static void put_number(json_t *row, const char *key, json_t *value)
{
    double n = json_number_value(value);
    if (json_is_integer(value))
        json_object_set(row, key, value);
    else if (json_is_real(value) && n > -MAX_EXACT && n < MAX_EXACT) /* see answer_json() */
        json_object_set_new(row, key, json_integer((json_int_t)n));
}

static bool is_true(json_t *doc, const char *key)
{
    return json_is_true(json_object_get(doc, key));
}

/* {server, current, offline} of each replica; the leader is not among them. */
static json_t *followers(json_t *replicas)
{
    json_t *all = json_array();
    json_t *r;
    size_t i;
    json_array_foreach(replicas, i, r)
    {
        if (json_string_length(json_object_get(r, "name")))
            json_array_append_new(all, json_pack("{s:O, s:b, s:b}", "server", json_object_get(r, "name"), "current",
                                                 is_true(r, "current"), "offline", is_true(r, "offline")));
    }
    return all;
}

static json_t *outbound_gateways(json_t *gatewayz)
{
    json_t *all = json_array();
    json_t *gateway;
    const char *name;
    json_object_foreach(at(gatewayz, "data/outbound_gateways"), name, gateway)
    {
        if (json_is_object(json_object_get(gateway, "connection")))
            json_array_append_new(all, json_string(name));
    }
    return all;
}

void mesh_add_server(struct mesh *m, const char *cluster, json_t *varz, json_t *gatewayz, int64_t now_ns)
{
    json_t *data = json_object_get(varz, "data");
    json_t *meta = at(data, "jetstream/meta");
    const char *leader = row_text(meta, "leader");
    const char *name = row_text(json_object_get(varz, "server"), "name");
    int64_t clock_ns = value_time_ns(row_text(data, "now"));
    json_t *row = json_pack("{s:s, s:s, s:b}", "cluster", cluster, "server", name, "jetstream",
                            json_object_size(at(data, "jetstream/config")) > 0);

    if (!row)
        return;
    put_text(row, "version", json_object_get(data, "version"));
    put_text(row, "domain", at(data, "jetstream/config/domain"));
    put_text(row, "account", json_object_get(data, "system_account"));
    put_text(row, "uptime", json_object_get(data, "uptime"));
    put_number(row, "connections", json_object_get(data, "connections"));
    if (clock_ns > 0)
        json_object_set_new(row, "clock", json_integer(clock_ns - now_ns));
    put_text(row, "meta_leader", json_object_get(meta, "leader"));
    put_number(row, "meta_size", json_object_get(meta, "cluster_size"));
    if (*leader && strcmp(leader, name) == 0)
        json_object_set_new(row, "followers", followers(json_object_get(meta, "replicas")));
    if (gatewayz)
        json_object_set_new(row, "gateways", outbound_gateways(gatewayz));
    json_array_append_new(m->servers, row);
}

/* "$JS.sea-a.API" -> "sea-a"; another prefix as it is. */
static json_t *domain_of_api(json_t *external)
{
    const char *api = row_text(external, "api");
    size_t len = strlen(api);
    if (len > 8 && strncmp(api, "$JS.", 4) == 0 && strcmp(api + len - 4, ".API") == 0)
        return json_stringn(api + 4, len - 8);
    return json_string(api);
}

/* What a mirror or a source copies from, and how that goes. */
static void put_origin(json_t *from, json_t *doc, bool mirror, const char *domain)
{
    json_t *external = json_object_get(doc, "external");
    json_t *row = json_pack("{s:s, s:o, s:b}", "stream", row_text(doc, "name"), "domain",
                            json_is_object(external) ? domain_of_api(external) : json_string(domain), "mirror", mirror);
    if (!row)
        return;
    put_number(row, "lag", json_object_get(doc, "lag"));
    put_number(row, "active", json_object_get(doc, "active"));
    json_array_append_new(from, row);
}

static json_t *origins(json_t *info, const char *domain)
{
    json_t *from = json_array();
    json_t *mirror = json_object_get(info, "mirror");
    json_t *source;
    size_t i;

    if (json_is_object(mirror))
        put_origin(from, mirror, true, domain);
    json_array_foreach(json_object_get(info, "sources"), i, source)
    {
        if (json_is_object(source))
            put_origin(from, source, false, domain);
    }
    return from;
}

/* A single server has no `cluster`. */
static void put_leader(json_t *row, json_t *cluster)
{
    put_text(row, "leader", json_object_get(cluster, "leader"));
    if (cluster && !row_has(row, "leader"))
        json_object_set_new(row, "leaderless", json_true());
}

static void put_replicas(json_t *row, json_t *info)
{
    json_t *replicas = followers(at(info, "cluster/replicas"));
    json_t *behind = json_array();
    int64_t current = 1; /* the leader */
    json_t *r;
    size_t i;

    json_array_foreach(replicas, i, r)
    {
        if (is_true(r, "current") && !is_true(r, "offline"))
            current++;
        else
            json_array_append(behind, json_object_get(r, "server"));
    }
    put_text(row, "placed", at(info, "cluster/name"));
    put_leader(row, json_object_get(info, "cluster"));
    put_number(row, "replicas", at(info, "config/num_replicas"));
    json_object_set_new(row, "current", json_integer(current));
    json_object_set_new(row, "behind", behind);
    json_decref(replicas);
}

static bool has_items(json_t *doc, const char *key)
{
    return json_array_size(json_object_get(doc, key)) > 0;
}

void mesh_add_stream(struct mesh *m, const char *cluster, const char *domain, json_t *info)
{
    json_t *config = json_object_get(info, "config");
    json_t *state = json_object_get(info, "state");
    json_t *mirror = json_object_get(config, "mirror");
    json_t *subjects = json_object_get(config, "subjects");
    json_t *row =
        json_pack("{s:s, s:s, s:s}", "cluster", cluster, "domain", domain, "stream", row_text(config, "name"));

    if (!row)
        return;
    if (json_is_array(subjects))
        json_object_set(row, "subjects", subjects);
    put_replicas(row, info);
    put_number(row, "messages", json_object_get(state, "messages"));
    put_number(row, "bytes", json_object_get(state, "bytes"));
    put_number(row, "first", json_object_get(state, "first_seq"));
    put_number(row, "last", json_object_get(state, "last_seq"));
    put_number(row, "consumers", json_object_get(state, "consumer_count"));
    put_text(row, "created", json_object_get(info, "created"));
    if (*row_text(mirror, "filter_subject") || has_items(mirror, "subject_transforms"))
        json_object_set_new(row, "filtered", json_true());
    json_object_set_new(row, "from", origins(info, domain));
    json_array_append_new(m->streams, row);
}

/* One, or several: servers before 2.10 know one only. */
static json_t *filters(json_t *config)
{
    json_t *several = json_object_get(config, "filter_subjects");
    const char *one = row_text(config, "filter_subject");

    if (json_is_array(several))
        return json_incref(several);
    return *one ? json_pack("[s]", one) : json_array();
}

void mesh_add_consumer(struct mesh *m, const char *cluster, const char *domain, json_t *info)
{
    json_t *row = json_pack("{s:s, s:s, s:s, s:s}", "cluster", cluster, "domain", domain, "stream",
                            row_text(info, "stream_name"), "consumer", row_text(info, "name"));
    if (!row)
        return;
    put_number(row, "pending", json_object_get(info, "num_pending"));
    put_number(row, "unacked", json_object_get(info, "num_ack_pending"));
    put_number(row, "redelivered", json_object_get(info, "num_redelivered"));
    put_number(row, "floor", at(info, "ack_floor/stream_seq"));
    put_leader(row, json_object_get(info, "cluster"));
    json_object_set_new(row, "filters", filters(json_object_get(info, "config")));
    json_array_append_new(m->consumers, row);
}

void mesh_add_leaderless(struct mesh *m, const char *cluster, const char *domain, const char *stream)
{
    json_t *row =
        json_pack("{s:s, s:s, s:s, s:b}", "cluster", cluster, "domain", domain, "stream", stream, "leaderless", true);
    if (row)
        json_array_append_new(m->streams, row);
}
