/* SPDX-License-Identifier: Apache-2.0
 * log_events - what each event means and what to do about it. */
#include "log_events.h"

#define DAEMON LOG_AREA_DAEMON
#define CLUSTER LOG_AREA_CLUSTER
#define HANDLER LOG_AREA_HANDLER
#define MESSAGE LOG_AREA_MESSAGE

const struct log_event log_events[] = {
    {DAEMON, "start", "info", "seamqd has read its configuration and starts its handlers.", ""},
    {DAEMON, "config-deprecated", "warn", "The configuration uses the old name of a key; the value is used.",
     "Use the key that `msg` names, before a later version removes the old one."},
    {DAEMON, "start-failed", "error", "seamqd could not start and exits with status 1; `msg` says why.",
     "Fix what `msg` names and start seamqd again."},
    {DAEMON, "ready", "info", "All handlers are ready; logged once after the start.",
     "If `refused` is there, look for `plugin-refused` or `reload-refused`."},
    {DAEMON, "draining", "info", "seamqd stops: it pulls nothing more and finishes the messages in flight.", ""},
    {DAEMON, "drained", "info", "Every message is settled or given back to the server; seamqd exits with status 0.",
     ""},
    {DAEMON, "drain-timeout", "warn",
     "Messages were still unsettled at the end of `drain_timeout`; the server delivers them again after ack wait.",
     "Make `drain_timeout` longer than the longest message takes."},
    {DAEMON, "stopped", "warn",
     "A second signal ended the drain; the server delivers unsettled messages again after ack wait.", ""},
    {DAEMON, "loop-failed", "error", "The event loop failed and seamqd exits with status 1.",
     "Restart seamqd, and report the line as a bug."},
    {DAEMON, "dev-server", "info", "`--dev` started a private nats-server, which is deleted when seamqd exits.", ""},
    {DAEMON, "dev-stream", "info", "`--dev` created the stream of a handler.", ""},
    {DAEMON, "plugin-refused", "error", "The plugin of a handler does not load, so the handler does not run.",
     "Fix the plugin as `msg` says; the new file is loaded when it is in place."},
    {DAEMON, "plugin-skipped", "warn",
     "A link in a plugin directory leads to no file, so no handler is started for it.",
     "Create the target or delete the link."},
    {DAEMON, "reload", "info", "A reload has started; `why` says what caused it.", ""},
    {DAEMON, "reload-handler", "info",
     "A reload has changed one handler; `action` says how: added, renewed (its workers), replaced or removed.", ""},
    {DAEMON, "reload-refused", "error",
     "A reload refused a change of one handler, or the whole configuration; what ran before continues.",
     "Fix what `msg` names and reload again."},
    {DAEMON, "reload-restart", "warn", "A changed key is read at the start only.", "Restart seamqd."},
    {DAEMON, "reload-done", "info", "A reload has ended; `changed` and `refused` count handlers.", ""},
    {DAEMON, "watch", "warn", "Changes in a plugin directory cannot be noticed.",
     "Send SIGHUP, or run `seamq reload`, after each deploy."},
    {DAEMON, "admin-accept-failed", "warn", "The admin server could not accept a connection and tries again.",
     "Usually the limit of open files is reached: raise it."},

    {CLUSTER, "connected", "info", "The connection to a cluster is up.", ""},
    {CLUSTER, "disconnected", "warn",
     "The connection to a cluster is down; seamqd retries until a server responds. Logged once for each reason.",
     "Check the servers, the network and the credentials, as `msg` says."},
    {CLUSTER, "server-error", "warn",
     "The server reported an error on the connection, such as a permissions violation.",
     "Give the user the permissions that `msg` names."},
    {CLUSTER, "cluster-ready", "info", "The consumer of a handler with several clusters is ready on one of them.", ""},
    {CLUSTER, "cluster-not-ready", "warn",
     "The consumer of a handler with several clusters is not ready on one of them; the others are not affected.",
     "As `msg` says."},
    {CLUSTER, "failover", "warn", "A handler takes its messages from a cluster further from home.",
     "Bring back the cluster in `from`; `msg` says why it is not ready."},
    {CLUSTER, "failback", "info", "A handler takes its messages from a cluster nearer to home again.", ""},
    {CLUSTER, "consumer-create", "info", "A consumer that did not exist is created (`create = missing`).", ""},
    {CLUSTER, "consumer-recreated", "warn",
     "A consumer was deleted and recreated; its messages in flight are forgotten and delivered by the new one.",
     "If you did not do it, find out who deletes consumers: messages may be delivered twice or skipped."},
    {CLUSTER, "consumer-drift", "warn", "A consumer differs from the configuration; the values on the server are used.",
     "Change the consumer with `seamq stream apply`, or the configuration."},
    {CLUSTER, "consumer-paused", "warn", "A consumer is paused on the server, which delivers nothing until `until`.",
     "`seamq resume` ends the pause."},
    {CLUSTER, "consumer-resumed", "info", "A consumer is not paused any more.", ""},
    {CLUSTER, "dead-letter-stream", "info",
     "The dead-letter stream is created, or extended by the subject of this stream (`create = missing`).", ""},
    {CLUSTER, "subject-not-in-stream", "warn",
     "A subject in `filter_subjects` is in no subject of the stream, so nothing arrives for it.",
     "Correct `filter_subjects`, or add the subject to the stream."},
    {CLUSTER, "stream-recreated", "error",
     "A stream was deleted and recreated; its sequences start over, and messages in flight are forgotten.",
     "Find out who deletes streams: the messages of the old one are lost."},
    {CLUSTER, "stream-went-back", "error",
     "A stream ends before a message that it has delivered: the server has lost messages, or a backup was restored.",
     "Publish the lost messages again. Consider `sync_interval` of the server."},
    {CLUSTER, "pull-silent", "warn", "The server sends no heartbeats for a pull request; seamqd repeats the request.",
     "If it lasts, check the leader of the consumer (`nats consumer info`)."},
    {CLUSTER, "pull-status", "warn", "The server ended a pull request with a status that this version does not know.",
     "Report the status as a bug; pulling continues."},
    {CLUSTER, "message-refused", "warn",
     "A message without an acknowledgement subject arrived, so it is not from JetStream; logged once.",
     "Find out who publishes to the inbox of seamqd."},
    {CLUSTER, "ack-held-back", "warn",
     "With `ack = cumulative`, delivered messages are missing here, so nothing more is acknowledged.",
     "Make sure that no other daemon uses this consumer."},
    {CLUSTER, "order-unsure", "warn",
     "An ordered handler starts although messages that were delivered earlier have not come back within ack wait.",
     "Make sure that the handler runs in one daemon only."},
    {CLUSTER, "recall", "debug", "An ordered handler waits for redeliveries; `missing` counts them.", ""},

    {HANDLER, "handler-ready", "info", "A handler is ready: at least one worker and one consumer are.", ""},
    {HANDLER, "handler-not-ready", "warn", "A handler is not ready; `msg` says why, as `/readyz` does.",
     "As `msg` says."},
    {HANDLER, "worker-ready", "debug", "A worker process has loaded the plugin and is ready.", ""},
    {HANDLER, "worker-exit", "error, warn, debug",
     "A worker process ended; `reason` says how. At level error it does not start again, at debug it ended as planned.",
     "For `crash`, `timeout` and `memory`: fix the handler; `subject`, `seq` and `backtrace` name the message and the "
     "place."},
    {HANDLER, "worker-nonsense", "warn", "A worker process reported a message that it does not have; it is ignored.",
     "The handler has probably damaged its memory: run it with a sanitizer."},
    {HANDLER, "handler-log", "error, warn, info, debug", "A line that the handler logged with seamq_log().", ""},
    {HANDLER, "handler-output", "info", "A line that the handler printed to standard output or standard error.", ""},
    {HANDLER, "handler-log-dropped", "warn",
     "Lines of a handler above 1000 a second were dropped; `lines` counts them.", "Log less in the handler."},
    {HANDLER, "breaker-open", "warn",
     "The handler reported a dependency as unavailable; nothing is pulled or started until one message succeeds.",
     "Bring the dependency back; `error` is the handler's reason."},
    {HANDLER, "breaker-closed", "info", "The dependency is available again and the handler pulls again.", ""},

    {MESSAGE, "retry", "debug", "An attempt failed; the message runs again after `in`.", ""},
    {MESSAGE, "dead-letter", "warn", "A message was stored in the dead-letter stream; `reason` and `error` say why.",
     "Look at it with `seamq dlq show`, fix the cause, and replay it with `seamq dlq replay`."},
    {MESSAGE, "dead-letter-failed", "error",
     "A dead letter could not be stored; its message stays in flight and the store is retried.",
     "Create the dead-letter stream, make room in it, or permit the publish, as `error` says."},
    {MESSAGE, "message-dropped", "warn", "A message is dead and `dead_letter = off`, so it is lost.",
     "If its content matters, configure a dead-letter stream."},
    {MESSAGE, "dropped", "info, debug",
     "The handler dropped a message (SEAMQ_TERM); of many, ten a second are logged at info.", ""},
    {MESSAGE, "publish-failed", "warn", "A stream refused an output, so the attempt failed and is retried.",
     "Create the stream of the output's subject, make room in it, or permit the publish, as `error` says."},
    {MESSAGE, "shadow", "info", "A handler in shadow mode finished a message; nothing is settled by it.", ""},
    {MESSAGE, "shadow-output", "info", "A handler in shadow mode published an output, which is only logged.", ""},
};

