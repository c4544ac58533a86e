/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_process - the daemon as a process: its start-up time, its cost when idle, and the time from a crash of the
 * handler to the next handled message. The command runs the handler stamp.so, which writes CLOCK_MONOTONIC to a file
 * for each message, the same clock as this program reads.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "jetstream.h"
#include "procfs.h"
#include "util.h"

static const char *url = "nats://127.0.0.1:4222", *stream, *durable = "process", *stamps, *measure, *log_file;
static int64_t rounds = 20, seconds = 60, interval_ms = 1000;

static const struct bench_option options[] = {
    {"measure", BENCH_STRING, &measure, "start, idle or crash"},
    {"url", BENCH_STRING, &url, "nats://ADDRESS:PORT"},
    {"stream", BENCH_STRING, &stream, "the stream, which is made for this run"},
    {"durable", BENCH_STRING, &durable, "the consumer that is made for the command (process)"},
    {"stamps", BENCH_STRING, &stamps, "the file that stamp.so writes"},
    {"rounds", BENCH_INT, &rounds, "start, crash: how often (20)"},
    {"interval", BENCH_INT, &interval_ms, "crash: milliseconds between two crashes (1000)"},
    {"seconds", BENCH_INT, &seconds, "idle: how long (60)"},
    {"log", BENCH_STRING, &log_file, "where the command's output goes"},
    {NULL, BENCH_FLAG, NULL, NULL},
};

struct stamp {
    char kind; /* M: handled, C: about to crash */
    int64_t at_ns;
};

/* The caller frees *ret_list. */
static size_t read_stamps(struct stamp **ret_list)
{
    size_t n = 0, room = 0;
    struct stamp *list = NULL, next;
    FILE *f = fopen(stamps, "re");
    long long at;

    while (f && fscanf(f, " %c %lld", &next.kind, &at) == 2) {
        if (n == room) {
            room = room ? room * 2 : 1024;
            list = realloc(list, room * sizeof(list[0]));
            if (!list)
                bench_die("out of memory");
        }
        next.at_ns = at;
        list[n++] = next;
    }
    if (f)
        fclose(f);
    *ret_list = list;
    return n;
}

static void publish(struct wire *wire, const char *payload)
{
    char subject[256];

    snprintf(subject, sizeof(subject), "bench.%s", stream);
    wire_publish(wire, subject, NULL, payload, strlen(payload));
    wire_flush(wire);
}

/* The first stamp that the command's handler writes. */
static int64_t first_stamp(struct bench_child *child)
{
    int64_t deadline = bench_now_ns() + 20 * NS_PER_S, at = 0;

    while (!at) {
        struct stamp *list;
        if (read_stamps(&list))
            at = list[0].at_ns;
        free(list);
        if (bench_stop_asked || bench_now_ns() > deadline || !bench_running(child)) {
            bench_stop(child, NS_PER_S);
            bench_die("no message was handled (wait status 0x%x, log %s)", child->status, log_file ? log_file : "none");
        }
        bench_sleep_ns(NS_PER_MS);
    }
    return at;
}

static void report(const char *what, int64_t *values, size_t n)
{
    qsort(values, n, sizeof(values[0]), bench_compare_int64);
    printf("%s_p50_us=%lld %s_worst_us=%lld n=%zu\n", what, (long long)bench_percentile(values, n, 50), what,
           (long long)bench_percentile(values, n, 100), n);
}

/* Time from fork to the handler's first line, when the durable exists and a message waits. */
static int measure_start(struct wire *wire, char **command)
{
    int64_t *values = calloc((size_t)rounds + 1, sizeof(values[0]));
    int64_t *stops = calloc((size_t)rounds + 1, sizeof(stops[0]));
    struct bench_child child;

    if (!values || !stops)
        bench_die("out of memory");
    publish(wire, "first");
    for (int64_t i = 0; i < rounds && !bench_stop_asked; i++) {
        unlink(stamps);
        consumer_create(wire, stream, durable, "explicit");
        int64_t start = bench_now_ns();
        bench_spawn(&child, command, log_file);
        values[i] = (first_stamp(&child) - start) / 1000;
        int64_t stop = bench_now_ns();
        if (!bench_stop(&child, 15 * NS_PER_S))
            bench_die("SIGTERM did not end it in 15 s");
        stops[i] = (bench_now_ns() - stop) / 1000;
    }
    report("start", values, (size_t)rounds);
    report("stop", stops, (size_t)rounds);
    free(values);
    free(stops);
    return bench_stop_asked ? 1 : 0;
}

