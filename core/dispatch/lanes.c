/* SPDX-License-Identifier: Apache-2.0
 * lanes - a hash table of keys, each with its queue of messages. */
#include "lanes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS_MIN 64

struct lane {
    struct lane *chain;
    struct lanes *lanes;
    struct list queue; /* of held.in_lane, by stream sequence */
    struct held *turn; /* in the ready list, with a worker, or being settled; NULL: none is */
    size_t n;
    bool full; /* since it had lane_max_held, until it has half of that */
    uint64_t hash;
    size_t len;
    char key[];
};

struct lanes {
    const struct config_handler *config;
    struct consumer *consumer;
    struct list *ready;
    bool moving; /* consumer_in_order(), as last told */
    struct lane **buckets;
    size_t n_buckets; /* power of two */
    size_t n;
    size_t n_turns; /* lanes with a turn */
    size_t n_full;
    uint64_t stops;
};

int lanes_create(struct lanes **ret, const struct config_handler *config, struct consumer *consumer, struct list *ready)
{
    struct lanes *l = calloc(1, sizeof(*l));
    if (l)
        l->buckets = calloc(BUCKETS_MIN, sizeof(*l->buckets));
    if (!l || !l->buckets) {
        free(l);
        return -ENOMEM;
    }
    l->config = config;
    l->consumer = consumer;
    l->ready = ready;
    l->n_buckets = BUCKETS_MIN;
    l->moving = consumer_in_order(consumer);
    *ret = l;
    return 0;
}

void lanes_destroy(struct lanes *l)
{
    if (!l)
        return;
    for (size_t i = 0; i < l->n_buckets; i++) {
        for (struct lane *lane = l->buckets[i], *next; lane; lane = next) {
            next = lane->chain;
            free(lane);
        }
    }
    free(l->buckets);
    free(l);
}

void lanes_set_config(struct lanes *l, const struct config_handler *config)
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

static struct lane **bucket_of(const struct lanes *l, uint64_t hash)
{
    return &l->buckets[hash & (l->n_buckets - 1)];
}

static void grow(struct lanes *l)
{
    struct lanes bigger = {.n_buckets = l->n_buckets * 4};
    bigger.buckets = calloc(bigger.n_buckets, sizeof(*bigger.buckets));
    if (!bigger.buckets)
        return; /* longer chains then */
    for (size_t i = 0; i < l->n_buckets; i++) {
        for (struct lane *lane = l->buckets[i], *next; lane; lane = next) {
            struct lane **bucket = bucket_of(&bigger, lane->hash);
            next = lane->chain;
            lane->chain = *bucket;
            *bucket = lane;
        }
    }
    free(l->buckets);
    l->buckets = bigger.buckets;
    l->n_buckets = bigger.n_buckets;
}

static struct lane *find_lane(struct lanes *l, struct key key)
{
    uint64_t hash = hash_of(key);
    for (struct lane *lane = *bucket_of(l, hash); lane; lane = lane->chain)
        if (lane->hash == hash && lane->len == key.len && memcmp(lane->key, key.at, key.len) == 0)
            return lane;
    struct lane *lane = malloc(sizeof(*lane) + key.len + 1);
    if (!lane)
        abort(); /* to run it without its lane would break the order; a restart does not */
    if (l->n >= l->n_buckets)
        grow(l);
    struct lane **bucket = bucket_of(l, hash);
    *lane = (struct lane){.chain = *bucket, .lanes = l, .hash = hash, .len = key.len};
    list_init(&lane->queue);
    memcpy(lane->key, key.at, key.len);
    lane->key[key.len] = '\0';
    *bucket = lane;
    l->n++;
    return lane;
}

static void free_lane(struct lane *lane)
{
    struct lane **at = bucket_of(lane->lanes, lane->hash);
    while (*at != lane)
        at = &(*at)->chain;
    *at = lane->chain;
    lane->lanes->n--;
    free(lane);
}

const char *lane_key(const struct lane *lane)
{
    return lane->key;
}

/* ---- turns -------------------------------------------------------------------------- */

