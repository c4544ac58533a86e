/* SPDX-License-Identifier: Apache-2.0
 * The result of each outcome of a handler for its message. */
#include "scene.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t stream_created_ns(struct scene *s, const char *stream)
{
    const char *text = json_text(client_api_ok(s->client, NULL, "STREAM.INFO.%s", stream), "created");
    struct tm tm = {0};
    int64_t ns = 0, unit = 100000000;
    const char *p = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);

    assert_non_null(p);
    for (p += *p == '.'; *p >= '0' && *p <= '9'; p++, unit /= 10)
        ns += (*p - '0') * unit;
    return (int64_t)timegm(&tm) * 1000000000 + ns;
}

/* The dead letter for sequence `seq` of WORK, under its subject (docs/dlq.md). */
static struct stored expect_dead_letter(struct scene *s, uint64_t seq, uint64_t dlq_seq)
{
    struct stored m = {0};
    if (!client_wait_messages(s->client, "DLQ", (int64_t)dlq_seq, 10) || !client_get(s->client, "DLQ", dlq_seq, &m))
        fail_msg("no dead letter for sequence %" PRIu64, seq);
    assert_string_equal(m.subject, world_text(s->w, "dlq.WORK.%s.%" PRId64 ".%" PRIu64, SCENE_HANDLER,
                                              stream_created_ns(s, "WORK"), seq));
    return m;
}

static void ack_settles_the_message(struct world *w)
{
    struct scene *s = scene_open(w);

    for (int i = 1; i <= 100; i++)
        scene_publish(s, "%d ack", i);
    scene_expect_settled(s, 10);
    assert_int_equal(effects_lines(s->effects), 100);
    json_t *info = client_consumer(s->client, "WORK", SCENE_HANDLER);
    assert_int_equal(json_at(info, "ack_floor.stream_seq"), 100);
    assert_int_equal(json_at(info, "num_redelivered"), 0);
}

