/* SPDX-License-Identifier: Apache-2.0
 *
 * dlq/replay_batch - dead letters made into the messages that a replay publishes.
 *
 * A parcel has the payload and headers of the original message, and three more: Nats-Msg-Id and Seamq-Replay-Id, both
 * the subject of the letter, which no other one ever has; and Seamq-Replays, how often it was replayed.
 */
#ifndef SEAMQ_CLI_DLQ_REPLAY_BATCH_H
#define SEAMQ_CLI_DLQ_REPLAY_BATCH_H

#include "cli/dlq/dlq.h"
#include "cli/dlq/journal.h"

struct replay_item {
    struct stored_message stored;   /* seq 0: the letter is gone */
    struct letter letter;           /* a view of it */
    struct stored_message original; /* when the letter is a pointer to it */
    struct buf headers;
    struct call call;
    bool ready;                   /* to be published: it goes to the lot's target */
    char refusal[ERROR_TEXT_MAX]; /* why it cannot be; "": it can */
};

struct replay_batch { /* a lot: all that is ready goes to one stream. Begins as zero */
    struct replay_item *items;
    size_t n;
    struct journal_target target;
    json_t *subjects; /* that the target captures */
};

/* Letters `seqs[0..n)` as batch; neither ready nor refused are those that go to another stream than the first
 * one that can go at all. `to` NULL: to their own subjects. 0 or negative with a sentence; replay_batch_finish() either
 * way.
 */
int replay_batch_fill(struct replay_batch *ps, struct dlq *d, const uint64_t *seqs, size_t n, const char *to,
                      struct error *err);
void replay_batch_publish(struct replay_batch *ps, struct session *s, int64_t timeout_ns);
void replay_batch_finish(struct replay_batch *ps);

/* What the target said: 0; -ETIMEDOUT, -ENOTCONN: nothing; else why it refused, as a sentence. */
int replay_item_explain(const struct session *s, const struct replay_item *p, struct error *err);

#endif
