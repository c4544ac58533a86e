/* SPDX-License-Identifier: Apache-2.0
 *
 * binding - the steps from a connection to an active consumer, and the check that it is still the same consumer.
 */
#ifndef SEAMQ_CONSUMER_BINDING_H
#define SEAMQ_CONSUMER_BINDING_H

#include "jetstream/request.h"

struct consumer;

enum binding_stage {
    BINDING_DISCONNECTED,
    BINDING_STREAM,      /* STREAM.INFO is pending or due */
    BINDING_CONSUMER,    /* CONSUMER.INFO or CONSUMER.CREATE is pending */
    BINDING_DEAD_LETTER, /* the dead-letter stream is being checked or created */
    BINDING_ACTIVE,
    BINDING_STOPPED, /* consumer_destroy() was called */
};

struct binding {
    enum binding_stage stage;
    /* Stream and consumer are those of the in-flight messages. The server has confirmed this on this connection, or it
     * has confirmed it before and does not respond to CONSUMER.INFO now (leases must be renewed then). */
    bool verified;
    int64_t verified_ns;
    bool was_active;          /* this process has seen the consumer on the server: it is not created any more */
    uint64_t requested_seq;   /* consumer.stream_last_seq when STREAM.INFO was requested */
    int64_t verify_ns;        /* when the last binding_verify() sent its request */
    int64_t unanswered_ns;    /* since when binding_verify() gets no response; 0: it gets responses */
    unsigned seed;            /* of the random part of pauses: many daemons must not retry at the same time */
    char filter_warning[512]; /* CONSUMER_REASON_MAX; "" if the stream has subjects that match */
    struct loop_timer retry;
    struct request *request;
};

/* Binds from the first step on: STREAM.INFO. */
void binding_start(struct consumer *c);
void binding_disconnect(struct consumer *c);
void binding_finish(struct consumer *c);
/* Another path is used: stream and consumer must be verified again. */
void binding_unverify(struct consumer *c);
/* Makes the consumer not ready for the reason `sentence`, and binds again after a pause. */
void binding_alarm(struct consumer *c, const char *sentence);
/* Sends CONSUMER.INFO as request_ask() does, with `c` as data. */
int binding_request_info(struct consumer *c, request_reply_fn fn, struct request **ret);
/* Checks that a response to CONSUMER.INFO is about the known consumer. False: ignore the response; binding has started
 * again, and forgets the messages of the deleted consumer. */
bool binding_check_identity(struct consumer *c, json_t *info);
/* An already acked message was redelivered. If no pull was open when the consumer was recreated, this is the only sign
 * of it. */
void binding_suspect_recreated(struct consumer *c);
/* A message or heartbeat has arrived, so pulling works: ends READINESS_SUSPECTED. */
void binding_pull_alive(struct consumer *c);
/* Checks with CONSUMER.INFO, while pulling goes on, that stream and consumer still exist. */
void binding_verify(struct consumer *c);

/* ---- for dead_letter_stream.c ------------------------------------------------------- */

/* Sends one API request of the binding, as request_call() does. A failure is handled here. */
void binding_call(struct consumer *c, const struct api_path *path, const char *json, request_reply_fn fn);
/* True: `a` is an error; the reason is set and the binding starts again after a pause. `what`: the failed request. */
bool binding_failed(struct consumer *c, const struct answer *a, const char *what);
void binding_retry_later(struct consumer *c);
/* The last step has succeeded. */
void binding_activate(struct consumer *c);

#endif
