/* SPDX-License-Identifier: Apache-2.0
 *
 * path - the connections by which the stream can be reached, and the one in use.
 */
#ifndef SEAMQ_CONSUMER_PATH_H
#define SEAMQ_CONSUMER_PATH_H

#include "readiness.h"

#include "jetstream/request.h"

#define PATHS_MAX 8 /* the cluster's own connection and seven alternates; more are ignored */

struct consumer;

struct path {
    struct consumer *consumer;
    struct requests *requests;
    struct connection_sub *inbox; /* "<inbox>.p<index>.>" of this connection */
    size_t prefix_len;            /* of "<inbox>.p<index>." */
    bool up;
};

struct paths {
    struct path all[PATHS_MAX]; /* the first is the cluster's own connection */
    size_t n;
    size_t current;
    char own_down_reason[CONSUMER_REASON_MAX / 2]; /* why the cluster's own connection is not up */
    int64_t alternate_from_ns;                     /* an alternate path is tried from then on */
    struct loop_timer timer;
};

void path_start(struct consumer *c);
void path_finish(struct consumer *c);
/* Binding through the path in use has failed: binds again, through the next alternate path that is up. */
void path_retry(struct consumer *c);
/* Ends the subscriptions for pulls on all paths; messages under way still arrive. */
void path_drain_inboxes(struct consumer *c);

#endif
