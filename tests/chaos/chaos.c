/* SPDX-License-Identifier: Apache-2.0
 * chaos - one run under random faults, and the proof that no message is lost or stuck; chaos.h lists the parts.
 *
 * CHAOS_SECONDS  how long faults are injected (900)
 * CHAOS_SEED     decides the schedule of the faults and the messages' verbs; random by default, and printed
 * CHAOS_FAULTS   comma-separated; only fault kinds whose names contain one of these
 * CHAOS_MODE     how the handler is configured (modes.c); by default the seed decides
 */
#include "chaos.h"

#include "cluster.h"
#include "disk.h"
#include "faults.h"
#include "isolate.h"
#include "modes.h"
#include "oracle.h"
#include "report.h"
#include "verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define RATE 300 /* messages a second: two busy cores with a cluster, a daemon and three workers */
#ifdef CHAOS_SANITIZED
#define CHAOS_MAX_MEMORY "MAX_MEMORY=1G" /* a sanitizer alone needs more than 64 MiB */
#else
#define CHAOS_MAX_MEMORY "MAX_MEMORY=64M"
#endif
#define DEADLINE_S 120
#define WHOLE_S 60        /* a run of at least this length continues until each kind of fault has been injected */
#define API_DEADLINE_S 60 /* JetStream may have no leader for a while */

static struct chaos run;

/* ---- set-up -------------------------------------------------------------------------------- */

static void start_network(struct chaos *c)
{
    const char *why = NULL;
    if (!c->isolated_why_not && !(c->network = network_create(c->w, HOSTS, &why)))
        c->isolated_why_not = why;
}

static void start_cluster(struct chaos *c)
{
    struct server_options nodes[CLUSTER_NODES] = {{0}};

    c->small_disks = !c->isolated_why_not;
    for (int i = 0; i < CLUSTER_NODES; i++) {
        nodes[i].name = world_text(c->w, "n%d", i + 1);
        if (c->network)
            nodes[i].host = network_host(c->network, (size_t)(HOST_NODES + i));
        nodes[i].store = world_path(c->w, "n%d.disk", i + 1);
        c->small_disks = c->small_disks && disk_mount(c->w, nodes[i].store) == 0;
    }
    c->cluster = cluster_start_on(c->w, nodes);
    c->client = client_connect(c->w, c->cluster->urls);
    c->client->timeout_s = API_DEADLINE_S;
    client_add_stream(c->client, CHAOS_STREAM, "chaos.>", ",\"num_replicas\":3");
    client_add_stream(c->client, "DLQ", "dlq." CHAOS_STREAM ".>", ",\"num_replicas\":3");
    /* Outputs may be published again after the longest fault, so the duplicate window must be longer. */
    client_add_stream(c->client, "OUT", "out.>", ",\"num_replicas\":3,\"duplicate_window\":3600000000000");
}

