/* SPDX-License-Identifier: Apache-2.0
 * Batches: an outcome for each message, no strike for a message because of another one, nothing lost. */
#include "scene.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *calls; /* file with the size of each batch, one line each */

static struct scene *prepare(struct world *w, const char *batch_max, const char *linger)
{
    struct scene *s = scene_prepare(w, NULL);
    calls = world_path(w, "calls");
    scene_set(s, "OPTION_CALLS", "%s", calls);
    scene_set(s, "BATCH_MAX", "%s", batch_max);
    scene_set(s, "BATCH_LINGER", "%s", linger);
    scene_set(s, "BACKOFF", "50ms");
    return s;
}

static unsigned largest_call(void)
{
    unsigned n, most = 0;
    FILE *f = fopen(calls, "re");
    while (f && fscanf(f, "%u", &n) == 1)
        most = n > most ? n : most;
    if (f)
        fclose(f);
    return most;
}

static void each_message_of_a_batch_is_settled_as_it_wants(struct world *w)
{
    struct scene *s = prepare(w, "50", "100ms");

    client_add_stream(s->client, "OUT", "out.>", NULL);
    for (int i = 1; i <= 300; i += 6) {
        scene_publish(s, "%d ack", i);
        scene_publish(s, "%d nak 20 2", i + 1);
        scene_publish(s, "%d backoff 1", i + 2);
        scene_publish(s, "%d dead", i + 3);
        scene_publish(s, "%d term", i + 4);
        scene_publish(s, "%d publish out.x 2", i + 5);
    }
    scene_start(s);
    scene_expect_settled(s, 30);
    assert_int_equal(effects_lines(s->effects), 50 * (1 + 3 + 2 + 1 + 1 + 1));
    assert_int_equal(client_stream_messages(s->client, "DLQ"), 50);
    assert_int_equal(client_stream_messages(s->client, "OUT"), 100);
    assert_in_range(largest_call(), 2, 50);
    assert_int_equal((int)daemon_metric(s->daemon, "seamq_worker_exits_total", NULL), 0);
}

static void what_a_refused_message_staged_is_not_sent(struct world *w)
{
    struct scene *s = prepare(w, "50", "100ms");

    client_add_stream(s->client, "OUT", "out.>", NULL);
    for (int i = 1; i <= 20; i++)
        scene_publish(s, i % 2 ? "%d publish-nak out.refused" : "%d publish out.acked 1", i);
    scene_start(s);
    scene_expect_settled(s, 20);
    assert_int_equal(client_stream_messages(s->client, "OUT"), 10);
}

/* The message that crashes has its strikes, the other messages of the batch have none. */
static void expect_only_13_is_blamed(struct scene *s, const char *reason)
{
    struct stored dead;

    scene_expect_settled(s, 60);
    assert_int_equal(client_stream_messages(s->client, "DLQ"), 1);
    assert_true(client_get(s->client, "DLQ", 1, &dead));
    assert_int_equal(atoi(dead.data), 13);
    assert_string_equal(header_in(s->w, dead.headers, "Seamq-Reason"), reason);
    assert_string_equal(header_in(s->w, dead.headers, "Seamq-Attempts"), "2");
    for (int i = 1; i <= 40; i++) {
        if (i == 13)
            continue;
        assert_true(scene_effects(s, world_text(s->w, " 1 %d ack\n", i)) >= 1);
        assert_int_equal(scene_effects(s, world_text(s->w, " 2 %d ack\n", i)), 0);
    }
}

static void a_crash_in_a_batch_is_blamed_on_the_one_that_did_it(struct world *w)
{
    struct scene *s = prepare(w, "100", "1s");

    scene_set(s, "CRASH_LIMIT", "2");
    for (int i = 1; i <= 40; i++)
        scene_publish(s, i == 13 ? "%d crash 9" : "%d ack", i);
    scene_start(s);
    expect_only_13_is_blamed(s, "crash");
    assert_true(largest_call() > 13);
    /* The batch, and the crashing message twice alone. */
    assert_int_equal((int)daemon_metric(s->daemon, "seamq_worker_exits_total", "reason=\"crash\""), 3);
}

