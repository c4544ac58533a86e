/* SPDX-License-Identifier: Apache-2.0
 * consumer - creation, destruction, and the functions by which messages are settled. */
#include "consumer_private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AWAY_MAX 10000
#define WAITING_MIN 16
#define WAITING_MAX 10000
#define MESSAGE_BYTES_MAX ((size_t)256 * 1024 * 1024)
#define NAME_MAX_LEN 256

int consumer_create(struct consumer **ret, struct loop *loop, struct requests *requests,
                    const struct config_handler *handler, const struct config_cluster *cluster, unsigned index,
                    const struct consumer_callbacks *callbacks, void *data, struct error *err)
{
    char stream[NAME_MAX_LEN];
    char dead_letter[NAME_MAX_LEN];
    struct consumer *c = calloc(1, sizeof(*c));
    if (!c)
        return error_set(err, -ENOMEM, "handler %s: out of memory", handler->name);
    c->loop = loop;
    c->requests = requests;
    c->handler = handler;
    c->cluster = cluster;
    c->callbacks = *callbacks;
    c->data = data;
    c->index = index;
    c->ack = ack_ops_for(handler);
    c->ack_wait_ns = handler->ack_wait_ns;
    c->max_ack_pending = handler->max_ack_pending;
    snprintf(c->readiness.reason, sizeof(c->readiness.reason), "cluster %s: connecting", cluster->name);
    config_stream_name(handler, cluster->name, stream, sizeof(stream));
    config_cluster_name(handler->dead_letter, cluster->name, dead_letter, sizeof(dead_letter));
    c->stream = strdup(stream);
    c->dead_letter = strdup(dead_letter);
    lease_init(c);
    confirmation_init(c);
    pull_init(c);
    redelivery_sync_init(c);
    c->ack->init(c);
    int rc = c->stream && c->dead_letter ? message_table_init(&c->messages) : -ENOMEM;
    if (rc == 0)
        rc = consumer_add_path(c, requests); /* the path through the cluster's own servers */
    if (rc) {
        consumer_destroy(c);
        return error_set(err, rc, "handler %s: %s", handler->name, strerror(-rc));
    }
    path_start(c);
    *ret = c;
    return 0;
}

void consumer_destroy(struct consumer *c)
{
    if (!c)
        return;
    binding_finish(c);
    path_finish(c);
    pull_finish(c);
    lease_finish(c);
    confirmation_finish(c);
    info_finish(c);
    redelivery_sync_finish(c);
    c->ack->finish(c);
    stop_finish(c);
    for (size_t i = 0; i < c->messages.n_buckets && c->messages.buckets; i++)
        for (struct message *m = c->messages.buckets[i]; m; m = m->chain)
            loop_disarm(c->loop, &m->retry);
    message_table_finish(&c->messages);
    free(c->stream);
    free(c->dead_letter);
    free(c);
}

void consumer_set_config(struct consumer *c, const struct config_handler *handler)
{
    c->handler = handler;
}

/* ---- settling ------------------------------------------------------------------------ */

void consumer_message_left(struct consumer *c, struct message *m, bool for_good)
{
    if (m->key_queue)
        c->callbacks.on_left(c->data, m, for_good);
}

int consumer_reply(const struct consumer *c, const struct message *m, const char *body)
{
    struct connection_publish p = {.subject = message_reply(m), .data = body, .size = strlen(body)};
    return connection_publish(consumer_connection(c), &p);
}

bool consumer_stale(const struct consumer *c, const struct message *m)
{
    return m->stream_created_ns != c->stream_created_ns || m->consumer_created_ns != c->consumer_created_ns;
}

bool consumer_lease_valid(const struct consumer *c, const struct message *m)
{
    return m->msg && !m->lease_lost && c->binding.verified && !consumer_stale(c, m) &&
           loop_now_ns(c->loop) < m->lease_until_ns - c->ack_wait_ns / 20;
}

