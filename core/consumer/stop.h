/* SPDX-License-Identifier: Apache-2.0
 *
 * stop - ends pulling for good: consumer_stop().
 */
#ifndef SEAMQ_CONSUMER_STOP_H
#define SEAMQ_CONSUMER_STOP_H

#include "jetstream/request.h"

struct consumer;

enum stop_phase {
    STOP_NONE,
    STOP_WAITING,      /* no new pull requests; the open ones may still bring messages */
    STOP_UNSUBSCRIBED, /* the subscription has ended; messages may still be between the server and us */
};

struct stop {
    enum stop_phase phase;
    int n_responses; /* received since the end of the subscription */
    int64_t wait_until_ns;
    int64_t deadline_ns;
    struct loop_timer timer;
    struct request *request;
    void (*done)(void *data);
    void *data;
};

void stop_finish(struct consumer *c);
/* The end of an iteration of the loop. */
void stop_step(struct consumer *c);

#endif
