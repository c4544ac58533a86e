/* SPDX-License-Identifier: Apache-2.0
 *
 * rate - so many messages a second, evenly: a token bucket that holds 100 ms worth.
 *
 * Kept as one time, that of the next start at the steady pace; a start may come up to a bucket
 * ahead of it.  So nothing has to be refilled, and a pause earns no more than one bucket.
 * Pure; times are monotonic.
 */
#ifndef SEAMQ_DISPATCH_RATE_H
#define SEAMQ_DISPATCH_RATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RATE_BUCKET_NS INT64_C(100000000)

struct rate {
    double interval_ns; /* between two starts at the steady pace */
    double ahead_ns;    /* how far ahead of that pace a start may be */
    double next_ns;     /* the next start at the steady pace */
};

void rate_init(struct rate *r, double per_second);
/* When the next message may start; not after now: at once. */
int64_t rate_due_ns(const struct rate *r);
/* One starts now. */
void rate_start(struct rate *r, int64_t now_ns);
/* How many may start from now until `until_ns`. */
size_t rate_room(const struct rate *r, int64_t now_ns, int64_t until_ns);

#endif
