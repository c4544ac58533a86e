/* SPDX-License-Identifier: Apache-2.0
 * fault_disk - fills a node's disk: its store is a file system of its own, which shrinks to its content. */
#include "faults.h"

#include "disk.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *no_disks(struct chaos *c)
{
    return c->small_disks ? NULL : c->isolated_why_not;
}

static bool fill(struct chaos *c, struct injection *i)
{
    i->node = c->cluster->nodes[i->roll % CLUSTER_NODES];
    snprintf(i->what, sizeof(i->what), "%s", i->node->name);
    return disk_fill(i->node->store) == 0;
}

/* The server has disabled JetStream by now, and asks for a restart. */
static void grow(struct chaos *c, struct injection *i)
{
    int rc = disk_grow(i->node->store);
    (void)c;
    if (rc)
        fail_msg("growing %s: %s", i->node->store, strerror(-rc));
    server_stop(i->node);
    server_launch(i->node);
}

const struct fault disk_faults[] = {
    {"disk full under a server", LANE_CLUSTER, REPEATS_ANY, 2, 6, no_disks, fill, grow},
    {0},
};
