/* SPDX-License-Identifier: Apache-2.0
 *
 * stop - ends pulling so that no message is left between the server and us.
 *
 * A pull request cannot be cancelled, but the server drops requests without a subscriber on their reply subject.  A
 * single server notices that and redelivers at once, so there the subscription ends immediately.  In a cluster, a
 * message between the consumer's leader and our server would be lost until ack wait.  So the subscription stays until
 * every requested message has arrived or its request has ended; see ARCHITECTURE.md, "Drain", for idle consumers.
 *
 * After the end of the subscription, two responses prove that nothing more arrives: the first that our server has sent
 * everything, the second that the connection's thread has passed it on.  Only then may messages be given back, because
 * an open request of our own would get them again at once. Source: nats-server consumer.go (nextWaiting,
 * processWaiting, didNotDeliver).
 */
#include "consumer_private.h"

#define CHECK_NS (100 * NS_PER_MS)
#define QUIET_NS NS_PER_SEC       /* without a message for that long a consumer is idle */
#define YOUNG_NS (2 * NS_PER_SEC) /* nats-server's defaultGatewayRecentSubExpiration */
/* Within that time the short requests end, and even a busy server reports it. */
#define WAIT_NS (PULL_FLOWING_EXPIRES_NS + 4 * NS_PER_SEC)
#define RESPONSES 2

static void stop_complete(struct consumer *c)
{
    void (*done)(void *data) = c->stop.done;

    stop_finish(c);
    c->stop.done = NULL;
    pull_forget_requests(c);
    if (done)
        done(c->stop.data);
}

/* ---- after the end of the subscription ---------------------------------------------------- */

static void on_deadline(struct loop_timer *t)
{
    stop_complete(t->data);
}

static void on_response(void *data, int rc, natsMsg *msg)
{
    struct consumer *c = data;
    (void)msg;

    c->stop.request = NULL;
    if (rc || ++c->stop.n_responses == RESPONSES || binding_request_info(c, on_response, &c->stop.request))
        stop_complete(c);
}

static void stop_unsubscribe(struct consumer *c)
{
    struct stop *s = &c->stop;

    s->phase = STOP_UNSUBSCRIBED;
    path_drain_inboxes(c);
    s->timer.fire = on_deadline;
    loop_arm(c->loop, &s->timer, s->deadline_ns);
    if (binding_request_info(c, on_response, &s->request))
        stop_complete(c);
}

/* ---- while requested messages may arrive ---------------------------------------------------- */

/* The leader has messages that it may deliver. */
static bool server_has_more(const struct consumer *c)
{
    return c->stats.num_pending > 0 && !c->info.paused_until_ns &&
           c->stats.num_ack_pending < (uint64_t)c->max_ack_pending;
}

static void on_check(struct loop_timer *t)
{
    struct consumer *c = t->data;
    int64_t now = loop_now_ns(c->loop);
    bool single = !c->info.clustered && !path_is_alternate(c);
    bool idle = now >= c->pull.delivered_ns + QUIET_NS && now >= c->pull.requested_ns + YOUNG_NS && !server_has_more(c);

    if (single || idle || now >= c->stop.wait_until_ns) {
        stop_unsubscribe(c);
        return;
    }
    consumer_refresh_lag(c);
    loop_arm(c->loop, t, now + CHECK_NS);
}

void stop_step(struct consumer *c)
{
    if (c->stop.phase == STOP_WAITING && c->pull.outstanding == 0)
        stop_unsubscribe(c);
}

void consumer_stop(struct consumer *c, int64_t deadline_ns, void (*done)(void *data), void *data)
{
    int64_t now = loop_now_ns(c->loop);
    int64_t half = now + (deadline_ns - now) / 2;

    c->stop = (struct stop){.phase = STOP_WAITING,
                            .wait_until_ns = now + WAIT_NS < half ? now + WAIT_NS : half,
                            .deadline_ns = deadline_ns,
                            .timer = {.fire = on_check, .data = c},
                            .done = done,
                            .data = data};
    c->ack->flush(c);
    confirmation_ack_added(c);
    loop_arm(c->loop, &c->stop.timer, now);
}

void stop_finish(struct consumer *c)
{
    loop_disarm(c->loop, &c->stop.timer);
    request_cancel(c->stop.request);
    c->stop.request = NULL;
}
