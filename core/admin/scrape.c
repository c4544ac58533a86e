/* SPDX-License-Identifier: Apache-2.0
 * scrape - the families of GET /metrics. A help text is read without its neighbours. */
#include "scrape.h"

#include "metrics.h"

#include "base/log.h"

#include <stddef.h>
#include <string.h>

/* NULL, which leaves the label out, where there are several: seamq_messages_settled_total tells them apart. */
static const char *cluster_of(const struct handler *h)
{
    return handler_n_consumers(h) > 1 ? NULL : handler_config(h)->clusters.items[0];
}

static const char *handler_name(const struct handler *h)
{
    return handler_config(h)->name;
}

static void put_daemon(const struct report *r, struct metrics *m)
{
    metrics_family(m, METRIC_GAUGE, "seamq_build_info", "Version of seamqd; always 1.");
    metrics_uint(m, METRIC_LABELS({"version", r->version}, {"instance_name", r->name}), 1);
    metrics_family(m, METRIC_GAUGE, "seamq_start_time_seconds", "When seamqd started, Unix time.");
    metrics_seconds(m, NULL, r->started_ns);
    metrics_family(m, METRIC_GAUGE, "seamq_plugin_info", "Plugin of each handler; always 1.");
    for (size_t i = 0; i < r->n_handlers; i++) {
        const struct plugin_info *p = handler_plugin(r->handlers[i]);
        metrics_uint(
            m, METRIC_LABELS({"handler", handler_name(r->handlers[i])}, {"plugin", p->name}, {"version", p->version}),
            1);
    }
    metrics_family(m, METRIC_GAUGE, "seamq_handler_ready", "1 when the handler's workers and consumers are ready.");
    for (size_t i = 0; i < r->n_handlers; i++)
        metrics_uint(m, METRIC_LABELS({"handler", handler_name(r->handlers[i])}), handler_ready(r->handlers[i]));
    for (size_t i = 0; i < r->n_refused; i++)
        metrics_uint(m, METRIC_LABELS({"handler", r->refused[i].handler}), 0);
    metrics_family(m, METRIC_GAUGE, "seamq_last_reload_successful",
                   "1 when the last reload, or the start, took everything over; 0 when it refused something.");
    metrics_uint(m, NULL, !r->reload->last_refused);
    metrics_family(m, METRIC_GAUGE, "seamq_last_reload_timestamp_seconds",
                   "When the last reload, or the start, ended, Unix time.");
    metrics_seconds(m, NULL, r->reload->last_ns);
    metrics_family(m, METRIC_COUNTER, "seamq_log_lines_dropped_total", "Log lines lost because nobody read them.");
    metrics_uint(m, NULL, log_dropped());
}

static void put_connections(const struct report *r, struct metrics *m)
{
    metrics_family(m, METRIC_GAUGE, "seamq_cluster_connected", "1 while the connection to the cluster is up.");
    for (size_t i = 0; i < r->n_connections; i++)
        metrics_uint(m, METRIC_LABELS({"cluster", connection_cluster(r->connections[i])}),
                     connection_state(r->connections[i]) == CONNECTION_UP);
    metrics_family(m, METRIC_COUNTER, "seamq_reconnects_total", "Connections made after the first one.");
    for (size_t i = 0; i < r->n_connections; i++)
        metrics_uint(m, METRIC_LABELS({"cluster", connection_cluster(r->connections[i])}),
                     connection_reconnects(r->connections[i]));
}

/* One counter of each handler's settle stats. */
struct settle_metric {
    const char *name;
    const char *help;
    size_t offset;
};

static const struct settle_metric settle_metrics[] = {
    {"seamq_retries_total", "Attempts that failed and are held for another one.",
     offsetof(struct settle_stats, retried)},
    {"seamq_returned_total", "Failed attempts given back to the server, because too many wait here.",
     offsetof(struct settle_stats, returned)},
    {"seamq_dropped_total", "Messages dropped: TERM, or dead with dead_letter = off.",
     offsetof(struct settle_stats, dropped)},
    {"seamq_published_total", "Outputs confirmed by their stream.", offsetof(struct settle_stats, published)},
    {"seamq_publish_errors_total", "Messages whose outputs a stream refused.",
     offsetof(struct settle_stats, publish_errors)},
    {"seamq_shadow_outputs_total", "Outputs of handlers in shadow mode: not published.",
     offsetof(struct settle_stats, shadow_outputs)},
    {"seamq_dead_letter_errors_total", "Tries to store a dead letter that failed; the message stays held.",
     offsetof(struct settle_stats, dead_letter_errors)},
};

