/* SPDX-License-Identifier: Apache-2.0
 * worker - a process that answers, dies in every way, and comes back. */
#include "worker_helper.h"

#include <dirent.h>

static int count_fds(void)
{
    int n = 0;
    DIR *d = opendir("/proc/self/fd");
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static void messages_come_back_in_order(void **state)
{
    (void)state;
    struct seen s;
    struct worker_config c = a_config(BEHAVE);
    seen_up(&s, &c);
    assert_int_equal(push_sized(&s, 0, "x", 1), -EINVAL);
    uint64_t sent = 0;
    while (s.outcomes < 20000) {
        while (sent < 20000 && push_sized(&s, sent + 1, "hello", 5) == 0)
            sent++;
        worker_submit(s.w);
        assert_int_equal(loop_once(s.loop, NS_PER_SEC), 0);
    }
    assert_int_equal(s.last_id, 20000);
    assert_int_equal(s.outcome, SEAMQ_ACK);
    assert_int_equal(s.exits, 0);
    seen_destroy(&s);
}

static void a_full_ring_says_again(void **state)
{
    (void)state;
    struct seen s;
    struct worker_config c = a_config(BEHAVE);
    c.ring_bytes = 4096;
    seen_up(&s, &c);
    int n = 0, rc;
    while ((rc = push_sized(&s, (uint64_t)n + 1, "hello", 5)) == 0)
        n++;
    assert_int_equal(rc, -EAGAIN);
    assert_in_range(n, 10, 60);
    worker_submit(s.w);
    WAIT(&s, s.outcomes == n);
    assert_int_equal(push_sized(&s, 1000, "hello", 5), 0);
    seen_destroy(&s);
}

static void crash_names_signal_address_message_and_place(void **state)
{
    (void)state;
    struct seen s;
    struct worker_config c = a_config(BEHAVE);
    seen_up(&s, &c);
    send_one(&s, 1, "fine");
    WAIT(&s, s.outcomes == 1);
    assert_int_equal(push_sized(&s, 2, "fine", 4), 0);
    assert_int_equal(push_sized(&s, 3, "crash", 5), 0);
    assert_int_equal(push_sized(&s, 4, "fine", 4), 0);
    worker_submit(s.w);
    int64_t start = clock_now_ns();
    WAIT(&s, s.exits == 1);
    assert_int_equal(s.outcomes, 2); /* what was done before the crash stays done */
    assert_int_equal(s.exit.reason, WORKER_EXIT_CRASH);
    assert_int_equal(s.exit.signal, SIGSEGV);
    assert_int_equal(s.exit.running, 3);
    assert_string_equal(s.exit_text, "killed by SIGSEGV (address 0x0) after 2 messages");
    if (strncmp(s.backtrace, "#0 behave_write_to_null+0x", 26) != 0)
        fail_msg("backtrace: %s", s.backtrace);
    assert_non_null(strstr(s.backtrace, " (seamq-worker)")); /* and not as its title in ps */
    assert_int_equal(s.exit.restart_in_ns, 0);
    WAIT(&s, worker_ready(s.w));
    send_one(&s, 5, "fine");
    WAIT(&s, s.outcomes == 3);
    print_message("crash to next message handled: %.1f ms\n", (double)(clock_now_ns() - start) / 1e6);
    assert_int_equal(s.exits, 1);
    seen_destroy(&s);
}

static void abort_and_stack_overflow_are_crashes(void **state)
{
    (void)state;
    struct seen s;
    struct worker_config c = a_config(BEHAVE);
    seen_up(&s, &c);
    send_one(&s, 1, "abort");
    WAIT(&s, s.exits == 1);
    assert_int_equal(s.exit.signal, SIGABRT);
    WAIT(&s, worker_ready(s.w));
    send_one(&s, 2, "stack");
    WAIT(&s, s.exits == 2);
    assert_int_equal(s.exit.signal, SIGSEGV);
    assert_non_null(strstr(s.backtrace, "#0 "));
    assert_int_equal(s.exit.running, 2);
    seen_destroy(&s);
}

static void restart_pause_grows_and_progress_resets_it(void **state)
{
    (void)state;
    struct seen s;
    struct worker_config c = a_config(BEHAVE);
    /* Not more than a second: each of these deaths brings a message nearer to its crash_limit. */
    static const int64_t pauses_ms[] = {0, 100, 200, 400, 800, 1000, 1000};
    seen_up(&s, &c);
    for (int i = 0; i < 7; i++) {
        send_one(&s, 1, "crash");
        WAIT(&s, s.exits == i + 1);
        assert_int_equal(s.exit.restart_in_ns, pauses_ms[i] * NS_PER_MS);
        WAIT(&s, worker_ready(s.w));
    }
    for (uint64_t id = 1; id <= 16; id++)
        assert_int_equal(push_sized(&s, id, "fine", 4), 0);
    send_one(&s, 17, "crash");
    WAIT(&s, s.exits == 8);
    assert_int_equal(s.exit.restart_in_ns, 0);
    seen_destroy(&s);
}

static void hang_ends_at_the_deadline(void **state)
{
    (void)state;
    struct seen s;
    struct worker_config c = a_config(BEHAVE);
    c.timeout_ns = 100 * NS_PER_MS;
    seen_up(&s, &c);
    send_one(&s, 1, "fine");
    WAIT(&s, s.outcomes == 1);
    usleep(150000); /* idle time does not count */
    loop_once(s.loop, 0);
    assert_int_equal(s.exits, 0);
    send_one(&s, 2, "Hide behind garbage"); /* claims to have started at the end of time */
    WAIT(&s, s.exits == 1);
    assert_int_equal(s.exit.reason, WORKER_EXIT_TIMEOUT);
    assert_int_equal(s.exit.running, 2);
    WAIT(&s, worker_ready(s.w));
    seen_destroy(&s);
}

static void an_announced_extension_moves_the_deadline(void **state)
{
    (void)state;
    struct seen s;
    struct worker_config c = a_config(BEHAVE);
    c.timeout_ns = 150 * NS_PER_MS;
    seen_up(&s, &c);
    send_one(&s, 1, "Xtend");
    WAIT(&s, s.outcomes == 1 || s.exits);
    assert_int_equal(s.exits, 0);
    assert_int_equal(s.extend_ns, 10 * NS_PER_SEC);
    send_one(&s, 2, "Slow");
    WAIT(&s, s.outcomes == 2 || s.exits);
    assert_int_equal(s.exit.reason, WORKER_EXIT_TIMEOUT);
    assert_int_equal(s.exit.running, 2);
    seen_destroy(&s);
}

static void an_outcome_does_not_wait_for_a_slow_successor(void **state)
{
    (void)state;
    struct seen s;
    struct worker_config c = a_config(BEHAVE);
    seen_up(&s, &c);
    for (uint64_t id = 1; id <= 20; id++)
        assert_int_equal(push_sized(&s, id, "fine", 4), 0);
    send_one(&s, 21, "Pauses for good");
    WAIT(&s, s.outcomes == 20 || s.exits);
    assert_int_equal(s.outcomes, 20);
    assert_int_equal(s.exits, 0); /* it runs still */
    seen_destroy(&s);
}

static void exit_by_a_handler_is_named(void **state)
{
    (void)state;
    struct seen s;
    struct worker_config c = a_config(BEHAVE);
    seen_up(&s, &c);
    send_one(&s, 1, "xit");
    WAIT(&s, s.exits == 1);
    assert_int_equal(s.exit.reason, WORKER_EXIT_STATUS);
    assert_int_equal(s.exit.status, 3);
    assert_int_equal(s.exit.running, 1);
    assert_string_equal(s.exit_text, "exited with status 3 after 0 messages");
    seen_destroy(&s);
}

static void recycles_after_max_memory(void **state)
{
    (void)state;
    struct seen s;
    struct worker_config c = a_config(BEHAVE);
    c.max_memory = 48 << 20;
    seen_up(&s, &c);
    send_one(&s, 1, "memory");
    WAIT(&s, s.exits == 1); /* although no further message comes */
    assert_int_equal(s.outcomes, 1);
    assert_int_equal(s.exit.reason, WORKER_EXIT_RECYCLE);
    assert_int_equal(s.exit.restart_in_ns, 0);
    assert_non_null(strstr(s.exit_text, "recycled: it used "));
    assert_non_null(strstr(s.exit_text, ", more than max_memory (48M)"));
    WAIT(&s, worker_ready(s.w)); /* the next process begins anew */
    send_one(&s, 2, "fine");
    WAIT(&s, s.outcomes == 2);
    assert_int_equal(s.exits, 1);
    seen_destroy(&s);
}

static void a_leak_within_a_message_ends_at_twice_max_memory(void **state)
{
    (void)state;
    struct seen s;
    struct worker_config c = a_config(BEHAVE);
    c.max_memory = 48 << 20;
    seen_up(&s, &c);
    send_one(&s, 1, "fine");
    send_one(&s, 2, "More and more");
    send_one(&s, 3, "fine");
    WAIT(&s, s.exits == 1);
    assert_int_equal(s.exit.reason, WORKER_EXIT_MEMORY);
    assert_int_equal(s.exit.running, 2); /* and 3 is unpenalised */
    assert_int_equal(s.outcomes, 1);
    assert_non_null(strstr(s.exit_text, ", more than twice max_memory (48M)"));
    WAIT(&s, worker_ready(s.w));
    seen_destroy(&s);
}

static void stop_finishes_what_is_held(void **state)
{
    (void)state;
    struct seen s;
    struct worker_config c = a_config(BEHAVE);
    seen_up(&s, &c);
    for (uint64_t id = 1; id <= 100; id++)
        assert_int_equal(push_sized(&s, id, "fine", 4), 0);
    worker_stop(s.w, clock_now_ns() + LONGEST_NS);
    assert_int_equal(push_sized(&s, 101, "fine", 4), -ENOTCONN);
    WAIT(&s, s.exits == 1);
    assert_int_equal(s.outcomes, 100);
    assert_int_equal(s.exit.reason, WORKER_EXIT_STOPPED);
    assert_int_equal(s.exit.restart_in_ns, -1);
    assert_int_equal(worker_pid(s.w), 0);
    seen_destroy(&s);

    seen_create(&s, &c); /* before it is ready */
    worker_stop(s.w, clock_now_ns() + LONGEST_NS);
    WAIT(&s, s.exits == 1);
    assert_int_equal(s.exit.reason, WORKER_EXIT_STOPPED);
    seen_destroy(&s);
}

static void stop_kills_at_its_deadline(void **state)
{
    (void)state;
    struct seen s;
    struct worker_config c = a_config(BEHAVE);
    seen_up(&s, &c);
    send_one(&s, 9, "Hide, and hang");
    worker_stop(s.w, clock_now_ns() + 100 * NS_PER_MS);
    WAIT(&s, s.exits == 1);
    assert_int_equal(s.exit.reason, WORKER_EXIT_STOPPED);
    assert_int_equal(s.exit.signal, SIGKILL);
    assert_int_equal(s.exit.running, 9);
    seen_destroy(&s);
}

static void revoke_leaves_the_unstarted(void **state)
{
    (void)state;
    struct seen s;
    struct worker_config c = a_config(BEHAVE);
    seen_up(&s, &c);
    for (uint64_t id = 1; id <= 5000; id++)
        assert_int_equal(push_sized(&s, id, "fine", 4), 0);
    worker_revoke(s.w, clock_now_ns() + LONGEST_NS);
    WAIT(&s, s.exits == 1);
    assert_int_equal(s.exit.reason, WORKER_EXIT_STOPPED);
    assert_int_equal(s.exit.running, 0);
    assert_true(s.outcomes < 5000);
    seen_destroy(&s);
}

/* Longer than its timeout and what it is left to leave, but announced. */
static void relieved_worker_has_the_time_that_it_asked_for(void **state)
{
    (void)state;
    struct seen s;
    struct worker_config c = a_config(BEHAVE);
    c.timeout_ns = 50 * NS_PER_MS;
    seen_up(&s, &c);
    send_one(&s, 1, "Xtend");
    WAIT(&s, s.extend_ns);
    worker_retire(s.w, 50 * NS_PER_MS);
    WAIT(&s, s.exits == 1);
    assert_int_equal(s.outcomes, 1);
    assert_int_equal(s.exit.reason, WORKER_EXIT_STOPPED);
    assert_int_equal(s.exit.signal, 0);
    seen_destroy(&s);
}

static void revoke_hurries_a_relieved_worker(void **state)
{
    (void)state;
    struct seen s;
    struct worker_config c = a_config(BEHAVE);
    seen_up(&s, &c);
    send_one(&s, 1, "Xtend");
    WAIT(&s, s.extend_ns);
    worker_retire(s.w, LONGEST_NS);
    worker_revoke(s.w, clock_now_ns() + NS_PER_MS);
    WAIT(&s, s.exits == 1);
    assert_int_equal(s.exit.signal, SIGKILL);
    assert_int_equal(s.exit.running, 1);
    seen_destroy(&s);
}

static void recycles_after_max_messages(void **state)
{
    (void)state;
    struct seen s;
    struct worker_config c = a_config(BEHAVE);
    c.max_messages = 10;
    seen_up(&s, &c);
    for (uint64_t id = 1; id <= 10; id++)
        assert_int_equal(push_sized(&s, id, "fine", 4), 0);
    worker_submit(s.w);
    WAIT(&s, s.exits == 1);
    assert_int_equal(s.outcomes, 10);
    assert_int_equal(s.exit.reason, WORKER_EXIT_RECYCLE);
    assert_int_equal(s.exit.restart_in_ns, 0);
    WAIT(&s, worker_ready(s.w));
    seen_destroy(&s);
}

static void large_messages_travel_both_ways(void **state)
{
    (void)state;
    struct seen s;
    struct worker_config c = a_config(BEHAVE);
    static const size_t sizes[] = {1, 4000, 524000, 524288, 1 << 20, (8 << 20) + 13};
    seen_up(&s, &c);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        char *data = malloc(sizes[i]);
        for (size_t k = 0; k < sizes[i]; k++)
            data[k] = (char)(k * 31 + i);
        data[0] = 'e';
        assert_int_equal(push_sized(&s, i + 1, data, sizes[i]), 0);
        worker_submit(s.w);
        WAIT(&s, s.outcomes == (int)i + 1);
        assert_int_equal(s.outcome, SEAMQ_ACK);
        assert_int_equal(s.staged, i + 1);
        assert_int_equal(s.staged_size, sizes[i]);
        assert_true(s.staged_sum == sum_of(data, sizes[i]));
        assert_string_equal(s.staged_subject, "echo.it");
        free(data);
    }
    assert_int_equal(push_sized(&s, 99, "x", (size_t)129 << 20), -EMSGSIZE);
    seen_destroy(&s);
}

