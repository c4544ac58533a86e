/* SPDX-License-Identifier: Apache-2.0
 *
 * traffic - a steady publisher, and the availability of the servers for a plain client: when the stream stores a
 * message again, and when the consumer responds again. Both are independent of seamqd.
 *
 * There is a connection to each node; the caller chooses the one in use, which must not be about to fail. A message's
 * number is its payload and its row on the board. Each message is sent again with the same Nats-Msg-Id until the stream
 * has acknowledged it. */
#ifndef SEAMQ_BENCH_RECOVERY_TRAFFIC_H
#define SEAMQ_BENCH_RECOVERY_TRAFFIC_H

#include "server.h"

#include <stdint.h>

struct traffic;

struct traffic_options {
    struct cluster *cluster;
    const char *subject;
    const char *stream, *durable; /* the consumer that is queried */
    int64_t rate;                 /* messages a second */
};

struct traffic *traffic_start(struct world *w, const struct traffic_options *o);
/* Publishes through this node from now on. */
void traffic_use(struct traffic *t, size_t node);

struct traffic_mark {
    uint32_t from;        /* number of the first message sent after the mark */
    uint32_t next;        /* the mark's first message is not sent yet */
    int64_t published_ns; /* when the stream acknowledged one of these messages; 0: not yet */
    int64_t answered_ns;  /* when the consumer's leader responded to a request sent after the mark; 0: not yet */
};

/* Starts a mark: CONSUMER.INFO is requested every 20 ms until the first response. */
void traffic_mark(struct traffic *t);
struct traffic_mark traffic_look(struct traffic *t);

#endif
