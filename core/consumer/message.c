/* SPDX-License-Identifier: Apache-2.0
 * message - the table of in-flight messages, hashed by stream sequence. */
#include "message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS_MIN 64
#define SPARE_MAX 4096 /* about as many messages as one confirmation frees */

static size_t bucket_of(const struct message_table *t, uint64_t seq)
{
    return (size_t)(seq * UINT64_C(0x9E3779B97F4A7C15) >> 20) & (t->n_buckets - 1);
}

int message_table_init(struct message_table *t)
{
    *t = (struct message_table){.n_buckets = BUCKETS_MIN};
    list_init(&t->leases);
    list_init(&t->acked);
    list_init(&t->away);
    list_init(&t->settled);
    t->buckets = calloc(t->n_buckets, sizeof(*t->buckets));
    return t->buckets ? 0 : -ENOMEM;
}

void message_table_finish(struct message_table *t)
{
    for (size_t i = 0; i < t->n_buckets && t->buckets; i++) {
        for (struct message *m = t->buckets[i], *next; m; m = next) {
            next = m->chain;
            natsMsg_Destroy(m->msg);
            free(m);
        }
    }
    for (struct message *m = t->spare, *next; m; m = next) {
        next = m->chain;
        free(m);
    }
    free(t->buckets);
    t->buckets = NULL;
}

struct message *message_find(const struct message_table *t, uint64_t stream_seq, int64_t stored_ns)
{
    /* The time differs if the sequence belongs to a recreated stream. */
    for (struct message *m = t->buckets[bucket_of(t, stream_seq)]; m; m = m->chain)
        if (m->stream_seq == stream_seq && m->stored_ns == stored_ns)
            return m;
    return NULL;
}

/* Each chain keeps its order, latest first: of a message that still runs for a deleted consumer and was delivered again
 * by the new one, message_find() must find the latter. */
static void table_grow(struct message_table *t)
{
    struct message_table bigger = {.n_buckets = t->n_buckets * 4};
    bigger.buckets = calloc(bigger.n_buckets, sizeof(*bigger.buckets));
    if (!bigger.buckets)
        return; /* the chains get longer */
    for (size_t i = 0; i < t->n_buckets; i++) {
        for (struct message *m = t->buckets[i], *next; m; m = next) {
            next = m->chain;
            struct message **at = &bigger.buckets[bucket_of(&bigger, m->stream_seq)];
            while (*at)
                at = &(*at)->chain;
            *at = m;
            m->chain = NULL;
        }
    }
    free(t->buckets);
    t->buckets = bigger.buckets;
    t->n_buckets = bigger.n_buckets;
}

static void set_delivery(struct message_table *t, struct message *m, natsMsg *msg, const struct ack_meta *meta)
{
    m->msg = msg;
    m->lease_lost = false;
    t->bytes += (size_t)natsMsg_GetDataLength(msg);
    m->consumer_seq = meta->consumer_seq;
    m->delivered = meta->delivered;
    m->pending = meta->pending;
}

struct message *message_add(struct message_table *t, struct consumer *c, natsMsg *msg, const struct ack_meta *meta)
{
    struct message *m = t->spare;
    if (m) {
        t->spare = m->chain;
        t->n_spare--;
    } else {
        m = malloc(sizeof(*m));
        if (!m)
            return NULL;
    }
    if (t->n >= t->n_buckets)
        table_grow(t);
    memset(m, 0, offsetof(struct message, reply));
    m->consumer = c;
    m->stream_seq = meta->stream_seq;
    m->stored_ns = meta->stored_ns;
    m->state = MESSAGE_READY;
    set_delivery(t, m, msg, meta);
    list_init(&m->node);
    list_init(&m->lease);
    list_init(&m->order);
    list_push_back(&t->leases, &m->lease);
    size_t b = bucket_of(t, m->stream_seq);
    m->chain = t->buckets[b];
    t->buckets[b] = m;
    t->n++;
    t->n_by_state[MESSAGE_READY]++;
    return m;
}

const char *message_state_name(enum message_state state)
{
    static const char *const names[MESSAGE_SETTLED + 1] = {
        [MESSAGE_READY] = "ready",       [MESSAGE_RUNNING] = "running", [MESSAGE_WAITING] = "waiting",
        [MESSAGE_SETTLING] = "settling", [MESSAGE_DONE] = "done",       [MESSAGE_ACKED] = "acked",
    };
    return names[state];
}

static void drop_msg(struct message_table *t, struct message *m, struct connection *connection)
{
    if (!m->msg)
        return;
    t->bytes -= (size_t)natsMsg_GetDataLength(m->msg);
    if (connection)
        connection_recycle(connection, m->msg);
    else
        natsMsg_Destroy(m->msg);
    m->msg = NULL;
}

void message_drop_message(struct message_table *t, struct message *m, struct connection *connection)
{
    const char *reply = m->msg ? natsMsg_GetReply(m->msg) : NULL;
    if (m->state == MESSAGE_ACKED && (!reply || strlen(reply) >= sizeof(m->reply)))
        return;
    if (reply && m->state == MESSAGE_ACKED)
        strcpy(m->reply, reply);
    drop_msg(t, m, connection);
}

void message_refresh(struct message_table *t, struct message *m, natsMsg *msg, const struct ack_meta *meta,
                     struct connection *connection)
{
    drop_msg(t, m, connection);
    set_delivery(t, m, msg, meta);
    if (m->state == MESSAGE_ACKED)
        return;
    list_remove(&m->lease);
    list_push_back(&t->leases, &m->lease);
}

void message_set_state(struct message_table *t, struct message *m, enum message_state state)
{
    t->n_by_state[m->state]--;
    t->n_by_state[state]++;
    m->state = state;
    if (state >= MESSAGE_ACKED) {
        list_remove(&m->lease);
        list_remove(&m->node);
        list_push_back(state == MESSAGE_ACKED ? &t->acked : state == MESSAGE_AWAY ? &t->away : &t->settled, &m->node);
    }
}

static bool arrived_before(const struct message *a, const struct message *b)
{
    if (a->arrived_ns != b->arrived_ns)
        return a->arrived_ns < b->arrived_ns;
    return a->consumer_seq < b->consumer_seq;
}

void message_put_back(struct list *list, struct message *m)
{
    struct list *at = list;
    while (at->next != list && arrived_before(container_of(at->next, struct message, node), m))
        at = at->next;
    list_insert_after(at, &m->node);
}

void message_free(struct message_table *t, struct message *m, struct connection *connection)
{
    struct message **at = &t->buckets[bucket_of(t, m->stream_seq)];
    while (*at != m)
        at = &(*at)->chain;
    *at = m->chain;
    list_remove(&m->node);
    list_remove(&m->lease);
    list_remove(&m->order);
    t->n--;
    t->n_by_state[m->state]--;
    drop_msg(t, m, connection);
    if (t->n_spare < SPARE_MAX) {
        m->chain = t->spare;
        t->spare = m;
        t->n_spare++;
    } else {
        free(m);
    }
}
