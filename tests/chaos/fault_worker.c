/* SPDX-License-Identifier: Apache-2.0
 * fault_worker - kills and freezes seamq-worker processes from outside. */
#include "faults.h"

#include <signal.h>
#include <stdio.h>

static bool signal_worker(struct chaos *c, struct injection *i, int sig)
{
    pid_t pids[CHAOS_WORKERS_MAX];
    size_t n = c->daemon_down ? 0 : daemon_workers(c->daemon, pids, CHAOS_WORKERS_MAX);

    if (n == 0 || n > CHAOS_WORKERS_MAX)
        return false;
    i->pid = pids[i->roll % n];
    snprintf(i->what, sizeof(i->what), "pid %d", (int)i->pid);
    return kill(i->pid, sig) == 0;
}

static bool kill_worker(struct chaos *c, struct injection *i)
{
    return signal_worker(c, i, SIGKILL);
}

static bool freeze_worker(struct chaos *c, struct injection *i)
{
    return signal_worker(c, i, SIGSTOP);
}

/* The daemon may have killed the frozen worker as hung; the pid of a zombie is not reused. */
static void thaw_worker(struct chaos *c, struct injection *i)
{
    pid_t pids[CHAOS_WORKERS_MAX];
    size_t n = c->daemon_down ? 0 : daemon_workers(c->daemon, pids, CHAOS_WORKERS_MAX);
    for (size_t k = 0; k < n && k < CHAOS_WORKERS_MAX; k++)
        if (pids[k] == i->pid)
            kill(i->pid, SIGCONT);
}

const struct fault worker_faults[] = {
    {"worker kill -9", LANE_WORKER, REPEATS_WORKER, 0, 1, NULL, kill_worker, NULL},
    {"worker SIGSTOP", LANE_WORKER, REPEATS_WORKER, 0.5, 4, NULL, freeze_worker, thaw_worker},
    {0},
};
