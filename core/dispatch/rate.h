/* SPDX-License-Identifier: Apache-2.0
 *
 * rate - limits starts to an even number of messages a second: a token bucket of 100 ms.
 *
 * The state is one time, the next start at the steady pace. A start may be up to one bucket earlier than that, so no
 * timer refills the bucket, and a pause of any length earns at most one bucket.
 * Pure; times are on the monotonic clock.
 */
#ifndef SEAMQ_DISPATCH_RATE_H
#define SEAMQ_DISPATCH_RATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RATE_BUCKET_NS INT64_C(100000000)

struct rate {
    double interval_ns; /* between two starts at the steady pace */
    double ahead_ns;    /* by how much a start may be earlier than that pace */
    double next_ns;     /* the next start at the steady pace */
};

void rate_init(struct rate *r, double per_second);
/* When the next message may start; a time in the past means now. */
int64_t rate_due_ns(const struct rate *r);
/* A message starts now. */
void rate_start(struct rate *r, int64_t now_ns);
/* Number of messages that may start from now until `until_ns`. */
size_t rate_room(const struct rate *r, int64_t now_ns, int64_t until_ns);

#endif