static void staged_is_void_without_ack(void **state)
{
    (void)state;
    struct seen s;
    struct worker_config c = a_config(BEHAVE);
    seen_up(&s, &c);
    send_one(&s, 1, "E small");
    WAIT(&s, s.outcomes == 1);
    assert_int_equal(s.staged, 0);
    assert_int_equal(s.outcome, SEAMQ_NAK);
    assert_int_equal(s.delay_ns, -1);
    char *data = calloc(1, 2 << 20);
    data[0] = 'E';
    for (uint64_t id = 2; id < 6; id++) {
        assert_int_equal(push_sized(&s, id, data, 2 << 20), 0);
        worker_submit(s.w);
        WAIT(&s, s.outcomes == (int)id);
    }
    data[0] = 'e';
    assert_int_equal(push_sized(&s, 6, data, 2 << 20), 0);
    worker_submit(s.w);
    WAIT(&s, s.outcomes == 6);
    assert_int_equal(s.staged, 1);
    free(data);
    send_one(&s, 7, "publish to a bad subject");
    WAIT(&s, s.outcomes == 7);
    assert_int_equal(s.outcome, SEAMQ_NAK);
    assert_string_equal(s.text, "a staged output has an invalid subject, header or id: nothing was published");
    seen_destroy(&s);
}

