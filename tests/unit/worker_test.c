/* SPDX-License-Identifier: Apache-2.0
 * worker_test - one worker process: outcomes, crashes, deadlines, limits, restarts, and the ways to end it. */
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
    struct recorder s;
    struct worker_config c = a_config(BEHAVE);
    recorder_up(&s, &c);
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
    recorder_destroy(&s);
}

static void push_to_a_full_ring_returns_eagain(void **state)
{
    (void)state;
    struct recorder s;
    struct worker_config c = a_config(BEHAVE);
    c.ring_bytes = 4096;
    recorder_up(&s, &c);
    int n = 0, rc;
    while ((rc = push_sized(&s, (uint64_t)n + 1, "hello", 5)) == 0)
        n++;
    assert_int_equal(rc, -EAGAIN);
    assert_in_range(n, 10, 60);
    worker_submit(s.w);
    WAIT(&s, s.outcomes == n);
    assert_int_equal(push_sized(&s, 1000, "hello", 5), 0);
    recorder_destroy(&s);
}

static void crash_reports_signal_address_message_and_backtrace(void **state)
{
    (void)state;
    struct recorder s;
    struct worker_config c = a_config(BEHAVE);
    recorder_up(&s, &c);
    send_one(&s, 1, "fine");
    WAIT(&s, s.outcomes == 1);
    assert_int_equal(push_sized(&s, 2, "fine", 4), 0);
    assert_int_equal(push_sized(&s, 3, "crash", 5), 0);
    assert_int_equal(push_sized(&s, 4, "fine", 4), 0);
    worker_submit(s.w);
    int64_t start = clock_now_ns();
    WAIT(&s, s.exits == 1);
    assert_int_equal(s.outcomes, 2); /* outcomes before the crash count */
    assert_int_equal(s.exit.reason, WORKER_EXIT_CRASH);
    assert_int_equal(s.exit.signal, SIGSEGV);
    assert_int_equal(s.exit.running, 3);
    assert_string_equal(s.exit_text, "killed by SIGSEGV (address 0x0) after 2 messages");
    if (strncmp(s.backtrace, "#0 behave_write_to_null+0x", 26) != 0)
        fail_msg("backtrace: %s", s.backtrace);
    assert_non_null(strstr(s.backtrace, " (seamq-worker)")); /* not the title that ps shows */
    assert_int_equal(s.exit.restart_in_ns, 0);
    WAIT(&s, worker_ready(s.w));
    send_one(&s, 5, "fine");
    WAIT(&s, s.outcomes == 3);
    print_message("crash to next message handled: %.1f ms\n", (double)(clock_now_ns() - start) / 1e6);
    assert_int_equal(s.exits, 1);
    recorder_destroy(&s);
}

static void abort_and_stack_overflow_are_crashes(void **state)
{
    (void)state;
    struct recorder s;
    struct worker_config c = a_config(BEHAVE);
    recorder_up(&s, &c);
    send_one(&s, 1, "abort");
    WAIT(&s, s.exits == 1);
    assert_int_equal(s.exit.signal, SIGABRT);
    WAIT(&s, worker_ready(s.w));
    send_one(&s, 2, "stack");
    WAIT(&s, s.exits == 2);
    assert_int_equal(s.exit.signal, SIGSEGV);
    assert_non_null(strstr(s.backtrace, "#0 "));
    assert_int_equal(s.exit.running, 2);
    recorder_destroy(&s);
}

static void restart_pause_grows_and_finished_messages_reset_it(void **state)
{
    (void)state;
    struct recorder s;
    struct worker_config c = a_config(BEHAVE);
    /* The pause stays below a second, because each of these deaths counts towards crash_limit. */
    static const int64_t pauses_ms[] = {0, 100, 200, 400, 800, 1000, 1000};
    recorder_up(&s, &c);
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
    recorder_destroy(&s);
}

static void hang_is_killed_at_the_deadline(void **state)
{
    (void)state;
    struct recorder s;
    struct worker_config c = a_config(BEHAVE);
    c.timeout_ns = 100 * NS_PER_MS;
    recorder_up(&s, &c);
    send_one(&s, 1, "fine");
    WAIT(&s, s.outcomes == 1);
    usleep(150000); /* idle time does not count towards the timeout */
    loop_once(s.loop, 0);
    assert_int_equal(s.exits, 0);
    send_one(&s, 2, "Hide behind garbage"); /* reports a start far in the future */
    WAIT(&s, s.exits == 1);
    assert_int_equal(s.exit.reason, WORKER_EXIT_TIMEOUT);
    assert_int_equal(s.exit.running, 2);
    WAIT(&s, worker_ready(s.w));
    recorder_destroy(&s);
}

