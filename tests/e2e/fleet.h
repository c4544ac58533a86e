/* SPDX-License-Identifier: Apache-2.0
 *
 * seamqd on a mesh: a stream in each domain, published to all the while, and one handler that consumes from both. What
 * it did with which message is in its effects file, against the ledgers of the confirmed publishes. */
#ifndef SEAMQ_TESTS_E2E_FLEET_H
#define SEAMQ_TESTS_E2E_FLEET_H

#include "daemon.h"
#include "e2e.h"
#include "ledger.h"

#define FLEET_PATIENCE 120 /* seconds */

/* One domain's part: SEA_A_<name> on e2e.sea-a.<name>, dead letters in SEA_A_<name>_DLQ. */
struct domain {
    struct side *side;
    const char *urls; /* its servers, for publishers and seamqd */
    const char *stream, *dlq, *subject;
    const char *mark; /* last word of the effects of its messages */
    struct ledger *ledger;
};

struct fleet {
    struct world *w;
    struct mesh *mesh;
    struct domain a, b;
    struct daemon *daemon;
    const char *effects;
};

/* Streams, and a seamqd that knows the clusters sea-a and sea-b but has no handler's setting for them yet. */
struct fleet *fleet_open(struct world *w, const char *name);
/* cluster.sea-a.urls = ... and the credentials of this mesh. */
void fleet_cluster(struct fleet *f, const char *cluster, const char *urls);
void fleet_set(struct fleet *f, const char *key, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

void fleet_publish(struct fleet *f, struct domain *d, uint32_t count);

/* How many effects there are of a domain's messages, repeats included; waits for so many. */
uint64_t fleet_effects(struct fleet *f, const struct domain *d);
void fleet_wait_effects(struct fleet *f, const struct domain *d, uint64_t n);

/* Every confirmed publish was handled, and the consumer of the handler has nothing left. */
void fleet_expect_complete(struct fleet *f, struct domain *d);
/* Stops seamqd, which must end well, and removes the streams. */
void fleet_close(struct fleet *f);

#endif
