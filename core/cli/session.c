/* SPDX-License-Identifier: Apache-2.0
 * session - nats.c connects and reconnects; its threads push what comes in into a queue, on which
 * session_calls() waits. */
#include "session.h"

#include "base/clock.h"
#include "federation/nats_options.h"
#include "federation/queue.h"

#include <errno.h>
#include <poll.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW 64 /* calls on their way: more only fill the server's queue, which drops them */
#define ATTEMPT_NS (5 * NS_PER_SEC)
#define AGAIN_NS (250 * NS_PER_MS)
#define RECONNECT_MS 250
#define WAIT_SECONDS 2
#define SUBJECT_MAX 512
#define INBOX_MAX 160

struct session {
    const struct config_cluster *cluster;
    natsConnection *nats;
    natsSubscription *sub;
    struct queue incoming; /* of struct incoming */
    struct buf taken;
    sem_t sub_ended; /* nats.c's threads are done with us */
    sem_t closed;
    unsigned run; /* late answers to an earlier session_calls() are told from the answers to this one */
    char inbox[INBOX_MAX];
    char *deaf; /* why the inbox may not be subscribed to: no call will ever be answered; NULL: it may */
};

/* Exactly one is set, or none: the connection was made again. */
struct incoming {
    natsMsg *msg;
    char *error;
};

/* ---- the connection --------------------------------------------------------------- */

static void on_message(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *closure)
{
    struct session *s = closure;
    (void)nc;
    (void)sub;
    if (!queue_push(&s->incoming, &(struct incoming){.msg = msg}, sizeof(struct incoming)))
        natsMsg_Destroy(msg);
}

static void on_error(natsConnection *nc, natsSubscription *sub, natsStatus status, void *closure)
{
    struct session *s = closure;
    const char *text = NULL;
    (void)sub;

    natsConnection_GetLastError(nc, &text);
    struct incoming in = {.error = strdup(text && *text ? text : natsStatus_GetText(status))};
    if (in.error && !queue_push(&s->incoming, &in, sizeof(in)))
        free(in.error);
}

static void on_reconnected(natsConnection *nc, void *closure)
{
    struct session *s = closure;
    (void)nc;
    queue_push(&s->incoming, &(struct incoming){0}, sizeof(struct incoming));
}

static void on_closed(natsConnection *nc, void *closure)
{
    (void)nc;
    sem_post(&((struct session *)closure)->closed);
}

static void on_sub_ended(void *closure)
{
    sem_post(&((struct session *)closure)->sub_ended);
}

static natsStatus set_callbacks(natsOptions *o, struct session *s)
{
    natsStatus st = natsOptions_SetAllowReconnect(o, true);
    if (st == NATS_OK)
        st = natsOptions_SetMaxReconnect(o, -1);
    if (st == NATS_OK)
        st = natsOptions_SetReconnectWait(o, RECONNECT_MS);
    if (st == NATS_OK)
        st = natsOptions_SetReconnectedCB(o, on_reconnected, s);
    if (st == NATS_OK)
        st = natsOptions_SetErrorHandler(o, on_error, s);
    if (st == NATS_OK)
        st = natsOptions_SetClosedCB(o, on_closed, s);
    if (st == NATS_OK)
        st = natsOptions_SetCustomInboxPrefix(o, s->cluster->inbox_prefix);
    return st;
}

static int connect_once(struct session *s, const char *name, struct error *err)
{
    natsOptions *options = NULL;
    char why[ERROR_TEXT_MAX / 2];
    int rc = nats_options_create(&options, s->cluster, name, err);
    if (rc < 0)
        return rc;

    natsStatus st = set_callbacks(options, s);
    if (st == NATS_OK)
        st = natsConnection_Connect(&s->nats, options);
    natsOptions_Destroy(options);
    if (st == NATS_OK)
        return 0;
    s->nats = NULL;
    nats_failure_text(s->cluster, st, why, sizeof(why));
    rc = st == NATS_NO_SERVER || st == NATS_TIMEOUT || st == NATS_IO_ERROR ? -ENOTCONN : -EACCES;
    return error_set(err, rc, "cluster %s: %s", s->cluster->name, why);
}

