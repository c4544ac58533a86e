/* SPDX-License-Identifier: Apache-2.0
 * daemon/verbs - seamq status, reload and drain: a running seamqd, asked through its admin server. */
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
#define LOOK_MS 50

enum { HTTP_OK = 200, HTTP_ACCEPTED = 202 };

const struct flag reload_flags[] = {
    {"--wait", NULL, "until it is done: what became of each handler; 1 when something was refused"},
    {"--timeout", "DURATION", "how long to wait at most (2m)"},
    {NULL, NULL, NULL},
};

const struct flag drain_flags[] = {
    {"--wait", NULL, "until it has ended"},
    {"--timeout", "DURATION", "how long to wait at most (2m)"},
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

/* The body of an answer with the status that is wanted; NULL after having said why not. */
static json_t *ask(const struct cli *cli, const char *method, const char *path, int wanted)
{
    struct error err;
    json_t *body = NULL;
    int status = admin_request(cli->config->admin, method, path, REQUEST_NS, &body, &err);

    if (status == wanted && body)
        return body;
    json_decref(body);
    if (status < 0)
        cli_failed("%s", err.text);
    else
        cli_failed("%s: %s %s: status %d: is it a seamqd of this version?", cli->config->admin, method, path, status);
    return NULL;
}

static int timeout(const struct cli *cli, int64_t *ret_deadline_ns)
{
    const char *text = cli_flag(cli, "--timeout");
    int64_t ns = WAIT_NS;
    struct error err;

    if (text && (value_parse_duration(text, &ns, &err) < 0 || ns <= 0))
        return cli_usage("--timeout: \"%s\" is no duration (try 30s)", text);
    *ret_deadline_ns = clock_now_ns() + ns;
    return 0;
}

/* ---- status ------------------------------------------------------------------------------- */

static int show(const struct cli *cli, json_t *status)
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
    json_t *status = ask(cli, "GET", "/status.json", HTTP_OK);
    if (!status)
        return EXIT_FAILED;
    int rc = show(cli, status);
    const char *state = json_string_value(json_object_get(status, "state"));
    bool ready = state && strcmp(state, "ready") == 0;
    json_decref(status);
    return rc ? cli_failed("out of memory") : ready ? EXIT_DONE : EXIT_FAILED;
}

/* ---- reload ---------------------------------------------------------------------------------- */

/* The report of the reload that comprises what was there when it was asked for; NULL after having said why not. */
static json_t *await_reload(const struct cli *cli, json_int_t wanted, int64_t deadline_ns)
{
    for (;;) {
        json_t *report = ask(cli, "GET", "/reload", HTTP_OK);
        if (!report || (!json_is_true(json_object_get(report, "running")) &&
                        json_integer_value(json_object_get(report, "number")) >= wanted))
            return report;
        json_decref(report);
        if (clock_now_ns() >= deadline_ns) {
            cli_failed("the reload is not done yet (seamqd's log says what it waits for)");
            return NULL;
        }
        poll(NULL, 0, LOOK_MS);
    }
}

static int show_reload(const struct cli *cli, json_t *report)
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
        puts("nothing has changed");
    return refused || json_is_true(json_object_get(report, "failed")) ? EXIT_FAILED : EXIT_DONE;
}

int daemon_reload(struct cli *cli)
{
    int64_t deadline_ns;
    int status = timeout(cli, &deadline_ns);
    if (status)
        return status;
    json_t *report = ask(cli, "POST", "/reload", HTTP_ACCEPTED);
    if (!report)
        return EXIT_FAILED;
    json_int_t wanted = json_integer_value(json_object_get(report, "wanted"));
    if (cli_flag(cli, "--wait")) {
        json_decref(report);
        report = await_reload(cli, wanted, deadline_ns);
        status = report ? show_reload(cli, report) : EXIT_FAILED;
    } else if (cli->json) {
        status = cli_json(json_incref(report));
    } else {
        printf("reload %lld has begun (--wait tells what becomes of it)\n", (long long)wanted);
    }
    json_decref(report);
    return status;
}

/* ---- drain ------------------------------------------------------------------------------------- */

int daemon_drain(struct cli *cli)
{
    int64_t deadline_ns;
    struct error err;
    int status = timeout(cli, &deadline_ns);
    if (status)
        return status;
    int rc = admin_request(cli->config->admin, "POST", "/drain", REQUEST_NS, NULL, &err);
    if (rc != HTTP_ACCEPTED)
        return rc < 0 ? cli_failed("%s", err.text) : cli_failed("%s: POST /drain: status %d", cli->config->admin, rc);
    bool wait = cli_flag(cli, "--wait") != NULL;
    while (wait && rc != -ECONNREFUSED) {
        if (clock_now_ns() >= deadline_ns)
            return cli_failed("it has not ended yet");
        poll(NULL, 0, LOOK_MS);
        rc = admin_request(cli->config->admin, "GET", "/healthz", REQUEST_NS, NULL, &err);
    }
    if (cli->json)
        return cli_json(json_pack("{s:b}", "ended", wait));
    puts(wait ? "it has ended" : "it drains (--wait waits for its end)");
    return EXIT_DONE;
}
