/* SPDX-License-Identifier: Apache-2.0
 * delivery - first deliveries and redeliveries. */
#include "consumer_private.h"

static void count_delivery(struct consumer *c, const struct ack_meta *meta)
{
    c->stats.delivered++;
    c->stats.num_pending = meta->pending;
    if (meta->stream_seq > c->stream_last_seq)
        c->stream_last_seq = meta->stream_seq;
    if (c->info.paused_until_ns) /* a message shows that the pause is over */
        consumer_refresh_lag(c);
    if (meta->delivered > 1) {
        c->stats.redelivered++;
        redelivery_sync_arrived(c);
    }
}

static void deliver_new(struct consumer *c, natsMsg *msg, const struct ack_meta *meta)
{
    struct message *m = message_add(&c->messages, c, msg, meta);
    if (!m) {
        connection_recycle(consumer_connection(c), msg); /* redelivered after ack wait */
        redelivery_sync_begin(c);
        return;
    }
    lease_start(c, m);
    c->ack->delivered(c, m);
    c->callbacks.on_message(c->data, m);
}

static void deliver_again(struct consumer *c, struct message *m, natsMsg *msg, const struct ack_meta *meta)
{
    c->stats.repeated++;
    message_refresh(&c->messages, m, msg, meta, consumer_connection(c));
    lease_start(c, m);
    if (m->state == MESSAGE_ACKED || m->state == MESSAGE_SETTLED)
        binding_suspect_recreated(c);
    if (c->ack->delivered(c, m))
        return;
    if (m->state != MESSAGE_AWAY)
        return;
    list_remove(&m->node); /* message_refresh() has put its lease back */
    m->redelivered = true;
    message_set_state(&c->messages, m, MESSAGE_READY);
    c->callbacks.on_message(c->data, m);
}

void delivery_take(struct consumer *c, natsMsg *msg, const struct ack_meta *meta)
{
    count_delivery(c, meta);
    /* A killed server counts deliveries from its last saved state, so a first delivery may be a known message, too. */
    struct message *m = message_find(&c->messages, meta->stream_seq, meta->stored_ns);
    if (m && !consumer_stale(c, m))
        deliver_again(c, m, msg, meta);
    else
        deliver_new(c, msg, meta);
}
