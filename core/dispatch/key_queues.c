/* SPDX-License-Identifier: Apache-2.0
 * key_queues - a hash table of key queues. */
#include "key_queues.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS_MIN 64

struct key_queue {
    struct key_queue *chain; /* next in the hash bucket */
    struct key_queues *owner;
    struct list messages; /* by message.in_key_queue, in the order of the stream */
    struct message *turn; /* the message in the ready list, with a worker, or being settled; NULL: none */
    size_t n;
    bool full; /* set at key_max_in_flight messages, cleared at half of that */
    uint64_t hash;
    size_t len;
    char key[];
};

struct key_queues {
    const struct config_handler *config;
    struct list *ready;
    bool in_order; /* false: the redelivery sync has not ended, so no message gets a turn */
    struct key_queue **buckets;
    size_t n_buckets; /* power of two */
    size_t n;
    size_t n_turns; /* key queues whose `turn` is set */
    size_t n_full;
    uint64_t stops;
};

int key_queues_create(struct key_queues **ret, const struct config_handler *config, bool in_order, struct list *ready)
{
    struct key_queues *queues = calloc(1, sizeof(*queues));
    if (queues)
        queues->buckets = calloc(BUCKETS_MIN, sizeof(*queues->buckets));
    if (!queues || !queues->buckets) {
        free(queues);
        return -ENOMEM;
    }
    queues->config = config;
    queues->ready = ready;
    queues->n_buckets = BUCKETS_MIN;
    queues->in_order = in_order;
    *ret = queues;
    return 0;
}

void key_queues_destroy(struct key_queues *queues)
{
    if (!queues)
        return;
    for (size_t i = 0; i < queues->n_buckets; i++) {
        for (struct key_queue *queue = queues->buckets[i], *next; queue; queue = next) {
            next = queue->chain;
            free(queue);
        }
    }
    free(queues->buckets);
    free(queues);
}

void key_queues_set_config(struct key_queues *queues, const struct config_handler *config)
{
    queues->config = config;
}

/* ---- keys ------------------------------------------------------------------------- */

struct key {
    const char *at; /* not terminated */
    size_t len;
};

/* A message without the token or the header has the empty key. */
static struct key message_key(const struct config_handler *c, natsMsg *msg)
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

static uint64_t key_hash(struct key key) /* FNV-1a */
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < key.len; i++)
        hash = (hash ^ (unsigned char)key.at[i]) * UINT64_C(0x100000001b3);
    return hash ^ hash >> 32;
}

static struct key_queue **bucket_of(const struct key_queues *queues, uint64_t hash)
{
    return &queues->buckets[hash & (queues->n_buckets - 1)];
}

static void buckets_grow(struct key_queues *queues)
{
    struct key_queues bigger = {.n_buckets = queues->n_buckets * 4};
    bigger.buckets = calloc(bigger.n_buckets, sizeof(*bigger.buckets));
    if (!bigger.buckets)
        return; /* the table works with longer chains */
    for (size_t i = 0; i < queues->n_buckets; i++) {
        for (struct key_queue *queue = queues->buckets[i], *next; queue; queue = next) {
            struct key_queue **bucket = bucket_of(&bigger, queue->hash);
            next = queue->chain;
            queue->chain = *bucket;
            *bucket = queue;
        }
    }
    free(queues->buckets);
    queues->buckets = bigger.buckets;
    queues->n_buckets = bigger.n_buckets;
}

static struct key_queue *queue_get(struct key_queues *queues, struct key key)
{
    uint64_t hash = key_hash(key);
    for (struct key_queue *queue = *bucket_of(queues, hash); queue; queue = queue->chain)
        if (queue->hash == hash && queue->len == key.len && memcmp(queue->key, key.at, key.len) == 0)
            return queue;
    struct key_queue *queue = malloc(sizeof(*queue) + key.len + 1);
    if (!queue)
        abort(); /* running the message without a key queue would break the order; a restart does not */
    if (queues->n >= queues->n_buckets)
        buckets_grow(queues);
    struct key_queue **bucket = bucket_of(queues, hash);
    *queue = (struct key_queue){.chain = *bucket, .owner = queues, .hash = hash, .len = key.len};
    list_init(&queue->messages);
    memcpy(queue->key, key.at, key.len);
    queue->key[key.len] = '\0';
    *bucket = queue;
    queues->n++;
    return queue;
}

