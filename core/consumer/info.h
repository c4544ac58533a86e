/* SPDX-License-Identifier: Apache-2.0
 *
 * info - what responses to CONSUMER.INFO contain: lag, pause, and the consumer's leader.
 */
#ifndef SEAMQ_CONSUMER_INFO_H
#define SEAMQ_CONSUMER_INFO_H

#include "jetstream/request.h"

struct consumer;

struct consumer_info {
    struct request *request; /* of consumer_refresh_lag() */
    int64_t paused_until_ns; /* Unix time; 0: not paused on the server */
    bool clustered;          /* the consumer's leader may be another server than that of our connection */
    char leader[160];        /* its name and, since nats-server 2.12, since when it leads */
};

void info_finish(struct consumer *c);
/* Stores what a response to CONSUMER.INFO contains. If the leader has changed, acknowledgements are sent again. */
void info_take(struct consumer *c, json_t *info);

#endif
