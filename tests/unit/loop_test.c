/* SPDX-License-Identifier: Apache-2.0
 * loop_test - descriptors, timers and hooks of the event loop. */
#include "base/clock.h"
#include "base/loop.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

static struct loop *the_loop;

static int set_up(void **state)
{
    (void)state;
    return loop_create(&the_loop);
}

static int tear_down(void **state)
{
    (void)state;
    loop_destroy(the_loop);
    return 0;
}

struct source {
    struct loop_fd io;
    struct source *other; /* removed by the callback of this source */
    int calls;
};

static void on_ready(struct loop_fd *io, uint32_t events)
{
    struct source *s = io->data;
    assert_true(events & EPOLLIN);
    s->calls++;
    if (s->other) {
        loop_remove_fd(the_loop, &s->other->io);
        close(s->other->io.fd);
        memset(&s->other->io, 0xee, sizeof(s->other->io));
        s->other = NULL;
    }
}

static void add_source(struct source *s, int value)
{
    *s = (struct source){.io = {.fd = eventfd((unsigned)value, EFD_CLOEXEC | EFD_NONBLOCK), .events = EPOLLIN}};
    s->io.ready = on_ready;
    s->io.data = s;
    assert_int_equal(loop_add_fd(the_loop, &s->io), 0);
}

static void drop_source(struct source *s)
{
    loop_remove_fd(the_loop, &s->io);
    close(s->io.fd);
}

static void ready_descriptor_is_called(void **state)
{
    (void)state;
    struct source s;
    add_source(&s, 0);
    assert_int_equal(loop_once(the_loop, 0), 0);
    assert_int_equal(s.calls, 0);
    assert_int_equal(eventfd_write(s.io.fd, 1), 0);
    assert_int_equal(loop_once(the_loop, -1), 0);
    assert_int_equal(s.calls, 1);
    assert_int_equal(loop_mod_fd(the_loop, &s.io, 0), 0);
    assert_int_equal(loop_once(the_loop, 0), 0);
    assert_int_equal(s.calls, 1);
    assert_int_equal(loop_mod_fd(the_loop, &s.io, EPOLLIN), 0);
    assert_int_equal(loop_once(the_loop, 0), 0);
    assert_int_equal(s.calls, 2);
    drop_source(&s);
}

static void bad_descriptor_is_an_error(void **state)
{
    (void)state;
    struct loop_fd f = {.fd = -1, .events = EPOLLIN};
    assert_int_equal(loop_add_fd(the_loop, &f), -EBADF);
    assert_int_equal(loop_mod_fd(the_loop, &f, EPOLLOUT), -EBADF);
    /* A failed call leaves no state behind. */
    assert_int_equal(f.events, EPOLLIN);
    loop_remove_fd(the_loop, &f);
}

static void pending_event_of_a_removed_source_is_discarded(void **state)
{
    (void)state;
    struct source a, b;
    add_source(&a, 1);
    add_source(&b, 1);
    a.other = &b;
    b.other = &a;
    assert_int_equal(loop_once(the_loop, 0), 0);
    assert_int_equal(a.calls + b.calls, 1);
    drop_source(a.calls ? &a : &b);
}

struct tick {
    struct loop_timer timer;
    int64_t again_ns; /* re-arms the timer this long after now; -1: never */
    struct tick *disarms;
    int fired;
    int order;
};

static int order;

static void on_fire(struct loop_timer *t)
{
    struct tick *k = t->data;
    k->fired++;
    k->order = ++order;
    assert_false(loop_timer_armed(t));
    if (k->disarms)
        loop_disarm(the_loop, &k->disarms->timer);
    if (k->again_ns >= 0)
        loop_arm(the_loop, t, loop_now_ns(the_loop) + k->again_ns);
}

static void init_tick(struct tick *k)
{
    *k = (struct tick){.timer = {.fire = on_fire, .data = k}, .again_ns = -1};
}

static void timers_fire_in_order_and_once(void **state)
{
    (void)state;
    struct tick t[3];
    int64_t now = clock_now_ns();
    order = 0;
    for (int i = 0; i < 3; i++)
        init_tick(&t[i]);
    loop_arm(the_loop, &t[0].timer, now + 3 * NS_PER_MS);
    loop_arm(the_loop, &t[1].timer, now + 1 * NS_PER_MS);
    loop_arm(the_loop, &t[2].timer, now + 2 * NS_PER_MS);
    while (!t[0].fired)
        assert_int_equal(loop_once(the_loop, -1), 0);
    assert_true(clock_now_ns() >= now + 3 * NS_PER_MS);
    assert_true(t[1].order < t[2].order && t[2].order < t[0].order);
    assert_int_equal(loop_once(the_loop, 0), 0);
    assert_int_equal(t[0].fired + t[1].fired + t[2].fired, 3);
}

