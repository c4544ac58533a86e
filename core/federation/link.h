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
 * business of its sender, who learns of LINK_DOWN and LINK_UP.
 *
 * Thread: all functions and callbacks belong to the loop's thread.
 * Sources: nats.c 3.14 conn.c (event loop interface), NATS client protocol.
 */
#ifndef SEAMQ_FEDERATION_LINK_H
#define SEAMQ_FEDERATION_LINK_H

#include "base/error.h"
#include "base/loop.h"
#include "config/config.h"

#include <nats/nats.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct link;
struct link_sub;

enum link_state { LINK_CONNECTING, LINK_UP, LINK_DOWN };

struct link_callbacks {
    /* `text`: the server's URL when up, else why not, in one line. */
    void (*on_state)(void *data, enum link_state state, const char *text);
    /* What the server said about this connection, for example a permissions violation. */
    void (*on_error)(void *data, const char *text);
};

/* A message belongs to the callee, who gives it back with link_recycle(). NULL: the server said
 * that nobody answers to something that was published with a reply subject of this subscription. */
typedef void (*link_message_fn)(void *data, natsMsg *msg);

/* nats.c keeps "no responders" from a subscription that is polled: LINK_STREAM, for the many
 * messages of a pull, learns that one came (msg NULL) but not for which request.  LINK_REPLIES
 * has a thread of nats.c's in between and sees every message. */
enum link_delivery { LINK_STREAM, LINK_REPLIES };

/* Starts the thread, which connects and, if that fails, tries again for ever. `name` is what
 * the server shows for this connection.  `config` must outlive the link. */
int link_create(struct link **ret, struct loop *loop, const struct config_cluster *config, const char *name,
                const struct link_callbacks *callbacks, void *data, struct error *err);
/* Sends what is queued (for at most `flush_ns`), closes, joins the thread. No callback is called. False: the
 * thread is inside a connect and goes on by itself; the config must live on. */
bool link_destroy(struct link *l, int64_t flush_ns);
/* link_destroy() has returned false once. Such a process ends by _exit(): OpenSSL's exit handler would free what
 * the thread uses. */
bool link_thread_left(void);

enum link_state link_state(const struct link *l);
const char *link_cluster(const struct link *l);
/* "_INBOX.x7k...": the prefix of all reply subjects of this link; the same for its lifetime. */
const char *link_inbox(const struct link *l);
const char *link_state_text(const struct link *l);
uint64_t link_reconnects(const struct link *l);
/* The server's limit for one message, 0 when never connected. */
int64_t link_max_payload(const struct link *l);

/* Owned by the link; survives reconnects.  NULL: out of memory.
 * Of what came in together, a LINK_STREAM that was made later is delivered first: what comes to an earlier one never
 * overtakes what the server sent to a later one before it. */
struct link_sub *link_subscribe(struct link *l, const char *subject, enum link_delivery delivery, link_message_fn fn,
                                void *data);
/* The server is told to send no more; what is on its way is still delivered. */
void link_drain_sub(struct link_sub *sub);
/* No callback afterwards. */
void link_unsubscribe(struct link_sub *sub);

struct link_publish {
    const char *subject;
    const char *reply;   /* NULL: none */
    const char *headers; /* "Name\0value\0..."; NULL: none */
    size_t headers_size;
    const void *data;
    size_t size;
};

/* Queues; everything queued in one iteration goes out together. Dropped when not connected:
 * -ENOTCONN if that is known already.  -ENOMEM. */
int link_publish(struct link *l, const struct link_publish *p);

/* Takes a message back; memory is released in bursts (one wake-up of nats.c's collector for many). */
void link_recycle(struct link *l, natsMsg *msg);

/* Fails the current connection, as if the server had closed it. For tests and watchdogs. */
void link_kick(struct link *l, const char *why);

#endif
