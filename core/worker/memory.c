/* SPDX-License-Identifier: Apache-2.0
 * memory - max_memory: a worker above it is replaced between messages, above twice as much it is killed.
 *
 * A handler may need more than the limit while it runs a large message.  Only a leak within one message
 * reaches twice the limit, and that message is then counted as failed.  The daemon measures used pages
 * from outside, because kernel limits count reserved memory.  Growth between two checks is left to the
 * kernel, which kills the worker first (host/harden.c). */
#include "worker_private.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/value.h"

#define POLL_NS (250 * NS_PER_MS)

/* Memory of the process alone in bytes, without mapped files and the rings; 0: unknown. */
static int64_t process_own_memory(pid_t pid)
{
    char path[32];
    long resident = 0, shared = 0;
    snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
    FILE *f = fopen(path, "re");
    if (!f)
        return 0;
    if (fscanf(f, "%*d %ld %ld", &resident, &shared) != 2)
        resident = shared = 0;
    fclose(f);
    return (int64_t)(resident - shared) * sysconf(_SC_PAGESIZE);
}

void memory_watch_start(struct worker *w)
{
    if (w->config.max_memory > 0)
        loop_arm(w->loop, &w->memory, loop_now_ns(w->loop) + POLL_NS);
}

void memory_on_timer(struct loop_timer *t)
{
    struct worker *w = t->data;
    char message[32], limit[32];
    int64_t bytes = process_own_memory(w->child.pid);

    value_format_size(bytes, message, sizeof(message));
    value_format_size(w->config.max_memory, limit, sizeof(limit));
    if (bytes / 2 > w->config.max_memory)
        watch_kill(w, WORKER_EXIT_MEMORY, false, "killed: it used %s, more than twice max_memory (%s)", message, limit);
    else if (bytes > w->config.max_memory && w->phase == PHASE_READY)
        worker_recycle(w, "recycled: it used %s, more than max_memory (%s)", message, limit);
    if (w->phase != PHASE_KILLED)
        memory_watch_start(w);
}
