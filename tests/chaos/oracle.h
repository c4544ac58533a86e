/* SPDX-License-Identifier: Apache-2.0
 *
 * oracle - compares every acknowledged publish with the record of the handlers and the content of the streams.
 */
#ifndef SEAMQ_CHAOS_ORACLE_H
#define SEAMQ_CHAOS_ORACLE_H

#include "chaos.h"
#include "effects.h"

/* Kinds of problems of a message. All but the first are SeaMQ's. */
enum wrong {
    WRONG_SERVER_LOST,     /* no longer in the stream, and no handler had it: lost by the server */
    WRONG_LOST,            /* stored, but neither handled nor dead-lettered nor dropped */
    WRONG_TWICE,           /* handled again without a fault that explains it */
    WRONG_DEAD_TWICE,      /* more than one dead letter */
    WRONG_DEAD,            /* a dead letter without a reason in the record */
    WRONG_OUTPUT_MISSING,  /* handled, but an output is missing */
    WRONG_OUTPUT_TWICE,    /* an output is stored more than once */
    WRONG_OUTPUT_UNWANTED, /* an output is stored although no run was acknowledged */
    WRONG_ATTEMPT,         /* an attempt was counted although the dependency was down */
    WRONG_ORDER,           /* ordered mode: started before its predecessor of the same key was settled */
    WRONGS
};

struct findings {
    const struct effects *effects;
    uint32_t published; /* published and acknowledged */
    uint32_t handled;
    uint32_t dead;
    uint32_t dropped;
    uint64_t runs;
    uint64_t repeats;      /* runs of messages that were handled before */
    uint32_t *repeats_of;  /* by the fault that explains them; faults_count() elements */
    uint32_t stored_twice; /* stored twice by the server in spite of the message id */
    uint64_t outputs;
    uint32_t wrong[WRONGS];
    uint32_t violations; /* sum of the problems without the server's losses */
    int64_t stuck;       /* num_pending and num_ack_pending that did not become 0 */
};

/* Call it after the end of the run. Prints the first few problems of each kind, message by message. */
struct findings oracle_judge(struct chaos *c);
const char *oracle_wrong_name(enum wrong wrong);

#endif
