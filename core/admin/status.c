/* SPDX-License-Identifier: Apache-2.0
 * status - GET /status.json: what the status page says and more, for programs (seamq status). */
#include "status.h"

#include "base/clock.h"
#include "base/value.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* What is not UTF-8, as a server's or a plugin's word might be, must not cost the whole. */
static json_t *text(const char *s)
{
    json_t *value = json_string(s ? s : "");
    return value ? value : json_string("?");
}

static void add_number(json_t *object, const char *key, uint64_t n)
{
    json_object_set_new(object, key, json_integer((json_int_t)n));
}

static json_t *describe_link(const struct connection *l)
{
    return json_pack("{s:o, s:b, s:o, s:I}", "name", text(connection_cluster(l)), "up",
                     connection_state(l) == CONNECTION_UP, "server", text(connection_state_text(l)), "reconnects",
                     (json_int_t)connection_reconnects(l));
}

static json_t *describe_held(const size_t *n)
{
    json_t *json = json_object();
    for (enum message_state s = MESSAGE_READY; s <= MESSAGE_SETTLED; s++)
        if (message_state_name(s))
            add_number(json, message_state_name(s), n[s]);
    return json;
}

static json_t *describe_consumer(const struct handler *h, size_t i)
{
    struct consumer *c = handler_consumer(h, i);
    const struct consumer_stats *s = consumer_stats(c);
    char until[64];
    json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:b, s:o, s:b}", "cluster", consumer_cluster(c)->name, "via",
                             consumer_via(c), "stream", consumer_stream(c), "consumer", consumer_durable(c), "ready",
                             consumer_ready(c), "reason", text(consumer_reason(c)), "in_use", handler_takes_from(h, i));

    value_format_time(consumer_paused_until_ns(c), until, sizeof(until));
    if (consumer_paused_until_ns(c))
        json_object_set_new(json, "paused_until", json_string(until));
    add_number(json, "delivered", s->delivered);
    add_number(json, "redelivered", s->redelivered);
    add_number(json, "settled", s->settled);
    add_number(json, "pending", s->num_pending);
    add_number(json, "ack_pending", s->num_ack_pending);
    json_object_set_new(json, "held", describe_held(consumer_messages(c)->n_by_state));
    return json;
}

static void add_counters(json_t *json, const struct handler *h)
{
    const struct settle_stats *s = handler_settle_stats(h);
    uint64_t dead = 0;
    for (size_t k = 0; k <= DEAD_TIMEOUT; k++)
        dead += s->dead[k];
    add_number(json, "handled", handler_stats(h)->handled);
    add_number(json, "acked", s->acked);
    add_number(json, "retried", s->retried);
    add_number(json, "dead", dead);
    add_number(json, "dropped", s->dropped);
    add_number(json, "published", s->published);
    add_number(json, "restarts", handler_stats(h)->restarts);
}

static json_t *describe_handler(const struct handler *h)
{
    char note[512];
    size_t workers = 0;
    uint64_t pending = 0;
    uint64_t in_flight = 0;
    json_t *consumers = json_array();

    handler_note(h, note, sizeof(note));
    for (size_t i = 0; i < handler_n_workers(h); i++)
        workers += worker_ready(handler_worker(h, i));
    for (size_t i = 0; i < handler_n_consumers(h); i++) {
        struct consumer *c = handler_consumer(h, i);
        pending += consumer_stats(c)->num_pending;
        in_flight +=
            consumer_messages(c)->n_by_state[MESSAGE_RUNNING] + consumer_messages(c)->n_by_state[MESSAGE_READY];
        json_array_append_new(consumers, describe_consumer(h, i));
    }
    json_t *json = json_pack("{s:s, s:s, s:o, s:o, s:b, s:o, s:I, s:I, s:I, s:I, s:o}", "name", handler_config(h)->name,
                             "state", handler_ready(h) ? "ready" : "not ready", "plugin", text(handler_plugin(h)->name),
                             "version", text(handler_plugin(h)->version), "shadow", handler_config(h)->shadow, "note",
                             text(handler_ready(h) ? note : handler_reason(h)), "workers",
                             (json_int_t)handler_n_workers(h), "workers_ready", (json_int_t)workers, "pending",
                             (json_int_t)pending, "in_flight", (json_int_t)in_flight, "consumers", consumers);
    add_counters(json, h);
    return json;
}

static json_t *describe_all(const struct report *r)
{
    json_t *clusters = json_array();
    json_t *handlers = json_array();
    char started[64];

    value_format_time(r->started_ns, started, sizeof(started));
    for (size_t i = 0; i < r->n_connections; i++)
        json_array_append_new(clusters, describe_link(r->connections[i]));
    for (size_t i = 0; i < r->n_handlers; i++)
        json_array_append_new(handlers, describe_handler(r->handlers[i]));
    for (size_t i = 0; i < r->n_refused; i++)
        json_array_append_new(handlers, json_pack("{s:s, s:s, s:o}", "name", r->refused[i].handler, "state", "refused",
                                                  "note", text(r->refused[i].text)));
    return json_pack("{s:s, s:o, s:s, s:I, s:s, s:o, s:o}", "version", r->version, "instance", text(r->name), "started",
                     started, "up_seconds", (json_int_t)((clock_wall_ns() - r->started_ns) / NS_PER_SEC), "state",
                     r->draining       ? "draining"
                     : report_ready(r) ? "ready"
                                       : "not ready",
                     "clusters", clusters, "handlers", handlers);
}

void status_serve(const struct report *r, struct http_response *out)
{
    json_t *json = describe_all(r);
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
