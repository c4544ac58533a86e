/* SPDX-License-Identifier: Apache-2.0
 * metric_families - every metric of seamqd, in the order of /metrics. */
#include "metric_families.h"

#include "snapshot.h"

#define DAEMON(field) offsetof(struct admin_snapshot, field)
#define CLUSTER(field) offsetof(struct snapshot_connection, field)
#define HANDLER(field) offsetof(struct snapshot_handler, field)
#define CONSUMER(field) offsetof(struct snapshot_consumer, field)

const struct metric_row metric_rows[] = {
    {"seamq_build_info", METRIC_GAUGE, SCOPE_DAEMON, VALUE_ONE,
     .labels = {{"version", DAEMON(version)}, {"instance_name", DAEMON(name)}}, .help = "Version of seamqd; always 1.",
     .use = "Shows which version each daemon runs. `instance_name` is the key `name` of `[seamqd]`."},
    {"seamq_start_time_seconds", METRIC_GAUGE, SCOPE_DAEMON, VALUE_SECONDS, DAEMON(started_ns),
     .help = "Unix time at which seamqd started.", .use = "A recent value means that the daemon was restarted."},
    {"seamq_plugin_info", METRIC_GAUGE, SCOPE_HANDLER, VALUE_ONE,
     .labels = {{"plugin", HANDLER(plugin)}, {"version", HANDLER(version)}},
     .help = "Plugin and version that each handler runs; always 1.",
     .use = "Shows whether a deploy has reached every daemon."},
    {"seamq_handler_ready", METRIC_GAUGE, SCOPE_CONFIGURED_HANDLER, VALUE_BOOL, HANDLER(ready),
     .help = "1 if a worker and a consumer of the handler are ready, 0 if not or if its plugin was refused.",
     .use = "Alert on 0 for more than a minute. `/readyz` says why; so does the log event `handler-not-ready`."},
    {"seamq_last_reload_successful", METRIC_GAUGE, SCOPE_DAEMON, VALUE_BOOL, DAEMON(last_reload_complete),
     .help = "1 if the last reload, or the start, adopted everything; 0 if it refused something.",
     .use = "Alert on 0: a deploy was refused and the previous version goes on. The event `reload-refused` says why."},
    {"seamq_last_reload_timestamp_seconds", METRIC_GAUGE, SCOPE_DAEMON, VALUE_SECONDS, DAEMON(last_reload_ns),
     .help = "Unix time at which the last reload, or the start, ended.",
     .use = "Shows whether the daemon has noticed a deploy."},
    {"seamq_log_lines_dropped_total", METRIC_COUNTER, SCOPE_DAEMON, VALUE_UINT, DAEMON(log_lines_dropped),
     .help = "Log lines lost because the reader of standard error did not keep up.",
     .use = "An increase means that the log collector is too slow or has stopped."},

    {"seamq_cluster_connected", METRIC_GAUGE, SCOPE_CLUSTER, VALUE_BOOL, CLUSTER(up),
     .help = "1 while the connection to the cluster is up.",
     .use = "Alert on 0 for more than a minute. The event `disconnected` says why."},
    {"seamq_reconnects_total", METRIC_COUNTER, SCOPE_CLUSTER, VALUE_UINT, CLUSTER(reconnects),
     .help = "Connections to the cluster after the first one.",
     .use = "A steady increase means an unstable network or servers that restart."},

    {"seamq_messages_processed_total", METRIC_COUNTER, SCOPE_HANDLER, VALUE_COUNTS, HANDLER(outcomes),
     .labels = {{"cluster", HANDLER(only_cluster)}, {"outcome", 0}},
     .help = "Outcomes: ack, dead and term are final, nak is a failed attempt, unavailable counts as no attempt.",
     .use = "The rate of `ack` is the throughput. `cluster` is left out for a handler that consumes from several "
            "clusters."},
    {"seamq_dead_letters_total", METRIC_COUNTER, SCOPE_HANDLER, VALUE_COUNTS, HANDLER(dead_letters),
     .labels = {{"reason", 0}}, .help = "Dead letters stored, by reason.",
     .use = "Alert on any increase. `rejected`: the handler returned `SEAMQ_DEAD`; `max-attempts`: "
            "`max_attempts` failures; `crash`, `timeout`: the worker did not survive the message. `seamq dlq ls` "
            "lists them."},
    {"seamq_shadow_total", METRIC_COUNTER, SCOPE_HANDLER, VALUE_COUNTS, HANDLER(shadowed), .labels = {{"outcome", 0}},
     .help = "Outcomes of handlers in shadow mode.",
     .use = "Compare with `seamq_messages_processed_total` of the handler that is in production. Absent without "
            "`shadow = yes`."},
    {"seamq_retries_total", METRIC_COUNTER, SCOPE_HANDLER, VALUE_UINT, HANDLER(settle.retried),
     .help = "Attempts that failed and wait here for the next one.",
     .use = "An increase means that messages fail; each is tried again after its backoff."},
    {"seamq_returned_total", METRIC_COUNTER, SCOPE_HANDLER, VALUE_UINT, HANDLER(settle.returned),
     .help = "Failed attempts given back to the server because too many wait here.",
     .use = "An increase means that nearly all messages fail. The server delivers them again after the backoff."},
    {"seamq_dropped_total", METRIC_COUNTER, SCOPE_HANDLER, VALUE_UINT, HANDLER(settle.dropped),
     .help = "Messages dropped: TERM, or dead with dead_letter = off.",
     .use = "These messages are lost on purpose: check that the handler does this intentionally."},
    {"seamq_published_total", METRIC_COUNTER, SCOPE_HANDLER, VALUE_UINT, HANDLER(settle.published),
     .help = "Outputs of handlers that their stream confirmed.", .use = "The rate at which the handler publishes."},
    {"seamq_publish_errors_total", METRIC_COUNTER, SCOPE_HANDLER, VALUE_UINT, HANDLER(settle.publish_errors),
     .help = "Messages whose outputs a stream refused.",
     .use = "Alert on any increase: the output's stream is missing, full or not permitted. The event `publish-failed` "
            "says which."},
    {"seamq_shadow_outputs_total", METRIC_COUNTER, SCOPE_HANDLER, VALUE_UINT, HANDLER(settle.shadow_outputs),
     .help = "Outputs of handlers in shadow mode, which are not published.",
     .use = "Compare with `seamq_published_total` of the handler that is in production."},
    {"seamq_dead_letter_errors_total", METRIC_COUNTER, SCOPE_HANDLER, VALUE_UINT, HANDLER(settle.dead_letter_errors),
     .help = "Failed tries to store a dead letter; the message stays in flight.",
     .use = "Alert on any increase: the dead-letter stream is missing, full or not permitted."},

    {"seamq_breaker_open", METRIC_GAUGE, SCOPE_HANDLER, VALUE_BOOL, HANDLER(breaker_open),
     .help = "1 while the handler waits for a dependency that it reported as unavailable.",
     .use =
         "Alert on 1 for longer than the dependency may be down. The event `breaker-open` has the handler's reason."},
    {"seamq_breaker_opened_total", METRIC_COUNTER, SCOPE_HANDLER, VALUE_UINT, HANDLER(breaker_opened),
     .help = "Times that a handler reported a dependency as unavailable and began to wait.",
     .use = "A frequent increase means that the dependency is unstable."},

    {"seamq_lanes", METRIC_GAUGE, SCOPE_ORDERED_CONSUMER, VALUE_UINT, CONSUMER(key_queues.n),
     .help = "Ordering keys that have messages in flight.", .use = "The parallelism that an ordered handler can use."},
    {"seamq_lanes_full", METRIC_GAUGE, SCOPE_ORDERED_CONSUMER, VALUE_UINT, CONSUMER(key_queues.n_full),
     .help = "Ordering keys at their limit of messages in flight; the handler pulls nothing meanwhile.",
     .use = "More than 0 for long means that one key blocks the handler: a message of it fails or is slow."},
    {"seamq_lane_stops_total", METRIC_COUNTER, SCOPE_ORDERED_CONSUMER, VALUE_UINT, CONSUMER(key_queues.stops),
     .help = "Times that an ordering key reached its limit of messages in flight.",
     .use = "A frequent increase means that the keys are unevenly loaded."},
    {"seamq_order_awaited", METRIC_GAUGE, SCOPE_ORDERED_CONSUMER, VALUE_UINT, CONSUMER(key_queues.awaited),
     .help = "Messages delivered earlier whose redelivery an ordered handler waits for.",
     .use = "Above 0 after a restart, for at most ack wait. Longer: another daemon uses the consumer."},

    {"seamq_workers_ready", METRIC_GAUGE, SCOPE_HANDLER, VALUE_UINT, HANDLER(workers_ready),
     .help = "Worker processes that are ready.", .use = "Less than `workers` of the handler: workers crash or start."},
    {"seamq_worker_exits_total", METRIC_COUNTER, SCOPE_HANDLER, VALUE_COUNTS, HANDLER(exits), .labels = {{"reason", 0}},
     .help = "Worker processes that ended, by reason.",
     .use = "Alert on `crash`, `timeout` and `memory`. The event `worker-exit` has the message and the backtrace."},
    {"seamq_handler_duration_seconds", METRIC_HISTOGRAM, SCOPE_HANDLER, VALUE_HISTOGRAM, HANDLER(duration),
     .help = "Time that a handler took for one message.",
     .use = "Compare the upper quantiles with `timeout` and `ack_wait`."},
    {"seamq_handler_count_total", METRIC_COUNTER, SCOPE_HANDLER, VALUE_COUNTS, HANDLER(counters),
     .labels = {{"counter", 0}}, .help = "Counters that handlers keep with seamq_count().",
     .use = "The documentation of the handler says what each counts."},

    {"seamq_messages_delivered_total", METRIC_COUNTER, SCOPE_CONSUMER, VALUE_UINT, CONSUMER(stats.delivered),
     .help = "Messages that the server delivered.", .use = "The rate at which messages come in."},
    {"seamq_messages_redelivered_total", METRIC_COUNTER, SCOPE_CONSUMER, VALUE_UINT, CONSUMER(stats.redelivered),
     .help = "Deliveries of messages that the server had delivered before.",
     .use = "An increase without restarts means that leases expire: `ack_wait` is too short or a daemon hangs."},
    {"seamq_messages_repeated_total", METRIC_COUNTER, SCOPE_CONSUMER, VALUE_UINT, CONSUMER(stats.repeated),
     .help = "Deliveries of messages that were in flight here already.",
     .use = "They do not run twice. An increase means that lease renewals reach the server late."},
    {"seamq_messages_settled_total", METRIC_COUNTER, SCOPE_CONSUMER, VALUE_UINT, CONSUMER(stats.settled),
     .help = "Messages acknowledged, dead-lettered or dropped.", .use = "The rate at which messages leave."},
    {"seamq_messages_malformed_total", METRIC_COUNTER, SCOPE_CONSUMER, VALUE_UINT, CONSUMER(stats.malformed),
     .help = "Deliveries refused because they had no acknowledgement subject.",
     .use = "Above 0: somebody publishes to seamqd's inbox. The event `message-refused` names the subject."},
    {"seamq_pulls_total", METRIC_COUNTER, SCOPE_CONSUMER, VALUE_UINT, CONSUMER(stats.pulls),
     .help = "Pull requests sent.",
     .use = "No increase although `seamq_consumer_pending` grows: the handler is at its limit, "
            "paused or not ready."},
    {"seamq_leases_renewed_total", METRIC_COUNTER, SCOPE_CONSUMER, VALUE_UINT, CONSUMER(stats.leases_renewed),
     .help = "Leases renewed with +WPI.",
     .use = "Messages take longer than a third of `ack_wait`, or wait for a retry."},
    {"seamq_consumer_pending", METRIC_GAUGE, SCOPE_CONSUMER, VALUE_UINT, CONSUMER(stats.num_pending),
     .help = "Messages in the stream that were not delivered yet, by the server's last response.",
     .use = "The lag. Alert when it grows for long."},
    {"seamq_consumer_ack_pending", METRIC_GAUGE, SCOPE_CONSUMER, VALUE_UINT, CONSUMER(stats.num_ack_pending),
     .help = "Messages delivered and not acknowledged, by the server's last response.",
     .use = "At `max_ack_pending` the server delivers nothing more to any daemon."},
    {"seamq_consumer_ready", METRIC_GAUGE, SCOPE_CONSUMER, VALUE_BOOL, CONSUMER(ready),
     .help = "1 if the handler's consumer on that cluster is ready.",
     .use = "Alert on 0. A handler is ready while one of its consumers is; the event `cluster-not-ready` says why."},
    {"seamq_consumer_in_use", METRIC_GAUGE, SCOPE_CONSUMER, VALUE_BOOL, CONSUMER(in_use),
     .help = "1 if messages are taken from that cluster at the moment.",
     .use = "Shows where the messages of a handler with `federation` come from."},
    {"seamq_consumer_detour", METRIC_GAUGE, SCOPE_CONSUMER, VALUE_BOOL, CONSUMER(via_alternate),
     .help = "1 if the cluster is reached through another cluster's servers.",
     .use = "1: the cluster's own servers do not respond to this daemon, its JetStream does."},
    {"seamq_consumer_paused", METRIC_GAUGE, SCOPE_CONSUMER, VALUE_BOOL, CONSUMER(paused),
     .help = "1 if the consumer is paused on the server, by the server's last response.",
     .use = "Nothing is delivered; `seamq resume` ends the pause."},
    {"seamq_failovers_total", METRIC_COUNTER, SCOPE_HANDLER, VALUE_UINT, HANDLER(failovers),
     .help = "Times that a handler failed over to a cluster further from home.",
     .use = "The event `failover` names both clusters and the reason."},
    {"seamq_messages_held", METRIC_GAUGE, SCOPE_CONSUMER, VALUE_COUNTS, CONSUMER(in_flight), .labels = {{"state", 0}},
     .help = "Messages in flight, by what they wait for.",
     .use =
         "`ready`: a free worker; `running`: the handler; `waiting`: the next attempt; `settling`: the confirmation of "
         "outputs or of the dead letter; `done`: earlier messages (`ack = cumulative`); `acked`: the server's "
         "receipt of the acknowledgement."},
};

