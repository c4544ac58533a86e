/* SPDX-License-Identifier: Apache-2.0
 *
 * status - the meaning of the status messages that the server sends for a pull request.
 * Source: ADR-13 (pull subscribe internals), nats-server consumer.go. Pure, any thread.
 */
#ifndef SEAMQ_CONSUMER_STATUS_H
#define SEAMQ_CONSUMER_STATUS_H

#include <stdint.h>

enum pull_reaction {
    PULL_HEARTBEAT,     /* a request is open */
    PULL_ENDED,         /* this request has ended: send another one */
    PULL_FULL,          /* this request has ended: the next message is larger than what is left of max_bytes */
    PULL_RESET,         /* all requests have ended: send another one after a pause */
    PULL_NEW_LEADER,    /* as PULL_RESET: a new leader has none of our requests */
    PULL_LIMITED,       /* the request exceeded a limit of the consumer: see the maxima */
    PULL_GONE,          /* the consumer was deleted: the consumer becomes not ready */
    PULL_REFUSED,       /* the consumer cannot be pulled from: likewise */
    PULL_NO_RESPONDERS, /* the consumer was deleted or has no leader: check with CONSUMER.INFO */
    PULL_UNKNOWN,       /* this version does not know the status: as PULL_RESET, and logged */
};

struct pull_status {
    enum pull_reaction reaction;
    int64_t unfilled;       /* messages of the ended request that will not arrive; -1: unknown */
    int64_t max_batch;      /* PULL_LIMITED: messages; 0: the status is about another limit */
    int64_t max_expires_ns; /* likewise */
    int64_t max_bytes;      /* likewise */
};

/* `code` is the header Status, `description` the header Description, `pending` the header Nats-Pending-Messages; the
 * latter two may be NULL. */
struct pull_status pull_status_parse(const char *code, const char *description, const char *pending);

#endif