const size_t n_log_events = sizeof(log_events) / sizeof(log_events[0]);

static const char page_intro[] =
    "<!-- SPDX-License-Identifier: Apache-2.0 -->\n"
    "<!-- Generated from core/base/log_events.c. Change it there, then run:\n"
    "     UPDATE_DOCS=1 build/tests/log_events_test -->\n"
    "# Log events\n"
    "\n"
    "seamqd writes one line for each event to standard error, as text on a terminal and as JSON otherwise "
    "(`log_format`).\n"
    "The names of events and fields are stable; the sentences in `msg` are for people and may change.\n"
    "\n"
    "- **error**: something does not run, or data may be lost; a person has to act.\n"
    "- **warn**: something is worse than it should be; seamqd retries, and the line says what happens next.\n"
    "- **info**: a change of state, once.\n"
    "- **debug**: single messages and processes (`log_level = debug`).\n";

static const char *const headings[N_LOG_AREAS] = {
    [LOG_AREA_DAEMON] = "The daemon: start, reload, stop",
    [LOG_AREA_CLUSTER] = "Clusters, streams and consumers",
    [LOG_AREA_HANDLER] = "Handlers and their workers",
    [LOG_AREA_MESSAGE] = "Single messages",
};

void log_events_print_reference(FILE *out)
{
    fputs(page_intro, out);
    for (int area = 0; area < N_LOG_AREAS; area++) {
        fprintf(out, "\n## %s\n\n| event | level | meaning | what to do |\n| --- | --- | --- | --- |\n",
                headings[area]);
        for (size_t i = 0; i < n_log_events; i++)
            if ((int)log_events[i].area == area)
                fprintf(out, "| `%s` | %s | %s | %s |\n", log_events[i].event, log_events[i].levels,
                        log_events[i].meaning, log_events[i].action);
    }
}
