/* SPDX-License-Identifier: Apache-2.0
 * connection - the loop's side: queues commands, delivers events, watches the connection's thread. */
#include "connection_private.h"

#include "base/clock.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* nats.c's collector thread is woken once for this number of messages or bytes. */
#define RECYCLE_BURST 2048
#define RECYCLE_BYTES (1u << 20)
#define JOIN_SECONDS 3
#define JOIN_IDLE_NS (100 * NS_PER_MS)
#define ALIGN8(n) (((n) + 7u) & ~(size_t)7)

static void recycle_all(struct connection *l)
{
    for (size_t i = 0; i < l->n_recycled; i++)
        natsMsg_Destroy(l->recycled[i]);
    l->n_recycled = l->recycled_bytes = 0;
}

static void submit(struct loop_hook *hook)
{
    struct connection *l = hook->data;
    if (l->commands_out.len) {
        queue_push(&l->commands, l->commands_out.data, l->commands_out.len);
        buf_reuse(&l->commands_out);
    }
}

static void set_state(struct connection *l, const struct event *e)
{
    l->state = e->state;
    snprintf(l->state_text, sizeof(l->state_text), "%s", e->text ? e->text : "");
    if (e->state == CONNECTION_UP) {
        l->ups++;
        l->max_payload = e->max_payload;
    }
    if (l->callbacks.on_state)
        l->callbacks.on_state(l->data, l->state, l->state_text);
}

static void deliver(struct connection *l, const struct event *e)
{
    switch (e->kind) {
    case EVENT_MESSAGE:
        if (e->sub->fn)
            e->sub->fn(e->sub->data, e->msg);
        else if (e->msg)
            connection_recycle(l, e->msg);
        return;
    case EVENT_STATE: set_state(l, e); break;
    case EVENT_ERROR:
        if (l->callbacks.on_error && e->text)
            l->callbacks.on_error(l->data, e->text);
        break;
    case EVENT_SUB_GONE:
        free(e->sub->subject);
        free(e->sub);
        return;
    }
    free(e->text);
}

static void events_ready(struct loop_fd *self, uint32_t events)
{
    struct connection *l = self->data;
    (void)events;
    queue_take(&l->events, &l->events_in);
    for (size_t at = 0; at < l->events_in.len; at += sizeof(struct event))
        deliver(l, (const struct event *)(const void *)(l->events_in.data + at));
}

static void shutdown_socket(struct connection *l)
{
    pthread_mutex_lock(&l->fd_mutex);
    if (l->fd >= 0)
        shutdown(l->fd, SHUT_RDWR);
    pthread_mutex_unlock(&l->fd_mutex);
}

static void watch(struct loop_timer *timer)
{
    struct connection *l = timer->data;
    int64_t now = loop_now_ns(l->loop);
    int64_t since = atomic_load(&l->busy_since_ns);

    if (since && now - since > 2 * l->config->ping_interval_ns)
        connection_kick(l, "the connection did not come back from the socket in time");
    if (l->n_recycled)
        recycle_all(l);
    loop_arm(l->loop, timer, now + l->config->ping_interval_ns);
}

int connection_create(struct connection **ret, struct loop *loop, const struct config_cluster *config, const char *name,
                      const struct connection_callbacks *callbacks, void *data, struct error *err)
{
    struct connection *l = calloc(1, sizeof(*l));
    if (!l)
        return error_set(err, -ENOMEM, "cluster %s: out of memory", config->name);
    l->loop = loop;
    l->config = config;
    l->callbacks = *callbacks;
    l->data = data;
    l->fd = -1;
    l->commands.wake_fd = l->events.wake_fd = -1;
    list_init(&l->submit.node);
    pthread_mutex_init(&l->fd_mutex, NULL);
    l->name = strdup(name);

    int rc = l->name ? nats_inbox_create(config, l->inbox, sizeof(l->inbox)) : -ENOMEM;
    if (rc == 0)
        rc = queue_init(&l->commands);
    if (rc == 0)
        rc = queue_init(&l->events);
    if (rc == 0) {
        l->events_fd = (struct loop_fd){.fd = l->events.wake_fd, .events = EPOLLIN, .ready = events_ready, .data = l};
        rc = loop_add_fd(loop, &l->events_fd);
    }
    if (rc == 0)
        rc = -pthread_create(&l->thread, NULL, connection_thread, l);
    if (rc) {
        queue_finish(&l->commands);
        queue_finish(&l->events);
        pthread_mutex_destroy(&l->fd_mutex);
        free(l->name);
        free(l);
        return error_set(err, rc, "cluster %s: cannot start its connection: %s", config->name, strerror(-rc));
    }
    l->submit = (struct loop_hook){.order = LOOP_ORDER_SUBMIT, .run = submit, .data = l};
    loop_add_hook(loop, &l->submit);
    l->watchdog = (struct loop_timer){.fire = watch, .data = l};
    loop_arm(loop, &l->watchdog, loop_now_ns(loop) + config->ping_interval_ns);
    *ret = l;
    return 0;
}

/* Without a connection there is nothing to send, so destroying does not wait. */
static bool join(struct connection *l)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    if (l->state == CONNECTION_UP)
        until.tv_sec += JOIN_SECONDS;
    else
        until.tv_nsec += JOIN_IDLE_NS;
    if (until.tv_nsec >= NS_PER_SEC) {
        until.tv_nsec -= NS_PER_SEC;
        until.tv_sec++;
    }
    return pthread_timedjoin_np(l->thread, NULL, &until) == 0;
}