static void put_settled(const struct report *r, struct metrics *m)
{
    metrics_family(m, METRIC_COUNTER, "seamq_messages_processed_total",
                   "Outcomes: ack, dead and term are for good, nak is a failed attempt, unavailable none.");
    for (size_t i = 0; i < r->n_handlers; i++) {
        const struct handler *h = r->handlers[i];
        const struct settle_stats *s = handler_settle_stats(h);
        uint64_t dead = 0;
        for (size_t k = 0; k <= DEAD_TIMEOUT; k++)
            dead += s->dead[k];
        const struct {
            const char *outcome;
            uint64_t n;
        } rows[] = {{"ack", s->acked},
                    {"nak", handler_stats(h)->outcomes[SETTLE_NAK]},
                    {"dead", dead},
                    {"term", s->dropped},
                    {"unavailable", handler_stats(h)->outcomes[HANDLER_UNAVAILABLE]}};
        for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++)
            metrics_uint(
                m,
                METRIC_LABELS({"handler", handler_name(h)}, {"cluster", cluster_of(h)}, {"outcome", rows[k].outcome}),
                rows[k].n);
    }
    metrics_family(m, METRIC_COUNTER, "seamq_dead_letters_total", "Dead letters stored, by reason.");
    for (size_t i = 0; i < r->n_handlers; i++)
        for (int k = 0; k <= DEAD_TIMEOUT; k++)
            metrics_uint(m,
                         METRIC_LABELS({"handler", handler_name(r->handlers[i])},
                                       {"reason", dead_reason_name((enum dead_reason)k)}),
                         handler_settle_stats(r->handlers[i])->dead[k]);
    metrics_family(m, METRIC_COUNTER, "seamq_shadow_total", "What handlers in shadow mode made of messages.");
    for (size_t i = 0; i < r->n_handlers; i++)
        for (int k = 0; k < SHADOW_RESULTS && handler_config(r->handlers[i])->shadow; k++)
            metrics_uint(m,
                         METRIC_LABELS({"handler", handler_name(r->handlers[i])},
                                       {"outcome", shadow_name((enum shadow_result)k)}),
                         handler_settle_stats(r->handlers[i])->shadowed[k]);
    for (size_t f = 0; f < sizeof(settle_metrics) / sizeof(settle_metrics[0]); f++) {
        metrics_family(m, METRIC_COUNTER, settle_metrics[f].name, settle_metrics[f].help);
        for (size_t i = 0; i < r->n_handlers; i++) {
            const char *stats = (const char *)handler_settle_stats(r->handlers[i]);
            metrics_uint(m, METRIC_LABELS({"handler", handler_name(r->handlers[i])}),
                         *(const uint64_t *)(const void *)(stats + settle_metrics[f].offset));
        }
    }
}

static void put_breakers(const struct report *r, struct metrics *m)
{
    metrics_family(m, METRIC_GAUGE, "seamq_breaker_open",
                   "1 while the handler waits for something that it said is unavailable.");
    for (size_t i = 0; i < r->n_handlers; i++)
        metrics_uint(m, METRIC_LABELS({"handler", handler_name(r->handlers[i])}),
                     handler_breaker(r->handlers[i])->open);
    metrics_family(m, METRIC_COUNTER, "seamq_breaker_opened_total",
                   "Times that a handler said that what it needs is unavailable, and waited.");
    for (size_t i = 0; i < r->n_handlers; i++)
        metrics_uint(m, METRIC_LABELS({"handler", handler_name(r->handlers[i])}),
                     handler_breaker(r->handlers[i])->opened);
}

/* One number of each ordered handler's lanes. */
static const struct {
    enum metric_kind kind;
    const char *name;
    const char *help;
    size_t offset;
} key_queues_metrics[] = {
    {METRIC_GAUGE, "seamq_lanes", "Keys of an ordered handler with messages here.",
     offsetof(struct key_queues_stats, n)},
    {METRIC_GAUGE, "seamq_lanes_full", "Keys at lane_max_held, whose handler pulls nothing meanwhile.",
     offsetof(struct key_queues_stats, n_full)},
    {METRIC_COUNTER, "seamq_lane_stops_total", "Times that a key reached lane_max_held.",
     offsetof(struct key_queues_stats, stops)},
    {METRIC_GAUGE, "seamq_order_awaited", "Messages delivered before, for which an ordered handler waits.",
     offsetof(struct key_queues_stats, awaited)},
};