bool consumer_lease_expired(const struct consumer *c, const struct message *m)
{
    return !m->key_queue && !c->ack->exclusive && (m->lease_lost || loop_now_ns(c->loop) >= m->lease_until_ns);
}

void consumer_ack(struct consumer *c, struct message *m)
{
    c->ack->ack(c, m);
}

void consumer_term(struct consumer *c, struct message *m)
{
    /* +TERM is sent only once and may get lost.  A message with a key queue would then be redelivered after its
     * successors; with ack = cumulative the server would settle earlier messages, too. */
    if (m->key_queue || c->ack->exclusive || !consumer_lease_valid(c, m)) {
        consumer_ack(c, m);
        return;
    }
    consumer_reply(c, m, "+TERM");
    consumer_forget(c, m);
}

void consumer_give_back(struct consumer *c, struct message *m, int64_t delay_ns)
{
    char body[64] = "-NAK";
    if (delay_ns > 0)
        snprintf(body, sizeof(body), "-NAK {\"delay\":%" PRId64 "}", delay_ns);
    if (consumer_lease_valid(c, m) && !c->ack->exclusive)
        consumer_reply(c, m, body);
    loop_disarm(c->loop, &m->retry);
    if (consumer_stale(c, m)) {
        consumer_forget(c, m);
        return;
    }
    message_set_state(&c->messages, m, MESSAGE_AWAY);
    message_drop_message(&c->messages, m, consumer_connection(c));
    consumer_message_left(c, m, false);
    struct message *oldest = container_of(c->messages.away.next, struct message, node);
    if (c->messages.n_by_state[MESSAGE_AWAY] > AWAY_MAX && !oldest->key_queue && !c->ack->exclusive)
        message_free(&c->messages, oldest, consumer_connection(c));
}

void consumer_ack_confirmed(struct consumer *c, struct message *m)
{
    if (consumer_stale(c, m)) {
        consumer_forget(c, m);
        return;
    }
    c->stats.settled++;
    consumer_message_left(c, m, true);
    confirmation_done(c, m);
}

void consumer_forget(struct consumer *c, struct message *m)
{
    loop_disarm(c->loop, &m->retry);
    c->stats.settled += !m->settled_counted && !consumer_stale(c, m);
    consumer_message_left(c, m, true);
    message_free(&c->messages, m, consumer_connection(c));
}

/* ---- getters --------------------------------------------------------------------------- */

struct requests *consumer_requests(const struct consumer *c)
{
    return c->requests;
}

const struct config_cluster *consumer_cluster(const struct consumer *c)
{
    return c->cluster;
}

const char *consumer_stream(const struct consumer *c)
{
    return c->stream;
}

const char *consumer_durable(const struct consumer *c)
{
    return c->handler->durable;
}

const char *consumer_dead_letter(const struct consumer *c)
{
    return c->dead_letter;
}

int64_t consumer_stream_created_ns(const struct consumer *c)
{
    return c->stream_created_ns;
}

bool consumer_keeps_acked(const struct consumer *c)
{
    return c->keeps_acked;
}

struct message_table *consumer_messages(struct consumer *c)
{
    return &c->messages;
}

const struct consumer_stats *consumer_stats(const struct consumer *c)
{
    return &c->stats;
}

size_t consumer_max_waiting(const struct consumer *c)
{
    size_t half = (size_t)c->max_ack_pending / 2;
    if (c->ack->exclusive)
        return SIZE_MAX; /* no retry can go back to the server, whose max_ack_pending limits them */
    if (c->messages.bytes > MESSAGE_BYTES_MAX)
        return 0;
    return half < WAITING_MIN ? WAITING_MIN : half > WAITING_MAX ? WAITING_MAX : half;
}

size_t consumer_unconfirmed(const struct consumer *c)
{
    return c->messages.n_by_state[MESSAGE_ACKED];
}
