/* SPDX-License-Identifier: Apache-2.0
 * rate - the arithmetic of the token bucket. */
#include "rate.h"

static double max_time(double a, double b)
{
    return a > b ? a : b;
}

void rate_init(struct rate *r, double per_second)
{
    double interval = 1e9 / per_second;
    /* The start at the steady pace uses the bucket's last token, so the lead is one interval shorter than the bucket.
     */
    *r = (struct rate){.interval_ns = interval, .ahead_ns = max_time(0, (double)RATE_BUCKET_NS - interval)};
}

int64_t rate_due_ns(const struct rate *r)
{
    double due = r->next_ns - r->ahead_ns;
    int64_t floor = (int64_t)due;
    return floor + ((double)floor < due);
}

void rate_start(struct rate *r, int64_t now_ns)
{
    r->next_ns = max_time(r->next_ns, (double)now_ns) + r->interval_ns;
}

size_t rate_room(const struct rate *r, int64_t now_ns, int64_t until_ns)
{
    double spare = (double)until_ns + r->ahead_ns - max_time(r->next_ns, (double)now_ns);
    return spare < 0 ? 0 : (size_t)(spare / r->interval_ns) + 1;
}
