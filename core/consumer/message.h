/* SPDX-License-Identifier: Apache-2.0
 *
 * message - in-flight messages: delivered to this daemon and not yet settled for good; and the table of them.
 *
 * A message stays in the table from its delivery until the server certainly has its acknowledgement, or until it was
 * given back.  Meanwhile its lease is renewed (+WPI) at a third of ack wait, and a second delivery only replaces the
 * reply subject.  After the lease has expired neither NAK nor TERM is sent, because it would reach another holder's
 * delivery.
 *
 * Owner: the consumer's table; a table can also be used without a consumer. Thread: the loop's.
 */
#ifndef SEAMQ_CONSUMER_MESSAGE_H
#define SEAMQ_CONSUMER_MESSAGE_H

#include "jetstream/ack_meta.h"

#include "base/list.h"
#include "base/loop.h"
#include "federation/connection.h"

#include <stdbool.h>

struct consumer;
struct key_queue;

/* A message with a longer reply subject is kept as a whole. */
#define MESSAGE_REPLY_MAX 160

enum message_state {
    MESSAGE_READY,    /* waits for a worker */
    MESSAGE_RUNNING,  /* in a worker's ring, or its handler runs */
    MESSAGE_WAITING,  /* waits for its next attempt */
    MESSAGE_SETTLING, /* its outputs or its dead letter are being published */
    MESSAGE_DONE,     /* ack = cumulative: finished, waits for the acknowledgement of all earlier messages */
    MESSAGE_ACKED,    /* acknowledged; kept until the server has responded to a later request */
    MESSAGE_AWAY,     /* given back to the server; kept for its attempt count */
    MESSAGE_SETTLED,  /* acknowledged and confirmed; kept to recognise a redelivery of an ordered handler's message */
};

struct message {
    struct list node;            /* in the list of its state */
    struct list lease;           /* in message_table.leases, by time of renewal; not when ACKED, AWAY or SETTLED */
    struct list order;           /* ack = cumulative: by stream sequence, until ACKED */
    struct message *chain;       /* next in the hash bucket */
    struct key_queue *key_queue; /* ordered handlers: the queue of its key; NULL: none */
    struct list in_key_queue;
    struct consumer *consumer;
    natsMsg *msg; /* owned; NULL when AWAY or SETTLED, and when ACKED with `reply` set */
    enum message_state state;
    uint32_t attempts; /* runs of the handler that failed or are going on */
    uint32_t crashes;  /* runs in which the worker died or hung; counted in attempts, too */
    uint64_t stream_seq;
    uint64_t consumer_seq;
    uint64_t delivered;          /* the server's delivery count, from 1 */
    uint64_t pending;            /* messages after this one, when it was delivered */
    int64_t stored_ns;           /* Unix time */
    int64_t stream_created_ns;   /* of the stream that delivered it; Unix time */
    int64_t consumer_created_ns; /* of the consumer that delivered it */
    int64_t lease_until_ns;
    bool redelivered;     /* given back to the server, and then redelivered to this daemon */
    bool keep_when_old;   /* READY: not given back to the server, however long it waits */
    bool settled_counted; /* ack = cumulative: counted as settled; its acknowledgement may be due again */
    bool run_alone;       /* in no batch: the worker died in a batch with this message, and it is not cleared yet */
    bool lease_lost;      /* the lease expired: another daemon may have the message now */
    int64_t arrived_ns;
    uint64_t run_id;         /* RUNNING: its id in the worker's ring */
    struct loop_timer retry; /* WAITING: the next attempt */
    void *settlement;        /* owned by the settle module; NULL: none */
    char reply[MESSAGE_REPLY_MAX];
};

/* "ready", "running" and so on, as in /status.json; NULL for AWAY and SETTLED. */
const char *message_state_name(enum message_state state);

struct message_table {
    struct message **buckets;
    size_t n_buckets; /* power of two */
    size_t n;         /* messages in all states */
    size_t n_by_state[MESSAGE_SETTLED + 1];
    size_t bytes; /* payloads */
    struct list leases;
    struct list acked;
    struct list away;
    struct list settled;
    struct message *spare; /* chain of structs for reuse */
    size_t n_spare;
};

/* 0 or -ENOMEM. */
int message_table_init(struct message_table *t);
/* Frees all messages. */
void message_table_finish(struct message_table *t);

/* If several messages have the same sequence and time, the one added last. NULL: none. */
struct message *message_find(const struct message_table *t, uint64_t stream_seq, int64_t stored_ns);
/* Takes `msg`. The new message is READY, and in no list but the leases. `c` may be NULL. NULL: out of memory. */
struct message *message_add(struct message_table *t, struct consumer *c, natsMsg *msg, const struct ack_meta *meta);

/* In the functions below, a natsMsg that is not needed any more goes to connection_recycle(), or is destroyed if
 * `connection` is NULL. */

/* The message was delivered again: takes `msg`, whose reply subject replaces the former one. */
void message_refresh(struct message_table *t, struct message *m, natsMsg *msg, const struct ack_meta *meta,
                     struct connection *connection);
/* Drops the natsMsg. When ACKED, the reply subject is kept. */
void message_drop_message(struct message_table *t, struct message *m, struct connection *connection);
/* ACKED, AWAY and SETTLED move the message into the list of that state. */
void message_set_state(struct message_table *t, struct message *m, enum message_state state);
/* Inserts a message near the front of a list, after those that arrived before it. */
void message_put_back(struct list *list, struct message *m);
/* Removes the message from the table and from all lists. */
void message_free(struct message_table *t, struct message *m, struct connection *connection);

static inline const char *message_reply(const struct message *m)
{
    return m->msg ? natsMsg_GetReply(m->msg) : m->reply;
}

#endif
