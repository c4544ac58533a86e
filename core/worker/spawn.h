/* SPDX-License-Identifier: Apache-2.0
 *
 * spawn - starts one seamq-worker process: descriptors, environment, process group.
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
    int output;   /* what the child writes to stdout and stderr */
    int bell_in;  /* rung by the daemon */
    int bell_out; /* rung by the child */
    struct ring ring;
};

/* `ring_bytes` 0: a probe, with neither rings nor output.  `title` is what ps shows.
 * 0, or a negative errno with a sentence; then nothing is left open. */
int spawn_worker(struct spawned *ret, const char *program, const char *title, size_t ring_bytes, struct error *err);
/* Closes and unmaps; the process must be reaped already (or never existed). */
void spawn_close(struct spawned *s);
/* SIGKILL to the group, then reaps the child. Blocks until it is gone. */
void spawn_kill(struct spawned *s);

/* Is this "NAME=value" kept from the worker?  The daemon's own settings and what systemd tells it, and all
 * whose name says that it is a secret: a handler's secrets are options of its own. */
bool spawn_is_secret(const char *env);

/* Begins the hello: what each one says. `mode` is "run" or "probe". */
void spawn_hello(struct buf *b, const char *mode, const char *plugin, bool trust_any, const char *handler);

#endif
