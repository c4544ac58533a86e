/* SPDX-License-Identifier: Apache-2.0
 *
 * pull - requests messages with credit, and acts on the statuses that the server sends instead.
 *
 * `outstanding` is the number of messages requested that have neither arrived nor been reported as not coming.  A
 * message cannot be matched to a pull request, so only the total is tracked.  A new request is sent when half of the
 * window is free, so the server always has an open one.  Every request has an expiry and a heartbeat: if nothing
 * arrives for two heartbeats, the requests are considered lost.
 *
 * A new leader reports that the requests to its predecessor have ended.  Requests sent during the election get no
 * responders, or are lost in a frozen server.  So until something arrives, requests are short and their heartbeats
 * frequent. Source: ADR-13.
 */
#include "consumer_private.h"

#include "base/log.h"
#include "status.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_MAX 5000
#define REQUEST_BYTES (16 * 1024 * 1024) /* several may be open, and a server disconnects a client 64 MiB behind */
#define SUBJECT_BYTES (256 * 1024)       /* the server also counts subjects and headers in max_bytes */
#define EXPIRES_NS (30 * NS_PER_SEC)
#define EXPIRES_MIN_NS (100 * NS_PER_MS)
#define HEARTBEAT_NS NS_PER_SEC
#define UNHEARD_HEARTBEAT_NS (500 * NS_PER_MS)
#define PAUSE_MIN_NS (100 * NS_PER_MS)
#define PAUSE_MAX_NS (5 * NS_PER_SEC)
#define PAUSE_NO_RESPONDERS_MAX_NS (500 * NS_PER_MS) /* an election may end at any moment */
#define SUBJECT_MAX 512

