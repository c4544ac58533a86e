/* SPDX-License-Identifier: Apache-2.0
 * verbs - the mixture of verbs: mostly successful messages, and each way in which a message can fail. */
#include "verbs.h"

static const struct verb verbs[] = {
    {"sleep 5", 300, FATE_HANDLED, 0, NULL},
    {"sleep 40", 30, FATE_HANDLED, 0, NULL},
    {"nak 1", 150, FATE_HANDLED, 0, NULL},
    {"nak 2", 50, FATE_HANDLED, 0, NULL},
    {"backoff 2", 50, FATE_HANDLED, 0, NULL},
    {"out 1", 200, FATE_HANDLED, 1, NULL},
    {"out 3", 100, FATE_HANDLED, 3, NULL},
    {"outnak 2", 30, FATE_HANDLED, 2, NULL},
    {"outcrash 2", 10, FATE_HANDLED, 2, "segfault"},
    {"dead", 50, FATE_DEAD, 0, NULL},
    {"drop", 30, FATE_DROPPED, 0, NULL},
    {"crash 1", 20, FATE_HANDLED, 0, "segfault"},
    {"abort 1", 10, FATE_HANDLED, 0, "abort"},
    {"exit 1", 15, FATE_HANDLED, 0, "exit()"},
    {"hang 1", 4, FATE_HANDLED, 0, "hang"},
    {"leak", 20, FATE_HANDLED, 0, "leak"},
    {"log 3", 50, FATE_HANDLED, 0, NULL},
    {"poison 999", 3, FATE_DEAD, 0,
     NULL}, /* crashes each time; the table counts crashes at "crash" and "outcrash" only */
    {"exhaust 999", 5, FATE_DEAD, 0, NULL},
    {"ack", 0, FATE_HANDLED, 0, NULL}, /* the verb of all other messages */
};

#define N_VERBS (sizeof(verbs) / sizeof(verbs[0]))

const char *verb_draw(uint32_t id, uint64_t roll)
{
    unsigned at = (unsigned)((roll & 0xffffffff) % 10000);
    (void)id;
    for (size_t i = 0; i < N_VERBS; i++) {
        if (at < verbs[i].weight)
            return verbs[i].text;
        at -= verbs[i].weight;
    }
    return verbs[N_VERBS - 1].text;
}

const struct verb *verb_of(const char *text)
{
    for (size_t i = 0; i + 1 < N_VERBS; i++)
        if (verbs[i].text == text)
            return &verbs[i];
    return &verbs[N_VERBS - 1];
}

const struct verb *verb_at(size_t i)
{
    return i < N_VERBS ? &verbs[i] : NULL;
}
