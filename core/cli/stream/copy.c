/* SPDX-License-Identifier: Apache-2.0
 * stream/copy - seamq stream copy: streams from one cluster to another, with sequences, times and consumers; for
 * growing from a single server to a cluster (infra/nats/README.md), where the store cannot be moved. */
#include "cli/verbs.h"

#include "base/clock.h"
#include "cli/cli.h"
#include "cli/stream/snapshot.h"
#include "cli/stream_list.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_NS (10 * NS_PER_SEC)
#define REPLICAS_NS (60 * NS_PER_SEC)
#define LOOK_MS 250
/* Time after which a replica has requested its missing messages: the leader tells it with the next heartbeat (1 s), and
 * subscribes just after; a lost request is repeated after 5 s, before nats-server 2.10 after 10 s. */
#define ASKED_NS (11 * NS_PER_SEC)

const struct flag stream_copy_flags[] = {
    {"--to", "CLUSTER", "the cluster of the configuration that gets the copy"},
    {"--replicas", "N", "of each copy (default: as on the source)"},
    {NULL, NULL, NULL},
};

static const struct column columns[] = {
    {"stream", "STREAM", COLUMN_TEXT},       {"messages", "MESSAGES", COLUMN_NUMBER},
    {"bytes", "BYTES", COLUMN_SIZE},         {"first", "FIRST", COLUMN_NUMBER},
    {"last", "LAST", COLUMN_NUMBER},         {"consumers", "CONSUMERS", COLUMN_NUMBER},
    {"replicas", "REPLICAS", COLUMN_NUMBER}, {NULL, NULL, COLUMN_TEXT},
};

struct job {
    struct session *from, *to;
    const char *stream;
    int replicas;
    int64_t copied_ns; /* when the target confirmed the copy */
    struct progress progress;
};

/* Reads the stream's info, which the caller frees. -ENOENT: the stream does not exist. */
static int look(struct session *s, const char *stream, json_t **ret, struct error *err)
{
    struct call call = {.path = {API_STREAM_INFO, .stream = stream}};
    int rc = session_call(s, &call, TIMEOUT_NS, err);
    if (rc == -EREMOTEIO && call.answer.err_code == JS_STREAM_NOT_FOUND)
        rc = -ENOENT;
    if (rc == 0)
        *ret = json_incref(call.answer.json);
    call_finish(&call);
    return rc;
}

static json_int_t state_of(json_t *info, const char *key)
{
    return json_integer_value(json_object_get(json_object_get(info, "state"), key));
}

static bool is_same(json_t *source, json_t *copy)
{
    static const char *const keys[] = {"messages", "first_seq", "last_seq"};

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (state_of(source, keys[i]) != state_of(copy, keys[i]))
            return false;
    return true;
}

/* Reads the durable consumers, by name; without those whose leader does not respond. */
static int list_consumers(struct session *s, const char *stream, json_t **ret, struct error *err)
{
    json_t *all = json_object(), *info;
    char body[64];
    size_t seen = 0, i;
    int rc = 0;

    for (bool more = true; rc == 0 && more;) {
        snprintf(body, sizeof(body), "{\"offset\":%zu}", seen);
        struct call call = {.path = {API_CONSUMER_LIST, .stream = stream}, .body = body};
        rc = session_call(s, &call, TIMEOUT_NS, err);
        json_t *page = json_object_get(call.answer.json, "consumers");
        json_array_foreach(page, i, info)
        {
            const char *durable = json_string_value(json_object_get(json_object_get(info, "config"), "durable_name"));
            if (durable)
                json_object_set(all, durable, info);
        }
        seen += json_array_size(page);
        more =
            json_array_size(page) && (json_int_t)seen < json_integer_value(json_object_get(call.answer.json, "total"));
        call_finish(&call);
    }
    *ret = all;
    return rc;
}

/* The position of a consumer; the server's counters are not part of it. */
static const struct {
    const char *key, *inner;
} position[] = {{"ack_floor", "stream_seq"}, {"delivered", "stream_seq"}, {"num_pending", NULL}};

static json_int_t position_of(json_t *consumer, size_t i)
{
    json_t *value = json_object_get(consumer, position[i].key);

    return json_integer_value(position[i].inner ? json_object_get(value, position[i].inner) : value);
}