static void put_lanes(const struct report *r, struct metrics *m)
{
    for (size_t f = 0; f < sizeof(key_queues_metrics) / sizeof(key_queues_metrics[0]); f++) {
        metrics_family(m, key_queues_metrics[f].kind, key_queues_metrics[f].name, key_queues_metrics[f].help);
        for (size_t i = 0; i < r->n_handlers; i++) {
            const struct handler *h = r->handlers[i];
            for (size_t k = 0; handler_config(h)->ordering != ORDERING_NONE && k < handler_n_consumers(h); k++) {
                struct key_queues_stats s = handler_key_queues(h, k);
                metrics_uint(m,
                             METRIC_LABELS({"handler", handler_name(h)},
                                           {"cluster", consumer_cluster(handler_consumer(h, k))->name}),
                             *(const uint64_t *)(const void *)((const char *)&s + key_queues_metrics[f].offset));
            }
        }
    }
}

static void put_workers(const struct report *r, struct metrics *m)
{
    metrics_family(m, METRIC_GAUGE, "seamq_workers_ready", "Worker processes that are ready.");
    for (size_t i = 0; i < r->n_handlers; i++) {
        uint64_t n = 0;
        for (size_t k = 0; k < handler_n_workers(r->handlers[i]); k++)
            n += worker_ready(handler_worker(r->handlers[i], k));
        metrics_uint(m, METRIC_LABELS({"handler", handler_name(r->handlers[i])}), n);
    }
    metrics_family(m, METRIC_COUNTER, "seamq_worker_exits_total", "Worker processes that ended, by reason.");
    for (size_t i = 0; i < r->n_handlers; i++)
        for (int k = 0; k < HANDLER_EXIT_REASONS; k++)
            metrics_uint(m,
                         METRIC_LABELS({"handler", handler_name(r->handlers[i])},
                                       {"reason", handler_exit_name((enum worker_exit_reason)k)}),
                         handler_stats(r->handlers[i])->exits[k]);
    metrics_family(m, METRIC_HISTOGRAM, "seamq_handler_duration_seconds", "Time that a handler took for one message.");
    for (size_t i = 0; i < r->n_handlers; i++)
        metrics_histogram(m, METRIC_LABELS({"handler", handler_name(r->handlers[i])}),
                          &handler_stats(r->handlers[i])->duration);
    metrics_family(m, METRIC_COUNTER, "seamq_handler_count_total", "What handlers count themselves (seamq_count).");
    for (size_t i = 0; i < r->n_handlers; i++) {
        const struct handler_stats *s = handler_stats(r->handlers[i]);
        for (size_t k = 0; k < s->n_counters; k++)
            metrics_uint(m, METRIC_LABELS({"handler", handler_name(r->handlers[i])}, {"counter", s->counters[k].name}),
                         s->counters[k].value);
    }
}

/* One number of each consumer's stats. */
static const struct {
    enum metric_kind kind;
    const char *name;
    const char *help;
    size_t offset;
} consumer_metrics[] = {
    {METRIC_COUNTER, "seamq_messages_delivered_total", "Messages that the server delivered.",
     offsetof(struct consumer_stats, delivered)},
    {METRIC_COUNTER, "seamq_messages_redelivered_total", "Deliveries of messages that the server had delivered before.",
     offsetof(struct consumer_stats, redelivered)},
    {METRIC_COUNTER, "seamq_messages_repeated_total", "Deliveries of messages that were held here already.",
     offsetof(struct consumer_stats, repeated)},
    {METRIC_COUNTER, "seamq_messages_settled_total", "Acknowledged, dead-lettered or dropped.",
     offsetof(struct consumer_stats, settled)},
    {METRIC_COUNTER, "seamq_messages_malformed_total", "Refused: without an acknowledgement subject.",
     offsetof(struct consumer_stats, malformed)},
    {METRIC_COUNTER, "seamq_pulls_total", "Pull requests sent.", offsetof(struct consumer_stats, pulls)},
    {METRIC_COUNTER, "seamq_leases_renewed_total", "Leases renewed (+WPI).",
     offsetof(struct consumer_stats, leases_renewed)},
    {METRIC_GAUGE, "seamq_consumer_pending", "Messages that wait in the stream, by the server's last word.",
     offsetof(struct consumer_stats, num_pending)},
    {METRIC_GAUGE, "seamq_consumer_ack_pending", "Delivered and not acknowledged, by the server's last word.",
     offsetof(struct consumer_stats, num_ack_pending)},
};