static void extension_moves_the_deadline(void **state)
{
    (void)state;
    struct recorder s;
    struct worker_config c = a_config(BEHAVE);
    c.timeout_ns = 150 * NS_PER_MS;
    recorder_up(&s, &c);
    send_one(&s, 1, "Xtend");
    WAIT(&s, s.outcomes == 1 || s.exits);
    assert_int_equal(s.exits, 0);
    assert_int_equal(s.extend_ns, 10 * NS_PER_SEC);
    send_one(&s, 2, "Slow");
    WAIT(&s, s.outcomes == 2 || s.exits);
    assert_int_equal(s.exit.reason, WORKER_EXIT_TIMEOUT);
    assert_int_equal(s.exit.running, 2);
    recorder_destroy(&s);
}

static void outcome_arrives_before_a_slow_next_message_ends(void **state)
{
    (void)state;
    struct recorder s;
    struct worker_config c = a_config(BEHAVE);
    recorder_up(&s, &c);
    for (uint64_t id = 1; id <= 20; id++)
        assert_int_equal(push_sized(&s, id, "fine", 4), 0);
    send_one(&s, 21, "Pauses for good");
    WAIT(&s, s.outcomes == 20 || s.exits);
    assert_int_equal(s.outcomes, 20);
    assert_int_equal(s.exits, 0); /* the slow message still runs */
    recorder_destroy(&s);
}

static void exit_by_a_handler_is_reported(void **state)
{
    (void)state;
    struct recorder s;
    struct worker_config c = a_config(BEHAVE);
    recorder_up(&s, &c);
    send_one(&s, 1, "xit");
    WAIT(&s, s.exits == 1);
    assert_int_equal(s.exit.reason, WORKER_EXIT_STATUS);
    assert_int_equal(s.exit.status, 3);
    assert_int_equal(s.exit.running, 1);
    assert_string_equal(s.exit_text, "exited with status 3 after 0 messages");
    recorder_destroy(&s);
}

static void recycles_after_max_memory(void **state)
{
    (void)state;
    struct recorder s;
    struct worker_config c = a_config(BEHAVE);
    c.max_memory = 48 << 20;
    recorder_up(&s, &c);
    send_one(&s, 1, "memory");
    WAIT(&s, s.exits == 1); /* without a further message */
    assert_int_equal(s.outcomes, 1);
    assert_int_equal(s.exit.reason, WORKER_EXIT_RECYCLE);
    assert_int_equal(s.exit.restart_in_ns, 0);
    assert_non_null(strstr(s.exit_text, "recycled: it used "));
    assert_non_null(strstr(s.exit_text, ", more than max_memory (48M)"));
    WAIT(&s, worker_ready(s.w)); /* the next process starts without the leaked memory */
    send_one(&s, 2, "fine");
    WAIT(&s, s.outcomes == 2);
    assert_int_equal(s.exits, 1);
    recorder_destroy(&s);
}

static void a_leak_within_a_message_ends_at_twice_max_memory(void **state)
{
    (void)state;
    struct recorder s;
    struct worker_config c = a_config(BEHAVE);
    c.max_memory = 48 << 20;
    recorder_up(&s, &c);
    send_one(&s, 1, "fine");
    send_one(&s, 2, "More and more");
    send_one(&s, 3, "fine");
    WAIT(&s, s.exits == 1);
    assert_int_equal(s.exit.reason, WORKER_EXIT_MEMORY);
    assert_int_equal(s.exit.running, 2); /* message 3 gets no strike */
    assert_int_equal(s.outcomes, 1);
    assert_non_null(strstr(s.exit_text, ", more than twice max_memory (48M)"));
    WAIT(&s, worker_ready(s.w));
    recorder_destroy(&s);
}

