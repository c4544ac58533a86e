/* SPDX-License-Identifier: Apache-2.0
 * discovery - answers to $SRV.PING, $SRV.INFO and $SRV.STATS. */
#include "discovery.h"

#include "base/clock.h"

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

/* Its consumer on the cluster of this link; NULL: it has none there. */
static struct consumer *consumer_here(const struct discovery *d, const struct handler *h)
{
    for (size_t i = 0; i < handler_n_consumers(h); i++) {
        struct consumer *c = handler_consumer(h, i);
        if (strcmp(consumer_cluster(c)->name, connection_cluster(d->connection)) == 0)
            return c;
    }
    return NULL;
}

static json_t *describe(const struct discovery *d, const char *verb)
{
    char type[64];
    snprintf(type, sizeof(type), "io.nats.micro.v1.%s_response", verb);
    return json_pack("{s:s, s:s, s:s, s:s, s:{s:s}}", "type", type, "name", SERVICE, "id", d->id, "version",
                     d->report->version, "metadata", "instance", d->report->name);
}

static json_t *endpoint(const struct handler *h, const struct consumer *consumer)
{
    const struct config_handler *c = handler_config(h);
    char filter[512];
    config_cluster_name(c->filter_subjects.n ? c->filter_subjects.items[0] : ">", consumer_cluster(consumer)->name,
                        filter, sizeof(filter));
    return json_pack("{s:s, s:s, s:s, s:{s:s, s:s, s:b}}", "name", c->name, "subject", filter, "queue_group",
                     c->durable, "metadata", "stream", consumer_stream(consumer), "plugin_version",
                     handler_plugin(h)->version, "ready", handler_ready(h) && consumer_ready(consumer));
}

static void add_stats(json_t *e, const struct handler *h)
{
    const struct handler_stats *s = handler_stats(h);
    uint64_t failed = s->outcomes[SETTLE_NAK] + s->outcomes[SETTLE_DEAD];
    json_object_set_new(e, "num_requests", json_integer((json_int_t)s->handled));
    json_object_set_new(e, "num_errors", json_integer((json_int_t)failed));
    json_object_set_new(e, "last_error", json_string(handler_reason(h)));
    json_object_set_new(e, "processing_time", json_integer((json_int_t)s->duration.sum_ns));
    json_object_set_new(e, "average_processing_time",
                        json_integer(s->handled ? (json_int_t)(s->duration.sum_ns / s->handled) : 0));
}

static json_t *answer(const struct discovery *d, const char *verb)
{
    json_t *json = describe(d, verb);
    if (strcmp(verb, "ping") == 0)
        return json;
    json_t *endpoints = json_array();
    for (size_t i = 0; i < d->report->n_handlers; i++) {
        const struct handler *h = d->report->handlers[i];
        const struct consumer *c = consumer_here(d, h);
        if (!c)
            continue;
        json_t *e = endpoint(h, c);
        if (strcmp(verb, "stats") == 0)
            add_stats(e, h);
        json_array_append_new(endpoints, e);
    }
    json_object_set_new(json, "endpoints", endpoints);
    if (strcmp(verb, "info") == 0) {
        json_object_set_new(json, "description", json_string("SeaMQ worker daemon"));
    } else {
        time_t started = (time_t)(d->report->started_ns / NS_PER_SEC);
        struct tm tm;
        char text[32];
        gmtime_r(&started, &tm);
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
        json_object_set_new(json, "started", json_string(text));
    }
    return json;
}

/* The verb that `subject` asks of us, "ping", "info" or "stats"; NULL: it asks others. */
static const char *asked(const struct discovery *d, const char *subject)
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

static void on_question(void *data, natsMsg *msg)
{
    struct discovery *d = data;
    const char *reply = msg ? natsMsg_GetReply(msg) : NULL;
    const char *verb = reply ? asked(d, natsMsg_GetSubject(msg)) : NULL;

    if (verb) {
        json_t *json = answer(d, verb);
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
    d->sub = connection_subscribe(connection, PREFIX ">", CONNECTION_STREAM, on_question, d);
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
