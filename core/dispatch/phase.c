/* SPDX-License-Identifier: Apache-2.0
 * phase - the table of transitions between phases. */
#include "phase.h"

enum phase phase_next(enum phase phase, enum phase_event event)
{
    /* Columns are in the order of enum phase_event. */
#define ROW(wait, start, worker_ended, leave, stop, finished)                                            \
    {                                                                                                    \
        PHASE_##wait, PHASE_##start, PHASE_##worker_ended, PHASE_##leave, PHASE_##stop, PHASE_##finished \
    }
    /* clang-format off */
    static const enum phase table[PHASES][PHASE_EVENTS] = {
        [PHASE_RUNNING] =        ROW(STANDBY,        RUNNING,      RUNNING,        RELOAD_FINISH, STOP_FINISH, RUNNING),
        [PHASE_STANDBY] =        ROW(STANDBY,        RUNNING,      STANDBY_FAILED, RELOAD_FINISH, STOP_FINISH, STANDBY),
        [PHASE_STANDBY_FAILED] = ROW(STANDBY_FAILED, RUNNING,      STANDBY_FAILED, RELOAD_FINISH, STOP_FINISH,
                                     STANDBY_FAILED),
        [PHASE_RELOAD_FINISH] =   ROW(RELOAD_FINISH,   RELOAD_FINISH, RELOAD_FINISH,   RELOAD_FINISH, STOP_FINISH, RELOAD_RETURN),
        [PHASE_RELOAD_RETURN] =   ROW(RELOAD_RETURN,   RELOAD_RETURN, RELOAD_RETURN,   RELOAD_RETURN, STOP_RETURN, RELOAD_RETURN),
        [PHASE_STOP_FINISH] =    ROW(STOP_FINISH,    STOP_FINISH,  STOP_FINISH,    STOP_FINISH,  STOP_FINISH, STOP_RETURN),
        [PHASE_STOP_RETURN] =    ROW(STOP_RETURN,    STOP_RETURN,  STOP_RETURN,    STOP_RETURN,  STOP_RETURN, STOP_RETURN),
    };
    /* clang-format on */
#undef ROW
    return table[phase][event];
}
