/* SPDX-License-Identifier: Apache-2.0
 * nats_helper - a loop with a link to a real nats-server (of the integration harness), turned by
 * the test until something holds; what the link says is written down. */
#ifndef SEAMQ_TESTS_NATS_HELPER_H
#define SEAMQ_TESTS_NATS_HELPER_H

#include "base/clock.h"
#include "federation/connection.h"

#include "client.h"
#include "server.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PING_NS (500 * NS_PER_MS)

struct rig {
    struct world *w;
    struct loop *loop;
    struct server *server;
    struct connection *connection; /* NULL: destroyed by the test itself */
    struct config_cluster config;
    char *url;
    bool kept; /* never freed: the connection's thread still runs and reads the configuration */
    struct rig *next_kept;
    unsigned ups;
    unsigned downs;
    unsigned errors;
    char text[512];  /* text of the last state */
    char error[512]; /* the last error */
    void (*on_state)(void *data, enum connection_state state,
                     const char *text); /* called after each change; NULL: nothing */
    void *data;
    void (*finish)(struct rig *r); /* called before the connection is destroyed */
};

static inline void rig_state(void *data, enum connection_state state, const char *text)
{
    struct rig *r = data;
    r->ups += state == CONNECTION_UP;
    r->downs += state == CONNECTION_DOWN;
    snprintf(r->text, sizeof(r->text), "%s", text);
    if (r->on_state)
        r->on_state(r->data, state, text);
}

static inline void rig_error(void *data, const char *text)
{
    struct rig *r = data;
    r->errors++;
    snprintf(r->error, sizeof(r->error), "%s", text);
}

static inline void rig_unlink(struct rig *r, int64_t flush_ns)
{
    if (!connection_destroy(r->connection, flush_ns))
        r->kept = true;
    r->connection = NULL;
}

static inline void rig_close(void *data)
{
    static struct rig *kept;
    struct rig *r = data;
    if (r->server && r->server->frozen)
        server_thaw(r->server);
    if (r->finish)
        r->finish(r);
    rig_unlink(r, 0);
    loop_destroy(r->loop);
    if (r->kept) { /* reachable, so that it is no leak */
        r->next_kept = kept;
        kept = r;
        return;
    }
    free(r->url);
    free(r);
}

/* Turns the loop until `holds`, whatever it is, is true; fails the test with its text at the deadline. */
#define turn_until(r, seconds, holds)                                                             \
    do {                                                                                          \
        int64_t until_ = deadline_in(seconds);                                                    \
        while (!(holds)) {                                                                        \
            if (deadline_left_ms(until_) == 0)                                                    \
                fail_msg("not within %g s: %s (link: %s)", (double)(seconds), #holds, (r)->text); \
            assert_true(loop_once((r)->loop, 10 * NS_PER_MS) >= 0);                               \
        }                                                                                         \
    } while (0)

/* A loop and a configuration for `url`, no link yet. */
static inline struct rig *rig_prepare(struct world *w, const char *url)
{
    struct rig *r = calloc(1, sizeof(*r));
    assert_non_null(r);
    r->w = w;
    r->url = strdup(url);
    assert_non_null(r->url);
    r->config = (struct config_cluster){
        .name = (char *)"test",
        .urls = {.items = &r->url, .n = 1},
        .inbox_prefix = (char *)"_INBOX",
        .ping_interval_ns = PING_NS,
    };
    assert_int_equal(loop_create(&r->loop), 0);
    world_at_end(w, rig_close, r);
    return r;
}

static inline void rig_connection(struct rig *r)
{
    static const struct connection_callbacks callbacks = {.on_state = rig_state, .on_error = rig_error};
    struct error err = {0};
    if (connection_create(&r->connection, r->loop, &r->config, "unit-test", &callbacks, r, &err))
        fail_msg("link_create: %s", err.text);
}

/* A server, and a link to it that is up. */
static inline struct rig *rig_open(struct world *w, const struct server_options *options)
{
    struct server *s = server_start(w, options);
    struct rig *r = rig_prepare(w, s->url);
    r->server = s;
    rig_connection(r);
    turn_until(r, 10, connection_state(r->connection) == CONNECTION_UP);
    return r;
}

static inline void rig_send(struct rig *r, const char *subject, const char *reply, const char *data)
{
    struct connection_publish p = {.subject = subject, .reply = reply, .data = data, .size = strlen(data)};
    assert_int_equal(connection_publish(r->connection, &p), 0);
}

/* Subscribes; returns when the server forwards messages of other clients. */
static inline natsSubscription *watch(struct client *c, const char *subject)
{
    natsSubscription *sub = NULL;
    assert_int_equal(natsConnection_SubscribeSync(&sub, c->nc, subject), NATS_OK);
    assert_int_equal(natsConnection_Flush(c->nc), NATS_OK);
    natsSubscription_SetPendingLimits(sub, -1, -1);
    return sub;
}

static inline void expect_next(natsSubscription *sub, const char *data)
{
    natsMsg *msg = NULL;
    natsStatus s = natsSubscription_NextMsg(&msg, sub, deadline_left_ms(deadline_in(10)));
    if (s != NATS_OK)
        fail_msg("\"%s\" did not come: %s", data, natsStatus_GetText(s));
    assert_string_equal(natsMsg_GetData(msg), data);
    natsMsg_Destroy(msg);
}

/* "/proc/self/fd", "/proc/self/task": how many entries. */
static inline size_t count_entries(const char *dir)
{
    size_t n = 0;
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

#endif