static void trace_context_goes_with_what_is_staged(void **state)
{
    (void)state;
    struct seen s;
    struct worker_config c = a_config(BEHAVE);
    seen_up(&s, &c);
    static const char headers[] = "A\0b\0traceparent\0"
                                  "00-x\0"; /* and the literal's own NUL, cut below */
    struct worker_message m = {
        .id = 1, .subject = "s", .data = "e", .size = 1, .headers = headers, .headers_size = sizeof(headers) - 1};
    assert_int_equal(worker_push(s.w, &m), 0);
    m.headers_size = 3; /* half a pair */
    assert_int_equal(worker_push(s.w, &m), -EINVAL);
    worker_submit(s.w);
    WAIT(&s, s.outcomes == 1);
    assert_int_equal(s.staged_headers_size, sizeof("traceparent\0"
                                                   "00-x"));
    assert_memory_equal(s.staged_headers,
                        "traceparent\0"
                        "00-x",
                        s.staged_headers_size);
    seen_destroy(&s);
}

static void counters_arrive(void **state)
{
    (void)state;
    struct seen s;
    struct worker_config c = a_config(BEHAVE);
    seen_up(&s, &c);
    for (uint64_t id = 1; id <= 50; id++)
        assert_int_equal(push_sized(&s, id, "keep", 4), 0);
    worker_submit(s.w);
    WAIT(&s, s.counted == 150);
    send_one(&s, 51, "zeroed");
    send_one(&s, 52, "zeroed");
    send_one(&s, 53, "writable?");
    WAIT(&s, s.outcomes == 53);
    assert_int_equal(s.outcome, SEAMQ_ACK);
    seen_destroy(&s);
}