/* Compares the consumers. -EAGAIN with the first difference: a consumer is missing, or is at another position. */
static int compare_consumers(const struct job *j, json_t *source, json_t *copy, struct error *err)
{
    const char *name, *from = session_cluster(j->from)->name, *to = session_cluster(j->to)->name;
    json_t *info;

    json_object_foreach(source, name, info)
    {
        json_t *other = json_object_get(copy, name);
        if (!other)
            return error_set(err, -EAGAIN, "%s: its consumer %s is not on cluster %s", j->stream, name, to);
        for (size_t i = 0; i < sizeof(position) / sizeof(position[0]); i++)
            if (position_of(info, i) != position_of(other, i))
                return error_set(err, -EAGAIN, "%s: %s of its consumer %s is %lld on cluster %s, %lld on %s", j->stream,
                                 position[i].key, name, (long long)position_of(info, i), from,
                                 (long long)position_of(other, i), to);
    }
    return 0;
}

/* Every replica must have the whole copy, so that the loss of one node loses no message. The leader reports a replica
 * as current before that has the messages that it requested. */
static bool is_replicated(json_t *info, int64_t age_ns)
{
    json_t *cluster = json_object_get(info, "cluster"), *replica;
    json_int_t wanted = json_integer_value(json_object_get(json_object_get(info, "config"), "num_replicas"));
    size_t i;

    json_array_foreach(json_object_get(cluster, "replicas"), i, replica)
    {
        int64_t heard_ns = age_ns - json_integer_value(json_object_get(replica, "active"));
        wanted -= json_is_true(json_object_get(replica, "current")) && heard_ns > ASKED_NS;
    }
    return wanted <= 1;
}

static int wait_replicated(struct job *j, int64_t deadline_ns, json_t **info, struct error *err)
{
    for (;;) {
        int64_t now = clock_now_ns();
        int rc = look(j->to, j->stream, info, err);
        if (rc < 0 || is_replicated(*info, now - j->copied_ns))
            return rc;
        if (now > deadline_ns)
            return error_set(err, -ETIMEDOUT, "%s: is copied, but not on every replica after %d s (seamq mesh status)",
                             j->stream, (int)(REPLICAS_NS / NS_PER_SEC));
        progress_show(&j->progress, "%s: waiting for its replicas", j->stream);
        poll(NULL, 0, LOOK_MS);
        json_decref(*info);
        *info = NULL;
    }
}

/* A copied consumer of a cluster has no leader at first. If the leader's replica did not have the whole stream, the
 * consumer's counters are wrong until the server counts again. */
static int wait_consumers(struct job *j, int64_t deadline_ns, struct error *err)
{
    json_t *source = NULL, *copy = NULL;
    struct error apart;

    int rc = list_consumers(j->from, j->stream, &source, err);
    while (rc == 0) {
        rc = list_consumers(j->to, j->stream, &copy, err);
        if (rc < 0 || compare_consumers(j, source, copy, &apart) == 0)
            break;
        json_decref(copy);
        copy = NULL;
        if (clock_now_ns() > deadline_ns) {
            rc =
                error_set(err, -EAGAIN, "%s: stop workers and publishers, remove the copy, and copy again", apart.text);
            break;
        }
        progress_show(&j->progress, "%s: waiting for its consumers", j->stream);
        poll(NULL, 0, LOOK_MS);
    }
    json_decref(source);
    json_decref(copy);
    return rc;
}

static void show_bytes(void *data, uint64_t bytes)
{
    struct job *j = data;
    char text[32];

    output_size((int64_t)bytes, text, sizeof(text));
    progress_show(&j->progress, "%s: %s copied", j->stream, text);
}

static int copy_one(struct job *j, struct error *err)
{
    json_t *info = NULL;

    int rc = look(j->to, j->stream, &info, err);
    if (rc == 0)
        rc = error_set(err, -EEXIST, "%s: is on cluster %s already: nothing copied (remove it there to copy again)",
                       j->stream, session_cluster(j->to)->name);
    else if (rc == -ENOENT)
        rc = snapshot_copy(j->from, j->to, j->stream, j->replicas, show_bytes, j, err);
    json_decref(info);
    return rc;
}