static void connection_free(struct connection *l)
{
    queue_take(&l->events, &l->events_in);
    for (size_t at = 0; at < l->events_in.len; at += sizeof(struct event)) {
        struct event *e = (struct event *)(void *)(l->events_in.data + at);
        if (e->kind == EVENT_MESSAGE)
            natsMsg_Destroy(e->msg);
        else
            deliver(l, e);
    }
    recycle_all(l);
    free(l->recycled);
    queue_finish(&l->commands);
    queue_finish(&l->events);
    buf_finish(&l->commands_out);
    buf_finish(&l->events_in);
    pthread_mutex_destroy(&l->fd_mutex);
    free(l->name);
    free(l);
}

void connection_leave(struct connection *l)
{
    if (atomic_fetch_add(&l->left, 1) == 1)
        connection_free(l);
}

static bool thread_left;

bool connection_thread_left(void)
{
    return thread_left;
}

bool connection_destroy(struct connection *l, int64_t flush_ns)
{
    if (!l)
        return true;
    l->callbacks = (struct connection_callbacks){0};
    submit(&l->submit);
    loop_remove_hook(l->loop, &l->submit);
    loop_disarm(l->loop, &l->watchdog);
    atomic_store(&l->flush_until_ns, clock_now_ns() + flush_ns);
    atomic_store(&l->stopping, true);
    queue_wake(&l->commands);
    loop_remove_fd(l->loop, &l->events_fd);
    if (join(l)) {
        connection_free(l);
        return true;
    }
    /* The thread is inside a connect to a host that does not respond; it continues and reads `config`. */
    pthread_detach(l->thread);
    thread_left = true;
    connection_leave(l);
    return false;
}

enum connection_state connection_state(const struct connection *l)
{
    return l->state;
}

const char *connection_cluster(const struct connection *l)
{
    return l->config->name;
}

const char *connection_inbox(const struct connection *l)
{
    return l->inbox;
}

const char *connection_state_text(const struct connection *l)
{
    return l->state_text;
}

uint64_t connection_reconnects(const struct connection *l)
{
    return l->ups ? l->ups - 1 : 0;
}

int64_t connection_max_payload(const struct connection *l)
{
    return l->max_payload;
}

static void send_sub_command(struct connection *l, enum command_kind kind, struct connection_sub *sub)
{
    struct command c = {.kind = kind, .size = sizeof(c), .sub = sub};
    buf_append(&l->commands_out, &c, sizeof(c));
    assert(!l->commands_out.failed);
}

struct connection_sub *connection_subscribe(struct connection *l, const char *subject,
                                            enum connection_delivery delivery, connection_message_fn fn, void *data)
{
    struct connection_sub *sub = calloc(1, sizeof(*sub));
    if (!sub)
        return NULL;
    *sub = (struct connection_sub){
        .connection = l, .subject = strdup(subject), .delivery = delivery, .fn = fn, .data = data};
    sem_init(&sub->ended, 0, 0);
    list_init(&sub->node);
    if (!sub->subject) {
        free(sub);
        return NULL;
    }
    send_sub_command(l, COMMAND_SUBSCRIBE, sub);
    return sub;
}

void connection_drain_sub(struct connection_sub *sub)
{
    send_sub_command(sub->connection, COMMAND_DRAIN_SUB, sub);
}

void connection_unsubscribe(struct connection_sub *sub)
{
    if (!sub)
        return;
    sub->fn = NULL;
    send_sub_command(sub->connection, COMMAND_UNSUBSCRIBE, sub);
}

int connection_publish(struct connection *l, const struct connection_publish *p)
{
    if (l->state != CONNECTION_UP)
        return -ENOTCONN;

    struct command c = {.kind = COMMAND_PUBLISH};
    c.publish.subject = (uint32_t)strlen(p->subject) + 1;
    c.publish.reply = p->reply ? (uint32_t)strlen(p->reply) + 1 : 0;
    c.publish.headers = (uint32_t)(p->headers ? p->headers_size : 0);
    c.publish.data = (uint32_t)p->size;
    c.publish.epoch = (uint32_t)l->ups;
    size_t size = ALIGN8(sizeof(c) + (size_t)c.publish.subject + c.publish.reply + c.publish.headers + c.publish.data);
    c.size = (uint32_t)size;
    char *at = buf_reserve(&l->commands_out, size);
    if (!at) {
        l->commands_out.failed = false; /* earlier commands are complete */
        return -ENOMEM;
    }
    memcpy(at, &c, sizeof(c));
    at += sizeof(c);
    memcpy(at, p->subject, c.publish.subject);
    at += c.publish.subject;
    if (c.publish.reply)
        memcpy(at, p->reply, c.publish.reply);
    at += c.publish.reply;
    if (c.publish.headers)
        memcpy(at, p->headers, c.publish.headers);
    at += c.publish.headers;
    if (c.publish.data)
        memcpy(at, p->data, c.publish.data);
    l->commands_out.len += size;
    return 0;
}

void connection_recycle(struct connection *l, natsMsg *msg)
{
    if (l->n_recycled == l->cap_recycled) {
        size_t cap = l->cap_recycled ? l->cap_recycled * 2 : 64;
        natsMsg **grown = cap > RECYCLE_BURST ? NULL : realloc(l->recycled, cap * sizeof(natsMsg *));
        if (grown) {
            l->recycled = grown;
            l->cap_recycled = cap;
        } else {
            recycle_all(l);
        }
    }
    if (!l->cap_recycled) {
        natsMsg_Destroy(msg);
        return;
    }
    l->recycled[l->n_recycled++] = msg;
    l->recycled_bytes += (size_t)natsMsg_GetDataLength(msg);
    if (l->recycled_bytes >= RECYCLE_BYTES)
        recycle_all(l);
}

void connection_kick(struct connection *l, const char *why)
{
    if (l->callbacks.on_error)
        l->callbacks.on_error(l->data, why);
    shutdown_socket(l);
}

size_t connection_recycled(const struct connection *l)
{
    return l->n_recycled;
}