static void lies_in_the_ring_end_that_worker(void **state)
{
    (void)state;
    struct worker_config c = a_config(BEHAVE);
    c.timeout_ns = 200 * NS_PER_MS; /* a lie that changes nothing is a hang */
    for (const char *lie = "1234567abcdef"; *lie; lie++) {
        struct seen s;
        char payload[] = {'l', *lie, 0};
        seen_up(&s, &c);
        send_one(&s, 1, "fine");
        send_one(&s, 2, payload);
        WAIT(&s, s.exits == 1);
        if (s.exit.reason != WORKER_EXIT_PROTOCOL && s.exit.reason != WORKER_EXIT_TIMEOUT)
            fail_msg("lie %c: %d %s", *lie, (int)s.exit.reason, s.exit_text);
        assert_true(*lie == '4' || s.exit.reason == WORKER_EXIT_PROTOCOL);
        assert_true(s.exit.restart_in_ns >= 0);
        seen_destroy(&s);
    }
}

/* Or a poisoned message would come back for ever. */
static void garbage_cannot_hide_which_message_crashes(void **state)
{
    (void)state;
    const char *payloads[] = {"C1", "C0"};
    for (size_t i = 0; i < 2; i++) {
        struct seen s;
        struct worker_config c = a_config(BEHAVE);
        seen_up(&s, &c);
        send_one(&s, 1, "fine");
        WAIT(&s, s.outcomes == 1);
        assert_int_equal(push_sized(&s, 2, payloads[i], 3), 0);
        assert_int_equal(push_sized(&s, 3, "fine", 4), 0);
        worker_submit(s.w);
        WAIT(&s, s.exits == 1);
        assert_int_equal(s.outcomes, 1);
        assert_int_equal(s.exit.running, 2);
        assert_int_equal(s.exit.running_n, 1);
        seen_destroy(&s);
    }
}

