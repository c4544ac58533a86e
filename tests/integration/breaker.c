/* SPDX-License-Identifier: Apache-2.0
 * A handler whose dependency is down ("needs FILE"): all messages wait, and no attempt is counted. */
#include "scene.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LABEL "handler=\"scripted\""

static struct scene *prepare(struct world *w, const char **ret_file)
{
    struct scene *s = scene_prepare(w, NULL);
    *ret_file = world_path(w, "dependency");
    scene_set(s, "MAX_ATTEMPTS", "2");
    return s;
}

static void expect_open(struct scene *s, const char *file)
{
    const char *page;
    daemon_expect_event(s->daemon, 0, "breaker-open", world_text(s->w, "handler=scripted error=*%s*", file), 20);
    assert_int_equal(daemon_get(s->daemon, "/", &page), 200);
    if (!strstr(page, world_text(s->w, "breaker open: no %s yet", file)))
        fail_msg("the status page does not say it:\n%s", page);
    assert_true(daemon_metric(s->daemon, "seamq_breaker_open", LABEL) == 1);
    assert_int_equal(daemon_get(s->daemon, "/readyz", NULL), 200); /* the handler works, its dependency does not */
}

static void expect_closed(struct scene *s)
{
    daemon_expect_event(s->daemon, 0, "breaker-closed", "handler=scripted", 60);
    assert_true(daemon_metric(s->daemon, "seamq_breaker_open", LABEL) == 0);
}

/* The last run of each message has attempt number 1, however often it was tried. */
static void expect_no_attempt_burned(struct scene *s)
{
    char *line = NULL;
    size_t cap = 0;
    FILE *f = fopen(s->effects, "re");
    assert_non_null(f);
    while (getline(&line, &cap, f) > 0) {
        uint64_t seq, attempt;
        assert_int_equal(sscanf(line, "%" SCNu64 " %" SCNu64, &seq, &attempt), 2);
        assert_int_equal(attempt, 1);
    }
    fclose(f);
    free(line);
    assert_int_equal(client_stream_messages(s->client, "DLQ"), 0);
}

static void it_opens_probes_and_closes_without_burning_an_attempt(struct world *w)
{
    const char *file;
    struct scene *s = prepare(w, &file);
    const unsigned total = 200;

    scene_start(s);
    scene_publish(s, "0 ack");
    scene_expect_effects(s, 1, 10);
    for (unsigned i = 1; i <= total; i++)
        scene_publish(s, "%u needs %s", i, file);
    expect_open(s, file);
    assert_true(daemon_wait_metric(s->daemon, "seamq_messages_processed_total", "outcome=\"unavailable\"", 4, 30));
    /* Each probe is one message, so only the messages in the rings and a few probes ran. */
    assert_true(scene_effects(s, "needs") <= total / 2);
    int64_t unsettled = json_at(client_consumer(s->client, "WORK", SCENE_HANDLER), "num_ack_pending");
    world_write(file, "up\n");
    expect_closed(s);
    scene_expect_settled(s, 30);
    assert_true(unsettled >= 1);
    expect_no_attempt_burned(s);
    assert_true(daemon_metric(s->daemon, "seamq_breaker_opened_total", LABEL) == 1);
    assert_int_equal(daemon_stop(s->daemon, 20), 0);
}

/* The last runs, one for each message, are in the order of the stream. */
static void expect_last_runs_in_order(struct scene *s, unsigned n)
{
    const char *runs = world_read(s->w, s->effects);
    const char *at = runs + strlen(runs);
    uint64_t later = UINT64_MAX;

    for (unsigned i = 0; i < n; i++) {
        assert_true(at > runs);
        for (at--; at > runs && at[-1] != '\n'; at--)
            continue;
        uint64_t seq = strtoull(at, NULL, 10);
        if (seq >= later)
            fail_msg("%" PRIu64 " ran before %" PRIu64, later, seq);
        later = seq;
    }
}

