/* SPDX-License-Identifier: Apache-2.0
 *
 * consumer - one durable pull consumer on one cluster: made sure of, pulled from with credit,
 * its messages held until they are settled.
 *
 * Life: waits for the link -> STREAM.INFO -> CONSUMER.INFO (-> CREATE when `create = missing`
 * and it was never seen) -> dead-letter stream -> active.  After a reconnect it pulls again
 * at once and checks beside it; a stream or consumer that vanished is an alarm, never made
 * anew while running.
 *
 * Thread: the loop's.  Sources: ADR-13 (pull), ADR-15, nats-server consumer.go.
 */
#ifndef SEAMQ_CONSUMER_CONSUMER_H
#define SEAMQ_CONSUMER_CONSUMER_H

#include "api.h"
#include "held.h"

#include "config/config.h"

struct consumer;

struct consumer_callbacks {
    /* A message is READY and now in no list: put it into one. */
    void (*on_message)(void *data, struct held *h);
    /* Ready or not has changed, or the reason has. */
    void (*on_state)(void *data, struct consumer *c);
};

/* What a person or a metric wants to know. */
struct consumer_stats {
    uint64_t delivered;   /* messages that came in */
    uint64_t redelivered; /* of these, with a server count above 1 */
    uint64_t repeated;    /* deliveries of messages that were held already */
    uint64_t malformed;   /* refused: no acknowledgement subject */
    uint64_t pulls;
    uint64_t leases_renewed;
    uint64_t num_pending; /* by the server's last word */
    uint64_t num_ack_pending;
};

/* `handler`, `cluster` outlive the consumer. */
int consumer_create(struct consumer **ret, struct loop *loop, struct api *api, const struct config_handler *handler,
                    const struct config_cluster *cluster, unsigned index, const struct consumer_callbacks *callbacks,
                    void *data, struct error *err);
void consumer_destroy(struct consumer *c);

/* To be called with each state of the link. */
void consumer_link_state(struct consumer *c, enum link_state state, const char *text);

/* What the server said unasked about the connection: a permissions violation that concerns this
 * consumer makes it not ready, until it is heard of again. */
void consumer_server_error(struct consumer *c, const char *text);

bool consumer_ready(const struct consumer *c);
/* Why not, in one sentence; "" when ready. */
const char *consumer_reason(const struct consumer *c);

/* How many messages, held and asked for, this consumer may have; 0: stop asking. */
void consumer_set_window(struct consumer *c, size_t window);
/* Ends pulling for good: calls `done` once nothing more can arrive (or after `deadline_ns`). */
void consumer_stop(struct consumer *c, int64_t deadline_ns, void (*done)(void *data), void *data);

/* ---- settling: for the settle module ------------------------------------------- */

/* The message came from a stream that was deleted since: its sequence means another message now. */
bool consumer_stale(const struct consumer *c, const struct held *h);
/* Stream and consumer are known to be the ones that the held messages came from: not so between a
 * new connection and the server's answers. Outputs and dead letters wait for it. */
bool consumer_settles(const struct consumer *c);
/* The server does not do what was found at start (a stream takes no dead letters): look again. */
void consumer_recheck(struct consumer *c);

/* Whether a NAK or TERM may be sent: the lease holds and the link is up. */
bool consumer_lease_holds(const struct consumer *c, const struct held *h);
/* The message is done: +ACK, again after a reconnect, until the server must have it. */
void consumer_ack(struct consumer *c, struct held *h);
/* +TERM if the lease holds; the message is gone from here either way. */
void consumer_term(struct consumer *c, struct held *h);
/* -NAK with delay (0: at once) if the lease holds; only the attempt count is kept. */
void consumer_give_back(struct consumer *c, struct held *h, int64_t delay_ns);
/* The message is settled by other means (confirmed): forgotten. */
void consumer_forget(struct consumer *c, struct held *h);

struct api *consumer_api(const struct consumer *c);
const struct config_cluster *consumer_cluster(const struct consumer *c);
const char *consumer_stream(const struct consumer *c);
const char *consumer_durable(const struct consumer *c);
/* When the stream was created, Unix nanoseconds: part of message ids and dead-letter subjects. */
int64_t consumer_stream_created_ns(const struct consumer *c);
struct held_table *consumer_held(struct consumer *c);
const struct consumer_stats *consumer_stats(const struct consumer *c);
/* How many messages may wait here for their next attempt. */
size_t consumer_max_waiting(const struct consumer *c);
/* Acknowledgements that the server has not answered for yet. */
size_t consumer_unconfirmed(const struct consumer *c);

#endif
