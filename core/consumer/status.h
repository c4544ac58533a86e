/* SPDX-License-Identifier: Apache-2.0
 *
 * status - what a pull's status message means.
 * Source: ADR-13 (pull subscribe internals), nats-server consumer.go. Pure, any thread.
 */
#ifndef SEAMQ_CONSUMER_STATUS_H
#define SEAMQ_CONSUMER_STATUS_H

#include <stdint.h>

enum pull_reaction {
    PULL_HEARTBEAT,     /* the pull lives */
    PULL_ENDED,         /* this request is over; ask again */
    PULL_FULL,          /* this request is over: the next message is larger than what is left of its max_bytes */
    PULL_RESET,         /* all requests are void; ask again after a pause */
    PULL_NEW_LEADER,    /* as PULL_RESET: a new leader has none of our requests */
    PULL_LIMITED,       /* the request asked for more than the consumer allows: see the maxima */
    PULL_GONE,          /* the consumer was deleted: alarm */
    PULL_REFUSED,       /* this consumer cannot be pulled from so: alarm */
    PULL_NO_RESPONDERS, /* nobody answers for this consumer: look whether it is there */
    PULL_UNKNOWN,       /* not known to this version: as PULL_RESET, logged */
};

struct pull_status {
    enum pull_reaction reaction;
    int64_t unfilled;       /* messages of the ended request that will not come; -1: not said */
    int64_t max_batch;      /* PULL_LIMITED: 0 if not about the batch */
    int64_t max_expires_ns; /* PULL_LIMITED: 0 if not about expires */
    int64_t max_bytes;      /* PULL_LIMITED: 0 if not about bytes */
};

/* `code` is the Status header, `description` the Description header (NULL: none), `pending` the
 * Nats-Pending-Messages header (NULL: none). */
struct pull_status pull_status_parse(const char *code, const char *description, const char *pending);

#endif
