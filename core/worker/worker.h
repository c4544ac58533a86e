/* SPDX-License-Identifier: Apache-2.0
 *
 * worker - starts, feeds, watches, ends and replaces one worker process.
 *
 * A `struct worker` outlives its process: when the process ends, it starts the next one, unless
 * the child reported that its plugin or its options are wrong.  It is used on the loop's thread
 * only.  Callbacks may call worker_push() and worker_submit() but not worker_destroy().
 *
 * Restart pause: 0, 100 ms, 200 ms ... 30 s.  It starts over after a run that finished 16
 * messages, or that finished one and lasted 10 s.  If the child was running a message when it
 * died, the pause is at most 1 s.
 * The kernel kills the child when the *thread* that spawned it ends (PR_SET_PDEATHSIG), so the
 * loop's thread must live as long as the daemon.  The worker reaps its child by pid.
 * What handlers log and print is logged as handler-log, handler-output and handler-log-dropped
 * (above 1000 lines a second).  Everything else is reported by on_exit, not logged.
 *
 * worker_push() copies a message into the ring.  worker_submit() makes all pushed messages
 * visible, and rings the child's bell only if the child sleeps.  Each pushed id comes back in
 * exactly one on_outcome, or is unsettled when on_exit is called.  Then the caller takes back
 * every id without an outcome; worker_exit.running says which of them the child was running.
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

/* The same for all messages of one (handler, cluster) pair; a message names it by index. */
struct worker_binding {
    const char *stream;
    const char *consumer;
    const char *cluster;
};

struct worker_option {
    const char *name;
    const char *value;
};

/* worker_create() copies all of it. */
struct worker_config {
    const char *program;       /* path of seamq-worker */
    const char *plugin;        /* path of the .so */
    const struct image *image; /* copy of the plugin to run, outlives the worker; NULL: the file at `plugin` */
    const char *handler;       /* name, for logs and the process title */
    bool trust_any;            /* skip the check of the plugin's owners and modes (host/trust.h) */
    unsigned index;            /* of this worker among the handler's workers, from 0 */
    unsigned count;            /* number of the handler's workers, for seamq_worker_count(); 0: 1 */
    const struct worker_binding *bindings;
    size_t n_bindings;
    const struct worker_option *options;
    size_t n_options;
    int64_t timeout_ns;      /* limit of one call; then SIGTERM, grace, SIGKILL */
    int64_t batch_max;       /* messages in one call; 0: 1 */
    int64_t batch_linger_ns; /* how long the child waits to fill a batch */
    int64_t kill_grace_ns;   /* from SIGTERM to SIGKILL; 0: 500 ms */
    int64_t open_timeout_ns; /* from spawn to ready; 0: 30 s */
    int64_t max_messages;    /* replace the process after so many; 0: never */
    int64_t max_memory;      /* bytes of the process alone: above it replace, above twice as much kill; 0: no limit */
    size_t ring_bytes;       /* of each direction, a power of two; 0: 4 MiB */
};

struct worker_message {
    uint64_t id; /* chosen by the caller, not 0 */
    uint16_t binding;
    bool alone; /* run in a call of its own; the caller pushes nothing more until its outcome arrives */
    const char *subject;
    const char *data;
    size_t size;
    const char *headers; /* "Name\0value\0Name\0value\0"; NULL: none */
    size_t headers_size;
    uint64_t stream_seq;
    uint64_t consumer_seq;
    uint64_t delivered; /* attempt, counted by this daemon, from 1 */
    uint64_t pending;
    int64_t stored_ns;
    const char *key; /* ordering key; NULL: none */
};

/* Valid during the callback only.  The child wrote it: sizes were checked, values were not. */
struct worker_outcome {
    uint64_t id;
    int outcome;      /* SEAMQ_ACK ...; any other value counts as SEAMQ_NAK */
    int64_t delay_ns; /* of a NAK; < 0: the handler's backoff */
    int64_t duration_ns;
    const char *text; /* the reason that the handler gave, or "" */
};

