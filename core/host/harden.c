/* SPDX-License-Identifier: Apache-2.0
 * harden - limits that the worker process sets for itself before it loads a plugin. */
#include "host.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ring/packet.h"

#define OOM_STEP 300
#define OOM_MAX 1000

/* When memory runs out, the kernel should kill a worker, because the daemon still has its messages.
 * The score is relative to the daemon's own, which an operator may have set. */
static void oom_score_raise(void)
{
    char text[16] = "";
    int fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return;
    if (read(fd, text, sizeof(text) - 1) > 0) {
        int score = atoi(text) + OOM_STEP;
        int n = snprintf(text, sizeof(text), "%d", score < OOM_MAX ? score : OOM_MAX);
        (void)!pwrite(fd, text, (size_t)n, 0);
    }
    close(fd);
}

/* No core files: they contain payloads and secret options, and a worker counts as alive while one is
 * written.  The hard limit stays, so a handler can raise the soft one again.
 * Other limits do not help: RLIMIT_NPROC counts all processes of the user; RLIMIT_AS and RLIMIT_DATA count
 * reserved memory, so the daemon enforces max_memory from outside (worker/memory.c). */
static void core_dump_disable(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_CORE, &r) == 0) {
        r.rlim_cur = 0;
        setrlimit(RLIMIT_CORE, &r);
    }
}

void host_harden(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* host_main() then checks that the daemon still runs */
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    syscall(SYS_close_range, (unsigned)PACKET_FD_FREE, ~0u, 0u);
    oom_score_raise();
    core_dump_disable();
    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0); /* the daemon logs each line */
}
