/* SPDX-License-Identifier: Apache-2.0
 *
 * connection_thread - the connection's thread: connects, drives nats.c's event-loop interface, executes the loop's
 * commands, and starts over when the connection is lost.
 */
#include "connection_private.h"

#include "base/clock.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAUSE_MIN_NS (50 * NS_PER_MS)
#define PAUSE_MAX_NS (2 * NS_PER_SEC)
/* A connection that is lost sooner counts as a failed attempt: the next attempt waits. */
#define STABLE_NS NS_PER_SEC
#define WAIT_SECONDS 2
#define HANG_UP_NS (300 * NS_PER_MS)

struct connection_thread {
    struct connection *connection;
    natsConnection *nats; /* NULL: not connected */
    struct list subs;
    bool want_write; /* nats.c has something to write */
    bool polling_write;
    atomic_bool gone; /* the connection is lost or closed */
    sem_t detached;   /* nats.c no longer uses this struct: posted once for each connection, from any thread */
    sem_t closed;     /* the last callback of this connection has run */
    struct buf commands;
    struct buf events;
    uint32_t epoch; /* connections so far; `ups` is the loop's copy */
    char url[256];  /* of the server, or of the last one */
    int64_t pause_ns;
    unsigned seed;
};

/* ---- nats.c's event loop interface ---------------------------------------- */

static natsStatus on_attach(void **data, void *loop, natsConnection *nc, natsSock socket)
{
    struct connection_thread *c = loop;
    (void)nc;
    pthread_mutex_lock(&c->connection->fd_mutex);
    c->connection->fd = socket;
    pthread_mutex_unlock(&c->connection->fd_mutex);
    *data = c;
    return NATS_OK;
}

/* nats.c removes "read" when the connection is lost or closed, also from its timer thread. */
static natsStatus on_read(void *data, bool add)
{
    struct connection_thread *c = data;
    if (!add) {
        atomic_store(&c->gone, true);
        queue_wake(&c->connection->commands);
    }
    return NATS_OK;
}

static natsStatus on_write(void *data, bool add)
{
    struct connection_thread *c = data;
    /* nats.c's timer thread only adds "write", for its PING, and wakes this thread to send it. */
    __atomic_store_n(&c->want_write, add, __ATOMIC_SEQ_CST);
    if (add && !pthread_equal(pthread_self(), c->connection->thread))
        queue_wake(&c->connection->commands);
    return NATS_OK;
}

static natsStatus on_detach(void *data)
{
    struct connection_thread *c = data;
    atomic_store(&c->gone, true);
    queue_wake(&c->connection->commands);
    sem_post(&c->detached);
    return NATS_OK;
}

/* ---- events for the loop --------------------------------------------------- */

static void post(struct connection_thread *c, const struct event *e)
{
    buf_append(&c->events, e, sizeof(*e));
    assert(!c->events.failed); /* if the loop missed a state, it would drop every later publish */
}

static void flush_events(struct connection_thread *c)
{
    if (c->events.len) {
        bool pushed = queue_push(&c->connection->events, c->events.data, c->events.len);
        assert(pushed);
        buf_reuse(&c->events);
    }
}

static void post_state(struct connection_thread *c, enum connection_state state, const char *text, int64_t max_payload)
{
    struct event e = {.kind = EVENT_STATE, .state = state, .max_payload = max_payload};
    e.text = strdup(text);
    post(c, &e);
    flush_events(c);
}

/* Called by nats.c's callback thread. */
static void on_nats_error(natsConnection *nc, natsSubscription *sub, natsStatus status, void *closure)
{
    struct connection *l = closure;
    const char *text = NULL;
    (void)sub;

    natsConnection_GetLastError(nc, &text);
    struct event e = {.kind = EVENT_ERROR, .text = strdup(text && *text ? text : natsStatus_GetText(status))};
    queue_push(&l->events, &e, sizeof(e));
}

/* Waits for nats.c's threads, with a time limit. */
static void wait_for(sem_t *sem)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_SECONDS;
    while (sem_timedwait(sem, &until) && errno == EINTR)
        continue;
}

static void on_nats_closed(natsConnection *nc, void *closure)
{
    (void)nc;
    sem_post(&((struct connection_thread *)closure)->closed);
}

/* ---- subscriptions and messages --------------------------------------------- */

/* Called by the subscription's own thread of nats.c (CONNECTION_REPLIES). */
static void on_nats_message(natsConnection *nc, natsSubscription *nsub, natsMsg *msg, void *closure)
{
    struct connection_sub *sub = closure;
    struct event e = {.kind = EVENT_MESSAGE, .sub = sub, .msg = msg};
    (void)nc;
    (void)nsub;
    if (!queue_push(&sub->connection->events, &e, sizeof(e)))
        natsMsg_Destroy(msg);
}

