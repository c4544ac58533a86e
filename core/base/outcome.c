/* SPDX-License-Identifier: Apache-2.0
 * outcome - the table of outcomes as an array, indexed by value. */
#include "outcome.h"

#define ROW(name, value, label, error, available) [OUTCOME_##name] = {label, error, available},
const struct outcome_info outcome_table[OUTCOMES] = {OUTCOME_TABLE(ROW)};

#define NO_GAP(name, value, ...) _Static_assert((value) >= 0 && (value) < OUTCOMES, #name " leaves a gap");
OUTCOME_TABLE(NO_GAP)
