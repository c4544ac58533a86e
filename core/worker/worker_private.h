/* SPDX-License-Identifier: Apache-2.0
 *
 * worker_private - struct worker.  The files below are one object, and call each other:
 *
 *     worker.c   public functions; starts, stops and replaces the process
 *     feed.c     writes messages to the in ring
 *     outbox.c   reads the out ring: outcomes, staged publishes, deadline extensions
 *     control.c  reads the control socket, and the lines that the child prints
 *     memory.c   enforces max_memory
 *     watch.c    enforces deadlines, handles the child's death, decides the restart pause
 */
#ifndef SEAMQ_WORKER_WORKER_PRIVATE_H
#define SEAMQ_WORKER_WORKER_PRIVATE_H

#include "base/buf.h"
#include "ring/record.h"
#include "spawn.h"
#include "worker.h"

enum worker_phase {
    PHASE_DOWN,     /* no process, and none will be started */
    PHASE_WAITING,  /* no process; the life timer starts the next one */
    PHASE_STARTING, /* until the child sends "ready"; the life timer is the open timeout */
    PHASE_READY,
    PHASE_ENDING, /* the daemon has ordered the child to stop; the life timer kills it */
    PHASE_KILLED  /* SIGTERM or SIGKILL was sent; the life timer sends SIGKILL */
};

struct worker_body { /* a large staged publish; it arrives before the record that refers to it */
    struct worker_body *next;
    uint32_t serial;
    uint64_t size;
    char data[];
};

struct worker {
    struct loop *loop;
    struct worker_callbacks callbacks;
    void *data;

    struct worker_config config; /* pointers in it are replaced by copies, or unused after create */
    char *program;
    char *handler;
    char *title;
    struct buf hello;

    enum worker_phase phase;
    int end_reason;   /* enum worker_exit_reason, known before the death; -1: none */
    char *end_text;   /* sentence for end_reason; NULL: none */
    bool stopping;    /* worker_stop(), worker_revoke() or worker_retire() was called: no further process */
    int64_t close_ns; /* worker_retire(): time for close() after the last message; 0: not retired */
    bool stop_reported;
    unsigned pause_level; /* number of restarts in a row that count towards the pause */
    bool was_ever_ready;  /* an earlier process was ready: a refused file is then being replaced, so retry */

    /* the present process; worker_drop_child() resets everything from here to the timers */
    struct spawned child;
    struct loop_fd on_death; /* fd is -1 while it is not in the loop */
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

    /* ids that were pushed and have no outcome yet, in order: a ring of `ids_cap` (a power of two) */
    uint64_t *ids;
    uint32_t ids_cap;
    uint32_t ids_head;
    uint32_t ids_tail;
    int64_t oldest_since_ns; /* latest time at which the oldest can have started */
    int64_t extended_ns;     /* extended deadline of the oldest; 0: none */
    uint32_t serial;         /* of the last message body sent */
    struct worker_body *bodies;
    uint64_t body_bytes;
    uint64_t staged; /* number of staged publishes of the oldest message */
    uint64_t staged_bytes;

    struct loop_timer life;
    struct loop_timer deadline;
    struct loop_timer outbox_poll; /* reads the out ring without a bell */
    struct loop_timer memory;      /* checks max_memory */

    char *packet; /* PACKET_MAX bytes */
    struct buf scratch;
    struct buf line; /* output of the child without its newline yet */
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
/* Reads all records that the ring holds now. */
void outbox_read_all(struct worker *w);
/* Reads the ring 2 ms from now, with or without a bell. */
void outbox_poll_soon(struct worker *w);

/* control.c */
void control_on_packets(struct loop_fd *f, uint32_t events);
void control_on_output(struct loop_fd *f, uint32_t events);
/* After the child's death: reads the rest of the control socket and of the output. */
void control_read_rest(struct worker *w);
/* The body with this serial, which stays in the list; NULL: it did not arrive. */
struct worker_body *control_find_body(struct worker *w, uint32_t serial);
/* Frees the bodies up to and including this serial. */
void control_drop_bodies(struct worker *w, uint32_t up_to);

/* watch.c */
void watch_on_death(struct loop_fd *f, uint32_t events);
void watch_on_life(struct loop_timer *t);
void watch_on_deadline(struct loop_timer *t);
/* Arms the deadline timer for the oldest outstanding message. */
void watch_deadline_arm(struct worker *w);
/* After an outcome: takes back the time that an extension gave a retired worker. */
void watch_retire_deadline(struct worker *w);
/* Kills the process group: at once, or `gently` with SIGTERM, kill_grace_ns, SIGKILL. */
void watch_kill(struct worker *w, int reason, bool gently, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* Kills a child that broke the protocol; `what` completes the sentence "killed: ...". */
void watch_violation(struct worker *w, const char *what);
/* Records why the process ends.  The first reason counts, except that a kill replaces an orderly end. */
void watch_set_end(struct worker *w, int reason, const char *text);

/* memory.c */
void memory_on_timer(struct loop_timer *t);
/* Starts checking max_memory, if it is set. */
void memory_watch_start(struct worker *w);

/* worker.c */
/* Replaces the process after the messages that it has: orderly stop, then a new process. */
void worker_recycle(struct worker *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void worker_recycle_if_due(struct worker *w);
void worker_spawn(struct worker *w);
void worker_order(struct worker *w, enum ring_order order);
/* Releases all that belongs to the dead process; the next one shares nothing with it. */
void worker_drop_child(struct worker *w);
void worker_ring_bell(struct worker *w);

#endif