static void nak_delays_redelivery(struct world *w)
{
    struct scene *s = scene_open(w);
    struct timespec before, after;

    scene_publish(s, "1 nak 1500 1");
    scene_expect_effects(s, 1, 10);
    clock_gettime(CLOCK_MONOTONIC, &before);
    scene_expect_effects(s, 2, 20);
    clock_gettime(CLOCK_MONOTONIC, &after);
    int64_t ms = (after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000;
    if (ms < 1300) /* the first run may be seen 50 ms late */
        fail_msg("asked for 1500 ms, redelivered after %" PRId64 " ms", ms);
    scene_expect_settled(s, 10);
    assert_int_equal(scene_effects(s, "1 2 1 nak"), 1); /* attempt 2 */
    assert_int_equal(client_stream_messages(s->client, "DLQ"), 0);
}

static void a_delayed_message_does_not_hold_up_others(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    scene_set(s, "MAX_ACK_PENDING", "2");
    scene_start(s);
    scene_publish(s, "1 nak 3000 1");
    scene_expect_effects(s, 1, 10);
    for (int i = 2; i <= 50; i++)
        scene_publish(s, "%d ack", i);
    scene_expect_effects(s, 50, 2.5);
    scene_expect_settled(s, 20);
}

static void backoff_is_the_configured_one(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    scene_set(s, "BACKOFF", "200ms 400ms");
    scene_start(s);
    scene_publish(s, "1 backoff 3");
    scene_expect_settled(s, 20);
    assert_int_equal(effects_lines(s->effects), 4);
}

static void term_drops_the_message(struct world *w)
{
    struct scene *s = scene_open(w);

    scene_publish(s, "1 term");
    scene_publish(s, "2 ack");
    scene_expect_settled(s, 10);
    assert_int_equal(scene_effects(s, "1 term"), 1);
    assert_non_null(daemon_says(s->daemon, 0, 10, "dropped", "scripted", "\"seq\":1", "work.test"));
    assert_int_equal(client_stream_messages(s->client, "DLQ"), 0);
}

static void dead_keeps_a_copy_with_the_reason(struct world *w)
{
    struct scene *s = scene_open(w);

    client_publish_full(s->client, "work.test", "X-Test: kept\ntraceparent: 00-abc-def-01", "1 dead unparsable", 17);
    scene_expect_settled(s, 10);
    struct stored m = expect_dead_letter(s, 1, 1);
    assert_string_equal(m.data, "1 dead unparsable");
    assert_string_equal(header_in(w, m.headers, "X-Test"), "kept");
    assert_string_equal(header_in(w, m.headers, "traceparent"), "00-abc-def-01");
    assert_non_null(strstr(m.headers, "unparsable"));
    assert_non_null(strstr(m.headers, "work.test"));
    assert_int_equal(effects_lines(s->effects), 1);
}

static void exhausted_attempts_go_to_the_dead_letters(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    scene_set(s, "MAX_ATTEMPTS", "3");
    scene_start(s);
    scene_publish(s, "1 nak 10 100");
    scene_expect_settled(s, 10);
    assert_int_equal(effects_lines(s->effects), 3);
    expect_dead_letter(s, 1, 1);
}

static void crash_limit_goes_to_the_dead_letters_with_the_signal(struct world *w)
{
    struct scene *s = scene_open(w);

    scene_publish(s, "1 crash 100");
    scene_publish(s, "2 ack");
    scene_expect_settled(s, 20);
    assert_int_equal(scene_effects(s, "1 crash"), 2); /* crash_limit */
    daemon_expect_event(s->daemon, 0, "worker-exit", "reason=crash stream=WORK seq=1 subject=work.test attempt=1", 10);
    daemon_expect_event(s->daemon, 0, "worker-exit", "reason=crash stream=WORK seq=1 subject=work.test attempt=2", 10);
    struct stored m = expect_dead_letter(s, 1, 1);
    assert_non_null(strstr(m.headers, "SIGSEGV"));
}

static void an_unknown_outcome_counts_as_nak(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    scene_set(s, "BACKOFF", "50ms");
    scene_start(s);
    scene_publish(s, "1 garbage");
    scene_expect_settled(s, 10);
    assert_int_equal(effects_lines(s->effects), 2);
}

static void dead_letter_off_drops_with_a_log_line(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    scene_set(s, "DEAD_LETTER", "off");
    scene_start(s);
    scene_publish(s, "1 dead unparsable");
    scene_expect_settled(s, 10);
    assert_non_null(daemon_says(s->daemon, 0, 5, "unparsable"));
    assert_int_equal(client_stream_messages(s->client, "DLQ"), 0);
}

static void add_out_stream(struct scene *s)
{
    client_add_stream(s->client, "OUT", "out.>", NULL);
}

static void staged_messages_are_published_on_ack(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);
    struct stored m;

    add_out_stream(s);
    scene_start(s);
    scene_publish(s, "1 publish out.a 3");
    scene_expect_settled(s, 10);
    assert_int_equal(client_stream_messages(s->client, "OUT"), 3);
    for (int i = 0; i < 3; i++) {
        assert_true(client_get(s->client, "OUT", (uint64_t)i + 1, &m));
        assert_string_equal(m.data, world_text(w, "1.%d", i));
        assert_string_equal(header_in(w, m.headers, "Nats-Msg-Id"),
                            world_text(w, "WORK.%" PRId64 ".1.%s.%d", stream_created_ns(s, "WORK"), SCENE_HANDLER, i));
    }
}

static void nothing_staged_is_published_after_nak_or_crash(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    add_out_stream(s);
    scene_start(s);
    scene_publish(s, "1 publish-nak out.nak");
    scene_publish(s, "2 publish-crash out.crash");
    scene_expect_settled(s, 10);
    assert_int_equal(effects_lines(s->effects), 4);
    assert_int_equal(client_stream_messages(s->client, "OUT"), 0);
}

static void a_publish_that_no_stream_takes_is_not_an_ack(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    scene_set(s, "BACKOFF", "100ms");
    scene_start(s);
    scene_publish(s, "1 publish out.a 1");
    scene_expect_effects(s, 2, 30); /* the message is redelivered because it was not acknowledged */
    assert_non_null(daemon_says(s->daemon, 0, 5, "publish-failed", "out.a"));
    add_out_stream(s);
    scene_expect_settled(s, 30);
    assert_true(client_stream_messages(s->client, "OUT") + client_stream_messages(s->client, "DLQ") >= 1);
}

static void many_staged_messages_are_all_published(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    add_out_stream(s);
    scene_start(s);
    scene_publish(s, "1 publish out.a 2000");
    scene_expect_settled(s, 20);
    assert_int_equal(client_stream_messages(s->client, "OUT"), 2000);
    assert_int_equal(effects_lines(s->effects), 1);
}

