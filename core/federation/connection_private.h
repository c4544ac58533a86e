/* SPDX-License-Identifier: Apache-2.0
 *
 * connection_private - what connection.c (the loop's thread) and connection_thread.c (the connection's thread) share.
 *
 * The comments say which thread owns a field; fields of both are queues, atomics, or under fd_mutex.
 */
#ifndef SEAMQ_FEDERATION_CONNECTION_PRIVATE_H
#define SEAMQ_FEDERATION_CONNECTION_PRIVATE_H

#include "connection.h"
#include "nats_options.h"
#include "queue.h"

#include "base/list.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#define INBOX_MAX 160
#define STATE_TEXT_MAX 512

struct connection_sub {
    struct connection *connection;
    char *subject;
    enum connection_delivery delivery;
    connection_message_fn fn; /* loop; NULL: unsubscribed */
    void *data;               /* loop */
    struct list node;         /* thread: in connection.subs */
    natsSubscription *nats;   /* thread; NULL while not connected */
    bool draining;            /* thread: not restored with the next connection */
    bool awaits_end;          /* thread */
    sem_t ended;              /* CONNECTION_REPLIES: nats.c's thread will not call again */
};

/* loop -> thread; records are 8-byte aligned in the queue */
enum command_kind { COMMAND_PUBLISH, COMMAND_SUBSCRIBE, COMMAND_DRAIN_SUB, COMMAND_UNSUBSCRIBE };

struct command {
    uint32_t kind;
    uint32_t size; /* of the whole record */
    union {
        struct connection_sub *sub;
        struct {
            uint32_t subject; /* lengths with their NUL; the texts follow in this order */
            uint32_t reply;
            uint32_t headers;
            uint32_t data;
            uint32_t epoch; /* the connection it was queued for: `ups` of the loop */
        } publish;
    };
};

/* thread -> loop */
enum event_kind { EVENT_MESSAGE, EVENT_STATE, EVENT_ERROR, EVENT_SUB_GONE };

struct event {
    enum event_kind kind;
    enum connection_state state;
    struct connection_sub *sub;
    union {
        natsMsg *msg; /* NULL: no responders */
        char *text;   /* malloc'ed */
    };
    int64_t max_payload;
};

struct connection {
    /* constant after connection_create */
    struct loop *loop;
    const struct config_cluster *config;
    struct connection_callbacks callbacks;
    void *data;
    char *name;
    char inbox[INBOX_MAX];

    /* loop */
    enum connection_state state;
    char state_text[STATE_TEXT_MAX];
    uint64_t ups;
    int64_t max_payload;
    struct loop_fd events_fd;
    struct loop_timer watchdog;
    struct loop_hook submit;
    struct buf commands_out; /* collected until the end of the iteration */
    struct buf events_in;
    natsMsg **recycled;
    size_t n_recycled;
    size_t cap_recycled;
    size_t recycled_bytes; /* payloads */

    /* both */
    pthread_t thread;
    struct queue commands;
    struct queue events;
    atomic_bool stopping;
    _Atomic int64_t flush_until_ns;
    _Atomic int64_t busy_since_ns; /* thread is inside nats.c for a connected socket since; 0: it is not */
    pthread_mutex_t fd_mutex;
    int fd; /* the connection's socket, -1: none; under fd_mutex */
    atomic_int left;
};

/* Called by the thread at its end and by connection_destroy() that did not wait for it: the second call frees. */
void connection_leave(struct connection *l);

/* Start routine of the connection's thread. */
void *connection_thread(void *connection);

#endif