static void on_nats_sub_ended(void *closure)
{
    sem_post(&((struct connection_sub *)closure)->ended);
}

static void open_sub(struct connection_thread *c, struct connection_sub *sub)
{
    natsStatus s = NATS_CONNECTION_CLOSED;
    if (sub->draining)
        return;
    if (c->nats && sub->delivery == CONNECTION_STREAM)
        s = natsConnection_SubscribeSync(&sub->nats, c->nats, sub->subject);
    else if (c->nats)
        s = natsConnection_Subscribe(&sub->nats, c->nats, sub->subject, on_nats_message, sub);
    if (s != NATS_OK) {
        sub->nats = NULL; /* the connection is being lost; the next one restores the subscription */
        return;
    }
    sub->awaits_end = sub->delivery == CONNECTION_REPLIES &&
                      natsSubscription_SetOnCompleteCB(sub->nats, on_nats_sub_ended, sub) == NATS_OK;
    natsSubscription_SetPendingLimits(
        sub->nats, -1, -1); /* pull credit bounds the messages; a limit of nats.c would drop them silently */
}

static void close_sub(struct connection_sub *sub)
{
    if (!sub->nats)
        return;
    natsSubscription_Destroy(sub->nats);
    sub->nats = NULL;
    if (sub->awaits_end)
        wait_for(&sub->ended);
    sub->awaits_end = false;
}

static void collect(struct connection_thread *c)
{
    list_for_each(node, &c->subs)
    {
        struct connection_sub *sub = container_of(node, struct connection_sub, node);
        uint64_t queued = 0;
        if (!sub->nats || sub->delivery != CONNECTION_STREAM ||
            natsSubscription_QueuedMsgs(sub->nats, &queued) != NATS_OK)
            continue;
        for (; queued; queued--) {
            struct event e = {.kind = EVENT_MESSAGE, .sub = sub};
            natsStatus s = natsSubscription_NextMsg(&e.msg, sub->nats, 0);
            if (s != NATS_OK && s != NATS_NO_RESPONDERS)
                break;
            post(c, &e);
        }
    }
    flush_events(c);
}

/* ---- commands of the loop ---------------------------------------------------- */

static void publish_with_headers(struct connection_thread *c, const struct command *cmd, const char *subject,
                                 const char *reply, const char *headers, const char *data)
{
    natsMsg *msg = NULL;
    natsStatus s = natsMsg_Create(&msg, subject, reply, data, (int)cmd->publish.data);
    const char *end = headers + cmd->publish.headers;

    while (s == NATS_OK && headers < end) {
        const char *value = headers + strlen(headers) + 1;
        s = natsMsgHeader_Add(msg, headers, value);
        headers = value + strlen(value) + 1;
    }
    if (s == NATS_OK)
        natsConnection_PublishMsg(c->nats, msg);
    natsMsg_Destroy(msg);
}

/* A failure means that the connection is being lost; the sender learns that from CONNECTION_DOWN. */
static void run_publish(struct connection_thread *c, const struct command *cmd)
{
    const char *subject = (const char *)(cmd + 1);
    const char *reply = cmd->publish.reply ? subject + cmd->publish.subject : NULL;
    const char *headers = subject + cmd->publish.subject + cmd->publish.reply;
    const char *data = headers + cmd->publish.headers;

    if (!c->nats || cmd->publish.epoch != c->epoch)
        return;
    if (cmd->publish.headers)
        publish_with_headers(c, cmd, subject, reply, headers, data);
    else if (reply)
        natsConnection_PublishRequest(c->nats, subject, reply, data, (int)cmd->publish.data);
    else
        natsConnection_Publish(c->nats, subject, data, (int)cmd->publish.data);
}

static void run_commands(struct connection_thread *c)
{
    queue_take(&c->connection->commands, &c->commands);
    for (size_t at = 0; at < c->commands.len;) {
        const struct command *cmd = (const struct command *)(const void *)(c->commands.data + at);
        at += cmd->size;
        switch (cmd->kind) {
        case COMMAND_PUBLISH: run_publish(c, cmd); break;
        case COMMAND_SUBSCRIBE:
            list_push_front(&c->subs, &cmd->sub->node); /* collect() starts with the newest */
            open_sub(c, cmd->sub);
            break;
        case COMMAND_DRAIN_SUB:
            cmd->sub->draining = true;
            natsSubscription_Drain(cmd->sub->nats);
            break;
        case COMMAND_UNSUBSCRIBE:
            close_sub(cmd->sub);
            list_remove(&cmd->sub->node);
            post(c, &(struct event){.kind = EVENT_SUB_GONE, .sub = cmd->sub});
            break;
        }
    }
    flush_events(c);
}