struct worker_staged { /* an output, to be published if the outcome of message `id` is SEAMQ_ACK */
    uint64_t id;
    const char *subject;
    const char *msg_id; /* set by the handler; NULL: SeaMQ makes one */
    const char *data;
    size_t size;
    const char *headers; /* as in worker_message */
    size_t headers_size;
};

enum worker_exit_reason {
    WORKER_EXIT_CRASH,    /* a signal that the daemon did not send */
    WORKER_EXIT_STATUS,   /* the handler called exit(), or the child failed */
    WORKER_EXIT_TIMEOUT,  /* killed: one call took longer than timeout */
    WORKER_EXIT_PROTOCOL, /* killed: it wrote invalid data to the ring or the control socket */
    WORKER_EXIT_MEMORY,   /* killed: it used more than twice max_memory */
    WORKER_EXIT_RECYCLE,  /* replaced: max_messages or max_memory reached */
    WORKER_EXIT_STOPPED,  /* stopped by worker_stop(), worker_revoke() or worker_retire() */
    WORKER_EXIT_REFUSED,  /* wrong plugin, ABI or options.  Not restarted, unless an earlier process was ready:
                             then the file is probably being replaced, and the start is retried */
    WORKER_EXIT_OPEN,     /* open() failed or took too long; restarted after a pause */
    WORKER_EXIT_SPAWN,    /* the process could not be started; restarted after a pause */
};

struct worker_exit {
    enum worker_exit_reason reason;
    int signal;            /* 0: none */
    int status;            /* exit status if signal is 0 */
    uint64_t running;      /* id of the first message of the call that it was running; 0: none */
    size_t running_n;      /* number of messages in that call: `running` and those pushed next */
    const char *text;      /* one sentence, such as "killed by SIGSEGV after 12 messages" or the text of open() */
    const char *backtrace; /* NULL: none */
    int64_t restart_in_ns; /* < 0: it is not restarted */
};

struct worker_callbacks {
    void (*on_ready)(void *data, struct worker *w);
    void (*on_outcome)(void *data, struct worker *w, const struct worker_outcome *o);
    void (*on_staged)(void *data, struct worker *w, const struct worker_staged *s);
    /* The handler extended the deadline of the call that runs to `ns` from now. */
    void (*on_extend)(void *data, struct worker *w, uint64_t id, int64_t ns);
    void (*on_count)(void *data, struct worker *w, const char *metric, int64_t by);
    void (*on_exit)(void *data, struct worker *w, const struct worker_exit *e);
};

int worker_create(struct worker **ret, struct loop *loop, const struct worker_config *config,
                  const struct worker_callbacks *callbacks, void *data, struct error *err);
/* Kills the process group and reaps the child, if it runs; then frees.  Calls no callback. */
void worker_destroy(struct worker *w);

/* Starts the first process.  Failures are reported by on_exit, from the loop. */
void worker_start(struct worker *w);
/* Three ways to end the worker for good; each ends with one on_exit: WORKER_EXIT_STOPPED, or what it
 * died of.  After it, push nothing more.  The child is killed at `deadline_ns` (monotonic).
 * Stop: the child finishes all messages that it has, calls close() and exits. */
void worker_stop(struct worker *w, int64_t deadline_ns);
/* Revoke, for a drain: the child finishes only the call that it runs.  Messages that it has not
 * started get no outcome; the caller takes them back in on_exit. */
void worker_revoke(struct worker *w, int64_t deadline_ns);
/* Retire, for a rolling restart: like worker_revoke(), but the running call keeps its whole timeout,
 * extended or not, and close() gets `close_ns` more. */
void worker_retire(struct worker *w, int64_t close_ns);

bool worker_ready(const struct worker *w);
pid_t worker_pid(const struct worker *w); /* 0: no process now */

/* Copies one message into the ring.  0; -EAGAIN: no room now, try again after an outcome; -EMSGSIZE: it
 * never fits; -EINVAL: id, binding or headers are invalid; -ENOTCONN: the worker is not ready. */
int worker_push(struct worker *w, const struct worker_message *m);
/* Makes the pushed messages visible to the child, and wakes it if it sleeps. */
void worker_submit(struct worker *w);

#endif