static void show_process(pid_t pid, int64_t cpu_ns, int64_t wall_ns)
{
    struct proc_memory memory = proc_memory(pid);
    char name[32];

    proc_name(pid, name, sizeof(name));
    printf("process=%s anonymous_kib=%lld pss_kib=%lld shared_kib=%lld rss_kib=%lld cpu_ms=%lld cpu_percent=%.3f\n",
           name, (long long)memory.anonymous, (long long)memory.pss, (long long)memory.shared, (long long)memory.rss,
           (long long)(cpu_ns / NS_PER_MS), 100.0 * (double)cpu_ns / (double)wall_ns);
}

static int measure_idle(struct wire *wire, char **command)
{
    pid_t pids[16] = {0};
    int64_t cpu_ns[16];
    struct bench_child child;

    unlink(stamps);
    consumer_create(wire, stream, durable, "explicit");
    publish(wire, "first");
    bench_spawn(&child, command, log_file);
    first_stamp(&child);
    bench_sleep_ns(3 * NS_PER_S); /* let work that start-up has caused end first */
    pids[0] = child.pid;
    size_t n = 1 + proc_children(child.pid, pids + 1, 15);
    if (n > 16)
        n = 16;
    for (size_t i = 0; i < n; i++)
        cpu_ns[i] = proc_cpu_ns(pids[i]);
    int64_t start = bench_now_ns();
    while (!bench_stop_asked && bench_now_ns() < start + seconds * NS_PER_S)
        bench_sleep_ns(100 * NS_PER_MS);
    int64_t took = bench_now_ns() - start;
    bool lives = bench_running(&child);
    for (size_t i = 0; i < n && lives; i++)
        show_process(pids[i], proc_cpu_ns(pids[i]) - cpu_ns[i], took);
    bench_stop(&child, 15 * NS_PER_S);
    if (!lives)
        bench_die("it ended while idle (wait status 0x%x)", child.status);
    return bench_stop_asked ? 1 : 0;
}

/* Time between each crash and the next handled message. */
static int report_gaps(void)
{
    struct stamp *list;
    size_t n = read_stamps(&list), crashes = 0, gaps = 0;
    int64_t *values = calloc(n + 1, sizeof(values[0]));

    if (!values)
        bench_die("out of memory");
    for (size_t i = 0; i < n; i++) {
        if (list[i].kind != 'C')
            continue;
        crashes++;
        if (i + 1 < n && list[i + 1].kind == 'M')
            values[gaps++] = (list[i + 1].at_ns - list[i].at_ns) / 1000;
    }
    report("gap", values, gaps);
    free(values);
    free(list);
    if (crashes == (size_t)rounds && gaps == crashes)
        return 0;
    fprintf(stderr, "%lld crashes were asked for, %zu happened, %zu were followed by a message\n", (long long)rounds,
            crashes, gaps);
    return 1;
}

/* Publishes a message each millisecond, and a message that crashes the handler each interval. */
static int measure_crash(struct wire *wire, char **command)
{
    struct bench_child child;
    struct wire_msg msg;

    unlink(stamps);
    consumer_create(wire, stream, durable, "explicit");
    publish(wire, "first");
    bench_spawn(&child, command, log_file);
    first_stamp(&child);
    int64_t next = bench_now_ns(), ticks = (rounds + 2) * interval_ms;
    for (int64_t tick = 1; tick <= ticks && !bench_stop_asked && !wire->closed; tick++) {
        bool crash = tick % interval_ms == 0 && tick / interval_ms <= rounds;
        publish(wire, crash ? "crash" : "tick");
        next += NS_PER_MS;
        while (bench_now_ns() < next && wire_read(wire, next - bench_now_ns()))
            while (wire_next(wire, &msg)) {
            }
    }
    bool gentle = bench_stop(&child, 15 * NS_PER_S);
    int failed = report_gaps();
    if (!gentle)
        bench_die("SIGTERM did not end it in 15 s");
    return bench_stop_asked ? 1 : failed;
}

int main(int argc, char **argv)
{
    struct wire wire;
    int failed = 2,
        command = bench_parse(argc, argv, "--measure M --stream S --stamps F [options] -- COMMAND...", options);

    if (!measure || !stream || !stamps || command >= argc)
        bench_die("--measure, --stream, --stamps and a command are needed (see --help)");
    bench_catch_signals();
    wire_open(&wire, url);
    stream_create(&wire, stream, "file", 1);
    if (!strcmp(measure, "start"))
        failed = measure_start(&wire, argv + command);
    else if (!strcmp(measure, "idle"))
        failed = measure_idle(&wire, argv + command);
    else if (!strcmp(measure, "crash"))
        failed = measure_crash(&wire, argv + command);
    else
        fprintf(stderr, "--measure %s: expected start, idle or crash\n", measure);
    if (failed != 2)
        stream_delete(&wire, stream);
    wire_close(&wire);
    return failed;
}
