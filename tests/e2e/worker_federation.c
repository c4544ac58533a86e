/* SPDX-License-Identifier: Apache-2.0
 * One handler on both clusters; its home cluster is killed with SIGKILL while messages flow, and restored. No confirmed
 * message is lost, and the key `federation` decides which messages are handled meanwhile. On the local mesh only. */
#include "fleet.h"
#include "nodes.h"

#include <stdlib.h>
#include <time.h>

static uint32_t messages(void)
{
    return world_messages(4000);
}

static struct fleet *start(struct world *w, const char *name, const char *federation)
{
    struct fleet *f = fleet_open(w, name);

    fleet_cluster(f, "sea-a", f->a.urls);
    fleet_cluster(f, "sea-b", f->b.urls);
    fleet_set(f, "CLUSTERS", "sea-a sea-b");
    fleet_set(f, "FEDERATION", "%s", federation);
    fleet_set(f, "WORKERS", "2");
    fleet_set(f, "OPTION_PAUSE", "1ms"); /* handling all messages takes longer than killing a cluster */
    daemon_start(f->daemon);
    daemon_wait_ready(f->daemon, FLEET_DEADLINE_S);
    return f;
}

static int64_t wait_next(struct fleet *f, const struct domain *d, uint64_t before)
{
    struct timespec pause = {.tv_nsec = 1000000};
    int64_t began = mesh_now_ms(), deadline = began + FLEET_DEADLINE_S * 1000;

    while (fleet_effects(f, d) <= before && mesh_now_ms() < deadline)
        nanosleep(&pause, NULL);
    if (fleet_effects(f, d) <= before)
        fail_msg("no message of %s was handled in %d s", d->stream, FLEET_DEADLINE_S);
    return mesh_now_ms() - began;
}

static void restore_home(struct fleet *f)
{
    uint64_t before = fleet_effects(f, &f->a);

    cluster_start_again("sea-a");
    int64_t ms = wait_next(f, &f->a, before);
    print_message("home: the next message handled %.2f s after its cluster was ready again\n", (double)ms / 1000);
}

/* While home is down, the messages of the other cluster are handled; after that, the remaining messages of home. */
static void lose_home_and_restore_it(struct fleet *f, const char *federation)
{
    uint64_t before = fleet_effects(f, &f->b);

    assert_true(before < messages());
    cluster_kill("sea-a");
    int64_t ms = wait_next(f, &f->b, before);
    print_message("%s: the next message handled elsewhere %.2f s after all of home was killed\n", federation,
                  (double)ms / 1000);
    fleet_expect_complete(f, &f->b);
    restore_home(f);
    fleet_expect_complete(f, &f->a);
    fleet_close(f);
}

static void failover_goes_to_the_other_cluster_and_back(struct world *w)
{
    struct fleet *f = start(w, "FAILOVER", "failover");

    fleet_publish(f, &f->a, messages());
    fleet_publish(f, &f->b, messages());
    fleet_wait_effects(f, &f->a, messages() / 4);
    assert_int_equal(fleet_effects(f, &f->b), 0); /* home is healthy, so no message of the other cluster is handled */
    lose_home_and_restore_it(f, "failover");
}

static void all_goes_on_with_the_cluster_that_lives(struct world *w)
{
    struct fleet *f = start(w, "ALL", "all");

    fleet_publish(f, &f->a, messages());
    fleet_publish(f, &f->b, messages());
    fleet_wait_effects(f, &f->a, messages() / 8);
    fleet_wait_effects(f, &f->b, messages() / 8); /* both clusters are consumed at the same time */
    lose_home_and_restore_it(f, "all");
}

/* The backlog of the other cluster is handled while home is idle, and while home is down. */
static void overflow_takes_the_backlog_of_the_other_cluster(struct world *w)
{
    struct fleet *f = start(w, "OVERFLOW", "overflow");

    fleet_publish(f, &f->b, messages());
    fleet_wait_effects(f, &f->b, messages() / 8);
    fleet_publish(f, &f->a, messages());
    fleet_wait_effects(f, &f->a, messages() / 4);
    print_message("overflow: while home handled a quarter, the other cluster came to %.0f %%\n",
                  100.0 * (double)fleet_effects(f, &f->b) / messages());
    lose_home_and_restore_it(f, "overflow");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        IT(failover_goes_to_the_other_cluster_and_back),
        IT(all_goes_on_with_the_cluster_that_lives),
        IT(overflow_takes_the_backlog_of_the_other_cluster),
    };

    nodes_need();
    return it_main(tests, argc, argv);
}
