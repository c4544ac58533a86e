/* SPDX-License-Identifier: Apache-2.0
 * http_test - what the admin server answers to right and wrong requests, and where it listens. */
#include "http_helper.h"

static void get_is_served(void **state)
{
    (void)state;
    ask("GET /healthz?a=b%20c&d" CLOSE);
    check_status(200);
    assert_string_equal(body(), "ok\n");
    assert_string_equal(last_query, "a=b%20c&d");
    assert_non_null(strstr(got.data, "\r\nContent-Length: 3\r\n"));
    assert_non_null(strstr(got.data, "\r\nContent-Type: text/plain; charset=utf-8\r\n"));
    assert_non_null(strstr(got.data, "\r\nConnection: close\r\n"));
    assert_non_null(strstr(got.data, "\r\nDate: "));
    assert_non_null(strstr(got.data, " GMT\r\n"));
}

static void head_has_the_length_but_no_body(void **state)
{
    (void)state;
    ask("HEAD /healthz" CLOSE);
    check_status(200);
    assert_non_null(strstr(got.data, "\r\nContent-Length: 3\r\n"));
    assert_string_equal(body(), "");
}

static void unknown_path_is_404_and_other_statuses_pass(void **state)
{
    (void)state;
    ask("GET /nothing" CLOSE);
    check_status(404);
    assert_string_equal(body(), "404 Not Found\n");
    ask("GET /readyz" CLOSE);
    check_status(503);
    assert_string_equal(body(), "not ready\n");
    ask("GET /failed" CLOSE);
    check_status(500);
    ask("GET /odd" CLOSE);
    check_status(500);
}

static void other_methods_are_405_with_allow(void **state)
{
    (void)state;
    ask("PUT /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
    check_status(405);
    assert_non_null(strstr(got.data, "\r\nAllow: GET, HEAD\r\n"));
    assert_non_null(strstr(got.data, "\r\nConnection: close\r\n"));
    ask("POST /healthz" CLOSE);
    check_status(405);
    ask("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n");
    check_status(405);
    assert_int_equal(served, 0);
}

static int acted;

static void act(void *data, const char *path, struct http_response *r)
{
    assert_ptr_equal(data, &served);
    acted++;
    if (strcmp(path, "/reload") == 0)
        r->status = 202;
}

static void a_post_acts_when_it_is_intended(void **state)
{
    (void)state;
    http_allow_post(http, act);
    acted = 0;
    ask("POST /reload" CLOSE);
    check_status(403);
    ask("POST /reload HTTP/1.1\r\nHost: x\r\nSeamq: 0\r\nConnection: close\r\n\r\n");
    check_status(403);
    assert_int_equal(acted, 0);
    ask("POST /reload HTTP/1.1\r\nHost: x\r\nseamq: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    check_status(202);
    ask("POST /healthz HTTP/1.1\r\nHost: x\r\nSeamq: 1\r\nConnection: close\r\n\r\n");
    check_status(405);
    assert_non_null(strstr(got.data, "\r\nAllow: GET, HEAD, POST\r\n"));
    assert_int_equal(acted, 2);
    assert_int_equal(served, 0);
    ask("POST /reload HTTP/1.1\r\nHost: x\r\nSeamq: 1\r\nContent-Length: 5\r\n\r\nhello");
    check_status(413);
}

static void bad_requests_get_their_status(void **state)
{
    (void)state;
    static const struct {
        const char *request;
        int status;
    } cases[] = {
        {"\x16\x03\x01\x02", 400}, /* TLS: at once, not at the deadline */
        {"GET /\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n\r\n", 400}, /* no Host */
        {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n", 400},
        {"GET / HTTP/1.1\rHost: a\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: \r\n\r\n", 400},
        {"GET  / HTTP/1.1\r\n", 400},
        {"GET / HTTP/1.1 \r\n", 400},
        {"GET / http/1.1\r\n", 400},
        {"GET / HTTP/1.x\r\n", 400},
        {"G@T / HTTP/1.1\r\n", 400},
        {"GET /%zz HTTP/1.1\r\n", 400},
        {"GET /%4 HTTP/1.1\r\n", 400},
        {"GET /%00 HTTP/1.1\r\n", 400},
        {"GET /a#b HTTP/1.1\r\n", 400},
        {"GET /\xff HTTP/1.1\r\n", 400},
        {"GET healthz HTTP/1.1\r\n", 400},
        {"GET http:// HTTP/1.1\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", 413},
        {"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 413},
        {"GET / HTTP/2.0\r\n", 505},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
        {"GET / HTTP/0.9\r\n", 505},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ask(cases[i].request);
        check_status(cases[i].status);
    }
    assert_int_equal(served, 0);
}

static void too_long_is_414_or_431(void **state)
{
    (void)state;
    char request[3 * HTTP_REQUEST_MAX];
    memset(request, 'a', sizeof(request));
    memcpy(request, "GET /", 5);
    request[sizeof(request) - 1] = '\0';
    ask(request); /* more than is ever read: the answer must not be lost to a reset */
    check_status(414);
    memcpy(request, "GET / HTTP/1.1\r\nHost: x\r\nX-Long: ", 33);
    ask(request);
    check_status(431);
    assert_int_equal(served, 0);
}

static void request_of_exactly_the_limit_is_served(void **state)
{
    (void)state;
    char request[HTTP_REQUEST_MAX + 1];
    const char *start = "GET /healthz HTTP/1.0\r\nX: ";
    memset(request, 'a', sizeof(request));
    memcpy(request, start, strlen(start));
    memcpy(request + HTTP_REQUEST_MAX - 4, "\r\n\r\n", 5);
    ask(request);
    check_status(200);
}

static void unusual_but_right_requests_are_served(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "\r\n\r\nGET /healthz" CLOSE,
        "GET /healthz HTTP/1.0\n\n",
        "GET /%68ealthz" CLOSE,
        "GET http://host:1/healthz" CLOSE,
        "GET HTTP://host:1/healthz?q" CLOSE,
        "GET /healthz HTTP/1.1\r\nhOsT:x\r\ncOnnection:  foo ,\tCLOSE \r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\nX-Bytes: \xff\t\x80\r\n\r\n",
        "GET /healthz HTTP/1.9\r\nHost:\r\nConnection: close\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ask(cases[i]);
        check_status(200);
    }
    ask("GET http://host" CLOSE);
    check_status(404);
    ask("GET http://host?q=/" CLOSE);
    check_status(404);
    assert_string_equal(last_query, "q=/");
}

static void check_address(const char *addr, int code, const char *sentence)
{
    struct error err = {0};
    struct http *h = NULL;
    assert_int_equal(http_create(&h, loop, addr, serve, &served, &err), code);
    assert_null(h);
    assert_string_equal(err.text, sentence);
}

static void bad_address_is_a_clear_sentence(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",           "9222",       ":9222",         "127.0.0.1",       "127.0.0.1:", "::1:9222",
        "[::1]",      "[::1:9222",  "[]:9222",       "127.0.0.1:65536", "a.b:9222",   "1.2.3.4:-1",
        "1.2.3.4:+1", "1.2.3.4:1x", "[127.0.0.1]:1", "[localhost]:1"};
    char text[200];
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(text, sizeof(text), "admin: \"%s\" is not an address with a port (try 127.0.0.1:9222 or [::1]:9222)",
                 bad[i]);
        check_address(bad[i], -EINVAL, text);
    }
    char big[500];
    struct error err;
    struct http *h = NULL;
    memset(big, '[', sizeof(big));
    memcpy(big + 490, ":80", 4);
    assert_int_equal(http_create(&h, loop, big, serve, &served, &err), -EINVAL);
}

static void taken_port_is_a_clear_sentence(void **state)
{
    (void)state;
    char addr[64];
    char text[200];
    snprintf(addr, sizeof(addr), "127.0.0.1:%u", http_port(http));
    snprintf(text, sizeof(text),
             "admin: cannot listen on %s: Address already in use (set admin = 127.0.0.1:0 for a "
             "free port, or off)",
             addr);
    check_address(addr, -EADDRINUSE, text);
    check_address("192.0.2.1:80", -EADDRNOTAVAIL,
                  "admin: cannot listen on 192.0.2.1:80: Cannot assign requested address (set admin = 127.0.0.1:0 "
                  "for a free port, or off)");
}

static void other_addresses_work(void **state)
{
    (void)state;
    static const char *const good[] = {"0.0.0.0:0", "localhost:0", "[::1]:0", "[::]:0"};
    http_destroy(http);
    http = NULL;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct error err;
        int rc = http_create(&http, loop, good[i], serve, &served, &err);
        if (good[i][0] == '[' && (rc == -EAFNOSUPPORT || rc == -EADDRNOTAVAIL))
            continue; /* a machine without IPv6 */
        assert_int_equal(rc, 0);
        assert_true(http_port(http) > 0);
        if (strcmp(good[i], "[::1]:0") != 0) { /* [::] takes IPv4 too */
            ask("GET /healthz" CLOSE);
            check_status(200);
        }
        http_destroy(http);
        http = NULL;
    }
}

