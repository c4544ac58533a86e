/* SPDX-License-Identifier: Apache-2.0
 * daemon/verbs - seamq status, seamq reload and seamq drain: requests to the admin server of a running seamqd. */
#include "cli/verbs.h"

#include "admin_client.h"
#include "base/clock.h"
#include "base/value.h"
#include "cli/cli.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#define REQUEST_NS (10 * NS_PER_SEC)
#define WAIT_NS (120 * NS_PER_SEC)
#define POLL_MS 50

enum { HTTP_OK = 200, HTTP_ACCEPTED = 202 };

const struct flag reload_flags[] = {
    {"--wait", NULL, "wait until it is done, and show what changed; exit status 1 if a handler was refused"},
    {"--timeout", "DURATION", "longest wait (default 2m)"},
    {NULL, NULL, NULL},
};

const struct flag drain_flags[] = {
    {"--wait", NULL, "wait until seamqd has stopped"},
    {"--timeout", "DURATION", "longest wait (default 2m)"},
    {NULL, NULL, NULL},
};

static const struct column clusters[] = {
    {"name", "CLUSTER", COLUMN_TEXT},  {"up", "UP", COLUMN_TEXT}, {"reconnects", "RECONNECTS", COLUMN_NUMBER},
    {"server", "SERVER", COLUMN_TEXT}, {NULL, NULL, COLUMN_TEXT},
};

static const struct column handlers[] = {
    {"name", "HANDLER", COLUMN_TEXT},
    {"state", "STATE", COLUMN_TEXT},
    {"version", "VERSION", COLUMN_TEXT},
    {"workers_ready", "WORKERS", COLUMN_NUMBER},
    {"handled", "HANDLED", COLUMN_NUMBER},
    {"acked", "ACKED", COLUMN_NUMBER},
    {"dead", "DEAD", COLUMN_NUMBER},
    {"pending", "PENDING", COLUMN_NUMBER},
    {"in_flight", "IN FLIGHT", COLUMN_NUMBER},
    {"restarts", "RESTARTS", COLUMN_NUMBER},
    {"note", "NOTE", COLUMN_TEXT},
    {NULL, NULL, COLUMN_TEXT},
};

static const struct column changes[] = {
    {"handler", "HANDLER", COLUMN_TEXT},
    {"action", "ACTION", COLUMN_TEXT},
    {"text", "WHAT", COLUMN_TEXT},
    {NULL, NULL, COLUMN_TEXT},
};

/* The body of the answer if it has the expected status; NULL after an error message. */
static json_t *admin_get_body(const struct cli *cli, const char *method, const char *path, int expected)
{
    struct error err;
    json_t *body = NULL;
    int status = admin_request(cli->config->admin, method, path, REQUEST_NS, &body, &err);

    if (status == expected && body)
        return body;
    json_decref(body);
    if (status < 0)
        cli_failed("%s", err.text);
    else
        cli_failed("%s: %s %s returned HTTP status %d; check that a seamqd of this version listens there",
                   cli->config->admin, method, path, status);
    return NULL;
}

static int read_timeout(const struct cli *cli, int64_t *ret_deadline_ns)
{
    const char *text = cli_flag(cli, "--timeout");
    int64_t ns = WAIT_NS;
    struct error err;

    if (text && (value_parse_duration(text, &ns, &err) < 0 || ns <= 0))
        return cli_usage("--timeout: \"%s\" is not a duration (try 30s)", text);
    *ret_deadline_ns = clock_now_ns() + ns;
    return 0;
}

/* ---- status ------------------------------------------------------------------------------- */

static int print_status(const struct cli *cli, json_t *status)
{
    char up[32];

    if (cli->json)
        return output_json(stdout, status);
    value_format_duration(json_integer_value(json_object_get(status, "up_seconds")) * NS_PER_SEC, up, sizeof(up));
    printf("seamqd %s, instance %s, up %s, %s\n\n", json_string_value(json_object_get(status, "version")),
           json_string_value(json_object_get(status, "instance")), up,
           json_string_value(json_object_get(status, "state")));
    int rc = output_rows(stdout, clusters, json_object_get(status, "clusters"), false);
    putchar('\n');
    return rc ? rc : output_rows(stdout, handlers, json_object_get(status, "handlers"), false);
}

