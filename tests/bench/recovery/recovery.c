/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_recovery - the time until messages are handled again after one fault in a healthy system: three nats-servers
 * with an R3 stream, seamqd, and a publisher that never stops.
 *
 *     recovery.c  injects the faults one after the other, and prints a line of figures for each
 *     traffic.c   the publisher, and the availability of the servers for a plain client
 *     nodes.c     which node leads what, and waiting for a healthy cluster
 *     mark.c      the handler, which writes to the board (board.h)
 *
 * Standard output has a line of KEY=VALUE for each fault; cmocka's output goes to standard error. */
#include "board.h"
#include "nodes.h"
#include "traffic.h"

#include "util.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define DEADLINE_NS (60 * NS_PER_S)
#define LOOK_NS NS_PER_MS
#define BEFORE 1000 /* messages: more than are ever in flight when a worker dies */

static const char *only = "";
static int64_t rounds = 20, rate = 200, seed;

static const struct bench_option options[] = {
    {"only", BENCH_STRING, &only, "LIST   some of the faults, with commas between them (all)"},
    {"rounds", BENCH_INT, &rounds, "N      of each fault (20)"},
    {"rate", BENCH_INT, &rate, "N      messages a second (200)"},
    {"seed", BENCH_INT, &seed, "N      which node, and how long after the last fault (random, and said)"},
    {NULL, BENCH_FLAG, NULL, NULL},
};

struct bench {
    struct world *w;
    struct nodes nodes;
    struct traffic *traffic;
    struct board *board;
    uint64_t random;
};

struct reading { /* ns from the injection; -1: does not apply */
    int64_t published;
    int64_t answered;
    int64_t handled;
    int64_t silence; /* the longest time without a handled message until the system is healthy again */
    const char *victim;
    unsigned roles;
    int64_t at_ns;
};

struct fault {
    const char *name;
    struct reading (*measure)(struct bench *b, const struct fault *f);
    unsigned roles; /* roles of the victim; the node has no others */
    int signal;
};

static FILE *results; /* standard output, which cmocka must not write to */

/* ---- waiting --------------------------------------------------------------------------------- */

/* When the first message was handled after `since_ns` by another process than `dead`. Considers the messages sent since
 * the mark, and `before` messages sent earlier. */
static int64_t wait_handled(struct bench *b, uint32_t before, int64_t since_ns, pid_t dead)
{
    int64_t deadline = bench_now_ns() + DEADLINE_NS;
    int64_t first = 0;

    while (!first) {
        struct traffic_mark mark = traffic_look(b->traffic);
        for (uint32_t id = mark.from > before ? mark.from - before : 0; id < mark.next; id++) {
            const struct board_row *row = &b->board->rows[id];
            int64_t at = atomic_load(&row->handled_ns);
            if (at >= since_ns && atomic_load(&row->by) != dead && (!first || at < first))
                first = at;
        }
        if (bench_now_ns() > deadline)
            fail_msg("nothing was handled within %d s of the fault", (int)(DEADLINE_NS / NS_PER_S));
        bench_sleep_ns(LOOK_NS);
    }
    return first;
}

static struct traffic_mark wait_servers(struct bench *b)
{
    int64_t deadline = bench_now_ns() + DEADLINE_NS;
    struct traffic_mark mark;

    while (mark = traffic_look(b->traffic), !mark.published_ns || !mark.answered_ns) {
        if (bench_now_ns() > deadline)
            fail_msg("the servers have not recovered within %d s", (int)(DEADLINE_NS / NS_PER_S));
        bench_sleep_ns(LOOK_NS);
    }
    return mark;
}

/* The handler may stop again after its first message. */
static int64_t longest_silence(struct bench *b, int64_t since_ns)
{
    struct traffic_mark mark = traffic_look(b->traffic);
    uint32_t from = mark.from > BEFORE ? mark.from - BEFORE : 0;
    int64_t *times = calloc(mark.next - from + 1, sizeof(*times)), longest = 0;
    size_t n = 0;

    assert_non_null(times);
    times[n++] = since_ns;
    for (uint32_t id = from; id < mark.next; id++) {
        int64_t at = atomic_load(&b->board->rows[id].handled_ns);
        if (at > since_ns)
            times[n++] = at;
    }
    qsort(times, n, sizeof(*times), bench_compare_int64);
    for (size_t i = 1; i < n; i++)
        if (times[i] - times[i - 1] > longest)
            longest = times[i] - times[i - 1];
    free(times);
    return longest;
}

