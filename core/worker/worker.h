/* SPDX-License-Identifier: Apache-2.0
 *
 * worker - one worker process: spawned, fed, watched, ended and replaced.
 *
 * A `struct worker` is a place for a process, not a process: it outlives crashes and spawns
 * the next one itself (at once, then with a growing pause, 100 ms to 30 s; never again after
 * the child said that its plugin or its options are wrong).  All functions and callbacks run
 * on the loop's thread.  Callbacks may call worker_push/submit but not worker_destroy.
 *
 * The pause: none after a run that finished 16 messages, or any within 10 s or more; else 0,
 * 100 ms, 200 ms ... 30 s.  The child dies with the *thread* that spawned it (the kernel's
 * parent-death signal): the loop's thread, which has to live as long as the daemon.  Each child is
 * reaped here, by its pid; a daemon that is PID 1 reaps only pids that are not worker_pid()s.
 * What handlers log and print goes to base/log as events handler-log, handler-output and
 * handler-log-dropped (more than 1000 lines/s); everything else is told by on_exit, not logged.
 *
 * Messages: worker_push() copies a message into the ring, worker_submit() makes all pushed
 * ones visible and rings the child's bell only if it sleeps.  Each pushed id comes back in
 * exactly one on_outcome, or else is unsettled when on_exit is called: then the caller, who
 * knows which ids it pushed, takes back all that had no outcome; `running` in the exit tells
 * which of them the child was executing.
 */
#ifndef SEAMQ_WORKER_WORKER_H
#define SEAMQ_WORKER_WORKER_H

#include "base/error.h"
#include "base/loop.h"
#include "ring/image.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct worker;

/* Constant for all messages of one (handler, cluster) pair; named by index in messages. */
struct worker_binding {
    const char *stream;
    const char *consumer;
    const char *cluster;
};

struct worker_option {
    const char *name;
    const char *value;
};

/* Everything is copied by worker_create(). */
struct worker_config {
    const char *program;       /* path of seamq-worker */
    const char *plugin;        /* path of the .so */
    const struct image *image; /* what is to run, outlives the worker; NULL: whatever is at the path */
    const char *handler;       /* name, for logs and the process title */
    bool trust_any;            /* the plugin is loaded whoever can change it (host/trust.h) */
    unsigned index;            /* of this worker among its handler's, from 0 */
    unsigned count;            /* of the handler's workers, what seamq_worker_count() says; 0: 1 */
    const struct worker_binding *bindings;
    size_t n_bindings;
    const struct worker_option *options;
    size_t n_options;
    int64_t timeout_ns;      /* one call's limit; then SIGTERM, grace, SIGKILL */
    int64_t batch_max;       /* messages in one call; 0: 1 */
    int64_t batch_linger_ns; /* how long a batch waits to fill */
    int64_t kill_grace_ns;   /* SIGTERM to SIGKILL; 0: 500 ms */
    int64_t open_timeout_ns; /* spawn to ready; 0: 30 s */
    int64_t max_messages;    /* recycle after; 0: never */
    int64_t max_memory;      /* bytes of its own: recycle when above, kill at twice as much; 0: no limit */
    size_t ring_bytes;       /* each direction; 0: 4 MiB; a power of two */
};

struct worker_message {
    uint64_t id; /* the caller's, not 0 */
    uint16_t binding;
    bool alone; /* in a call of its own: the caller pushes nothing more until its outcome is there */
    const char *subject;
    const char *data;
    size_t size;
    const char *headers; /* "Name\0value\0Name\0value\0"; NULL: none */
    size_t headers_size;
    uint64_t stream_seq;
    uint64_t consumer_seq;
    uint64_t delivered; /* attempts by this daemon's count, from 1 */
    uint64_t pending;
    int64_t stored_ns;
    const char *key; /* of an ordered handler; NULL: none */
};

