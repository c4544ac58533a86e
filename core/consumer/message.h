/* SPDX-License-Identifier: Apache-2.0
 *
 * held - the messages that this daemon holds: delivered to it and not yet settled for good.
 *
 * A message is held from its delivery until the server is known to have its acknowledgement
 * (or until it went back).  While it is held, its lease is renewed (+WPI) at a third of ack
 * wait, a second delivery of the same message only refreshes the reply subject, and nothing
 * is sent that could hit another holder: no NAK, no TERM after the lease has run out.
 *
 * Owner: the consumer's table. Thread: the loop's.
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

/* Longer reply subjects are kept with their whole message. */
#define MESSAGE_REPLY_MAX 160

enum message_state {
    MESSAGE_READY,    /* waits for a worker */
    MESSAGE_RUNNING,  /* in a worker's ring or being handled */
    MESSAGE_WAITING,  /* waits for its next attempt */
    MESSAGE_SETTLING, /* outputs or dead letter are being published */
    MESSAGE_DONE,     /* finished; waits for the acknowledgement of all before it (ack = cumulative) */
    MESSAGE_ACKED,    /* acknowledged; kept until the server has answered something later */
    MESSAGE_AWAY,     /* given back to the server; only the attempt count is kept */
    MESSAGE_SETTLED,  /* acknowledged and confirmed; remembered for the sake of order */
};

struct message {
    struct list node;            /* in the list that belongs to its state */
    struct list lease;           /* in the table's leases, by time of renewal; not when ACKED, AWAY or SETTLED */
    struct list order;           /* ack = cumulative: by place in the stream, until it is ACKED */
    struct message *chain;       /* hash chain */
    struct key_queue *key_queue; /* of an ordered handler: the messages of its key; NULL: in none */
    struct list in_key_queue;
    struct consumer *consumer;
    natsMsg *msg; /* owned; NULL when AWAY, and when ACKED with its reply subject kept below */
    enum message_state state;
    uint32_t attempts; /* runs of the handler that failed or are going on */
    uint32_t crashes;  /* of these, the ones that took the worker along or hung */
    uint64_t stream_seq;
    uint64_t consumer_seq;
    uint64_t delivered; /* the server's count */
    uint64_t pending;
    int64_t stored_ns;
    int64_t stream_created_ns; /* of those that it came from */
    int64_t consumer_created_ns;
    int64_t lease_until_ns;
    bool again;      /* was here before, went back, and came again */
    bool keep;       /* not given back for having waited long */
    bool counted;    /* ack = cumulative: as settled, though its acknowledgement may be due again */
    bool alone;      /* the worker died in a call with this one: not in a batch until it is cleared */
    bool lease_lost; /* it ran out before it was renewed: somebody else may hold the message now */
    int64_t arrived_ns;
    uint64_t run_id;         /* RUNNING: what the worker knows it by */
    struct loop_timer retry; /* WAITING: when */
    void *settlement;        /* of the settle module while it has one */
    char reply[MESSAGE_REPLY_MAX];
};

/* "ready", "running" and so on; NULL: nobody waits for it (AWAY, SETTLED). */
const char *message_state_name(enum message_state state);

struct message_table {
    struct message **buckets;
    size_t n_buckets; /* power of two */
    size_t n;         /* all states */
    size_t n_by_state[MESSAGE_SETTLED + 1];
    size_t bytes; /* payloads of all that have their message */
    struct list leases;
    struct list acked;
    struct list away;
    struct list settled;
    struct message *spare; /* chain of free ones */
    size_t n_spare;
};

int message_table_init(struct message_table *t);
/* Messages are destroyed. */
void message_table_finish(struct message_table *t);

/* Of several of the same place and time, the latest that was added. */
struct message *message_find(const struct message_table *t, uint64_t stream_seq, int64_t stored_ns);
/* Takes `msg`; READY, in no list but the leases. NULL: out of memory. */
struct message *message_add(struct message_table *t, struct consumer *c, natsMsg *msg, const struct ack_meta *meta);
/* The same message came again: the newer delivery's reply subject is the one that counts. */
void message_refresh(struct message_table *t, struct message *h, natsMsg *msg, const struct ack_meta *meta,
                     struct connection *connection);
/* The message itself is not needed any more, only where to answer. */
void message_drop_message(struct message_table *t, struct message *h, struct connection *connection);
void message_set_state(struct message_table *t, struct message *h, enum message_state state);
/* Back to the front of a list that it was in before, behind those that came earlier. */
void message_put_back(struct list *list, struct message *h);
/* Out of all lists, its message to connection_recycle(). */
void message_free(struct message_table *t, struct message *h, struct connection *connection);

static inline const char *message_reply(const struct message *h)
{
    return h->msg ? natsMsg_GetReply(h->msg) : h->reply;
}

#endif
