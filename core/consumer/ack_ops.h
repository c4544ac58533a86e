/* SPDX-License-Identifier: Apache-2.0
 *
 * ack_ops - what differs between the ack modes: a table of functions for each.  With `ack = confirmed` the settle
 * module waits for the server's response to each acknowledgement; for the consumer it is the same as `ack = each`.
 */
#ifndef SEAMQ_CONSUMER_ACK_OPS_H
#define SEAMQ_CONSUMER_ACK_OPS_H

#include "config/config.h"

#include <stdbool.h>

struct consumer;
struct message;

struct ack_ops {
    /* No other daemon takes from the consumer: an expired lease does not matter, retries wait here, and neither -NAK
     * nor +TERM is sent. */
    bool exclusive;
    /* The stream may have work-queue retention. */
    bool allows_work_queue;
    void (*init)(struct consumer *c);
    void (*finish)(struct consumer *c);
    /* Called for each delivery, in order of arrival. True: the message was finished before; the acknowledgement,
     * which the server has lost, is sent again. */
    bool (*delivered)(struct consumer *c, struct message *m);
    /* The handler is done with `m`. */
    void (*ack)(struct consumer *c, struct message *m);
    /* The connection or the consumer's leader has changed: sends again what may be lost. */
    void (*resend)(struct consumer *c);
    /* Every acknowledgement in the table was sent on this connection. */
    bool (*all_sent)(const struct consumer *c);
    /* Sends at once what is collected for a later acknowledgement. */
    void (*flush)(struct consumer *c);
};

extern const struct ack_ops ack_ops_each;       /* ack_each.c */
extern const struct ack_ops ack_ops_cumulative; /* cumulative.c */

const struct ack_ops *ack_ops_for(const struct config_handler *handler);

#endif
