/* SPDX-License-Identifier: Apache-2.0
 *
 * histogram - durations counted in fixed buckets, cheap enough for every message.
 */
#ifndef SEAMQ_BASE_HISTOGRAM_H
#define SEAMQ_BASE_HISTOGRAM_H

#include <stdint.h>

/* 1, 2.5, 5 of each decade from 1 us to 10 s, then 30 s, 60 s and more. */
#define HISTOGRAM_BUCKETS 25

/* A zero-initialised histogram is empty. Thread: one. */
struct histogram {
    uint64_t counts[HISTOGRAM_BUCKETS]; /* not cumulative */
    uint64_t sum_ns;
};

/* Upper bounds, inclusive; the last is INT64_MAX. */
extern const int64_t histogram_bounds_ns[HISTOGRAM_BUCKETS];
/* For each power of two 2^k the first bucket with a bound of at least 2^k. At most one bound lies between 2^k and
 * 2^(k+1), so one comparison finds the bucket. */
extern const uint8_t histogram_first[64];

/* Counts one duration; a negative one counts as 0. Takes a few nanoseconds. */
static inline void histogram_observe(struct histogram *h, int64_t ns)
{
    if (ns < 0)
        ns = 0;
    unsigned i = histogram_first[63 - __builtin_clzll((uint64_t)ns | 1)];
    i += ns > histogram_bounds_ns[i];
    h->counts[i]++;
    h->sum_ns += (uint64_t)ns;
}

#endif
