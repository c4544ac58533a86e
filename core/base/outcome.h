/* SPDX-License-Identifier: Apache-2.0
 *
 * outcome - the one table of what can become of a message, from the ABI's number to the metric's label.
 *
 * The numbers are those of SEAMQ_ACK and the others in <seamq/plugin.h>; core/host asserts it at compile time, in
 * both directions.  Switches over enum outcome have no default, and -Werror=switch is on, so an outcome that is
 * missing in one place does not compile.  In base, because settle does not depend on ring.
 */
#ifndef SEAMQ_BASE_OUTCOME_H
#define SEAMQ_BASE_OUTCOME_H

#include <stdbool.h>

/* X(name, ABI value, label in metrics, logs and shadow mode, whether it counts as an error in discovery,
 *   whether it shows that what the handler needs is available: the breaker's probe succeeded) */
#define OUTCOME_TABLE(X)            \
    X(ACK, 0, "ack", false, true)   \
    X(NAK, 1, "nak", true, false)   \
    X(DEAD, 2, "dead", true, true)  \
    X(TERM, 3, "term", false, true) \
    X(UNAVAILABLE, 4, "unavailable", false, false)

#define OUTCOME_ENUM_(name, value, ...) OUTCOME_##name = (value),
#define OUTCOME_ONE_(...) +1
enum outcome { OUTCOME_TABLE(OUTCOME_ENUM_) };
enum { OUTCOMES = 0 OUTCOME_TABLE(OUTCOME_ONE_) }; /* the number of outcomes; their values have no gaps */

struct outcome_info {
    const char *name;
    bool error;
    bool available;
};

extern const struct outcome_info outcome_table[OUTCOMES];

/* Whether `value`, which a handler returned or a worker sent, is an outcome. */
static inline bool outcome_known(int value)
{
    return value >= 0 && value < OUTCOMES;
}

/* The outcome with that ABI value; any other value counts as NAK, as the ABI promises. */
static inline enum outcome outcome_from_abi(int value)
{
    return outcome_known(value) ? (enum outcome)value : OUTCOME_NAK;
}

#endif