static void what_comes_back_keeps_its_order(struct world *w)
{
    const char *file;
    struct scene *s = prepare(w, &file);
    const unsigned total = 100;

    for (unsigned i = 0; i < 500;
         i++) /* now the handler is known to be fast, so a worker gets many messages at a time */
        scene_publish(s, "0 ack");
    for (unsigned i = 1; i <= total; i++)
        scene_publish(s, "%u needs %s", i, file);
    scene_start(s);
    expect_open(s, file);
    assert_true(daemon_wait_metric(s->daemon, "seamq_messages_processed_total", "outcome=\"unavailable\"", 4, 30));
    world_write(file, "up\n");
    expect_closed(s);
    scene_expect_settled(s, 30);
    expect_last_runs_in_order(s, total);
}

/* Longer than timeout and ack wait: the probe message stays in flight, and its lease is renewed. */
static void it_holds_its_message_under_a_renewed_lease(struct world *w)
{
    const char *file;
    struct scene *s = prepare(w, &file);

    scene_set(s, "ACK_WAIT", "1s");
    scene_set(s, "TIMEOUT", "1s");
    scene_start(s);
    scene_publish(s, "1 needs %s", file);
    expect_open(s, file);
    assert_true(daemon_wait_metric(s->daemon, "seamq_messages_processed_total", "outcome=\"unavailable\"", 4, 60));
    json_t *info = client_consumer(s->client, "WORK", SCENE_HANDLER);
    assert_int_equal(json_at(info, "num_redelivered"), 0);
    assert_int_equal(json_at(info, "delivered.consumer_seq"), 1); /* the message was never given back to the server */
    world_write(file, "up\n");
    expect_closed(s);
    scene_expect_settled(s, 20);
    expect_no_attempt_burned(s);
}

/* A crash says nothing about the dependency, and counts as an attempt. */
static void a_probe_that_crashes_keeps_it_open(struct world *w)
{
    const char *file;
    struct scene *s = prepare(w, &file);

    scene_start(s);
    scene_publish(s, "1 needs-crash %s", file);
    expect_open(s, file);
    scene_publish(s, "2 ack");
    world_write(file, "up\n");
    daemon_expect_event(s->daemon, 0, "worker-exit", "handler=scripted reason=crash", 30);
    size_t mark = daemon_mark(s->daemon);
    assert_null(daemon_event(s->daemon, 0, "breaker-closed", NULL, 0));
    daemon_expect_event(s->daemon, mark, "breaker-closed", "handler=scripted", 30);
    scene_expect_settled(s, 20);
    assert_int_equal(scene_effects(s, "1 2 1 needs-crash"), 1);
    assert_int_equal(client_stream_messages(s->client, "DLQ"), 0);
}

static void what_is_under_way_decides_nothing(struct world *w)
{
    const char *file;
    struct scene *s = prepare(w, &file);

    scene_set(s, "WORKERS", "2");
    scene_start(s);
    scene_publish(s, "1 sleep 700");
    scene_expect_effects(s, 1, 10);
    scene_publish(s, "2 needs %s", file);
    expect_open(s, file);
    assert_true(daemon_wait_metric(s->daemon, "seamq_messages_processed_total", "outcome=\"ack\"", 1, 20));
    assert_true(daemon_metric(s->daemon, "seamq_breaker_open", LABEL) == 1);
    world_write(file, "up\n");
    expect_closed(s);
    scene_expect_settled(s, 20);
    expect_no_attempt_burned(s);
}

static void draining_gives_back_what_waits(struct world *w)
{
    const char *file;
    struct scene *s = prepare(w, &file);

    scene_start(s);
    for (int i = 1; i <= 20; i++)
        scene_publish(s, "%d needs %s", i, file);
    expect_open(s, file);
    assert_int_equal(daemon_stop(s->daemon, 20), 0);
    world_write(file, "up\n");
    scene_start(s);
    scene_expect_settled(s, 20); /* well before ack wait */
    expect_no_attempt_burned(s);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        IT(it_opens_probes_and_closes_without_burning_an_attempt),
        IT(what_comes_back_keeps_its_order),
        IT(it_holds_its_message_under_a_renewed_lease),
        IT(a_probe_that_crashes_keeps_it_open),
        IT(what_is_under_way_decides_nothing),
        IT(draining_gives_back_what_waits),
    };
    return it_main(tests, argc, argv);
}
