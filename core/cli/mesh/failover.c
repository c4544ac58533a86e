/* SPDX-License-Identifier: Apache-2.0
 * mesh/failover - seamq mesh failover: a standby consumer on the mirror of a handler's stream, from the position that
 * its consumer at home had.  Mirrors keep the sequences of their origin, so a position there is one here. */
#include "cli/verbs.h"

#include "base/clock.h"
#include "look.h"

#include <stdlib.h>
#include <string.h>

#define NODES 3
#define TIMEOUT_NS (10 * NS_PER_SEC)
#define STREAM_SIZE 256

const struct flag mesh_failover_flags[] = {
    {"--to", "CLUSTER", "where the mirror is"},
    {"--status", "FILE", "`seamq mesh status --json` of when home was alive: the position, where home is gone"},
    {"--apply", NULL, "create the consumer; without it only say what would be done"},
    {NULL, NULL, NULL},
};

struct failover {
    const struct config_handler *handler;
    const struct config_cluster *home;
    const struct config_cluster *to;
    char stream[STREAM_SIZE]; /* at home */
    const char *status_file;
    struct mesh now;
    json_t *status;   /* what the file has; NULL: none */
    json_t *position; /* the row of the consumer at home, now or then */
    json_t *origin;   /* the row of the stream at home, of the same time */
    bool live;
    json_t *mirror;
};

static json_t *find_row(json_t *rows, const char *cluster, const char *stream, const char *consumer)
{
    json_t *row;
    size_t i;
    json_array_foreach(rows, i, row)
    {
        if (strcmp(row_text(row, "cluster"), cluster) == 0 && strcmp(row_text(row, "stream"), stream) == 0 &&
            (!consumer || strcmp(row_text(row, "consumer"), consumer) == 0))
            return row;
    }
    return NULL;
}

/* ---- what is asked -------------------------------------------------------------------------- */

static int take_arguments(const struct cli *cli, struct failover *f)
{
    const char *to = cli_flag(cli, "--to");

    f->handler = cli_handler(cli, cli->args[0]);
    if (!f->handler)
        return cli_usage("there is no [handler.%s] in the configuration", cli->args[0]);
    if (!to)
        return cli_usage("say where the mirror is: --to CLUSTER");
    f->to = config_find_cluster(cli->config, to);
    if (!f->to)
        return cli_usage("--to: there is no cluster %s in the configuration", to);
    f->home = config_find_cluster(cli->config, f->handler->clusters.items[0]);
    if (!f->home)
        return cli_usage("there is no cluster %s, the home of handler %s, in the configuration",
                         f->handler->clusters.items[0], f->handler->name);
    if (f->home == f->to)
        return cli_usage("--to: %s is the home of handler %s", to, f->handler->name);
    config_stream_name(f->handler, f->home->name, f->stream, sizeof(f->stream));
    if (!*f->stream)
        return cli_usage("[handler.%s] names no stream: set it, also where the plugin has one", f->handler->name);
    f->status_file = cli_flag(cli, "--status");
    return 0;
}

static int read_status(struct failover *f)
{
    json_error_t e;

    if (!f->status_file)
        return 0;
    f->status = json_load_file(f->status_file, 0, &e);
    if (!json_is_array(json_object_get(f->status, "consumers")))
        return cli_usage("--status %s: %s", f->status_file,
                         f->status ? "is not what `seamq mesh status --json` prints" : e.text);
    return 0;
}

/* ---- what there is ----------------------------------------------------------------------------- */

/* Home itself knows best; what was written down before is good for as long as it is gone. */
static int find_position(struct failover *f)
{
    const char *home = f->home->name;
    const char *durable = f->handler->durable;

    f->position = find_row(f->now.consumers, home, f->stream, durable);
    f->live = row_has(f->position, "floor");
    f->origin = find_row(f->now.streams, home, f->stream, NULL);
    if (f->live)
        return 0;
    f->position = find_row(json_object_get(f->status, "consumers"), home, f->stream, durable);
    f->origin = find_row(json_object_get(f->status, "streams"), home, f->stream, NULL);
    if (row_has(f->position, "floor"))
        return 0;
    if (f->status)
        return cli_failed("%s has no consumer %s of %s on cluster %s", f->status_file, durable, f->stream, home);
    return cli_failed("the consumer %s of %s on cluster %s cannot be asked for its position: give --status FILE, what "
                      "`seamq mesh status --json` printed when it could",
                      durable, f->stream, home);
}

static bool is_mirror_of(json_t *stream, const char *origin)
{
    json_t *from = json_array_get(json_object_get(stream, "from"), 0);
    return json_is_true(json_object_get(from, "mirror")) && strcmp(row_text(from, "stream"), origin) == 0;
}

static int find_mirror(struct failover *f)
{
    json_t *row;
    size_t i;

    json_array_foreach(f->now.streams, i, row)
    {
        if (strcmp(row_text(row, "cluster"), f->to->name) == 0 && is_mirror_of(row, f->stream))
            f->mirror = row;
    }
    if (!f->mirror)
        return cli_failed("cluster %s has no mirror of %s, or cannot be reached: seamq mesh status", f->to->name,
                          f->stream);
    if (find_row(f->now.consumers, f->to->name, row_text(f->mirror, "stream"), f->handler->durable))
        return cli_failed("%s on cluster %s has a consumer %s already: go on with it, or delete it first",
                          row_text(f->mirror, "stream"), f->to->name, f->handler->durable);
    return 0;
}

