/* SPDX-License-Identifier: Apache-2.0
 *
 * spawn - starts and kills one seamq-worker process.
 */
#ifndef SEAMQ_WORKER_SPAWN_H
#define SEAMQ_WORKER_SPAWN_H

#include "base/buf.h"
#include "base/error.h"
#include "ring/ring.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The daemon's ends, all close-on-exec and non-blocking; -1: none. */
struct spawned {
    pid_t pid; /* also the process group */
    int pidfd;
    int control;
    int output;   /* read end of the child's stdout and stderr */
    int bell_in;  /* eventfd that the daemon writes */
    int bell_out; /* eventfd that the child writes */
    struct ring ring;
};

/* Starts `program`; ps shows it as `title`.  With `ring_bytes` 0 it gets neither rings nor output (a probe).
 * 0, or a negative errno with a sentence; then nothing stays open. */
int spawn_worker(struct spawned *ret, const char *program, const char *title, size_t ring_bytes, struct error *err);
/* Closes and unmaps everything.  The process must be reaped, or never have existed. */
void spawn_close(struct spawned *s);
/* Sends SIGKILL to the process group and reaps the child.  Blocks until the child has ended. */
void spawn_kill(struct spawned *s);

/* True: the worker does not inherit this "NAME=value".  Kept back are NATS_*, SEAMQ_*, the variables of
 * systemd, and names that contain a word like PASSWORD or TOKEN; secrets of a handler are its options. */
bool spawn_is_secret(const char *env);

/* Starts the hello packet with the keys that every hello has.  `mode` is "run" or "probe". */
void spawn_hello(struct buf *b, const char *mode, const char *plugin, bool trust_any, const char *handler);

#endif
