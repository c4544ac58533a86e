/* SPDX-License-Identifier: Apache-2.0
 *
 * util - clock, options and a child process for the benchmark's programs. */
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

volatile int bench_stop_asked;

int64_t bench_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * NS_PER_S + now.tv_nsec;
}

void bench_sleep_ns(int64_t ns)
{
    struct timespec pause = {.tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S};

    if (ns > 0)
        nanosleep(&pause, NULL);
}

void bench_die(const char *fmt, ...)
{
    va_list ap;

    fprintf(stderr, "%s: ", program_invocation_short_name);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    exit(1);
}

static void note_signal(int number)
{
    bench_stop_asked = number;
}

void bench_catch_signals(void)
{
    struct sigaction act = {.sa_handler = note_signal};

    sigemptyset(&act.sa_mask);
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
    signal(SIGPIPE, SIG_IGN);
}

_Noreturn static void usage(int code, const char *summary, const struct bench_option *table)
{
    FILE *out = code == 0 ? stdout : stderr;

    fprintf(out, "usage: %s %s\n", program_invocation_short_name, summary);
    for (const struct bench_option *o = table; o->name; o++)
        fprintf(out, "  --%-16s %s\n", o->name, o->help);
    exit(code);
}

static void take_value(const struct bench_option *o, const char *text)
{
    char *end;

    if (o->kind == BENCH_STRING) {
        *(const char **)o->value = text;
        return;
    }
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (errno || end == text || *end || number < 0) {
        fprintf(stderr, "%s: --%s: \"%s\" is not a number\n", program_invocation_short_name, o->name, text);
        exit(2);
    }
    *(int64_t *)o->value = number;
}

int bench_parse(int argc, char **argv, const char *summary, const struct bench_option *table)
{
    for (int i = 1; i < argc; i++) {
        const struct bench_option *o = table;

        if (!strcmp(argv[i], "--"))
            return i + 1;
        if (!strcmp(argv[i], "--help"))
            usage(0, summary, table);
        if (strncmp(argv[i], "--", 2))
            usage(2, summary, table);
        while (o->name && strcmp(o->name, argv[i] + 2))
            o++;
        if (!o->name)
            usage(2, summary, table);
        if (o->kind == BENCH_FLAG)
            *(bool *)o->value = true;
        else if (++i == argc)
            usage(2, summary, table);
        else
            take_value(o, argv[i]);
    }
    return argc;
}

_Noreturn static void run_child(char **argv, const char *log)
{
    sigset_t none;

    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (log) {
        int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
        if (fd >= 0) {
            dup2(fd, STDOUT_FILENO);
            dup2(fd, STDERR_FILENO);
        }
    }
    execvp(argv[0], argv);
    fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

void bench_spawn(struct bench_child *child, char **argv, const char *log)
{
    fflush(NULL);
    memset(child, 0, sizeof(*child));
    child->pid = fork();
    if (child->pid < 0)
        bench_die("fork: %s", strerror(errno));
    if (child->pid == 0)
        run_child(argv, log);
    setpgid(child->pid, child->pid); /* parent and child both call setpgid, so that neither has to wait for the other */
}

/* True: the child was reaped. */
static bool reap(struct bench_child *child, int flags)
{
    pid_t got = wait4(child->pid, &child->status, flags, &child->usage);

    if (got != child->pid)
        return false;
    child->pid = 0;
    return true;
}

bool bench_running(struct bench_child *child)
{
    return child->pid > 0 && !reap(child, WNOHANG);
}

bool bench_stop(struct bench_child *child, int64_t grace_ns)
{
    pid_t group = child->pid;
    int64_t deadline = bench_now_ns() + grace_ns;
    bool gentle = true;

    if (group <= 0)
        return true;
    kill(group, SIGTERM);
    while (!reap(child, WNOHANG)) {
        if (bench_now_ns() >= deadline) {
            gentle = false;
            kill(-group, SIGKILL);
            reap(child, 0);
            break;
        }
        bench_sleep_ns(NS_PER_MS);
    }
    kill(-group, SIGKILL); /* ends other processes of the child's process group */
    return gentle;
}

static int64_t timeval_ns(struct timeval tv)
{
    return tv.tv_sec * NS_PER_S + tv.tv_usec * 1000;
}

int64_t bench_cpu_ns(const struct bench_child *child)
{
    return timeval_ns(child->usage.ru_utime) + timeval_ns(child->usage.ru_stime);
}

int bench_compare_int64(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

int64_t bench_percentile(const int64_t *sorted, size_t n, double percent)
{
    size_t at = (size_t)((double)n * percent / 100.0);

    if (n == 0)
        return 0;
    return sorted[at < n ? at : n - 1];
}
