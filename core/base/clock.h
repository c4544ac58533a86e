/* SPDX-License-Identifier: Apache-2.0
 *
 * clock - the two clocks: monotonic for timers and deadlines, wall for times that people read.
 * Units are nanoseconds in int64_t throughout SeaMQ.  Any thread.
 */
#ifndef SEAMQ_BASE_CLOCK_H
#define SEAMQ_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NS_PER_US INT64_C(1000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_SEC INT64_C(1000000000)

static inline int64_t clock_read_ns(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
}

/* Never goes back; unrelated to the date. */
static inline int64_t clock_now_ns(void)
{
    return clock_read_ns(CLOCK_MONOTONIC);
}

/* Unix time. */
static inline int64_t clock_wall_ns(void)
{
    return clock_read_ns(CLOCK_REALTIME);
}

#endif
