/* SPDX-License-Identifier: Apache-2.0
 * stream/ls - seamq stream ls: one line for each stream of the domain. */
#include "cli/verbs.h"

#include "base/clock.h"
#include "cli/cli.h"
#include "cli/stream_list.h"

#define TIMEOUT_NS (10 * NS_PER_SEC)

static const struct column columns[] = {
    {"name", "STREAM", COLUMN_TEXT},         {"subjects", "SUBJECTS", COLUMN_TEXT},
    {"retention", "RETENTION", COLUMN_TEXT}, {"storage", "STORAGE", COLUMN_TEXT},
    {"replicas", "REPLICAS", COLUMN_NUMBER}, {"messages", "MESSAGES", COLUMN_NUMBER},
    {"bytes", "BYTES", COLUMN_SIZE},         {"consumers", "CONSUMERS", COLUMN_NUMBER},
    {"leader", "LEADER", COLUMN_TEXT},       {NULL, NULL, COLUMN_TEXT},
};

static json_t *row_of(json_t *info)
{
    json_t *config = json_object_get(info, "config");
    json_t *state = json_object_get(info, "state");
    return json_pack("{s:O?, s:O?, s:O?, s:O?, s:O?, s:O?, s:O?, s:O?, s:O?}", "name", json_object_get(config, "name"),
                     "subjects", json_object_get(config, "subjects"), "retention", json_object_get(config, "retention"),
                     "storage", json_object_get(config, "storage"), "replicas", json_object_get(config, "num_replicas"),
                     "messages", json_object_get(state, "messages"), "bytes", json_object_get(state, "bytes"),
                     "consumers", json_object_get(state, "consumer_count"), "leader",
                     json_object_get(json_object_get(info, "cluster"), "leader"));
}

int stream_ls(struct cli *cli)
{
    struct session *s;
    struct error err;
    json_t *infos = NULL;
    json_t *info;
    size_t i;

    int status = cli_connect(cli, 0, &s);
    if (status)
        return status;
    json_t *rows = json_array();
    int rc = streams_list(s, NULL, clock_now_ns() + TIMEOUT_NS, &infos, &err);
    json_array_foreach(infos, i, info) json_array_append_new(rows, row_of(info));
    if (rc < 0)
        status = cli_failed("%s", err.text);
    else if (output_rows(stdout, columns, rows, cli->json) < 0)
        status = cli_failed("out of memory");
    json_decref(rows);
    json_decref(infos);
    session_close(s);
    return status;
}
