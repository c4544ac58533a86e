/* SPDX-License-Identifier: Apache-2.0
 * batch - many messages in one call: how they are collected, what becomes of each, who is to blame. */
#include "worker_helper.h"

#define BATCH path_of("TEST_BATCH", BATCH_SO)
#define BOTH path_of("TEST_BOTH", BOTH_SO)

static struct recorder s; /* large */
static uint64_t last_id;

static struct worker_config batches(int64_t max, int64_t linger_ns)
{
    struct worker_config c = a_config(BATCH);
    c.batch_max = max;
    c.batch_linger_ns = linger_ns;
    return c;
}

static void up(const struct worker_config *c)
{
    last_id = 0;
    recorder_up(&s, c);
}

/* Pushes one message for each letter, then submits them together. */
static void send_all(const char *letters)
{
    for (; *letters; letters++)
        assert_int_equal(push_sized(&s, ++last_id, letters, 1), 0);
    worker_submit(s.w);
}

static void expect(int i, int outcome, const char *text)
{
    assert_int_equal(s.all[i].id, i + 1);
    if (s.all[i].outcome != outcome || strcmp(s.all[i].text, text) != 0)
        fail_msg("message %d: outcome %d \"%s\", expected %d \"%s\"", i, s.all[i].outcome, s.all[i].text, outcome,
                 text);
}

static void each_message_has_its_own_outcome_and_reason(void **state)
{
    (void)state;
    struct worker_config c = batches(100, 0);
    up(&c);
    send_all("andt-nwWq");
    WAIT(&s, s.outcomes == 9);
    expect(0, SEAMQ_ACK, "");
    expect(1, SEAMQ_NAK, "1 of 9");
    assert_int_equal(s.all[1].delay_ns, 7);
    expect(2, SEAMQ_DEAD, "bad");
    expect(3, SEAMQ_TERM, "");
    expect(4, SEAMQ_NAK, "handle_batch returned without an outcome for this message");
    assert_int_equal(s.all[4].delay_ns, SEAMQ_BACKOFF);
    expect(5, SEAMQ_NAK, "5 of 9");
    expect(6, SEAMQ_DEAD, "refused");
    expect(7, SEAMQ_NAK, "after all");
    expect(8, SEAMQ_NAK, "a staged output has an invalid subject, header or id: nothing was published");
    recorder_destroy(&s);
}

static void outputs_belong_to_their_own_message(void **state)
{
    (void)state;
    struct worker_config c = batches(100, 0);
    up(&c);
    send_all("apPii");
    WAIT(&s, s.outcomes == 5);
    assert_int_equal(s.all[0].staged, 2); /* two other messages staged for the first one */
    assert_string_equal(s.all[0].staged_subject, "out.first");
    assert_int_equal(s.all[1].staged, 1);
    assert_string_equal(s.all[1].staged_subject, "out.acked");
    assert_int_equal(s.all[2].staged, 0);
    assert_int_equal(s.all[2].outcome, SEAMQ_DEAD);
    assert_int_equal(s.all[3].staged, 1);
    assert_string_equal(s.all[4].staged_subject, "out.own");
    recorder_destroy(&s);
}

static void each_message_has_its_own_headers(void **state)
{
    (void)state;
    struct worker_config c = batches(2, LONGEST_NS);
    static const char *const tenants[] = {"Tenant\0a", "Tenant\0b"};
    up(&c);
    for (uint64_t i = 0; i < 2; i++) {
        struct worker_message m = {
            .id = i + 1, .subject = "s", .data = "h", .size = 1, .headers = tenants[i], .headers_size = 9};
        assert_int_equal(worker_push(s.w, &m), 0);
    }
    worker_submit(s.w);
    WAIT(&s, s.outcomes == 2);
    expect(0, SEAMQ_NAK, "a");
    expect(1, SEAMQ_NAK, "b");
    recorder_destroy(&s);
}

static void a_batch_is_no_larger_than_batch_max(void **state)
{
    (void)state;
    struct worker_config c = batches(4, 0);
    up(&c);
    send_all("nnnnnnnnnn");
    WAIT(&s, s.outcomes == 10);
    expect(3, SEAMQ_NAK, "3 of 4");
    expect(7, SEAMQ_NAK, "3 of 4");
    expect(9, SEAMQ_NAK, "1 of 2");
    recorder_destroy(&s);
}

static void lingering_fills_a_batch(void **state)
{
    (void)state;
    struct worker_config c = batches(4, LONGEST_NS);
    c.timeout_ns = NS_PER_SEC; /* the linger does not count towards the timeout */
    up(&c);
    send_all("n");
    for (int64_t until = clock_now_ns() + 1200 * NS_PER_MS; clock_now_ns() < until;)
        assert_int_equal(loop_once(s.loop, 20 * NS_PER_MS), 0);
    assert_int_equal(s.outcomes + s.exits, 0);
    send_all("nn");
    loop_once(s.loop, 20 * NS_PER_MS);
    assert_int_equal(s.outcomes, 0);
    send_all("n");
    WAIT(&s, s.outcomes == 4 || s.exits);
    expect(0, SEAMQ_NAK, "0 of 4");
    expect(3, SEAMQ_NAK, "3 of 4");
    recorder_destroy(&s);
}