int daemon_status(struct cli *cli)
{
    json_t *status = admin_get_body(cli, "GET", "/status.json", HTTP_OK);
    if (!status)
        return EXIT_FAILED;
    int rc = print_status(cli, status);
    const char *state = json_string_value(json_object_get(status, "state"));
    bool ready = state && strcmp(state, "ready") == 0;
    json_decref(status);
    return rc ? cli_failed("out of memory") : ready ? EXIT_DONE : EXIT_FAILED;
}

/* ---- reload ---------------------------------------------------------------------------------- */

/* Waits for the report of the reload with the number `wanted` or a later one; NULL after an error message. */
static json_t *await_reload(const struct cli *cli, json_int_t wanted, int64_t deadline_ns)
{
    for (;;) {
        json_t *report = admin_get_body(cli, "GET", "/reload", HTTP_OK);
        if (!report || (!json_is_true(json_object_get(report, "running")) &&
                        json_integer_value(json_object_get(report, "number")) >= wanted))
            return report;
        json_decref(report);
        if (clock_now_ns() >= deadline_ns) {
            cli_failed(
                "reload %lld is not done after the time-out; it continues (the log of seamqd shows what it waits for)",
                (long long)wanted);
            return NULL;
        }
        poll(NULL, 0, POLL_MS);
    }
}

static int print_reload(const struct cli *cli, json_t *report)
{
    json_t *list = json_object_get(report, "changes");
    json_t *change;
    size_t i;
    size_t refused = 0;

    json_array_foreach(list, i, change)
    {
        const char *action = json_string_value(json_object_get(change, "action"));
        refused += action && strcmp(action, "refused") == 0;
    }
    int rc = cli->json               ? output_json(stdout, report)
             : json_array_size(list) ? output_rows(stdout, changes, list, false)
                                     : 0;
    if (rc)
        return cli_failed("out of memory");
    if (!cli->json && json_array_size(list) == 0)
        puts("reload done: nothing has changed");
    return refused || json_is_true(json_object_get(report, "failed")) ? EXIT_FAILED : EXIT_DONE;
}

int daemon_reload(struct cli *cli)
{
    int64_t deadline_ns;
    int status = read_timeout(cli, &deadline_ns);
    if (status)
        return status;
    json_t *report = admin_get_body(cli, "POST", "/reload", HTTP_ACCEPTED);
    if (!report)
        return EXIT_FAILED;
    json_int_t wanted = json_integer_value(json_object_get(report, "wanted"));
    if (cli_flag(cli, "--wait")) {
        json_decref(report);
        report = await_reload(cli, wanted, deadline_ns);
        status = report ? print_reload(cli, report) : EXIT_FAILED;
    } else if (cli->json) {
        status = cli_json(json_incref(report));
    } else {
        printf("reload %lld started (--wait waits for its result)\n", (long long)wanted);
    }
    json_decref(report);
    return status;
}

/* ---- drain ------------------------------------------------------------------------------------- */

int daemon_drain(struct cli *cli)
{
    int64_t deadline_ns;
    struct error err;
    int status = read_timeout(cli, &deadline_ns);
    if (status)
        return status;
    int rc = admin_request(cli->config->admin, "POST", "/drain", REQUEST_NS, NULL, &err);
    if (rc != HTTP_ACCEPTED)
        return rc < 0 ? cli_failed("%s", err.text)
                      : cli_failed("%s: POST /drain returned HTTP status %d", cli->config->admin, rc);
    bool wait = cli_flag(cli, "--wait") != NULL;
    while (wait && rc != -ECONNREFUSED) {
        if (clock_now_ns() >= deadline_ns)
            return cli_failed("seamqd at %s has not stopped within the time-out; it continues to drain",
                              cli->config->admin);
        poll(NULL, 0, POLL_MS);
        rc = admin_request(cli->config->admin, "GET", "/healthz", REQUEST_NS, NULL, &err);
    }
    if (cli->json)
        return cli_json(json_pack("{s:b}", "ended", wait));
    puts(wait ? "seamqd stopped" : "seamqd is draining (--wait waits until it has stopped)");
    return EXIT_DONE;
}
