/* SPDX-License-Identifier: Apache-2.0
 * SIGTERM, outages and single faults: what the daemon does with its in-flight messages. */
#include "scene.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static void drain_lets_the_running_message_finish(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    scene_set(s, "ACK_WAIT", "60s");
    scene_start(s);
    scene_publish(s, "1 sleep 1500");
    for (int i = 2; i <= 20; i++)
        scene_publish(s, "%d ack", i);
    scene_expect_effects(s, 1, 10);
    assert_int_equal(daemon_stop(s->daemon, 20), 0);
    json_t *info = client_consumer(s->client, "WORK", SCENE_HANDLER);
    assert_int_equal(json_at(info, "ack_floor.stream_seq"), 1);
    assert_int_equal(effects_lines(s->effects), 1); /* no other message was started */
    scene_start(s);
    scene_expect_settled(s, 20); /* long before ack wait, which is a minute */
    assert_int_equal(effects_lines(s->effects), 20);
}

static void a_hung_handler_does_not_outlast_the_drain(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    scene_set(s, "TIMEOUT", "60s");
    daemon_env(s->daemon, "SEAMQ_DRAIN_TIMEOUT=5s");
    scene_start(s);
    scene_publish(s, "1 hang 1");
    scene_expect_effects(s, 1, 10);
    size_t from = daemon_mark(s->daemon);
    daemon_stop(s->daemon, 8);
    daemon_expect_event(s->daemon, from, "worker-exit", "level=warn reason=stopped seq=1 subject=work.test", 0);
    scene_start(s);
    scene_expect_effects(s, 2, 10); /* given back, so redelivery does not wait for ack_wait */
}

static void a_hung_handler_is_replaced_after_its_timeout(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    scene_set(s, "TIMEOUT", "500ms");
    scene_set(s, "BACKOFF", "50ms");
    scene_start(s);
    scene_publish(s, "1 hang 1");
    for (int i = 2; i <= 20; i++)
        scene_publish(s, "%d ack", i);
    scene_expect_settled(s, 15);
    assert_int_equal(effects_lines(s->effects), 21); /* the message that hung ran twice, the others once */
    assert_true(daemon_metric(s->daemon, "seamq_worker_exits_total", "reason=\"timeout\"") >= 1);
}

static void the_next_message_is_handled_soon_after_a_crash(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    scene_set(s, "BACKOFF", "200s");
    scene_set(s, "ACK_WAIT", "200s");
    scene_start(s);
    scene_publish(s, "1 crash 1");
    scene_publish(s, "2 ack");
    scene_expect_effects(s, 2, 20); /* neither the backoff of the first one nor ack_wait delays it */
}

static void a_frozen_worker_is_replaced(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);
    pid_t pid;

    scene_set(s, "TIMEOUT", "500ms");
    scene_start(s);
    assert_int_equal(daemon_workers(s->daemon, &pid, 1), 1);
    assert_int_equal(kill(pid, SIGSTOP), 0);
    for (int i = 1; i <= 20; i++)
        scene_publish(s, "%d ack", i);
    scene_expect_settled(s, 15);
    assert_int_equal(effects_lines(s->effects), 20);
}

static void workers_are_recycled_without_repeats(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    scene_set(s, "MAX_MESSAGES", "100");
    scene_start(s);
    for (int i = 1; i <= 1000; i++)
        scene_publish(s, "%d ack", i);
    scene_expect_settled(s, 20);
    assert_int_equal(effects_lines(s->effects), 1000);
    assert_true(daemon_metric(s->daemon, "seamq_worker_exits_total", "reason=\"recycle\"") >=
                3); /* the messages in its ring are affected too */
}

static void a_leak_ends_its_worker_and_counts_against_its_message(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    scene_set(s, "MAX_MEMORY", "64M");
    scene_set(s, "TIMEOUT", "60s");
    scene_start(s);
    scene_publish(s, "1 leak 9");
    for (int i = 2; i <= 20; i++)
        scene_publish(s, "%d ack", i);
    scene_expect_settled(s, 30);
    assert_int_equal(effects_lines(s->effects), 21); /* crash_limit is 2; the other messages ran once */
    assert_int_equal((int)daemon_metric(s->daemon, "seamq_worker_exits_total", "reason=\"memory\""), 2);
    struct stored dead;
    assert_true(client_get(s->client, "DLQ", 1, &dead));
    assert_non_null(strstr(dead.headers, "more than twice max_memory (64M)"));
}

static void an_ack_during_an_outage_arrives_afterwards(struct world *w)
{
    struct scene *s = scene_prepare(w, &(struct scene_options){.sync_always = true});

    scene_start(s);
    scene_publish(s, "1 sleep 1500");
    scene_expect_effects(s, 1, 10);
    server_stop(s->server); /* an orderly stop: a killed server may forget deliveries */
    assert_true(daemon_wait_metric(s->daemon, "seamq_handler_duration_seconds_count", NULL, 1, 10));
    server_restart(s->server);
    scene_expect_settled(s, 15); /* the lease would last 30 s */
    assert_int_equal(effects_lines(s->effects), 1);
}