static void port_is_free_again_after_a_restart(void **state)
{
    (void)state;
    char addr[64];
    struct error err;
    snprintf(addr, sizeof(addr), "127.0.0.1:%u", http_port(http));
    int fd = client();
    say(fd, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(hear_until(fd, "ok\n"));
    http_destroy(http); /* closes first: TIME_WAIT is on its side */
    http = NULL;
    close(fd);
    assert_int_equal(http_create(&http, loop, addr, serve, &served, &err), 0);
}

/* The answer to a request depends on its bytes, not on how they were cut. */
static void parser_gives_the_same_for_every_prefix(void **state)
{
    (void)state;
    static const char *const whole[] = {
        "GET /healthz?a=b" CLOSE "tail",
        "\r\nHEAD / HTTP/1.0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx",
    };
    static struct http_request r;
    for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
        int last = 0;
        for (size_t n = 0; n <= strlen(whole[i]); n++) {
            int now = http_parse(whole[i], n, &r);
            assert_true(last == 0 || now == last);
            last = now;
        }
        assert_int_not_equal(last, 0);
    }
}

int main(void)
{
#define HTTP_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        HTTP_TEST(get_is_served),
        HTTP_TEST(head_has_the_length_but_no_body),
        HTTP_TEST(unknown_path_is_404_and_other_statuses_pass),
        HTTP_TEST(other_methods_are_405_with_allow),
        HTTP_TEST(a_post_acts_when_it_is_intended),
        HTTP_TEST(bad_requests_get_their_status),
        HTTP_TEST(too_long_is_414_or_431),
        HTTP_TEST(request_of_exactly_the_limit_is_served),
        HTTP_TEST(unusual_but_right_requests_are_served),
        HTTP_TEST(bad_address_is_a_clear_sentence),
        HTTP_TEST(taken_port_is_a_clear_sentence),
        HTTP_TEST(other_addresses_work),
        HTTP_TEST(port_is_free_again_after_a_restart),
        cmocka_unit_test(parser_gives_the_same_for_every_prefix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