static void stop_finishes_all_pushed_messages(void **state)
{
    (void)state;
    struct recorder s;
    struct worker_config c = a_config(BEHAVE);
    recorder_up(&s, &c);
    for (uint64_t id = 1; id <= 100; id++)
        assert_int_equal(push_sized(&s, id, "fine", 4), 0);
    worker_stop(s.w, clock_now_ns() + LONGEST_NS);
    assert_int_equal(push_sized(&s, 101, "fine", 4), -ENOTCONN);
    WAIT(&s, s.exits == 1);
    assert_int_equal(s.outcomes, 100);
    assert_int_equal(s.exit.reason, WORKER_EXIT_STOPPED);
    assert_int_equal(s.exit.restart_in_ns, -1);
    assert_int_equal(worker_pid(s.w), 0);
    recorder_destroy(&s);

    recorder_create(&s, &c); /* the worker is not ready yet */
    worker_stop(s.w, clock_now_ns() + LONGEST_NS);
    WAIT(&s, s.exits == 1);
    assert_int_equal(s.exit.reason, WORKER_EXIT_STOPPED);
    recorder_destroy(&s);
}

static void stop_kills_at_its_deadline(void **state)
{
    (void)state;
    struct recorder s;
    struct worker_config c = a_config(BEHAVE);
    recorder_up(&s, &c);
    send_one(&s, 9, "Hide, and hang");
    worker_stop(s.w, clock_now_ns() + 100 * NS_PER_MS);
    WAIT(&s, s.exits == 1);
    assert_int_equal(s.exit.reason, WORKER_EXIT_STOPPED);
    assert_int_equal(s.exit.signal, SIGKILL);
    assert_int_equal(s.exit.running, 9);
    recorder_destroy(&s);
}

static void revoke_leaves_messages_that_are_not_started(void **state)
{
    (void)state;
    struct recorder s;
    struct worker_config c = a_config(BEHAVE);
    recorder_up(&s, &c);
    for (uint64_t id = 1; id <= 5000; id++)
        assert_int_equal(push_sized(&s, id, "fine", 4), 0);
    worker_revoke(s.w, clock_now_ns() + LONGEST_NS);
    WAIT(&s, s.exits == 1);
    assert_int_equal(s.exit.reason, WORKER_EXIT_STOPPED);
    assert_int_equal(s.exit.running, 0);
    assert_true(s.outcomes < 5000);
    recorder_destroy(&s);
}

/* The message runs longer than timeout plus close time, after an extension. */
static void retired_worker_keeps_its_extended_deadline(void **state)
{
    (void)state;
    struct recorder s;
    struct worker_config c = a_config(BEHAVE);
    c.timeout_ns = 50 * NS_PER_MS;
    recorder_up(&s, &c);
    send_one(&s, 1, "Xtend");
    WAIT(&s, s.extend_ns);
    worker_retire(s.w, 50 * NS_PER_MS);
    WAIT(&s, s.exits == 1);
    assert_int_equal(s.outcomes, 1);
    assert_int_equal(s.exit.reason, WORKER_EXIT_STOPPED);
    assert_int_equal(s.exit.signal, 0);
    recorder_destroy(&s);
}

static void revoke_after_retire_shortens_the_deadline(void **state)
{
    (void)state;
    struct recorder s;
    struct worker_config c = a_config(BEHAVE);
    recorder_up(&s, &c);
    send_one(&s, 1, "Xtend");
    WAIT(&s, s.extend_ns);
    worker_retire(s.w, LONGEST_NS);
    worker_revoke(s.w, clock_now_ns() + NS_PER_MS);
    WAIT(&s, s.exits == 1);
    assert_int_equal(s.exit.signal, SIGKILL);
    assert_int_equal(s.exit.running, 1);
    recorder_destroy(&s);
}

static void recycles_after_max_messages(void **state)
{
    (void)state;
    struct recorder s;
    struct worker_config c = a_config(BEHAVE);
    c.max_messages = 10;
    recorder_up(&s, &c);
    for (uint64_t id = 1; id <= 10; id++)
        assert_int_equal(push_sized(&s, id, "fine", 4), 0);
    worker_submit(s.w);
    WAIT(&s, s.exits == 1);
    assert_int_equal(s.outcomes, 10);
    assert_int_equal(s.exit.reason, WORKER_EXIT_RECYCLE);
    assert_int_equal(s.exit.restart_in_ns, 0);
    WAIT(&s, worker_ready(s.w));
    recorder_destroy(&s);
}

static void large_messages_travel_both_ways(void **state)
{
    (void)state;
    struct recorder s;
    struct worker_config c = a_config(BEHAVE);
    static const size_t sizes[] = {1, 4000, 524000, 524288, 1 << 20, (8 << 20) + 13};
    recorder_up(&s, &c);
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
    recorder_destroy(&s);
}