const size_t n_metric_rows = sizeof(metric_rows) / sizeof(metric_rows[0]);

const char *metric_kind_name(enum metric_kind kind)
{
    static const char *const names[] = {"counter", "gauge", "histogram"};
    return names[kind];
}

size_t metric_row_labels(const struct metric_row *row, const char *out[METRIC_LABELS_MAX])
{
    size_t n = 0;

    if (row->scope != SCOPE_DAEMON && row->scope != SCOPE_CLUSTER)
        out[n++] = "handler";
    if (row->scope == SCOPE_CLUSTER || row->scope == SCOPE_CONSUMER || row->scope == SCOPE_ORDERED_CONSUMER)
        out[n++] = "cluster";
    for (size_t i = 0; i < METRIC_ROW_LABELS && row->labels[i].name; i++)
        out[n++] = row->labels[i].name;
    return n;
}

/* ---- docs/metrics.md ------------------------------------------------------------- */

static const char page_intro[] =
    "<!-- SPDX-License-Identifier: Apache-2.0 -->\n"
    "<!-- Generated from core/admin/metric_families.c. Change it there, then run:\n"
    "     UPDATE_DOCS=1 build/tests/metrics_reference_test -->\n"
    "# Metrics\n"
    "\n"
    "`GET /metrics` of the admin server (`admin` of `[seamqd]`, port 9222 by default) has these families, in the text\n"
    "format of Prometheus, version 0.0.4. Names and labels are stable. Counters start at 0 with the daemon, and those "
    "of\n"
    "a handler start again when a reload replaces the handler. The [log events](events.md) explain the causes.\n"
    "\n"
    "The numbers of a consumer that the server reports (`pending`, `ack_pending`, paused) are requested with each "
    "scrape\n"
    "and shown with the next one.\n";

