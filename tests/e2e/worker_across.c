/* SPDX-License-Identifier: Apache-2.0
 * A worker that is connected to one cluster only and consumes from the other's domain. On any mesh. */
#include "fleet.h"

#include <stdlib.h>

#define MESSAGES 3000

/* seamqd knows the domain, and only the servers of the other side. */
static void consume(struct world *w, const char *name, struct domain *(*home)(struct fleet *f),
                    struct domain *(*other)(struct fleet *f))
{
    struct fleet *f = fleet_open(w, name);
    struct domain *d = home(f);

    fleet_cluster(f, d->side->domain, other(f)->urls);
    fleet_set(f, "CLUSTERS", "%s", d->side->domain);
    daemon_start(f->daemon);
    daemon_wait_ready(f->daemon, FLEET_PATIENCE);
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

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        IT(a_worker_on_b_consumes_from_domain_sea_a),
        IT(a_worker_on_a_consumes_from_domain_sea_b),
    };

    mesh_need();
    return it_main(tests, argc, argv);
}