/* ---- the plan ------------------------------------------------------------------------------------- */

static json_t *make_plan(const struct failover *f)
{
    int64_t floor = row_number(f->position, "floor");
    int64_t last = row_number(f->mirror, "last");
    int64_t missing = row_number(f->origin, "last") - last;

    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:b}", "handler", f->handler->name, "home",
                     f->home->name, "stream", f->stream, "consumer", f->handler->durable, "to", f->to->name, "mirror",
                     row_text(f->mirror, "stream"), "start", (json_int_t)floor + 1, "last", (json_int_t)last,
                     "to_handle", (json_int_t)(last > floor ? last - floor : 0), "not_copied",
                     (json_int_t)(missing > 0 ? missing : 0), "live", f->live);
}

static void print_plan(const struct failover *f, json_t *plan, bool applied)
{
    const char *mirror = row_text(plan, "mirror");

    printf("handler %s: %s on %s is settled up to sequence %lld, %s%s\n", f->handler->name, f->stream, f->home->name,
           (long long)row_number(plan, "start") - 1, f->live ? "as it says now" : "as of ",
           f->live ? "" : f->status_file);
    printf("its mirror %s on %s has messages up to %lld: %lld to handle, from %lld on\n", mirror, f->to->name,
           (long long)row_number(plan, "last"), (long long)row_number(plan, "to_handle"),
           (long long)row_number(plan, "start"));
    if (row_number(plan, "not_copied"))
        printf("not copied at that time: %lld; that is not lost, and handled when home is back\n",
               (long long)row_number(plan, "not_copied"));
    printf("what home settled beyond that position is handled again\n");
    if (applied)
        printf(
            "the consumer %s is made. Configure seamqd and start it:\n\n[handler.%s]\nclusters = %s\nstream.%s = %s\n"
            "create = never\n",
            f->handler->durable, f->handler->name, f->to->name, f->to->name, mirror);
    else
        printf("nothing is done: --apply makes the consumer %s on %s\n", f->handler->durable, mirror);
}

/* ---- doing it --------------------------------------------------------------------------------------- */

static char *create_body(const struct failover *f, json_t *plan)
{
    const struct config_handler *h = f->handler;
    json_t *filters = json_object_get(f->position, "filters");
    json_t *config =
        json_pack("{s:s, s:s, s:I, s:s, s:I, s:i, s:I, s:s}", "durable_name", h->durable, "deliver_policy",
                  "by_start_sequence", "opt_start_seq", (json_int_t)row_number(plan, "start"), "ack_policy",
                  h->ack == ACK_CUMULATIVE ? "all" : "explicit", "ack_wait", (json_int_t)h->ack_wait_ns, "max_deliver",
                  -1, "max_ack_pending", (json_int_t)h->max_ack_pending, "replay_policy", "instant");

    if (json_array_size(filters) == 1) /* servers before 2.10 know one only */
        json_object_set(config, "filter_subject", json_array_get(filters, 0));
    else if (json_array_size(filters))
        json_object_set(config, "filter_subjects", filters);
    json_t *body = json_pack("{s:s, s:o}", "stream_name", row_text(plan, "mirror"), "config", config);
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    return text;
}

static int create_consumer(const struct failover *f, json_t *plan)
{
    char subject[2 * STREAM_SIZE + 40];
    struct session *s = NULL;
    struct error err;
    char *body = create_body(f, plan);

    snprintf(subject, sizeof(subject), "CONSUMER.DURABLE.CREATE.%s.%s", row_text(plan, "mirror"), f->handler->durable);
    struct call call = {.subject = subject, .body = body};
    int rc = body ? session_open(&s, f->to, "seamq mesh failover", 0, &err) : error_set(&err, -1, "out of memory");
    if (rc == 0)
        rc = session_call(s, &call, TIMEOUT_NS, &err);
    call_finish(&call);
    session_close(s);
    free(body);
    return rc < 0 ? cli_failed("%s", err.text) : EXIT_DONE;
}

static int plan_and_do(const struct cli *cli, const struct failover *f)
{
    bool apply = cli_flag(cli, "--apply");
    json_t *plan = make_plan(f);
    int status = !plan ? cli_failed("out of memory") : apply ? create_consumer(f, plan) : EXIT_DONE;

    if (status == EXIT_DONE && cli->json) {
        json_object_set_new(plan, "applied", json_boolean(apply));
        status = cli_json(json_incref(plan));
    } else if (status == EXIT_DONE)
        print_plan(f, plan, apply);
    json_decref(plan);
    return status;
}

int mesh_failover(struct cli *cli)
{
    struct failover f = {0};
    int status = take_arguments(cli, &f);

    if (status == 0)
        status = read_status(&f);
    if (status == 0 && mesh_look(&f.now, cli->config, "seamq mesh failover", NODES) < 0)
        status = cli_failed("out of memory");
    if (status == 0)
        status = find_position(&f);
    if (status == 0)
        status = find_mirror(&f);
    if (status == 0)
        status = plan_and_do(cli, &f);
    mesh_finish(&f.now);
    json_decref(f.status);
    return status;
}