static void nobody_is_blamed_for_the_death_of_an_idle_worker(void **state)
{
    (void)state;
    struct seen s;
    struct worker_config c = a_config(BEHAVE);
    seen_up(&s, &c);
    send_one(&s, 1, "fine");
    WAIT(&s, s.outcomes == 1);
    assert_int_equal(kill(worker_pid(s.w), SIGSTOP), 0);
    assert_int_equal(push_sized(&s, 2, "fine", 4), 0);
    worker_submit(s.w);
    assert_int_equal(kill(worker_pid(s.w), SIGKILL), 0);
    WAIT(&s, s.exits == 1);
    assert_int_equal(s.exit.running, 0);
    seen_destroy(&s);
}

static void a_group_dies_with_its_worker(void **state)
{
    (void)state;
    struct seen s;
    struct worker_config c = a_config(BEHAVE);
    seen_up(&s, &c);
    send_one(&s, 1, "fork");
    WAIT(&s, s.outcomes == 1);
    pid_t group = atoi(s.text);
    assert_int_equal(kill(-group, 0), 0);
    kill(worker_pid(s.w), SIGKILL);
    WAIT(&s, s.exits == 1);
    int64_t until = clock_now_ns() + LONGEST_NS;
    while (kill(-group, 0) == 0 && clock_now_ns() < until)
        usleep(1000); /* an orphan, reaped by init */
    assert_int_equal(kill(-group, 0), -1);
    seen_destroy(&s);
}

