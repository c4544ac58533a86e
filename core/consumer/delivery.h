/* SPDX-License-Identifier: Apache-2.0
 *
 * delivery - adds a delivered message to the table, or matches a redelivery to the message that is there.
 */
#ifndef SEAMQ_CONSUMER_DELIVERY_H
#define SEAMQ_CONSUMER_DELIVERY_H

#include "message.h"

/* Takes `msg`. */
void delivery_take(struct consumer *c, natsMsg *msg, const struct ack_meta *meta);

#endif
