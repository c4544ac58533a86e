/* SPDX-License-Identifier: Apache-2.0
 *
 * phase - where a handler is in its life, and the one table of what leads from one phase to the next.
 *
 * Pure.  An event that does not apply to a phase leaves it as it is.
 */
#ifndef SEAMQ_DISPATCH_PHASE_H
#define SEAMQ_DISPATCH_PHASE_H

#include <stdbool.h>

enum phase {
    PHASE_RUNNING,
    PHASE_STANDBY,        /* waits for its predecessor on the same consumer: pulls nothing */
    PHASE_STANDBY_FAILED, /* the same, and one of its workers has ended */
    PHASE_LEAVE_FINISH,   /* drains while the daemon goes on: pulls nothing, starts what has arrived */
    PHASE_LEAVE_RETURN,   /* the same: starts nothing, returns to the server what has not started */
    PHASE_STOP_FINISH,    /* drains because the daemon stops, as LEAVE_FINISH */
    PHASE_STOP_RETURN,    /* as LEAVE_RETURN */
};
#define PHASES (PHASE_STOP_RETURN + 1)

enum phase_event {
    PHASE_WAIT,         /* it is to wait for its predecessor */
    PHASE_START,        /* the predecessor has left */
    PHASE_WORKER_ENDED, /* a worker ended */
    PHASE_LEAVE,        /* it is to drain while the daemon goes on */
    PHASE_STOP,         /* it is to drain because the daemon stops */
    PHASE_FINISHED,     /* what has arrived is done, or its time is over */
};
#define PHASE_EVENTS (PHASE_FINISHED + 1)

enum phase phase_next(enum phase phase, enum phase_event event);

static inline bool phase_draining(enum phase p)
{
    return p >= PHASE_LEAVE_FINISH;
}

/* Messages that have not started are returned to the server. */
static inline bool phase_returns(enum phase p)
{
    return p == PHASE_LEAVE_RETURN || p == PHASE_STOP_RETURN;
}

/* Draining, and messages that have arrived are still started. */
static inline bool phase_finishing(enum phase p)
{
    return p == PHASE_LEAVE_FINISH || p == PHASE_STOP_FINISH;
}

/* Draining while the daemon goes on. */
static inline bool phase_leaving(enum phase p)
{
    return p == PHASE_LEAVE_FINISH || p == PHASE_LEAVE_RETURN;
}

#endif