static void timer_can_be_moved_both_ways(void **state)
{
    (void)state;
    struct tick a, b;
    int64_t now = clock_now_ns();
    init_tick(&a);
    init_tick(&b);
    loop_arm(the_loop, &a.timer, now + 3600 * NS_PER_SEC);
    loop_arm(the_loop, &b.timer, now);
    loop_arm(the_loop, &a.timer, now);
    loop_arm(the_loop, &b.timer, now + 3600 * NS_PER_SEC);
    assert_int_equal(loop_once(the_loop, -1), 0);
    assert_int_equal(a.fired, 1);
    assert_int_equal(b.fired, 0);
    assert_true(loop_timer_armed(&b.timer));
    loop_disarm(the_loop, &b.timer);
    loop_disarm(the_loop, &b.timer);
    assert_false(loop_timer_armed(&b.timer));
}

static void disarmed_by_another_timer_does_not_fire(void **state)
{
    (void)state;
    struct tick a, b;
    int64_t now = clock_now_ns();
    init_tick(&a);
    init_tick(&b);
    a.disarms = &b;
    loop_arm(the_loop, &a.timer, now - 2);
    loop_arm(the_loop, &b.timer, now - 1);
    assert_int_equal(loop_once(the_loop, 0), 0);
    assert_int_equal(a.fired, 1);
    assert_int_equal(b.fired, 0);
}

static void timer_that_rearms_for_now_does_not_starve_the_rest(void **state)
{
    (void)state;
    struct tick a;
    struct source s;
    init_tick(&a);
    add_source(&s, 1);
    a.again_ns = 0;
    alarm(10); /* a failure would be an endless loop */
    loop_arm(the_loop, &a.timer, clock_now_ns());
    for (int i = 0; i < 3; i++)
        assert_int_equal(loop_once(the_loop, -1), 0);
    alarm(0);
    assert_int_equal(s.calls, 3);
    assert_true(a.fired >= 2);
    loop_disarm(the_loop, &a.timer);
    drop_source(&s);
}

static void far_and_past_times_are_times_too(void **state)
{
    (void)state;
    struct tick a, b;
    struct source s;
    init_tick(&a);
    init_tick(&b);
    add_source(&s, 1);
    loop_arm(the_loop, &a.timer, INT64_MAX);
    assert_int_equal(loop_once(the_loop, INT64_MAX), 0);
    loop_arm(the_loop, &b.timer, INT64_MIN);
    assert_int_equal(loop_once(the_loop, -1), 0);
    assert_int_equal(a.fired, 0);
    assert_int_equal(b.fired, 1);
    loop_disarm(the_loop, &a.timer);
    drop_source(&s);
}

/* Compares the heap with a plain array. */
static void heap_agrees_with_a_plain_search(void **state)
{
    (void)state;
    enum { N = 200 };
    static struct tick t[N];
    int64_t base = clock_now_ns() + 3600 * NS_PER_SEC;
    unsigned seed = 42;

    for (int i = 0; i < N; i++)
        init_tick(&t[i]);
    for (int step = 0; step < 20000; step++) {
        struct tick *k = &t[(unsigned)rand_r(&seed) % N];
        if (rand_r(&seed) % 3 == 0)
            loop_disarm(the_loop, &k->timer);
        else
            loop_arm(the_loop, &k->timer, base + rand_r(&seed) % 1000);
    }
    /* All armed timers fire, the earliest first. */
    int64_t shift = base - clock_now_ns() + NS_PER_SEC;
    int armed = 0;
    for (int i = 0; i < N; i++) {
        if (!loop_timer_armed(&t[i].timer))
            continue;
        armed++;
        loop_arm(the_loop, &t[i].timer, t[i].timer.at_ns - shift);
    }
    order = 0;
    assert_int_equal(loop_once(the_loop, 0), 0);
    assert_int_equal(order, armed);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            if (t[i].fired && t[j].fired && t[i].order < t[j].order)
                assert_true(t[i].timer.at_ns <= t[j].timer.at_ns);
}

struct hook {
    struct loop_hook hook;
    struct hook *removes[2];
    int calls;
};

static void on_hook(struct loop_hook *hook)
{
    struct hook *h = hook->data;
    h->calls++;
    for (int i = 0; i < 2; i++)
        if (h->removes[i])
            loop_remove_hook(the_loop, &h->removes[i]->hook);
}

