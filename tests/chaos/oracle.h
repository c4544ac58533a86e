/* SPDX-License-Identifier: Apache-2.0
 *
 * oracle - every acknowledged publish against what the handlers recorded and what the streams hold.
 */
#ifndef SEAMQ_CHAOS_ORACLE_H
#define SEAMQ_CHAOS_ORACLE_H

#include "chaos.h"
#include "effects.h"

/* What a message can be wrong in. All but the first are SeaMQ's fault. */
enum wrong {
    WRONG_SERVER_LOST,     /* no longer in the stream, without any handler having had it: the server's loss */
    WRONG_LOST,            /* acknowledged to the publisher, neither handled nor dead-lettered nor dropped */
    WRONG_TWICE,           /* handled again without a fault that explains it */
    WRONG_DEAD_TWICE,      /* more than one dead letter */
    WRONG_DEAD,            /* a dead letter that nothing explains */
    WRONG_OUTPUT_MISSING,  /* handled, but what it published is not there */
    WRONG_OUTPUT_TWICE,    /* what it published is there more than once */
    WRONG_OUTPUT_UNWANTED, /* published, although no run was acknowledged */
    WRONG_ATTEMPT,         /* an attempt was counted although what the handler needs was down */
    WRONG_ORDER,           /* ordered mode: begun before the one in front of it with the same key was done */
    WRONGS
};

struct findings {
    const struct effects *effects;
    uint32_t published; /* and acknowledged */
    uint32_t handled;
    uint32_t dead;
    uint32_t dropped;
    uint64_t runs;
    uint64_t repeats;      /* runs of a message that had been handled already */
    uint32_t *repeats_of;  /* by the fault that explains them; as many as faults_count() */
    uint32_t stored_twice; /* by the server, in spite of the message id */
    uint64_t outputs;
    uint32_t wrong[WRONGS];
    uint32_t violations; /* the sum, the server's losses apart */
    int64_t stuck;       /* num_pending and num_ack_pending that would not go away */
};

/* After the end of the run. Prints what is wrong, message by message (the first few of each kind). */
struct findings oracle_judge(struct chaos *c);
const char *oracle_wrong_name(enum wrong wrong);

#endif