/* Waits until all messages that were sent until now are handled. */
static bool caught_up(void *data)
{
    struct bench *b = data;
    uint32_t next = traffic_look(b->traffic).next;

    for (uint32_t id = next > BEFORE ? next - BEFORE : 0; id < next; id++)
        if (!atomic_load(&b->board->rows[id].handled_ns) && id + 5 < next)
            return false;
    return true;
}

static void heal(struct bench *b)
{
    nodes_heal(&b->nodes);
    if (!world_until(caught_up, b, 60))
        fail_msg("a backlog that does not shrink");
}

/* A random pause, so that faults meet every phase of heartbeats, pings and timers. */
static void rest(struct bench *b)
{
    bench_sleep_ns(NS_PER_S / 2 + (int64_t)(world_random_from(&b->random) % (2 * NS_PER_S)));
}

/* ---- the faults -------------------------------------------------------------------------------- */

static struct reading kill_worker(struct bench *b, const struct fault *f)
{
    pid_t pid;

    rest(b);
    if (daemon_workers(b->nodes.daemon, &pid, 1) != 1)
        fail_msg("there is not one worker");
    int64_t at = bench_now_ns();
    kill(pid, f->signal);
    traffic_mark(b->traffic);
    return (struct reading){.published = -1,
                            .answered = -1,
                            .handled = wait_handled(b, BEFORE, at, pid) - at,
                            .victim = "worker",
                            .at_ns = at};
}

static struct reading crash_handler(struct bench *b, const struct fault *f)
{
    (void)f;
    rest(b);
    atomic_store(&b->board->crashed_ns, 0);
    client_publish(b->nodes.clients[0], "recovery.crash", "crash");
    traffic_mark(b->traffic);
    int64_t deadline = bench_now_ns() + DEADLINE_NS, at;
    while (!(at = atomic_load(&b->board->crashed_ns))) {
        if (bench_now_ns() > deadline)
            fail_msg("the handler has not crashed");
        bench_sleep_ns(LOOK_NS);
    }
    pid_t pid = atomic_load(&b->board->crashed);
    return (struct reading){.published = -1,
                            .answered = -1,
                            .handled = wait_handled(b, BEFORE, at, pid) - at,
                            .victim = "worker",
                            .at_ns = at};
}

static void undo(struct server *s, int signal)
{
    if (signal == SIGSTOP) {
        server_thaw(s);
    } else {
        process_wait(s->proc, 10);
        server_restart(s);
    }
}

/* Leaders may also move without a fault. */
static size_t choose_victim(struct bench *b, const struct fault *f, unsigned *ret_roles)
{
    for (int tries = 0; tries < 5; tries++) {
        size_t node = nodes_place(&b->nodes, f->roles, world_random_from(&b->random));
        traffic_use(b->traffic, (node + 1) % CLUSTER_NODES);
        heal(b);
        rest(b);
        *ret_roles = nodes_roles(&b->nodes, node);
        if ((*ret_roles & ROLES_PLACED) == f->roles)
            return node;
    }
    fail_msg("no node keeps the roles for %s", f->name);
    return 0;
}

static struct reading strike_server(struct bench *b, const struct fault *f)
{
    unsigned roles = 0;
    struct server *s = b->nodes.cluster->nodes[choose_victim(b, f, &roles)];
    int64_t at = bench_now_ns();
    process_signal(s->proc, f->signal);
    traffic_mark(b->traffic);
    struct traffic_mark mark = wait_servers(b);
    int64_t handled = wait_handled(b, 0, at, 0);
    undo(s, f->signal);
    return (struct reading){.published = mark.published_ns - at,
                            .answered = mark.answered_ns - at,
                            .handled = handled - at,
                            .victim = s->name,
                            .roles = roles,
                            .at_ns = at};
}

static const struct fault faults[] = {
    {"worker-kill", kill_worker, 0, SIGKILL},
    {"handler-crash", crash_handler, 0, SIGSEGV},
    {"stream-leader-kill", strike_server, ROLE_STREAM, SIGKILL},
    {"consumer-leader-kill", strike_server, ROLE_CONSUMER, SIGKILL},
    {"connected-kill", strike_server, ROLE_CONNECTED, SIGKILL},
    {"connected-freeze", strike_server, ROLE_CONNECTED, SIGSTOP},
    {"connected-leader-freeze", strike_server, ROLES_PLACED, SIGSTOP},
    {NULL, NULL, 0, 0},
};

/* ---- the run ----------------------------------------------------------------------------------- */

static struct board *make_board(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0 || ftruncate(fd, sizeof(struct board)) != 0)
        fail_msg("%s cannot be made", path);
    void *map = mmap(NULL, sizeof(struct board), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    assert_true(map != MAP_FAILED);
    return map;
}

