/* SPDX-License-Identifier: Apache-2.0
 *
 * pull - asking for messages with credit.
 *
 * `outstanding` is how many messages were asked for and have neither come nor been called
 * off.  Which request a message answers cannot be told (and need not be): the sum counts.
 * A new request goes out when half of the window is free, before the last one is drained, so
 * the server always has one to fill.  Every request has an expiry and a heartbeat; nothing
 * heard for two heartbeats means that the requests are dead.
 *
 * A new leader tells the reply subjects of requests that its predecessor had not done with.  But
 * what is asked meanwhile finds nobody, or a frozen server that swallows it.  So until something is
 * heard, requests are short and their heartbeats frequent: the one that reaches the new leader is
 * soon sent, and soon known to have arrived.
 */
#include "consumer_private.h"

#include "base/log.h"
#include "status.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_MAX 5000
#define REQUEST_BYTES (16 * 1024 * 1024) /* several may be open, and a server cuts off who is 64 MiB behind */
#define SUBJECT_BYTES (256 * 1024) /* what the server counts beside a payload: subjects, and with them the headers */
#define EXPIRES_NS (30 * NS_PER_SEC)
#define EXPIRES_MIN_NS (100 * NS_PER_MS)
#define HEARTBEAT_NS NS_PER_SEC
#define UNHEARD_HEARTBEAT_NS (500 * NS_PER_MS)
#define PAUSE_MIN_NS (100 * NS_PER_MS)
#define PAUSE_MAX_NS (5 * NS_PER_SEC)
#define PAUSE_NOBODY_MAX_NS (500 * NS_PER_MS) /* an election may be over at any moment */
#define SUBJECT_MAX 512

