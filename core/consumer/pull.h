/* SPDX-License-Identifier: Apache-2.0
 *
 * pull - requests messages from the server, with credit.
 */
#ifndef SEAMQ_CONSUMER_PULL_H
#define SEAMQ_CONSUMER_PULL_H

#include "jetstream/request.h"

#define PULL_FLOWING_EXPIRES_NS (2 * NS_PER_SEC) /* of requests while messages flow: a drain waits for their end */

struct consumer;
struct path;

enum pull_contact {
    PULL_HEARD,   /* the consumer's leader has our requests */
    PULL_UNHEARD, /* unknown: nothing has arrived since a reset */
    PULL_SILENT,  /* nothing has arrived for two heartbeats; logged */
};

struct pull {
    uint64_t epoch; /* part of the reply subject; pull_reset() begins a new one */
    size_t window;
    bool paused;              /* by consumer_set_pull_paused() */
    size_t queued;            /* in-flight messages that wait for others: not counted in the window */
    int64_t expires_limit_ns; /* by consumer_set_max_expires(); 0: none */
    int64_t expires_ns;       /* by the server's limit */
    int64_t max_batch;        /* limit of the server; 0: none known */
    int64_t max_bytes;        /* limit of the server; 0: none known */
    bool any_size;            /* a message was larger than a whole request may be: requests have no max_bytes */
    int64_t outstanding;      /* messages requested that neither arrived nor were reported as not coming */
    enum pull_contact contact;
    int64_t delivered_ns;       /* last message */
    int64_t last_activity_ns;   /* last message or status */
    int64_t requested_ns;       /* last request */
    int64_t longest_expires_ns; /* of the open requests */
    int64_t not_before_ns;      /* no request until then, after an error */
    int64_t pause_ns;           /* before the next request after the next error */
    struct loop_timer watchdog;
    struct loop_timer resume; /* wakes the loop at not_before_ns; the hook sends the request */
    struct loop_hook hook;
    char unknown_status[64]; /* the last one that was logged */
};

void pull_init(struct consumer *c);
void pull_finish(struct consumer *c);
/* Subscribes to the messages and statuses of pulls through `p`. NULL: out of memory. */
struct connection_sub *pull_subscribe(struct path *p, size_t *ret_prefix_len);
/* The consumer became active: requests go out at the end of this iteration. */
void pull_start(struct consumer *c);
/* Requests messages until at least `n` are outstanding, whatever the window is. */
void pull_request_redeliveries(struct consumer *c, uint64_t n);
/* Considers all requests lost; sends the next one after `pause_ns`. */
void pull_reset(struct consumer *c, int64_t pause_ns);
/* The requests have ended, and no more will follow. */
void pull_forget_requests(struct consumer *c);

#endif
