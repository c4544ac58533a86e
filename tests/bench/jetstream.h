/* SPDX-License-Identifier: Apache-2.0
 *
 * The stream and the consumer that every candidate reads: the same settings for all of them. */
#ifndef BENCH_JETSTREAM_H
#define BENCH_JETSTREAM_H

#include "wire.h"

/* What `consumer` has done, as the server sees it. */
struct consumer_state {
    int64_t at_ns;       /* the server's own time stamp of this answer, Unix time */
    int64_t delivered;   /* deliveries, repeated ones too */
    int64_t ack_pending; /* delivered and not acknowledged */
    int64_t acked;       /* delivered - ack_pending */
    int64_t redelivered;
};

/* R1, limits retention, one subject: bench.<stream>. Replaces what is there. */
void stream_create(struct wire *wire, const char *stream, const char *storage, int replicas);
void stream_delete(struct wire *wire, const char *stream);
int64_t stream_messages(struct wire *wire, const char *stream);

/* Durable, pull, ack explicit, ack_wait 30 s, max_deliver -1, max_ack_pending 5000: what seamqd asks for by default. */
/* `ack_policy`: "explicit", "all". */
void consumer_create(struct wire *wire, const char *stream, const char *durable, const char *ack_policy);
void consumer_delete(struct wire *wire, const char *stream, const char *durable);
struct consumer_state consumer_look(struct wire *wire, const char *stream, const char *durable);

#endif
