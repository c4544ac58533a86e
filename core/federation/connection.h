/* SPDX-License-Identifier: Apache-2.0
 *
 * connection - the connection to one cluster, on a thread of its own.
 *
 * nats.c runs in its event-loop mode, driven by the connection's thread. The loop's thread never calls a function of
 * nats.c that takes the connection's lock, so no state of a socket (half a TLS record, a full send buffer) can stop
 * seamqd. If the thread stays inside nats.c for longer than two ping intervals, its socket is shut down.
 *
 * nats.c's own reconnecting is off. A lost connection is closed and recreated with new options, so credentials and
 * certificates are read again. Nothing that was buffered for the old connection is sent on the new one: a stale NAK
 * would affect another worker's delivery. Subscriptions are restored; a sender learns from CONNECTION_DOWN and
 * CONNECTION_UP that its messages may be lost.
 *
 * Thread: all functions and callbacks belong to the loop's thread.
 * Sources: nats.c 3.14 conn.c (event loop interface), NATS client protocol.
 */
#ifndef SEAMQ_FEDERATION_CONNECTION_H
#define SEAMQ_FEDERATION_CONNECTION_H

#include "base/error.h"
#include "base/loop.h"
#include "config/config.h"

#include <nats/nats.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct connection;
struct connection_sub;

enum connection_state { CONNECTION_CONNECTING, CONNECTION_UP, CONNECTION_DOWN };

struct connection_callbacks {
    /* `text`: the server's URL in state CONNECTION_UP, else the reason in one line. */
    void (*on_state)(void *data, enum connection_state state, const char *text);
    /* The server reports an error of this connection, for example a permissions violation. */
    void (*on_error)(void *data, const char *text);
};

/* The callee owns the message and returns it with connection_recycle(). NULL: a message that was published with a
 * reply subject of this subscription has no responders. */
typedef void (*connection_message_fn)(void *data, natsMsg *msg);

/* nats.c does not show "no responders" messages to a subscription that is polled: CONNECTION_STREAM, for the many
 * messages of a pull, learns that one arrived (msg NULL), but not for which request. CONNECTION_REPLIES sees every
 * message, through a thread of nats.c. */
enum connection_delivery { CONNECTION_STREAM, CONNECTION_REPLIES };

/* Starts the thread, which connects and retries without a limit. `name`: the server shows it for this connection.
 * `config` must outlive the connection. */
int connection_create(struct connection **ret, struct loop *loop, const struct config_cluster *config, const char *name,
                      const struct connection_callbacks *callbacks, void *data, struct error *err);
/* Sends queued messages (for at most `flush_ns`), closes, joins the thread. No callback is called. False: the thread is
 * still inside a connect and ends later; until then it reads `config`. */
bool connection_destroy(struct connection *l, int64_t flush_ns);
/* True: connection_destroy() has returned false. Such a process must end by _exit(), because OpenSSL's exit handler
 * would free memory that the thread uses. */
bool connection_thread_left(void);

enum connection_state connection_state(const struct connection *l);
const char *connection_cluster(const struct connection *l);
/* "_INBOX.x7k...": the prefix of all reply subjects ; constant for the lifetime of the connection. */
const char *connection_inbox(const struct connection *l);
const char *connection_state_text(const struct connection *l);
uint64_t connection_reconnects(const struct connection *l);
/* The server's limit for one message; 0: never connected. */
int64_t connection_max_payload(const struct connection *l);

/* The connection owns the subscription, which survives reconnects. NULL: out of memory. Of messages that arrive
 * together, those of the newest CONNECTION_STREAM are delivered first, so a message of an older subscription never
 * overtakes one that the server sent to a newer subscription before it. */
struct connection_sub *connection_subscribe(struct connection *l, const char *subject,
                                            enum connection_delivery delivery, connection_message_fn fn, void *data);
/* Unsubscribes at the server; messages that are on their way are still delivered. */
void connection_drain_sub(struct connection_sub *sub);
/* No callback afterwards. */
void connection_unsubscribe(struct connection_sub *sub);

struct connection_publish {
    const char *subject;
    const char *reply;   /* NULL: none */
    const char *headers; /* "Name\0value\0..."; NULL: none */
    size_t headers_size;
    const void *data;
    size_t size;
};

/* Queues a message; all messages of one iteration are sent together. Without a connection the message is dropped:
 * -ENOTCONN if the loop knows that already. -ENOMEM. */
int connection_publish(struct connection *l, const struct connection_publish *p);

/* Takes a message back. Messages are freed in bursts, because each burst wakes nats.c's collector thread. */
void connection_recycle(struct connection *l, natsMsg *msg);
/* Messages that wait to be freed. For tests. */
size_t connection_recycled(const struct connection *l);

/* Fails the current connection, as if the server had closed it. For tests and watchdogs. */
void connection_kick(struct connection *l, const char *why);

#endif