static void queue_free(struct key_queue *queue)
{
    struct key_queue **at = bucket_of(queue->owner, queue->hash);
    while (*at != queue)
        at = &(*at)->chain;
    *at = queue->chain;
    queue->owner->n--;
    free(queue);
}

const char *key_queue_key(const struct key_queue *queue)
{
    return queue->key;
}

/* ---- turns -------------------------------------------------------------------------- */

static struct message *first_message(const struct key_queue *queue)
{
    return list_empty(&queue->messages) ? NULL : container_of(queue->messages.next, struct message, in_key_queue);
}

static void turn_set(struct key_queue *queue, struct message *m)
{
    queue->owner->n_turns += (m != NULL) - (queue->turn != NULL);
    queue->turn = m;
}

/* Gives the turn to the first message if it is READY. An earlier message that arrives late takes the turn from a
 * message that is READY, but not from one that has been pushed to a worker. */
static void turn_update(struct key_queue *queue)
{
    struct key_queues *queues = queue->owner;
    struct message *next = first_message(queue);

    if (queue->turn && queue->turn->state != MESSAGE_READY)
        return;
    if (!queues->in_order || (next && next->state != MESSAGE_READY))
        next = NULL;
    if (next == queue->turn)
        return;
    if (queue->turn)
        list_remove(&queue->turn->node);
    if (next)
        list_push_back(queues->ready, &next->node);
    turn_set(queue, next);
}

static void queue_set_length(struct key_queue *queue, size_t n)
{
    size_t max = (size_t)queue->owner->config->key_max_in_flight;
    bool full = n >= max || (queue->full && n > max / 2);

    queue->n = n;
    queue->owner->n_full += (size_t)full - (size_t)queue->full;
    queue->owner->stops += full && !queue->full;
    queue->full = full;
}

static void queue_insert(struct key_queue *queue, struct message *m)
{
    struct list *at = queue->messages.prev;
    while (at != &queue->messages && container_of(at, struct message, in_key_queue)->stream_seq > m->stream_seq)
        at = at->prev;
    list_insert_after(at, &m->in_key_queue);
    m->key_queue = queue;
    queue_set_length(queue, queue->n + 1);
}

void key_queues_add(struct key_queues *queues, struct message *m)
{
    if (!m->key_queue)
        queue_insert(queue_get(queues, message_key(queues->config, m->msg)), m);
    turn_update(m->key_queue);
}

void key_queues_set_in_order(struct key_queues *queues, bool in_order)
{
    if (queues->in_order == in_order)
        return;
    queues->in_order = !queues->in_order;
    for (size_t i = 0; i < queues->n_buckets; i++)
        for (struct key_queue *queue = queues->buckets[i]; queue; queue = queue->chain)
            turn_update(queue);
}

void key_queue_note_waiting(struct message *m)
{
    turn_set(m->key_queue, NULL);
    turn_update(m->key_queue); /* an earlier message may have arrived meanwhile */
}

void key_queue_note_ready(struct message *m)
{
    turn_update(m->key_queue);
}

void key_queue_requeue(struct message *m)
{
    message_put_back(m->key_queue->owner->ready, m);
    turn_update(m->key_queue);
}

void key_queue_note_left(struct message *m, bool for_good)
{
    struct key_queue *queue = m->key_queue;

    if (queue->turn == m)
        turn_set(queue, NULL);
    if (for_good) {
        list_remove(&m->in_key_queue);
        m->key_queue = NULL;
        queue_set_length(queue, queue->n - 1);
    }
    if (queue->n)
        turn_update(queue);
    else
        queue_free(queue);
}

/* ---- numbers --------------------------------------------------------------------------- */

size_t key_queues_turns(const struct key_queues *queues)
{
    return queues->n_turns;
}

size_t key_queues_full(const struct key_queues *queues)
{
    return queues->n_full;
}

struct key_queues_stats key_queues_stats(const struct key_queues *queues)
{
    struct key_queues_stats s = {.n = queues->n, .n_full = queues->n_full, .stops = queues->stops};
    for (size_t i = 0; i < queues->n_buckets && queues->n_full && !s.full; i++) {
        for (struct key_queue *queue = queues->buckets[i]; queue && !s.full; queue = queue->chain) {
            if (queue->full) {
                s.full = queue->key;
                s.full_n = queue->n;
            }
        }
    }
    return s;
}
