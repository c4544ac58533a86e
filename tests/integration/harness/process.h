/* SPDX-License-Identifier: Apache-2.0
 *
 * process - spawns, signals and awaits the programs of a test.
 *
 * A child dies with the test (parent-death signal). The world owns the structs, and ends the processes that still run.
 * Only the test's own thread may spawn, because the parent-death signal is sent when the spawning thread ends.
 */
#ifndef SEAMQ_IT_PROCESS_H
#define SEAMQ_IT_PROCESS_H

#include "world.h"

#include <sys/types.h>

/* Where a process runs: its address, and its network namespace (an fd; 0: the test's own). */
struct host {
    const char *address;
    int netns;
};

struct process {
    struct process *next;
    char *name;
    char *log; /* file with its output; NULL: captured elsewhere */
    pid_t pid;
    int pidfd;
    bool running;
    int status; /* status of waitpid, valid when the process has ended */
};

struct process_spec {
    const char *name;
    const char *const *argv;
    char *const *env; /* NULL: process_env's */
    const char *log;  /* both outputs are appended to this file ... */
    int out_fd;       /* ... unless these are set (> 0); the caller keeps and closes them */
    int err_fd;
    const char *cwd;
    int netns; /* 0: the test's own */
};

struct process *process_spawn(struct world *w, const struct process_spec *spec);
/* Starts the same program again in the same struct, for a process that has ended. */
void process_respawn(struct world *w, struct process *p, const struct process_spec *spec);

void process_signal(struct process *p, int sig);
/* True: the process has ended and p->status is set. False: deadline. */
bool process_wait(struct process *p, double seconds);
/* Sends SIGKILL and waits. */
void process_kill(struct process *p);
/* 0-255, or 128 + signal. */
int process_exit_code(const struct process *p);

/* Runs a program to its end. Returns the exit code (128 + signal); fails the test at the deadline. *ret_out and
 * *ret_err live as long as the world; either may be NULL. */
int process_run(struct world *w, const char *const *argv, char *const *env, double seconds, const char **ret_out,
                const char **ret_err);

/* Direct children of `pid`: writes at most `max`, returns their number. */
size_t process_children(pid_t pid, pid_t *ret, size_t max);
bool process_alive(pid_t pid); /* exists and is not a zombie */

/* The environment of a program under test: PATH, HOME, variables of sanitizers and gcov; NULL-terminated, static. */
char **process_env(void);

/* For the world. */
void process_print_logs(struct world *w);
void process_end_all(struct world *w);
bool process_none_left(double seconds);

#endif
