/* SPDX-License-Identifier: Apache-2.0
 * histogram - the tables of bucket bounds. */
#include "base/histogram.h"

#include "base/clock.h"

#define US(n) (INT64_C(n) * NS_PER_US)
#define MS(n) (INT64_C(n) * NS_PER_MS)
#define SEC(n) (INT64_C(n) * NS_PER_SEC)

const int64_t histogram_bounds_ns[HISTOGRAM_BUCKETS] = {
    US(1),  NS_PER_US * 5 / 2, US(5),  US(10),  US(25),  US(50),  US(100),   US(250), US(500),
    MS(1),  US(2500),          MS(5),  MS(10),  MS(25),  MS(50),  MS(100),   MS(250), MS(500),
    SEC(1), MS(2500),          SEC(5), SEC(10), SEC(30), SEC(60), INT64_MAX,
};

const uint8_t histogram_first[64] = {
    0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  1,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 10,
    11, 12, 13, 14, 15, 16, 17, 18, 19, 19, 20, 21, 22, 23, 24, 24, 24, 24, 24, 24, 24, 24,
    24, 24, 24, 24, 24, 24, 24, 24, 24, 24, 24, 24, 24, 24, 24, 24, 24, 24, 24, 24,
};
