/* SPDX-License-Identifier: Apache-2.0
 * held - table of held messages by stream sequence. */
#include "message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS_MIN 64
#define SPARE_MAX 4096 /* about as many as one confirmation frees */

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
        for (struct message *h = t->buckets[i], *next; h; h = next) {
            next = h->chain;
            natsMsg_Destroy(h->msg);
            free(h);
        }
    }
    for (struct message *h = t->spare, *next; h; h = next) {
        next = h->chain;
        free(h);
    }
    free(t->buckets);
    t->buckets = NULL;
}

struct message *message_find(const struct message_table *t, uint64_t stream_seq, int64_t stored_ns)
{
    /* The time tells a stream that was made anew from the one that this sequence came from. */
    for (struct message *h = t->buckets[bucket_of(t, stream_seq)]; h; h = h->chain)
        if (h->stream_seq == stream_seq && h->stored_ns == stored_ns)
            return h;
    return NULL;
}

/* Each chain stays as it was, the latest first: a message of a deleted consumer that still runs may be there again, of
 * the new one, and that is the one to find. */
static void grow(struct message_table *t)
{
    struct message_table bigger = {.n_buckets = t->n_buckets * 4};
    bigger.buckets = calloc(bigger.n_buckets, sizeof(*bigger.buckets));
    if (!bigger.buckets)
        return; /* longer chains then */
    for (size_t i = 0; i < t->n_buckets; i++) {
        for (struct message *h = t->buckets[i], *next; h; h = next) {
            next = h->chain;
            struct message **at = &bigger.buckets[bucket_of(&bigger, h->stream_seq)];
            while (*at)
                at = &(*at)->chain;
            *at = h;
            h->chain = NULL;
        }
    }
    free(t->buckets);
    t->buckets = bigger.buckets;
    t->n_buckets = bigger.n_buckets;
}

static void take_meta(struct message_table *t, struct message *h, natsMsg *msg, const struct ack_meta *meta)
{
    h->msg = msg;
    h->lease_lost = false;
    t->bytes += (size_t)natsMsg_GetDataLength(msg);
    h->consumer_seq = meta->consumer_seq;
    h->delivered = meta->delivered;
    h->pending = meta->pending;
}

struct message *message_add(struct message_table *t, struct consumer *c, natsMsg *msg, const struct ack_meta *meta)
{
    struct message *h = t->spare;
    if (h) {
        t->spare = h->chain;
        t->n_spare--;
    } else {
        h = malloc(sizeof(*h));
        if (!h)
            return NULL;
    }
    if (t->n >= t->n_buckets)
        grow(t);
    memset(h, 0, offsetof(struct message, reply));
    h->consumer = c;
    h->stream_seq = meta->stream_seq;
    h->stored_ns = meta->stored_ns;
    h->state = MESSAGE_READY;
    take_meta(t, h, msg, meta);
    list_init(&h->node);
    list_init(&h->lease);
    list_init(&h->order);
    list_push_back(&t->leases, &h->lease);
    size_t b = bucket_of(t, h->stream_seq);
    h->chain = t->buckets[b];
    t->buckets[b] = h;
    t->n++;
    t->n_by_state[MESSAGE_READY]++;
    return h;
}

const char *message_state_name(enum message_state state)
{
    static const char *const names[MESSAGE_SETTLED + 1] = {
        [MESSAGE_READY] = "ready",       [MESSAGE_RUNNING] = "running", [MESSAGE_WAITING] = "waiting",
        [MESSAGE_SETTLING] = "settling", [MESSAGE_DONE] = "done",       [MESSAGE_ACKED] = "acked",
    };
    return names[state];
}

static void drop(struct message_table *t, struct message *h, struct connection *connection)
{
    if (!h->msg)
        return;
    t->bytes -= (size_t)natsMsg_GetDataLength(h->msg);
    connection_recycle(connection, h->msg);
    h->msg = NULL;
}

void message_drop_message(struct message_table *t, struct message *h, struct connection *connection)
{
    const char *reply = h->msg ? natsMsg_GetReply(h->msg) : NULL;
    if (h->state == MESSAGE_ACKED && (!reply || strlen(reply) >= sizeof(h->reply)))
        return;
    if (reply && h->state == MESSAGE_ACKED)
        strcpy(h->reply, reply);
    drop(t, h, connection);
}

void message_refresh(struct message_table *t, struct message *h, natsMsg *msg, const struct ack_meta *meta,
                     struct connection *connection)
{
    drop(t, h, connection);
    take_meta(t, h, msg, meta);
    if (h->state == MESSAGE_ACKED)
        return;
    list_remove(&h->lease);
    list_push_back(&t->leases, &h->lease);
}

void message_set_state(struct message_table *t, struct message *h, enum message_state state)
{
    t->n_by_state[h->state]--;
    t->n_by_state[state]++;
    h->state = state;
    if (state >= MESSAGE_ACKED) {
        list_remove(&h->lease);
        list_remove(&h->node);
        list_push_back(state == MESSAGE_ACKED ? &t->acked : state == MESSAGE_AWAY ? &t->away : &t->settled, &h->node);
    }
}

static bool came_before(const struct message *a, const struct message *b)
{
    if (a->arrived_ns != b->arrived_ns)
        return a->arrived_ns < b->arrived_ns;
    return a->consumer_seq < b->consumer_seq;
}

void message_put_back(struct list *list, struct message *h)
{
    struct list *at = list;
    while (at->next != list && came_before(container_of(at->next, struct message, node), h))
        at = at->next;
    list_insert_after(at, &h->node);
}

void message_free(struct message_table *t, struct message *h, struct connection *connection)
{
    struct message **at = &t->buckets[bucket_of(t, h->stream_seq)];
    while (*at != h)
        at = &(*at)->chain;
    *at = h->chain;
    list_remove(&h->node);
    list_remove(&h->lease);
    list_remove(&h->order);
    t->n--;
    t->n_by_state[h->state]--;
    drop(t, h, connection);
    if (t->n_spare < SPARE_MAX) {
        h->chain = t->spare;
        t->spare = h;
        t->n_spare++;
    } else {
        free(h);
    }
}
