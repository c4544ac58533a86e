/* SPDX-License-Identifier: Apache-2.0
 * queue_test - the hand-over between two threads: order, wholeness, no lost wake-up. */
#include "federation/queue.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define DEADLINE_MS 20000
#define RECORDS 200000
#define PRODUCERS 3

struct record {
    uint32_t producer;
    uint32_t number;
    char pad[24];
};

static unsigned seed;

static bool awake(const struct queue *q, int timeout_ms)
{
    struct pollfd p = {.fd = q->wake_fd, .events = POLLIN};
    return poll(&p, 1, timeout_ms) == 1;
}

static void what_was_pushed_is_taken_whole_and_in_order(void **state)
{
    (void)state;
    struct queue q;
    struct buf taken = {0};
    assert_int_equal(queue_init(&q), 0);
    assert_true(queue_push(&q, "one", 3));
    assert_true(queue_push(&q, "two", 3));
    assert_true(queue_push(&q, "", 0));
    assert_true(queue_push(&q, "three", 5));
    queue_take(&q, &taken);
    assert_string_equal(buf_str(&taken), "onetwothree");
    queue_take(&q, &taken);
    assert_int_equal(taken.len, 0);
    buf_finish(&taken);
    queue_finish(&q);
}

static void batch_wakes_once(void **state)
{
    (void)state;
    struct queue q;
    struct buf taken = {0};
    uint64_t count = 0;
    assert_int_equal(queue_init(&q), 0);
    assert_false(awake(&q, 0));
    for (int i = 0; i < 100; i++)
        assert_true(queue_push(&q, "x", 1));
    assert_int_equal(read(q.wake_fd, &count, sizeof(count)), sizeof(count));
    assert_int_equal(count, 1);
    queue_take(&q, &taken);
    assert_int_equal(taken.len, 100);
    assert_false(awake(&q, 0));
    assert_true(queue_push(&q, "x", 1));
    assert_true(awake(&q, 0)); /* the next batch wakes the reader again */
    queue_take(&q, &taken);
    assert_false(awake(&q, 0));
    buf_finish(&taken);
    queue_finish(&q);
}

static void wake_needs_no_data(void **state)
{
    (void)state;
    struct queue q;
    struct buf taken = {0};
    assert_int_equal(queue_init(&q), 0);
    queue_wake(&q);
    assert_true(awake(&q, 0));
    queue_take(&q, &taken);
    assert_int_equal(taken.len, 0);
    assert_false(awake(&q, 0));
    assert_true(queue_push(&q, "x", 1)); /* a push after the wake-up wakes the reader, too */
    assert_true(awake(&q, 0));
    buf_finish(&taken);
    queue_finish(&q);
}

static void large_burst_does_not_stay_allocated(void **state)
{
    (void)state;
    struct queue q;
    struct buf taken = {0};
    char *big = calloc(1, 1 << 20);
    assert_non_null(big);
    assert_int_equal(queue_init(&q), 0);
    assert_true(queue_push(&q, big, 1 << 20));
    queue_take(&q, &taken);
    assert_int_equal(taken.len, 1 << 20);
    for (int i = 0; i < 3; i++) { /* the buffers change sides with each */
        assert_true(queue_push(&q, "small", 5));
        queue_take(&q, &taken);
        assert_int_equal(taken.len, 5);
    }
    assert_true(taken.cap + q.filling.cap < 1 << 20);
    free(big);
    buf_finish(&taken);
    queue_finish(&q);
}

static void finish_takes_what_was_never_made(void **state)
{
    (void)state;
    struct queue q = {.wake_fd = -1};
    queue_finish(&q);
    assert_int_equal(queue_init(&q), 0);
    assert_true(queue_push(&q, "left", 4));
    queue_finish(&q);
    queue_finish(&q);
}

struct producer {
    pthread_t thread;
    struct queue *q;
    uint32_t number;
    unsigned seed;
    uint32_t n;
};

static void *produce(void *arg)
{
    struct producer *p = arg;
    for (uint32_t i = 0; i < p->n;) {
        struct record batch[16];
        uint32_t len = 1 + (uint32_t)rand_r(&p->seed) % 16;
        for (uint32_t k = 0; k < len; k++)
            batch[k] = (struct record){.producer = p->number, .number = i + k};
        if (len > p->n - i)
            len = p->n - i;
        if (!queue_push(p->q, batch, len * sizeof(batch[0])))
            return p;
        i += len;
        if (rand_r(&p->seed) % 64 == 0)
            sched_yield();
    }
    return NULL;
}

