/* SPDX-License-Identifier: Apache-2.0
 *
 * util - clock, options, and a child process that never outlives its parent, for the benchmark's programs. Any failure
 * ends the program with one sentence on stderr and exit status 1. */
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

/* Set by SIGINT and SIGTERM after bench_catch_signals(); loops test it. */
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

/* Returns the index in argv behind `--`, or argc if there is none. A usage error exits with 2. */
int bench_parse(int argc, char **argv, const char *summary, const struct bench_option *table);

/* A child in its own process group; the kernel kills it if this program dies. */
struct bench_child {
    pid_t pid; /* 0: none */
    int status;
    struct rusage usage; /* of the child and its waited-for children; valid after the child was stopped */
};

/* `log`: a file for stdout and stderr; NULL: both are inherited. */
void bench_spawn(struct bench_child *child, char **argv, const char *log);
/* False if the child has ended by itself; its status is then in child->status. */
bool bench_running(struct bench_child *child);
/* Sends SIGTERM, waits `grace_ns`, sends SIGKILL to the group. True: it ended without SIGKILL. */
bool bench_stop(struct bench_child *child, int64_t grace_ns);
/* User and system time. */
int64_t bench_cpu_ns(const struct bench_child *child);

int bench_compare_int64(const void *a, const void *b);
/* The quantile of sorted values; 0 if there are none. */
int64_t bench_percentile(const int64_t *sorted, size_t n, double percent);

#endif
