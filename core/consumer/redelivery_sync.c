/* SPDX-License-Identifier: Apache-2.0
 *
 * recall - ordered handlers: what was delivered before and is not here comes first.
 *
 * After a start, a reconnect or the loss of a lease the server may count messages as delivered that
 * this process does not hold: a former process had them, or they were lost on the way.  They come
 * again when their leases run out, behind messages that are later in the stream.  So nothing starts until the
 * server's count of unacknowledged messages is what we hold, or until ack wait has passed and
 * whatever was ours to get has come.  It is the consumer's leader that waits for leases to run out: while nobody
 * answers nobody waits, and another leader may begin anew.
 *
 * The server hands out redeliveries before anything else, but only to a pull.  Meanwhile as many messages are
 * asked for as are missed, whatever the window says, and no faster than new ones could pile up.
 *
 * Its count may run ahead of ours or behind: acknowledgements on their way make it too high, which
 * the next question corrects.  Deliveries after the answer are told by their consumer sequence.
 */
#include "consumer_private.h"

#include "base/log.h"

#include <stdio.h>
#include <string.h>

#define PAUSE_MIN_NS (10 * NS_PER_MS)
#define PAUSE_MAX_NS NS_PER_SEC
#define PAUSES_PER_ACK_WAIT 16
#define MARGIN_NS NS_PER_SEC /* the server's timers, and the way here */

static bool ordered(const struct consumer *c)
{
    return c->handler->ordering != ORDERING_NONE;
}

static void look_in(struct consumer *c, int64_t ns)
{
    loop_arm(c->loop, &c->sync.look, loop_now_ns(c->loop) + ns);
}

/* Deliveries up to `consumer_seq` that are held and that the server counts, too: not what still runs of a consumer
 * that was deleted. */
static uint64_t known(const struct consumer *c, uint64_t consumer_seq)
{
    uint64_t n = 0;
    for (size_t i = 0; i < c->messages.n_buckets; i++)
        for (const struct message *h = c->messages.buckets[i]; h; h = h->chain)
            n += h->state < MESSAGE_DONE && h->consumer_seq <= consumer_seq && !consumer_stale(c, h);
    return n;
}

static void wait_anew(struct consumer *c)
{
    c->sync.until_ns = loop_now_ns(c->loop) + c->ack_wait_ns + c->ack_wait_ns / 10 + MARGIN_NS;
}

static bool is_another_leader(struct redelivery_sync *r, json_t *info)
{
    const char *leader = json_string_value(json_object_get(json_object_get(info, "cluster"), "leader"));
    if (!leader || strncmp(leader, r->leader, sizeof(r->leader) - 1) == 0)
        return false;
    snprintf(r->leader, sizeof(r->leader), "%s", leader);
    return true;
}

static void set(struct consumer *c, bool on)
{
    if (c->sync.on == on)
        return;
    c->sync.on = on;
    if (c->callbacks.on_order)
        c->callbacks.on_order(c->data, c);
}

/* What has not come again by now does not exist any more, or is somebody else's. */
static void done(struct consumer *c)
{
    list_for_each_safe(node, &c->messages.away)
    {
        struct message *h = container_of(node, struct message, node);
        if (h->key_queue)
            consumer_forget(c, h);
    }
    request_cancel(c->sync.request);
    c->sync.request = NULL;
    c->sync.missing = 0;
    loop_disarm(c->loop, &c->sync.look);
    set(c, false);
}

static void on_info(void *data, int rc, natsMsg *msg)
{
    struct consumer *c = data;
    struct redelivery_sync *r = &c->sync;
    struct answer a;

    r->request = NULL;
    if (c->shut) /* consumer_shut() begins again */
        return;
    answer_read(&a, rc, msg);
    if (a.rc == 0 && !setup_known(c, a.json)) { /* begins again, too */
        json_decref(a.json);
        return;
    }
    if (a.rc != 0 || is_another_leader(r, a.json))
        wait_anew(c);
    else
        r->until_ns += loop_now_ns(c->loop) - r->asked_ns;
    if (a.rc == 0) {
        json_t *delivered = json_object_get(a.json, "delivered");
        uint64_t pending = (uint64_t)json_integer_value(json_object_get(a.json, "num_ack_pending"));
        uint64_t here = known(c, (uint64_t)json_integer_value(json_object_get(delivered, "consumer_seq")));
        r->missing = pending > here ? pending - here : 0;
        if (r->missing < c->messages.n_by_state[MESSAGE_AWAY])
            r->missing = c->messages.n_by_state[MESSAGE_AWAY];
        log_debug("recall", LOG_STR("handler", c->handler->name), LOG_STR("cluster", c->cluster->name),
                  LOG_UINT("ack_pending", pending), LOG_UINT("here", here), LOG_UINT("missing", r->missing));
    }
    json_decref(a.json);
    if (a.rc == 0 && r->missing == 0) {
        done(c);
        return;
    }
    pull_redeliveries(c, r->missing ? r->missing : 1);
    look_in(c, r->pause_ns);
    int64_t longest = c->ack_wait_ns / PAUSES_PER_ACK_WAIT;
    if (longest > PAUSE_MAX_NS)
        longest = PAUSE_MAX_NS;
    r->pause_ns = r->pause_ns * 2 < longest ? r->pause_ns * 2 : longest;
}

static void on_look(struct loop_timer *t)
{
    struct consumer *c = t->data;
    struct redelivery_sync *r = &c->sync;

    if (c->stage != STAGE_ACTIVE || r->request || c->shut)
        return;
    if (loop_now_ns(c->loop) >= r->until_ns) {
        log_warn("order-unsure", LOG_STR("handler", c->handler->name), LOG_STR("cluster", c->cluster->name),
                 LOG_UINT("missing", r->missing),
                 LOG_STR("msg", r->missing ? "delivered before, not acknowledged, and not here after ack wait: another "
                                             "daemon has them; an ordered handler may run in one daemon only"
                                           : "the server did not say within ack wait what was delivered before"));
        done(c);
    } else {
        r->asked_ns = loop_now_ns(c->loop);
        if (setup_info(c, on_info, &r->request))
            look_in(c, PAUSE_MAX_NS);
    }
}

void redelivery_sync_init(struct consumer *c)
{
    c->sync = (struct redelivery_sync){.on = ordered(c), .look = {.fire = on_look, .data = c}};
}

void redelivery_sync_finish(struct consumer *c)
{
    loop_disarm(c->loop, &c->sync.look);
    request_cancel(c->sync.request);
    c->sync.request = NULL;
}

void redelivery_sync_begin(struct consumer *c)
{
    struct redelivery_sync *r = &c->sync;

    if (!ordered(c))
        return;
    request_cancel(r->request); /* it may have been asked too early */
    r->request = NULL;
    wait_anew(c);
    r->pause_ns = PAUSE_MIN_NS;
    look_in(c, 0);
    set(c, true);
}

void redelivery_sync_arrived(struct consumer *c)
{
    if (c->sync.missing && --c->sync.missing == 0)
        look_in(c, 0);
}

bool consumer_in_order(const struct consumer *c)
{
    return !c->sync.on;
}

uint64_t consumer_awaited(const struct consumer *c)
{
    return c->sync.missing;
}