static int subscribe(struct session *s, struct error *err)
{
    char subject[SUBJECT_MAX];
    snprintf(subject, sizeof(subject), "%s.>", s->inbox);
    natsStatus st = natsConnection_Subscribe(&s->sub, s->nats, subject, on_message, s);
    if (st == NATS_OK)
        st = natsSubscription_SetOnCompleteCB(s->sub, on_sub_ended, s);
    return st == NATS_OK ? 0 : error_set(err, -EIO, "cannot subscribe to %s: %s", subject, natsStatus_GetText(st));
}

int session_open(struct session **ret, const struct config_cluster *cluster, const char *name, int64_t deadline_ns,
                 struct error *err)
{
    struct session *s = calloc(1, sizeof(*s));
    if (!s)
        return error_set(err, -ENOMEM, "out of memory");
    s->cluster = cluster;
    sem_init(&s->sub_ended, 0, 0);
    sem_init(&s->closed, 0, 0);
    int rc = queue_init(&s->incoming);
    if (rc == 0)
        rc = nats_inbox_create(cluster, s->inbox, sizeof(s->inbox));
    if (rc < 0)
        error_set(err, rc, "cannot make a reply subject: %s", strerror(-rc));
    while (rc == 0 && (rc = connect_once(s, name, err)) == -ENOTCONN && clock_now_ns() + AGAIN_NS < deadline_ns) {
        poll(NULL, 0, AGAIN_NS / NS_PER_MS);
        rc = 0;
    }
    if (rc == 0)
        rc = subscribe(s, err);
    if (rc < 0) {
        session_close(s);
        return rc;
    }
    *ret = s;
    return 0;
}

static void drop_incoming(struct session *s)
{
    queue_take(&s->incoming, &s->taken);
    for (size_t at = 0; at + sizeof(struct incoming) <= s->taken.len; at += sizeof(struct incoming)) {
        const struct incoming *in = (const struct incoming *)(const void *)(s->taken.data + at);
        natsMsg_Destroy(in->msg);
        free(in->error);
    }
}

static void wait_for(sem_t *sem)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_SECONDS;
    while (sem_timedwait(sem, &until) < 0 && errno == EINTR)
        continue;
}

void session_close(struct session *s)
{
    if (!s)
        return;
    if (s->sub) {
        natsSubscription_Destroy(s->sub);
        wait_for(&s->sub_ended);
    }
    if (s->nats) {
        natsConnection_Destroy(s->nats);
        wait_for(&s->closed);
    }
    if (s->incoming.wake_fd > 0)
        drop_incoming(s);
    queue_finish(&s->incoming);
    buf_finish(&s->taken);
    free(s->deaf);
    sem_destroy(&s->sub_ended);
    sem_destroy(&s->closed);
    free(s);
}

natsConnection *session_nats(struct session *s)
{
    return s->nats;
}

const struct config_cluster *session_cluster(const struct session *s)
{
    return s->cluster;
}

/* ---- calls ------------------------------------------------------------------------------ */

struct calls {
    struct session *s;
    struct call *items;
    size_t n;
    size_t first; /* all before it are done */
    size_t n_done;
    size_t n_sent;
    size_t window;
};

static int call_subject(const struct session *s, const struct call *c, char *out, size_t size)
{
    if (!c->publish)
        return api_subject(s->cluster, c->domain, &c->path, out, size);
    return snprintf(out, size, "%s", c->publish) < (int)size ? 0 : -ENAMETOOLONG;
}

static natsStatus publish(struct session *s, const struct call *c, const char *reply)
{
    natsMsg *msg = NULL;
    natsStatus st = natsMsg_Create(&msg, c->publish, reply, c->body, (int)c->size);

    for (size_t at = 0; st == NATS_OK && at < c->headers_size;) {
        const char *name = c->headers + at;
        const char *value = name + strlen(name) + 1;
        st = natsMsgHeader_Add(msg, name, value);
        at += strlen(name) + strlen(value) + 2;
    }
    if (st == NATS_OK)
        st = natsConnection_PublishMsg(s->nats, msg);
    natsMsg_Destroy(msg);
    return st;
}

static void send_call(struct calls *cs, size_t i, int64_t now_ns)
{
    struct call *c = &cs->items[i];
    char subject[SUBJECT_MAX];
    char reply[INBOX_MAX + 32];

    call_subject(cs->s, c, subject, sizeof(subject));
    snprintf(reply, sizeof(reply), "%s.%u.%zu", cs->s->inbox, cs->s->run, i);
    natsStatus st = c->publish ? publish(cs->s, c, reply)
                               : natsConnection_PublishRequest(cs->s->nats, subject, reply, c->body,
                                                               c->body ? (int)strlen(c->body) : 0);
    if (c->publish)
        c->answer = (struct answer){0}; /* what it was refused with is no word on this try */
    cs->n_sent += !c->sent;
    c->sent = true;
    c->due_ns = now_ns + (st == NATS_OK ? ATTEMPT_NS : AGAIN_NS);
}