static void outputs_are_dropped_without_an_ack(void **state)
{
    (void)state;
    struct recorder s;
    struct worker_config c = a_config(BEHAVE);
    recorder_up(&s, &c);
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
    recorder_destroy(&s);
}

static void outputs_carry_the_trace_context(void **state)
{
    (void)state;
    struct recorder s;
    struct worker_config c = a_config(BEHAVE);
    recorder_up(&s, &c);
    static const char headers[] = "A\0b\0traceparent\0"
                                  "00-x\0"; /* the NUL of the literal is cut below */
    struct worker_message m = {
        .id = 1, .subject = "s", .data = "e", .size = 1, .headers = headers, .headers_size = sizeof(headers) - 1};
    assert_int_equal(worker_push(s.w, &m), 0);
    m.headers_size = 3; /* a name without a value */
    assert_int_equal(worker_push(s.w, &m), -EINVAL);
    worker_submit(s.w);
    WAIT(&s, s.outcomes == 1);
    assert_int_equal(s.staged_headers_size, sizeof("traceparent\0"
                                                   "00-x"));
    assert_memory_equal(s.staged_headers,
                        "traceparent\0"
                        "00-x",
                        s.staged_headers_size);
    recorder_destroy(&s);
}

static void counters_arrive(void **state)
{
    (void)state;
    struct recorder s;
    struct worker_config c = a_config(BEHAVE);
    recorder_up(&s, &c);
    for (uint64_t id = 1; id <= 50; id++)
        assert_int_equal(push_sized(&s, id, "keep", 4), 0);
    worker_submit(s.w);
    WAIT(&s, s.counted == 150);
    send_one(&s, 51, "zeroed");
    send_one(&s, 52, "zeroed");
    send_one(&s, 53, "writable?");
    WAIT(&s, s.outcomes == 53);
    assert_int_equal(s.outcome, SEAMQ_ACK);
    recorder_destroy(&s);
}

static void invalid_ring_data_kills_the_worker(void **state)
{
    (void)state;
    struct worker_config c = a_config(BEHAVE);
    c.timeout_ns = 200 * NS_PER_MS; /* invalid data without an effect ends as a hang */
    for (const char *lie = "1234567abcdef"; *lie; lie++) {
        struct recorder s;
        char payload[] = {'l', *lie, 0};
        recorder_up(&s, &c);
        send_one(&s, 1, "fine");
        send_one(&s, 2, payload);
        WAIT(&s, s.exits == 1);
        if (s.exit.reason != WORKER_EXIT_PROTOCOL && s.exit.reason != WORKER_EXIT_TIMEOUT)
            fail_msg("lie %c: %d %s", *lie, (int)s.exit.reason, s.exit_text);
        assert_true(*lie == '4' || s.exit.reason == WORKER_EXIT_PROTOCOL);
        assert_true(s.exit.restart_in_ns >= 0);
        recorder_destroy(&s);
    }
}

/* Otherwise a message that crashes would be delivered again without end. */
static void invalid_ring_data_does_not_hide_which_message_crashes(void **state)
{
    (void)state;
    const char *payloads[] = {"C1", "C0"};
    for (size_t i = 0; i < 2; i++) {
        struct recorder s;
        struct worker_config c = a_config(BEHAVE);
        recorder_up(&s, &c);
        send_one(&s, 1, "fine");
        WAIT(&s, s.outcomes == 1);
        assert_int_equal(push_sized(&s, 2, payloads[i], 3), 0);
        assert_int_equal(push_sized(&s, 3, "fine", 4), 0);
        worker_submit(s.w);
        WAIT(&s, s.exits == 1);
        assert_int_equal(s.outcomes, 1);
        assert_int_equal(s.exit.running, 2);
        assert_int_equal(s.exit.running_n, 1);
        recorder_destroy(&s);
    }
}

static void no_message_is_blamed_for_the_death_of_an_idle_worker(void **state)
{
    (void)state;
    struct recorder s;
    struct worker_config c = a_config(BEHAVE);
    recorder_up(&s, &c);
    send_one(&s, 1, "fine");
    WAIT(&s, s.outcomes == 1);
    assert_int_equal(kill(worker_pid(s.w), SIGSTOP), 0);
    assert_int_equal(push_sized(&s, 2, "fine", 4), 0);
    worker_submit(s.w);
    assert_int_equal(kill(worker_pid(s.w), SIGKILL), 0);
    WAIT(&s, s.exits == 1);
    assert_int_equal(s.exit.running, 0);
    recorder_destroy(&s);
}

