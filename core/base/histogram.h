/* SPDX-License-Identifier: Apache-2.0
 *
 * histogram - durations counted in fixed buckets, cheap enough for every message.
 */
#ifndef SEAMQ_BASE_HISTOGRAM_H
#define SEAMQ_BASE_HISTOGRAM_H

#include <stdint.h>

/* 1, 2.5, 5 of each decade from 1 us to 10 s, then 30 s, 60 s and more. */
#define HISTOGRAM_BUCKETS 25

/* One thread; zero-initialised is empty. */
struct histogram {
    uint64_t counts[HISTOGRAM_BUCKETS]; /* each observation in one of them */
    uint64_t sum_ns;
};

/* Upper bounds, inclusive; the last is INT64_MAX. */
extern const int64_t histogram_bounds_ns[HISTOGRAM_BUCKETS];
/* For each power of two 2^k the first bucket with a bound of 2^k or more: at most one bound lies
 * between two of them, so that one comparison finds the bucket. */
extern const uint8_t histogram_first[64];

/* A few nanoseconds; a negative time counts as 0. */
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
