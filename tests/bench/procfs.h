/* SPDX-License-Identifier: Apache-2.0
 *
 * procfs - memory, processor time and children of a process, by /proc. */
#ifndef BENCH_PROCFS_H
#define BENCH_PROCFS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct proc_memory {   /* KiB */
    int64_t anonymous; /* smaps_rollup: Anonymous, without shared memory */
    int64_t pss;       /* smaps_rollup: Pss, shared pages divided by the number of processes that map them */
    int64_t shared;    /* status: RssShmem, the rings, counted in full */
    int64_t rss;       /* smaps_rollup: Rss, exact where VmRSS may be an estimate */
};

/* All zero if the process does not exist. */
struct proc_memory proc_memory(pid_t pid);
/* User and system time of all its threads. */
int64_t proc_cpu_ns(pid_t pid);
/* Returns the number of direct children; writes at most `max` of them. */
size_t proc_children(pid_t pid, pid_t *children, size_t max);
void proc_name(pid_t pid, char *ret_name, size_t size);

#endif
