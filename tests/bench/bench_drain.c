/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_drain - how fast a command acknowledges all messages of a stream, measured at the server, so that every command
 * is measured in the same way.
 *
 * The program recreates the consumer, starts the command and requests CONSUMER.INFO every few milliseconds. Each
 * response carries the server's time stamp and the number of acknowledged messages. The rate is the slope between the
 * first response past 5 % and the last one before the end: start-up and the last partial batch do not count. */
#include <stdio.h>
#include <string.h>

#include "jetstream.h"
#include "util.h"

static const char *url = "nats://127.0.0.1:4222", *stream, *durable = "drain", *ack_policy = "explicit", *log_file;
static int64_t interval_ms = 20, timeout_s = 60;

static const struct bench_option options[] = {
    {"url", BENCH_STRING, &url, "nats://ADDRESS:PORT"},
    {"stream", BENCH_STRING, &stream, "the stream, filled"},
    {"durable", BENCH_STRING, &durable, "the consumer that is made for the command (drain)"},
    {"ack-policy", BENCH_STRING, &ack_policy, "of that consumer: explicit (the default), all"},
    {"interval", BENCH_INT, &interval_ms, "milliseconds between two looks (20)"},
    {"timeout", BENCH_INT, &timeout_s, "seconds for the whole run (60)"},
    {"log", BENCH_STRING, &log_file, "where the command's output goes"},
    {NULL, BENCH_FLAG, NULL, NULL},
};

struct slope {
    struct consumer_state first, last;
    bool begun, finished;
};

static void watch(struct wire *wire, struct bench_child *child, int64_t total, struct slope *ret_slope)
{
    int64_t deadline = bench_now_ns() + timeout_s * NS_PER_S;
    struct slope slope = {.begun = false};

    while (!slope.finished) {
        struct consumer_state now = consumer_look(wire, stream, durable);

        if (now.acked >= total) {
            slope.finished = true;
        } else if (slope.begun) {
            slope.last = now;
        } else if (now.acked >= total / 20) {
            slope.begun = true;
            slope.first = slope.last = now;
        }
        if (bench_stop_asked || bench_now_ns() > deadline)
            break;
        /* Continues for 2 s after the command has ended, because its last acknowledgements may still be in transit. */
        if (child->pid && !bench_running(child))
            deadline = bench_now_ns() + 2 * NS_PER_S;
        bench_sleep_ns(interval_ms * NS_PER_MS);
    }
    *ret_slope = slope;
}

int main(int argc, char **argv)
{
    struct wire wire;
    struct bench_child child;
    struct slope slope;
    int command = bench_parse(argc, argv, "--stream S [options] -- COMMAND...", options);

    if (!stream || command >= argc)
        bench_die("--stream and a command are needed (see --help)");
    bench_catch_signals();
    wire_open(&wire, url);
    int64_t total = stream_messages(&wire, stream);
    consumer_create(&wire, stream, durable, ack_policy);

    bench_spawn(&child, argv + command, log_file);
    watch(&wire, &child, total, &slope);
    struct consumer_state end = consumer_look(&wire, stream, durable);
    bool gentle = bench_stop(&child, 15 * NS_PER_S);
    consumer_delete(&wire, stream, durable);
    wire_close(&wire);

    int64_t messages = slope.last.acked - slope.first.acked, ns = slope.last.at_ns - slope.first.at_ns;
    if (bench_stop_asked)
        bench_die("interrupted");
    if (!slope.finished)
        bench_die("only %lld of %lld messages were acknowledged (wait status 0x%x, log %s)", (long long)end.acked,
                  (long long)total, child.status, log_file ? log_file : "none");
    if (messages < total / 2 || ns <= 0)
        bench_die("too quick to measure: %lld messages between the first look and the last; publish more",
                  (long long)messages);
    printf("rate=%.0f cpu_us=%.3f redelivered=%lld stop=%s\n", (double)messages * 1e9 / (double)ns,
           (double)bench_cpu_ns(&child) / 1e3 / (double)total, (long long)end.redelivered, gentle ? "clean" : "killed");
    return 0;
}
