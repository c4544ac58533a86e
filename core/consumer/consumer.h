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
 * A cluster with a JetStream domain may be reached through another cluster's servers while its own do
 * not answer: see route.c.
 *
 * Thread: the loop's.  Sources: ADR-13 (pull), ADR-15, nats-server consumer.go.
 */
#ifndef SEAMQ_CONSUMER_CONSUMER_H
#define SEAMQ_CONSUMER_CONSUMER_H

#include "jetstream/request.h"
#include "message.h"

#include "config/config.h"

struct consumer;

struct consumer_callbacks {
    /* A message is READY and now in no list: put it into one. */
    void (*on_message)(void *data, struct message *h);
    /* Ready or not has changed, or the reason has. */
    void (*on_state)(void *data, struct consumer *c);
    /* For ordered handlers; NULL where there are none. consumer_in_order() has changed. */
    void (*on_order)(void *data, struct consumer *c);
    /* A message with a lane is AWAY, and may come again; or for good: ACKED, or forgotten when this returns. */
    void (*on_left)(void *data, struct message *h, bool for_good);
};

/* What a person or a metric wants to know. */
struct consumer_stats {
    uint64_t delivered;   /* messages that came in */
    uint64_t redelivered; /* of these, with a server count above 1 */
    uint64_t repeated;    /* deliveries of messages that were held already */
    uint64_t settled;     /* acknowledged, or gone by other means */
    uint64_t malformed;   /* refused: no acknowledgement subject */
    uint64_t pulls;
    uint64_t leases_renewed;
    uint64_t num_pending; /* by the server's last word */
    uint64_t num_ack_pending;
};

/* `handler`, `cluster` outlive the consumer, and so do all apis. `index` is unique on all their links.
 * It starts with the next iteration of the loop, or with the link's CONNECTION_UP. */
int consumer_create(struct consumer **ret, struct loop *loop, struct requests *requests,
                    const struct config_handler *handler, const struct config_cluster *cluster, unsigned index,
                    const struct consumer_callbacks *callbacks, void *data, struct error *err);
void consumer_destroy(struct consumer *c);

/* Another cluster's connection by which this one's domain is reached in need. More than ROUTES_MAX are
 * left out. 0 or -ENOMEM. */
int consumer_add_route(struct consumer *c, struct requests *requests);

/* To be called with each state of any link; those of no route of this consumer change nothing. */
void consumer_connection_state(struct consumer *c, const struct connection *connection, enum connection_state state,
                               const char *text);

/* What the server said unasked about the connection: a permissions violation that concerns this
 * consumer makes it not ready, until it is heard of again. */
void consumer_server_error(struct consumer *c, const struct connection *connection, const char *text);

/* The same consumer by another reading of the configuration, which outlives it. */
void consumer_set_config(struct consumer *c, const struct config_handler *handler);

/* Paused on the server, by its last word: ready, and nothing comes. Until when, Unix time; 0: it is not. */
int64_t consumer_paused_until_ns(const struct consumer *c);

bool consumer_ready(const struct consumer *c);
/* Why not, in one sentence; "" when ready. */
const char *consumer_reason(const struct consumer *c);

/* Ready, and nothing will come, by the stream's subjects when it was last looked at: why; "" otherwise. */
const char *consumer_lack(const struct consumer *c);

/* How many messages, held and asked for, this consumer may have; 0: stop asking. */
void consumer_set_window(struct consumer *c, size_t window);
size_t consumer_window(const struct consumer *c);
/* While it is shut nothing at all is asked for, not even what was delivered before: another one still serves
 * the same consumer. */
void consumer_shut(struct consumer *c, bool shut);
/* How many of those that are held wait for others: they leave their place in the window to those. */
void consumer_set_queued(struct consumer *c, size_t queued);
/* How long a request for messages stays open at most; 0: as long as the server allows. To be called
 * before the first window. */
void consumer_set_patience(struct consumer *c, int64_t patience_ns);
/* Asks the server for num_pending and num_ack_pending of the stats, unless it is being asked. */
void consumer_ask_lag(struct consumer *c);
/* Everything that was delivered before and not acknowledged is here (redelivery_sync.c); always, without ordering. */
bool consumer_in_order(const struct consumer *c);
/* How many are not, by the last answer. */
uint64_t consumer_awaited(const struct consumer *c);
/* Ends pulling for good: calls `done` once nothing more can arrive (or after `deadline_ns`). */
void consumer_stop(struct consumer *c, int64_t deadline_ns, void (*done)(void *data), void *data);

/* ---- settling: for the settle module ------------------------------------------- */

/* The message came from a stream or a consumer that was deleted since: its sequence may mean another message
 * now, and an answer would reach whoever has the consumer's name now. */
bool consumer_stale(const struct consumer *c, const struct message *h);
/* Stream and consumer are known to be the ones that the held messages came from: not so between a
 * new connection and the server's answers. Outputs and dead letters wait for it. */
bool consumer_settles(const struct consumer *c);
/* The server does not do what was found at start (a stream takes no dead letters): look again. */
void consumer_recheck(struct consumer *c);

/* Whether a NAK or TERM may be sent: the lease holds and the link is up. */
bool consumer_lease_holds(const struct consumer *c, const struct message *h);
/* The lease has run out, so somebody else may have the message: not to be started here. Never so where one daemon alone
 * takes from the consumer (a lane, ack = cumulative). */
bool consumer_lease_over(const struct consumer *c, const struct message *h);
/* The message is done: +ACK, again after a reconnect, until the server must have it. */
void consumer_ack(struct consumer *c, struct message *h);
/* The message is not wanted any more: +TERM where that is enough and allowed, else as consumer_ack(). */
void consumer_term(struct consumer *c, struct message *h);
/* -NAK with delay (0: at once) if the lease holds; only the attempt count is kept. */
void consumer_give_back(struct consumer *c, struct message *h, int64_t delay_ns);
/* The server has said that it is acknowledged. */
void consumer_confirmed(struct consumer *c, struct message *h);
/* The message is settled by other means: forgotten. */
void consumer_forget(struct consumer *c, struct message *h);

struct requests *consumer_requests(const struct consumer *c);
const struct config_cluster *consumer_cluster(const struct consumer *c);
const char *consumer_stream(const struct consumer *c);
const char *consumer_durable(const struct consumer *c);
const char *consumer_dead_letter(const struct consumer *c); /* stream; "off" */
/* Whether `link` is one of the ways to it. */
bool consumer_uses(const struct consumer *c, const struct connection *connection);
/* The cluster by whose servers it is reached just now: its own, or another. */
const char *consumer_via(const struct consumer *c);
/* When the stream was created, Unix nanoseconds: part of message ids and dead-letter subjects. */
int64_t consumer_stream_created_ns(const struct consumer *c);
/* An acknowledged message stays in the stream (limits retention), and may be fetched from there later. */
bool consumer_keeps_acked(const struct consumer *c);
struct message_table *consumer_messages(struct consumer *c);
const struct consumer_stats *consumer_stats(const struct consumer *c);
/* How many messages may wait here for their next attempt. */
size_t consumer_max_waiting(const struct consumer *c);
/* Acknowledgements that the server has not answered for yet. */
size_t consumer_unconfirmed(const struct consumer *c);

#endif