static const char *const scope_headings[N_METRIC_SCOPES] = {
    [SCOPE_DAEMON] = "The daemon",
    [SCOPE_CLUSTER] = "Connections: one sample for each cluster",
    [SCOPE_HANDLER] = "Handlers: one sample, or set of samples, for each handler",
    [SCOPE_CONFIGURED_HANDLER] = "Handlers, also those whose plugin was refused",
    [SCOPE_CONSUMER] = "Consumers: for each handler and cluster",
    [SCOPE_ORDERED_CONSUMER] = "Consumers of ordered handlers (`ordering`)",
};

static void print_row(FILE *out, const struct metric_row *row)
{
    const char *labels[METRIC_LABELS_MAX];
    size_t n = metric_row_labels(row, labels);

    fprintf(out, "| `%s` | %s | ", row->name, metric_kind_name(row->kind));
    for (size_t i = 0; i < n; i++)
        fprintf(out, "%s`%s`", i ? ", " : "", labels[i]);
    fprintf(out, " | %s | %s |\n", row->help, row->use);
}

void metrics_print_reference(FILE *out)
{
    fputs(page_intro, out);
    for (int scope = 0; scope < N_METRIC_SCOPES; scope++) {
        fprintf(out, "\n## %s\n\n| name | kind | labels | meaning | what it tells |\n| --- | --- | --- | --- | --- |\n",
                scope_headings[scope]);
        for (size_t i = 0; i < n_metric_rows; i++)
            if ((int)metric_rows[i].scope == scope)
                print_row(out, &metric_rows[i]);
    }
}