static void set_up(struct bench *b)
{
    struct cluster *cluster = cluster_start(b->w, false);
    const char *path = world_path(b->w, "board");

    b->random = (uint64_t)seed;
    b->board = make_board(path);
    nodes_connect(&b->nodes, b->w, cluster);
    client_add_stream(b->nodes.clients[0], RECOVERY_STREAM, "recovery.>", ",\"num_replicas\":3");
    client_add_stream(b->nodes.clients[0], "DLQ", "dlq." RECOVERY_STREAM ".>", ",\"num_replicas\":3");
    b->nodes.daemon = daemon_new(b->w, cluster->urls);
    daemon_handler(b->nodes.daemon, RECOVERY_PLUGIN, "mark");
    daemon_env(b->nodes.daemon, "SEAMQ_NAME=" RECOVERY_INSTANCE);
    daemon_env(b->nodes.daemon, "SEAMQ_HANDLER_MARK_OPTION_FILE=%s", path);
    daemon_env(
        b->nodes.daemon,
        "SEAMQ_HANDLER_MARK_ACK_WAIT=5s"); /* messages that only a dead leader knew as acknowledged come again soon */
    daemon_start(b->nodes.daemon);
    daemon_wait_ready(b->nodes.daemon, 30);
    b->traffic = traffic_start(b->w, &(struct traffic_options){.cluster = cluster,
                                                               .subject = "recovery.tick",
                                                               .stream = RECOVERY_STREAM,
                                                               .durable = RECOVERY_DURABLE,
                                                               .rate = rate});
}

/* Prints milliseconds with three decimals, or nothing for a negative value. */
static void put(FILE *out, const char *key, int64_t ns)
{
    if (ns >= 0)
        fprintf(out, " %s_ms=%.3f", key, (double)ns / NS_PER_MS);
}

static void report(const struct fault *f, int64_t round, const struct reading *r)
{
    static const char *const names[] = {"stream", "consumer", "connected", "letters", "meta"};
    FILE *both[] = {results, stderr};

    fprintf(stderr, "recovery: %" PRId64 "/%" PRId64 ": ", round, rounds);
    for (size_t i = 0; i < 2; i++) {
        fprintf(both[i], "fault=%s victim=%s roles=", f->name, r->victim);
        for (size_t k = 0, n = 0; k < sizeof(names) / sizeof(names[0]); k++)
            if (r->roles & (1u << k))
                fprintf(both[i], "%s%s", n++ ? "," : "", names[k]);
        put(both[i], "published", r->published);
        put(both[i], "answered", r->answered);
        put(both[i], "handled", r->handled);
        put(both[i], "silence", r->silence);
        fprintf(both[i], "\n");
        fflush(both[i]);
    }
}

/* True if the list names the fault. */
static bool wanted(const struct fault *f)
{
    size_t len = strlen(f->name);
    for (const char *at = only; *only && (at = strstr(at, f->name)); at += len)
        if ((at == only || at[-1] == ',') && (at[len] == ',' || !at[len]))
            return true;
    return !*only;
}

static void recovery(struct world *w)
{
    struct bench b = {.w = w};

    set_up(&b);
    heal(&b);
    for (const struct fault *f = faults; f->name; f++) {
        if (!wanted(f))
            continue;
        for (int64_t i = 1; i <= rounds; i++) {
            struct reading r = f->measure(&b, f);
            heal(&b);
            r.silence = longest_silence(&b, r.at_ns);
            report(f, i, &r);
        }
    }
    if (daemon_stop(b.nodes.daemon, 30) != 0)
        fail_msg("seamqd ended with exit code %d", process_exit_code(b.nodes.daemon->proc));
    munmap(b.board, sizeof(*b.board));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {IT(recovery)};
    struct timespec now;
    char text[32];

    if (bench_parse(argc, argv, "[options]", options) != argc)
        return 2;
    size_t n = 0;
    for (const struct fault *f = faults; f->name; f++)
        n += wanted(f);
    if (n == 0 || rate <= 0) {
        fprintf(stderr, "--only takes some of:");
        for (const struct fault *f = faults; f->name; f++)
            fprintf(stderr, " %s", f->name);
        fprintf(stderr, "; --rate is above 0\n");
        return 2;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    if (!seed)
        seed = now.tv_sec;
    snprintf(text, sizeof(text), "%" PRId64, seed);
    setenv("IT_SEED", text, 1);
    results = fdopen(dup(STDOUT_FILENO), "w");
    dup2(STDERR_FILENO, STDOUT_FILENO);
    fprintf(stderr, "recovery: --seed %" PRId64 " repeats it\n", seed);
    return it_main(tests, 1, argv);
}
