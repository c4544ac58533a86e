/* SPDX-License-Identifier: Apache-2.0
 *
 * readiness - whether the consumer delivers, and if not, the sentence that says why.
 */
#ifndef SEAMQ_CONSUMER_READINESS_H
#define SEAMQ_CONSUMER_READINESS_H

#include <stdbool.h>

#define CONSUMER_REASON_MAX 512

struct consumer;

enum readiness_state {
    READINESS_NOT_READY,
    READINESS_SUSPECTED, /* not ready because of a permissions violation or missing responses; ready with the next
                            message, heartbeat or response */
    READINESS_READY,
};

struct readiness {
    enum readiness_state state;
    char reason[CONSUMER_REASON_MAX]; /* "" when ready */
};

/* Each change of state or reason calls on_state(). */
void readiness_lose(struct consumer *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Pulling goes on. */
void readiness_suspect(struct consumer *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void readiness_gain(struct consumer *c);

#endif