static struct held *first(const struct lane *lane)
{
    return list_empty(&lane->queue) ? NULL : container_of(lane->queue.next, struct held, in_lane);
}

static void set_turn(struct lane *lane, struct held *m)
{
    lane->lanes->n_turns += (m != NULL) - (lane->turn != NULL);
    lane->turn = m;
}

/* Gives the turn to the first message if it can take it.  One that came late goes before a follower that
 * was only ready, never before one that a worker has. */
static void update(struct lane *lane)
{
    struct lanes *l = lane->lanes;
    struct held *next = first(lane);

    if (lane->turn && lane->turn->state != HELD_READY)
        return;
    if (!l->moving || (next && next->state != HELD_READY))
        next = NULL;
    if (next == lane->turn)
        return;
    if (lane->turn)
        list_remove(&lane->turn->node);
    if (next)
        list_push_back(l->ready, &next->node);
    set_turn(lane, next);
}

static void count(struct lane *lane, size_t n)
{
    size_t max = (size_t)lane->lanes->config->lane_max_held;
    bool full = n >= max || (lane->full && n > max / 2);

    lane->n = n;
    lane->lanes->n_full += (size_t)full - (size_t)lane->full;
    lane->lanes->stops += full && !lane->full;
    lane->full = full;
}

static void insert(struct lane *lane, struct held *m)
{
    struct list *at = lane->queue.prev;
    while (at != &lane->queue && container_of(at, struct held, in_lane)->stream_seq > m->stream_seq)
        at = at->prev;
    list_insert_after(at, &m->in_lane);
    m->lane = lane;
    count(lane, lane->n + 1);
}

void lanes_arrive(struct lanes *l, struct held *m)
{
    if (!m->lane)
        insert(find_lane(l, key_of(l->config, m->msg)), m);
    update(m->lane);
}

void lanes_order(struct lanes *l)
{
    if (l->moving == consumer_in_order(l->consumer))
        return;
    l->moving = !l->moving;
    for (size_t i = 0; i < l->n_buckets; i++)
        for (struct lane *lane = l->buckets[i]; lane; lane = lane->chain)
            update(lane);
}

void lane_wait(struct held *m)
{
    set_turn(m->lane, NULL);
    update(m->lane); /* one with an earlier place may have come meanwhile */
}

void lane_ready(struct held *m)
{
    update(m->lane);
}

void lane_back(struct held *m)
{
    held_put_back(m->lane->lanes->ready, m);
    update(m->lane);
}

void lane_left(struct held *m, bool for_good)
{
    struct lane *lane = m->lane;

    if (lane->turn == m)
        set_turn(lane, NULL);
    if (for_good) {
        list_remove(&m->in_lane);
        m->lane = NULL;
        count(lane, lane->n - 1);
    }
    if (lane->n)
        update(lane);
    else
        free_lane(lane);
}

/* ---- how much to pull ------------------------------------------------------------------ */

size_t lanes_window(struct lanes *l, size_t window)
{
    const size_t *n = consumer_held(l->consumer)->n_by_state;

    consumer_set_queued(l->consumer, n[HELD_READY] + n[HELD_RUNNING] + n[HELD_SETTLING] - l->n_turns);
    if (l->n_full || n[HELD_WAITING] >= consumer_max_waiting(l->consumer))
        return 0;
    /* All that is asked for may turn out to be of one key. */
    size_t most = l->n_turns + (size_t)l->config->lane_max_held;
    return window < most ? window : most;
}

struct lanes_stats lanes_stats(const struct lanes *l)
{
    struct lanes_stats s = {
        .n = l->n, .n_full = l->n_full, .stops = l->stops, .awaited = consumer_awaited(l->consumer)};
    for (size_t i = 0; i < l->n_buckets && l->n_full && !s.full; i++) {
        for (struct lane *lane = l->buckets[i]; lane && !s.full; lane = lane->chain) {
            if (lane->full) {
                s.full = lane->key;
                s.full_holds = lane->n;
            }
        }
    }
    return s;
}
