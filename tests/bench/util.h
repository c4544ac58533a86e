/* SPDX-License-Identifier: Apache-2.0
 *
 * What the programs of the benchmark share: clock, options, a child process that never outlives its parent. They are
 * tools that run for seconds: whatever fails ends the program with one sentence on stderr and exit 1. */
#ifndef BENCH_UTIL_H
#define BENCH_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)

int64_t bench_now_ns(void); /* CLOCK_MONOTONIC */
void bench_sleep_ns(int64_t ns);
_Noreturn void bench_die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Set by SIGINT and SIGTERM once bench_catch_signals() was called; loops look at it. */
extern volatile int bench_stop_asked;
void bench_catch_signals(void);

enum bench_kind { BENCH_STRING, BENCH_INT, BENCH_FLAG };

/* `--name VALUE`, or `--name` alone for a BENCH_FLAG. A table ends with a NULL name. */
struct bench_option {
    const char *name;
    enum bench_kind kind;
    void *value; /* const char *, int64_t or bool */
    const char *help;
};

/* Returns the index in argv of what follows `--`, argc when there is nothing. Usage errors exit 2. */
int bench_parse(int argc, char **argv, const char *summary, const struct bench_option *table);

/* One child in its own process group, killed by the kernel when this program dies. */
struct bench_child {
    pid_t pid; /* 0: none */
    int status;
    struct rusage usage; /* of the child and its own children that it waited for, once it is stopped */
};

/* `log` takes stdout and stderr; NULL leaves them. */
void bench_spawn(struct bench_child *child, char **argv, const char *log);
/* False once it has ended by itself; its status is in child->status then. */
bool bench_running(struct bench_child *child);
/* SIGTERM, `grace_ns`, SIGKILL to the group. Returns whether it ended without SIGKILL. */
bool bench_stop(struct bench_child *child, int64_t grace_ns);
/* User and system time. */
int64_t bench_cpu_ns(const struct bench_child *child);

int bench_compare_int64(const void *a, const void *b);
/* Of sorted values; 0 when there are none. */
int64_t bench_percentile(const int64_t *sorted, size_t n, double percent);

#endif