static void a_hang_in_a_batch_is_blamed_on_the_one_that_did_it(struct world *w)
{
    struct scene *s = prepare(w, "100", "1s");

    scene_set(s, "CRASH_LIMIT", "2");
    scene_set(s, "TIMEOUT", "2s");
    scene_set(s, "WORKERS", "2");
    for (int i = 1; i <= 40; i++)
        scene_publish(s, i == 13 ? "%d hang 9" : "%d ack", i);
    scene_start(s);
    expect_only_13_is_blamed(s, "timeout");
}

static const char *some_misbehave(uint32_t id, uint64_t roll)
{
    (void)id;
    return roll % 400 == 0 ? "crash 1" : roll % 40 == 0 ? "nak 10 1" : roll % 100 == 1 ? "dead" : "ack";
}

static void killed_workers_and_crashes_in_batches_lose_nothing(struct world *w)
{
    struct scene *s = prepare(w, "32", "5ms");
    const uint32_t count = 8000;
    unsigned killed = 0;

    scene_set(s, "WORKERS", "2");
    scene_set(s, "CRASH_LIMIT", "10");
    scene_set(s, "OPTION_PAUSE", "100us");
    scene_start(s);
    struct ledger_options o = {.urls = s->urls, .subject = "work.test", .count = count, .verb = some_misbehave};
    struct ledger *l = ledger_start(w, &o);
    for (unsigned i = 1; i <= 10; i++) {
        pid_t pids[8];
        if (!effects_wait(s->effects, i * (count / 12), 120))
            fail_msg("stuck: the handler ran %" PRIu64 " times", effects_lines(s->effects));
        size_t n = daemon_workers(s->daemon, pids, 8);
        if (n > 0 && n <= 8)
            killed += kill(pids[world_random(w) % n], SIGKILL) == 0;
    }
    ledger_finish(l, 120);
    scene_expect_settled(s, 120);
    ledger_expect_complete(l, s->effects, s->client);
    assert_true(killed > 3);
    assert_true(largest_call() > 1);
    assert_int_equal(daemon_stop(s->daemon, 30), 0);
}

static void a_killed_daemon_loses_no_lingering_batch(struct world *w)
{
    struct scene *s = prepare(w, "1000", "30s");

    scene_set(s, "ACK_WAIT", "2s");
    scene_start(s);
    for (int i = 1; i <= 20; i++)
        scene_publish(s, "%d ack", i);
    assert_true(daemon_wait_metric(s->daemon, "seamq_messages_held", "state=\"running\"", 20, 20));
    daemon_kill(s->daemon);
    assert_int_equal(effects_lines(s->effects), 0);
    scene_set(s, "BATCH_LINGER", "10ms");
    scene_start(s);
    scene_expect_settled(s, 30);
    assert_int_equal(effects_lines(s->effects), 20);
}

static void drain_gives_a_lingering_batch_back(struct world *w)
{
    struct scene *s = prepare(w, "1000", "30s");

    scene_set(s, "ACK_WAIT", "60s");
    scene_start(s);
    for (int i = 1; i <= 20; i++)
        scene_publish(s, "%d ack", i);
    assert_true(daemon_wait_metric(s->daemon, "seamq_messages_held", "state=\"running\"", 20, 20));
    assert_int_equal(daemon_stop(s->daemon, 15), 0);
    assert_int_equal(effects_lines(s->effects), 0); /* no other message was started */
    scene_set(s, "BATCH_LINGER", "10ms");
    scene_start(s);
    scene_expect_settled(s, 20); /* long before ack wait, which is a minute */
    assert_int_equal(effects_lines(s->effects), 20);
}

