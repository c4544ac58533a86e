/* SPDX-License-Identifier: Apache-2.0
 *
 * redelivery_sync - for ordered handlers: waits until every message that was delivered before is in the table again.
 * Without ordering its functions do nothing.
 */
#ifndef SEAMQ_CONSUMER_REDELIVERY_SYNC_H
#define SEAMQ_CONSUMER_REDELIVERY_SYNC_H

#include "jetstream/request.h"

struct consumer;

struct redelivery_sync {
    bool on;
    uint64_t missing; /* messages, by the last response */
    int64_t until_ns; /* the sync ends then, complete or not */
    int64_t pause_ns; /* between two requests */
    int64_t requested_ns;
    char leader[64]; /* of the last response; longer names are cut */
    struct loop_timer timer;
    struct request *request;
};

void redelivery_sync_init(struct consumer *c);
void redelivery_sync_finish(struct consumer *c);
/* The server may have delivered messages that are not in the table. */
void redelivery_sync_begin(struct consumer *c);
/* A message with a delivery count above 1 has arrived. */
void redelivery_sync_arrived(struct consumer *c);

#endif
