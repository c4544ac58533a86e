/* SPDX-License-Identifier: Apache-2.0
 * discovery - responses to $SRV.PING, $SRV.INFO and $SRV.STATS. */
#include "discovery.h"

#include "snapshot.h"

#include "base/clock.h"
#include "base/rfc3339.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SERVICE "seamqd"
#define PREFIX "$SRV."

struct discovery {
    struct connection *connection;
    struct connection_sub *sub;
    const struct report *report;
    const char *id; /* unique for this daemon: the random part of its inbox */
};

/* The handler's consumer on the cluster of this connection; NULL: it has none there. */
static const struct snapshot_consumer *consumer_here(const struct discovery *d, const struct snapshot_handler *h)
{
    for (size_t i = 0; i < h->n_consumers; i++)
        if (strcmp(h->consumers[i].cluster, connection_cluster(d->connection)) == 0)
            return &h->consumers[i];
    return NULL;
}

static json_t *describe_header(const struct discovery *d, const char *verb)
{
    char type[64];
    snprintf(type, sizeof(type), "io.nats.micro.v1.%s_response", verb);
    return json_pack("{s:s, s:s, s:s, s:s, s:{s:s}}", "type", type, "name", SERVICE, "id", d->id, "version",
                     d->report->version, "metadata", "instance", d->report->name);
}

static json_t *describe_endpoint(const struct snapshot_handler *h, const struct snapshot_consumer *c)
{
    char filter[512];
    config_cluster_name(h->filter_subject, c->cluster, filter, sizeof(filter));
    return json_pack("{s:s, s:s, s:s, s:{s:s, s:s, s:b}}", "name", h->name, "subject", filter, "queue_group",
                     h->durable, "metadata", "stream", c->stream, "plugin_version", h->version, "ready",
                     h->ready && c->ready);
}

static void add_stats(json_t *e, const struct snapshot_handler *h)
{
    json_object_set_new(e, "num_requests", json_integer((json_int_t)h->handled));
    json_object_set_new(e, "num_errors", json_integer((json_int_t)h->failed));
    json_object_set_new(e, "last_error", json_string(h->reason));
    json_object_set_new(e, "processing_time", json_integer((json_int_t)h->duration->sum_ns));
    json_object_set_new(e, "average_processing_time", json_integer((json_int_t)h->average_duration_ns));
}

static json_t *describe_endpoints(const struct discovery *d, const struct admin_snapshot *s, bool stats)
{
    json_t *endpoints = json_array();
    for (size_t i = 0; i < s->n_running; i++) {
        const struct snapshot_consumer *c = consumer_here(d, &s->handlers[i]);
        if (!c)
            continue;
        json_t *e = describe_endpoint(&s->handlers[i], c);
        if (stats)
            add_stats(e, &s->handlers[i]);
        json_array_append_new(endpoints, e);
    }
    return endpoints;
}

static json_t *describe_service(const struct discovery *d, const char *verb)
{
    struct admin_snapshot s;
    json_t *json = describe_header(d, verb);

    if (strcmp(verb, "ping") == 0 || admin_snapshot_take(&s, d->report))
        return json;
    json_object_set_new(json, "endpoints", describe_endpoints(d, &s, strcmp(verb, "stats") == 0));
    if (strcmp(verb, "info") == 0) {
        json_object_set_new(json, "description", json_string("SeaMQ worker daemon"));
    } else {
        char started[RFC3339_SIZE];
        json_object_set_new(json, "started", json_string(rfc3339_format(s.started_ns, RFC3339_SECONDS, started)));
    }
    admin_snapshot_finish(&s);
    return json;
}

/* The verb of a request to this service: "ping", "info" or "stats". NULL: the request is for another service. */
static const char *request_verb(const struct discovery *d, const char *subject)
{
    static const char *const verbs[][2] = {{"PING", "ping"}, {"INFO", "info"}, {"STATS", "stats"}};
    const char *rest = subject + sizeof(PREFIX) - 1;
    size_t len = strcspn(rest, ".");
    const char *verb = NULL;

    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (strlen(verbs[i][0]) == len && memcmp(rest, verbs[i][0], len) == 0)
            verb = verbs[i][1];
    rest += len;
    if (!*rest)
        return verb;
    size_t name = strcspn(++rest, ".");
    if (name != strlen(SERVICE) || memcmp(rest, SERVICE, name) != 0)
        return NULL;
    rest += name;
    return !*rest || strcmp(rest + 1, d->id) == 0 ? verb : NULL;
}

static void on_request(void *data, natsMsg *msg)
{
    struct discovery *d = data;
    const char *reply = msg ? natsMsg_GetReply(msg) : NULL;
    const char *verb = reply ? request_verb(d, natsMsg_GetSubject(msg)) : NULL;

    if (verb) {
        json_t *json = describe_service(d, verb);
        char *text = json_dumps(json, JSON_COMPACT);
        if (text)
            connection_publish(d->connection,
                               &(struct connection_publish){.subject = reply, .data = text, .size = strlen(text)});
        free(text);
        json_decref(json);
    }
    if (msg)
        connection_recycle(d->connection, msg);
}

int discovery_create(struct discovery **ret, struct connection *connection, const struct report *report)
{
    struct discovery *d = calloc(1, sizeof(*d));
    if (!d)
        return -ENOMEM;
    d->connection = connection;
    d->report = report;
    d->id = strrchr(connection_inbox(connection), '.') + 1;
    d->sub = connection_subscribe(connection, PREFIX ">", CONNECTION_STREAM, on_request, d);
    if (!d->sub) {
        free(d);
        return -ENOMEM;
    }
    *ret = d;
    return 0;
}

void discovery_destroy(struct discovery *d)
{
    if (!d)
        return;
    connection_unsubscribe(d->sub);
    free(d);
}