/* Valid during the callback only. The child's word: bounds were checked, meaning was not. */
struct worker_outcome {
    uint64_t id;
    int outcome;      /* SEAMQ_ACK ... ; anything else counts as SEAMQ_NAK */
    int64_t delay_ns; /* of a NAK; < 0: by the handler's backoff */
    int64_t duration_ns;
    const char *text; /* the reason given; NUL-terminated, may be "" */
};

struct worker_staged { /* a publish that is due if message `id` is acknowledged */
    uint64_t id;
    const char *subject;
    const char *msg_id; /* chosen by the handler; NULL: by SeaMQ */
    const char *data;
    size_t size;
    const char *headers; /* as in worker_message */
    size_t headers_size;
};

enum worker_exit_reason {
    WORKER_EXIT_CRASH,    /* a signal that we did not send */
    WORKER_EXIT_STATUS,   /* exit() by the handler, or a failing child */
    WORKER_EXIT_TIMEOUT,  /* killed: one call took longer than timeout */
    WORKER_EXIT_PROTOCOL, /* killed: it wrote nonsense into the ring */
    WORKER_EXIT_MEMORY,   /* killed: it held more than twice max_memory */
    WORKER_EXIT_RECYCLE,  /* max_messages or max_memory reached */
    WORKER_EXIT_STOPPED,  /* asked to by worker_stop() */
    WORKER_EXIT_REFUSED,  /* wrong plugin, ABI or options: not restarted, unless an earlier process of it
                             was ready: then the file is being replaced, and is tried again */
    WORKER_EXIT_OPEN,     /* open() failed or took too long: restarted with the pause */
    WORKER_EXIT_SPAWN,    /* could not be started at all: restarted with the pause */
};

struct worker_exit {
    enum worker_exit_reason reason;
    int signal;            /* 0: none */
    int status;            /* exit status if signal is 0 */
    uint64_t running;      /* id of the message it was executing; 0: none */
    size_t running_n;      /* so many in one call, `running` the first in the order of the pushes */
    const char *text;      /* one sentence: "killed by SIGSEGV after 12 messages", what open() said, ... */
    const char *backtrace; /* NULL: none */
    int64_t restart_in_ns; /* < 0: it will not be restarted */
};

struct worker_callbacks {
    void (*on_ready)(void *data, struct worker *w);
    void (*on_outcome)(void *data, struct worker *w, const struct worker_outcome *o);
    void (*on_staged)(void *data, struct worker *w, const struct worker_staged *s);
    /* The handler asked for more time for the message it runs: its deadline is now `ns` from now. */
    void (*on_extend)(void *data, struct worker *w, uint64_t id, int64_t ns);
    void (*on_count)(void *data, struct worker *w, const char *metric, int64_t by);
    void (*on_exit)(void *data, struct worker *w, const struct worker_exit *e);
};

int worker_create(struct worker **ret, struct loop *loop, const struct worker_config *config,
                  const struct worker_callbacks *callbacks, void *data, struct error *err);
/* Kills the process group at once if it runs, reaps it, frees.  No callback is called. */
void worker_destroy(struct worker *w);

/* Spawns the first process; failures come as on_exit from the loop, never from here. */
void worker_start(struct worker *w);
/* No more messages: the child finishes what it holds, calls close, exits; killed at
 * `deadline_ns` (monotonic).  on_exit says WORKER_EXIT_STOPPED (or what it died of). */
void worker_stop(struct worker *w, int64_t deadline_ns);
/* Takes back what the child has not started: it then finishes only the one it runs. Unstarted
 * ids are reported by on_exit's rule (no outcome). Used by drain. */
void worker_revoke(struct worker *w, int64_t deadline_ns);
/* The same where nothing hurries: what it runs has all its time, extended or not, and close() `close_ns` more. */
void worker_retire(struct worker *w, int64_t close_ns);

bool worker_ready(const struct worker *w);
pid_t worker_pid(const struct worker *w); /* 0: none at the moment */

/* 0; -EAGAIN: no room now (ask again after an outcome); -EMSGSIZE: never fits; -ENOTCONN: not ready. */
int worker_push(struct worker *w, const struct worker_message *m);
void worker_submit(struct worker *w);

#endif