/* ---- the life of one connection ------------------------------------------------ */

static natsStatus set_servers(struct connection_thread *c, natsOptions *options)
{
    const struct config_cluster *config = c->connection->config;
    const char **urls = calloc(config->urls.n, sizeof(*urls));
    if (!urls)
        return NATS_NO_MEMORY;
    nats_server_order(config, c->url, &c->seed, urls);
    natsStatus s = natsOptions_SetServers(options, urls, (int)config->urls.n);
    free(urls);
    return s == NATS_OK ? natsOptions_SetNoRandomize(options, true) : s;
}

static void connect_once(struct connection_thread *c)
{
    natsOptions *options = NULL;
    struct error err = {0};

    if (nats_options_create(&options, c->connection->config, c->connection->name, &err) < 0) {
        post_state(c, CONNECTION_DOWN, err.text, 0);
        return;
    }
    natsStatus s = set_servers(c, options);
    if (s == NATS_OK)
        s = natsOptions_SetErrorHandler(options, on_nats_error, c->connection);
    if (s == NATS_OK)
        s = natsOptions_SetClosedCB(options, on_nats_closed, c);
    if (s == NATS_OK)
        s = natsOptions_SetEventLoop(options, c, on_attach, on_read, on_write, on_detach);
    atomic_store(&c->gone, false);
    c->want_write = c->polling_write = false;
    if (s == NATS_OK)
        s = natsConnection_Connect(&c->nats, options);
    natsOptions_Destroy(options);
    if (s != NATS_OK) {
        char why[STATE_TEXT_MAX];
        c->nats = NULL;
        nats_failure_text(c->connection->config, s, why, sizeof(why));
        post_state(c, CONNECTION_DOWN, why, 0);
        return;
    }
    list_for_each(node, &c->subs) open_sub(c, container_of(node, struct connection_sub, node));
    nats_server_url(c->nats, c->url, sizeof(c->url));
    c->epoch++;
    post_state(c, CONNECTION_UP, c->url, natsConnection_GetMaxPayload(c->nats));
}

static void busy(struct connection_thread *c, bool on)
{
    atomic_store_explicit(&c->connection->busy_since_ns, on ? clock_now_ns() : 0, memory_order_relaxed);
}

static void write_out(struct connection_thread *c, int epfd)
{
    if (__atomic_load_n(&c->want_write, __ATOMIC_SEQ_CST) && !c->polling_write)
        natsConnection_ProcessWriteEvent(c->nats);
    bool want = __atomic_load_n(&c->want_write, __ATOMIC_SEQ_CST);
    if (want == c->polling_write || atomic_load(&c->gone))
        return;
    struct epoll_event e = {.events = EPOLLIN | (want ? EPOLLOUT : 0), .data.fd = c->connection->fd};
    epoll_ctl(epfd, EPOLL_CTL_MOD, c->connection->fd, &e);
    c->polling_write = want;
}

static void handle_socket(struct connection_thread *c, uint32_t events)
{
    if (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) {
        natsConnection_ProcessReadEvent(c->nats);
        collect(c);
    }
    if (events & EPOLLOUT) {
        natsConnection_ProcessWriteEvent(c->nats);
    }
}

/* True: nothing is left to write, or the time limit has passed. */
static bool finished(struct connection_thread *c)
{
    return !__atomic_load_n(&c->want_write, __ATOMIC_SEQ_CST) ||
           clock_now_ns() >= atomic_load(&c->connection->flush_until_ns);
}

static void serve(struct connection_thread *c)
{
    struct connection *l = c->connection;
    int epfd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event wake = {.events = EPOLLIN, .data.fd = l->commands.wake_fd};
    struct epoll_event sock = {.events = EPOLLIN, .data.fd = l->fd};
    if (epfd < 0)
        return;
    epoll_ctl(epfd, EPOLL_CTL_ADD, wake.data.fd, &wake);
    epoll_ctl(epfd, EPOLL_CTL_ADD, sock.data.fd, &sock);
    busy(c, true);
    run_commands(c);
    write_out(c, epfd);
    while (!atomic_load(&c->gone)) {
        if (atomic_load(&l->stopping)) { /* the last commands were queued before `stopping` was set */
            run_commands(c);
            write_out(c, epfd);
            if (finished(c))
                break;
        }
        struct epoll_event ready[2];
        busy(c, false);
        int n = epoll_wait(epfd, ready, 2, atomic_load(&l->stopping) ? 20 : -1);
        busy(c, true);
        for (int i = 0; i < n && !atomic_load(&c->gone); i++) {
            if (ready[i].data.fd == l->commands.wake_fd)
                run_commands(c);
            else
                handle_socket(c, ready[i].events);
        }
        if (!atomic_load(&c->gone))
            write_out(c, epfd);
    }
    busy(c, false);
    close(epfd);
}

