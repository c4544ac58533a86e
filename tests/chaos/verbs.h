/* SPDX-License-Identifier: Apache-2.0
 *
 * verbs - what messages ask of the handler (handlers/chaos.c), how often, and what must become of each.
 */
#ifndef SEAMQ_CHAOS_VERBS_H
#define SEAMQ_CHAOS_VERBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Worse handlers than these limits allow get a message dead-lettered. */
#define CHAOS_CRASH_LIMIT 4
#define CHAOS_MAX_ATTEMPTS 10

enum fate { FATE_HANDLED, FATE_DEAD, FATE_DROPPED };

struct verb {
    const char *text; /* as it stands in the message */
    unsigned weight;  /* of 10,000 */
    enum fate fate;
    unsigned outputs;    /* messages that it publishes */
    const char *trouble; /* what its first run does to the worker; NULL: nothing */
};

/* For ledger_options.verb. */
const char *verb_draw(uint32_t id, uint64_t roll);
/* Of a text that verb_draw returned. */
const struct verb *verb_of(const char *text);
/* All of them, for a table; NULL after the last. */
const struct verb *verb_at(size_t i);

#endif
