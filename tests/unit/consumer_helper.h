/* SPDX-License-Identifier: Apache-2.0
 * consumer_helper - a consumer of stream WORK on a real server; its messages go into a list. */
#ifndef SEAMQ_TESTS_CONSUMER_HELPER_H
#define SEAMQ_TESTS_CONSUMER_HELPER_H

#include "consumer/consumer.h"
#include "nats_helper.h"

static char *work_filter[] = {(char *)"work.>"};
static int64_t backoff_steps[] = {20 * NS_PER_MS, 40 * NS_PER_MS};

struct bench {
    struct rig *r;
    struct client *client;
    struct config_handler handler;
    struct requests *requests;
    struct consumer *c;
    struct list ready; /* of struct message */
    size_t n;          /* messages received */
    unsigned states;
    void (*on_ready)(void *data); /* called when the consumer has become ready; NULL: nothing */
    void *data;
    void (*on_left)(struct message *m, bool for_good); /* NULL: nothing */
    bool stopped;
};

static inline void bench_connection(void *data, enum connection_state state, const char *text)
{
    struct bench *b = data;
    if (state == CONNECTION_DOWN)
        requests_connection_down(b->requests);
    consumer_connection_state(b->c, b->r->connection, state, text);
}

static inline void bench_message(void *data, struct message *h)
{
    struct bench *b = data;
    assert_int_equal(h->state, MESSAGE_READY);
    assert_true(list_empty(&h->node));
    list_push_back(&b->ready, &h->node);
    b->n++;
}

static inline void bench_state(void *data, struct consumer *c)
{
    struct bench *b = data;
    b->states++;
    if (consumer_ready(c) && b->on_ready)
        b->on_ready(b->data);
}

static inline void bench_left(void *data, struct message *m, bool for_good)
{
    struct bench *b = data;
    if (b->on_left)
        b->on_left(m, for_good);
}

static inline void bench_stopped(void *data)
{
    ((struct bench *)data)->stopped = true;
}

static inline void bench_finish(struct rig *r)
{
    struct bench *b = r->data;
    consumer_destroy(b->c);
    requests_destroy(b->requests);
    b->c = NULL;
    b->requests = NULL;
}

/* A server with stream WORK, a connection and its requests; the handler's configuration can still be changed. */
static inline struct bench *bench_prepare(struct world *w)
{
    struct bench *b = calloc(1, sizeof(*b));
    assert_non_null(b);
    world_at_end(w, free, b);
    list_init(&b->ready);
    struct server *server = server_start(w, NULL);
    b->r = rig_prepare(w, server->url);
    b->r->server = server;
    b->client = client_connect(w, b->r->url);
    client_add_stream(b->client, "WORK", "work.>", "");
    b->handler = (struct config_handler){
        .name = (char *)"h",
        .stream = (char *)"WORK",
        .durable = (char *)"d",
        .filter_subjects = {.items = work_filter, .n = 1},
        .create = CREATE_MISSING,
        .deliver_policy = (char *)"all",
        .ack_wait_ns = 30 * NS_PER_SEC,
        .timeout_ns = 60 * NS_PER_SEC,
        .max_ack_pending = 1000,
        .max_attempts = 3,
        .backoff_ns = backoff_steps,
        .n_backoff = 2,
        .crash_limit = 2,
        .dead_letter = (char *)"off",
    };
    return b;
}

static inline void bench_start(struct bench *b)
{
    static const struct consumer_callbacks callbacks = {
        .on_message = bench_message, .on_state = bench_state, .on_left = bench_left};
    struct error err = {0};
    rig_connection(b->r);
    assert_int_equal(requests_create(&b->requests, b->r->loop, b->r->connection), 0);
    if (consumer_create(&b->c, b->r->loop, b->requests, &b->handler, &b->r->config, 0, &callbacks, b, &err))
        fail_msg("%s", err.text);
    b->r->on_state = bench_connection;
    b->r->data = b;
    b->r->finish = bench_finish;
}

/* The consumer is ready and has a window of `window` messages. */
static inline struct bench *bench_run(struct bench *b, size_t window)
{
    bench_start(b);
    consumer_set_window(b->c, window);
    turn_until(b->r, 10, consumer_ready(b->c));
    return b;
}

/* Waits for the next message and removes it from the list. */
static inline struct message *bench_next(struct bench *b)
{
    turn_until(b->r, 15, !list_empty(&b->ready));
    return container_of(list_pop_front(&b->ready), struct message, node);
}

/* The connection is lost, and the consumer is verified on the next one. */
static inline void bench_reconnect(struct bench *b)
{
    unsigned ups = b->r->ups;
    connection_kick(b->r->connection, "test");
    turn_until(b->r, 10, b->r->ups > ups && consumer_verified(b->c));
}

/* Runs the loop for a while, for tests that expect no event. */
static inline void bench_turn_for(struct bench *b, double seconds)
{
    int64_t until = deadline_in(seconds);
    while (deadline_left_ms(until))
        assert_true(loop_once(b->r->loop, 10 * NS_PER_MS) >= 0);
}

/* A number from the server's current CONSUMER.INFO. */
static inline int64_t bench_info(struct bench *b, const char *field)
{
    json_t *info = client_consumer(b->client, "WORK", "d");
    assert_non_null(info);
    return json_at(info, field);
}

/* The length of a list; fails the test if links in the two directions differ, or the list does not end. */
static inline size_t sound_length(const struct list *l)
{
    size_t n = 0;
    list_for_each(node, l)
    {
        if (node->next->prev != node || node->prev->next != node || ++n > 100000)
            fail_msg("a list is broken at its node %zu", n);
    }
    return n;
}

#endif
