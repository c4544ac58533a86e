/* SPDX-License-Identifier: Apache-2.0
 * lanes - a hash table of keys, each with its queue of messages. */
#include "key_queues.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS_MIN 64

struct key_queue {
    struct key_queue *chain;
    struct key_queues *key_queues;
    struct list queue;    /* of held.in_key_queue, by stream sequence */
    struct message *turn; /* in the ready list, with a worker, or being settled; NULL: none is */
    size_t n;
    bool full; /* since it had key_max_in_flight, until it has half of that */
    uint64_t hash;
    size_t len;
    char key[];
};

struct key_queues {
    const struct config_handler *config;
    struct list *ready;
    bool moving; /* everything is here in order; false: no key queue moves */
    struct key_queue **buckets;
    size_t n_buckets; /* power of two */
    size_t n;
    size_t n_turns; /* lanes with a turn */
    size_t n_full;
    uint64_t stops;
};

int key_queues_create(struct key_queues **ret, const struct config_handler *config, bool in_order, struct list *ready)
{
    struct key_queues *l = calloc(1, sizeof(*l));
    if (l)
        l->buckets = calloc(BUCKETS_MIN, sizeof(*l->buckets));
    if (!l || !l->buckets) {
        free(l);
        return -ENOMEM;
    }
    l->config = config;
    l->ready = ready;
    l->n_buckets = BUCKETS_MIN;
    l->moving = in_order;
    *ret = l;
    return 0;
}

void key_queues_destroy(struct key_queues *l)
{
    if (!l)
        return;
    for (size_t i = 0; i < l->n_buckets; i++) {
        for (struct key_queue *key_queue = l->buckets[i], *next; key_queue; key_queue = next) {
            next = key_queue->chain;
            free(key_queue);
        }
    }
    free(l->buckets);
    free(l);
}

void key_queues_set_config(struct key_queues *l, const struct config_handler *config)
{
    l->config = config;
}

/* ---- keys ------------------------------------------------------------------------- */

struct key {
    const char *at; /* not terminated */
    size_t len;
};

/* What has no such token or header has the empty key. */
static struct key key_of(const struct config_handler *c, natsMsg *msg)
{
    const char *at = natsMsg_GetSubject(msg);

    switch (c->ordering) {
    case ORDERING_HEADER:
        if (natsMsgHeader_Get(msg, c->ordering_header, &at) != NATS_OK || !at)
            at = "";
        break;
    case ORDERING_TOKEN:
        for (int64_t i = 1; i < c->ordering_token && *at; i++) {
            at += strcspn(at, ".");
            at += *at == '.';
        }
        return (struct key){at, strcspn(at, ".")};
    case ORDERING_SUBJECT:
    case ORDERING_NONE: break;
    }
    return (struct key){at, strlen(at)};
}

static uint64_t hash_of(struct key key) /* FNV-1a */
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < key.len; i++)
        hash = (hash ^ (unsigned char)key.at[i]) * UINT64_C(0x100000001b3);
    return hash ^ hash >> 32;
}

static struct key_queue **bucket_of(const struct key_queues *l, uint64_t hash)
{
    return &l->buckets[hash & (l->n_buckets - 1)];
}

static void grow(struct key_queues *l)
{
    struct key_queues bigger = {.n_buckets = l->n_buckets * 4};
    bigger.buckets = calloc(bigger.n_buckets, sizeof(*bigger.buckets));
    if (!bigger.buckets)
        return; /* longer chains then */
    for (size_t i = 0; i < l->n_buckets; i++) {
        for (struct key_queue *key_queue = l->buckets[i], *next; key_queue; key_queue = next) {
            struct key_queue **bucket = bucket_of(&bigger, key_queue->hash);
            next = key_queue->chain;
            key_queue->chain = *bucket;
            *bucket = key_queue;
        }
    }
    free(l->buckets);
    l->buckets = bigger.buckets;
    l->n_buckets = bigger.n_buckets;
}

static struct key_queue *find_lane(struct key_queues *l, struct key key)
{
    uint64_t hash = hash_of(key);
    for (struct key_queue *key_queue = *bucket_of(l, hash); key_queue; key_queue = key_queue->chain)
        if (key_queue->hash == hash && key_queue->len == key.len && memcmp(key_queue->key, key.at, key.len) == 0)
            return key_queue;
    struct key_queue *key_queue = malloc(sizeof(*key_queue) + key.len + 1);
    if (!key_queue)
        abort(); /* to run it without its lane would break the order; a restart does not */
    if (l->n >= l->n_buckets)
        grow(l);
    struct key_queue **bucket = bucket_of(l, hash);
    *key_queue = (struct key_queue){.chain = *bucket, .key_queues = l, .hash = hash, .len = key.len};
    list_init(&key_queue->queue);
    memcpy(key_queue->key, key.at, key.len);
    key_queue->key[key.len] = '\0';
    *bucket = key_queue;
    l->n++;
    return key_queue;
}

