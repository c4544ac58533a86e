/* SPDX-License-Identifier: Apache-2.0
 *
 * redelivery_sync - ordered handlers: no message starts until all messages that were delivered before are in the table.
 *
 * After a start, a reconnect or a lost lease, the server may count messages as delivered that this process does not
 * have. They are redelivered when their leases expire, after messages that are later in the stream.  So nothing starts
 * until the server's count of unacknowledged messages equals ours, or until ack wait has passed.  The leader measures
 * ack wait: without a leader no lease expires, and with a new leader the wait restarts.
 *
 * The server sends redeliveries before anything else, but only to a pull.  So as many messages are requested as are
 * missing, whatever the window is.  Acknowledgements under way make the server's count too high; the next response
 * corrects it.  Deliveries after the response are recognised by their consumer sequence.
 */
#include "consumer_private.h"

#include "base/log.h"

#include <stdio.h>
#include <string.h>

#define PAUSE_MIN_NS (10 * NS_PER_MS)
#define PAUSE_MAX_NS NS_PER_SEC
#define PAUSES_PER_ACK_WAIT 16
#define MARGIN_NS NS_PER_SEC /* for the server's timers and the network */

static bool is_ordered(const struct consumer *c)
{
    return c->handler->ordering != ORDERING_NONE;
}

static void request_after(struct consumer *c, int64_t ns)
{
    loop_arm(c->loop, &c->sync.timer, loop_now_ns(c->loop) + ns);
}

/* Counts deliveries up to `consumer_seq` that the server counts as unacknowledged. A message of a deleted consumer that
 * still runs does not count. */
static uint64_t count_present(const struct consumer *c, uint64_t consumer_seq)
{
    uint64_t n = 0;
    for (size_t i = 0; i < c->messages.n_buckets; i++)
        for (const struct message *m = c->messages.buckets[i]; m; m = m->chain)
            n += m->state < MESSAGE_DONE && m->consumer_seq <= consumer_seq && !consumer_stale(c, m);
    return n;
}

static void restart_wait(struct consumer *c)
{
    c->sync.until_ns = loop_now_ns(c->loop) + c->ack_wait_ns + c->ack_wait_ns / 10 + MARGIN_NS;
}

static bool leader_changed(struct redelivery_sync *s, json_t *info)
{
    const char *leader = json_string_value(json_object_get(json_object_get(info, "cluster"), "leader"));
    if (!leader || strncmp(leader, s->leader, sizeof(s->leader) - 1) == 0)
        return false;
    snprintf(s->leader, sizeof(s->leader), "%s", leader);
    return true;
}

static void sync_set(struct consumer *c, bool on)
{
    if (c->sync.on == on)
        return;
    c->sync.on = on;
    if (c->callbacks.on_order)
        c->callbacks.on_order(c->data, c);
}

/* A message that was given back and was not redelivered by now is settled, or another daemon has it. */
static void sync_complete(struct consumer *c)
{
    list_for_each_safe(node, &c->messages.away)
    {
        struct message *m = container_of(node, struct message, node);
        if (m->key_queue)
            consumer_forget(c, m);
    }
    request_cancel(c->sync.request);
    c->sync.request = NULL;
    c->sync.missing = 0;
    loop_disarm(c->loop, &c->sync.timer);
    sync_set(c, false);
}

static void count_missing(struct consumer *c, json_t *info)
{
    json_t *delivered = json_object_get(info, "delivered");
    uint64_t pending = (uint64_t)json_integer_value(json_object_get(info, "num_ack_pending"));
    uint64_t here = count_present(c, (uint64_t)json_integer_value(json_object_get(delivered, "consumer_seq")));

    c->sync.missing = pending > here ? pending - here : 0;
    if (c->sync.missing < c->messages.n_by_state[MESSAGE_AWAY])
        c->sync.missing = c->messages.n_by_state[MESSAGE_AWAY];
    log_debug("recall", LOG_STR("handler", c->handler->name), LOG_STR("cluster", c->cluster->name),
              LOG_UINT("ack_pending", pending), LOG_UINT("here", here), LOG_UINT("missing", c->sync.missing));
}

static void request_next(struct consumer *c)
{
    struct redelivery_sync *s = &c->sync;
    int64_t longest = c->ack_wait_ns / PAUSES_PER_ACK_WAIT;

    pull_request_redeliveries(c, s->missing ? s->missing : 1);
    request_after(c, s->pause_ns);
    if (longest > PAUSE_MAX_NS)
        longest = PAUSE_MAX_NS;
    s->pause_ns = s->pause_ns * 2 < longest ? s->pause_ns * 2 : longest;
}

static void on_info(void *data, int rc, natsMsg *msg)
{
    struct consumer *c = data;
    struct redelivery_sync *s = &c->sync;
    struct answer a;

    s->request = NULL;
    if (c->pull.paused) /* consumer_set_pull_paused() restarts the sync */
        return;
    answer_read(&a, rc, msg);
    if (a.rc == 0 && !binding_check_identity(c, a.json)) { /* the binding restarts the sync */
        json_decref(a.json);
        return;
    }
    if (a.rc != 0 || leader_changed(s, a.json))
        restart_wait(c);
    else
        s->until_ns += loop_now_ns(c->loop) - s->requested_ns;
    if (a.rc == 0)
        count_missing(c, a.json);
    json_decref(a.json);
    if (a.rc == 0 && s->missing == 0)
        sync_complete(c);
    else
        request_next(c);
}

static void on_timer(struct loop_timer *t)
{
    struct consumer *c = t->data;
    struct redelivery_sync *s = &c->sync;

    if (!binding_active(c) || s->request || c->pull.paused)
        return;
    if (loop_now_ns(c->loop) >= s->until_ns) {
        log_warn(
            "order-unsure", LOG_STR("handler", c->handler->name), LOG_STR("cluster", c->cluster->name),
            LOG_UINT("missing", s->missing),
            LOG_STR("msg",
                    s->missing
                        ? "unacknowledged messages were not redelivered to this process within ack wait, so another "
                          "daemon has them; the handler continues without them (run an ordered handler "
                          "in one daemon only)"
                        : "the server did not say within ack wait which messages were delivered before; "
                          "the handler continues"));
        sync_complete(c);
    } else {
        s->requested_ns = loop_now_ns(c->loop);
        if (binding_request_info(c, on_info, &s->request))
            request_after(c, PAUSE_MAX_NS);
    }
}

void redelivery_sync_init(struct consumer *c)
{
    c->sync = (struct redelivery_sync){.on = is_ordered(c), .timer = {.fire = on_timer, .data = c}};
}

void redelivery_sync_finish(struct consumer *c)
{
    loop_disarm(c->loop, &c->sync.timer);
    request_cancel(c->sync.request);
    c->sync.request = NULL;
}

void redelivery_sync_begin(struct consumer *c)
{
    struct redelivery_sync *s = &c->sync;

    if (!is_ordered(c))
        return;
    request_cancel(s->request); /* its response may not include what is missing now */
    s->request = NULL;
    restart_wait(c);
    s->pause_ns = PAUSE_MIN_NS;
    request_after(c, 0);
    sync_set(c, true);
}

void redelivery_sync_arrived(struct consumer *c)
{
    if (c->sync.missing && --c->sync.missing == 0)
        request_after(c, 0);
}

bool consumer_in_order(const struct consumer *c)
{
    return !c->sync.on;
}

uint64_t consumer_missing_redeliveries(const struct consumer *c)
{
    return c->sync.missing;
}
