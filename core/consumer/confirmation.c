/* SPDX-License-Identifier: Apache-2.0
 * confirmation - acknowledgements that wait for a response to CONSUMER.INFO. */
#include "consumer_private.h"

#define CONFIRM_AT 2048 /* acknowledgements that cause a request at once */
#define CONFIRM_NS (250 * NS_PER_MS)
#define CONFIRM_RETRY_NS NS_PER_SEC
#define SETTLED_MAX 4096
#define ACKED_MAX 65536 /* older ones are forgotten: at worst they are redelivered */

/* Acknowledgements wait while stream and consumer are not verified on this connection, and with ack = cumulative until
 * the server has reported which ones it has. */
static bool all_sent(const struct consumer *c)
{
    return c->binding.verified && c->ack->all_sent(c);
}

static struct message *oldest_acked(struct consumer *c)
{
    return container_of(c->messages.acked.next, struct message, node);
}

/* A server that is killed forgets the last acknowledgements.  For ordered handlers the latest settled messages stay in
 * the table, so that a redelivered one does not run after its successors. */
void confirmation_done(struct consumer *c, struct message *m)
{
    if (c->handler->ordering == ORDERING_NONE) {
        message_free(&c->messages, m, consumer_connection(c));
        return;
    }
    message_set_state(&c->messages, m, MESSAGE_SETTLED);
    message_drop_message(&c->messages, m, consumer_connection(c));
    if (c->messages.n_by_state[MESSAGE_SETTLED] > SETTLED_MAX)
        message_free(&c->messages, container_of(c->messages.settled.next, struct message, node),
                     consumer_connection(c));
}

static void on_info(void *data, int rc, natsMsg *msg)
{
    struct consumer *c = data;
    struct confirmation *f = &c->confirmation;
    struct answer a;

    f->request = NULL;
    answer_read(&a, rc, msg);
    bool deleted = a.err_code == JS_CONSUMER_NOT_FOUND || a.err_code == JS_STREAM_NOT_FOUND;
    bool known = a.rc == 0 && binding_check_identity(c, a.json);
    if (known)
        info_take(c, a.json);
    if (deleted) /* no acknowledgement matters any more */
        f->n_covered = c->messages.n_by_state[MESSAGE_ACKED];
    if ((known && all_sent(c)) || (deleted && (all_sent(c) || consumer_stopping(c)))) {
        for (; f->n_covered && !list_empty(&c->messages.acked); f->n_covered--)
            confirmation_done(c, oldest_acked(c));
    }
    json_decref(a.json);
    f->n_covered = 0;
    if (!list_empty(&c->messages.acked)) {
        int64_t pause_ns = !known || !all_sent(c) ? CONFIRM_RETRY_NS : consumer_stopping(c) ? 0 : CONFIRM_NS;
        loop_arm(c->loop, &f->timer, loop_now_ns(c->loop) + pause_ns);
    }
}

void confirmation_request(struct consumer *c)
{
    struct confirmation *f = &c->confirmation;

    if (f->request || list_empty(&c->messages.acked))
        return;
    loop_disarm(c->loop, &f->timer);
    f->n_covered = all_sent(c) ? c->messages.n_by_state[MESSAGE_ACKED] : 0;
    if ((!all_sent(c) && !consumer_stopping(c)) || binding_request_info(c, on_info, &f->request)) {
        f->n_covered = 0;
        loop_arm(c->loop, &f->timer, loop_now_ns(c->loop) + CONFIRM_RETRY_NS);
    }
}

void confirmation_ack_added(struct consumer *c)
{
    struct confirmation *f = &c->confirmation;
    size_t n = c->messages.n_by_state[MESSAGE_ACKED];

    if (n > ACKED_MAX) {
        message_free(&c->messages, oldest_acked(c), consumer_connection(c));
        if (f->n_covered)
            f->n_covered--;
    }
    bool soon = n >= CONFIRM_AT || (consumer_stopping(c) && n > 0);
    if (soon && !f->request && connection_state(consumer_connection(c)) == CONNECTION_UP)
        confirmation_request(c);
    else if (!f->request && !loop_timer_armed(&f->timer))
        loop_arm(c->loop, &f->timer, loop_now_ns(c->loop) + CONFIRM_NS);
}

void confirmation_invalidate(struct consumer *c)
{
    c->confirmation.n_covered = 0;
}

void confirmation_resend(struct consumer *c)
{
    confirmation_invalidate(c);
    c->ack->resend(c);
}

static void on_timer(struct loop_timer *t)
{
    confirmation_request(t->data);
}

void confirmation_init(struct consumer *c)
{
    c->confirmation.timer = (struct loop_timer){.fire = on_timer, .data = c};
}

void confirmation_finish(struct consumer *c)
{
    loop_disarm(c->loop, &c->confirmation.timer);
    request_cancel(c->confirmation.request);
    c->confirmation.request = NULL;
}
