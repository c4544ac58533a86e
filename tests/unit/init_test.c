/* SPDX-License-Identifier: Apache-2.0
 * init_test - process 1 of a container; each case runs in a pid namespace of its own. */
#include "daemon/init.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

enum { NO_NAMESPACE = 77, DEADLINE_S = 20 };

typedef int daemon_fn(void);

/* The exit status of `pid`, or minus the signal that ended it. */
static int exit_status(pid_t pid)
{
    int status;
    if (waitpid(pid, &status, 0) != pid)
        return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int as_process_1(daemon_fn *as_daemon)
{
    pid_t outside = fork();
    if (outside == 0) {
        alarm(3 * DEADLINE_S);
        if (unshare(CLONE_NEWPID) && unshare(CLONE_NEWUSER | CLONE_NEWPID))
            _exit(NO_NAMESPACE);
        pid_t first = fork();
        if (first == 0) {
            init_as_process_1();
            _exit(as_daemon());
        }
        _exit(exit_status(first));
    }
    int status = exit_status(outside);
    if (status == NO_NAMESPACE) {
        print_message("SKIP: this system allows no pid namespace\n");
        skip();
    }
    return status;
}

static int end_with_7(void)
{
    return getpid() == 1 ? 1 : 7;
}

static void process_1_exits_as_the_daemon_does(void **state)
{
    (void)state;
    assert_int_equal(as_process_1(end_with_7), 7);
}

static int end_by_a_signal(void)
{
    raise(SIGKILL);
    return 1;
}

static void killed_daemon_gives_128_and_the_signal(void **state)
{
    (void)state;
    assert_int_equal(as_process_1(end_by_a_signal), 128 + SIGKILL);
}

static int wait_for_sigterm(void)
{
    const struct timespec deadline = {.tv_sec = DEADLINE_S};
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    kill(1, SIGTERM);
    return sigtimedwait(&set, NULL, &deadline) == SIGTERM ? 0 : 1;
}

static void signals_are_forwarded(void **state)
{
    (void)state;
    assert_int_equal(as_process_1(wait_for_sigterm), 0);
}

static void pause_1_ms(void)
{
    const struct timespec ms = {.tv_nsec = 1000000};
    nanosleep(&ms, NULL);
}

/* Returns the pid of a grandchild that exits as soon as process 1 is its parent; the child between them has exited. */
static pid_t create_orphan(void)
{
    int ends[2];
    pid_t orphan = -1;

    if (pipe(ends))
        return -1;
    pid_t child = fork();
    if (child == 0) {
        if (fork() == 0) {
            orphan = getpid();
            while (getppid() != 1)
                pause_1_ms();
            _exit(write(ends[1], &orphan, sizeof(orphan)) != sizeof(orphan));
        }
        _exit(0);
    }
    waitpid(child, NULL, 0);
    return read(ends[0], &orphan, sizeof(orphan)) == sizeof(orphan) ? orphan : -1;
}

static int orphan_disappears(void)
{
    pid_t orphan = create_orphan();
    time_t until = time(NULL) + DEADLINE_S;

    if (orphan < 0)
        return 2;
    while (kill(orphan, 0) == 0 && time(NULL) < until) /* kill(pid, 0) also succeeds for a zombie */
        pause_1_ms();
    return kill(orphan, 0) == -1 && errno == ESRCH ? 0 : 1;
}

static void orphans_are_reaped(void **state)
{
    (void)state;
    assert_int_equal(as_process_1(orphan_disappears), 0);
}

static void any_other_process_stays_itself(void **state)
{
    (void)state;
    pid_t self = getpid();
    init_as_process_1();
    assert_int_equal(getpid(), self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(process_1_exits_as_the_daemon_does),
        cmocka_unit_test(killed_daemon_gives_128_and_the_signal),
        cmocka_unit_test(signals_are_forwarded),
        cmocka_unit_test(orphans_are_reaped),
        cmocka_unit_test(any_other_process_stays_itself),
    };
    return cmocka_run_group_tests_name("init", tests, NULL, NULL) ? 1 : 0;
}
