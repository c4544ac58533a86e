/* SPDX-License-Identifier: Apache-2.0
 * session - nats.c connects and reconnects; its threads push answers and errors into a queue, on which session_calls()
 * waits. */
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

#define WINDOW 64 /* calls in flight; more would overflow the server's API queue, which then drops requests */
#define ATTEMPT_NS (5 * NS_PER_SEC)
#define RETRY_NS (250 * NS_PER_MS)
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
    sem_t sub_ended; /* posted when nats.c calls back for the subscription for the last time */
    sem_t closed;
    unsigned run; /* number of the session_calls(); late answers to an earlier one have another number */
    char inbox[INBOX_MAX];
    char *inbox_error; /* why the subscription to the inbox was refused, so that no call gets an answer; NULL: none */
};

/* Either member is set, or none: nats.c has reconnected. */
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
        error_set(err, rc, "cannot create a reply subject: %s", strerror(-rc));
    while (rc == 0 && (rc = connect_once(s, name, err)) == -ENOTCONN && clock_now_ns() + RETRY_NS < deadline_ns) {
        poll(NULL, 0, RETRY_NS / NS_PER_MS);
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

static void wait_for_callback(sem_t *sem)
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
        wait_for_callback(&s->sub_ended);
    }
    if (s->nats) {
        natsConnection_Destroy(s->nats);
        wait_for_callback(&s->closed);
    }
    if (s->incoming.wake_fd > 0)
        drop_incoming(s);
    queue_finish(&s->incoming);
    buf_finish(&s->taken);
    free(s->inbox_error);
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
    size_t first; /* all calls before this index are done */
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

static natsStatus publish_message(struct session *s, const struct call *c, const char *reply)
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
    natsStatus st = c->publish ? publish_message(cs->s, c, reply)
                               : natsConnection_PublishRequest(cs->s->nats, subject, reply, c->body,
                                                               c->body ? (int)strlen(c->body) : 0);
    if (c->publish)
        c->answer = (struct answer){0}; /* forget the answer to the previous attempt */
    cs->n_sent += !c->sent;
    c->sent = true;
    c->due_ns = now_ns + (st == NATS_OK ? ATTEMPT_NS : RETRY_NS);
}

static void call_done(struct calls *cs, struct call *c)
{
    c->done = true;
    cs->n_done++;
    cs->n_sent--;
}

/* Sends the calls that are due and fit into the window; returns when the next one is due. */
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
                c->answer.rc = -ETIMEDOUT; /* until an answer arrives */
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

/* The call of a reply subject "<inbox>.<run>.<index>"; NULL: the answer belongs to no open call. */
static struct call *find_call(struct calls *cs, const char *subject)
{
    unsigned run;
    size_t i;
    size_t len = strlen(cs->s->inbox);

    if (strncmp(subject, cs->s->inbox, len) != 0 || sscanf(subject + len, ".%u.%zu", &run, &i) != 2)
        return NULL;
    return run == cs->s->run && i < cs->n && cs->items[i].sent && !cs->items[i].done ? &cs->items[i] : NULL;
}

static void handle_answer(struct calls *cs, natsMsg *msg, int64_t now_ns)
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
        c->due_ns = now_ns + RETRY_NS;
    else
        call_done(cs, c);
}

static void fail_call(struct calls *cs, struct call *c, const char *text)
{
    c->answer.rc = -EACCES;
    snprintf(c->answer.text, sizeof(c->answer.text), "%s", nats_text(text));
    call_done(cs, c);
}

/* A refused publish gets no answer, and nats.c keeps only the last of several errors. So the other calls in flight may
 * have been refused too; they are sent again, one at a time. */
static void handle_error(struct calls *cs, const char *text)
{
    char subject[SUBJECT_MAX + 2] = "\"";

    if (!strstr(text, "Permissions Violation"))
        return;
    if (strstr(text, cs->s->inbox)) {
        if (!cs->s->inbox_error)
            cs->s->inbox_error = strdup(text);
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
            fail_call(cs, c, text);
        } else if (!c->publish) {
            c->sent = false;
            c->due_ns = 0;
            cs->n_sent--;
        }
    }
}

static void fail_all_calls(struct calls *cs)
{
    for (size_t i = cs->first; i < cs->n; i++) {
        struct call *c = &cs->items[i];
        cs->n_sent += !c->sent; /* call_done() subtracts it again */
        if (!c->done)
            fail_call(cs, c, cs->s->inbox_error);
    }
}

static void handle_incoming(struct calls *cs, int64_t now_ns)
{
    struct session *s = cs->s;

    queue_take(&s->incoming, &s->taken);
    for (size_t at = 0; at + sizeof(struct incoming) <= s->taken.len; at += sizeof(struct incoming)) {
        const struct incoming *in = (const struct incoming *)(const void *)(s->taken.data + at);
        if (in->msg)
            handle_answer(cs, in->msg, now_ns);
        else if (in->error)
            handle_error(cs, in->error);
        else
            for (size_t i = cs->first; i < cs->n; i++)
                cs->items[i].due_ns = 0; /* the reconnect has lost the calls in flight */
        natsMsg_Destroy(in->msg);
        free(in->error);
    }
    buf_clear(&s->taken);
}

/* The deadline has passed: open calls keep the error of their last attempt, if any. */
static void time_out_calls(struct calls *cs)
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
            time_out_calls(&cs);
            break;
        }
        int64_t until_ns = send_due(&cs, now_ns);
        until_ns = until_ns < deadline_ns ? until_ns : deadline_ns;
        struct pollfd in = {.fd = s->incoming.wake_fd, .events = POLLIN};
        int64_t wait_ms = (until_ns - now_ns) / NS_PER_MS + 1;
        if (poll(&in, 1, (int)(wait_ms < 1000 ? wait_ms : 1000)) > 0)
            handle_incoming(&cs, clock_now_ns());
        if (s->inbox_error)
            fail_all_calls(&cs);
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
        return error_set(err, a->rc, "%s: the connection to cluster %s was lost, and no server accepts a new one", name,
                         s->cluster->name);
    case -EHOSTUNREACH:
        return error_set(err, a->rc, "%s: no responders: JetStream is not enabled on cluster %s%s%s, or not yet", name,
                         s->cluster->name, domain ? ", or it cannot reach a domain " : "", domain ? domain : "");
    case -ETIMEDOUT:
        api_prefix(s->cluster, call->domain, prefix, sizeof(prefix));
        return error_set(err, a->rc,
                         "%s: no answer in time (check that JetStream has a leader, and that the user may publish to "
                         "%s.> and subscribe to %s.>)",
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