static void process_group_dies_with_its_worker(void **state)
{
    (void)state;
    struct recorder s;
    struct worker_config c = a_config(BEHAVE);
    recorder_up(&s, &c);
    send_one(&s, 1, "fork");
    WAIT(&s, s.outcomes == 1);
    pid_t group = atoi(s.text);
    assert_int_equal(kill(-group, 0), 0);
    kill(worker_pid(s.w), SIGKILL);
    WAIT(&s, s.exits == 1);
    int64_t until = clock_now_ns() + LONGEST_NS;
    while (kill(-group, 0) == 0 && clock_now_ns() < until)
        usleep(1000); /* init reaps the orphan */
    assert_int_equal(kill(-group, 0), -1);
    recorder_destroy(&s);
}

static void restarts_leak_no_descriptor(void **state)
{
    (void)state;
    struct recorder s;
    struct worker_config c = a_config(BEHAVE);
    c.max_messages = 1;
    int before = count_fds();
    recorder_up(&s, &c);
    int up = count_fds();
    for (int i = 1; i <= 200; i++) {
        WAIT(&s, worker_ready(s.w));
        send_one(&s, (uint64_t)i, "fine");
        WAIT(&s, s.exits == i);
    }
    WAIT(&s, worker_ready(s.w));
    assert_int_equal(count_fds(), up);
    recorder_destroy(&s);
    assert_int_equal(count_fds(), before);
}

static void start_of_a_missing_program_is_retried(void **state)
{
    (void)state;
    struct recorder s;
    struct worker_config c = a_config(BEHAVE);
    c.program = "/nonexistent/seamq-worker";
    recorder_create(&s, &c);
    WAIT(&s, s.exits == 2);
    assert_int_equal(s.exit.reason, WORKER_EXIT_SPAWN);
    assert_string_equal(s.exit_text, "/nonexistent/seamq-worker cannot be started: No such file or directory");
    assert_int_equal(s.exit.restart_in_ns, 200 * NS_PER_MS);
    worker_stop(s.w, 0);
    WAIT(&s, s.exits == 3);
    assert_int_equal(s.exit.reason, WORKER_EXIT_STOPPED);
    recorder_destroy(&s);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_come_back_in_order),
        cmocka_unit_test(push_to_a_full_ring_returns_eagain),
        cmocka_unit_test(crash_reports_signal_address_message_and_backtrace),
        cmocka_unit_test(abort_and_stack_overflow_are_crashes),
        cmocka_unit_test(restart_pause_grows_and_finished_messages_reset_it),
        cmocka_unit_test(hang_is_killed_at_the_deadline),
        cmocka_unit_test(extension_moves_the_deadline),
        cmocka_unit_test(outcome_arrives_before_a_slow_next_message_ends),
        cmocka_unit_test(exit_by_a_handler_is_reported),
        cmocka_unit_test(recycles_after_max_memory),
        cmocka_unit_test(a_leak_within_a_message_ends_at_twice_max_memory),
        cmocka_unit_test(stop_finishes_all_pushed_messages),
        cmocka_unit_test(stop_kills_at_its_deadline),
        cmocka_unit_test(revoke_leaves_messages_that_are_not_started),
        cmocka_unit_test(retired_worker_keeps_its_extended_deadline),
        cmocka_unit_test(revoke_after_retire_shortens_the_deadline),
        cmocka_unit_test(recycles_after_max_messages),
        cmocka_unit_test(large_messages_travel_both_ways),
        cmocka_unit_test(outputs_are_dropped_without_an_ack),
        cmocka_unit_test(outputs_carry_the_trace_context),
        cmocka_unit_test(counters_arrive),
        cmocka_unit_test(invalid_ring_data_kills_the_worker),
        cmocka_unit_test(invalid_ring_data_does_not_hide_which_message_crashes),
        cmocka_unit_test(no_message_is_blamed_for_the_death_of_an_idle_worker),
        cmocka_unit_test(process_group_dies_with_its_worker),
        cmocka_unit_test(restarts_leak_no_descriptor),
        cmocka_unit_test(start_of_a_missing_program_is_retried),
    };
    return cmocka_run_group_tests_name("worker", tests, NULL, NULL);
}