static void a_drain_under_flow_leaves_nothing_to_ack_wait(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);
    struct ledger_options o = {.urls = s->urls, .subject = "work.test", .count = 1000000};

    scene_set(s, "ACK_WAIT", "300s");
    struct ledger *l = ledger_start(w, &o);
    for (int i = 0; i < 8; i++) {
        uint64_t before = effects_lines(s->effects);
        scene_start(s);
        assert_true(effects_wait(s->effects, before + 200, 20));
        assert_int_equal(daemon_stop(s->daemon, 20), 0);
    }
    ledger_stop(l);
    ledger_finish(l, 30);
    scene_start(s);
    scene_expect_settled(s, 120);
}

static void drain_without_a_server_ends_in_time(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    daemon_env(s->daemon, "SEAMQ_DRAIN_TIMEOUT=4s");
    scene_start(s);
    scene_publish(s, "1 nak 60000 1"); /* waits in the daemon */
    scene_expect_effects(s, 1, 10);
    server_kill(s->server);
    daemon_expect_not_ready(s->daemon, "default", 15);
    daemon_stop(s->daemon, 8);
}

static void drain_gives_back_what_waits_for_its_retry(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    scene_set(s, "ACK_WAIT", "60s");
    scene_start(s);
    scene_publish(s, "1 nak 6000 1");
    scene_expect_effects(s, 1, 10);
    assert_true(daemon_wait_metric(s->daemon, "seamq_retries_total", NULL, 1, 10));
    assert_int_equal(daemon_stop(s->daemon, 15), 0);
    scene_start(s);
    scene_expect_effects(s, 2, 20); /* after the rest of its delay, not after ack_wait */
}

/* Retries above the limit go back to the server, and run when they are redelivered. */
static void returned_messages_come_again_and_drain(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    scene_set(s, "MAX_ACK_PENDING", "100");
    scene_start(s);
    for (int i = 1; i <= 1000; i++)
        scene_publish(s, "%d nak 200 1", i);
    scene_expect_effects(s, 2000, 60);
    scene_expect_settled(s, 20);
    assert_true(daemon_metric(s->daemon, "seamq_returned_total", NULL) > 0);
    for (int i = 1; i <= 300; i++)
        scene_publish(s, "%d nak 2000 1", i);
    scene_expect_effects(s, 2100, 20);
    assert_int_equal(daemon_stop(s->daemon, 15), 0);
    scene_start(s);
    scene_expect_settled(s, 60);
    assert_true(effects_lines(s->effects) >= 2600);
}

static void a_second_signal_ends_the_drain(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    scene_set(s, "TIMEOUT", "60s");
    scene_start(s);
    scene_publish(s, "1 sleep 30000");
    scene_expect_effects(s, 1, 10);
    process_signal(s->daemon->proc, SIGTERM);
    daemon_expect_event(s->daemon, 0, "draining", NULL, 10);
    process_signal(s->daemon->proc, SIGTERM);
    assert_true(process_wait(s->daemon->proc, 5));
    assert_int_equal(process_exit_code(s->daemon->proc), 1);
}

static void readiness_says_that_it_drains(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    scene_set(s, "TIMEOUT", "60s");
    scene_start(s);
    scene_publish(s, "1 sleep 2000");
    scene_expect_effects(s, 1, 10);
    process_signal(s->daemon->proc, SIGTERM);
    daemon_expect_not_ready(s->daemon, "draining", 5);
    assert_int_equal(daemon_get(s->daemon, "/healthz", NULL), 200);
    assert_true(process_wait(s->daemon->proc, 10));
    assert_int_equal(process_exit_code(s->daemon->proc), 0);
    client_expect_settled(s->client, "WORK", SCENE_HANDLER, 5);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        IT(drain_lets_the_running_message_finish),
        IT(a_hung_handler_does_not_outlast_the_drain),
        IT(a_hung_handler_is_replaced_after_its_timeout),
        IT(the_next_message_is_handled_soon_after_a_crash),
        IT(a_frozen_worker_is_replaced),
        IT(workers_are_recycled_without_repeats),
        IT(a_leak_ends_its_worker_and_counts_against_its_message),
        IT(an_ack_during_an_outage_arrives_afterwards),
        IT(a_drain_under_flow_leaves_nothing_to_ack_wait),
        IT(drain_without_a_server_ends_in_time),
        IT(drain_gives_back_what_waits_for_its_retry),
        IT(returned_messages_come_again_and_drain),
        IT(a_second_signal_ends_the_drain),
        IT(readiness_says_that_it_drains),
    };
    return it_main(tests, argc, argv);
}
