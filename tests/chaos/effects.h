/* SPDX-License-Identifier: Apache-2.0
 *
 * effects - the record that the handlers wrote: each run of each message.
 */
#ifndef SEAMQ_CHAOS_EFFECTS_H
#define SEAMQ_CHAOS_EFFECTS_H

#include "world.h"

#include <sys/types.h>

struct effect { /* one run of the handler; times on the monotonic clock */
    int64_t begin_ns;
    int64_t end_ns; /* 0: the worker died before the end of the run */
    uint64_t seq;
    uint64_t attempt;
    uint32_t id;
    uint32_t key;
    uint32_t worker;
    pid_t pid;
    char outcome;        /* 'a'ck, 'n'ak, 'd'ead, 't'erm, 'u'navailable; 0 if end_ns is 0 */
    struct effect *next; /* next run of the same message */
};

struct effects {
    struct effect *all; /* sorted by begin_ns */
    size_t n;
    struct effect **of_id; /* first run of each message; NULL: it never ran */
    uint32_t n_ids;
};

/* Reads the directory; message ids are below `n_ids`. The result lives as long as the world. */
const struct effects *effects_load(struct world *w, const char *dir, uint32_t n_ids);
/* Index of the first run that started at `at_ns` or later. */
size_t effects_since(const struct effects *e, int64_t at_ns);
void effects_print(const struct effect *e);

#endif