/* The consumer sleeps until it is woken: a lost wake-up ends in the deadline. */
static void run_producers(size_t n_producers)
{
    struct queue q;
    struct producer p[PRODUCERS];
    struct buf taken = {0};
    uint32_t next[PRODUCERS] = {0};
    uint32_t n = RECORDS / (uint32_t)n_producers;
    size_t total = 0, takes = 0;

    assert_int_equal(queue_init(&q), 0);
    for (size_t i = 0; i < n_producers; i++) {
        p[i] = (struct producer){.q = &q, .number = (uint32_t)i, .seed = seed + (unsigned)i, .n = n};
        assert_int_equal(pthread_create(&p[i].thread, NULL, produce, &p[i]), 0);
    }
    while (total < n * n_producers) {
        if (!awake(&q, DEADLINE_MS))
            fail_msg("asleep after %zu of %zu records", total, n * n_producers);
        queue_take(&q, &taken);
        takes++;
        assert_int_equal(taken.len % sizeof(struct record), 0);
        for (size_t at = 0; at < taken.len; at += sizeof(struct record)) {
            struct record r;
            memcpy(&r, taken.data + at, sizeof(r));
            if (r.producer >= n_producers || r.number != next[r.producer]++)
                fail_msg("record %u of producer %u came as %u", r.number, r.producer, next[r.producer] - 1);
            total++;
        }
    }
    for (size_t i = 0; i < n_producers; i++) {
        void *failed;
        pthread_join(p[i].thread, &failed);
        assert_null(failed);
    }
    assert_in_range(takes, 1, total);
    buf_finish(&taken);
    queue_finish(&q);
}

static void no_record_is_lost_between_two_threads(void **state)
{
    (void)state;
    run_producers(1);
}

static void each_producer_keeps_its_own_order(void **state)
{
    (void)state;
    run_producers(PRODUCERS);
}

static void *answer(void *arg)
{
    struct queue *q = arg; /* q[0]: requests, q[1]: responses */
    struct buf taken = {0};
    size_t n = 0;
    while (n < 20000 && awake(&q[0], DEADLINE_MS)) {
        queue_take(&q[0], &taken);
        n += taken.len;
        queue_push(&q[1], taken.data, taken.len);
    }
    buf_finish(&taken);
    return NULL;
}

/* Two threads exchange one record at a time, so each round needs both wake-ups. */
static void ping_pong_never_falls_asleep(void **state)
{
    (void)state;
    struct queue q[2];
    struct buf taken = {0};
    pthread_t thread;

    assert_int_equal(queue_init(&q[0]), 0);
    assert_int_equal(queue_init(&q[1]), 0);
    assert_int_equal(pthread_create(&thread, NULL, answer, q), 0);
    for (int i = 0; i < 20000; i++) {
        char c = (char)('a' + i % 26);
        assert_true(queue_push(&q[0], &c, 1));
        do {
            if (!awake(&q[1], DEADLINE_MS))
                fail_msg("no answer in round %d", i);
            queue_take(&q[1], &taken);
        } while (taken.len == 0); /* woken by a push whose record was taken before */
        assert_int_equal(taken.len, 1);
        assert_int_equal(taken.data[0], c);
    }
    pthread_join(thread, NULL);
    buf_finish(&taken);
    queue_finish(&q[0]);
    queue_finish(&q[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_pushed_is_taken_whole_and_in_order),
        cmocka_unit_test(batch_wakes_once),
        cmocka_unit_test(wake_needs_no_data),
        cmocka_unit_test(large_burst_does_not_stay_allocated),
        cmocka_unit_test(finish_takes_what_was_never_made),
        cmocka_unit_test(no_record_is_lost_between_two_threads),
        cmocka_unit_test(each_producer_keeps_its_own_order),
        cmocka_unit_test(ping_pong_never_falls_asleep),
    };
    const char *given = getenv("TEST_SEED");
    seed = given ? (unsigned)strtoul(given, NULL, 0) : (unsigned)time(NULL);
    printf("seed %u (TEST_SEED repeats it)\n", seed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
