/* SPDX-License-Identifier: Apache-2.0
 * init - reaping in a process of its own: the daemon waits for its workers one by one, and waiting for any child there
 * would take their exits away from their owners. */
#include "init.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void reap(pid_t daemon)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
        if (pid == daemon) /* with process 1 the kernel ends all that is left */
            _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

static _Noreturn void serve(pid_t daemon, const sigset_t *all)
{
    siginfo_t info;
    for (;;) {
        int signal = sigwaitinfo(all, &info);
        if (signal == SIGCHLD)
            reap(daemon);
        else if (signal > 0 && info.si_code <= 0) /* a terminal's Ctrl-C (> 0) reaches the daemon by itself */
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