static void respawns_leak_no_descriptor(void **state)
{
    (void)state;
    struct seen s;
    struct worker_config c = a_config(BEHAVE);
    c.max_messages = 1;
    int before = count_fds();
    seen_up(&s, &c);
    int up = count_fds();
    for (int i = 1; i <= 200; i++) {
        WAIT(&s, worker_ready(s.w));
        send_one(&s, (uint64_t)i, "fine");
        WAIT(&s, s.exits == i);
    }
    WAIT(&s, worker_ready(s.w));
    assert_int_equal(count_fds(), up);
    seen_destroy(&s);
    assert_int_equal(count_fds(), before);
}

static void a_missing_program_is_retried(void **state)
{
    (void)state;
    struct seen s;
    struct worker_config c = a_config(BEHAVE);
    c.program = "/nonexistent/seamq-worker";
    seen_create(&s, &c);
    WAIT(&s, s.exits == 2);
    assert_int_equal(s.exit.reason, WORKER_EXIT_SPAWN);
    assert_string_equal(s.exit_text, "/nonexistent/seamq-worker cannot be started: No such file or directory");
    assert_int_equal(s.exit.restart_in_ns, 200 * NS_PER_MS);
    worker_stop(s.w, 0);
    WAIT(&s, s.exits == 3);
    assert_int_equal(s.exit.reason, WORKER_EXIT_STOPPED);
    seen_destroy(&s);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_come_back_in_order),
        cmocka_unit_test(a_full_ring_says_again),
        cmocka_unit_test(crash_names_signal_address_message_and_place),
        cmocka_unit_test(abort_and_stack_overflow_are_crashes),
        cmocka_unit_test(restart_pause_grows_and_progress_resets_it),
        cmocka_unit_test(hang_ends_at_the_deadline),
        cmocka_unit_test(an_announced_extension_moves_the_deadline),
        cmocka_unit_test(an_outcome_does_not_wait_for_a_slow_successor),
        cmocka_unit_test(exit_by_a_handler_is_named),
        cmocka_unit_test(recycles_after_max_memory),
        cmocka_unit_test(a_leak_within_a_message_ends_at_twice_max_memory),
        cmocka_unit_test(stop_finishes_what_is_held),
        cmocka_unit_test(stop_kills_at_its_deadline),
        cmocka_unit_test(revoke_leaves_the_unstarted),
        cmocka_unit_test(relieved_worker_has_the_time_that_it_asked_for),
        cmocka_unit_test(revoke_hurries_a_relieved_worker),
        cmocka_unit_test(recycles_after_max_messages),
        cmocka_unit_test(large_messages_travel_both_ways),
        cmocka_unit_test(staged_is_void_without_ack),
        cmocka_unit_test(trace_context_goes_with_what_is_staged),
        cmocka_unit_test(counters_arrive),
        cmocka_unit_test(lies_in_the_ring_end_that_worker),
        cmocka_unit_test(garbage_cannot_hide_which_message_crashes),
        cmocka_unit_test(nobody_is_blamed_for_the_death_of_an_idle_worker),
        cmocka_unit_test(a_group_dies_with_its_worker),
        cmocka_unit_test(respawns_leak_no_descriptor),
        cmocka_unit_test(a_missing_program_is_retried),
    };
    return cmocka_run_group_tests_name("worker", tests, NULL, NULL);
}
