/* SPDX-License-Identifier: Apache-2.0
 *
 * discovery - answers the NATS micro protocol's $SRV.PING, INFO and STATS, so that
 * `nats micro ls|info|stats` shows the fleet: one service "seamqd" for each daemon, one endpoint
 * for each handler.  Done with one subscription instead of nats.c's nine and ten threads.
 *
 * Thread: the loop's.  Source: ADR-32 (service API).
 */
#ifndef SEAMQ_ADMIN_DISCOVERY_H
#define SEAMQ_ADMIN_DISCOVERY_H

#include "report.h"

struct discovery;

/* Answers on `link` for what `report` shows; both outlive it. 0 or -ENOMEM. */
int discovery_create(struct discovery **ret, struct connection *connection, const struct report *report);
void discovery_destroy(struct discovery *d);

#endif
