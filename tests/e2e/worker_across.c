/* SPDX-License-Identifier: Apache-2.0
 * A worker is connected to one cluster only and consumes from the domain of the other one. On any mesh. */
#include "fleet.h"

#include <stdlib.h>

#define MESSAGES 3000
#define LEFTOVERS 100

/* seamqd is configured with the domain, and with the servers of the other side only. */
static void consume(struct world *w, const char *name, struct domain *(*home)(struct fleet *f),
                    struct domain *(*other)(struct fleet *f))
{
    struct fleet *f = fleet_open(w, name);
    struct domain *d = home(f);

    fleet_cluster(f, d->side->domain, other(f)->urls);
    fleet_set(f, "CLUSTERS", "%s", d->side->domain);
    daemon_start(f->daemon);
    daemon_wait_ready(f->daemon, FLEET_DEADLINE_S);
    fleet_publish(f, d, MESSAGES);
    fleet_expect_complete(f, d);
    fleet_close(f);
}

static struct domain *a(struct fleet *f)
{
    return &f->a;
}

static struct domain *b(struct fleet *f)
{
    return &f->b;
}

static void a_worker_on_b_consumes_from_domain_sea_a(struct world *w)
{
    consume(w, "ON_B", a, b);
}

static void a_worker_on_a_consumes_from_domain_sea_b(struct world *w)
{
    consume(w, "ON_A", b, a);
}

/* A server with gateways delivers to a pull request for two more seconds after its subscriber has left. Messages that
 * are delivered then would be redelivered after ack wait, so the end waits for that. */
static void end_without_leftovers(struct world *w, const char *name, struct domain *(*from)(struct fleet *f))
{
    struct fleet *f = fleet_open(w, name);

    fleet_set(f, "ACK_WAIT", "%ds", 2 * FLEET_DEADLINE_S);
    fleet_set(f, "CLUSTERS", "sea-a");
    fleet_cluster(f, "sea-a", from(f)->urls);
    daemon_start(f->daemon);
    daemon_wait_ready(f->daemon, FLEET_DEADLINE_S);
    assert_true(daemon_wait_metric(f->daemon, "seamq_pulls_total", NULL, 1, FLEET_DEADLINE_S));
    assert_int_equal(daemon_stop(f->daemon, 60), 0);
    fleet_publish(f, &f->a, LEFTOVERS);
    ledger_finish(f->a.ledger, FLEET_DEADLINE_S);
    daemon_start(f->daemon);
    fleet_wait_effects(f, &f->a, LEFTOVERS);
    fleet_expect_complete(f, &f->a);
    fleet_close(f);
}

static void a_drained_worker_at_home_leaves_nothing_to_ack_wait(struct world *w)
{
    end_without_leftovers(w, "ENDED_HOME", a);
}

static void a_drained_worker_on_the_other_side_leaves_nothing_to_ack_wait(struct world *w)
{
    end_without_leftovers(w, "ENDED_ACROSS", b);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        IT(a_worker_on_b_consumes_from_domain_sea_a),
        IT(a_worker_on_a_consumes_from_domain_sea_b),
        IT(a_drained_worker_at_home_leaves_nothing_to_ack_wait),
        IT(a_drained_worker_on_the_other_side_leaves_nothing_to_ack_wait),
    };

    mesh_need();
    return it_main(tests, argc, argv);
}
