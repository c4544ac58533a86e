/* SPDX-License-Identifier: Apache-2.0
 * phase: all transitions, and what each phase means for messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dispatch/phase.h"

static void events_lead_to_the_next_phase(void **state)
{
    static const struct {
        enum phase from;
        enum phase_event event;
        enum phase to;
    } changes[] = {
        {PHASE_RUNNING, PHASE_WAIT, PHASE_STANDBY},
        {PHASE_RUNNING, PHASE_RELOAD, PHASE_RELOAD_FINISH},
        {PHASE_RUNNING, PHASE_STOP, PHASE_STOP_FINISH},
        {PHASE_STANDBY, PHASE_START, PHASE_RUNNING},
        {PHASE_STANDBY, PHASE_WORKER_ENDED, PHASE_STANDBY_FAILED},
        {PHASE_STANDBY, PHASE_RELOAD, PHASE_RELOAD_FINISH},
        {PHASE_STANDBY, PHASE_STOP, PHASE_STOP_FINISH},
        {PHASE_STANDBY_FAILED, PHASE_START, PHASE_RUNNING},
        {PHASE_STANDBY_FAILED, PHASE_RELOAD, PHASE_RELOAD_FINISH},
        {PHASE_STANDBY_FAILED, PHASE_STOP, PHASE_STOP_FINISH},
        {PHASE_RELOAD_FINISH, PHASE_FINISHED, PHASE_RELOAD_RETURN},
        {PHASE_RELOAD_FINISH, PHASE_STOP, PHASE_STOP_FINISH},
        {PHASE_RELOAD_RETURN, PHASE_STOP, PHASE_STOP_RETURN},
        {PHASE_STOP_FINISH, PHASE_FINISHED, PHASE_STOP_RETURN},
    };
    (void)state;
    for (int from = 0; from < PHASES; from++) {
        for (int event = 0; event < PHASE_EVENTS; event++) {
            enum phase to = (enum phase)from; /* other events change nothing */
            for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
                if ((int)changes[i].from == from && (int)changes[i].event == event)
                    to = changes[i].to;
            assert_int_equal(phase_next((enum phase)from, (enum phase_event)event), to);
        }
    }
}

static void each_phase_says_whether_messages_start_or_are_returned(void **state)
{
    static const struct {
        enum phase phase;
        bool draining, finishing, returns, for_reload;
    } rows[] = {
        {PHASE_RUNNING, false, false, false, false},        {PHASE_STANDBY, false, false, false, false},
        {PHASE_STANDBY_FAILED, false, false, false, false}, {PHASE_RELOAD_FINISH, true, true, false, true},
        {PHASE_RELOAD_RETURN, true, false, true, true},     {PHASE_STOP_FINISH, true, true, false, false},
        {PHASE_STOP_RETURN, true, false, true, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(phase_draining(rows[i].phase), rows[i].draining);
        assert_int_equal(phase_finishing(rows[i].phase), rows[i].finishing);
        assert_int_equal(phase_returns(rows[i].phase), rows[i].returns);
        assert_int_equal(phase_draining_for_reload(rows[i].phase), rows[i].for_reload);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_lead_to_the_next_phase),
        cmocka_unit_test(each_phase_says_whether_messages_start_or_are_returned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