static int64_t min_ns(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Requests are short while messages flow, because a drain waits for their end, and long when idle. */
static int64_t pull_request_expires_ns(const struct pull *p)
{
    int64_t ns = p->expires_limit_ns ? min_ns(p->expires_ns, p->expires_limit_ns) : p->expires_ns;
    bool flowing = p->delivered_ns >= p->requested_ns;
    return p->contact != PULL_HEARD || flowing ? min_ns(ns, PULL_FLOWING_EXPIRES_NS) : ns;
}

static int64_t heartbeat_ns(const struct pull *p, int64_t expires_ns)
{
    return min_ns(expires_ns / 2, p->contact == PULL_HEARD ? HEARTBEAT_NS : UNHEARD_HEARTBEAT_NS);
}

/* Messages that leave only when a worker or a settlement has finished, not by a timer. */
static size_t count_busy(const struct consumer *c)
{
    return c->messages.n_by_state[MESSAGE_READY] + c->messages.n_by_state[MESSAGE_RUNNING] +
           c->messages.n_by_state[MESSAGE_SETTLING];
}

/* Credit counts messages, and the size of past ones predicts nothing: 5,000 messages of 1 MiB would be 5 GB. */
static int64_t pull_request_max_bytes(const struct consumer *c)
{
    const struct pull *p = &c->pull;
    int64_t most = connection_max_payload(consumer_connection(c)) + SUBJECT_BYTES;
    if (p->any_size)
        return 0;
    if (most < REQUEST_BYTES)
        most = REQUEST_BYTES;
    return p->max_bytes && p->max_bytes < most ? p->max_bytes : most;
}

static int pull_request_publish(struct consumer *c, int64_t batch, int64_t expires_ns)
{
    char subject[SUBJECT_MAX];
    char reply[SUBJECT_MAX];
    char body[160];
    struct api_path path = {API_CONSUMER_NEXT, .stream = c->stream, .consumer = c->handler->durable};

    int rc = api_subject(c->cluster, NULL, &path, subject, sizeof(subject));
    if (rc)
        return rc;
    /* Each request has a reply subject of its own: the server forgets a subject with the first request that ends. */
    snprintf(reply, sizeof(reply), "%s.p%u.%llu.%llu", connection_inbox(consumer_connection(c)), c->index,
             (unsigned long long)c->pull.epoch, (unsigned long long)c->stats.pulls);
    int n = snprintf(body, sizeof(body), "{\"batch\":%lld,\"max_bytes\":%lld,\"expires\":%lld,\"idle_heartbeat\":%lld}",
                     (long long)batch, (long long)pull_request_max_bytes(c), (long long)expires_ns,
                     (long long)heartbeat_ns(&c->pull, expires_ns));
    return connection_publish(
        consumer_connection(c),
        &(struct connection_publish){.subject = subject, .reply = reply, .data = body, .size = (size_t)n});
}

static void watchdog_arm(struct consumer *c)
{
    struct pull *p = &c->pull;
    if (!loop_timer_armed(&p->watchdog))
        loop_arm(c->loop, &p->watchdog, p->last_activity_ns + 2 * heartbeat_ns(p, p->longest_expires_ns));
}

/* Requests `room` more messages, or as many as the server allows in one request. */
static void pull_request_send(struct consumer *c, int64_t room)
{
    struct pull *p = &c->pull;
    int64_t now = loop_now_ns(c->loop);
    int64_t expires = pull_request_expires_ns(p);

    if (room > BATCH_MAX)
        room = BATCH_MAX;
    if (p->max_batch && room > p->max_batch)
        room = p->max_batch;
    if (pull_request_publish(c, room, expires))
        return; /* not connected: CONNECTION_DOWN follows */
    if (p->outstanding == 0) {
        p->last_activity_ns = now;
        p->longest_expires_ns = 0;
    }
    if (expires > p->longest_expires_ns)
        p->longest_expires_ns = expires;
    p->outstanding += room;
    p->requested_ns = now;
    c->stats.pulls++;
    watchdog_arm(c);
}

/* How many messages to request now: what the window leaves free, but no small requests. */
static int64_t window_room(const struct consumer *c)
{
    const struct pull *p = &c->pull;
    int64_t window = (int64_t)(p->window < (size_t)c->max_ack_pending ? p->window : (size_t)c->max_ack_pending);
    int64_t busy = (int64_t)count_busy(c);
    int64_t room = window - (busy - (int64_t)p->queued) - p->outstanding;

    if (room > c->max_ack_pending - busy - p->outstanding)
        room = c->max_ack_pending - busy - p->outstanding;
    if (p->outstanding > window / 2 || (p->outstanding > 0 && room < window / 4))
        return 0;
    return room;
}

/* The end of each iteration of the loop. */
static void on_iteration_end(struct loop_hook *hook)
{
    struct consumer *c = hook->data;
    struct pull *p = &c->pull;

    if (consumer_stopping(c)) {
        stop_step(c);
        return;
    }
    if (!binding_active(c) || p->window == 0 || c->sync.on)
        return;
    int64_t room = window_room(c);
    if (room <= 0)
        return;
    if (loop_now_ns(c->loop) < p->not_before_ns)
        loop_arm(c->loop, &p->resume, p->not_before_ns);
    else
        pull_request_send(c, room);
}

void pull_request_redeliveries(struct consumer *c, uint64_t n)
{
    int64_t room = (int64_t)n - c->pull.outstanding;
    if (room > 0 && !consumer_stopping(c) && !c->pull.paused && loop_now_ns(c->loop) >= c->pull.not_before_ns)
        pull_request_send(c, room);
}

void pull_reset(struct consumer *c, int64_t pause_ns)
{
    c->pull.epoch++;
    pull_forget_requests(c);
    c->pull.not_before_ns = loop_now_ns(c->loop) + pause_ns;
    if (pause_ns)
        loop_arm(c->loop, &c->pull.resume, c->pull.not_before_ns);
}

void pull_forget_requests(struct consumer *c)
{
    c->pull.outstanding = 0;
    loop_disarm(c->loop, &c->pull.watchdog);
}

/* ---- contact with the consumer's leader --------------------------------------------------- */

static void contact_lost(struct pull *p)
{
    if (p->contact == PULL_HEARD)
        p->contact = PULL_UNHEARD;
}

/* The first reset requests again at once, the next ones after a growing pause, until something arrives. */
static void reset_with_pause(struct consumer *c, int64_t most_ns)
{
    struct pull *p = &c->pull;
    pull_reset(c, p->pause_ns);
    contact_lost(p);
    p->pause_ns = min_ns(p->pause_ns ? p->pause_ns * 2 : PAUSE_MIN_NS, most_ns);
}

static void on_watchdog(struct loop_timer *t)
{
    struct consumer *c = t->data;
    struct pull *p = &c->pull;
    int64_t now = loop_now_ns(c->loop);
    int64_t heartbeats = 2 * heartbeat_ns(p, p->longest_expires_ns);

    if (p->outstanding == 0 || !binding_active(c) || consumer_stopping(c))
        return; /* stop.c has a deadline of its own */
    /* A request can be dropped silently while the heartbeats of another one go on.  When even the newest must have
     * expired, the rest of `outstanding` will never arrive. */
    if (now > p->requested_ns + p->longest_expires_ns + heartbeats) {
        pull_reset(c, 0);
        return;
    }
    if (now < p->last_activity_ns + heartbeats) {
        loop_arm(c->loop, t, p->last_activity_ns + heartbeats);
        return;
    }
    if (p->contact != PULL_SILENT)
        log_warn("pull-silent", LOG_STR("handler", c->handler->name), LOG_STR("cluster", c->cluster->name),
                 LOG_NS("silent_for", now - p->last_activity_ns),
                 LOG_STR("msg", "no message and no heartbeat has arrived; pull requests are repeated until one does"));
    p->contact = PULL_SILENT;
    pull_reset(c, 0);
    binding_verify(c);
}

static void on_resume(struct loop_timer *t)
{
    (void)t; /* on_iteration_end() follows */
}

/* ---- statuses ------------------------------------------------------------------------------ */

/* True: the limit is new, or smaller than the one known. */
static bool limit_lower(int64_t *limit, int64_t value)
{
    if (value <= 0 || (*limit && value >= *limit))
        return false;
    *limit = value;
    return true;
}

static void apply_limit(struct consumer *c, const struct pull_status *s)
{
    struct pull *p = &c->pull;
    bool lower = limit_lower(&p->max_batch, s->max_batch) || limit_lower(&p->max_bytes, s->max_bytes);
    if (s->max_expires_ns >= EXPIRES_MIN_NS && s->max_expires_ns < p->expires_ns) {
        p->expires_ns = s->max_expires_ns;
        lower = true;
    }
    if (lower)
        pull_reset(c, 0);
    else
        reset_with_pause(c, PAUSE_MAX_NS);
}

static void log_unknown_status(struct consumer *c, const char *code, const char *description)
{
    char status[sizeof(c->pull.unknown_status)];
    snprintf(status, sizeof(status), "%s %s", code, description ? description : "");
    if (strcmp(status, c->pull.unknown_status) == 0)
        return;
    memcpy(c->pull.unknown_status, status, sizeof(status));
    log_warn("pull-status", LOG_STR("handler", c->handler->name), LOG_STR("cluster", c->cluster->name),
             LOG_STR("status", status),
             LOG_STR("msg", "this version does not know the status; the pull request is repeated after a pause"));
}

/* The consumer was deleted, or has no leader at the moment. */
static void on_no_responders(struct consumer *c)
{
    reset_with_pause(c, PAUSE_NO_RESPONDERS_MAX_NS);
    binding_verify(c);
}

/* A message that is larger than a whole request was stored under a larger max_payload, or the consumer's max_bytes is
 * smaller than it.  It would not fit into the next request either. */
static void check_message_size(struct consumer *c, natsMsg *msg)
{
    const char *left = NULL;
    if (natsMsgHeader_Get(msg, "Nats-Pending-Bytes", &left) == NATS_OK && left &&
        strtoll(left, NULL, 10) >= pull_request_max_bytes(c))
        c->pull.any_size = true;
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

/* A status for a request before the last reset, usually from the new leader after an election. */
static void on_late_status(struct consumer *c, natsMsg *msg)
{
    const char *code, *description;

    if (read_status(msg, &code, &description).reaction != PULL_NEW_LEADER)
        c->pull.contact = PULL_HEARD;
    else if (c->pull.contact != PULL_HEARD)
        pull_reset(c, 0);
}

static void request_ended(struct consumer *c, int64_t unfilled)
{
    if (unfilled != 0)
        consumer_refresh_lag(c); /* the response may say why no message came, for example a pause */
    if (unfilled < 0)
        pull_reset(c, 0);
    else
        c->pull.outstanding = c->pull.outstanding > unfilled ? c->pull.outstanding - unfilled : 0;
}

static void on_status(struct consumer *c, natsMsg *msg)
{
    const char *code, *description;
    char sentence[256];
    struct pull_status s = read_status(msg, &code, &description);

    c->pull.contact = PULL_HEARD;
    switch (s.reaction) {
    case PULL_HEARTBEAT:
        c->pull.pause_ns = 0;
        binding_pull_alive(c);
        break;
    case PULL_FULL: check_message_size(c, msg); /* fall through */
    case PULL_ENDED: request_ended(c, s.unfilled); break;
    case PULL_RESET:
    case PULL_NEW_LEADER: reset_with_pause(c, PAUSE_MAX_NS); break;
    case PULL_LIMITED: apply_limit(c, &s); break;
    case PULL_NO_RESPONDERS: on_no_responders(c); break;
    case PULL_GONE:
        snprintf(sentence, sizeof(sentence), "consumer %s of stream %s was deleted while running", c->handler->durable,
                 c->stream);
        binding_alarm(c, sentence);
        break;
    case PULL_REFUSED:
        snprintf(sentence, sizeof(sentence), "consumer %s of stream %s refuses pull requests: %s", c->handler->durable,
                 c->stream, description ? description : code);
        binding_alarm(c, sentence);
        break;
    case PULL_UNKNOWN:
        log_unknown_status(c, code, description);
        reset_with_pause(c, PAUSE_MAX_NS);
        break;
    }
}

/* ---- what arrives ------------------------------------------------------------------------- */

/* Statuses arrive on the request's reply subject, messages on their own subject. */
static bool is_status(const struct path *p, const char *subject, uint64_t *ret_epoch)
{
    const char *inbox = connection_inbox(requests_connection(p->requests));
    if (subject[0] != inbox[0] || strncmp(subject, inbox, strlen(inbox)) != 0 || strlen(subject) <= p->prefix_len)
        return false;
    *ret_epoch = strtoull(subject + p->prefix_len, NULL, 10);
    return true;
}

static void on_message(struct consumer *c, natsMsg *msg)
{
    struct pull *p = &c->pull;
    struct ack_meta meta;

    if (ack_meta_parse(natsMsg_GetReply(msg), &meta)) {
        if (c->stats.malformed++ == 0)
            log_warn("message-refused", LOG_STR("handler", c->handler->name),
                     LOG_STR("subject", natsMsg_GetSubject(msg)),
                     LOG_STR("msg", "the message has no acknowledgement subject, so it is not from JetStream; it is "
                                    "ignored (logged once)"));
        connection_recycle(consumer_connection(c), msg);
        return;
    }
    p->pause_ns = 0;
    p->delivered_ns = p->last_activity_ns;
    if (p->outstanding > 0)
        p->outstanding--;
    binding_pull_alive(c);
    delivery_take(c, msg, &meta);
}

static void on_inbox(void *data, natsMsg *msg)
{
    const struct path *p = data;
    struct consumer *c = p->consumer;
    uint64_t epoch;

    c->pull.last_activity_ns = loop_now_ns(c->loop);
    if (!msg) {
        if (p->requests == c->requests)
            on_no_responders(c);
        return;
    }
    if (!is_status(p, natsMsg_GetSubject(msg), &epoch)) {
        c->pull.contact = PULL_HEARD;
        on_message(c, msg);
        return;
    }
    if (epoch == c->pull.epoch)
        on_status(c, msg);
    else
        on_late_status(c, msg);
    connection_recycle(consumer_connection(c), msg);
}

struct connection_sub *pull_subscribe(struct path *p, size_t *ret_prefix_len)
{
    char subject[SUBJECT_MAX];
    struct connection *connection = requests_connection(p->requests);

    int n = snprintf(subject, sizeof(subject), "%s.p%u.>", connection_inbox(connection), p->consumer->index);
    *ret_prefix_len = (size_t)n - 1;
    return connection_subscribe(connection, subject, CONNECTION_STREAM, on_inbox, p);
}

/* ---- life cycle and settings ---------------------------------------------------------------- */

void pull_init(struct consumer *c)
{
    struct pull *p = &c->pull;
    p->expires_ns = EXPIRES_NS;
    p->watchdog = (struct loop_timer){.fire = on_watchdog, .data = c};
    p->resume = (struct loop_timer){.fire = on_resume, .data = c};
    p->hook = (struct loop_hook){.order = LOOP_ORDER_PULL, .run = on_iteration_end, .data = c};
    loop_add_hook(c->loop, &p->hook);
}

void pull_finish(struct consumer *c)
{
    if (c->pull.hook.run)
        loop_remove_hook(c->loop, &c->pull.hook);
    c->pull.hook.run = NULL;
    loop_disarm(c->loop, &c->pull.watchdog);
    loop_disarm(c->loop, &c->pull.resume);
}

void pull_start(struct consumer *c)
{
    pull_reset(c, 0);
    contact_lost(&c->pull);
}

void consumer_set_window(struct consumer *c, size_t window)
{
    c->pull.window = window;
}

size_t consumer_window(const struct consumer *c)
{
    return c->pull.window;
}

void consumer_set_queued(struct consumer *c, size_t queued)
{
    c->pull.queued = queued;
}

void consumer_set_max_expires(struct consumer *c, int64_t expires_ns)
{
    c->pull.expires_limit_ns = expires_ns;
}

void consumer_set_pull_paused(struct consumer *c, bool paused)
{
    c->pull.paused = paused;
    if (!paused && binding_active(c))
        redelivery_sync_begin(c); /* the former puller of this consumer may have left unacknowledged messages */
}
