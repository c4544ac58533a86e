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
#ifndef SEAMQ_CONSUMER_HELD_H
#define SEAMQ_CONSUMER_HELD_H

#include "ack_meta.h"

#include "base/list.h"
#include "base/loop.h"
#include "federation/link.h"

#include <stdbool.h>

struct consumer;
struct lane;

/* Longer reply subjects are kept with their whole message. */
#define HELD_REPLY_MAX 160

enum held_state {
    HELD_READY,    /* waits for a worker */
    HELD_RUNNING,  /* in a worker's ring or being handled */
    HELD_WAITING,  /* waits for its next attempt */
    HELD_SETTLING, /* outputs or dead letter are being published */
    HELD_DONE,     /* finished; waits for the acknowledgement of all before it (ack = cumulative) */
    HELD_ACKED,    /* acknowledged; kept until the server has answered something later */
    HELD_AWAY,     /* given back to the server; only the attempt count is kept */
    HELD_SETTLED,  /* acknowledged and confirmed; remembered for the sake of order */
};

struct held {
    struct list node;   /* in the list that belongs to its state */
    struct list lease;  /* in the table's leases, by time of renewal; not when ACKED, AWAY or SETTLED */
    struct list order;  /* ack = cumulative: by place in the stream, until it is ACKED */
    struct held *chain; /* hash chain */
    struct lane *lane;  /* of an ordered handler: the messages of its key; NULL: in none */
    struct list in_lane;
    struct consumer *consumer;
    natsMsg *msg; /* owned; NULL when AWAY, and when ACKED with its reply subject kept below */
    enum held_state state;
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
    char reply[HELD_REPLY_MAX];
};

/* "ready", "running" and so on; NULL: nobody waits for it (AWAY, SETTLED). */
const char *held_state_name(enum held_state state);

struct held_table {
    struct held **buckets;
    size_t n_buckets; /* power of two */
    size_t n;         /* all states */
    size_t n_by_state[HELD_SETTLED + 1];
    size_t bytes; /* payloads of all that have their message */
    struct list leases;
    struct list acked;
    struct list away;
    struct list settled;
    struct held *spare; /* chain of free ones */
    size_t n_spare;
};

int held_table_init(struct held_table *t);
/* Messages are destroyed. */
void held_table_finish(struct held_table *t);

/* Of several of the same place and time, the latest that was added. */
struct held *held_find(const struct held_table *t, uint64_t stream_seq, int64_t stored_ns);
/* Takes `msg`; READY, in no list but the leases. NULL: out of memory. */
struct held *held_add(struct held_table *t, struct consumer *c, natsMsg *msg, const struct ack_meta *meta);
/* The same message came again: the newer delivery's reply subject is the one that counts. */
void held_refresh(struct held_table *t, struct held *h, natsMsg *msg, const struct ack_meta *meta, struct link *link);
/* The message itself is not needed any more, only where to answer. */
void held_drop_message(struct held_table *t, struct held *h, struct link *link);
void held_set_state(struct held_table *t, struct held *h, enum held_state state);
/* Back to the front of a list that it was in before, behind those that came earlier. */
void held_put_back(struct list *list, struct held *h);
/* Out of all lists, its message to link_recycle(). */
void held_free(struct held_table *t, struct held *h, struct link *link);

static inline const char *held_reply(const struct held *h)
{
    return h->msg ? natsMsg_GetReply(h->msg) : h->reply;
}

#endif
