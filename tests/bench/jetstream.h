/* SPDX-License-Identifier: Apache-2.0
 *
 * jetstream - creates the stream and the consumer that every measured command reads, with the same settings for all. */
#ifndef BENCH_JETSTREAM_H
#define BENCH_JETSTREAM_H

#include "wire.h"

/* State of `consumer` by CONSUMER.INFO. */
struct consumer_state {
    int64_t at_ns;       /* the server's time stamp of this response, Unix time */
    int64_t delivered;   /* deliveries, redeliveries included */
    int64_t ack_pending; /* delivered messages that are not acknowledged */
    int64_t acked;       /* delivered - ack_pending */
    int64_t redelivered;
};

/* Creates the stream: R1, limits retention, one subject bench.<stream>. An existing stream is replaced. */
void stream_create(struct wire *wire, const char *stream, const char *storage, int replicas);
void stream_delete(struct wire *wire, const char *stream);
int64_t stream_messages(struct wire *wire, const char *stream);

/* Creates a durable pull consumer with seamqd's defaults: ack_wait 30 s, max_deliver -1, max_ack_pending 5000. */
/* `ack_policy`: "explicit", "all". */
void consumer_create(struct wire *wire, const char *stream, const char *durable, const char *ack_policy);
void consumer_delete(struct wire *wire, const char *stream, const char *durable);
struct consumer_state consumer_look(struct wire *wire, const char *stream, const char *durable);

#endif
