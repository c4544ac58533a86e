/* SPDX-License-Identifier: Apache-2.0
 *
 * dlq/parcel - dead letters made into the messages that a replay publishes.
 *
 * A parcel has the payload and headers of the original message, and three more: Nats-Msg-Id and Seamq-Replay-Id, both
 * the subject of the letter, which no other one ever has; and Seamq-Replays, how often it was replayed.
 */
#ifndef SEAMQ_CLI_DLQ_PARCEL_H
#define SEAMQ_CLI_DLQ_PARCEL_H

#include "cli/dlq/dlq.h"
#include "cli/dlq/journal.h"

struct parcel {
    struct stored stored;   /* seq 0: the letter is gone */
    struct letter letter;   /* a view of it */
    struct stored original; /* when the letter is a pointer to it */
    struct buf headers;
    struct call call;
    bool ready;                   /* to be published: it goes to the lot's target */
    char refusal[ERROR_TEXT_MAX]; /* why it cannot be; "": it can */
};

struct parcels { /* a lot: all that is ready goes to one stream. Begins as zero */
    struct parcel *items;
    size_t n;
    struct journal_target target;
    json_t *subjects; /* that the target captures */
};

/* Letters `seqs[0..n)` as parcels; neither ready nor refused are those that go to another stream than the first
 * one that can go at all. `to` NULL: to their own subjects. 0 or negative with a sentence; parcels_unpack() either way.
 */
int parcels_pack(struct parcels *ps, struct dlq *d, const uint64_t *seqs, size_t n, const char *to, struct error *err);
void parcels_publish(struct parcels *ps, struct session *s, int64_t timeout_ns);
void parcels_unpack(struct parcels *ps);

/* What the target said: 0; -ETIMEDOUT, -ENOTCONN: nothing; else why it refused, as a sentence. */
int parcel_explain(const struct session *s, const struct parcel *p, struct error *err);

#endif
