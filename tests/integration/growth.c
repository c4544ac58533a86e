/* SPDX-License-Identifier: Apache-2.0
 * Memory does not grow while thirty million messages pass through seamqd.
 *
 * The server is the benchmark's stub, because a real one would need hours. RSS of the daemon and of its worker is
 * sampled all the time; the median of the first third is compared with that of the last third, because single samples
 * depend on the load of the machine. Twenty million messages lie between the medians, and the limit is half of the
 * target (1 MiB in ten million): a leak of one byte in ten messages would be twice the limit.
 *
 * IT_MESSAGES sets the number of messages (30 million). */
#include "process.h"

#include "http.h"
#include "procfs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROWTH_MAX_KIB 1024
#define DEADLINE_S 1500
#define LOOKS_MAX 100000 /* samples, one in 50 ms */

enum { DAEMON, WORKER, PROCESSES };

struct growth {
    int admin;
    struct process *stub;
    pid_t pids[PROCESSES]; /* 0: not sampled */
    int64_t rss[PROCESSES][LOOKS_MAX];
    size_t n;
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
    if (g->pids[WORKER] && g->n < LOOKS_MAX) {
        for (int i = 0; i < PROCESSES; i++)
            g->rss[i][g->n] = proc_memory(g->pids[i]).rss;
        g->n++;
    }
    return n >= g->wanted || process_wait(g->stub, 0);
}

static struct process *start(struct world *w, uint64_t count, int admin)
{
    const char *argv[] = {GROWTH_STUB,
                          "--count",
                          world_text(w, "%" PRIu64, count),
                          "--timeout",
                          world_text(w, "%d", DEADLINE_S),
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
    g->n = 0;
    g->wanted = n;
    if (!world_until(reached, g, DEADLINE_S) || !g->stub->running)
        fail_msg("seamqd did not come to %" PRIu64 " messages", n);
}

static int ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void take_medians(struct growth *g, int64_t ret[PROCESSES])
{
    assert_true(g->n > 0);
    for (int i = 0; i < PROCESSES; i++) {
        qsort(g->rss[i], g->n, sizeof(g->rss[i][0]), ascending);
        ret[i] = g->rss[i][g->n / 2];
    }
}

static void thirty_million_messages_leave_nothing_behind(struct world *w)
{
    static const char *const names[PROCESSES] = {"seamqd", "seamq-worker"};
    const char *messages = getenv("IT_MESSAGES");
    uint64_t third = (messages ? strtoull(messages, NULL, 10) : UINT64_C(30000000)) / 3, warm = third / 5;
    struct growth *g = calloc(1, sizeof(*g));
    int64_t medians[3][PROCESSES];
    pid_t pids[PROCESSES];

    assert_non_null(g);
    world_at_end(w, free, g);
    g->admin = world_port(w);
    /* More messages than are sampled, because the stub and seamqd end after the last one. */
    g->stub = start(w, warm + third * 3 + third / 5, g->admin);
    wait_for(g, warm); /* now every page of the rings was used, and buffers have their final size */
    assert_int_equal(process_children(g->stub->pid, &pids[DAEMON], 1), 1);
    assert_int_equal(process_children(pids[DAEMON], &pids[WORKER], 1), 1);
    memcpy(g->pids, pids, sizeof(pids));
    for (uint64_t i = 0; i < 3; i++) {
        wait_for(g, warm + third * (i + 1));
        take_medians(g, medians[i]);
    }
    for (int i = 0; i < PROCESSES; i++) {
        print_message("%s: RSS %" PRId64 ", %" PRId64 ", %" PRId64 " KiB (medians of three times %" PRIu64
                      " messages)\n",
                      names[i], medians[0][i], medians[1][i], medians[2][i], third);
        assert_true(medians[0][i] > 0 && medians[2][i] - medians[0][i] < GROWTH_MAX_KIB);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {IT(thirty_million_messages_leave_nothing_behind)};
    return it_main(tests, argc, argv);
}