static void lingering_ends_in_time(void **state)
{
    (void)state;
    struct worker_config c = batches(4, 50 * NS_PER_MS);
    up(&c);
    int64_t start = clock_now_ns();
    send_all("nn");
    WAIT(&s, s.outcomes == 2);
    assert_true(clock_now_ns() - start >= 50 * NS_PER_MS);
    expect(1, SEAMQ_NAK, "1 of 2");
    recorder_destroy(&s);
}

static void a_full_ring_ends_the_wait_for_more(void **state)
{
    (void)state;
    struct worker_config c = batches(1000, LONGEST_NS);
    c.ring_bytes = 64 << 10;
    static char large[8000] = "n", huge[40000] = "n"; /* the second does not fit into the ring */
    up(&c);
    for (uint64_t id = 1; id <= 4; id++)
        assert_int_equal(push_sized(&s, id, large, sizeof(large)), 0);
    worker_submit(s.w);
    loop_once(s.loop, 20 * NS_PER_MS);
    assert_int_equal(push_sized(&s, 5, large, sizeof(large)), 0);
    worker_submit(s.w);
    WAIT(&s, s.outcomes == 5);
    expect(4, SEAMQ_NAK, "4 of 5");
    assert_int_equal(push_sized(&s, 6, huge, sizeof(huge)), 0);
    worker_submit(s.w);
    WAIT(&s, s.outcomes == 6);
    recorder_destroy(&s);
}

static void a_stream_of_batches_loses_nothing(void **state)
{
    (void)state;
    struct worker_config c = batches(64, NS_PER_MS);
    c.ring_bytes = 64 << 10;
    static const char payload[700] = "p";
    uint64_t sent = 0;
    up(&c);
    while (s.outcomes < 20000) {
        while (sent < 20000 && push_sized(&s, sent + 1, payload, sent % sizeof(payload) + 1) == 0)
            sent++;
        worker_submit(s.w);
        assert_int_equal(loop_once(s.loop, NS_PER_SEC), 0);
    }
    assert_int_equal(s.last_id, 20000);
    assert_int_equal(s.staged, 20000);
    assert_int_equal(s.exits, 0);
    recorder_destroy(&s);
}

static void message_marked_alone_runs_in_a_call_of_its_own(void **state)
{
    (void)state;
    struct worker_config c = batches(100, LONGEST_NS);
    up(&c);
    struct worker_message m = {.id = 1, .subject = "s", .data = "n", .size = 1, .alone = true};
    assert_int_equal(worker_push(s.w, &m), 0);
    worker_submit(s.w);
    WAIT(&s, s.outcomes == 1); /* without waiting for more messages */
    expect(0, SEAMQ_NAK, "0 of 1");
    recorder_destroy(&s);
}

static void crash_reports_all_messages_of_the_call(void **state)
{
    (void)state;
    struct worker_config c = batches(4, LONGEST_NS);
    up(&c);
    send_all("aaaaaacaaaa");
    WAIT(&s, s.exits == 1);
    assert_int_equal(s.exit.reason, WORKER_EXIT_CRASH);
    assert_int_equal(s.outcomes, 4);
    assert_int_equal(s.exit.running, 5);
    assert_int_equal(s.exit.running_n, 4); /* 9 to 11 were not started */
    recorder_destroy(&s);
}

static void timeout_applies_to_the_call(void **state)
{
    (void)state;
    struct worker_config c = batches(2, LONGEST_NS);
    c.timeout_ns = 3 * NS_PER_SEC;
    up(&c);
    send_all("asasasasasasasas"); /* each call takes 400 ms, all together longer than the timeout */
    WAIT(&s, s.outcomes == 16 || s.exits);
    assert_int_equal(s.exits, 0);
    send_all("az");
    WAIT(&s, s.exits == 1);
    assert_int_equal(s.exit.reason, WORKER_EXIT_TIMEOUT);
    assert_int_equal(s.exit.running_n, 2);
    assert_string_equal(s.exit_text, "killed: a batch of 2 messages took longer than 3 s");
    recorder_destroy(&s);
}

static void extension_applies_to_the_whole_call(void **state)
{
    (void)state;
    struct worker_config c = batches(3, LONGEST_NS);
    c.timeout_ns = NS_PER_SEC;
    up(&c);
    send_all("axa");
    WAIT(&s, s.outcomes == 3 || s.exits);
    expect(1, SEAMQ_NAK, "1");
    assert_int_equal(s.extend_ns, 10 * NS_PER_SEC);
    send_all("aaz"); /* the extension does not apply to the next call */
    WAIT(&s, s.exits == 1);
    assert_int_equal(s.exit.reason, WORKER_EXIT_TIMEOUT);
    recorder_destroy(&s);
}