static void free_lane(struct key_queue *key_queue)
{
    struct key_queue **at = bucket_of(key_queue->key_queues, key_queue->hash);
    while (*at != key_queue)
        at = &(*at)->chain;
    *at = key_queue->chain;
    key_queue->key_queues->n--;
    free(key_queue);
}

const char *key_queue_key(const struct key_queue *key_queue)
{
    return key_queue->key;
}

/* ---- turns -------------------------------------------------------------------------- */

static struct message *first(const struct key_queue *key_queue)
{
    return list_empty(&key_queue->queue) ? NULL : container_of(key_queue->queue.next, struct message, in_key_queue);
}

static void set_turn(struct key_queue *key_queue, struct message *m)
{
    key_queue->key_queues->n_turns += (m != NULL) - (key_queue->turn != NULL);
    key_queue->turn = m;
}

/* Gives the turn to the first message if it can take it.  One that came late goes before a follower that
 * was only ready, never before one that a worker has. */
static void update(struct key_queue *key_queue)
{
    struct key_queues *l = key_queue->key_queues;
    struct message *next = first(key_queue);

    if (key_queue->turn && key_queue->turn->state != MESSAGE_READY)
        return;
    if (!l->moving || (next && next->state != MESSAGE_READY))
        next = NULL;
    if (next == key_queue->turn)
        return;
    if (key_queue->turn)
        list_remove(&key_queue->turn->node);
    if (next)
        list_push_back(l->ready, &next->node);
    set_turn(key_queue, next);
}

static void count(struct key_queue *key_queue, size_t n)
{
    size_t max = (size_t)key_queue->key_queues->config->key_max_in_flight;
    bool full = n >= max || (key_queue->full && n > max / 2);

    key_queue->n = n;
    key_queue->key_queues->n_full += (size_t)full - (size_t)key_queue->full;
    key_queue->key_queues->stops += full && !key_queue->full;
    key_queue->full = full;
}

static void insert(struct key_queue *key_queue, struct message *m)
{
    struct list *at = key_queue->queue.prev;
    while (at != &key_queue->queue && container_of(at, struct message, in_key_queue)->stream_seq > m->stream_seq)
        at = at->prev;
    list_insert_after(at, &m->in_key_queue);
    m->key_queue = key_queue;
    count(key_queue, key_queue->n + 1);
}

void key_queues_arrive(struct key_queues *l, struct message *m)
{
    if (!m->key_queue)
        insert(find_lane(l, key_of(l->config, m->msg)), m);
    update(m->key_queue);
}

void key_queues_order(struct key_queues *l, bool in_order)
{
    if (l->moving == in_order)
        return;
    l->moving = !l->moving;
    for (size_t i = 0; i < l->n_buckets; i++)
        for (struct key_queue *key_queue = l->buckets[i]; key_queue; key_queue = key_queue->chain)
            update(key_queue);
}

void key_queue_wait(struct message *m)
{
    set_turn(m->key_queue, NULL);
    update(m->key_queue); /* one with an earlier place may have come meanwhile */
}

void key_queue_ready(struct message *m)
{
    update(m->key_queue);
}

void key_queue_back(struct message *m)
{
    message_put_back(m->key_queue->key_queues->ready, m);
    update(m->key_queue);
}

void key_queue_left(struct message *m, bool for_good)
{
    struct key_queue *key_queue = m->key_queue;

    if (key_queue->turn == m)
        set_turn(key_queue, NULL);
    if (for_good) {
        list_remove(&m->in_key_queue);
        m->key_queue = NULL;
        count(key_queue, key_queue->n - 1);
    }
    if (key_queue->n)
        update(key_queue);
    else
        free_lane(key_queue);
}

/* ---- numbers --------------------------------------------------------------------------- */

size_t key_queues_turns(const struct key_queues *l)
{
    return l->n_turns;
}

size_t key_queues_full(const struct key_queues *l)
{
    return l->n_full;
}

struct key_queues_stats key_queues_stats(const struct key_queues *l)
{
    struct key_queues_stats s = {.n = l->n, .n_full = l->n_full, .stops = l->stops};
    for (size_t i = 0; i < l->n_buckets && l->n_full && !s.full; i++) {
        for (struct key_queue *key_queue = l->buckets[i]; key_queue && !s.full; key_queue = key_queue->chain) {
            if (key_queue->full) {
                s.full = key_queue->key;
                s.full_holds = key_queue->n;
            }
        }
    }
    return s;
}
