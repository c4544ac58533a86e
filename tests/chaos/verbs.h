/* SPDX-License-Identifier: Apache-2.0
 *
 * verbs - what messages make the handler (handlers/chaos.c) do, how often, and the required result of each.
 */
#ifndef SEAMQ_CHAOS_VERBS_H
#define SEAMQ_CHAOS_VERBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A message that fails more often than these limits is dead-lettered. */
#define CHAOS_CRASH_LIMIT 4
#define CHAOS_MAX_ATTEMPTS 10

enum fate { FATE_HANDLED, FATE_DEAD, FATE_DROPPED };

struct verb {
    const char *text; /* the word in the message */
    unsigned weight;  /* share of messages, in 1/10,000 */
    enum fate fate;
    unsigned outputs;    /* number of outputs */
    const char *trouble; /* how the first run ends the worker; NULL: it does not */
};

/* Draws a verb; for ledger_options.verb. */
const char *verb_draw(uint32_t id, uint64_t roll);
/* The verb of a text that verb_draw() returned. */
const struct verb *verb_of(const char *text);
/* All verbs, for a table; NULL after the last. */
const struct verb *verb_at(size_t i);

#endif
