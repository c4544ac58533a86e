/* SPDX-License-Identifier: Apache-2.0
 *
 * settle_private - struct settlement, the progress of one message from its first staged output to the acknowledgement.
 *
 * One object in four files: settle.c decides, outputs.c publishes outputs, dead_letter_publish.c dead letters, and
 * shadow.c records results in shadow mode.
 */
#ifndef SEAMQ_SETTLE_SETTLE_PRIVATE_H
#define SEAMQ_SETTLE_SETTLE_PRIVATE_H

#include "settle.h"

#include "base/buf.h"
#include "base/clock.h"

enum settlement_step {
    STEP_STAGED,  /* the handler runs and stages outputs */
    STEP_OUTPUTS, /* outputs are being published */
    STEP_DEAD,    /* its dead letter is being published */
    STEP_CONFIRM, /* the acknowledgement is being confirmed */
};

struct output {
    struct list node; /* in settlement.outputs */
    struct settlement *settlement;
    struct request *request; /* NULL: not being published */
    bool confirmed;
    size_t subject; /* offsets into bytes, where subject, msg_id ("": none), headers and data follow each other */
    size_t msg_id;
    size_t headers;
    size_t headers_size;
    size_t data;
    size_t size;
    char bytes[];
};

struct settlement {
    struct settle *settle;
    struct message *message;
    struct list node; /* in settle.all */
    enum settlement_step step;
    struct list outputs;
    size_t n_outputs;
    size_t n_publishing;             /* outputs being published */
    char *error;                     /* why the first output was refused; owned; NULL: none */
    int64_t leader_missing_since_ns; /* when an output first found no leader; 0: never */
    /* Dead letter; the texts are owned: */
    enum dead_reason reason;
    char *text;
    char *backtrace;
    int signal;
    enum dead_letter_extent extent; /* of the latest publish */
    struct request *request;        /* dead letter or confirmed ack; NULL: none */
    struct loop_timer retry;
    int64_t retry_pause_ns;
};

struct settle {
    struct loop *loop;
    const struct config_handler *handler;
    const char *version;
    struct settle_callbacks callbacks;
    void *data;
    struct list all;
    size_t n_busy;          /* settlements after STEP_STAGED */
    int64_t drop_logged_ns; /* when the last "dropped" was logged at info */
    bool suspected;         /* settle_suspects() has dead-lettered a message */
    unsigned seed;
    struct settle_stats stats;
};

/* The settlement of the message, created if it has none. NULL: out of memory. */
struct settlement *settlement_ensure(struct settle *s, struct message *m);
/* Frees the settlement of the message, if it has one, and cancels its requests. */
void settlement_free(struct message *m);
/* Enters a step after STEP_STAGED and runs it. May free the settlement. */
void settlement_enter_step(struct settlement *t, enum settlement_step step);
/* Runs the current step again after a pause, which doubles each time. */
void settlement_retry_later(struct settlement *t);
void settlement_run(struct settlement *t);

void outputs_publish(struct settlement *t);
void outputs_cancel(struct settlement *t);
/* Bytes on the wire of headers given as "Name\0value\0...". */
size_t headers_wire_size(const struct buf *headers);
void dead_letter_publish(struct settlement *t);
/* Logs and counts a result in shadow mode, and acknowledges the message. */
void shadow_record(struct settle *s, struct message *m, int result, const char *text);
/* Acknowledges the message and waits for the server's confirmation. */
void settlement_confirm(struct settlement *t);
/* Counts a failed attempt; retries the message, or dead-letters it after the last attempt. */
void settle_attempt_failed(struct settle *s, struct message *m, int64_t delay_ns, const char *text);

#endif
