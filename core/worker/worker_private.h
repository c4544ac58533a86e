/* SPDX-License-Identifier: Apache-2.0
 *
 * private - struct worker, shared by this module's files.
 *
 *     worker.c  the public calls and the phases of a process's life
 *     feed.c    messages into the ring
 *     outbox.c  the out ring: outcomes, staged publishes, extensions
 *     control.c the control socket and what the child prints
 *     memory.c  the limit of max_memory
 *     watch.c   deadlines, death, the pause before the next process
 */
#ifndef SEAMQ_WORKER_WORKER_PRIVATE_H
#define SEAMQ_WORKER_WORKER_PRIVATE_H

#include "base/buf.h"
#include "ring/record.h"
#include "spawn.h"
#include "worker.h"

enum worker_phase {
    PHASE_DOWN,     /* no process, none to come */
    PHASE_WAITING,  /* no process; the life timer starts the next one */
    PHASE_STARTING, /* until it says ready; the life timer is the open timeout */
    PHASE_READY,
    PHASE_ENDING, /* told to stop; the life timer kills */
    PHASE_KILLED  /* SIGTERM or SIGKILL sent; the life timer sends SIGKILL */
};

struct worker_body { /* a large staged publish that came ahead of its record */
    struct worker_body *next;
    uint32_t serial;
    uint64_t size;
    char data[];
};

struct worker {
    struct loop *loop;
    struct worker_callbacks callbacks;
    void *data;

    struct worker_config config; /* its pointers: copies below, or not used after create */
    char *program;
    char *handler;
    char *title;
    struct buf hello;

    enum worker_phase phase;
    int end_reason;   /* enum worker_exit_reason that we caused or heard of; -1: none */
    char *end_text;   /* the sentence with it; NULL: none */
    bool stopping;    /* worker_stop(), worker_revoke() or worker_retire(): no further process */
    int64_t close_ns; /* worker_retire(): how long after an extended deadline it is killed; 0: not later */
    bool stop_reported;
    unsigned pause_level; /* of the restart pause */
    bool was_ever_ready;  /* some process was ready: a refusal now is a file that is being replaced */

    /* this process */
    struct spawned child;
    struct loop_fd on_death; /* fd -1: not in the loop */
    struct loop_fd on_control;
    struct loop_fd on_bell;
    struct loop_fd on_output;
    int64_t spawned_ns;
    bool was_ready;
    bool bye;
    bool protocol_error;
    int crash_signal;
    char crash_address[24];
    char *backtrace;
    uint64_t finished; /* messages with an outcome */

    /* pushed ids without an outcome, in order: a ring of `ids_cap` (a power of two) */
    uint64_t *ids;
    uint32_t ids_cap;
    uint32_t ids_head;
    uint32_t ids_tail;
    int64_t oldest_since_ns; /* when the oldest can have started, at the latest */
    int64_t extended_ns;     /* its deadline by extension; 0: none */
    uint32_t serial;         /* of the last body sent */
    struct worker_body *bodies;
    uint64_t body_bytes;
    uint64_t staged; /* publishes of the oldest outstanding message */
    uint64_t staged_bytes;

    struct loop_timer life;
    struct loop_timer deadline;
    struct loop_timer outbox_poll; /* drains without a bell */
    struct loop_timer memory;      /* of max_memory */

    char *packet; /* PACKET_MAX bytes */
    struct buf scratch;
    struct buf line; /* of output, unfinished */
    bool line_cut;
    int64_t log_window_ns;
    unsigned log_lines;
    uint64_t log_dropped;
};

static inline uint32_t worker_outstanding(const struct worker *w)
{
    return w->ids_head - w->ids_tail;
}

static inline uint64_t worker_oldest_id(const struct worker *w)
{
    return w->ids[w->ids_tail & (w->ids_cap - 1)];
}

/* outbox.c */
void outbox_on_bell(struct loop_fd *f, uint32_t events);
void outbox_on_poll(struct loop_timer *t);
/* Everything that is there. */
void outbox_read_all(struct worker *w);
void worker_recycle_if_due(struct worker *w);
/* Looks into the ring a moment later, bell or not. */
void outbox_poll_soon(struct worker *w);

/* control.c */
void control_on_packets(struct loop_fd *f, uint32_t events);
void control_on_output(struct loop_fd *f, uint32_t events);
/* All that is left of both, when the child is dead. */
void control_read_rest(struct worker *w);
struct worker_body *control_take_body(struct worker *w, uint32_t serial);
void control_drop_bodies(struct worker *w, uint32_t up_to);

/* watch.c */
void watch_on_death(struct loop_fd *f, uint32_t events);
void watch_on_life(struct loop_timer *t);
void watch_on_deadline(struct loop_timer *t);
/* Keeps the deadline timer armed while something is outstanding. */
void watch_deadline_arm(struct worker *w);
void watch_retire_deadline(struct worker *w); /* after an outcome */
/* Ends the process: SIGKILL now, or SIGTERM, grace, SIGKILL. */
void watch_kill(struct worker *w, int reason, bool gently, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void watch_violation(struct worker *w, const char *what);
void watch_set_end(struct worker *w, int reason, const char *text);

/* memory.c */
void memory_on_timer(struct loop_timer *t);
/* From now on, if there is a limit. */
void memory_watch_start(struct worker *w);

/* worker.c */
/* An orderly end, between messages, and a new process. */
void worker_recycle(struct worker *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void worker_spawn(struct worker *w);
void worker_order(struct worker *w, enum ring_order order);
void worker_drop_child(struct worker *w);
void worker_ring_bell(struct worker *w);

#endif
