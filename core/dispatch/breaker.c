/* SPDX-License-Identifier: Apache-2.0
 * breaker - the changes between closed, open and probing. */
#include "breaker.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>

#define PAUSE_MIN_NS NS_PER_SEC
#define PAUSE_MAX_NS (30 * NS_PER_SEC)
#define REQUESTED_MAX_NS (3600 * NS_PER_SEC) /* limits a wrong delay of the handler */

void breaker_start(struct breaker *b, const void *message)
{
    if (b->open)
        b->probe = message;
}

static void probe_schedule(struct breaker *b, int64_t requested_ns, int64_t now_ns)
{
    b->pause_ns = b->pause_ns ? b->pause_ns * 2 : PAUSE_MIN_NS;
    if (b->pause_ns > PAUSE_MAX_NS)
        b->pause_ns = PAUSE_MAX_NS;
    if (requested_ns > REQUESTED_MAX_NS)
        requested_ns = REQUESTED_MAX_NS;
    int64_t pause = b->pause_ns > requested_ns ? b->pause_ns : requested_ns;
    b->probe_ns = now_ns + pause + (int64_t)((double)pause / 4 * rand_r(&b->seed) / RAND_MAX);
    b->probe = NULL;
}

bool breaker_unavailable(struct breaker *b, const void *message, int64_t pause_ns, const char *reason, int64_t now_ns)
{
    bool opens = !b->open;

    if (!opens && message != b->probe)
        return false;
    snprintf(b->reason, sizeof(b->reason), "%s", *reason ? reason : "no reason given");
    if (opens) {
        b->open = true;
        b->opened++;
        b->since_ns = now_ns;
        b->pause_ns = 0;
        b->seed = b->seed ? b->seed : (unsigned)now_ns;
    }
    probe_schedule(b, pause_ns, now_ns);
    return opens;
}

bool breaker_result(struct breaker *b, const void *message, bool success, int64_t now_ns)
{
    if (!b->open || message != b->probe)
        return false;
    if (!success) {
        probe_schedule(b, 0, now_ns);
        return false;
    }
    b->open = false;
    b->probe = NULL;
    return true;
}

void breaker_withdrawn(struct breaker *b, const void *message)
{
    if (message == b->probe)
        b->probe = NULL;
}
