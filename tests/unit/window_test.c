/* SPDX-License-Identifier: Apache-2.0
 * window: how many messages each consumer may have; tables of input and expected output. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/clock.h"
#include "dispatch/window.h"

#define NOW (1000 * NS_PER_SEC)
#define MS NS_PER_MS

static struct window_out out;
static struct window_consumer_out windows[3];

static void compute(const struct window_in *in)
{
    window_compute(in, &out, windows);
}

static void expect(const char *what, size_t row, int64_t is, int64_t expected)
{
    if (is != expected)
        fail_msg("%s of row %zu is %lld, not %lld", what, row, (long long)is, (long long)expected);
}

/* A handler with one consumer and without limits. */
static struct window_in plain(const struct window_consumer *c)
{
    return (struct window_in){.now_ns = NOW,
                              .pulls = true,
                              .n_workers = 4,
                              .duration_ns = 50 * MS,
                              .n_consumers = 1,
                              .consumers = c,
                              .lost_ns = 0};
}

static void a_worker_gets_what_it_handles_in_ten_milliseconds(void **state)
{
    static const struct {
        int64_t duration_ns, batch_max;
        size_t expected;
    } rows[] = {
        {0, 1, 1},       {10 * MS + 1, 1, 1}, {10 * MS, 1, 1}, {5 * MS, 1, 2},     {MS, 1, 10},
        {1, 1, 4096},    {2442, 1, 4095},     {MS, 10, 20},    {MS / 10, 10, 100}, {3600 * NS_PER_SEC, 50, 100},
        {50 * MS, 0, 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        expect("share", i, (int64_t)window_per_worker(rows[i].duration_ns, rows[i].batch_max),
               (int64_t)rows[i].expected);
}

static void the_window_follows_workers_run_time_and_size(void **state)
{
    static const struct {
        bool pulls;
        size_t n_workers;
        int64_t duration_ns;
        double size_bytes;
        int64_t batch_max;
        size_t expected;
    } rows[] = {
        {true, 4, 50 * MS, 0, 1, 5}, /* slow: one for each worker, one on its way */
        {true, 4, NS_PER_SEC - 1, 0, 1, 5},
        {true, 4, NS_PER_SEC, 0, 1, 4},        /* very slow: nothing is requested ahead */
        {true, 4, 5 * MS, 0, 1, 16},           /* fast: twice the workers' shares */
        {true, 4, 1, 0, 1, 10000},             /* the limit of messages */
        {true, 300, NS_PER_SEC, 0, 50, 30000}, /* the batches of the workers need more than the limit */
        {true, 1, NS_PER_SEC, 0, 10, 40},
        {true, 4, 1, 65536, 1, 1024}, /* the limit of 64 MiB */
        {true, 4, 1, 1, 1, 10000},
        {true, 4, 1, 128.0 * 1024 * 1024, 1, 1}, /* one message is always allowed */
        {true, 0, 50 * MS, 0, 1, 0},             /* no worker is ready */
        {false, 4, 50 * MS, 0, 1, 0},            /* draining or standby */
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct window_consumer c = {.ready = true, .n_ready = 3, .n_running = 4};
        struct window_in in = plain(&c);
        in.pulls = rows[i].pulls;
        in.n_workers = rows[i].n_workers;
        in.duration_ns = rows[i].duration_ns;
        in.size_bytes = rows[i].size_bytes;
        in.batch_max = rows[i].batch_max;
        compute(&in);
        expect("window", i, (int64_t)windows[0].window, (int64_t)rows[i].expected);
        expect("queued", i, (int64_t)windows[0].queued, 0);
        expect("wake-up", i, out.wake_ns, WINDOW_NEVER);
        assert_false(windows[0].refresh);
    }
}

static void full_key_queues_and_many_retries_stop_pulling(void **state)
{
    static const struct {
        size_t n_full, n_waiting, n_turns, key_max;
        size_t window, queued;
    } rows[] = {
        {0, 0, 2, 100, 20, 7}, {0, 0, 2, 5, 7, 7},     {0, 0, 9, 5, 14, 0},
        {1, 0, 2, 100, 0, 7},  {0, 15, 2, 100, 20, 7}, {0, 16, 2, 100, 0, 7},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct window_consumer c = {.ready = true,
                                    .n_ready = 2,
                                    .n_running = 3,
                                    .n_settling = 4,
                                    .n_waiting = rows[i].n_waiting,
                                    .max_waiting = 16,
                                    .n_turns = rows[i].n_turns,
                                    .n_full = rows[i].n_full};
        struct window_in in = plain(&c);
        in.duration_ns = 4 * MS; /* two for each worker, and two on their way: 16 */
        in.n_workers = 5;
        in.key_max = rows[i].key_max;
        compute(&in);
        expect("window", i, (int64_t)windows[0].window, (int64_t)rows[i].window);
        expect("queued", i, (int64_t)windows[0].queued, (int64_t)rows[i].queued);
    }
}

static void an_open_breaker_requests_one_message_when_its_probe_is_due(void **state)
{
    static const struct {
        bool work_waits, probe_running;
        int64_t probe_ns;
        size_t window;
        int64_t wake_ns;
    } rows[] = {
        {false, false, NOW, 3 + 2 + 1, WINDOW_NEVER}, {false, false, NOW - 5, 3 + 2 + 1, WINDOW_NEVER},
        {false, false, NOW + 5, 0, NOW + 5},          {true, false, NOW - 5, 0, WINDOW_NEVER},
        {true, false, NOW + 5, 0, WINDOW_NEVER},      {false, true, NOW - 5, 0, WINDOW_NEVER},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct window_consumer c = {.ready = true, .n_running = 3, .n_settling = 2};
        struct window_in in = plain(&c);
        in.breaker_open = true;
        in.work_waits = rows[i].work_waits;
        in.probe_running = rows[i].probe_running;
        in.probe_ns = rows[i].probe_ns;
        compute(&in);
        expect("window", i, (int64_t)windows[0].window, (int64_t)rows[i].window);
        expect("wake-up", i, out.wake_ns, rows[i].wake_ns);
        in.pulls = false;
        compute(&in);
        expect("window without pulling", i, (int64_t)windows[0].window, 0);
        expect("wake-up without pulling", i, out.wake_ns, WINDOW_NEVER);
    }
}

static void max_in_flight_limits_running_and_requested_messages(void **state)
{
    static const struct {
        int64_t duration_ns;
        size_t max, window;
    } rows[] = {{MS, 3, 2 + 6}, {NS_PER_SEC - 1, 1, 2 + 2}, {NS_PER_SEC, 1, 2 + 1}, {MS, 1000, 80}};
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct window_consumer c = {.ready = true, .n_running = 9, .n_settling = 2};
        struct window_in in = plain(&c);
        in.duration_ns = rows[i].duration_ns;
        in.max_in_flight = rows[i].max;
        compute(&in);
        expect("window", i, (int64_t)windows[0].window, (int64_t)rows[i].window);
    }
}

static void a_rate_limits_the_window_to_messages_that_may_start_soon(void **state)
{
    struct window_consumer c = {.ready = true, .n_running = 1, .n_settling = 1};
    struct window_in in = plain(&c);
    struct rate r;
    (void)state;
    rate_init(&r, 1);
    in.rate = &r;
    compute(&in);
    assert_int_equal(windows[0].window, 2 + 1);
    assert_int_equal(out.wake_ns, WINDOW_NEVER);
    rate_start(&r, NOW);
    compute(&in);
    assert_int_equal(windows[0].window, 2);
    assert_int_equal(out.wake_ns, NOW + NS_PER_SEC - WINDOW_AHEAD_NS);
    in.work_waits = true; /* the start of the waiting message wakes the caller */
    compute(&in);
    assert_int_equal(out.wake_ns, WINDOW_NEVER);
    in.work_waits = false;
    in.now_ns = out.wake_ns = NOW + NS_PER_SEC - WINDOW_AHEAD_NS;
    compute(&in);
    assert_int_equal(windows[0].window, 2 + 1);
}

/* ---- several clusters ------------------------------------------------------------------------ */

static struct window_in federated(const struct window_consumer *c, enum federation_mode mode)
{
    struct window_in in = plain(c);
    in.n_consumers = 3;
    in.federation = mode;
    return in;
}

static void failover_takes_the_first_ready_cluster(void **state)
{
    static const struct {
        bool ready[3];
        size_t active;
        int64_t lost_ns;
        size_t new_active;
        int64_t new_lost_ns, wake_ns;
        size_t windows[3];
    } rows[] = {
        {{true, true, true}, 0, 0, 0, 0, WINDOW_NEVER, {5, 0, 0}},
        {{false, true, true}, 0, 0, 0, NOW, NOW + NS_PER_SEC, {5, 0, 0}},
        {{false, true, true}, 0, NOW - NS_PER_SEC + 1, 0, NOW - NS_PER_SEC + 1, NOW + 1, {5, 0, 0}},
        {{false, true, true}, 0, NOW - NS_PER_SEC, 1, 0, WINDOW_NEVER, {5, 5, 0}},
        {{false, false, true}, 0, NOW - NS_PER_SEC, 2, 0, WINDOW_NEVER, {5, 5, 5}},
        {{false, false, false}, 0, NOW - NS_PER_SEC, 0, NOW - NS_PER_SEC, WINDOW_NEVER, {5, 0, 0}},
        {{false, true, true}, 1, NOW - 5, 1, 0, WINDOW_NEVER, {5, 5, 0}},
        {{true, true, true}, 2, NOW - 5, 0, 0, WINDOW_NEVER, {5, 0, 0}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct window_consumer c[3] = {
            {.ready = rows[i].ready[0]}, {.ready = rows[i].ready[1]}, {.ready = rows[i].ready[2]}};
        struct window_in in = federated(c, FEDERATION_FAILOVER);
        in.active = rows[i].active;
        in.lost_ns = rows[i].lost_ns;
        compute(&in);
        expect("active", i, (int64_t)out.active, (int64_t)rows[i].new_active);
        expect("lost", i, out.lost_ns, rows[i].new_lost_ns);
        expect("wake-up", i, out.wake_ns, rows[i].wake_ns);
        for (size_t k = 0; k < 3; k++)
            expect("window", i, (int64_t)windows[k].window, (int64_t)rows[i].windows[k]);
    }
}

static void all_divides_between_ready_clusters(void **state)
{
    static const struct {
        bool ready[3];
        size_t n_workers, share;
    } rows[] = {
        {{true, true, true}, 8, 3},    {{true, false, true}, 7, 4}, {{true, false, false}, 7, 8},
        {{false, false, false}, 7, 8}, {{true, true, true}, 1, 1},  {{true, true, true}, 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct window_consumer c[3] = {
            {.ready = rows[i].ready[0]}, {.ready = rows[i].ready[1]}, {.ready = rows[i].ready[2]}};
        struct window_in in = federated(c, FEDERATION_ALL);
        in.n_workers = rows[i].n_workers;
        compute(&in);
        for (size_t k = 0; k < 3; k++)
            expect("share", i, (int64_t)windows[k].window, (int64_t)rows[i].share);
        expect("wake-up", i, out.wake_ns, WINDOW_NEVER);
    }
}

static void overflow_divides_what_home_leaves_free(void **state)
{
    static const struct {
        struct window_consumer c[3];
        size_t windows[3];
    } rows[] = {
        /* home is idle */
        {{{.ready = true}, {.ready = true, .backlog = 100}, {.ready = true, .backlog = 100}}, {5, 5, 0}},
        {{{.ready = true}, {.ready = true, .backlog = 3}, {.ready = true, .backlog = 100}}, {5, 3, 2}},
        {{{.ready = true}, {.ready = true, .backlog = 1, .n_running = 1, .n_ready = 1}, {.ready = true, .backlog = 9}},
         {5, 3, 2}},
        {{{.ready = true}, {.ready = false, .backlog = 3}, {.ready = true, .backlog = 100}}, {5, 0, 5}},
        {{{.ready = true}, {.ready = true}, {.ready = true}}, {5, 0, 0}},
        /* home has some work */
        {{{.ready = true, .n_running = 2, .n_ready = 1}, {.ready = true, .backlog = 100}, {.ready = true}}, {5, 2, 0}},
        {{{.ready = true, .n_running = 4}, {.ready = true, .backlog = 100}, {.ready = true}}, {5, 0, 0}},
        {{{.ready = true, .backlog = 1}, {.ready = true, .backlog = 100}, {.ready = true}}, {5, 0, 0}},
        /* home is not ready */
        {{{.ready = false, .backlog = 1}, {.ready = true, .backlog = 100}, {.ready = true}}, {5, 5, 0}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct window_in in = federated(rows[i].c, FEDERATION_OVERFLOW);
        in.refresh_ns = NOW + 5;
        compute(&in);
        for (size_t k = 0; k < 3; k++) {
            expect("window", i, (int64_t)windows[k].window, (int64_t)rows[i].windows[k]);
            assert_false(windows[k].refresh);
        }
        expect("wake-up", i, out.wake_ns, NOW + 5);
    }
}

static void overflow_requests_backlogs_every_second(void **state)
{
    struct window_consumer c[3] = {{.ready = true}, {.ready = true}, {.ready = false}};
    struct window_in in = federated(c, FEDERATION_OVERFLOW);
    (void)state;
    in.refresh_ns = NOW;
    compute(&in);
    assert_true(windows[0].refresh);
    assert_true(windows[1].refresh);
    assert_false(windows[2].refresh);
    assert_int_equal(out.refresh_ns, NOW + NS_PER_SEC);
    assert_int_equal(out.wake_ns, NOW + NS_PER_SEC);
    c[0].backlog = 1; /* home needs all workers: the others' backlogs do not matter */
    compute(&in);
    assert_true(windows[0].refresh);
    assert_false(windows[1].refresh);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_worker_gets_what_it_handles_in_ten_milliseconds),
        cmocka_unit_test(the_window_follows_workers_run_time_and_size),
        cmocka_unit_test(full_key_queues_and_many_retries_stop_pulling),
        cmocka_unit_test(an_open_breaker_requests_one_message_when_its_probe_is_due),
        cmocka_unit_test(max_in_flight_limits_running_and_requested_messages),
        cmocka_unit_test(a_rate_limits_the_window_to_messages_that_may_start_soon),
        cmocka_unit_test(failover_takes_the_first_ready_cluster),
        cmocka_unit_test(all_divides_between_ready_clusters),
        cmocka_unit_test(overflow_divides_what_home_leaves_free),
        cmocka_unit_test(overflow_requests_backlogs_every_second),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