static void call_done(struct calls *cs, struct call *c)
{
    c->done = true;
    cs->n_done++;
    cs->n_sent--;
}

/* Sends what is due and fits into the window; returns when to look again. */
static int64_t send_due(struct calls *cs, int64_t now_ns)
{
    int64_t next_ns = INT64_MAX;

    while (cs->first < cs->n && cs->items[cs->first].done)
        cs->first++;
    for (size_t i = cs->first; i < cs->n; i++) {
        struct call *c = &cs->items[i];
        if (c->done)
            continue;
        if (!c->sent && cs->n_sent >= cs->window)
            break;
        if (c->due_ns <= now_ns) {
            if (c->sent && c->answer.rc == 0)
                c->answer.rc = -ETIMEDOUT; /* so far */
            if (c->publish && c->sent && !answer_is_transient(&c->answer)) {
                call_done(cs, c);
                continue;
            }
            send_call(cs, i, now_ns);
        }
        next_ns = c->due_ns < next_ns ? c->due_ns : next_ns;
    }
    return next_ns;
}

/* "<inbox>.<run>.<index>"; NULL: an answer to nothing that is asked now. */
static struct call *find_call(struct calls *cs, const char *subject)
{
    unsigned run;
    size_t i;
    size_t len = strlen(cs->s->inbox);

    if (strncmp(subject, cs->s->inbox, len) != 0 || sscanf(subject + len, ".%u.%zu", &run, &i) != 2)
        return NULL;
    return run == cs->s->run && i < cs->n && cs->items[i].sent && !cs->items[i].done ? &cs->items[i] : NULL;
}

static void take_answer(struct calls *cs, natsMsg *msg, int64_t now_ns)
{
    struct call *c = find_call(cs, natsMsg_GetSubject(msg));
    if (!c)
        return;
    int rc = natsMsg_IsNoResponders(msg) ? -EHOSTUNREACH : 0;
    if (c->publish)
        pub_ack_read(&c->answer, rc, msg);
    else
        answer_read(&c->answer, rc, msg);
    if (answer_is_transient(&c->answer))
        c->due_ns = now_ns + AGAIN_NS;
    else
        call_done(cs, c);
}

static void deny(struct calls *cs, struct call *c, const char *text)
{
    c->answer.rc = -EACCES;
    snprintf(c->answer.text, sizeof(c->answer.text), "%s", nats_text(text));
    call_done(cs, c);
}

/* Nobody answers what the user may not publish to, and nats.c keeps only the last of several refusals. So what else is
 * on its way may have been refused as well, and is asked again, one by one. */
static void take_error(struct calls *cs, const char *text)
{
    char subject[SUBJECT_MAX + 2] = "\"";

    if (!strstr(text, "Permissions Violation"))
        return;
    if (strstr(text, cs->s->inbox)) {
        if (!cs->s->deaf)
            cs->s->deaf = strdup(text);
        return;
    }
    cs->window = 1;
    for (size_t i = cs->first; i < cs->n; i++) {
        struct call *c = &cs->items[i];
        if (!c->sent || c->done)
            continue;
        call_subject(cs->s, c, subject + 1, sizeof(subject) - 2);
        strcat(subject, "\"");
        if (strstr(text, subject)) {
            deny(cs, c, text);
        } else if (!c->publish) {
            c->sent = false;
            c->due_ns = 0;
            cs->n_sent--;
        }
    }
}

static void deny_all(struct calls *cs)
{
    for (size_t i = cs->first; i < cs->n; i++) {
        struct call *c = &cs->items[i];
        cs->n_sent += !c->sent; /* as call_done() takes it back */
        if (!c->done)
            deny(cs, c, cs->s->deaf);
    }
}

