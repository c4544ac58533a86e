/* SPDX-License-Identifier: Apache-2.0
 * report - pages of the admin server. */
#include "report.h"

#include "scrape.h"
#include "status.h"

#include "base/clock.h"

#include <string.h>

bool report_ready(const struct report *r)
{
    for (size_t i = 0; i < r->n_handlers; i++)
        if (!handler_ready(r->handlers[i]))
            return false;
    return !r->draining && r->n_refused == 0;
}

/* What a ready handler lacks: clusters that it does not reach. */
static void put_missing(const struct handler *h, struct buf *out)
{
    for (size_t k = 0; k < handler_n_consumers(h); k++) {
        const struct consumer *c = handler_consumer(h, k);
        if (!consumer_ready(c))
            buf_printf(out, "handler %s: without cluster %s: %s\n", handler_config(h)->name, consumer_cluster(c)->name,
                       consumer_reason(c));
    }
}

static void serve_ready(const struct report *r, struct http_response *out)
{
    bool ready = report_ready(r);
    out->status = ready ? 200 : 503;
    buf_printf(&out->body, "%s\n", ready ? "ready" : r->draining ? "draining" : "not ready");
    for (size_t i = 0; i < r->n_handlers; i++) {
        if (handler_ready(r->handlers[i]))
            put_missing(r->handlers[i], &out->body);
        else
            buf_printf(&out->body, "handler %s: %s\n", handler_config(r->handlers[i])->name,
                       handler_reason(r->handlers[i]));
    }
    for (size_t i = 0; i < r->n_refused; i++)
        buf_printf(&out->body, "handler %s: %s\n", r->refused[i].handler, r->refused[i].text);
}

/* Where the messages of handlers with several clusters come from. */
static void put_sites(const struct report *r, struct buf *out)
{
    bool any = false;
    for (size_t i = 0; i < r->n_handlers; i++) {
        const struct handler *h = r->handlers[i];
        for (size_t k = 0; handler_n_consumers(h) > 1 && k < handler_n_consumers(h); k++) {
            struct consumer *c = handler_consumer(h, k);
            const char *cluster = consumer_cluster(c)->name;
            if (!any)
                buf_printf(out, "\n%-20s %-16s %-24s %-9s %12s %10s  %s\n", "handler", "cluster", "stream", "state",
                           "delivered", "pending", "");
            any = true;
            buf_printf(out, "%-20s %-16s %-24s %-9s %12llu %10llu  %s%s\n", handler_config(h)->name, cluster,
                       consumer_stream(c),
                       !consumer_ready(c)         ? "not ready"
                       : handler_takes_from(h, k) ? "in use"
                                                  : "standby",
                       (unsigned long long)consumer_stats(c)->delivered,
                       (unsigned long long)consumer_stats(c)->num_pending, consumer_reason(c),
                       consumer_ready(c) && strcmp(cluster, consumer_via(c)) != 0 ? "through another cluster's servers"
                                                                                  : "");
        }
    }
}

static void serve_status(const struct report *r, struct http_response *out)
{
    out->status = 200;
    buf_printf(&out->body, "seamqd %s, instance %s, up %lld s\n\n", r->version, r->name,
               (long long)((clock_wall_ns() - r->started_ns) / NS_PER_SEC));
    for (size_t i = 0; i < r->n_connections; i++)
        buf_printf(&out->body, "cluster %-16s %s %s\n", connection_cluster(r->connections[i]),
                   connection_state(r->connections[i]) == CONNECTION_UP ? "up" : "down",
                   connection_state_text(r->connections[i]));
    buf_printf(&out->body, "\n%-20s %-9s %12s %12s %10s %10s %8s  %s\n", "handler", "state", "handled", "acked",
               "pending", "in flight", "restarts", "");
    for (size_t i = 0; i < r->n_handlers; i++) {
        const struct handler *h = r->handlers[i];
        uint64_t pending = 0;
        size_t message = 0;
        char note[512];
        for (size_t k = 0; k < handler_n_consumers(h); k++) {
            struct consumer *c = handler_consumer(h, k);
            pending += consumer_stats(c)->num_pending;
            message +=
                consumer_messages(c)->n_by_state[MESSAGE_RUNNING] + consumer_messages(c)->n_by_state[MESSAGE_READY];
        }
        handler_note(h, note, sizeof(note));
        buf_printf(&out->body, "%-20s %-9s %12llu %12llu %10llu %10zu %8llu  %s\n", handler_config(h)->name,
                   handler_ready(h) ? "ready" : "not ready", (unsigned long long)handler_stats(h)->handled,
                   (unsigned long long)handler_settle_stats(h)->acked, (unsigned long long)pending, message,
                   (unsigned long long)handler_stats(h)->restarts, handler_ready(h) ? note : handler_reason(h));
    }
    for (size_t i = 0; i < r->n_refused; i++)
        buf_printf(&out->body, "%-20s refused   %s\n", r->refused[i].handler, r->refused[i].text);
    put_sites(r, &out->body);
}

