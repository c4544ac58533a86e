/* SPDX-License-Identifier: Apache-2.0
 * consumer/target - finds the consumer that an argument names. */
#include "target.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_name(const char *s)
{
    return *s && strlen(s) < TARGET_NAME_MAX && !strpbrk(s, " \t.*>/\\");
}

/* 0 or the exit status. */
static int parse_target(struct cli *cli, const char *cluster, struct target *t)
{
    const char *text = cli->args[0];
    const char *slash = strchr(text, '/');
    const struct config_handler *h = slash ? NULL : cli_handler(cli, text);

    if (slash) {
        snprintf(t->stream, sizeof(t->stream), "%.*s", (int)(slash - text), text);
        snprintf(t->consumer, sizeof(t->consumer), "%s", slash + 1);
    } else if (!h) {
        return cli_usage("unknown handler \"%s\" (give STREAM/CONSUMER, or the configuration file with --config)",
                         text);
    } else {
        config_stream_name(h, cluster, t->stream, sizeof(t->stream));
        snprintf(t->consumer, sizeof(t->consumer), "%s", h->durable);
        if (!*t->stream)
            return cli_usage("the plugin of handler %s decides its stream: give STREAM/CONSUMER", text);
    }
    if (!is_name(t->stream) || !is_name(t->consumer))
        return cli_usage("\"%s\" is not STREAM/CONSUMER", text);
    return 0;
}

int target_call(struct target *t, enum api_verb verb, json_t *body, json_t **ret_json)
{
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    struct call call = {.path = {verb, .stream = t->stream, .consumer = t->consumer}, .body = text};
    struct error err;

    call.path.filter = json_string_value(json_object_get(json_object_get(body, "config"), "filter_subject"));
    int rc = session_call(t->session, &call, TARGET_TIMEOUT_NS, &err);
    free(text);
    if (rc == 0 && ret_json)
        *ret_json = json_incref(call.answer.json);
    int code = call.answer.err_code;
    call_finish(&call);
    if (code == JS_CONSUMER_NOT_FOUND || code == JS_STREAM_NOT_FOUND)
        return cli_failed("cluster %s has no consumer %s/%s", session_cluster(t->session)->name, t->stream,
                          t->consumer);
    return rc ? cli_failed("%s", err.text) : 0;
}

int target_open(struct cli *cli, struct target *ret)
{
    const struct config_cluster *cluster = cli_cluster(cli);

    *ret = (struct target){0};
    int status = cluster ? parse_target(cli, cluster->name, ret) : EXIT_USAGE;
    if (status == 0)
        status = cli_connect(cli, 0, &ret->session);
    return status ? status : target_call(ret, API_CONSUMER_INFO, NULL, &ret->info);
}

void target_close(struct target *t)
{
    json_decref(t->info);
    session_close(t->session);
}