static void take_incoming(struct calls *cs, int64_t now_ns)
{
    struct session *s = cs->s;

    queue_take(&s->incoming, &s->taken);
    for (size_t at = 0; at + sizeof(struct incoming) <= s->taken.len; at += sizeof(struct incoming)) {
        const struct incoming *in = (const struct incoming *)(const void *)(s->taken.data + at);
        if (in->msg)
            take_answer(cs, in->msg, now_ns);
        else if (in->error)
            take_error(cs, in->error);
        else
            for (size_t i = cs->first; i < cs->n; i++)
                cs->items[i].due_ns = 0; /* what was on its way is lost */
        natsMsg_Destroy(in->msg);
        free(in->error);
    }
    buf_clear(&s->taken);
}

/* Nobody answered in time: the reason of the last attempt stays, if there was one. */
static void give_up(struct calls *cs)
{
    bool connected = natsConnection_Status(cs->s->nats) == NATS_CONN_STATUS_CONNECTED;
    for (size_t i = cs->first; i < cs->n; i++) {
        struct call *c = &cs->items[i];
        if (c->done)
            continue;
        if (c->answer.rc == 0 || !connected)
            c->answer.rc = connected ? -ETIMEDOUT : -ENOTCONN;
        c->done = true;
    }
}

void session_calls(struct session *s, struct call *calls, size_t n, int64_t deadline_ns, calls_progress_fn progress,
                   void *data)
{
    struct calls cs = {.s = s, .items = calls, .n = n, .window = WINDOW};

    s->run++;
    for (size_t i = 0; i < n; i++) {
        calls[i].answer = (struct answer){0};
        calls[i].due_ns = 0;
        calls[i].sent = calls[i].done = false;
    }
    while (cs.n_done < n) {
        int64_t now_ns = clock_now_ns();
        if (now_ns >= deadline_ns) {
            give_up(&cs);
            break;
        }
        int64_t until_ns = send_due(&cs, now_ns);
        until_ns = until_ns < deadline_ns ? until_ns : deadline_ns;
        struct pollfd in = {.fd = s->incoming.wake_fd, .events = POLLIN};
        int64_t wait_ms = (until_ns - now_ns) / NS_PER_MS + 1;
        if (poll(&in, 1, (int)(wait_ms < 1000 ? wait_ms : 1000)) > 0)
            take_incoming(&cs, clock_now_ns());
        if (s->deaf)
            deny_all(&cs);
        if (progress)
            progress(data, cs.n_done, n);
    }
}

int session_call(struct session *s, struct call *call, int64_t timeout_ns, struct error *err)
{
    session_calls(s, call, 1, clock_now_ns() + timeout_ns, NULL, NULL);
    return call->answer.rc ? session_explain(s, call, err) : 0;
}

const char *call_name(const struct call *call, char *out, size_t size)
{
    if (call->publish)
        return call->publish;
    api_path_text(&call->path, out, size);
    return out;
}

int session_explain(const struct session *s, const struct call *call, struct error *err)
{
    const struct answer *a = &call->answer;
    const char *domain = call->domain ? call->domain : s->cluster->domain;
    char text[API_SUBJECT_MAX];
    char prefix[API_SUBJECT_MAX] = "";
    const char *name = call_name(call, text, sizeof(text));

    switch (a->rc) {
    case 0: return 0;
    case -ENOTCONN:
        return error_set(err, a->rc, "%s: the connection to cluster %s was lost and no server takes a new one", name,
                         s->cluster->name);
    case -EHOSTUNREACH:
        return error_set(err, a->rc, "%s: nobody answers: JetStream is not enabled on cluster %s%s%s, or not yet", name,
                         s->cluster->name, domain ? ", or it cannot reach a domain " : "", domain ? domain : "");
    case -ETIMEDOUT:
        api_prefix(s->cluster, call->domain, prefix, sizeof(prefix));
        return error_set(err, a->rc,
                         "%s: no answer in time (has JetStream a leader, and may this user publish to %s.> "
                         "and subscribe to %s.>?)",
                         name, prefix, s->cluster->inbox_prefix);
    case -EACCES:
        return error_set(err, a->rc, "%s: %s (grant it to the user of cluster %s)", name, a->text, s->cluster->name);
    case -EREMOTEIO: return error_set(err, a->rc, "%s: the server says: %s (%d)", name, a->text, a->err_code);
    default: return error_set(err, a->rc, "%s: %s", name, *a->text ? a->text : strerror(-a->rc));
    }
}

void call_finish(struct call *call)
{
    json_decref(call->answer.json);
    call->answer.json = NULL;
}
