/* SPDX-License-Identifier: Apache-2.0
 * mesh/verb_failover - seamq mesh failover: creates a standby consumer on the mirror of a handler's stream, at the
 * position of its consumer at home.  A mirror keeps the sequences of its origin, so a position at home is valid in the
 * mirror.
 */
#include "cli/verbs.h"

#include "base/clock.h"
#include "jetstream/consumer_config.h"
#include "collect.h"
#include "rows.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_NS (10 * NS_PER_SEC)
#define STREAM_SIZE 256

const struct flag mesh_failover_flags[] = {
    {"--to", "CLUSTER", "the cluster that has the mirror"},
    {"--status", "FILE", "earlier output of `seamq mesh status --json`: the position if home is down"},
    {"--apply", NULL, "create the consumer; without it only print the plan"},
    {NULL, NULL, NULL},
};

struct failover {
    const struct config_handler *handler;
    const struct config_cluster *home;
    const struct config_cluster *to;
    char stream[STREAM_SIZE]; /* at home */
    const char *status_file;
    struct mesh now;
    struct mesh then;                     /* the snapshot of the file; empty without one */
    const struct mesh_consumer *position; /* the consumer at home, now or then */
    const struct mesh_stream *origin;     /* the stream at home, from the same snapshot; NULL: unknown */
    bool live;                            /* `position` is of now */
    const struct mesh_stream *mirror;
};

static const struct mesh_consumer *find_consumer(const struct mesh *m, const char *cluster, const char *stream,
                                                 const char *consumer)
{
    const struct mesh_consumer *c = m->consumers;
    while (c &&
           (strcmp(c->cluster, cluster) != 0 || strcmp(c->stream, stream) != 0 || strcmp(c->consumer, consumer) != 0))
        c = c->next;
    return c;
}

static const struct mesh_stream *find_stream(const struct mesh *m, const char *cluster, const char *stream)
{
    const struct mesh_stream *s = m->streams;
    while (s && (strcmp(s->cluster, cluster) != 0 || strcmp(s->stream, stream) != 0))
        s = s->next;
    return s;
}

/* ---- arguments -------------------------------------------------------------------------------- */

static int take_arguments(const struct cli *cli, struct failover *f)
{
    const char *to = cli_flag(cli, "--to");

    f->handler = cli_handler(cli, cli->args[0]);
    if (!f->handler)
        return cli_usage("unknown handler \"%s\": no [handler.%s] in the configuration", cli->args[0], cli->args[0]);
    if (!to)
        return cli_usage("give the cluster that has the mirror: --to CLUSTER");
    f->to = config_find_cluster(cli->config, to);
    if (!f->to)
        return cli_usage("--to: unknown cluster \"%s\" (no [cluster.%s] in the configuration)", to, to);
    f->home = config_find_cluster(cli->config, f->handler->clusters.items[0]);
    if (!f->home)
        return cli_usage("unknown cluster \"%s\", the home of handler %s (no such section in the configuration)",
                         f->handler->clusters.items[0], f->handler->name);
    if (f->home == f->to)
        return cli_usage("--to: %s is the home of handler %s", to, f->handler->name);
    config_stream_name(f->handler, f->home->name, f->stream, sizeof(f->stream));
    if (!*f->stream)
        return cli_usage("[handler.%s] has no stream: set `stream`, even if the plugin has a default",
                         f->handler->name);
    f->status_file = cli_flag(cli, "--status");
    return 0;
}

static int read_status_file(struct failover *f)
{
    json_error_t e;

    if (!f->status_file)
        return 0;
    json_t *doc = json_load_file(f->status_file, 0, &e);
    int rc = mesh_from_json(&f->then, doc);
    json_decref(doc);
    if (rc == -ENOMEM)
        return cli_failed("out of memory");
    if (rc < 0)
        return cli_usage("--status %s: %s", f->status_file,
                         doc ? "is not output of `seamq mesh status --json`" : e.text);
    return 0;
}

/* ---- position and mirror ---------------------------------------------------------------------- */

static bool use_position(struct failover *f, const struct mesh *m)
{
    f->position = find_consumer(m, f->home->name, f->stream, f->handler->durable);
    f->origin = find_stream(m, f->home->name, f->stream);
    return f->position && f->position->floor.known;
}

/* The position of now is preferred; the one of the file is valid as long as home is down. */
static int find_position(struct failover *f)
{
    const char *home = f->home->name;
    const char *durable = f->handler->durable;

    f->live = use_position(f, &f->now);
    if (f->live || use_position(f, &f->then))
        return 0;
    if (f->status_file)
        return cli_failed("%s has no consumer %s/%s on cluster %s", f->status_file, f->stream, durable, home);
    return cli_failed(
        "cannot read the position of consumer %s/%s on cluster %s: give --status FILE with earlier output "
        "of `seamq mesh status --json`",
        f->stream, durable, home);
}

static bool is_mirror_of(const struct mesh_stream *s, const char *origin)
{
    return s->from && s->from->mirror && strcmp(s->from->stream, origin) == 0;
}

static int find_mirror(struct failover *f)
{
    for (const struct mesh_stream *s = f->now.streams; s; s = s->next)
        if (strcmp(s->cluster, f->to->name) == 0 && is_mirror_of(s, f->stream))
            f->mirror = s;
    if (!f->mirror)
        return cli_failed("cluster %s has no mirror of stream %s, or cannot be reached (see `seamq mesh status`)",
                          f->to->name, f->stream);
    if (find_consumer(&f->now, f->to->name, f->mirror->stream, f->handler->durable))
        return cli_failed("consumer %s/%s already exists on cluster %s: use it, or delete it first", f->mirror->stream,
                          f->handler->durable, f->to->name);
    return 0;
}

