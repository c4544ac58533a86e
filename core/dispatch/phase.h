/* SPDX-License-Identifier: Apache-2.0
 *
 * phase - the phases of a handler, and one table of all transitions between them.
 *
 * Pure. An event that does not apply to a phase does not change it.
 */
#ifndef SEAMQ_DISPATCH_PHASE_H
#define SEAMQ_DISPATCH_PHASE_H

#include <stdbool.h>

enum phase {
    PHASE_RUNNING,
    PHASE_STANDBY,        /* pulls nothing, because the predecessor still uses the same consumer */
    PHASE_STANDBY_FAILED, /* as STANDBY, and a worker has ended meanwhile */
    PHASE_RELOAD_FINISH,  /* drains because of a reload: pulls nothing, starts messages that have arrived */
    PHASE_RELOAD_RETURN,  /* drains because of a reload: starts nothing, returns unstarted messages to the server */
    PHASE_STOP_FINISH,    /* as RELOAD_FINISH, because the daemon stops */
    PHASE_STOP_RETURN,    /* as RELOAD_RETURN, because the daemon stops */
};
#define PHASES (PHASE_STOP_RETURN + 1)

enum phase_event {
    PHASE_WAIT,         /* the handler must wait for its predecessor */
    PHASE_START,        /* the predecessor does not use the consumer any more */
    PHASE_WORKER_ENDED, /* a worker ended */
    PHASE_RELOAD,       /* the handler must drain because of a reload */
    PHASE_STOP,         /* the handler must drain because the daemon stops */
    PHASE_FINISHED,     /* messages that have arrived are done, or their time is over */
};
#define PHASE_EVENTS (PHASE_FINISHED + 1)

enum phase phase_next(enum phase phase, enum phase_event event);

static inline bool phase_draining(enum phase p)
{
    return p >= PHASE_RELOAD_FINISH;
}

/* True: messages that have not started are returned to the server. */
static inline bool phase_returns(enum phase p)
{
    return p == PHASE_RELOAD_RETURN || p == PHASE_STOP_RETURN;
}

/* True: draining, and messages that have arrived still start. */
static inline bool phase_finishing(enum phase p)
{
    return p == PHASE_RELOAD_FINISH || p == PHASE_STOP_FINISH;
}

/* True: draining because of a reload; the daemon continues to run. */
static inline bool phase_draining_for_reload(enum phase p)
{
    return p == PHASE_RELOAD_FINISH || p == PHASE_RELOAD_RETURN;
}

#endif
