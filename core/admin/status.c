/* SPDX-License-Identifier: Apache-2.0
 * status - the JSON form of a snapshot. */
#include "status.h"

#include "base/rfc3339.h"

#include <jansson.h>
#include <stdlib.h>

/* A text of a server or a plugin may not be UTF-8: it becomes "?", so that the rest is still shown. */
static json_t *json_text(const char *s)
{
    json_t *value = json_string(s ? s : "");
    return value ? value : json_string("?");
}

static void add_number(json_t *object, const char *key, uint64_t n)
{
    json_object_set_new(object, key, json_integer((json_int_t)n));
}

static json_t *describe_connection(const struct snapshot_connection *c)
{
    return json_pack("{s:o, s:b, s:o, s:I}", "name", json_text(c->cluster), "up", c->up, "server", json_text(c->text),
                     "reconnects", (json_int_t)c->reconnects);
}

static json_t *describe_counts(const struct snapshot_counts *counts)
{
    json_t *json = json_object();
    for (size_t i = 0; i < counts->n; i++)
        add_number(json, counts->items[i].name, counts->items[i].n);
    return json;
}

static json_t *describe_consumer(const struct snapshot_consumer *c)
{
    char until[RFC3339_SIZE];
    json_t *json =
        json_pack("{s:s, s:s, s:s, s:s, s:b, s:o, s:b}", "cluster", c->cluster, "via", c->via, "stream", c->stream,
                  "consumer", c->durable, "ready", c->ready, "reason", json_text(c->reason), "in_use", c->in_use);

    rfc3339_format(c->paused_until_ns, RFC3339_NS, until);
    if (c->paused)
        json_object_set_new(json, "paused_until", json_string(until));
    add_number(json, "delivered", c->stats.delivered);
    add_number(json, "redelivered", c->stats.redelivered);
    add_number(json, "settled", c->stats.settled);
    add_number(json, "pending", c->stats.num_pending);
    add_number(json, "ack_pending", c->stats.num_ack_pending);
    json_object_set_new(json, "held", describe_counts(&c->in_flight));
    return json;
}

static json_t *describe_handler(const struct snapshot_handler *h)
{
    if (h->refused)
        return json_pack("{s:s, s:s, s:o}", "name", h->name, "state", h->state, "note", json_text(h->note));
    json_t *consumers = json_array();
    for (size_t i = 0; i < h->n_consumers; i++)
        json_array_append_new(consumers, describe_consumer(&h->consumers[i]));
    json_t *json =
        json_pack("{s:s, s:s, s:o, s:o, s:b, s:o, s:I, s:I, s:I, s:I, s:o}", "name", h->name, "state", h->state,
                  "plugin", json_text(h->plugin), "version", json_text(h->version), "shadow", h->shadow, "note",
                  json_text(h->note), "workers", (json_int_t)h->workers, "workers_ready", (json_int_t)h->workers_ready,
                  "pending", (json_int_t)h->pending, "in_flight", (json_int_t)h->in_flight, "consumers", consumers);
    add_number(json, "handled", h->handled);
    add_number(json, "acked", h->settle.acked);
    add_number(json, "retried", h->settle.retried);
    add_number(json, "dead", h->dead);
    add_number(json, "dropped", h->settle.dropped);
    add_number(json, "published", h->settle.published);
    add_number(json, "restarts", h->restarts);
    return json;
}

static json_t *describe_all(const struct admin_snapshot *s)
{
    json_t *clusters = json_array();
    json_t *handlers = json_array();
    char started[RFC3339_SIZE];

    rfc3339_format(s->started_ns, RFC3339_NS, started);
    for (size_t i = 0; i < s->n_connections; i++)
        json_array_append_new(clusters, describe_connection(&s->connections[i]));
    for (size_t i = 0; i < s->n_handlers; i++)
        json_array_append_new(handlers, describe_handler(&s->handlers[i]));
    return json_pack("{s:s, s:o, s:s, s:I, s:s, s:o, s:o}", "version", s->version, "instance", json_text(s->name),
                     "started", started, "up_seconds", (json_int_t)s->up_seconds, "state", s->state, "clusters",
                     clusters, "handlers", handlers);
}

void status_serve(const struct admin_snapshot *s, struct http_response *out)
{
    json_t *json = describe_all(s);
    char *body = json ? json_dumps(json, JSON_COMPACT) : NULL;

    out->status = body ? 200 : 500;
    if (body) {
        out->content_type = "application/json";
        buf_puts(&out->body, body);
        buf_putc(&out->body, '\n');
    }
    free(body);
    json_decref(json);
}
