/* SPDX-License-Identifier: Apache-2.0
 * rate_limit and max_in_flight: upper bounds hold independent of the speed of the machine. */
#include "scene.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Each start writes a line to the effects file, so the number of lines is checked against an upper bound. */
static void expect_rate(struct scene *s, double started, double rate, uint64_t total)
{
    uint64_t n;
    do {
        n = effects_lines(
            s->effects); /* counted before the clock is read, so that a delay is not taken for an excess */
        double most = rate * (now() - started) + rate / 10 + 1;
        if ((double)n > most)
            fail_msg("%" PRIu64 " messages started, %g were allowed", n, most);
        effects_wait(s->effects, n + (total - n) / 8 + 1, 0.2);
        if (now() - started > 60)
            fail_msg("stuck: %" PRIu64 " of %" PRIu64 " messages started", n, total);
    } while (n < total);
}

static void a_rate_limit_bounds_the_starts(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);
    const unsigned total = 600;

    scene_set(s, "RATE_LIMIT", "200/s");
    scene_set(s, "WORKERS", "2");
    for (unsigned i = 1; i <= total; i++)
        scene_publish(s, "%u ack", i);
    double started = now();
    scene_start(s);
    expect_rate(s, started, 200, total);
    scene_expect_settled(s, 10);
    if (now() - started > 30) /* 3 s of work */
        fail_msg("%u messages at 200/s took %g s", total, now() - started);
}

static void retries_count_too(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    scene_set(s, "RATE_LIMIT", "20/s");
    for (int i = 1; i <= 10; i++)
        scene_publish(s, "%d nak 0 3", i);
    double started = now();
    scene_start(s);
    expect_rate(s, started, 20, 40);
    scene_expect_settled(s, 10);
}

/* A low rate_limit must leave messages that it cannot start to other daemons. */
static void what_may_not_start_soon_is_not_pulled(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    scene_set(s, "RATE_LIMIT", "60/m");
    for (int i = 1; i <= 50; i++)
        scene_publish(s, "%d ack", i);
    scene_start(s);
    for (unsigned n = 1; n <= 4; n++) {
        scene_expect_effects(s, n, 20);
        json_t *info = client_consumer(s->client, "WORK", SCENE_HANDLER);
        assert_in_range(json_at(info, "num_ack_pending"), 0, 2); /* an unconfirmed ack, and the next message */
    }
    assert_int_equal(daemon_stop(s->daemon, 20), 0);
}

/* rate_limit limits starts, not the number of running messages, so slow handlers do not wait. */
static void a_rate_limit_lets_slow_messages_overlap(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    scene_set(s, "RATE_LIMIT", "10/s");
    scene_set(s, "WORKERS", "4");
    for (int i = 1; i <= 4; i++)
        scene_publish(s, "%d hang 9", i);
    scene_start(s);
    scene_expect_effects(s, 4, 20);
    daemon_kill(s->daemon);
}

static void max_in_flight_bounds_what_runs(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    scene_set(s, "MAX_IN_FLIGHT", "2");
    scene_set(s, "WORKERS", "4");
    for (int i = 1; i <= 12; i++)
        scene_publish(s, "%d sleep 250", i);
    double started = now();
    scene_start(s);
    while (effects_lines(s->effects) < 12) {
        double running = daemon_metric(s->daemon, "seamq_messages_held", "state=\"running\"");
        assert_true(running >= 0 && running <= 2); /* -1: there is no such metric */
        effects_wait(s->effects, effects_lines(s->effects) + 1, 1);
        assert_true(now() - started < 60);
    }
    scene_expect_settled(s, 20);
    assert_true(now() - started >= 12 * 0.25 / 2);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        IT(a_rate_limit_bounds_the_starts),        IT(retries_count_too),
        IT(what_may_not_start_soon_is_not_pulled), IT(a_rate_limit_lets_slow_messages_overlap),
        IT(max_in_flight_bounds_what_runs),
    };
    return it_main(tests, argc, argv);
}
