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
/* Stopping: pulls cannot be called off.  What is asked for may still come; silence for so long
 * ends the wait, and what comes between then and the end of the subscription goes back. */
#define QUIET_NS (200 * NS_PER_MS)
#define NAME_MAX_LEN 256

int consumer_create(struct consumer **ret, struct loop *loop, struct api *api, const struct config_handler *handler,
                    const struct config_cluster *cluster, unsigned index, const struct consumer_callbacks *callbacks,
                    void *data, struct error *err)
{
    char stream[NAME_MAX_LEN];
    struct consumer *c = calloc(1, sizeof(*c));
    if (!c)
        return error_set(err, -ENOMEM, "handler %s: out of memory", handler->name);
    c->loop = loop;
    c->api = api;
    c->handler = handler;
    c->cluster = cluster;
    c->callbacks = *callbacks;
    c->data = data;
    c->index = index;
    c->max_ack_pending = handler->max_ack_pending;
    list_init(&c->pump.node);
    snprintf(c->reason, sizeof(c->reason), "cluster %s: connecting", cluster->name);
    config_stream_name(handler, cluster->name, stream, sizeof(stream));
    c->stream = strdup(stream);
    lease_init(c);
    int rc = c->stream ? held_table_init(&c->held) : -ENOMEM;
    if (rc == 0)
        rc = pull_init(c);
    if (rc) {
        consumer_destroy(c);
        return error_set(err, rc, "handler %s: %s", handler->name, strerror(-rc));
    }
    *ret = c;
    return 0;
}

void consumer_destroy(struct consumer *c)
{
    if (!c)
        return;
    c->stage = STAGE_STOPPED;
    setup_stop(c);
    pull_finish(c);
    lease_finish(c);
    loop_disarm(c->loop, &c->stop_timer);
    held_table_finish(&c->held);
    free(c->stream);
    free(c);
}

void consumer_link_state(struct consumer *c, enum link_state state, const char *text)
{
    if (c->stage == STAGE_STOPPED)
        return;
    if (state == LINK_UP) {
        lease_link_up(c);
        if (c->was_active && !c->stopping) {
            c->stage = STAGE_ACTIVE;
            c->ready = true;
            c->reason[0] = '\0';
            pull_start(c);
            setup_verify(c);
            c->callbacks.on_state(c->data, c);
        } else if (!c->stopping) {
            setup_start(c);
        }
        return;
    }
    setup_stop(c);
    pull_reset(c, 0);
    c->stage = STAGE_LINK;
    setup_reason(c, "cluster %s: not connected: %s", c->cluster->name, text);
}

bool consumer_ready(const struct consumer *c)
{
    return c->ready;
}

const char *consumer_reason(const struct consumer *c)
{
    return c->reason;
}

void consumer_set_window(struct consumer *c, size_t window)
{
    c->window = window;
}

/* ---- stopping ---------------------------------------------------------------------- */

static void stop_tick(struct loop_timer *t)
{
    struct consumer *c = t->data;
    int64_t now = loop_now_ns(c->loop);
    bool quiet = c->outstanding == 0 || now - c->heard_ns >= QUIET_NS || c->stage != STAGE_ACTIVE;

    if (!quiet && now < c->stop_deadline_ns) {
        loop_arm(c->loop, t, now + QUIET_NS / 4);
        return;
    }
    c->outstanding = 0;
    loop_disarm(c->loop, &c->watchdog);
    if (c->stop_done)
        c->stop_done(c->stop_data);
}

void consumer_stop(struct consumer *c, int64_t deadline_ns, void (*done)(void *data), void *data)
{
    c->stopping = true;
    c->stop_deadline_ns = deadline_ns;
    c->stop_done = done;
    c->stop_data = data;
    c->stop_timer = (struct loop_timer){.fire = stop_tick, .data = c};
    setup_stop(c);
    loop_arm(c->loop, &c->stop_timer, loop_now_ns(c->loop));
}

/* ---- settling ------------------------------------------------------------------------ */

static int answer(struct consumer *c, const struct held *h, const char *body)
{
    struct link_publish p = {.subject = held_reply(h), .data = body, .size = strlen(body)};
    return link_publish(api_link(c->api), &p);
}

bool consumer_lease_holds(const struct consumer *c, const struct held *h)
{
    return h->msg && link_state(api_link(c->api)) == LINK_UP && loop_now_ns(c->loop) < h->lease_until_ns;
}

void consumer_ack(struct consumer *c, struct held *h)
{
    answer(c, h, ""); /* an empty body acknowledges; not connected: sent again by lease_link_up */
    if (h->state != HELD_ACKED)
        held_set_state(&c->held, h, HELD_ACKED);
    lease_acked(c);
}

void consumer_term(struct consumer *c, struct held *h)
{
    if (consumer_lease_holds(c, h))
        answer(c, h, "+TERM");
    consumer_forget(c, h);
}

void consumer_give_back(struct consumer *c, struct held *h, int64_t delay_ns)
{
    char body[64] = "-NAK";
    if (delay_ns > 0)
        snprintf(body, sizeof(body), "-NAK {\"delay\":%" PRId64 "}", delay_ns);
    if (consumer_lease_holds(c, h))
        answer(c, h, body);
    loop_disarm(c->loop, &h->retry);
    link_recycle(api_link(c->api), h->msg);
    h->msg = NULL;
    held_set_state(&c->held, h, HELD_AWAY);
    if (c->held.n_by_state[HELD_AWAY] > AWAY_MAX)
        held_free(&c->held, container_of(c->held.away.next, struct held, node), api_link(c->api));
}

void consumer_forget(struct consumer *c, struct held *h)
{
    loop_disarm(c->loop, &h->retry);
    held_free(&c->held, h, api_link(c->api));
}

/* ---- what others want to know ----------------------------------------------------------- */

struct api *consumer_api(const struct consumer *c)
{
    return c->api;
}

const struct config_handler *consumer_handler(const struct consumer *c)
{
    return c->handler;
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

int64_t consumer_stream_created_ns(const struct consumer *c)
{
    return c->stream_created_ns;
}

struct held_table *consumer_held(struct consumer *c)
{
    return &c->held;
}

const struct consumer_stats *consumer_stats(const struct consumer *c)
{
    return &c->stats;
}

size_t consumer_max_waiting(const struct consumer *c)
{
    size_t half = (size_t)c->max_ack_pending / 2;
    return half > WAITING_MIN ? half : WAITING_MIN;
}

size_t consumer_unconfirmed(const struct consumer *c)
{
    return c->held.n_by_state[HELD_ACKED];
}
