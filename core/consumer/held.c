/* SPDX-License-Identifier: Apache-2.0
 * held - table of held messages by stream sequence. */
#include "held.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS_MIN 64
#define SPARE_MAX 4096 /* about as many as one confirmation frees */

static size_t bucket_of(const struct held_table *t, uint64_t seq)
{
    return (size_t)(seq * UINT64_C(0x9E3779B97F4A7C15) >> 20) & (t->n_buckets - 1);
}

int held_table_init(struct held_table *t)
{
    *t = (struct held_table){.n_buckets = BUCKETS_MIN};
    list_init(&t->leases);
    list_init(&t->acked);
    list_init(&t->away);
    list_init(&t->settled);
    t->buckets = calloc(t->n_buckets, sizeof(*t->buckets));
    return t->buckets ? 0 : -ENOMEM;
}

void held_table_finish(struct held_table *t)
{
    for (size_t i = 0; i < t->n_buckets && t->buckets; i++) {
        for (struct held *h = t->buckets[i], *next; h; h = next) {
            next = h->chain;
            natsMsg_Destroy(h->msg);
            free(h);
        }
    }
    for (struct held *h = t->spare, *next; h; h = next) {
        next = h->chain;
        free(h);
    }
    free(t->buckets);
    t->buckets = NULL;
}

struct held *held_find(const struct held_table *t, uint64_t stream_seq, int64_t stored_ns)
{
    /* The time tells a stream that was made anew from the one that this sequence came from. */
    for (struct held *h = t->buckets[bucket_of(t, stream_seq)]; h; h = h->chain)
        if (h->stream_seq == stream_seq && h->stored_ns == stored_ns)
            return h;
    return NULL;
}

/* Each chain stays as it was, the latest first: a message of a deleted consumer that still runs may be there again, of
 * the new one, and that is the one to find. */
static void grow(struct held_table *t)
{
    struct held_table bigger = {.n_buckets = t->n_buckets * 4};
    bigger.buckets = calloc(bigger.n_buckets, sizeof(*bigger.buckets));
    if (!bigger.buckets)
        return; /* longer chains then */
    for (size_t i = 0; i < t->n_buckets; i++) {
        for (struct held *h = t->buckets[i], *next; h; h = next) {
            next = h->chain;
            struct held **at = &bigger.buckets[bucket_of(&bigger, h->stream_seq)];
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

static void take_meta(struct held_table *t, struct held *h, natsMsg *msg, const struct ack_meta *meta)
{
    h->msg = msg;
    h->lease_lost = false;
    t->bytes += (size_t)natsMsg_GetDataLength(msg);
    h->consumer_seq = meta->consumer_seq;
    h->delivered = meta->delivered;
    h->pending = meta->pending;
}

struct held *held_add(struct held_table *t, struct consumer *c, natsMsg *msg, const struct ack_meta *meta)
{
    struct held *h = t->spare;
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
    memset(h, 0, offsetof(struct held, reply));
    h->consumer = c;
    h->stream_seq = meta->stream_seq;
    h->stored_ns = meta->stored_ns;
    h->state = HELD_READY;
    take_meta(t, h, msg, meta);
    list_init(&h->node);
    list_init(&h->lease);
    list_init(&h->order);
    list_push_back(&t->leases, &h->lease);
    size_t b = bucket_of(t, h->stream_seq);
    h->chain = t->buckets[b];
    t->buckets[b] = h;
    t->n++;
    t->n_by_state[HELD_READY]++;
    return h;
}

const char *held_state_name(enum held_state state)
{
    static const char *const names[HELD_SETTLED + 1] = {
        [HELD_READY] = "ready",       [HELD_RUNNING] = "running", [HELD_WAITING] = "waiting",
        [HELD_SETTLING] = "settling", [HELD_DONE] = "done",       [HELD_ACKED] = "acked",
    };
    return names[state];
}

static void drop(struct held_table *t, struct held *h, struct link *link)
{
    if (!h->msg)
        return;
    t->bytes -= (size_t)natsMsg_GetDataLength(h->msg);
    link_recycle(link, h->msg);
    h->msg = NULL;
}

void held_drop_message(struct held_table *t, struct held *h, struct link *link)
{
    const char *reply = h->msg ? natsMsg_GetReply(h->msg) : NULL;
    if (h->state == HELD_ACKED && (!reply || strlen(reply) >= sizeof(h->reply)))
        return;
    if (reply && h->state == HELD_ACKED)
        strcpy(h->reply, reply);
    drop(t, h, link);
}

void held_refresh(struct held_table *t, struct held *h, natsMsg *msg, const struct ack_meta *meta, struct link *link)
{
    drop(t, h, link);
    take_meta(t, h, msg, meta);
    if (h->state == HELD_ACKED)
        return;
    list_remove(&h->lease);
    list_push_back(&t->leases, &h->lease);
}

void held_set_state(struct held_table *t, struct held *h, enum held_state state)
{
    t->n_by_state[h->state]--;
    t->n_by_state[state]++;
    h->state = state;
    if (state >= HELD_ACKED) {
        list_remove(&h->lease);
        list_remove(&h->node);
        list_push_back(state == HELD_ACKED ? &t->acked : state == HELD_AWAY ? &t->away : &t->settled, &h->node);
    }
}

static bool came_before(const struct held *a, const struct held *b)
{
    if (a->arrived_ns != b->arrived_ns)
        return a->arrived_ns < b->arrived_ns;
    return a->consumer_seq < b->consumer_seq;
}

void held_put_back(struct list *list, struct held *h)
{
    struct list *at = list;
    while (at->next != list && came_before(container_of(at->next, struct held, node), h))
        at = at->next;
    list_insert_after(at, &h->node);
}

void held_free(struct held_table *t, struct held *h, struct link *link)
{
    struct held **at = &t->buckets[bucket_of(t, h->stream_seq)];
    while (*at != h)
        at = &(*at)->chain;
    *at = h->chain;
    list_remove(&h->node);
    list_remove(&h->lease);
    list_remove(&h->order);
    t->n--;
    t->n_by_state[h->state]--;
    drop(t, h, link);
    if (t->n_spare < SPARE_MAX) {
        h->chain = t->spare;
        t->spare = h;
        t->n_spare++;
    } else {
        free(h);
    }
}
