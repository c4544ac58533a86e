/* SPDX-License-Identifier: Apache-2.0
 *
 * consumer - one durable pull consumer on one cluster: binds to it, pulls with credit, and keeps each message until it
 * is settled.
 *
 * Life: connection up -> STREAM.INFO -> CONSUMER.INFO (CONSUMER.CREATE if `create = missing` and this process has not
 * seen the consumer yet) -> dead-letter stream -> active.  Each new connection repeats these steps.  A stream or
 * consumer that is deleted while seamqd runs makes the consumer not ready; it is never recreated.
 *
 * The stream of a cluster with a JetStream domain can also be reached through another cluster's servers: see path.c.
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
    /* The message is READY and in no list; the callee puts it into one. */
    void (*on_message)(void *data, struct message *m);
    /* consumer_ready() or consumer_reason() has changed. */
    void (*on_state)(void *data, struct consumer *c);
    /* consumer_in_order() has changed. Only for ordered handlers; may be NULL. */
    void (*on_order)(void *data, struct consumer *c);
    /* A message with a key queue has left this process. for_good: ACKED, or forgotten when this returns; otherwise
     * AWAY, and it may be redelivered. */
    void (*on_left)(void *data, struct message *m, bool for_good);
};

struct consumer_stats {
    uint64_t delivered;       /* messages received */
    uint64_t redelivered;     /* messages received with a delivery count above 1 */
    uint64_t repeated;        /* messages received that were in the table already */
    uint64_t settled;         /* messages acknowledged, terminated or forgotten */
    uint64_t malformed;       /* messages without an acknowledgement subject, ignored */
    uint64_t pulls;           /* pull requests sent */
    uint64_t leases_renewed;  /* +WPI sent */
    uint64_t num_pending;     /* messages not delivered yet, by the server's last response */
    uint64_t num_ack_pending; /* messages delivered and not acknowledged, likewise */
};

/* `handler`, `cluster` and all `requests` outlive the consumer. `index` is unique on all their connections. The
 * consumer starts with the next iteration of the loop, or with the connection's CONNECTION_UP. 0 or a negative errno
 * with `err` set. */
int consumer_create(struct consumer **ret, struct loop *loop, struct requests *requests,
                    const struct config_handler *handler, const struct config_cluster *cluster, unsigned index,
                    const struct consumer_callbacks *callbacks, void *data, struct error *err);
/* Messages are freed without a callback. NULL is allowed. */
void consumer_destroy(struct consumer *c);

/* Adds another cluster's connection as an alternate path. After seven alternates, further ones are ignored. 0 or
 * -ENOMEM. */
int consumer_add_path(struct consumer *c, struct requests *requests);

/* Call it for each change of state of any connection; a connection that is no path of this consumer has no effect. */
void consumer_connection_state(struct consumer *c, const struct connection *connection, enum connection_state state,
                               const char *text);

/* Call it for each error that the server reports about a connection. A permissions violation that concerns this
 * consumer makes it not ready until the next message or heartbeat. */
void consumer_server_error(struct consumer *c, const struct connection *connection, const char *text);

/* Replaces the handler's configuration by that of another snapshot, which outlives the consumer. */
void consumer_set_config(struct consumer *c, const struct config_handler *handler);

bool consumer_ready(const struct consumer *c);
/* Why the consumer is not ready, in one sentence; "" when ready. */
const char *consumer_reason(const struct consumer *c);
/* A ready consumer can be paused on the server. Until when, Unix time; 0: not paused. */
int64_t consumer_paused_until_ns(const struct consumer *c);
/* The stream has no subject that the filters match: a sentence; "" otherwise, and after the first message. */
const char *consumer_filter_warning(const struct consumer *c);