/* Shuts down writing and reads until the server closes, so that sent messages arrive: closing with unread input would
 * reset the connection. natsConnection_Close(), which waits 500 ms for a PONG that only this thread could read, then
 * has nothing left to do. */
static void hang_up(struct connection_thread *c)
{
    int64_t until = clock_now_ns() + HANG_UP_NS;
    shutdown(c->connection->fd, SHUT_WR);
    while (!atomic_load(&c->gone) && clock_now_ns() < until) {
        struct pollfd p = {.fd = c->connection->fd, .events = POLLIN};
        if (poll(&p, 1, 50) == 1)
            natsConnection_ProcessReadEvent(c->nats);
    }
}

static void close_connection(struct connection_thread *c, char *why, size_t size)
{
    struct connection *l = c->connection;
    natsSock fd;
    const char *text = NULL;

    natsStatus s = natsConnection_GetLastError(c->nats, &text);
    text = nats_text(text);
    snprintf(why, size, "lost: %s",
             text && *text  ? text
             : s != NATS_OK ? natsStatus_GetText(s)
                            : "closed by the server");
    list_for_each(node, &c->subs) close_sub(container_of(node, struct connection_sub, node));
    hang_up(c);
    natsConnection_Close(c->nats); /* nothing left to do, unless the server did not close in time */
    wait_for(&c->detached);
    wait_for(&c->closed);
    pthread_mutex_lock(&l->fd_mutex);
    fd = l->fd;
    l->fd = -1;
    pthread_mutex_unlock(&l->fd_mutex);
    natsConnection_ProcessCloseEvent(&fd);
    natsConnection_ProcessDetachedEvent(c->nats);
    natsConnection_Destroy(c->nats);
    c->nats = NULL;
}

/* Waits before the next attempt. Commands are still executed; publishes are dropped. */
static void pause_before_retry(struct connection_thread *c)
{
    struct connection *l = c->connection;
    c->pause_ns = c->pause_ns == 0 ? PAUSE_MIN_NS : c->pause_ns * 2;
    if (c->pause_ns > PAUSE_MAX_NS)
        c->pause_ns = PAUSE_MAX_NS;
    /* A jitter of a quarter: the daemons of a fleet do not reconnect at the same moment. */
    int64_t until = clock_now_ns() + c->pause_ns * 3 / 4 + rand_r(&c->seed) % (c->pause_ns / 4 + 1);

    for (;;) {
        int64_t left = until - clock_now_ns();
        if (left <= 0 || atomic_load(&l->stopping))
            return;
        struct pollfd p = {.fd = l->commands.wake_fd, .events = POLLIN};
        if (poll(&p, 1, (int)(left / NS_PER_MS) + 1) == 1)
            run_commands(c);
    }
}

void *connection_thread(void *arg)
{
    struct connection *l = arg;
    struct connection_thread c = {.connection = l, .seed = (unsigned)clock_now_ns()};
    char why[STATE_TEXT_MAX];

    pthread_setname_np(pthread_self(), "nats-link");
    list_init(&c.subs);
    sem_init(&c.detached, 0, 0);
    sem_init(&c.closed, 0, 0);
    while (!atomic_load(&l->stopping)) {
        run_commands(&c);
        connect_once(&c);
        if (!c.nats) {
            pause_before_retry(&c);
            continue;
        }
        int64_t up_since = clock_now_ns();
        serve(&c);
        close_connection(&c, why, sizeof(why));
        post_state(&c, CONNECTION_DOWN, why, 0);
        if (clock_now_ns() - up_since < STABLE_NS)
            pause_before_retry(&c);
        else
            c.pause_ns = 0;
    }
    run_commands(&c);
    list_for_each_safe(node, &c.subs)
    {
        struct connection_sub *sub = container_of(node, struct connection_sub, node);
        list_remove(node);
        post(&c, &(struct event){.kind = EVENT_SUB_GONE, .sub = sub});
    }
    flush_events(&c);
    buf_finish(&c.commands);
    buf_finish(&c.events);
    connection_leave(l);
    nats_ReleaseThreadMemory();
    return NULL;
}