static void dead_letters_wait_for_their_stream(struct world *w)
{
    struct scene *s = scene_open(w);

    client_api_ok(s->client, NULL, "STREAM.DELETE.DLQ");
    scene_publish(s, "1 dead unparsable");
    scene_publish(s, "2 ack");
    scene_expect_effects(s, 2, 10);
    assert_non_null(daemon_event(s->daemon, 0, "dead-letter-failed", "seq=1", 15));
    /* the ack of the other message does not wait for it */
    int64_t deadline = deadline_in(10);
    while (json_at(client_consumer(s->client, "WORK", SCENE_HANDLER), "num_ack_pending") != 1)
        assert_true(deadline_left_ms(deadline) > 0);
    client_add_dlq(s->client, "WORK");
    scene_expect_settled(s, 40);
    expect_dead_letter(s, 1, 1);
    assert_int_equal(effects_lines(s->effects), 2);
}

static void headers_and_empty_payloads_reach_the_handler(struct world *w)
{
    struct scene *s = scene_open(w);
    const char *deep = "work.a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p";

    client_publish_full(s->client, "work.test", NULL, "", 0);
    client_publish_full(s->client, deep, "X-Test: hello", "7 echo", 6);
    scene_expect_settled(s, 10);
    assert_int_equal(scene_effects(s, "1 1 0 echo 0 work.test -"), 1);
    assert_int_equal(scene_effects(s, world_text(w, "2 1 7 echo 6 %s hello", deep)), 1);
}

static void a_message_of_the_largest_size_is_handled(struct world *w)
{
    struct scene *s = scene_open(w);
    size_t size = 1048576; /* the server's max_payload */
    char *data = calloc(1, size);

    assert_non_null(data);
    world_at_end(w, free, data);
    memset(data, 'x', size);
    memcpy(data, "1 echo ", 7);
    client_publish_full(s->client, "work.big", NULL, data, size);
    memcpy(data, "2 dead ", 7);
    client_publish_full(s->client, "work.big", NULL, data, size);
    client_publish(s->client, "work.small", "3 ack");
    scene_expect_settled(s, 20);
    assert_int_equal(scene_effects(s, "1 echo 1048576 work.big"), 1);
    /* With its headers the dead letter exceeds the server's limit, so it has a pointer instead of the payload. */
    struct stored m = expect_dead_letter(s, 2, 1);
    assert_true(m.size < size || strlen(m.headers) > 0);
}

static void settled_messages_are_confirmed_with_ack_confirmed(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    scene_set(s, "ACK", "confirmed");
    scene_start(s);
    for (int i = 1; i <= 50; i++)
        scene_publish(s, "%d ack", i);
    scene_expect_settled(s, 10);
    assert_int_equal(effects_lines(s->effects), 50);
}

static void leases_are_renewed_while_the_handler_works(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    scene_set(s, "ACK_WAIT", "1s");
    scene_set(s, "TIMEOUT", "20s");
    scene_start(s);
    scene_publish(s, "1 sleep 3500");
    scene_publish(s, "2 ack"); /* waits behind it, and its lease runs too */
    scene_expect_settled(s, 20);
    assert_int_equal(effects_lines(s->effects), 2);
    assert_int_equal(json_at(client_consumer(s->client, "WORK", SCENE_HANDLER), "delivered.consumer_seq"), 2);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        IT(ack_settles_the_message),
        IT(nak_delays_redelivery),
        IT(a_delayed_message_does_not_hold_up_others),
        IT(backoff_is_the_configured_one),
        IT(term_drops_the_message),
        IT(dead_keeps_a_copy_with_the_reason),
        IT(exhausted_attempts_go_to_the_dead_letters),
        IT(crash_limit_goes_to_the_dead_letters_with_the_signal),
        IT(an_unknown_outcome_counts_as_nak),
        IT(dead_letter_off_drops_with_a_log_line),
        IT(staged_messages_are_published_on_ack),
        IT(nothing_staged_is_published_after_nak_or_crash),
        IT(a_publish_that_no_stream_takes_is_not_an_ack),
        IT(many_staged_messages_are_all_published),
        IT(dead_letters_wait_for_their_stream),
        IT(headers_and_empty_payloads_reach_the_handler),
        IT(a_message_of_the_largest_size_is_handled),
        IT(settled_messages_are_confirmed_with_ack_confirmed),
        IT(leases_are_renewed_while_the_handler_works),
    };
    return it_main(tests, argc, argv);
}