/* A consumer that nothing is taken from tells no numbers by itself: who looks again sees them. */
static void ask_lag(const struct report *r)
{
    for (size_t i = 0; i < r->n_handlers; i++)
        for (size_t k = 0; k < handler_n_consumers(r->handlers[i]); k++)
            consumer_ask_lag(handler_consumer(r->handlers[i], k));
}

/* `wanted` is the number of the reload that comprises everything up to now.
 * {"number":2,"wanted":2,"running":false,"failed":false,"why":...,"changes":[{"handler":...,"action":...,"text":...}]}
 */
static void serve_reload(const struct report *r, struct http_response *out)
{
    const struct report_reload *l = r->reload;
    struct buf *b = &out->body;

    out->status = 200;
    out->content_type = "application/json";
    buf_printf(b,
               "{\"number\":%llu,\"wanted\":%llu,\"running\":%s,\"failed\":%s,\"why\":", (unsigned long long)l->number,
               (unsigned long long)(l->number + l->again), l->running ? "true" : "false", l->failed ? "true" : "false");
    buf_put_json(b, l->why ? l->why : "", l->why ? strlen(l->why) : 0);
    buf_puts(b, ",\"changes\":[");
    for (size_t i = 0; i < l->n_changes; i++) {
        const struct report_change *c = &l->changes[i];
        buf_puts(b, i ? ",{\"handler\":" : "{\"handler\":");
        buf_put_json(b, c->handler ? c->handler : "", c->handler ? strlen(c->handler) : 0);
        buf_printf(b, ",\"action\":\"%s\",\"text\":", c->action);
        buf_put_json(b, c->text ? c->text : "", c->text ? strlen(c->text) : 0);
        buf_putc(b, '}');
    }
    buf_puts(b, "]}\n");
}

void report_act(void *data, const char *path, struct http_response *out)
{
    const struct report *r = data;

    if (strcmp(path, "/reload") == 0) {
        r->start_reload(r->act_data);
        serve_reload(r, out);
        out->status = 202;
    } else if (strcmp(path, "/drain") == 0) {
        out->status = 202;
        r->start_drain(r->act_data);
    }
}

void report_serve(void *data, const char *path, const char *query, struct http_response *out)
{
    const struct report *r = data;
    (void)query;

    if (strcmp(path, "/healthz") == 0) { /* the process answers: that is all that liveness may depend on */
        out->status = 200;
        buf_puts(&out->body, "ok\n");
    } else if (strcmp(path, "/readyz") == 0) {
        serve_ready(r, out);
    } else if (strcmp(path, "/") == 0) {
        serve_status(r, out);
        ask_lag(r);
    } else if (strcmp(path, "/status.json") == 0) {
        status_serve(r, out);
        ask_lag(r);
    } else if (strcmp(path, "/reload") == 0) {
        serve_reload(r, out);
        r->reload->seen = !r->reload->running;
    } else if (strcmp(path, "/metrics") == 0) {
        scrape_serve(r, out);
        ask_lag(r);
    }
}
