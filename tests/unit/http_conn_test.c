/* SPDX-License-Identifier: Apache-2.0
 * http_conn_test - connections of the admin server: kept, pipelined, slow, vanishing, too many. */
#include "http_helper.h"

static void connection_is_kept_for_the_next_request(void **state)
{
    (void)state;
    int fd = client();
    for (int i = 0; i < 3; i++) {
        say(fd, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_true(hear_until(fd, "ok\n"));
        assert_non_null(strstr(got.data, "\r\nConnection: keep-alive\r\n"));
    }
    say(fd, "GET /healthz HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
    assert_true(hear_until(fd, "ok\n"));
    say(fd, "GET /healthz HTTP/1.0\r\n\r\n");
    assert_true(hear_until(fd, NULL));
    close(fd);
    assert_int_equal(served, 5);
}

static void request_may_come_byte_by_byte(void **state)
{
    (void)state;
    const char *request = "GET /healthz?x=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    int fd = client();
    for (const char *s = request; *s; s++) {
        assert_int_equal(served, 0);
        say_bytes(fd, s, 1);
        turn();
    }
    assert_true(hear_until(fd, NULL));
    check_status(200);
    close(fd);
}

static void pipelined_requests_are_answered_in_order_one_a_turn(void **state)
{
    (void)state;
    int fd = client();
    say(fd, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nHEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
            "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\nGET /rea");
    int64_t deadline = clock_now_ns() + DEADLINE_NS;
    while (served < 3 && clock_now_ns() < deadline) {
        int before = served;
        turn();
        assert_true(served <= before + 1);
    }
    say(fd, "dyz" CLOSE);
    assert_true(hear_until(fd, NULL));
    close(fd);
    const char *s = got.data;
    static const char *const order[] = {"HTTP/1.1 200", "ok\n",    "HTTP/1.1 200",
                                        "HTTP/1.1 404", "Found\n", "HTTP/1.1 503"};
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        s = strstr(s, order[i]);
        assert_non_null(s);
        s++;
    }
}

static void nothing_is_served_behind_an_error(void **state)
{
    (void)state;
    ask("BAD\r\n\r\nGET /healthz" CLOSE);
    check_status(400);
    ask("GET /healthz" CLOSE "GET /healthz" CLOSE);
    assert_null(strstr(got.data + 1, "HTTP/1.1"));
    assert_int_equal(served, 1);
}

/* Unread input would cause a reset, which can overtake the response in transit. */
static void input_after_a_refusal_is_discarded(void **state)
{
    (void)state;
    int fd = client();
    say(fd, "BAD\r\n\r\n");
    assert_true(hear_until(fd, "400 Bad Request\n"));
    for (int i = 0; i < 5; i++) {
        say(fd, "still talking, as a client does that has not read its answer yet");
        turn();
    }
    shutdown(fd, SHUT_WR);
    assert_true(hear_until(fd, NULL));
    close(fd);
}

static void half_closed_client_gets_its_answer(void **state)
{
    (void)state;
    int fd = client();
    say(fd, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    shutdown(fd, SHUT_WR);
    assert_true(hear_until(fd, NULL));
    check_status(200);
    close(fd);
}

static void big_answer_arrives_whole(void **state)
{
    (void)state;
    ask("GET /big" CLOSE);
    check_status(200);
    assert_int_equal(got.len - (size_t)(body() - got.data), BIG);
}

static void slow_request_is_408(void **state)
{
    (void)state;
    http_set_timeouts(http, 50 * NS_PER_MS, 10 * NS_PER_SEC);
    int fd = client();
    say(fd, "GET /healthz HT");
    assert_true(hear_until(fd, NULL));
    check_status(408);
    close(fd);
    /* The second request has the same limit, not the one between requests. */
    fd = client();
    say(fd, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(hear_until(fd, "ok\n"));
    say(fd, "GET");
    assert_true(hear_until(fd, NULL));
    check_status(408);
    close(fd);
}

static void silent_client_is_closed_without_a_response(void **state)
{
    (void)state;
    http_set_timeouts(http, 50 * NS_PER_MS, 100 * NS_PER_MS);
    int fd = client();
    assert_true(hear_until(fd, NULL));
    assert_int_equal(got.len, 0);
    close(fd);
    fd = client();
    say(fd, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(hear_until(fd, "ok\n"));
    assert_true(hear_until(fd, NULL));
    assert_int_equal(got.len, 0);
    close(fd);
}

static void client_that_does_not_read_is_reset(void **state)
{
    (void)state;
    http_set_timeouts(http, 50 * NS_PER_MS, 10 * NS_PER_SEC);
    int fd = client();
    say(fd, "GET /big" CLOSE);
    int64_t deadline = clock_now_ns() + 500 * NS_PER_MS;
    while (clock_now_ns() < deadline)
        turn();
    assert_false(hear_until(fd, NULL));
    assert_int_equal(errno, ECONNRESET);
    close(fd);
}

static void clients_that_vanish_leave_nothing(void **state)
{
    (void)state;
    struct linger reset = {1, 0};
    for (int i = 0; i < 300; i++) {
        int fd = client();
        if (i % 3)
            say(fd, i % 2 ? "GET /big" CLOSE : "GET /he");
        if (i % 5 == 0)
            turn();
        if (i % 4 < 2)
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        close(fd);
        loop_once(loop, 0);
    }
    ask("GET /healthz" CLOSE);
    check_status(200);
}

static void any_bytes_are_survived(void **state)
{
    (void)state;
    static const char *const pieces[] = {"GET ",    "/healthz", " HTTP/1.1", "\r\n", "\r\n\r\n",
                                         "Host: x", "\n",       "%",         "\xff", "Connection: close",
                                         ":",       "HEAD",     "\0",        " ",    "Content-Length: 9"};
    unsigned seed = 11;
    for (int i = 0; i < 300; i++) {
        int fd = client();
        for (int k = rand_r(&seed) % 20; k >= 0; k--) {
            const char *p = pieces[(unsigned)rand_r(&seed) % 15];
            if (send(fd, p, strlen(p) + !*p, MSG_NOSIGNAL) < 0)
                break;
        }
        loop_once(loop, 0);
        loop_once(loop, 0);
        close(fd);
    }
    ask("GET /healthz" CLOSE);
    check_status(200);
}

static void connections_beyond_the_limit_wait_their_turn(void **state)
{
    (void)state;
    int fds[HTTP_CONNECTIONS_MAX + 3];
    http_set_timeouts(http, 300 * NS_PER_MS, 10 * NS_PER_SEC);
    for (int i = 0; i < HTTP_CONNECTIONS_MAX + 3; i++) {
        fds[i] = client();
        say(fds[i], i < HTTP_CONNECTIONS_MAX ? "GET /slow" : "GET /healthz" CLOSE);
        for (int k = 0; k < 3; k++)
            loop_once(loop, 0);
    }
    assert_int_equal(served, 0);
    /* The waiting connections are served after the slow ones have timed out. */
    for (int i = HTTP_CONNECTIONS_MAX; i < HTTP_CONNECTIONS_MAX + 3; i++) {
        assert_true(hear_until(fds[i], NULL));
        check_status(200);
    }
    for (int i = 0; i < HTTP_CONNECTIONS_MAX + 3; i++)
        close(fds[i]);
}

static void idle_connection_makes_room(void **state)
{
    (void)state;
    int fds[HTTP_CONNECTIONS_MAX];
    for (int i = 0; i < HTTP_CONNECTIONS_MAX; i++) {
        fds[i] = client();
        say(fds[i], "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_true(hear_until(fds[i], "ok\n"));
    }
    say(fds[0], "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"); /* now the second is the longest idle */
    assert_true(hear_until(fds[0], "ok\n"));
    ask("GET /healthz" CLOSE);
    check_status(200);
    assert_true(hear_until(fds[1], NULL));
    say(fds[0], "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(hear_until(fds[0], "ok\n"));
    for (int i = 0; i < HTTP_CONNECTIONS_MAX; i++)
        close(fds[i]);
}

static void missing_descriptors_pause_accepting_without_spinning(void **state)
{
    (void)state;
    struct rlimit before;
    int fds[4];
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    for (int i = 0; i < 4; i++) {
        fds[i] = client();
        say(fds[i], "GET /healthz" CLOSE);
    }
    struct rlimit none = {(rlim_t)fds[3] + 1, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    int64_t end = clock_now_ns() + 350 * NS_PER_MS;
    int turns = 0;
    for (int64_t left; (left = end - clock_now_ns()) > 0; turns++)
        assert_int_equal(loop_once(loop, left), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(served, 0);
    assert_true(turns < 20);
    for (int i = 0; i < 4; i++) {
        assert_true(hear_until(fds[i], NULL));
        check_status(200);
        close(fds[i]);
    }
}

static void destroying_closes_what_is_open(void **state)
{
    (void)state;
    int idle = client();
    int busy = client();
    say(idle, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(hear_until(idle, "ok\n"));
    say(busy, "GET /big" CLOSE);
    turn();
    http_destroy(http);
    http = NULL;
    assert_true(hear_until(idle, NULL));
    close(idle);
    close(busy);
}

int main(void)
{
#define HTTP_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        HTTP_TEST(connection_is_kept_for_the_next_request),
        HTTP_TEST(request_may_come_byte_by_byte),
        HTTP_TEST(pipelined_requests_are_answered_in_order_one_a_turn),
        HTTP_TEST(nothing_is_served_behind_an_error),
        HTTP_TEST(input_after_a_refusal_is_discarded),
        HTTP_TEST(half_closed_client_gets_its_answer),
        HTTP_TEST(big_answer_arrives_whole),
        HTTP_TEST(slow_request_is_408),
        HTTP_TEST(silent_client_is_closed_without_a_response),
        HTTP_TEST(client_that_does_not_read_is_reset),
        HTTP_TEST(clients_that_vanish_leave_nothing),
        HTTP_TEST(any_bytes_are_survived),
        HTTP_TEST(connections_beyond_the_limit_wait_their_turn),
        HTTP_TEST(idle_connection_makes_room),
        HTTP_TEST(missing_descriptors_pause_accepting_without_spinning),
        HTTP_TEST(destroying_closes_what_is_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
