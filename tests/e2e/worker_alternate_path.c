/* SPDX-License-Identifier: Apache-2.0
 * The worker cannot reach the servers of its home cluster, but the line between the clusters works: the home domain is
 * consumed by the alternate path through the other cluster, and directly again as soon as that is possible.
 * gateway_cut.sh creates the line. */
#include "fleet.h"

#include <stdio.h>
#include <stdlib.h>

#define MESSAGES 6000

/* Switches the interface to sea-a "up" or "down"; without it packets are dropped silently. */
static void set_route(const char *state)
{
    char command[64];

    snprintf(command, sizeof(command), "ip link set to-sea-a %s", state);
    if (system(command) != 0)
        fail_msg("%s", command);
    print_message("the interface to sea-a is %s\n", state);
}

static void restore_route(void *data)
{
    (void)data;
    set_route("up");
}

struct path_state {
    struct daemon *daemon;
    double wanted;
};

static bool path_is(void *data)
{
    struct path_state *d = data;
    return daemon_metric(d->daemon, "seamq_consumer_detour", "cluster=\"sea-a\"") == d->wanted;
}

static void wait_alternate_path(struct fleet *f, bool wanted, const char *since)
{
    struct path_state d = {f->daemon, wanted};
    int64_t began = mesh_now_ms();

    if (!world_until(path_is, &d, FLEET_DEADLINE_S))
        fail_msg("no %s in %d s after %s", wanted ? "alternate path" : "direct path", FLEET_DEADLINE_S, since);
    print_message("%s %.1f s after %s\n", wanted ? "through sea-b" : "directly again",
                  (double)(mesh_now_ms() - began) / 1000, since);
}

static void home_is_reached_through_the_other_cluster(struct world *w)
{
    struct fleet *f = fleet_open(w, "ALTERNATE");

    world_at_end(w, restore_route, NULL);
    fleet_cluster(f, "sea-a", f->a.urls);
    fleet_cluster(f, "sea-b", f->b.urls);
    fleet_set(f, "CLUSTERS", "sea-a sea-b");
    fleet_set(f, "OPTION_PAUSE", "1ms");
    daemon_start(f->daemon);
    daemon_wait_ready(f->daemon, FLEET_DEADLINE_S);
    f->a.urls = f->b.urls; /* so the publisher's messages cross the line to the stream of sea-a */
    fleet_publish(f, &f->a, MESSAGES);
    fleet_wait_effects(f, &f->a, MESSAGES / 8);
    set_route("down");
    wait_alternate_path(f, true, "the interface was switched off");
    uint64_t before = fleet_effects(f, &f->a);
    assert_true(before < MESSAGES);
    fleet_wait_effects(f, &f->a, before + MESSAGES / 8);
    set_route("up");
    wait_alternate_path(f, false, "the interface was switched on");
    fleet_expect_complete(f, &f->a);
    fleet_close(f);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {IT(home_is_reached_through_the_other_cluster)};

    if (!getenv("E2E_WAN")) {
        printf("SKIP: E2E_WAN is not set: no line to cut (tests/e2e/gateway_cut.sh creates one)\n");
        return 77;
    }
    return it_main(tests, argc, argv);
}