static void hooks_run_before_each_sleep(void **state)
{
    (void)state;
    struct hook a = {.hook = {.run = on_hook, .data = &a}};
    struct hook b = {.hook = {.run = on_hook, .data = &b}};
    loop_add_hook(the_loop, &a.hook);
    loop_add_hook(the_loop, &b.hook);
    loop_once(the_loop, 0);
    loop_once(the_loop, 0);
    assert_int_equal(a.calls, 2);
    assert_int_equal(b.calls, 2);
    loop_remove_hook(the_loop, &a.hook);
    loop_once(the_loop, 0);
    assert_int_equal(a.calls, 2);
    assert_int_equal(b.calls, 3);
    loop_remove_hook(the_loop, &b.hook);
}

static void a_timer_without_a_function_is_for_the_hooks(void **state)
{
    (void)state;
    struct hook a = {.hook = {.run = on_hook, .data = &a}};
    struct loop_timer timer = {0};
    loop_add_hook(the_loop, &a.hook);
    loop_arm(the_loop, &timer, clock_now_ns());
    assert_int_equal(loop_once(the_loop, -1), 0);
    assert_false(loop_timer_armed(&timer));
    assert_int_equal(loop_once(the_loop, 0), 0);
    assert_int_equal(a.calls, 2);
    loop_remove_hook(the_loop, &a.hook);
}

static void on_ordered_hook(struct loop_hook *hook)
{
    *(int *)hook->data = ++order;
}

static void hooks_run_by_their_order_then_as_added(void **state)
{
    (void)state;
    static const enum loop_order orders[] = {LOOP_ORDER_SUBMIT, LOOP_ORDER_DISPATCH, LOOP_ORDER_PULL,
                                             LOOP_ORDER_DISPATCH, LOOP_ORDER_SUBMIT};
    static const int expected[] = {4, 1, 3, 2, 5};
    struct loop_hook hooks[5];
    int places[5] = {0};
    for (int i = 0; i < 5; i++) {
        hooks[i] = (struct loop_hook){.run = on_ordered_hook, .order = orders[i], .data = &places[i]};
        loop_add_hook(the_loop, &hooks[i]);
    }
    order = 0;
    loop_once(the_loop, 0);
    assert_memory_equal(places, expected, sizeof(places));
    for (int i = 0; i < 5; i++)
        loop_remove_hook(the_loop, &hooks[i]);
}

static void hook_may_remove_itself_and_the_next(void **state)
{
    (void)state;
    struct hook a = {.hook = {.run = on_hook, .data = &a}};
    struct hook b = {.hook = {.run = on_hook, .data = &b}};
    struct hook c = {.hook = {.run = on_hook, .data = &c}};
    loop_add_hook(the_loop, &a.hook);
    loop_add_hook(the_loop, &b.hook);
    loop_add_hook(the_loop, &c.hook);
    a.removes[0] = &a;
    a.removes[1] = &b;
    alarm(10); /* a failure would be an endless loop */
    loop_once(the_loop, 0);
    loop_once(the_loop, 0);
    alarm(0);
    assert_int_equal(a.calls, 1);
    assert_int_equal(b.calls, 0);
    assert_int_equal(c.calls, 2);
    loop_remove_hook(the_loop, &c.hook);
}

static void on_fire_stop(struct loop_timer *t)
{
    (void)t;
    loop_stop(the_loop);
}

static void run_ends_when_stopped(void **state)
{
    (void)state;
    struct loop_timer t = {.fire = on_fire_stop};
    loop_arm(the_loop, &t, clock_now_ns() + NS_PER_MS);
    assert_int_equal(loop_run(the_loop), 0);
    loop_destroy(NULL);
}

int main(void)
{
#define LOOP_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        LOOP_TEST(ready_descriptor_is_called),
        LOOP_TEST(bad_descriptor_is_an_error),
        LOOP_TEST(pending_event_of_a_removed_source_is_discarded),
        LOOP_TEST(timers_fire_in_order_and_once),
        LOOP_TEST(timer_can_be_moved_both_ways),
        LOOP_TEST(disarmed_by_another_timer_does_not_fire),
        LOOP_TEST(timer_that_rearms_for_now_does_not_starve_the_rest),
        LOOP_TEST(far_and_past_times_are_times_too),
        LOOP_TEST(heap_agrees_with_a_plain_search),
        LOOP_TEST(hooks_run_before_each_sleep),
        LOOP_TEST(a_timer_without_a_function_is_for_the_hooks),
        LOOP_TEST(hooks_run_by_their_order_then_as_added),
        LOOP_TEST(hook_may_remove_itself_and_the_next),
        LOOP_TEST(run_ends_when_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