static void a_message_of_an_earlier_call_is_refused(void **state)
{
    (void)state;
    struct worker_config c = batches(3, LONGEST_NS);
    up(&c);
    send_all("aaa");
    WAIT(&s, s.outcomes == 3);
    struct worker_message m = {.id = 4, .subject = "s", .data = "l", .size = 1, .alone = true};
    assert_int_equal(worker_push(s.w, &m), 0);
    worker_submit(s.w);
    WAIT(&s, s.outcomes == 4);
    char text[16];
    snprintf(text, sizeof(text), "%d", -EINVAL);
    expect(3, SEAMQ_NAK, text);
    recorder_destroy(&s);
}

static void stop_runs_a_waiting_batch_and_revoke_does_not(void **state)
{
    (void)state;
    struct worker_config c = batches(100, LONGEST_NS);
    up(&c);
    send_all("nnn");
    loop_once(s.loop, 20 * NS_PER_MS);
    worker_stop(s.w, clock_now_ns() + LONGEST_NS);
    WAIT(&s, s.exits == 1);
    assert_int_equal(s.outcomes, 3);
    expect(2, SEAMQ_NAK, "2 of 3");
    recorder_destroy(&s);
    up(&c);
    send_all("nnn");
    loop_once(s.loop, 20 * NS_PER_MS);
    worker_revoke(s.w, clock_now_ns() + LONGEST_NS);
    WAIT(&s, s.exits == 1);
    assert_int_equal(s.outcomes, 0);
    assert_int_equal(s.exit.reason, WORKER_EXIT_STOPPED);
    assert_int_equal(s.exit.running, 0); /* none was started */
    recorder_destroy(&s);
}

static void without_batch_max_handle_batch_gets_one_message(void **state)
{
    (void)state;
    struct worker_config c = batches(0, 0);
    up(&c);
    send_all("nn");
    WAIT(&s, s.outcomes == 2);
    expect(0, SEAMQ_NAK, "0 of 1");
    expect(1, SEAMQ_NAK, "0 of 1");
    recorder_destroy(&s);
}

static void batch_max_decides_between_both_entries(void **state)
{
    (void)state;
    struct worker_config c = batches(1, 0);
    c.plugin = BOTH;
    up(&c);
    send_all("n");
    WAIT(&s, s.outcomes == 1);
    expect(0, SEAMQ_NAK, "alone");
    recorder_destroy(&s);
    c.batch_max = 2;
    up(&c);
    send_all("n");
    WAIT(&s, s.outcomes == 1);
    expect(0, SEAMQ_NAK, "0 of 1");
    recorder_destroy(&s);
}

static void a_plugin_without_a_batch_entry_is_refused(void **state)
{
    (void)state;
    struct worker_config c = a_config(BEHAVE);
    c.batch_max = 2;
    recorder_create(&s, &c);
    WAIT(&s, s.exits == 1);
    assert_int_equal(s.exit.reason, WORKER_EXIT_REFUSED);
    assert_string_equal(s.exit_text, "batch_max is above 1, but the plugin has no handle_batch: set batch_max = 1");
    recorder_destroy(&s);
}

static void probe_reports_the_batch_entry(void **state)
{
    (void)state;
    const char *plugins[] = {BATCH, BOTH, BEHAVE};
    struct plugin_info infos[3];
    struct image images[3];
    struct error errs[3];
    probe_all(WORKER, plugins, 3, LONGEST_NS, infos, images, errs);
    for (int i = 0; i < 3; i++) {
        if (errs[i].code)
            fail_msg("%s", errs[i].text);
        assert_int_equal(infos[i].has_batch, i < 2);
        image_close(&images[i]);
        plugin_info_finish(&infos[i]);
    }
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_message_has_its_own_outcome_and_reason),
        cmocka_unit_test(outputs_belong_to_their_own_message),
        cmocka_unit_test(each_message_has_its_own_headers),
        cmocka_unit_test(a_batch_is_no_larger_than_batch_max),
        cmocka_unit_test(lingering_fills_a_batch),
        cmocka_unit_test(lingering_ends_in_time),
        cmocka_unit_test(a_full_ring_ends_the_wait_for_more),
        cmocka_unit_test(a_stream_of_batches_loses_nothing),
        cmocka_unit_test(message_marked_alone_runs_in_a_call_of_its_own),
        cmocka_unit_test(crash_reports_all_messages_of_the_call),
        cmocka_unit_test(timeout_applies_to_the_call),
        cmocka_unit_test(extension_applies_to_the_whole_call),
        cmocka_unit_test(a_message_of_an_earlier_call_is_refused),
        cmocka_unit_test(stop_runs_a_waiting_batch_and_revoke_does_not),
        cmocka_unit_test(without_batch_max_handle_batch_gets_one_message),
        cmocka_unit_test(batch_max_decides_between_both_entries),
        cmocka_unit_test(a_plugin_without_a_batch_entry_is_refused),
        cmocka_unit_test(probe_reports_the_batch_entry),
    };
    return cmocka_run_group_tests_name("batch", tests, NULL, NULL);
}
