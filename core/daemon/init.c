/* SPDX-License-Identifier: Apache-2.0
 * init - the loop of process 1: reaps orphans and forwards signals to the daemon.
 *
 * The daemon cannot reap orphans itself: waitpid(-1) would also reap workers, whose exit status worker/watch.c reads.
 */
#include "init.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void orphans_reap(pid_t daemon)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
        if (pid == daemon) /* when process 1 exits, the kernel kills all other processes of the container */
            _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

static _Noreturn void process_1_run(pid_t daemon, const sigset_t *all)
{
    siginfo_t info;
    for (;;) {
        int signal = sigwaitinfo(all, &info);
        if (signal == SIGCHLD)
            orphans_reap(daemon);
        else if (signal > 0 && info.si_code <= 0) /* the daemon gets Ctrl-C (si_code > 0) from the terminal, too */
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
        process_1_run(daemon, &all);
    sigprocmask(SIG_SETMASK, &before, NULL);
}
