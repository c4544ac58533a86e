/* SPDX-License-Identifier: Apache-2.0
 * stream/wanted - configuration to API documents. */
#include "wanted.h"

#include "base/clock.h"
#include "jetstream/api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DUPLICATE_WINDOW_NS (120 * NS_PER_SEC) /* the server's default */
#define NAME_SIZE 512

static const char *const storages[] = {[STORAGE_FILE] = "file", [STORAGE_MEMORY] = "memory"};
static const char *const retentions[] = {
    [RETENTION_LIMITS] = "limits", [RETENTION_INTEREST] = "interest", [RETENTION_WORKQUEUE] = "workqueue"};
static const char *const discards[] = {[DISCARD_OLD] = "old", [DISCARD_NEW] = "new"};

static json_t *strings(const struct strv *v)
{
    json_t *list = json_array();
    for (size_t i = 0; i < v->n; i++)
        json_array_append_new(list, json_string(v->items[i]));
    return list;
}

/* STREAM or STREAM@DOMAIN: {"name": ..., "external": {"api": prefix of the domain}} */
static json_t *origin(const char *text, const char *own_domain)
{
    char name[NAME_SIZE];
    char api[API_SUBJECT_MAX];
    const char *at = strchr(text, '@');

    snprintf(name, sizeof(name), "%.*s", (int)(at ? (size_t)(at - text) : strlen(text)), text);
    if (!at || (own_domain && strcmp(at + 1, own_domain) == 0))
        return json_pack("{s:s}", "name", name);
    return api_domain_prefix(at + 1, api, sizeof(api))
               ? NULL
               : json_pack("{s:s, s:{s:s, s:s}}", "name", name, "external", "api", api, "deliver", "");
}

static json_t *origins(const struct strv *v, const char *own_domain)
{
    json_t *list = json_array();
    for (size_t i = 0; i < v->n; i++)
        json_array_append_new(list, origin(v->items[i], own_domain));
    return list;
}

/* Without one the server takes its own default, and refuses that where max_age is shorter. */
static int64_t duplicate_window(const struct config_stream *s)
{
    if (s->duplicate_window_ns || s->mirror)
        return s->duplicate_window_ns;
    return s->max_age_ns && s->max_age_ns < DUPLICATE_WINDOW_NS ? s->max_age_ns : DUPLICATE_WINDOW_NS;
}

static json_t *placement(const struct config_stream *s)
{
    json_t *p = json_object();
    if (s->placement_cluster)
        json_object_set_new(p, "cluster", json_string(s->placement_cluster));
    if (s->placement_tags.n)
        json_object_set_new(p, "tags", strings(&s->placement_tags));
    return p;
}

/* Takes `value`; NULL is an object that is left out. */
static void put(json_t *o, const char *key, json_t *value, bool is_set)
{
    if (is_set)
        json_object_set_new(o, key, value);
    else
        json_decref(value);
}

json_t *wanted_stream(const struct config_stream *s, const char *own_domain)
{
    json_t *o =
        json_pack("{s:s, s:s, s:s, s:s, s:I}", "name", s->name, "retention", retentions[s->retention], "storage",
                  storages[s->storage], "discard", discards[s->discard], "max_age", (json_int_t)s->max_age_ns);
    put(o, "subjects", strings(&s->subjects), s->subjects.n > 0);
    put(o, "num_replicas", json_integer(s->replicas), s->replicas > 0);
    put(o, "max_bytes", json_integer(s->max_bytes ? s->max_bytes : -1), true);
    put(o, "max_msgs", json_integer(s->max_msgs ? s->max_msgs : -1), true);
    put(o, "max_msg_size", json_integer(s->max_msg_size ? s->max_msg_size : -1), true);
    put(o, "duplicate_window", json_integer(duplicate_window(s)), duplicate_window(s) > 0);
    put(o, "mirror", s->mirror ? origin(s->mirror, own_domain) : NULL, s->mirror != NULL);
    put(o, "sources", origins(&s->sources, own_domain), s->sources.n > 0);
    put(o, "placement", placement(s), s->placement_cluster || s->placement_tags.n);
    return o;
}

/* all, new, last, last_per_subject, by_start_sequence=N, by_start_time=TIME */
static void put_deliver_policy(json_t *o, const char *policy)
{
    size_t len = strcspn(policy, "=");
    const char *value = policy[len] ? policy + len + 1 : NULL;

    json_object_set_new(o, "deliver_policy", json_stringn(policy, len));
    if (value && strncmp(policy, "by_start_sequence", len) == 0)
        json_object_set_new(o, "opt_start_seq", json_integer(strtoll(value, NULL, 10)));
    else if (value)
        json_object_set_new(o, "opt_start_time", json_string(value));
}

json_t *wanted_consumer(const struct config_consumer *c)
{
    /* max_deliver: attempts are counted by the worker, see ARCHITECTURE.md. */
    json_t *o =
        json_pack("{s:s, s:s, s:s, s:I, s:i, s:I, s:s, s:I}", "durable_name", c->name, "name", c->name, "ack_policy",
                  c->ack == ACK_CUMULATIVE ? "all" : "explicit", "ack_wait", (json_int_t)c->ack_wait_ns, "max_deliver",
                  -1, "max_ack_pending", (json_int_t)c->max_ack_pending, "replay_policy", "instant", "num_replicas",
                  (json_int_t)c->replicas);
    put_deliver_policy(o, c->deliver_policy);
    if (c->filter_subjects.n == 1)
        json_object_set_new(o, "filter_subject", json_string(c->filter_subjects.items[0]));
    put(o, "filter_subjects", strings(&c->filter_subjects), c->filter_subjects.n > 1);
    return o;
}
