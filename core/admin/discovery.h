/* SPDX-License-Identifier: Apache-2.0
 *
 * discovery - responds to $SRV.PING, INFO and STATS of the NATS micro protocol, so that `nats micro ls|info|stats`
 * shows one service "seamqd" for each daemon and one endpoint for each handler.  It needs one subscription; nats.c's
 * own implementation would need nine and ten threads.
 *
 * Thread: the loop's.  Source: ADR-32 (service API).
 */
#ifndef SEAMQ_ADMIN_DISCOVERY_H
#define SEAMQ_ADMIN_DISCOVERY_H

#include "report.h"

struct discovery;

/* Responds on `connection` with the state in `report`; both outlive the discovery. 0 or -ENOMEM. */
int discovery_create(struct discovery **ret, struct connection *connection, const struct report *report);
void discovery_destroy(struct discovery *d);

#endif