/* ---- the plan --------------------------------------------------------------------------------- */

struct plan {
    int64_t start;      /* first sequence that the new consumer delivers */
    int64_t last;       /* of the mirror */
    int64_t to_handle;  /* messages of the mirror from `start` on */
    int64_t not_copied; /* messages at home that the mirror did not have at that time */
};

static struct plan make_plan(const struct failover *f)
{
    int64_t floor = f->position->floor.value;
    int64_t last = f->mirror->last.value;
    int64_t missing = (f->origin ? f->origin->last.value : 0) - last;

    return (struct plan){.start = floor + 1,
                         .last = last,
                         .to_handle = last > floor ? last - floor : 0,
                         .not_copied = missing > 0 ? missing : 0};
}

static json_t *plan_to_json(const struct failover *f, const struct plan *p, bool applied)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:b, s:b}", "handler", f->handler->name,
                     "home", f->home->name, "stream", f->stream, "consumer", f->handler->durable, "to", f->to->name,
                     "mirror", f->mirror->stream, "start", (json_int_t)p->start, "last", (json_int_t)p->last,
                     "to_handle", (json_int_t)p->to_handle, "not_copied", (json_int_t)p->not_copied, "live", f->live,
                     "applied", applied);
}

static void print_plan(const struct failover *f, const struct plan *p, bool applied)
{
    const char *mirror = f->mirror->stream;
    const char *to = f->to->name;

    printf("handler %s: stream %s on %s is settled up to sequence %lld (%s%s)\n", f->handler->name, f->stream,
           f->home->name, (long long)p->start - 1, f->live ? "read now" : "from ", f->live ? "" : f->status_file);
    printf("mirror %s on %s has messages up to sequence %lld: %lld to handle, from sequence %lld on\n", mirror, to,
           (long long)p->last, (long long)p->to_handle, (long long)p->start);
    if (p->not_copied)
        printf("not copied to the mirror at that time: %lld; they are not lost, and are handled when %s is back\n",
               (long long)p->not_copied, f->home->name);
    printf("messages that %s settled after that sequence are handled again\n", f->home->name);
    if (applied)
        printf("consumer %s/%s created on cluster %s; configure seamqd and start it:\n\n[handler.%s]\nclusters = "
               "%s\nstream.%s = %s\ncreate = never\n",
               mirror, f->handler->durable, to, f->handler->name, to, to, mirror);
    else
        printf("nothing was changed; --apply creates the consumer %s/%s on cluster %s\n", mirror, f->handler->durable,
               to);
}

/* ---- the consumer ----------------------------------------------------------------------------- */

/* Body of the request that creates the consumer on the mirror; NULL: out of memory. */
static char *create_body(const struct failover *f, int64_t start)
{
    const struct config_handler *h = f->handler;
    struct strv filters = {0};
    char policy[64];
    char *body = NULL;

    for (const struct text_list *one = f->position->filters; one; one = one->next)
        filters.n++;
    filters.items = calloc(filters.n + 1, sizeof(*filters.items));
    if (!filters.items)
        return NULL;
    size_t i = 0;
    for (const struct text_list *one = f->position->filters; one; one = one->next)
        filters.items[i++] = (char *)one->text;
    snprintf(policy, sizeof(policy), "by_start_sequence=%" PRId64, start);
    json_t *document = consumer_config_write(&(struct consumer_config){.name = h->durable,
                                                                       .filter_subjects = filters,
                                                                       .deliver_policy = policy,
                                                                       .ack = h->ack,
                                                                       .ack_wait_ns = h->ack_wait_ns,
                                                                       .max_ack_pending = h->max_ack_pending});
    if (document)
        body = consumer_config_request(f->mirror->stream, document, NULL);
    json_decref(document);
    free(filters.items);
    return body;
}

static int create_consumer(const struct failover *f, int64_t start)
{
    struct session *s = NULL;
    struct error err;
    char *body = create_body(f, start);

    struct call call = {
        .path = {API_CONSUMER_CREATE_DURABLE, .stream = f->mirror->stream, .consumer = f->handler->durable},
        .body = body};
    int rc = body ? session_open(&s, f->to, "seamq mesh failover", 0, &err) : error_set(&err, -1, "out of memory");
    if (rc == 0)
        rc = session_call(s, &call, TIMEOUT_NS, &err);
    call_finish(&call);
    session_close(s);
    free(body);
    return rc < 0 ? cli_failed("%s", err.text) : EXIT_DONE;
}

static int plan_and_apply(const struct cli *cli, const struct failover *f)
{
    bool apply = cli_flag(cli, "--apply");
    struct plan plan = make_plan(f);
    int status = apply ? create_consumer(f, plan.start) : EXIT_DONE;

    if (status != EXIT_DONE)
        return status;
    if (cli->json)
        return cli_json(plan_to_json(f, &plan, apply));
    print_plan(f, &plan, apply);
    return EXIT_DONE;
}

int mesh_failover(struct cli *cli)
{
    struct failover f = {0};
    int status = take_arguments(cli, &f);

    if (status == 0)
        status = read_status_file(&f);
    if (status == 0 && mesh_collect(&f.now, cli->config, "seamq mesh failover", MESH_NODES_DEFAULT) < 0)
        status = cli_failed("out of memory");
    if (status == 0)
        status = find_position(&f);
    if (status == 0)
        status = find_mirror(&f);
    if (status == 0)
        status = plan_and_apply(cli, &f);
    mesh_finish(&f.now);
    mesh_finish(&f.then);
    return status;
}
