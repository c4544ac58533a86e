/* SPDX-License-Identifier: Apache-2.0
 * consumer/verb_pause - seamq pause and seamq resume, with the server's own pause (nats-server 2.11). */
#include "cli/verbs.h"

#include "base/clock.h"
#include "base/rfc3339.h"
#include "base/value.h"
#include "target.h"

#include <string.h>

/* The server requires an end; ten years stand for "until resumed". */
#define FOREVER_NS (INT64_C(10) * 365 * 24 * 3600 * NS_PER_SEC)
#define API_LEVEL_PAUSE 1 /* nats-server 2.11 */

const struct flag pause_flags[] = {
    {"--for", "DURATION", "how long: 10m, 2h; default: until seamq resume"},
    {NULL, NULL, NULL},
};

/* Servers before 2.11 do not answer a pause request at all, so their API level is read first. 0 or the exit status. */
static int check_server(struct target *t)
{
    struct call call = {.path = {.verb = API_INFO}};
    struct error err;

    int rc = session_call(t->session, &call, TARGET_TIMEOUT_NS, &err);
    json_int_t level = json_integer_value(json_object_get(json_object_get(call.answer.json, "api"), "level"));
    call_finish(&call);
    if (rc < 0)
        return cli_failed("cannot read the API level of the server: %s", err.text);
    if (level < API_LEVEL_PAUSE)
        return cli_failed("the server is older than nats-server 2.11 and cannot pause a consumer; drain its seamqd "
                          "instead, or set handler.NAME.enabled = no");
    return 0;
}

static int print_state(const struct cli *cli, const struct target *t, json_t *answer, const char *until)
{
    bool paused = json_is_true(json_object_get(answer, "paused"));
    if (cli->json)
        return cli_json(json_pack("{s:s, s:s, s:b, s:s*}", "stream", t->stream, "consumer", t->consumer, "paused",
                                  paused, "until", paused ? until : NULL));
    if (paused)
        printf("consumer %s/%s paused until %s\n", t->stream, t->consumer, until ? until : "it is resumed");
    else
        printf("consumer %s/%s resumed\n", t->stream, t->consumer);
    return EXIT_DONE;
}

/* `until` NULL: resumes. */
static int set_pause(struct cli *cli, struct target *t, const char *until, const char *shown)
{
    json_t *body = json_pack("{s:s*}", "pause_until", until);
    json_t *answer = NULL;
    int status = check_server(t);

    if (status == 0)
        status = target_call(t, API_CONSUMER_PAUSE, body, &answer);
    if (status == 0)
        status = print_state(cli, t, answer, shown);
    if (status == 0 && json_is_true(json_object_get(answer, "paused")) != (until != NULL))
        status = EXIT_FAILED;
    json_decref(answer);
    json_decref(body);
    return status;
}

int consumer_pause(struct cli *cli)
{
    const char *text = cli_flag(cli, "--for");
    int64_t for_ns = FOREVER_NS;
    struct error err;
    struct target t;
    char until[RFC3339_SIZE];

    if (text && (value_parse_duration(text, &for_ns, &err) < 0 || for_ns <= 0 || for_ns > FOREVER_NS))
        return cli_usage("--for: \"%s\" is not a duration of up to 10 years (try 10m)", text);
    rfc3339_format(clock_wall_ns() + for_ns, RFC3339_NS, until);
    int status = target_open(cli, &t);
    if (status == 0)
        status = set_pause(cli, &t, until, text ? until : NULL);
    target_close(&t);
    return status;
}

int consumer_resume(struct cli *cli)
{
    struct target t;
    int status = target_open(cli, &t);

    if (status == 0)
        status = set_pause(cli, &t, NULL, NULL);
    target_close(&t);
    return status;
}
