/* SPDX-License-Identifier: Apache-2.0
 *
 * confirmation - keeps acknowledgements until the server has certainly received them.
 *
 * A response to CONSUMER.INFO proves that the connection has carried everything that was sent before the request. Until
 * then acknowledged messages stay in the table, and are sent again on the next connection or to the next leader.  What
 * the server loses after that, in a queue or between its nodes, is redelivered: a second run, never a loss.
 */
#ifndef SEAMQ_CONSUMER_CONFIRMATION_H
#define SEAMQ_CONSUMER_CONFIRMATION_H

#include "jetstream/request.h"

struct consumer;
struct message;

struct confirmation {
    struct loop_timer timer;
    struct request *request;
    size_t n_covered; /* the first of messages.acked, to which the pending request's response applies */
};

void confirmation_init(struct consumer *c);
void confirmation_finish(struct consumer *c);
/* Sends CONSUMER.INFO if acknowledgements wait for it and no request is pending. */
void confirmation_request(struct consumer *c);
/* A message became ACKED, or consumer_stop() was called: sends the request soon. */
void confirmation_ack_added(struct consumer *c);
/* An acknowledgement was sent, or is due, after the pending request: its response proves nothing about that. */
void confirmation_invalidate(struct consumer *c);
/* The connection or the leader has changed: all acknowledgements in the table are sent again. */
void confirmation_resend(struct consumer *c);
/* The server has the acknowledgement of `m`. */
void confirmation_done(struct consumer *c, struct message *m);

#endif