static void drain_lets_the_running_batch_finish(struct world *w)
{
    struct scene *s = prepare(w, "10", "200ms");

    scene_set(s, "ACK_WAIT", "60s");
    for (int i = 1; i <= 30; i++)
        scene_publish(s, i == 1 ? "%d sleep 1500" : "%d ack", i);
    scene_start(s);
    scene_expect_effects(s, 1, 10);
    assert_int_equal(daemon_stop(s->daemon, 20), 0);
    uint64_t n = effects_lines(s->effects);
    assert_in_range(n, 1, 10); /* all messages of that call, none of the next one */
    json_t *info = client_consumer(s->client, "WORK", SCENE_HANDLER);
    assert_int_equal(json_at(info, "ack_floor.stream_seq"), (int)n);
}

/* A full batch must be requested, so the window is larger than the prefetch by time. */
static void a_slow_handler_s_batch_fills(struct world *w)
{
    struct scene *s = prepare(w, "40", "5s");

    scene_set(s, "OPTION_PAUSE", "20ms"); /* for each message: by time, a prefetch of one would be enough */
    for (int i = 1; i <= 200; i++)
        scene_publish(s, "%d ack", i);
    scene_start(s);
    scene_expect_settled(s, 60);
    assert_int_equal(effects_lines(s->effects), 200);
    assert_int_equal(largest_call(), 40);
    assert_int_equal(effects_lines(calls), 5);
}

static void what_a_batch_needs_is_waited_for(struct world *w)
{
    struct scene *s = prepare(w, "20", "50ms");
    const char *file = world_path(w, "needed");

    scene_set(s, "MAX_ATTEMPTS", "2");
    scene_start(s);
    for (int i = 1; i <= 100; i++)
        scene_publish(s, "%d needs %s", i, file);
    daemon_expect_event(s->daemon, 0, "breaker-open", NULL, 20);
    world_write(file, "");
    scene_expect_settled(s, 60);
    assert_int_equal(client_stream_messages(s->client, "DLQ"), 0);
    for (int i = 1; i <= 100; i++) /* no attempt counted */
        assert_int_equal(scene_effects(s, world_text(w, " 2 %d needs\n", i)), 0);
}

static void max_messages_ends_between_batches(struct world *w)
{
    struct scene *s = prepare(w, "16", "10ms");

    scene_set(s, "MAX_MESSAGES", "100");
    for (int i = 1; i <= 1000; i++)
        scene_publish(s, "%d ack", i);
    scene_start(s);
    scene_expect_settled(s, 30);
    assert_int_equal(effects_lines(s->effects), 1000);
}

static void batch_max_for_a_plugin_without_batches_is_a_problem(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);
    const char *err;

    daemon_handler(s->daemon, IT_FIXTURES "/ack.so", "plain");
    daemon_env(s->daemon, "SEAMQ_HANDLER_PLAIN_BATCH_MAX=10");
    assert_int_equal(daemon_run(s->daemon, (const char *[]){"--check", NULL}, NULL, &err), 2);
    assert_non_null(strstr(err, "SEAMQ_HANDLER_PLAIN_BATCH_MAX"));
    assert_non_null(strstr(err, "the plugin ack takes one message at a time (it has no handle_batch); set 1"));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        IT(each_message_of_a_batch_is_settled_as_it_wants),
        IT(what_a_refused_message_staged_is_not_sent),
        IT(a_crash_in_a_batch_is_blamed_on_the_one_that_did_it),
        IT(a_hang_in_a_batch_is_blamed_on_the_one_that_did_it),
        IT(killed_workers_and_crashes_in_batches_lose_nothing),
        IT(a_killed_daemon_loses_no_lingering_batch),
        IT(drain_gives_a_lingering_batch_back),
        IT(drain_lets_the_running_batch_finish),
        IT(a_slow_handler_s_batch_fills),
        IT(what_a_batch_needs_is_waited_for),
        IT(max_messages_ends_between_batches),
        IT(batch_max_for_a_plugin_without_batches_is_a_problem),
    };
    return it_main(tests, argc, argv);
}
