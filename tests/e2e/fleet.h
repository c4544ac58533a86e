/* SPDX-License-Identifier: Apache-2.0
 *
 * fleet - seamqd on a mesh: a stream in each domain with a publisher, and one handler that consumes both. The handler's
 * effects file shows what it did with each message; it is compared with the ledgers of confirmed publishes. */
#ifndef SEAMQ_TESTS_E2E_FLEET_H
#define SEAMQ_TESTS_E2E_FLEET_H

#include "daemon.h"
#include "e2e.h"
#include "ledger.h"

#define FLEET_DEADLINE_S 120 /* seconds */

/* The streams of one domain: SEA_A_<name> with subject e2e.sea-a.<name>, and SEA_A_<name>_DLQ for dead letters. */
struct domain {
    struct side *side;
    const char *urls; /* servers of the domain, for publishers and seamqd */
    const char *stream, *dlq, *subject;
    const char *mark; /* last word of each line in the effects file that is about a message of this domain */
    struct ledger *ledger;
};

struct fleet {
    struct world *w;
    struct mesh *mesh;
    struct domain a, b;
    struct daemon *daemon;
    const char *effects;
};

/* Creates the streams, and a seamqd with the clusters sea-a and sea-b; settings of the handler are left to the test. */
struct fleet *fleet_open(struct world *w, const char *name);
/* Sets cluster.CLUSTER.urls and the credentials of this mesh. */
void fleet_cluster(struct fleet *f, const char *cluster, const char *urls);
void fleet_set(struct fleet *f, const char *key, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

void fleet_publish(struct fleet *f, struct domain *d, uint32_t count);

/* The number of effects of a domain's messages, repeats included; fleet_wait_effects() waits for `n` of them. */
uint64_t fleet_effects(struct fleet *f, const struct domain *d);
void fleet_wait_effects(struct fleet *f, const struct domain *d, uint64_t n);

/* Expects that every confirmed publish was handled and the handler's consumer has no message pending. */
void fleet_expect_complete(struct fleet *f, struct domain *d);
/* Stops seamqd, which must exit with status 0, and deletes the streams. */
void fleet_close(struct fleet *f);

#endif
