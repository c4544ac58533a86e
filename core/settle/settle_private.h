/* SPDX-License-Identifier: Apache-2.0
 *
 * settle_private - a settlement under way: shared by settle.c (decisions), outputs.c (staged
 * publishes), deadletter.c and shadow.c.
 */
#ifndef SEAMQ_SETTLE_SETTLE_PRIVATE_H
#define SEAMQ_SETTLE_SETTLE_PRIVATE_H

#include "settle.h"

#include "base/buf.h"
#include "base/clock.h"

enum settlement_step {
    STEP_STAGED,  /* the handler runs; outputs collect */
    STEP_OUTPUTS, /* outputs are being published */
    STEP_DEAD,    /* the dead letter is being published */
    STEP_CONFIRM, /* the acknowledgement is being confirmed */
};

struct output {
    struct list node; /* in settlement.outputs */
    struct settlement *settlement;
    struct request *request; /* NULL: not under way */
    bool confirmed;
    size_t subject; /* offsets into bytes; subject, msg_id ("" for none), headers, data */
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
    size_t n_open;         /* under way */
    char *error;           /* the first output that the server refused */
    int64_t leaderless_ns; /* since when there is nobody to take an output; 0: there was always somebody */
    /* dead letter */
    enum dead_reason reason;
    char *text;
    char *backtrace;
    int signal;
    enum dead_letter_extent extent; /* what was published last */
    struct request *request;        /* dead letter or confirmed ack */
    struct loop_timer again;
    int64_t pause_ns;
};

struct settle {
    struct loop *loop;
    const struct config_handler *handler;
    const char *version;
    struct settle_callbacks callbacks;
    void *data;
    struct list all;
    size_t n_busy;      /* past STEP_STAGED */
    int64_t dropped_ns; /* when the last "dropped" was told */
    bool suspected;     /* settle_suspects() has found one */
    unsigned seed;
    struct settle_stats stats;
};

struct settlement *settlement_of(struct settle *s, struct message *h); /* made if there is none; NULL: no memory */
void settlement_free(struct message *h);
/* Enters a step past STEP_STAGED. */
void settlement_step(struct settlement *t, enum settlement_step step);
/* Runs the current step again after a growing pause. */
void settlement_again(struct settlement *t);
void settlement_run(struct settlement *t);

void outputs_publish(struct settlement *t);
void outputs_cancel(struct settlement *t);
/* What "Name\0value\0..." adds to the payload on the wire. */
size_t headers_wire_size(const struct buf *headers);
void dead_letter_publish(struct settlement *t);
/* Instead of settling it, in shadow mode: told, counted, and done with. */
void shadow_record(struct settle *s, struct message *h, int result, const char *text);
/* All is where it has to be: acknowledge with confirmation. */
void settlement_confirm(struct settlement *t);
/* An attempt failed: retry, or dead when it was the last. */
void settle_failed(struct settle *s, struct message *h, int64_t delay_ns, const char *text);

#endif
