/* SPDX-License-Identifier: Apache-2.0
 *
 * stop - the end of pulling, after which nothing is on its way here.
 *
 * A pull cannot be called off, but the server drops requests whose reply subject nobody listens to.  A server that is
 * alone also notices that there is nobody for a message, and delivers it anew: there the subscription may end at any
 * time.  In a cluster the message may be on its way from the consumer's leader to the server of our connection, and
 * is lost there until ack wait: delivered, as the leader counts.  So the subscription stays until what was asked
 * for has come or was called off; while messages come, requests live for two seconds only (pull.c).  Those of an idle
 * consumer live longer and are not waited for, unless they are so young that a server with gateways serves them though
 * nobody listens.
 *
 * After the end of the subscription an answer to a question proves that our server has sent all that it had.  The
 * link's thread may still be passing it on: it has done so when it has carried a second question.  Only now may
 * anything be given back: an open request of our own would get it at once, again and again.
 * (Sources: nats-server consumer.go, nextWaiting, processWaiting, didNotDeliver.)
 */
#include "consumer_private.h"

#define LOOK_NS (100 * NS_PER_MS)
#define QUIET_NS NS_PER_SEC       /* an idle consumer */
#define YOUNG_NS (2 * NS_PER_SEC) /* nats-server's defaultGatewayRecentSubExpiration */
/* By then the short requests have ended, and a busy server has said so. */
#define COME_NS (FLOWING_EXPIRES_NS + 4 * NS_PER_SEC)
#define QUESTIONS 2

static void finished(struct consumer *c)
{
    struct stop *s = &c->stop;
    void (*done)(void *data) = s->done;

    stop_finish(c);
    s->done = NULL;
    c->outstanding = 0;
    loop_disarm(c->loop, &c->watchdog);
    if (done)
        done(s->data);
}

/* ---- nobody listens any more ---------------------------------------------------------- */

static void on_late(struct loop_timer *t)
{
    finished(t->data);
}

static void on_answer(void *data, int rc, natsMsg *msg)
{
    struct consumer *c = data;
    struct stop *s = &c->stop;
    (void)msg;

    s->request = NULL;
    if (rc || ++s->answers == QUESTIONS || setup_info(c, on_answer, &s->request))
        finished(c);
}

static void end(struct consumer *c)
{
    struct stop *s = &c->stop;

    s->ended = true;
    for (size_t i = 0; i < c->n_routes; i++)
        connection_drain_sub(c->routes[i].inbox);
    s->timer.fire = on_late;
    loop_arm(c->loop, &s->timer, s->until_ns);
    if (setup_info(c, on_answer, &s->request))
        finished(c);
}

/* ---- what was asked for is let come ------------------------------------------------------ */

/* By the leader's last word it has something that it may deliver. */
static bool more_comes(const struct consumer *c)
{
    return c->stats.num_pending > 0 && !c->paused && c->stats.num_ack_pending < (uint64_t)c->max_ack_pending;
}

static void on_look(struct loop_timer *t)
{
    struct consumer *c = t->data;
    int64_t now = loop_now_ns(c->loop);
    bool alone = !c->clustered && c->route == 0;
    bool idle = now >= c->delivered_ns + QUIET_NS && now >= c->asked_ns + YOUNG_NS && !more_comes(c);

    if (alone || idle || now >= c->stop.come_until_ns) {
        end(c);
        return;
    }
    consumer_ask_lag(c);
    loop_arm(c->loop, t, now + LOOK_NS);
}

void stop_step(struct consumer *c)
{
    if (!c->stop.ended && c->outstanding == 0)
        end(c);
}

void consumer_stop(struct consumer *c, int64_t deadline_ns, void (*done)(void *data), void *data)
{
    int64_t now = loop_now_ns(c->loop);
    int64_t half = now + (deadline_ns - now) / 2;

    c->stopping = true;
    c->stop = (struct stop){.come_until_ns = now + COME_NS < half ? now + COME_NS : half,
                            .until_ns = deadline_ns,
                            .timer = {.fire = on_look, .data = c},
                            .done = done,
                            .data = data};
    if (c->cumulative.on)
        cumulative_flush(c);
    lease_acked(c);
    loop_arm(c->loop, &c->stop.timer, now);
}

void stop_finish(struct consumer *c)
{
    loop_disarm(c->loop, &c->stop.timer);
    request_cancel(c->stop.request);
    c->stop.request = NULL;
}
