/* SPDX-License-Identifier: Apache-2.0
 * outcome_test - the table of outcomes against the ABI, and the names that users see in metrics and logs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/outcome.h"
#include "seamq/plugin.h" /* before cmocka, which defines fail() */
#include "settle/settle.h"

#include <cmocka.h>

static const struct {
    int abi;
    enum outcome outcome;
    const char *name;
    bool error;
    bool available;
} rows[] = {
    {SEAMQ_ACK, OUTCOME_ACK, "ack", false, true},
    {SEAMQ_NAK, OUTCOME_NAK, "nak", true, false},
    {SEAMQ_DEAD, OUTCOME_DEAD, "dead", true, true},
    {SEAMQ_TERM, OUTCOME_TERM, "term", false, true},
    {SEAMQ_UNAVAILABLE, OUTCOME_UNAVAILABLE, "unavailable", false, false},
};

static void abi_values_become_outcomes(void **state)
{
    (void)state;
    assert_int_equal(sizeof(rows) / sizeof(rows[0]), OUTCOMES);
    for (int i = 0; i < OUTCOMES; i++) {
        assert_true(outcome_known(rows[i].abi));
        assert_int_equal(outcome_from_abi(rows[i].abi), rows[i].outcome);
        assert_string_equal(outcome_table[rows[i].outcome].name, rows[i].name);
        assert_int_equal(outcome_table[rows[i].outcome].error, rows[i].error);
        assert_int_equal(outcome_table[rows[i].outcome].available, rows[i].available);
    }
}

static void any_other_value_is_a_nak(void **state)
{
    static const int values[] = {-1, OUTCOMES, 77, INT32_MIN, INT32_MAX};
    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        assert_false(outcome_known(values[i]));
        assert_int_equal(outcome_from_abi(values[i]), OUTCOME_NAK);
    }
}

static void shadow_results_have_the_outcomes_names(void **state)
{
    (void)state;
    for (int i = 0; i < OUTCOMES; i++)
        assert_string_equal(shadow_name(rows[i].outcome), rows[i].name);
    assert_string_equal(shadow_name(SHADOW_CRASH), "crash");
    assert_string_equal(shadow_name(SHADOW_TIMEOUT), "timeout");
    assert_int_equal(SHADOW_RESULTS, OUTCOMES + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(abi_values_become_outcomes),
        cmocka_unit_test(any_other_value_is_a_nak),
        cmocka_unit_test(shadow_results_have_the_outcomes_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
