/* SPDX-License-Identifier: Apache-2.0
 * notify_test - what arrives on a real NOTIFY_SOCKET. */
#include "admin/notify.h"
#include "base/clock.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static int manager = -1;
static char folder[] = "/tmp/seamq-notify-XXXXXX";
static char name[128]; /* as in NOTIFY_SOCKET */
static char got[1024];

static int listen_on(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    size_t len = strlen(path);

    snprintf(name, sizeof(name), "%s", path);
    memcpy(at.sun_path, path, len);
    if (path[0] == '@')
        at.sun_path[0] = '\0';
    socklen_t at_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (path[0] == '/'));
    manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (manager < 0 || bind(manager, (struct sockaddr *)&at, at_len) < 0)
        return -1;
    return setenv("NOTIFY_SOCKET", path, 1);
}

static int set_up(void **state)
{
    (void)state;
    char path[64];
    strcpy(folder, "/tmp/seamq-notify-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof(path), "%s/socket", folder);
    return listen_on(path);
}

static int tear_down(void **state)
{
    (void)state;
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    if (manager >= 0)
        close(manager);
    if (name[0] == '/') {
        unlink(name);
        rmdir(folder);
    }
    manager = -1;
    name[0] = '\0';
    return 0;
}

/* The datagrams are there when the call has returned. */
static const char *received(void)
{
    ssize_t n = recv(manager, got, sizeof(got) - 1, MSG_DONTWAIT);
    if (n < 0)
        return NULL;
    got[n] = '\0';
    return got;
}

static void each_state_is_one_datagram(void **state)
{
    (void)state;
    assert_int_equal(notify_ready(), 1);
    assert_string_equal(received(), "READY=1");
    assert_int_equal(notify_stopping(), 1);
    assert_string_equal(received(), "STOPPING=1");
    assert_int_equal(notify_watchdog(), 1);
    assert_string_equal(received(), "WATCHDOG=1");
    assert_int_equal(notify_status("%d handlers, %s", 3, "all ready"), 1);
    assert_string_equal(received(), "STATUS=3 handlers, all ready");
    assert_null(received());
}

static void reloading_carries_the_monotonic_time(void **state)
{
    (void)state;
    long long usec = 0;
    char rest = 0;
    int64_t before = clock_now_ns() / NS_PER_US;
    assert_int_equal(notify_reloading(), 1);
    int64_t after = clock_now_ns() / NS_PER_US;
    assert_int_equal(sscanf(received(), "RELOADING=1\nMONOTONIC_USEC=%lld%c", &usec, &rest), 1);
    assert_true(usec >= before && usec <= after);
}

static void status_cannot_say_more_than_status(void **state)
{
    (void)state;
    assert_int_equal(notify_status("a\nREADY=1\r\n%s", "WATCHDOG=trigger"), 1);
    assert_string_equal(received(), "STATUS=a READY=1  WATCHDOG=trigger");
    char big[2000];
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    assert_int_equal(notify_status("%s", big), 1);
    assert_int_equal(strlen(received()), 511);
}

static void abstract_socket_is_reached(void **state)
{
    (void)state;
    char path[64];
    tear_down(state); /* the one with a path */
    snprintf(path, sizeof(path), "@seamq-notify-test-%d", (int)getpid());
    assert_int_equal(listen_on(path), 0);
    assert_int_equal(notify_ready(), 1);
    assert_string_equal(received(), "READY=1");
}

static void environment_stays(void **state)
{
    (void)state;
    notify_ready();
    assert_string_equal(getenv("NOTIFY_SOCKET"), name);
}

static void nothing_happens_without_a_manager(void **state)
{
    (void)state;
    unsetenv("NOTIFY_SOCKET");
    assert_int_equal(notify_ready(), 0);
    setenv("NOTIFY_SOCKET", "", 1);
    assert_int_equal(notify_status("x"), 0);
    assert_null(received());
}

static void bad_socket_is_an_error(void **state)
{
    (void)state;
    char path[300];
    setenv("NOTIFY_SOCKET", "relative/path", 1);
    assert_int_equal(notify_ready(), -EAFNOSUPPORT);
    setenv("NOTIFY_SOCKET", "/nonexistent/seamq", 1);
    assert_int_equal(notify_ready(), -ENOENT);
    memset(path, 'a', sizeof(path) - 1);
    path[0] = '/';
    path[sizeof(path) - 1] = '\0';
    setenv("NOTIFY_SOCKET", path, 1);
    assert_int_equal(notify_ready(), -ENAMETOOLONG);
}

static void manager_that_does_not_read_holds_nobody_for_long(void **state)
{
    (void)state;
    int rc = 1;
    int64_t begun = 0;
    for (int i = 0; i < 100000 && rc == 1; i++) {
        begun = clock_now_ns();
        rc = notify_watchdog();
    }
    assert_int_equal(rc, -EAGAIN);
    assert_true(clock_now_ns() - begun < 5 * NS_PER_SEC);
}

static void watchdog_interval_is_for_this_process_only(void **state)
{
    (void)state;
    char pid[32];
    assert_int_equal(notify_watchdog_ns(), 0);
    setenv("WATCHDOG_USEC", "30000000", 1);
    assert_int_equal(notify_watchdog_ns(), 30 * NS_PER_SEC);
    setenv("WATCHDOG_PID", "1", 1);
    assert_int_equal(notify_watchdog_ns(), 0);
    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    setenv("WATCHDOG_PID", pid, 1);
    assert_int_equal(notify_watchdog_ns(), 30 * NS_PER_SEC);
    static const char *const bad[] = {"", "x", "-1", "0", "9223372036854775807", "99999999999999999999", "1s"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        setenv("WATCHDOG_USEC", bad[i], 1);
        assert_int_equal(notify_watchdog_ns(), 0);
    }
}

int main(void)
{
#define NOTIFY_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        NOTIFY_TEST(each_state_is_one_datagram),
        NOTIFY_TEST(reloading_carries_the_monotonic_time),
        NOTIFY_TEST(status_cannot_say_more_than_status),
        NOTIFY_TEST(abstract_socket_is_reached),
        NOTIFY_TEST(environment_stays),
        NOTIFY_TEST(nothing_happens_without_a_manager),
        NOTIFY_TEST(bad_socket_is_an_error),
        NOTIFY_TEST(manager_that_does_not_read_holds_nobody_for_long),
        NOTIFY_TEST(watchdog_interval_is_for_this_process_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
