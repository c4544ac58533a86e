/* SPDX-License-Identifier: Apache-2.0
 * ack_each - ack = each and ack = confirmed: one acknowledgement for each message; and the choice of the mode. */
#include "consumer_private.h"

static void each_nothing(struct consumer *c)
{
    (void)c;
}

static void each_ack(struct consumer *c, struct message *m)
{
    if (consumer_stale(c, m)) {
        consumer_forget(c, m);
        return;
    }
    if (c->binding.verified) /* each_resend() sends it otherwise */
        consumer_reply(c, m, "");
    if (m->state != MESSAGE_ACKED) {
        c->stats.settled += m->state != MESSAGE_SETTLED;
        message_set_state(&c->messages, m, MESSAGE_ACKED);
        consumer_message_left(c, m, true);
    } else {
        confirmation_invalidate(c);
    }
    message_drop_message(&c->messages, m, consumer_connection(c));
    confirmation_ack_added(c);
}

static bool each_delivered(struct consumer *c, struct message *m)
{
    if (m->state != MESSAGE_ACKED && m->state != MESSAGE_SETTLED)
        return false;
    each_ack(c, m);
    return true;
}

static void each_resend(struct consumer *c)
{
    list_for_each(node, &c->messages.acked) consumer_reply(c, container_of(node, struct message, node), "");
}

static bool each_all_sent(const struct consumer *c)
{
    (void)c;
    return true;
}

const struct ack_ops ack_ops_each = {
    .allows_work_queue = true,
    .init = each_nothing,
    .finish = each_nothing,
    .delivered = each_delivered,
    .ack = each_ack,
    .resend = each_resend,
    .all_sent = each_all_sent,
    .flush = each_nothing,
};

const struct ack_ops *ack_ops_for(const struct config_handler *handler)
{
    return handler->ack == ACK_CUMULATIVE ? &ack_ops_cumulative : &ack_ops_each;
}
