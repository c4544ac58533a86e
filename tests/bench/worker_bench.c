/* SPDX-License-Identifier: Apache-2.0
 *
 * worker_bench - the cost of the ring and of a worker process, without NATS.
 *
 *     worker_bench SEAMQ_WORKER HANDLER.so [MESSAGES [BYTES]]
 *
 * Prints messages/s pipelined (a window of 4096), the round trip one at a time, spawn to ready,
 * and crash to ready again (SIGKILL from outside).
 */
#include "base/clock.h"
#include "base/loop.h"
#include "worker/worker.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW 4096u

struct bench {
    struct loop *loop;
    struct worker *worker;
    struct worker_message message;
    uint64_t sent, done, limit;
    unsigned window;
    bool ready, failed;
    bool exited;
};

static void push_some(struct bench *b)
{
    while (b->sent < b->limit && b->sent - b->done < b->window) {
        b->message.id = b->sent + 1;
        b->message.stream_seq = b->sent + 1;
        int rc = worker_push(b->worker, &b->message);
        if (rc == -EAGAIN)
            break;
        if (rc) {
            b->failed = true;
            return;
        }
        b->sent++;
    }
    worker_submit(b->worker);
}

static void on_ready(void *data, struct worker *w)
{
    (void)w;
    ((struct bench *)data)->ready = true;
}

static void on_outcome(void *data, struct worker *w, const struct worker_outcome *o)
{
    (void)w;
    (void)o;
    ((struct bench *)data)->done++;
}

static void on_exit_(void *data, struct worker *w, const struct worker_exit *e)
{
    struct bench *b = data;
    (void)w;
    b->exited = true;
    if (e->signal != SIGKILL) {
        fprintf(stderr, "worker: %s\n", e->text);
        b->failed = true;
    }
}

static int64_t run(struct bench *b, uint64_t n, unsigned window)
{
    b->sent = b->done = 0;
    b->limit = n;
    b->window = window;
    int64_t start = clock_now_ns();
    while (b->done < n && !b->failed) {
        push_some(b);
        loop_once(b->loop, NS_PER_SEC);
    }
    return clock_now_ns() - start;
}

static int64_t until_ready(struct bench *b)
{
    int64_t start = clock_now_ns();
    b->ready = false;
    while (!b->ready && !b->failed)
        loop_once(b->loop, NS_PER_SEC);
    return clock_now_ns() - start;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: worker_bench SEAMQ_WORKER HANDLER.so [MESSAGES [BYTES]]\n");
        return 2;
    }
    uint64_t n = argc > 3 ? strtoull(argv[3], NULL, 10) : 2000000;
    size_t size = argc > 4 ? strtoul(argv[4], NULL, 10) : 128;
    static const struct worker_binding binding = {"STREAM", "consumer", "default"};
    static const struct worker_callbacks callbacks = {
        .on_ready = on_ready, .on_outcome = on_outcome, .on_exit = on_exit_};
    struct worker_config config = {
        .program = argv[1],
        .plugin = argv[2],
        .handler = "bench",
        .bindings = &binding,
        .n_bindings = 1,
        .timeout_ns = 30 * NS_PER_SEC,
    };
    struct error err = {0};
    char *data = calloc(1, size + 1);
    struct bench b = {.message = {.subject = "bench.subject", .data = data, .size = size, .delivered = 1}};
    if (!data || loop_create(&b.loop) || worker_create(&b.worker, b.loop, &config, &callbacks, &b, &err)) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    worker_start(b.worker);
    int64_t ready_ns = until_ready(&b);
    for (int i = 0; i < 5 && !b.failed; i++) {
        int64_t ns = run(&b, n, WINDOW);
        printf("pipelined %zu B: %.2f M msgs/s\n", size, (double)n * 1e3 / (double)ns);
    }
    for (int i = 0; i < 3 && !b.failed; i++) {
        int64_t ns = run(&b, 10000, 1);
        printf("one at a time %zu B: %.1f us\n", size, (double)ns / 1e3 / 10000);
    }
    printf("spawn to ready: %.2f ms\n", (double)ready_ns / 1e6);
    for (int i = 0; i < 3 && !b.failed; i++) {
        run(&b, 100, 1);
        int64_t start = clock_now_ns();
        kill(worker_pid(b.worker), SIGKILL);
        until_ready(&b);
        run(&b, 1, 1);
        printf("killed to next message handled: %.2f ms\n", (double)(clock_now_ns() - start) / 1e6);
    }
    worker_destroy(b.worker);
    loop_destroy(b.loop);
    free(data);
    return b.failed;
}