/* The number of messages that may be in flight or requested; 0: no more requests. */
void consumer_set_window(struct consumer *c, size_t window);
size_t consumer_window(const struct consumer *c);
/* While paused no message is requested, not even a redelivery: another instance still pulls from the same consumer. */
void consumer_set_pull_paused(struct consumer *c, bool paused);
/* How many in-flight messages wait for others in their key queue; these do not count in the window. */
void consumer_set_queued(struct consumer *c, size_t queued);
/* How long a pull request may stay open; 0: as long as the server allows. Call it before consumer_set_window(). */
void consumer_set_max_expires(struct consumer *c, int64_t expires_ns);
/* Requests num_pending and num_ack_pending of the stats from the server, unless a request is pending. */
void consumer_refresh_lag(struct consumer *c);
/* Every message that was delivered before and not acknowledged is in the table (redelivery_sync.c). Always true without
 * ordering. */
bool consumer_in_order(const struct consumer *c);
/* How many of these are missing, by the server's last response. */
uint64_t consumer_missing_redeliveries(const struct consumer *c);
/* Ends pulling for good. Calls `done` when no more message can arrive, or at `deadline_ns`. */
void consumer_stop(struct consumer *c, int64_t deadline_ns, void (*done)(void *data), void *data);

/* ---- settling: for the settle module ------------------------------------------- */

/* True: the stream or the consumer of `m` was deleted. Its sequence may mean another message now, and an
 * acknowledgement would reach the new consumer of the same name. */
bool consumer_stale(const struct consumer *c, const struct message *m);
/* Stream and consumer are known to be those of the in-flight messages. False between a new connection and the server's
 * responses; outputs and dead letters wait for it. */
bool consumer_verified(const struct consumer *c);
/* Checks the dead-letter stream again, because it did not take a dead letter. */
void consumer_recheck(struct consumer *c);

/* True: the lease is valid and the connection is up, so -NAK or +TERM may be sent. */
bool consumer_lease_valid(const struct consumer *c, const struct message *m);
/* True: the lease has expired and another daemon may have the message, so it must not start here. Never true for a
 * consumer that only one daemon uses (key queues, ack = cumulative). */
bool consumer_lease_expired(const struct consumer *c, const struct message *m);
/* The message is done: acknowledges it, and again after a reconnect, until the server certainly has it. */
void consumer_ack(struct consumer *c, struct message *m);
/* The message shall not be delivered again: +TERM if that is safe, else as consumer_ack(). */
void consumer_term(struct consumer *c, struct message *m);
/* Gives the message back: -NAK with a delay (0: none) if the lease is valid. The attempt count stays in the table. */
void consumer_give_back(struct consumer *c, struct message *m, int64_t delay_ns);
/* The server has confirmed the acknowledgement that the caller sent. */
void consumer_ack_confirmed(struct consumer *c, struct message *m);
/* The message was settled in another way, or is stale: removes it from the table. */
void consumer_forget(struct consumer *c, struct message *m);

struct requests *consumer_requests(const struct consumer *c);
const struct config_cluster *consumer_cluster(const struct consumer *c);
const char *consumer_stream(const struct consumer *c);
const char *consumer_durable(const struct consumer *c);
const char *consumer_dead_letter(const struct consumer *c); /* name of the stream, or "off" */
/* True: `connection` is one of the consumer's paths. */
bool consumer_uses(const struct consumer *c, const struct connection *connection);
/* Name of the cluster through whose servers the stream is reached now: its own, or another. */
const char *consumer_via(const struct consumer *c);
/* When the stream was created, Unix time: part of message ids and dead-letter subjects. */
int64_t consumer_stream_created_ns(const struct consumer *c);
/* True: the stream keeps acknowledged messages (limits retention), so they can be read from it later. */
bool consumer_keeps_acked(const struct consumer *c);
struct message_table *consumer_messages(struct consumer *c);
const struct consumer_stats *consumer_stats(const struct consumer *c);
/* How many messages may wait here for their next attempt. */
size_t consumer_max_waiting(const struct consumer *c);
/* How many acknowledgements the server has not confirmed yet. */
size_t consumer_unconfirmed(const struct consumer *c);

#endif
