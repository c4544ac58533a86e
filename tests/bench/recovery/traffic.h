/* SPDX-License-Identifier: Apache-2.0
 *
 * traffic - a steady publisher, and the servers seen by a plain client: when the stream takes a message again, and
 * when the consumer answers again.  Neither knows of seamqd.
 *
 * It has a connection to each node and uses the one that it is told to, which must be none that is about to fail.
 * Messages have numbers, which are their payload and their row on the board; each is sent again, with the same
 * Nats-Msg-Id, until the stream has acknowledged it. */
#ifndef SEAMQ_BENCH_RECOVERY_TRAFFIC_H
#define SEAMQ_BENCH_RECOVERY_TRAFFIC_H

#include "server.h"

#include <stdint.h>

struct traffic;

struct traffic_options {
    struct cluster *cluster;
    const char *subject;
    const char *stream, *durable; /* the consumer that is asked for */
    int64_t rate;                 /* messages a second */
};

struct traffic *traffic_start(struct world *w, const struct traffic_options *o);
/* Through this node from now on. */
void traffic_use(struct traffic *t, size_t node);

struct traffic_mark {
    uint32_t from;        /* message; this one and all after it were sent after the mark */
    uint32_t next;        /* has yet to be sent */
    int64_t published_ns; /* when the stream acknowledged one of them; 0: not yet */
    int64_t answered_ns;  /* when the consumer's leader answered a question that was asked after the mark; 0: not yet */
};

/* From now on the consumer is asked for, every 20 ms, until it has answered. */
void traffic_mark(struct traffic *t);
struct traffic_mark traffic_look(struct traffic *t);

#endif
