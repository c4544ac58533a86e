/* SPDX-License-Identifier: Apache-2.0
 *
 * log_events - the table of all events that seamqd logs: docs/events.md is generated from it, and a test compares
 * it with the calls in core/.  A new event is one row here and one call of log_info() or its like.
 * Event names are part of the interface: they never change.  Constant; any thread.
 */
#ifndef SEAMQ_BASE_LOG_EVENTS_H
#define SEAMQ_BASE_LOG_EVENTS_H

#include <stddef.h>
#include <stdio.h>

enum log_event_area { LOG_AREA_DAEMON, LOG_AREA_CLUSTER, LOG_AREA_HANDLER, LOG_AREA_MESSAGE, N_LOG_AREAS };

struct log_event {
    enum log_event_area area;
    const char *event;
    const char *levels;  /* the one it is logged at: error, warn, info, debug; several with ", " between them */
    const char *meaning; /* one sentence */
    const char *action;  /* what an operator does about it; "" where nothing is to be done */
};

extern const struct log_event log_events[];
extern const size_t n_log_events;

/* Writes docs/events.md. */
void log_events_print_reference(FILE *out);

#endif
