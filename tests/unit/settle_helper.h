/* SPDX-License-Identifier: Apache-2.0
 * settle_helper - a consumer (consumer_helper.h) with the settle module behind it, streams OUT and DLQ. */
#ifndef SEAMQ_TESTS_SETTLE_HELPER_H
#define SEAMQ_TESTS_SETTLE_HELPER_H

#include "consumer_helper.h"
#include "settle/settle.h"

#include <inttypes.h>

struct till {
    struct bench *b;
    struct settle *s;
    unsigned retries;
    struct message *retried; /* the latest retried message */
    int64_t delay_ns;
};

static inline void till_ready(void *data)
{
    settle_resume(((struct till *)data)->s);
}

static inline void till_retry(void *data, struct message *h, int64_t delay_ns)
{
    struct till *t = data;
    assert_int_equal(h->state, MESSAGE_WAITING);
    t->retries++;
    t->retried = h;
    t->delay_ns = delay_ns;
}

static inline void till_finish(struct rig *r)
{
    struct till *t = ((struct bench *)r->data)->data;
    settle_destroy(t->s);
    consumer_destroy(t->b->c);
    requests_destroy(t->b->requests);
}

/* Before till_run() the handler's configuration in b->handler can be changed. */
static inline struct till *till_prepare(struct world *w)
{
    struct till *t = calloc(1, sizeof(*t));
    assert_non_null(t);
    world_at_end(w, free, t);
    t->b = bench_prepare(w);
    t->b->handler.dead_letter = (char *)"DLQ";
    client_add_stream(t->b->client, "OUT", "out.>", "");
    return t;
}

static inline struct till *till_run(struct till *t)
{
    static const struct settle_callbacks callbacks = {.retry = till_retry};
    bench_start(t->b);
    assert_int_equal(settle_create(&t->s, t->b->r->loop, &t->b->handler, "1.2.3", &callbacks, t), 0);
    t->b->on_ready = till_ready;
    t->b->data = t;
    t->b->r->finish = till_finish;
    consumer_set_window(t->b->c, 100);
    turn_until(t->b->r, 10, consumer_ready(t->b->c));
    return t;
}

/* Publishes one message and takes it as a worker would: RUNNING, in no list. */
static inline struct message *till_message(struct till *t)
{
    client_publish(t->b->client, "work.x", "payload");
    struct message *h = bench_next(t->b);
    message_set_state(consumer_messages(t->b->c), h, MESSAGE_RUNNING);
    return h;
}

/* Runs a message again, as dispatch does when the delay is over. */
static inline void till_again(struct till *t, struct message *h)
{
    message_set_state(consumer_messages(t->b->c), h, MESSAGE_RUNNING);
}

static inline void till_stage(struct till *t, struct message *h, const char *subject, const char *id, const char *data)
{
    struct settle_output o = {.subject = subject, .msg_id = id, .data = data, .size = strlen(data)};
    assert_int_equal(settle_stage(t->s, h, &o), 0);
}

/* No message is in flight, and none is pending on the server. */
static inline void till_expect_settled(struct till *t)
{
    turn_until(t->b->r, 10, consumer_messages(t->b->c)->n == 0 && settle_busy(t->s) == 0);
    if (!client_wait_settled(t->b->client, "WORK", "d", 5))
        fail_msg("%" PRId64 " messages are not acknowledged on the server", bench_info(t->b, "num_ack_pending"));
}

#endif
