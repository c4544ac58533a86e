/* SPDX-License-Identifier: Apache-2.0
 * modes - one row for each way of delivery with guarantees of its own. */
#include "modes.h"

#include <stdio.h>
#include <string.h>

static const struct chaos_mode modes[] = {
    {"each", "acknowledged one by one", (const char *const[]){NULL}, false, false},
    {"confirmed", "each acknowledgement confirmed", (const char *const[]){"ACK=confirmed", NULL}, false, false},
    {"cumulative", "one acknowledgement for many", (const char *const[]){"ACK=cumulative", "EXCLUSIVE=yes", NULL},
     false, false},
    {"ordered", "in order by key", (const char *const[]){"ORDERING=token:3", NULL}, true, false},
    {"batch", "up to 32 in one call", (const char *const[]){"BATCH_MAX=32", "BATCH_LINGER=20ms", NULL}, false, false},
    {"shared", "two daemons on one consumer", (const char *const[]){NULL}, false, true},
};

#define N_MODES (sizeof(modes) / sizeof(modes[0]))

const struct chaos_mode *mode_choose(const char *name, uint64_t seed)
{
    if (!name || !*name)
        return &modes[seed % N_MODES];
    for (size_t i = 0; i < N_MODES; i++)
        if (strcmp(modes[i].name, name) == 0)
            return &modes[i];
    fprintf(stderr, "CHAOS_MODE=%s: there is no such mode; one of:", name);
    for (size_t i = 0; i < N_MODES; i++)
        fprintf(stderr, " %s", modes[i].name);
    fprintf(stderr, "\n");
    return NULL;
}
