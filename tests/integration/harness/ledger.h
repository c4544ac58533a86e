/* SPDX-License-Identifier: Apache-2.0
 *
 * ledger - proof that no message is lost: compares what the streams acknowledged with what handlers did.
 *
 * A publisher thread sends messages "ID VERB..." (handlers/scripted.c knows the verbs) with
 * many in flight, and sends each again, with the same Nats-Msg-Id, until its PubAck came.
 * A stopped ledger sends no new message. Handlers append "STREAM_SEQ ATTEMPT ID VERB\n" to an effects file.  The check:
 * every acknowledged id is among the effects or, where a test says so, in the dead-letter stream.
 */
#ifndef SEAMQ_IT_LEDGER_H
#define SEAMQ_IT_LEDGER_H

#include "client.h"

/* The verb of message `id` for the handler; `roll` is a random number of the seeded sequence. Called by the publisher
 * thread; the returned string stays valid. */
typedef const char *(*ledger_verb)(uint32_t id, uint64_t roll);

struct ledger_options {
    const char *urls;
    const char *subject;
    uint32_t count;
    uint32_t in_flight; /* 0: 128 */
    ledger_verb verb;   /* NULL: "ack" for all */
    uint32_t keys;      /* > 0: a last token is appended to the subject, 0 to keys - 1 */
    double rate;        /* messages a second; 0: limited by acknowledgements only */
};

struct ledger;

struct ledger *ledger_start(struct world *w, const struct ledger_options *o);
uint32_t ledger_acked(const struct ledger *l); /* number acknowledged until now; any thread */
/* True: this id, below ledger_size, was acknowledged. Call it after ledger_finish. */
bool ledger_has(const struct ledger *l, uint32_t id);
uint32_t ledger_size(const struct ledger *l);
/* Sends no new messages from now on. */
void ledger_stop(struct ledger *l);
/* Waits until all messages are acknowledged; fails the test at the deadline. */
void ledger_finish(struct ledger *l, double seconds);

struct ledger_message { /* times on the monotonic clock */
    const char *verb;
    uint32_t key;
    uint64_t seq;     /* in the stream */
    int64_t first_ns; /* time of the first publish; 0: never */
    int64_t sent_ns;  /* time of the last publish */
    int64_t acked_ns; /* 0: not yet */
};
/* All messages that were to be sent. Call it after ledger_finish(). */
const struct ledger_message *ledger_messages(const struct ledger *l, uint32_t *ret_count);

struct ledger_count {
    uint64_t effects;  /* lines, retries included */
    uint32_t handled;  /* different ids */
    uint32_t repeated; /* ids handled more than once */
    uint32_t dead;     /* different ids in the dead-letter stream */
    uint32_t missing;  /* acknowledged, but neither handled nor dead */
    uint32_t first_missing;
};

/* `dlq`: a client that reads dead letters; NULL: none are expected. */
struct ledger_count ledger_count(struct ledger *l, const char *effects, struct client *dlq);
/* Prints the counts; fails the test if a message is missing. */
void ledger_expect_complete(struct ledger *l, const char *effects, struct client *dlq);

/* Waits until the effects file has at least `lines` lines. False: deadline. */
bool effects_wait(const char *effects, uint64_t lines, double seconds);
uint64_t effects_lines(const char *effects);

#endif
