/* SPDX-License-Identifier: Apache-2.0
 * consumer - life cycle and the calls of the settle module. */
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
    c->max_ack_pending = handler->max_ack_pending;
    list_init(&c->pump.node);
    snprintf(c->reason, sizeof(c->reason), "cluster %s: connecting", cluster->name);
    config_stream_name(handler, cluster->name, stream, sizeof(stream));
    config_cluster_name(handler->dead_letter, cluster->name, dead_letter, sizeof(dead_letter));
    c->stream = strdup(stream);
    c->dead_letter = strdup(dead_letter);
    lease_init(c);
    pull_init(c);
    redelivery_sync_init(c);
    cumulative_init(c);
    int rc = c->stream && c->dead_letter ? message_table_init(&c->messages) : -ENOMEM;
    if (rc == 0)
        rc = consumer_add_route(c, requests); /* its own */
    if (rc) {
        consumer_destroy(c);
        return error_set(err, rc, "handler %s: %s", handler->name, strerror(-rc));
    }
    route_start(c);
    *ret = c;
    return 0;
}

void consumer_destroy(struct consumer *c)
{
    if (!c)
        return;
    c->stage = STAGE_STOPPED;
    setup_stop(c);
    route_finish(c);
    pull_finish(c);
    lease_finish(c);
    redelivery_sync_finish(c);
    cumulative_finish(c);
    stop_finish(c);
    for (size_t i = 0; i < c->messages.n_buckets && c->messages.buckets; i++)
        for (struct message *h = c->messages.buckets[i]; h; h = h->chain)
            loop_disarm(c->loop, &h->retry);
    message_table_finish(&c->messages);
    free(c->stream);
    free(c->dead_letter);
    free(c);
}

void consumer_set_config(struct consumer *c, const struct config_handler *handler)
{
    c->handler = handler;
}

int64_t consumer_paused_until_ns(const struct consumer *c)
{
    return c->paused_until_ns;
}

bool consumer_ready(const struct consumer *c)
{
    return c->ready;
}

const char *consumer_lack(const struct consumer *c)
{
    return c->stats.delivered ? "" : c->lack;
}

const char *consumer_reason(const struct consumer *c)
{
    return c->reason;
}

void consumer_set_window(struct consumer *c, size_t window)
{
    c->window = window;
}

void consumer_set_queued(struct consumer *c, size_t queued)
{
    c->queued = queued;
}

void consumer_shut(struct consumer *c, bool shut)
{
    c->shut = shut;
    if (!shut && c->stage == STAGE_ACTIVE)
        redelivery_sync_begin(c); /* what the one before has left behind is asked for from now on */
}

size_t consumer_window(const struct consumer *c)
{
    return c->window;
}

void consumer_set_patience(struct consumer *c, int64_t patience_ns)
{
    c->patience_ns = patience_ns;
}

/* ---- settling ------------------------------------------------------------------------ */

static void left(struct consumer *c, struct message *h, bool for_good)
{
    if (h->key_queue)
        c->callbacks.on_left(c->data, h, for_good);
}

static int answer(struct consumer *c, const struct message *h, const char *body)
{
    struct connection_publish p = {.subject = message_reply(h), .data = body, .size = strlen(body)};
    return connection_publish(requests_connection(c->requests), &p);
}

bool consumer_stale(const struct consumer *c, const struct message *h)
{
    return h->stream_created_ns != c->stream_created_ns || h->consumer_created_ns != c->consumer_created_ns;
}

bool consumer_settles(const struct consumer *c)
{
    return c->verified;
}

bool consumer_lease_holds(const struct consumer *c, const struct message *h)
{
    return h->msg && !h->lease_lost && consumer_settles(c) && !consumer_stale(c, h) &&
           loop_now_ns(c->loop) < h->lease_until_ns - c->ack_wait_ns / 20;
}

bool consumer_lease_over(const struct consumer *c, const struct message *h)
{
    return !h->key_queue && !c->cumulative.on && (h->lease_lost || loop_now_ns(c->loop) >= h->lease_until_ns);
}

void consumer_ack(struct consumer *c, struct message *h)
{
    if (c->cumulative.on) {
        cumulative_done(c, h);
        return;
    }
    if (consumer_stale(c, h)) {
        consumer_forget(c, h);
        return;
    }
    if (consumer_settles(c)) /* else it is sent by lease_resume */
        answer(c, h, "");    /* an empty body acknowledges */
    if (h->state != MESSAGE_ACKED) {
        c->stats.settled += h->state != MESSAGE_SETTLED;
        message_set_state(&c->messages, h, MESSAGE_ACKED);
        left(c, h, true);
    } else {
        c->confirming = 0; /* sent again: the question under way was asked before */
    }
    message_drop_message(&c->messages, h, requests_connection(c->requests));
    lease_acked(c);
}

void consumer_term(struct consumer *c, struct message *h)
{
    /* +TERM is sent once, and by the holder only. In order the message must not come again if it was lost, alone and
     * behind its followers; under cumulative it would take all before it along. */
    if (h->key_queue || c->cumulative.on || !consumer_lease_holds(c, h)) {
        consumer_ack(c, h);
        return;
    }
    answer(c, h, "+TERM");
    consumer_forget(c, h);
}

void consumer_give_back(struct consumer *c, struct message *h, int64_t delay_ns)
{
    char body[64] = "-NAK";
    if (delay_ns > 0)
        snprintf(body, sizeof(body), "-NAK {\"delay\":%" PRId64 "}", delay_ns);
    if (consumer_lease_holds(c, h) && !c->cumulative.on)
        answer(c, h, body);
    loop_disarm(c->loop, &h->retry);
    if (consumer_stale(c, h)) {
        consumer_forget(c, h);
        return;
    }
    message_set_state(&c->messages, h, MESSAGE_AWAY);
    message_drop_message(&c->messages, h, requests_connection(c->requests));
    left(c, h, false);
    struct message *oldest = container_of(c->messages.away.next, struct message, node);
    if (c->messages.n_by_state[MESSAGE_AWAY] > AWAY_MAX && !oldest->key_queue && !c->cumulative.on)
        message_free(&c->messages, oldest, requests_connection(c->requests));
}

void consumer_confirmed(struct consumer *c, struct message *h)
{
    if (consumer_stale(c, h)) {
        consumer_forget(c, h);
        return;
    }
    c->stats.settled++;
    left(c, h, true);
    lease_confirmed(c, h);
}

void consumer_forget(struct consumer *c, struct message *h)
{
    loop_disarm(c->loop, &h->retry);
    c->stats.settled += !h->counted && !consumer_stale(c, h);
    left(c, h, true);
    message_free(&c->messages, h, requests_connection(c->requests));
}

/* ---- what others want to know ----------------------------------------------------------- */

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
    if (c->cumulative.on)
        return SIZE_MAX; /* the server bounds what is not acknowledged */
    if (c->messages.bytes > MESSAGE_BYTES_MAX)
        return 0;
    return half < WAITING_MIN ? WAITING_MIN : half > WAITING_MAX ? WAITING_MAX : half;
}

size_t consumer_unconfirmed(const struct consumer *c)
{
    return c->messages.n_by_state[MESSAGE_ACKED];
}
