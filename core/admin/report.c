/* SPDX-License-Identifier: Apache-2.0
 * report - the text pages, /reload and the table of paths. */
#include "report.h"

#include "scrape.h"
#include "status.h"

#include <string.h>

/* A ready handler may still have clusters whose consumer is not ready. */
static void put_missing_clusters(const struct snapshot_handler *h, struct buf *out)
{
    for (size_t k = 0; k < h->n_consumers; k++)
        if (!h->consumers[k].ready)
            buf_printf(out, "handler %s: without cluster %s: %s\n", h->name, h->consumers[k].cluster,
                       h->consumers[k].reason);
}

static void serve_ready(const struct admin_snapshot *s, struct http_response *out)
{
    out->status = s->ready ? 200 : 503;
    buf_printf(&out->body, "%s\n", s->state);
    for (size_t i = 0; i < s->n_handlers; i++) {
        const struct snapshot_handler *h = &s->handlers[i];
        if (h->ready)
            put_missing_clusters(h, &out->body);
        else
            buf_printf(&out->body, "handler %s: %s\n", h->name, h->note);
    }
}

/* The second table of the status page: the consumers of handlers that have several clusters. */
static void put_consumers(const struct admin_snapshot *s, struct buf *out)
{
    bool any = false;
    for (size_t i = 0; i < s->n_handlers; i++) {
        const struct snapshot_handler *h = &s->handlers[i];
        for (size_t k = 0; h->n_consumers > 1 && k < h->n_consumers; k++) {
            const struct snapshot_consumer *c = &h->consumers[k];
            if (!any)
                buf_printf(out, "\n%-20s %-16s %-24s %-9s %12s %10s  %s\n", "handler", "cluster", "stream", "state",
                           "delivered", "pending", "");
            any = true;
            buf_printf(out, "%-20s %-16s %-24s %-9s %12llu %10llu  %s%s\n", h->name, c->cluster, c->stream,
                       !c->ready   ? "not ready"
                       : c->in_use ? "in use"
                                   : "standby",
                       (unsigned long long)c->stats.delivered, (unsigned long long)c->stats.num_pending, c->reason,
                       c->ready && c->via_alternate ? "through another cluster's servers" : "");
        }
    }
}

static void put_handler(const struct snapshot_handler *h, struct buf *out)
{
    if (h->refused)
        buf_printf(out, "%-20s refused   %s\n", h->name, h->note);
    else
        buf_printf(out, "%-20s %-9s %12llu %12llu %10llu %10llu %8llu  %s\n", h->name, h->state,
                   (unsigned long long)h->handled, (unsigned long long)h->settle.acked, (unsigned long long)h->pending,
                   (unsigned long long)h->in_flight, (unsigned long long)h->restarts, h->note);
}

static void serve_status(const struct admin_snapshot *s, struct http_response *out)
{
    out->status = 200;
    buf_printf(&out->body, "seamqd %s, instance %s, up %lld s\n\n", s->version, s->name, (long long)s->up_seconds);
    for (size_t i = 0; i < s->n_connections; i++)
        buf_printf(&out->body, "cluster %-16s %s %s\n", s->connections[i].cluster, s->connections[i].up ? "up" : "down",
                   s->connections[i].text);
    buf_printf(&out->body, "\n%-20s %-9s %12s %12s %10s %10s %8s  %s\n", "handler", "state", "handled", "acked",
               "pending", "in flight", "restarts", "");
    for (size_t i = 0; i < s->n_handlers; i++)
        put_handler(&s->handlers[i], &out->body);
    put_consumers(s, &out->body);
}

/* An idle consumer gets no counts from the server unless it asks. The answer shows in the next request of a page. */
static void request_lag(const struct report *r)
{
    for (size_t i = 0; i < r->n_handlers; i++)
        for (size_t k = 0; k < handler_n_consumers(r->handlers[i]); k++)
            consumer_refresh_lag(handler_consumer(r->handlers[i], k));
}

/* `wanted` is the number of the reload that includes all changes made up to now.
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

static bool serve_snapshot(const struct report *r, const char *path, struct http_response *out)
{
    static const struct {
        const char *path;
        void (*serve)(const struct admin_snapshot *s, struct http_response *out);
        bool lag; /* shows numbers that only the server knows */
    } pages[] = {{"/readyz", serve_ready, false},
                 {"/", serve_status, true},
                 {"/status.json", status_serve, true},
                 {"/metrics", scrape_serve, true}};
    struct admin_snapshot s;
    size_t i = 0;

    while (i < sizeof(pages) / sizeof(pages[0]) && strcmp(path, pages[i].path) != 0)
        i++;
    if (i == sizeof(pages) / sizeof(pages[0]))
        return false;
    if (admin_snapshot_take(&s, r)) {
        out->status = 500;
        return true;
    }
    pages[i].serve(&s, out);
    admin_snapshot_finish(&s);
    if (pages[i].lag)
        request_lag(r);
    return true;
}

void report_serve(void *data, const char *path, const char *query, struct http_response *out)
{
    const struct report *r = data;
    (void)query;

    if (serve_snapshot(r, path, out))
        return;
    if (strcmp(path, "/healthz") == 0) { /* liveness depends on nothing but that the loop responds */
        out->status = 200;
        buf_puts(&out->body, "ok\n");
    } else if (strcmp(path, "/reload") == 0) {
        serve_reload(r, out);
        r->reload->seen = !r->reload->running;
    }
}
