/* SPDX-License-Identifier: Apache-2.0
 * fault_daemon - kills, restarts and freezes seamqd; takes its descriptors, stops reading its log, changes its date. */
#include "faults.h"

#include <dirent.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

#define NS_PER_SEC INT64_C(1000000000)
#define DRAIN_DEADLINE_S 20

static bool kill_daemon(struct chaos *c, struct injection *i)
{
    (void)i;
    c->daemon_down = true;
    daemon_kill(c->daemon);
    return true;
}

static bool term_daemon(struct chaos *c, struct injection *i)
{
    (void)i;
    c->daemon_down = true;
    process_signal(c->daemon->proc, SIGTERM);
    return true;
}

static void start_daemon(struct chaos *c, struct injection *i)
{
    (void)i;
    daemon_start(c->daemon);
    c->daemon_down = false;
}

static void restart_daemon(struct chaos *c, struct injection *i)
{
    if (!process_wait(c->daemon->proc, DRAIN_DEADLINE_S))
        fail_msg("seamqd does not end within %d s after SIGTERM", DRAIN_DEADLINE_S);
    int code = process_exit_code(c->daemon->proc);
    if (code > 1 && !c->death) /* 1: the drain timed out because servers were down */
        c->death = world_text(c->w, "it ended with exit code %d on SIGTERM", code);
    start_daemon(c, i);
}

static bool freeze_daemon(struct chaos *c, struct injection *i)
{
    (void)i;
    process_signal(c->daemon->proc, SIGSTOP);
    return true;
}

static void thaw_daemon(struct chaos *c, struct injection *i)
{
    (void)i;
    process_signal(c->daemon->proc, SIGCONT);
}

static bool stop_reading(struct chaos *c, struct injection *i)
{
    (void)i;
    daemon_log_pause(c->daemon, true);
    return true;
}

static void read_on(struct chaos *c, struct injection *i)
{
    (void)i;
    daemon_log_pause(c->daemon, false);
}

static rlim_t open_descriptors(pid_t pid)
{
    char path[64];
    rlim_t n = 0;
    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    DIR *d = opendir(path);
    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n > 2 ? n - 2 : 0; /* without . and .. */
}

/* No descriptor more than now; replacing a dead worker needs some. */
static bool exhaust(struct chaos *c, struct injection *i)
{
    struct rlimit before, now;
    pid_t pid = c->daemon->proc->pid, workers[CHAOS_WORKERS_MAX];

    if (prlimit(pid, RLIMIT_NOFILE, NULL, &before) != 0)
        return false;
    now = before;
    now.rlim_cur = open_descriptors(pid);
    i->kept = json_integer((json_int_t)before.rlim_cur);
    snprintf(i->what, sizeof(i->what), "%" PRIu64 " and no more", (uint64_t)now.rlim_cur);
    if (prlimit(pid, RLIMIT_NOFILE, &now, NULL) != 0)
        return false;
    size_t n = daemon_workers(c->daemon, workers, CHAOS_WORKERS_MAX);
    if (n > 0 && n <= CHAOS_WORKERS_MAX) {
        i->pid = workers[i->roll % n];
        kill(i->pid, SIGKILL);
    }
    return true;
}

static void relent(struct chaos *c, struct injection *i)
{
    struct rlimit limit;
    if (prlimit(c->daemon->proc->pid, RLIMIT_NOFILE, NULL, &limit) != 0)
        return;
    limit.rlim_cur = (rlim_t)json_integer_value(i->kept);
    prlimit(c->daemon->proc->pid, RLIMIT_NOFILE, &limit, NULL);
}

static const char *no_clock(struct chaos *c)
{
    return c->clock_offset_ns ? NULL : "sanitizers do not allow to preload the library that shifts the date";
}

static bool jump(struct chaos *c, struct injection *i)
{
    static const int64_t seconds[] = {1, 60, 3600, 86400, 40 * 86400};
    int64_t s = seconds[i->roll % (sizeof(seconds) / sizeof(seconds[0]))] * (i->roll & 0x10000 ? 1 : -1);

    snprintf(i->what, sizeof(i->what), "by %" PRId64 " s", s);
    *(volatile int64_t *)c->clock_offset_ns = s * NS_PER_SEC;
    return true;
}

static void jump_back(struct chaos *c, struct injection *i)
{
    (void)i;
    *(volatile int64_t *)c->clock_offset_ns = 0;
}

const struct fault daemon_faults[] = {
    {"daemon kill -9", LANE_DAEMON, REPEATS_ANY, 0, 3, NULL, kill_daemon, start_daemon},
    {"daemon SIGTERM", LANE_DAEMON, REPEATS_ANY, 0, 6, NULL, term_daemon, restart_daemon},
    {"daemon SIGSTOP", LANE_DAEMON, REPEATS_ANY, 1, 8, NULL, freeze_daemon, thaw_daemon},
    {"daemon's log pipe full", LANE_DAEMON, REPEATS_NONE, 3, 8, NULL, stop_reading, read_on},
    {"daemon out of descriptors", LANE_DAEMON, REPEATS_WORKER, 1, 5, NULL, exhaust, relent},
    {"daemon's date jumps", LANE_DAEMON, REPEATS_NONE, 1, 5, no_clock, jump, jump_back},
    {0},
};
