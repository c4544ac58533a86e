/* SPDX-License-Identifier: Apache-2.0
 *
 * link - the connection to one cluster, on a thread of its own.
 *
 * nats.c runs in its event-loop mode, driven by the link's thread: reading, parsing and
 * writing happen there with no thread of nats.c in between.  The loop's thread never calls
 * nats.c for anything that takes the connection's lock, so no state of a socket (half a TLS
 * record, a full send buffer) can stop seamqd; a link whose thread stays inside nats.c for
 * longer than two ping intervals gets its socket shut down.
 *
 * nats.c's own reconnecting is off.  A lost connection is closed and made anew with fresh
 * options (credentials and certificates are read again), and nothing that was buffered for
 * the old one is ever sent on the new one: a stale NAK would hit another worker's delivery.
 * Subscriptions are made again by the link; what was published and may be lost is the
 * business of its sender, who learns of CONNECTION_DOWN and CONNECTION_UP.
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
    /* `text`: the server's URL when up, else why not, in one line. */
    void (*on_state)(void *data, enum connection_state state, const char *text);
    /* What the server said about this connection, for example a permissions violation. */
    void (*on_error)(void *data, const char *text);
};

/* A message belongs to the callee, who gives it back with connection_recycle(). NULL: the server said
 * that nobody answers to something that was published with a reply subject of this subscription. */
typedef void (*connection_message_fn)(void *data, natsMsg *msg);

/* nats.c keeps "no responders" from a subscription that is polled: CONNECTION_STREAM, for the many
 * messages of a pull, learns that one came (msg NULL) but not for which request.  CONNECTION_REPLIES
 * has a thread of nats.c's in between and sees every message. */
enum connection_delivery { CONNECTION_STREAM, CONNECTION_REPLIES };

/* Starts the thread, which connects and, if that fails, tries again for ever. `name` is what
 * the server shows for this connection.  `config` must outlive the link. */
int connection_create(struct connection **ret, struct loop *loop, const struct config_cluster *config, const char *name,
                      const struct connection_callbacks *callbacks, void *data, struct error *err);
/* Sends what is queued (for at most `flush_ns`), closes, joins the thread. No callback is called. False: the
 * thread is inside a connect and goes on by itself; the config must live on. */
bool connection_destroy(struct connection *l, int64_t flush_ns);
/* connection_destroy() has returned false once. Such a process ends by _exit(): OpenSSL's exit handler would free what
 * the thread uses. */
bool connection_thread_left(void);

enum connection_state connection_state(const struct connection *l);
const char *connection_cluster(const struct connection *l);
/* "_INBOX.x7k...": the prefix of all reply subjects of this link; the same for its lifetime. */
const char *connection_inbox(const struct connection *l);
const char *connection_state_text(const struct connection *l);
uint64_t connection_reconnects(const struct connection *l);
/* The server's limit for one message, 0 when never connected. */
int64_t connection_max_payload(const struct connection *l);

/* Owned by the link; survives reconnects.  NULL: out of memory.
 * Of what came in together, a CONNECTION_STREAM that was made later is delivered first: what comes to an earlier one
 * never overtakes what the server sent to a later one before it. */
struct connection_sub *connection_subscribe(struct connection *l, const char *subject,
                                            enum connection_delivery delivery, connection_message_fn fn, void *data);
/* The server is told to send no more; what is on its way is still delivered. */
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

/* Queues; everything queued in one iteration goes out together. Dropped when not connected:
 * -ENOTCONN if that is known already.  -ENOMEM. */
int connection_publish(struct connection *l, const struct connection_publish *p);

/* Takes a message back; memory is released in bursts (one wake-up of nats.c's collector for many). */
void connection_recycle(struct connection *l, natsMsg *msg);

/* Fails the current connection, as if the server had closed it. For tests and watchdogs. */
void connection_kick(struct connection *l, const char *why);

#endif
