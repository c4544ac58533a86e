/* SPDX-License-Identifier: Apache-2.0
 * The servers of home cannot be reached from the worker, but the line between the clusters lives: home's domain is
 * consumed through the other cluster, and directly again as soon as that is possible. gateway_cut.sh makes the line. */
#include "fleet.h"

#include <stdio.h>
#include <stdlib.h>

#define MESSAGES 6000

/* The way from here to sea-a; nobody is told that it is gone. */
static void set_way(const char *state)
{
    char command[64];

    snprintf(command, sizeof(command), "ip link set to-sea-a %s", state);
    if (system(command) != 0)
        fail_msg("%s", command);
    print_message("the way to sea-a: %s\n", state);
}

static void restore_way(void *data)
{
    (void)data;
    set_way("up");
}

struct detour {
    struct daemon *daemon;
    double wanted;
};

static bool detour_is(void *data)
{
    struct detour *d = data;
    return daemon_metric(d->daemon, "seamq_consumer_detour", "cluster=\"sea-a\"") == d->wanted;
}

static void wait_detour(struct fleet *f, bool wanted, const char *since)
{
    struct detour d = {f->daemon, wanted};
    int64_t began = mesh_now_ms();

    if (!world_until(detour_is, &d, FLEET_PATIENCE))
        fail_msg("no %s in %d s after %s", wanted ? "detour" : "way back", FLEET_PATIENCE, since);
    print_message("%s %.1f s after %s\n", wanted ? "by way of sea-b" : "directly again",
                  (double)(mesh_now_ms() - began) / 1000, since);
}

static void home_is_reached_through_the_other_cluster(struct world *w)
{
    struct fleet *f = fleet_open(w, "DETOUR");

    world_at_end(w, restore_way, NULL);
    fleet_cluster(f, "sea-a", f->a.urls);
    fleet_cluster(f, "sea-b", f->b.urls);
    fleet_set(f, "CLUSTERS", "sea-a sea-b");
    fleet_set(f, "OPTION_PAUSE", "1ms");
    daemon_start(f->daemon);
    daemon_wait_ready(f->daemon, FLEET_PATIENCE);
    f->a.urls = f->b.urls; /* for the publisher: what it publishes crosses the line to sea-a's stream */
    fleet_publish(f, &f->a, MESSAGES);
    fleet_wait_effects(f, &f->a, MESSAGES / 8);
    set_way("down");
    wait_detour(f, true, "the way was gone");
    uint64_t before = fleet_effects(f, &f->a);
    assert_true(before < MESSAGES);
    fleet_wait_effects(f, &f->a, before + MESSAGES / 8);
    set_way("up");
    wait_detour(f, false, "the way was there again");
    fleet_expect_complete(f, &f->a);
    fleet_close(f);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {IT(home_is_reached_through_the_other_cluster)};

    if (!getenv("E2E_WAN")) {
        printf("SKIP: E2E_WAN is not set: no line to cut (tests/e2e/gateway_cut.sh makes one)\n");
        return 77;
    }
    return it_main(tests, argc, argv);
}
