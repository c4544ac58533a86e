/* SPDX-License-Identifier: Apache-2.0
 * Ten million messages through seamqd, and ten million more: what is still growing then is a leak.
 *
 * The server is the benchmark's stub, because a real one would need an hour for it.  Peaks are compared, of the daemon
 * and of its worker: how much is in use at one moment goes up and down with what other programs leave of the
 * processors, and malloc keeps what it once had.  A leak of one byte a message moves the peak by 10 MiB.
 * IT_MESSAGES: how many (10 million). */
#include "process.h"

#include "http.h"
#include "procfs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The target is 1 MiB, on a machine that does nothing else; peaks differ by more where the processors are fought for.
 * The smallest leak, 16 bytes for one message in ten, is four times this. */
#define GROWTH_MAX_KIB 4096
#define PATIENCE_S 1500

struct growth {
    int admin;
    struct process *stub;
    uint64_t wanted;
};

static bool reached(void *data)
{
    struct growth *g = data;
    char *body = NULL;
    uint64_t n = 0;

    if (http_get(g->admin, "/metrics", 5, &body) == 200) {
        const char *line = strstr(body, "\nseamq_messages_processed_total{");
        const char *value = line ? strstr(line, "} ") : NULL;
        n = value ? strtoull(value + 2, NULL, 10) : 0;
    }
    free(body);
    return n >= g->wanted || process_wait(g->stub, 0);
}

static struct process *start(struct world *w, uint64_t count, int admin)
{
    const char *argv[] = {GROWTH_STUB,
                          "--count",
                          world_text(w, "%" PRIu64, count),
                          "--timeout",
                          world_text(w, "%d", PATIENCE_S),
                          "--log",
                          world_path(w, "seamqd.log"),
                          "--",
                          IT_SEAMQD,
                          "--plugin-dir",
                          GROWTH_PLUGINS,
                          world_text(w, "seamqd.admin=127.0.0.1:%d", admin),
                          "cluster.default.urls=%URL%",
                          "handler.noop.stream=STUB",
                          "handler.noop.durable=drain",
                          "handler.noop.create=never",
                          "handler.noop.dead_letter=off",
                          NULL};
    struct process_spec spec = {.name = "stub", .argv = argv, .log = world_path(w, "stub.log")};
    return process_spawn(w, &spec);
}

static void wait_for(struct growth *g, uint64_t n)
{
    g->wanted = n;
    if (!world_until(reached, g, PATIENCE_S) || !g->stub->running)
        fail_msg("seamqd did not come to %" PRIu64 " messages", n);
}

static void ten_million_messages_leave_nothing_behind(struct world *w)
{
    const char *messages = getenv("IT_MESSAGES");
    uint64_t count = messages ? strtoull(messages, NULL, 10) : UINT64_C(10000000);
    struct growth g = {.admin = world_port(w)};
    int64_t before[2], after[2];
    pid_t pids[2];

    /* Some more than measured: the stub ends with the last one, and seamqd with it. */
    g.stub = start(w, count * 2 + count / 5, g.admin);
    wait_for(&g, count);
    assert_int_equal(process_children(g.stub->pid, &pids[0], 1), 1);
    assert_int_equal(process_children(pids[0], &pids[1], 1), 1);
    for (int i = 0; i < 2; i++)
        before[i] = proc_memory(pids[i]).peak;
    wait_for(&g, count * 2);
    for (int i = 0; i < 2; i++)
        after[i] = proc_memory(pids[i]).peak;
    for (int i = 0; i < 2; i++) {
        print_message("%s: at most %" PRId64 " KiB in %" PRIu64 " messages, %" PRId64 " KiB in as many more: %+" PRId64
                      " KiB\n",
                      i ? "seamq-worker" : "seamqd", before[i], count, after[i], after[i] - before[i]);
        assert_true(before[i] > 0 && after[i] - before[i] < GROWTH_MAX_KIB);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {IT(ten_million_messages_leave_nothing_behind)};
    return it_main(tests, argc, argv);
}
