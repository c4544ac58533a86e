/* SPDX-License-Identifier: Apache-2.0
 *
 * dead_letter_stream - the last step of the binding: the dead-letter stream exists and captures this stream's subjects.
 */
#ifndef SEAMQ_CONSUMER_DEAD_LETTER_STREAM_H
#define SEAMQ_CONSUMER_DEAD_LETTER_STREAM_H

#include <stdbool.h>

struct consumer;

struct dead_letter_stream {
    bool checked; /* the server's last response says that it captures the subject */
};

/* Checks the stream, creates or extends it if `create = missing`, then calls binding_activate(). */
void dead_letter_stream_check(struct consumer *c);

#endif