static int64_t min_ns(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Short while messages come, so that a drain can wait for its end; an idle consumer asks seldom. */
static int64_t expires_ns(const struct consumer *c)
{
    int64_t ns = c->patience_ns ? min_ns(c->expires_ns, c->patience_ns) : c->expires_ns;
    return c->unheard || c->delivered_ns >= c->asked_ns ? min_ns(ns, FLOWING_EXPIRES_NS) : ns;
}

static int64_t heartbeat_ns(const struct consumer *c, int64_t expires_ns)
{
    return min_ns(expires_ns / 2, c->unheard ? UNHEARD_HEARTBEAT_NS : HEARTBEAT_NS);
}

/* What is here and will not go away by waiting for a timer. */
static size_t in_house(const struct consumer *c)
{
    return c->messages.n_by_state[MESSAGE_READY] + c->messages.n_by_state[MESSAGE_RUNNING] +
           c->messages.n_by_state[MESSAGE_SETTLING];
}

/* Credit counts messages, and what the last ones measured says nothing of the next: 5,000 of 1 MiB would be 5 GB. */
static int64_t request_bytes(const struct consumer *c)
{
    int64_t most = connection_max_payload(requests_connection(c->requests)) + SUBJECT_BYTES;
    if (c->any_size)
        return 0;
    if (most < REQUEST_BYTES)
        most = REQUEST_BYTES;
    return c->max_bytes && c->max_bytes < most ? c->max_bytes : most;
}

static int ask(struct consumer *c, int64_t batch, int64_t expires_ns)
{
    char subject[SUBJECT_MAX];
    char reply[SUBJECT_MAX];
    char body[160];
    const char *domain = c->cluster->domain;

    snprintf(subject, sizeof(subject), "$JS%s%s.API.CONSUMER.MSG.NEXT.%s.%s", domain ? "." : "", domain ? domain : "",
             c->stream, c->handler->durable);
    /* Its own for each request: the server forgets a subject with the first request that is done. */
    snprintf(reply, sizeof(reply), "%s.p%u.%llu.%llu", connection_inbox(requests_connection(c->requests)), c->index,
             (unsigned long long)c->epoch, (unsigned long long)c->stats.pulls);
    int n = snprintf(body, sizeof(body), "{\"batch\":%lld,\"max_bytes\":%lld,\"expires\":%lld,\"idle_heartbeat\":%lld}",
                     (long long)batch, (long long)request_bytes(c), (long long)expires_ns,
                     (long long)heartbeat_ns(c, expires_ns));
    return connection_publish(
        requests_connection(c->requests),
        &(struct connection_publish){.subject = subject, .reply = reply, .data = body, .size = (size_t)n});
}

static void arm_watchdog(struct consumer *c)
{
    if (!loop_timer_armed(&c->watchdog))
        loop_arm(c->loop, &c->watchdog, c->heard_ns + 2 * heartbeat_ns(c, c->longest_ns));
}

/* Asks for `room` messages more, or as many as the server allows in one request. */
static void request(struct consumer *c, int64_t room)
{
    int64_t now = loop_now_ns(c->loop);
    int64_t expires = expires_ns(c);
    if (room > BATCH_MAX)
        room = BATCH_MAX;
    if (c->max_batch && room > c->max_batch)
        room = c->max_batch;
    if (ask(c, room, expires))
        return; /* not connected: CONNECTION_DOWN is on its way */
    if (c->outstanding == 0) {
        c->heard_ns = now;
        c->longest_ns = 0;
    }
    if (expires > c->longest_ns)
        c->longest_ns = expires;
    c->outstanding += room;
    c->asked_ns = now;
    c->stats.pulls++;
    arm_watchdog(c);
}

/* At the end of each iteration: asks for what the window leaves free. */
static void pump(struct loop_hook *hook)
{
    struct consumer *c = hook->data;
    if (c->stopping) {
        stop_step(c);
        return;
    }
    if (c->stage != STAGE_ACTIVE || c->window == 0 || c->sync.on)
        return;
    int64_t window = (int64_t)(c->window < (size_t)c->max_ack_pending ? c->window : (size_t)c->max_ack_pending);
    int64_t here = (int64_t)in_house(c);
    int64_t room = window - (here - (int64_t)c->queued) - c->outstanding;
    if (room > c->max_ack_pending - here - c->outstanding)
        room = c->max_ack_pending - here - c->outstanding;
    if (room <= 0 || c->outstanding > window / 2 || (c->outstanding > 0 && room < window / 4))
        return;
    int64_t now = loop_now_ns(c->loop);
    if (now < c->not_before_ns) {
        loop_arm(c->loop, &c->pull_again, c->not_before_ns);
        return;
    }
    request(c, room);
}

void pull_redeliveries(struct consumer *c, uint64_t n)
{
    int64_t room = (int64_t)n - c->outstanding;
    if (room > 0 && !c->stopping && !c->shut && loop_now_ns(c->loop) >= c->not_before_ns)
        request(c, room);
}

void pull_reset(struct consumer *c, int64_t pause_ns)
{
    c->epoch++;
    c->outstanding = 0;
    loop_disarm(c->loop, &c->watchdog);
    c->not_before_ns = loop_now_ns(c->loop) + pause_ns;
    if (pause_ns)
        loop_arm(c->loop, &c->pull_again, c->not_before_ns);
}

/* At once the first time, then after a growing pause, until a request lives. */
static void reset_with_pause(struct consumer *c, int64_t most_ns)
{
    pull_reset(c, c->pause_ns);
    c->unheard = true;
    c->pause_ns = min_ns(c->pause_ns ? c->pause_ns * 2 : PAUSE_MIN_NS, most_ns);
}

static void on_watchdog(struct loop_timer *t)
{
    struct consumer *c = t->data;
    int64_t heartbeats = 2 * heartbeat_ns(c, c->longest_ns);
    int64_t due = c->heard_ns + heartbeats;

    if (c->outstanding == 0 || c->stage != STAGE_ACTIVE || c->stopping)
        return; /* stop.c has a patience of its own */
    /* A request can be dropped unsaid while another one's heartbeats go on: when even the newest must
     * have expired, what is left of the sum is nobody's. */
    if (loop_now_ns(c->loop) > c->asked_ns + c->longest_ns + heartbeats) {
        pull_reset(c, 0);
        return;
    }
    if (loop_now_ns(c->loop) < due) {
        loop_arm(c->loop, t, due);
        return;
    }
    if (!c->silent)
        log_warn("pull-silent", LOG_STR("handler", c->handler->name), LOG_STR("cluster", c->cluster->name),
                 LOG_NS("silent_for", loop_now_ns(c->loop) - c->heard_ns),
                 LOG_STR("msg", "no heartbeat: asking again until there is one"));
    c->silent = c->unheard = true;
    pull_reset(c, 0);
    setup_verify(c);
}

static void on_pull_again(struct loop_timer *t)
{
    (void)t; /* the hook runs at the end of this iteration */
}

static bool learn(int64_t *limit, int64_t said)
{
    if (said <= 0 || (*limit && said >= *limit))
        return false;
    *limit = said;
    return true;
}

static void apply_limit(struct consumer *c, const struct pull_status *s)
{
    bool learned = learn(&c->max_batch, s->max_batch) || learn(&c->max_bytes, s->max_bytes); /* a status names one */
    if (s->max_expires_ns >= EXPIRES_MIN_NS && s->max_expires_ns < c->expires_ns) {
        c->expires_ns = s->max_expires_ns;
        learned = true;
    }
    if (learned)
        pull_reset(c, 0);
    else
        reset_with_pause(c, PAUSE_MAX_NS);
}

static void say_unknown(struct consumer *c, const char *code, const char *description)
{
    char seen[sizeof(c->seen_status)];
    snprintf(seen, sizeof(seen), "%s %s", code, description ? description : "");
    if (strcmp(seen, c->seen_status) == 0)
        return;
    memcpy(c->seen_status, seen, sizeof(seen));
    log_warn("pull-status", LOG_STR("handler", c->handler->name), LOG_STR("cluster", c->cluster->name),
             LOG_STR("status", seen), LOG_STR("msg", "not known to this version: asking again"));
}

/* No consumer answers: gone, or its server has no leader just now. */
static void nobody(struct consumer *c)
{
    reset_with_pause(c, PAUSE_NOBODY_MAX_NS);
    setup_verify(c);
}

/* Such a message was stored when the server's max_payload was larger, or the consumer's limit is smaller than it: it
 * would not fit the next time either. */
static void note_size(struct consumer *c, natsMsg *msg)
{
    const char *left = NULL;
    if (natsMsgHeader_Get(msg, "Nats-Pending-Bytes", &left) == NATS_OK && left &&
        strtoll(left, NULL, 10) >= request_bytes(c))
        c->any_size = true;
}

static struct pull_status read_status(natsMsg *msg, const char **ret_code, const char **ret_description)
{
    const char *pending = NULL;

    *ret_description = NULL;
    if (natsMsgHeader_Get(msg, "Status", ret_code) != NATS_OK || !*ret_code)
        *ret_code = "";
    natsMsgHeader_Get(msg, "Description", ret_description);
    natsMsgHeader_Get(msg, "Nats-Pending-Messages", &pending);
    return pull_status_parse(*ret_code, *ret_description, pending);
}

/* For a request that was given up, as a rule during the election that ends with this. */
static void on_late_status(struct consumer *c, natsMsg *msg)
{
    const char *code, *description;

    if (read_status(msg, &code, &description).reaction != PULL_NEW_LEADER)
        c->unheard = c->silent = false;
    else if (c->unheard)
        pull_reset(c, 0);
}

static void on_status(struct consumer *c, natsMsg *msg)
{
    const char *code, *description;
    char sentence[256];
    struct pull_status s = read_status(msg, &code, &description);

    c->unheard = c->silent = false;

    switch (s.reaction) {
    case PULL_HEARTBEAT:
        c->pause_ns = 0;
        setup_heard(c);
        break;
    case PULL_FULL: note_size(c, msg); /* fall through */
    case PULL_ENDED:
        if (s.unfilled != 0)
            consumer_ask_lag(c); /* nothing came: there may be a reason */
        if (s.unfilled < 0)
            pull_reset(c, 0);
        else
            c->outstanding = c->outstanding > s.unfilled ? c->outstanding - s.unfilled : 0;
        break;
    case PULL_RESET:
    case PULL_NEW_LEADER: reset_with_pause(c, PAUSE_MAX_NS); break;
    case PULL_LIMITED: apply_limit(c, &s); break;
    case PULL_NOBODY: nobody(c); break;
    case PULL_GONE:
        snprintf(sentence, sizeof(sentence), "consumer %s of stream %s was deleted while running", c->handler->durable,
                 c->stream);
        setup_alarm(c, sentence);
        break;
    case PULL_REFUSED:
        snprintf(sentence, sizeof(sentence), "consumer %s of stream %s refuses to be pulled from: %s",
                 c->handler->durable, c->stream, description ? description : code);
        setup_alarm(c, sentence);
        break;
    case PULL_UNKNOWN:
        say_unknown(c, code, description);
        reset_with_pause(c, PAUSE_MAX_NS);
        break;
    }
}

static bool is_status(const struct route *r, const char *subject, uint64_t *ret_epoch)
{
    const char *inbox = connection_inbox(requests_connection(r->requests));
    if (subject[0] != inbox[0] || strncmp(subject, inbox, strlen(inbox)) != 0 || strlen(subject) <= r->inbox_len)
        return false;
    *ret_epoch = strtoull(subject + r->inbox_len, NULL, 10);
    return true;
}

static void on_delivery(struct consumer *c, natsMsg *msg)
{
    struct connection *connection = requests_connection(c->requests);
    struct ack_meta meta;

    if (ack_meta_parse(natsMsg_GetReply(msg), &meta)) {
        if (c->stats.malformed++ == 0)
            log_warn("message-refused", LOG_STR("handler", c->handler->name),
                     LOG_STR("subject", natsMsg_GetSubject(msg)),
                     LOG_STR("msg", "it came without an acknowledgement subject: not from JetStream (said once)"));
        connection_recycle(connection, msg);
        return;
    }
    c->pause_ns = 0;
    setup_heard(c);
    if (c->paused)
        consumer_ask_lag(c);
    c->stats.delivered++;
    c->delivered_ns = c->heard_ns;
    c->stats.num_pending = meta.pending;
    if (meta.stream_seq > c->last_seq)
        c->last_seq = meta.stream_seq;
    if (meta.delivered > 1) {
        c->stats.redelivered++;
        redelivery_sync_arrived(c);
    }
    if (c->outstanding > 0)
        c->outstanding--;

    /* Looked for even at a first delivery: a server that was killed counts from its last saved state. */
    struct message *h = message_find(&c->messages, meta.stream_seq, meta.stored_ns);
    if (h && !consumer_stale(c, h)) {
        c->stats.repeated++;
        message_refresh(&c->messages, h, msg, &meta, connection);
        lease_begin(c, h);
        if (h->state == MESSAGE_ACKED || h->state == MESSAGE_SETTLED)
            setup_suspect(c);
        if (c->cumulative.on) {
            cumulative_arrived(c, h);
            if (h->state == MESSAGE_ACKED) {
                cumulative_again(c, h);
                return;
            }
            if (h->state == MESSAGE_DONE) {
                cumulative_done(c, h);
                return;
            }
        }
        if (h->state == MESSAGE_ACKED ||
            h->state == MESSAGE_SETTLED) { /* the acknowledgement was lost: the work was not */
            consumer_ack(c, h);
            return;
        }
        if (h->state != MESSAGE_AWAY)
            return;
        list_remove(&h->node); /* its lease is back in its list already */
        h->again = true;
        message_set_state(&c->messages, h, MESSAGE_READY);
    } else {
        h = message_add(&c->messages, c, msg, &meta);
        if (!h) {
            connection_recycle(connection, msg); /* comes again after ack wait */
            redelivery_sync_begin(c);
            return;
        }
        lease_begin(c, h);
        if (c->cumulative.on)
            cumulative_arrived(c, h);
    }
    c->callbacks.on_message(c->data, h);
}

static void on_inbox(void *data, natsMsg *msg)
{
    const struct route *r = data;
    struct consumer *c = r->consumer;
    uint64_t epoch;

    c->heard_ns = loop_now_ns(c->loop);
    if (!msg) {
        if (r->requests == c->requests)
            nobody(c);
        return;
    }
    if (!is_status(r, natsMsg_GetSubject(msg), &epoch)) {
        c->unheard = c->silent = false;
        on_delivery(c, msg);
        return;
    }
    if (epoch == c->epoch)
        on_status(c, msg);
    else
        on_late_status(c, msg);
    connection_recycle(requests_connection(c->requests), msg);
}

int pull_listen(struct route *r)
{
    char subject[SUBJECT_MAX];
    struct connection *connection = requests_connection(r->requests);

    int n = snprintf(subject, sizeof(subject), "%s.p%u.>", connection_inbox(connection), r->consumer->index);
    r->inbox_len = (size_t)n - 1;
    r->inbox = connection_subscribe(connection, subject, CONNECTION_STREAM, on_inbox, r);
    return r->inbox ? 0 : -ENOMEM;
}

void pull_init(struct consumer *c)
{
    c->expires_ns = EXPIRES_NS;
    c->watchdog = (struct loop_timer){.fire = on_watchdog, .data = c};
    c->pull_again = (struct loop_timer){.fire = on_pull_again, .data = c};
    c->pump = (struct loop_hook){.order = LOOP_ORDER_PULL, .run = pump, .data = c};
    loop_add_hook(c->loop, &c->pump);
}

void pull_finish(struct consumer *c)
{
    if (c->pump.run)
        loop_remove_hook(c->loop, &c->pump);
    c->pump.run = NULL;
    loop_disarm(c->loop, &c->watchdog);
    loop_disarm(c->loop, &c->pull_again);
}

void pull_start(struct consumer *c)
{
    pull_reset(c, 0);
    c->unheard = true;
}