static void put_sites_metrics(const struct report *r, struct metrics *m)
{
    static const struct {
        const char *name;
        const char *help;
    } gauges[] = {{"seamq_consumer_ready", "1 when the consumer on that cluster is ready."},
                  {"seamq_consumer_in_use", "1 when messages are taken from that cluster just now."},
                  {"seamq_consumer_detour", "1 when it is reached through another cluster's servers."},
                  {"seamq_consumer_paused", "1 when it is paused on the server, by the server's last word."}};

    for (size_t f = 0; f < sizeof(gauges) / sizeof(gauges[0]); f++) {
        metrics_family(m, METRIC_GAUGE, gauges[f].name, gauges[f].help);
        for (size_t i = 0; i < r->n_handlers; i++) {
            for (size_t k = 0; k < handler_n_consumers(r->handlers[i]); k++) {
                const struct consumer *c = handler_consumer(r->handlers[i], k);
                const char *cluster = consumer_cluster(c)->name;
                const bool values[] = {consumer_ready(c), handler_takes_from(r->handlers[i], k),
                                       strcmp(cluster, consumer_via(c)) != 0, consumer_paused_until_ns(c) != 0};
                metrics_uint(m, METRIC_LABELS({"handler", handler_name(r->handlers[i])}, {"cluster", cluster}),
                             values[f]);
            }
        }
    }
    metrics_family(m, METRIC_COUNTER, "seamq_failovers_total", "Times that a cluster further from home was taken.");
    for (size_t i = 0; i < r->n_handlers; i++)
        metrics_uint(m, METRIC_LABELS({"handler", handler_name(r->handlers[i])}),
                     handler_stats(r->handlers[i])->failovers);
}

static void put_consumers(const struct report *r, struct metrics *m)
{
    for (size_t f = 0; f < sizeof(consumer_metrics) / sizeof(consumer_metrics[0]); f++) {
        metrics_family(m, consumer_metrics[f].kind, consumer_metrics[f].name, consumer_metrics[f].help);
        for (size_t i = 0; i < r->n_handlers; i++) {
            for (size_t k = 0; k < handler_n_consumers(r->handlers[i]); k++) {
                struct consumer *c = handler_consumer(r->handlers[i], k);
                const char *stats = (const char *)consumer_stats(c);
                metrics_uint(
                    m, METRIC_LABELS({"handler", handler_name(r->handlers[i])}, {"cluster", consumer_cluster(c)->name}),
                    *(const uint64_t *)(const void *)(stats + consumer_metrics[f].offset));
            }
        }
    }
    put_sites_metrics(r, m);
    metrics_family(m, METRIC_GAUGE, "seamq_messages_held", "Messages held here, by what they wait for.");
    for (size_t i = 0; i < r->n_handlers; i++) {
        for (size_t k = 0; k < handler_n_consumers(r->handlers[i]); k++) {
            struct consumer *c = handler_consumer(r->handlers[i], k);
            for (enum message_state s = MESSAGE_READY; s <= MESSAGE_SETTLED; s++)
                if (message_state_name(s))
                    metrics_uint(m,
                                 METRIC_LABELS({"handler", handler_name(r->handlers[i])},
                                               {"cluster", consumer_cluster(c)->name},
                                               {"state", message_state_name(s)}),
                                 consumer_messages(c)->n_by_state[s]);
        }
    }
}

void scrape_serve(const struct report *r, struct http_response *out)
{
    struct metrics m = METRICS_INIT(&out->body);
    out->status = 200;
    out->content_type = METRICS_CONTENT_TYPE;
    put_daemon(r, &m);
    put_connections(r, &m);
    put_settled(r, &m);
    put_breakers(r, &m);
    put_lanes(r, &m);
    put_workers(r, &m);
    put_consumers(r, &m);
}
