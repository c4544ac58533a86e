/* SPDX-License-Identifier: Apache-2.0
 * list_test - the intrusive ring. */
#include "base/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

struct item {
    int n;
    struct list node;
};

static int as_number(struct list *l)
{
    int n = 0;
    list_for_each(pos, l) n = n * 10 + container_of(pos, struct item, node)->n;
    return n;
}

static void pushes_at_both_ends(void **state)
{
    (void)state;
    struct list l;
    struct item a = {.n = 1}, b = {.n = 2}, c = {.n = 3};
    list_init(&l);
    assert_true(list_empty(&l));
    list_push_back(&l, &b.node);
    list_push_back(&l, &c.node);
    list_push_front(&l, &a.node);
    assert_false(list_empty(&l));
    assert_int_equal(as_number(&l), 123);
}

static void inserts_after_a_node(void **state)
{
    (void)state;
    struct list l;
    struct item a = {.n = 1}, b = {.n = 2}, c = {.n = 3};
    list_init(&l);
    list_push_back(&l, &a.node);
    list_push_back(&l, &c.node);
    list_insert_after(&a.node, &b.node);
    assert_int_equal(as_number(&l), 123);
}

static void removing_twice_is_harmless(void **state)
{
    (void)state;
    struct list l;
    struct item a = {.n = 1}, b = {.n = 2};
    list_init(&l);
    list_push_back(&l, &a.node);
    list_push_back(&l, &b.node);
    list_remove(&a.node);
    list_remove(&a.node);
    assert_true(list_empty(&a.node));
    assert_int_equal(as_number(&l), 2);
    list_remove(&b.node);
    assert_true(list_empty(&l));
}

static void pops_in_order_then_null(void **state)
{
    (void)state;
    struct list l;
    struct item items[5];
    list_init(&l);
    for (int i = 0; i < 5; i++) {
        items[i].n = i;
        list_push_back(&l, &items[i].node);
    }
    for (int i = 0; i < 5; i++)
        assert_int_equal(container_of(list_pop_front(&l), struct item, node)->n, i);
    assert_null(list_pop_front(&l));
}

static void safe_walk_survives_removal_of_the_current(void **state)
{
    (void)state;
    struct list l;
    struct item items[6];
    list_init(&l);
    for (int i = 0; i < 6; i++) {
        items[i].n = i + 1;
        list_push_back(&l, &items[i].node);
    }
    list_for_each_safe(pos, &l) if (container_of(pos, struct item, node)->n % 2) list_remove(pos);
    assert_int_equal(as_number(&l), 246);
    list_for_each_safe(pos, &l) list_remove(pos);
    assert_true(list_empty(&l));
    list_for_each_safe(pos, &l) fail();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pushes_at_both_ends),
        cmocka_unit_test(inserts_after_a_node),
        cmocka_unit_test(removing_twice_is_harmless),
        cmocka_unit_test(pops_in_order_then_null),
        cmocka_unit_test(safe_walk_survives_removal_of_the_current),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
