/* SPDX-License-Identifier: Apache-2.0
 *
 * lease - renews (+WPI) the leases of in-flight messages at a third of ack wait, and gives up those that expired.
 */
#ifndef SEAMQ_CONSUMER_LEASE_H
#define SEAMQ_CONSUMER_LEASE_H

#include "base/loop.h"

struct consumer;
struct message;

struct leases {
    struct loop_timer timer; /* for the first of messages.leases, which is in the order of renewal */
};

void lease_init(struct consumer *c);
void lease_finish(struct consumer *c);
/* `m` was delivered now, by the present stream and consumer. */
void lease_start(struct consumer *c, struct message *m);
/* The consumer was verified on a new connection: forgets messages of a deleted stream or consumer, sends
 * acknowledgements again, and gives up the leases that expired meanwhile. */
void lease_resume(struct consumer *c);
void lease_connection_down(struct consumer *c);

#endif
