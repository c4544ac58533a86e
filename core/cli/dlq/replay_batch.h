/* SPDX-License-Identifier: Apache-2.0
 *
 * dlq/replay_batch - builds the messages that a replay publishes from a batch of dead letters, and publishes them.
 *
 * Such a message has the payload and headers of the original one, and more: Nats-Msg-Id and Seamq-Replay-Id, both the
 * unique subject of the dead letter; and Seamq-Replays, how often the message was replayed.
 */
#ifndef SEAMQ_CLI_DLQ_REPLAY_BATCH_H
#define SEAMQ_CLI_DLQ_REPLAY_BATCH_H

#include "cli/dlq/dlq.h"
#include "cli/dlq/journal.h"

struct replay_item {
    struct stored_message stored;   /* seq 0: the dead letter is already deleted */
    struct dead_letter letter;      /* its texts point into `stored` */
    struct stored_message original; /* if the dead letter is only a pointer to it */
    struct buf headers;
    struct call call;
    bool ready;                   /* it will be published to the batch's target */
    char refusal[ERROR_TEXT_MAX]; /* why it cannot be replayed; "": it can */
};

struct replay_batch { /* all ready items go to one target stream; begins zeroed */
    struct replay_item *items;
    size_t n;
    struct journal_target target;
    json_t *subjects; /* subjects that the target captures */
};

/* Reads the dead letters `seqs[0..n)`.  The first one that can be replayed decides the target; items for another
 * stream are neither ready nor refused.  `to` NULL: their own subjects.  0, or a negative errno with a sentence in
 * `err`; call replay_batch_finish() in any case. */
int replay_batch_fill(struct replay_batch *ps, struct dlq *d, const uint64_t *seqs, size_t n, const char *to,
                      struct error *err);
void replay_batch_publish(struct replay_batch *ps, struct session *s, int64_t timeout_ns);
void replay_batch_finish(struct replay_batch *ps);

/* The answer of the target stream: 0: stored; -ETIMEDOUT, -ENOTCONN: no answer; else refused, with a sentence in
 * `err`. */
int replay_item_explain(const struct session *s, const struct replay_item *p, struct error *err);

#endif
