/* SPDX-License-Identifier: Apache-2.0
 * init - process 1 is a separate process because the daemon waits for each worker by its pid: a wait for any child in
 * the daemon would take the exit status away from the worker's owner. */
#include "init.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void reap(pid_t daemon)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
        if (pid == daemon) /* when process 1 exits, the kernel kills all other processes of the container */
            _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

static _Noreturn void serve(pid_t daemon, const sigset_t *all)
{
    siginfo_t info;
    for (;;) {
        int signal = sigwaitinfo(all, &info);
        if (signal == SIGCHLD)
            reap(daemon);
        else if (signal > 0 &&
                 info.si_code <= 0) /* the kernel sends a terminal's Ctrl-C (si_code > 0) to the daemon itself */
            kill(daemon, signal);
    }
}

void init_as_process_1(void)
{
    sigset_t all, before;

    if (getpid() != 1)
        return;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid_t daemon = fork();
    if (daemon > 0)
        serve(daemon, &all);
    sigprocmask(SIG_SETMASK, &before, NULL);
}