/* Compares with the source as it is now, which may have changed since the copy started. */
static int check_copy(struct job *j, json_t **ret_info, struct error *err)
{
    int64_t deadline_ns = clock_now_ns() + REPLICAS_NS;
    json_t *source = NULL;

    int rc = wait_replicated(j, deadline_ns, ret_info, err);
    if (rc == 0)
        rc = look(j->from, j->stream, &source, err);
    if (rc == 0 && !is_same(source, *ret_info))
        rc = error_set(
            err, -EAGAIN,
            "%s: the copy has %lld messages up to sequence %lld, the source by now %lld up to %lld: stop what "
            "publishes to it, remove the copy, and copy again",
            j->stream, (long long)state_of(*ret_info, "messages"), (long long)state_of(*ret_info, "last_seq"),
            (long long)state_of(source, "messages"), (long long)state_of(source, "last_seq"));
    if (rc == 0)
        rc = wait_consumers(j, deadline_ns, err);
    json_decref(source);
    return rc;
}

static int check_one(struct job *j, json_t *rows, struct error *err)
{
    json_t *info = NULL;

    int rc = check_copy(j, &info, err);
    if (rc == 0)
        json_array_append_new(rows, json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:O?}", "stream", j->stream, "messages",
                                              state_of(info, "messages"), "bytes", state_of(info, "bytes"), "first",
                                              state_of(info, "first_seq"), "last", state_of(info, "last_seq"),
                                              "consumers", state_of(info, "consumer_count"), "replicas",
                                              json_object_get(json_object_get(info, "config"), "num_replicas")));
    json_decref(info);
    return rc;
}

static int said(struct job *j, int rc, const struct error *err)
{
    progress_end(&j->progress);
    return rc < 0 ? cli_failed("%s", err->text) : EXIT_DONE;
}

/* All streams are copied before the first is checked, so that replicas catch up meanwhile. A stream that cannot be
 * copied does not stop the others; the exit status reports it. */
static int copy_all(struct job *j, json_t *names, json_t *rows)
{
    int64_t *copied_ns = calloc(json_array_size(names) + 1, sizeof(*copied_ns));
    int status = EXIT_DONE;
    struct error err;
    json_t *name;
    size_t i;

    if (!copied_ns)
        return cli_failed("out of memory");
    json_array_foreach(names, i, name)
    {
        j->stream = json_string_value(name);
        int rc = copy_one(j, &err);
        copied_ns[i] = rc == 0 ? clock_now_ns() : 0;
        status |= said(j, rc, &err);
    }
    json_array_foreach(names, i, name)
    {
        j->stream = json_string_value(name);
        j->copied_ns = copied_ns[i];
        if (copied_ns[i])
            status |= said(j, check_one(j, rows, &err), &err);
    }
    free(copied_ns);
    return status;
}

/* Collects the streams of the command line, or all streams. */
static int choose(struct cli *cli, struct session *from, json_t *names)
{
    json_t *infos = NULL, *info;
    struct error err;
    size_t i;

    for (i = 0; i < cli->n_args; i++)
        json_array_append_new(names, json_string(cli->args[i]));
    if (cli->n_args)
        return EXIT_DONE;
    if (streams_list(from, NULL, clock_now_ns() + TIMEOUT_NS, &infos, &err) < 0)
        return cli_failed("%s", err.text);
    json_array_foreach(infos, i, info)
        json_array_append(names, json_object_get(json_object_get(info, "config"), "name"));
    json_decref(infos);
    return EXIT_DONE;
}

static int take_replicas(const char *text, int *ret)
{
    if (!text)
        return EXIT_DONE;
    if (strlen(text) != 1 || *text < '1' || *text > '5')
        return cli_usage("--replicas: \"%s\" is not a number from 1 to 5", text);
    *ret = *text - '0';
    return EXIT_DONE;
}

int stream_copy(struct cli *cli)
{
    struct cli target = *cli; /* for its --cluster */
    struct job job = {0};

    target.cluster = cli_flag(cli, "--to");
    if (!target.cluster)
        return cli_usage("say which cluster gets the copy: --to CLUSTER");
    int status = take_replicas(cli_flag(cli, "--replicas"), &job.replicas);
    if (status == 0)
        status = cli_connect(cli, 0, &job.from);
    if (status == 0)
        status = cli_connect(&target, 0, &job.to);
    if (status == 0 && session_cluster(job.from) == session_cluster(job.to))
        status = cli_usage("--cluster and --to are both %s", target.cluster);
    json_t *names = json_array(), *rows = json_array();
    if (status == 0)
        status = choose(cli, job.from, names);
    if (status == 0) {
        status = copy_all(&job, names, rows);
        if ((json_array_size(rows) || cli->json) && output_rows(stdout, columns, rows, cli->json) < 0)
            status = cli_failed("out of memory");
    }
    json_decref(names);
    json_decref(rows);
    session_close(job.to);
    session_close(job.from);
    return status;
}
