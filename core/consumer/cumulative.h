/* SPDX-License-Identifier: Apache-2.0
 *
 * cumulative - state of ack = cumulative: one acknowledgement for all messages before it.
 */
#ifndef SEAMQ_CONSUMER_CUMULATIVE_H
#define SEAMQ_CONSUMER_CUMULATIVE_H

#include "jetstream/request.h"

#include "base/list.h"

enum cumulative_state {
    CUMULATIVE_UNCOMPARED, /* unknown which acknowledgements the server has, since the connection or leader changed */
    CUMULATIVE_INCOMPLETE, /* the server may count messages as delivered that are not in the table */
    CUMULATIVE_COMPLETE,   /* every message that the server counts as delivered is in the table */
};

struct cumulative {
    enum cumulative_state state;
    bool missing_logged;
    uint64_t next_consumer_seq;  /* expected of the next delivery */
    uint64_t floor_consumer_seq; /* of the last acknowledgement */
    struct list order;           /* of message.order, by stream sequence */
    size_t n_done;               /* finished messages since the last acknowledgement */
    int64_t incomplete_ns;       /* start of the state INCOMPLETE or UNCOMPARED; 0: never compared */
    int64_t pause_ns;            /* between two requests */
    struct loop_timer flush;
    struct loop_timer retry;
    struct request *request;
};

#endif