/* The number of nanoseconds that the daemon's preloaded library adds to the date. */
static void prepare_clock(struct chaos *c)
{
#ifndef CHAOS_SANITIZED
    const char *path = world_path(c->w, "clock");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0 || ftruncate(fd, sizeof(int64_t)) != 0)
        fail_msg("%s: %s", path, strerror(errno));
    void *map = mmap(NULL, sizeof(int64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    assert_true(map != MAP_FAILED);
    c->clock_offset_ns = map;
    daemon_env(c->daemon, "CHAOS_CLOCK=%s", path);
    daemon_env(c->daemon, "LD_PRELOAD=%s", CHAOS_CLOCK_SHIM);
#else
    (void)c;
#endif
}

static void set(struct daemon *d, const char *setting)
{
    daemon_env(d, "SEAMQ_HANDLER_CHAOS_%s", setting);
}

static const char *config_path(struct chaos *c)
{
    return world_path(c->w, "chaos.ini");
}

void chaos_configure(struct chaos *c, unsigned max_ack_pending)
{
    world_write(config_path(c),
                world_text(c->w, "[handler." CHAOS_HANDLER "]\nmax_ack_pending = %u\n", max_ack_pending));
}

/* Settings that both daemons share. */
static struct daemon *prepare_seamqd(struct chaos *c)
{
    struct daemon *d = daemon_new(c->w, c->cluster->urls);

    daemon_env(d, "SEAMQ_DRAIN_TIMEOUT=5s");
    daemon_env(d, "SEAMQ_CLUSTER_DEFAULT_PING_INTERVAL=500ms");
    set(d, world_text(c->w, "OPTION_EFFECTS=%s", c->effects));
    set(d, world_text(c->w, "WORKERS=%d", CHAOS_WORKERS));
    set(d, world_text(c->w, "TIMEOUT=%ds", CHAOS_TIMEOUT_S));
    set(d, world_text(c->w, "ACK_WAIT=%ds", CHAOS_ACK_WAIT_S));
    set(d, world_text(c->w, "CRASH_LIMIT=%d", CHAOS_CRASH_LIMIT));
    set(d, world_text(c->w, "MAX_ATTEMPTS=%d", CHAOS_MAX_ATTEMPTS));
    set(d, "BACKOFF=50ms 200ms 500ms");
    set(d, CHAOS_MAX_MEMORY);
    for (const char *const *s = c->mode->settings; *s; s++)
        set(d, *s);
    return d;
}

static void start_seamqd(struct chaos *c)
{
    c->effects = world_path(c->w, "effects");
    if (mkdir(c->effects, 0700) != 0)
        fail_msg("mkdir %s: %s", c->effects, strerror(errno));
    c->daemon = prepare_seamqd(c);
    c->daemon->pipe_size = 4096; /* small, so that it fills soon */
    if (c->network)
        daemon_place(c->daemon, network_host(c->network, HOST_DAEMON));
    c->plugin = daemon_handler(c->daemon, CHAOS_PLUGIN_1, CHAOS_HANDLER);
    prepare_clock(c);
    daemon_env(c->daemon, "SEAMQ_NAME=" CHAOS_INSTANCE);
    chaos_configure(c, CHAOS_MAX_ACK_PENDING);
    daemon_arg(c->daemon, "--config");
    daemon_arg(c->daemon, "%s", config_path(c));
    daemon_start(c->daemon);
    daemon_wait_ready(c->daemon, 30);
    set(c->daemon, "CREATE=never"); /* from the next start on, as production configures it */
}

/* The second daemon meets no faults; it gets the messages of the first one while that is frozen or stopped. */
static void start_peer(struct chaos *c)
{
    if (!c->mode->shared)
        return;
    c->peer = prepare_seamqd(c);
    daemon_handler(c->peer, CHAOS_PLUGIN_1, CHAOS_HANDLER);
    daemon_env(c->peer, "SEAMQ_NAME=chaos-peer");
    set(c->peer, "CREATE=never");
    set(c->peer, world_text(c->w, "OPTION_FIRST=%d", CHAOS_PEER_WORKERS));
    daemon_start(c->peer);
    daemon_wait_ready(c->peer, 30);
}

static void start_ledger(struct chaos *c)
{
    struct ledger_options o = {.urls = c->cluster->urls,
                               .subject = "chaos.test",
                               .count = (uint32_t)((c->seconds + 300) * RATE),
                               .in_flight = 512,
                               .verb = verb_draw,
                               .keys = CHAOS_KEYS,
                               .rate = RATE};
    c->ledger = ledger_start(c->w, &o);
}

/* ---- the run ---------------------------------------------------------------------------------- */

static void look_at(struct chaos *c, struct daemon *d)
{
    if (d && !c->death && process_wait(d->proc, 0))
        c->death = world_text(c->w, "%s ended with exit code %d", d->name, process_exit_code(d->proc));
}

static bool died(struct chaos *c)
{
    look_at(c, c->daemon_down ? NULL : c->daemon);
    look_at(c, c->peer);
    return c->death != NULL;
}

static bool step(struct chaos *c)
{
    faults_step(c->faults);
    return died(c);
}

static bool over(void *data)
{
    struct chaos *c = data;
    return step(c) || deadline_in(0) >= c->end_ns;
}

static bool each_came(void *data)
{
    return step(data) || !faults_yet_to_come(((struct chaos *)data)->faults);
}

static bool whole(void *data)
{
    return cluster_is_whole(data);
}

/* Undoes all faults and waits until everything is handled: messages that remain are stuck. */
static int64_t settle(struct chaos *c)
{
    faults_end(c->faults);
    if (!world_until(whole, c, DEADLINE_S))
        fail_msg("the cluster does not become whole within %d s", DEADLINE_S);
    /* A frozen leader may carry out an earlier pause request only now. */
    if (!world_until(consumer_resumed, c, DEADLINE_S))
        fail_msg("the consumer cannot be resumed within %d s", DEADLINE_S);
    ledger_stop(c->ledger);
    ledger_finish(c->ledger, DEADLINE_S);
    if (died(c))
        return 0;
    if (client_wait_settled(c->client, CHAOS_STREAM, CHAOS_HANDLER, DEADLINE_S)) {
        daemon_wait_ready(c->daemon, 30);
        if (c->peer)
            daemon_wait_ready(c->peer, 30);
        return 0;
    }
    json_t *info = client_consumer(c->client, CHAOS_STREAM, CHAOS_HANDLER);
    return info ? json_at(info, "num_pending") + json_at(info, "num_ack_pending") : 1;
}

static void stop_seamqd(struct chaos *c, struct daemon *d)
{
    if (!d || process_wait(d->proc, 0))
        return;
    int code = daemon_stop(d, 30);
    if (code != 0 && !c->death)
        c->death = world_text(c->w, "%s ended with exit code %d on SIGTERM", d->name, code);
}

static void repeat_with(const struct chaos *c)
{
    const char *faults = getenv("CHAOS_FAULTS");
    printf("CHAOS_SEED=%" PRIu64 " CHAOS_SECONDS=%g CHAOS_MODE=%s", c->seed, c->seconds, c->mode->name);
    printf(faults && *faults ? " CHAOS_FAULTS='%s' make chaos\n" : " make chaos\n", faults);
}

static void nothing_is_lost(struct world *w)
{
    struct chaos *c = &run;

    c->w = w;
    start_network(c);
    start_cluster(c);
    start_seamqd(c);
    start_peer(c);
    c->faults = faults_create(c);
    start_ledger(c);
    /* Not scaled on slow builds, unlike deadlines: the ledger has messages for this long. */
    c->end_ns = deadline_in(0) + (int64_t)(c->seconds * 1e9);
    world_until(over, c, c->seconds);
    if (c->seconds >= WHOLE_S)
        world_until(each_came, c, DEADLINE_S);
    const char *absent = c->seconds >= WHOLE_S ? faults_yet_to_come(c->faults) : NULL;
    int64_t stuck = settle(c);
    stop_seamqd(c, c->daemon);
    stop_seamqd(c, c->peer);
    struct findings f = oracle_judge(c);
    f.stuck = stuck;
    report_print(c, &f);
    printf("\n");
    repeat_with(c);
    if (c->death)
        fail_msg("seamqd died, and not by us: %s", c->death);
    if (absent)
        fail_msg("not every kind of fault came: \"%s\" did not in %g s, and not in %d more", absent, c->seconds,
                 DEADLINE_S);
    if (f.violations || f.stuck)
        fail_msg("%u violations, %" PRId64 " messages stuck", f.violations, f.stuck);
    unsetenv("IT_KEEP");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {IT(nothing_is_lost)};
    const char *seed = getenv("CHAOS_SEED"), *seconds = getenv("CHAOS_SECONDS");
    struct timespec now;
    char text[32];

    clock_gettime(CLOCK_REALTIME, &now);
    run.seed = seed && *seed ? strtoull(seed, NULL, 0) : (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    run.seconds = seconds && *seconds ? strtod(seconds, NULL) : 900;
    run.mode = mode_choose(getenv("CHAOS_MODE"), run.seed);
    if (!run.mode || run.seconds <= 0)
        return 2;
    int rc = isolate_enter();
    if (rc)
        run.isolated_why_not = strerror(-rc);
    snprintf(text, sizeof(text), "%" PRIu64, run.seed);
    setenv("IT_SEED", text, 1);
    setenv("IT_KEEP", "1", 0); /* until the run has passed */
    printf("chaos: mode %s (%s), to be repeated with\n", run.mode->name, run.mode->about);
    repeat_with(&run);
    return it_main(tests, argc, argv);
}
