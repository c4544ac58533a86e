/* SPDX-License-Identifier: Apache-2.0
 *
 * settle - settles messages on the server by their outcome: publishes staged outputs and acknowledges, retries,
 * dead-letters, or drops.
 *
 * A message is acknowledged only after the server has confirmed its outputs or its dead letter; a dropped message
 * (TERM) has neither. If a step cannot be finished (no connection, no answer), the message stays in flight under a
 * renewed lease and the step is retried. A repeated publish has the same message id or expected sequence, so it is
 * stored once.
 *
 * One `struct settle` for each handler instance. Thread: the loop's. Sources: ADR-15; ARCHITECTURE.md has the
 * dead-letter protocol.
 */
#ifndef SEAMQ_SETTLE_SETTLE_H
#define SEAMQ_SETTLE_SETTLE_H

#include "base/outcome.h"
#include "config/config.h"
#include "consumer/consumer.h"
#include "jetstream/dead_letter.h"

struct settle;

struct settle_callbacks {
    /* Run the message again after `delay_ns`. The message is WAITING and in no list; its attempt is counted. */
    void (*retry)(void *data, struct message *m, int64_t delay_ns);
};

/* Results of a run in shadow mode: an enum outcome, or one of these. */
enum { SHADOW_CRASH = OUTCOMES, SHADOW_TIMEOUT, SHADOW_RESULTS };

struct settle_stats {
    uint64_t acked;
    uint64_t retried;  /* attempts that failed; the message waits here for the next one */
    uint64_t returned; /* the same, but given back to the server, because too many messages wait here */
    uint64_t dead[N_DEAD_REASONS];
    uint64_t dropped;   /* TERM, or ended without success and dead_letter = off */
    uint64_t published; /* outputs that the server confirmed */
    uint64_t publish_errors;
    uint64_t dead_letter_errors; /* failed tries to store a dead letter */
    uint64_t shadowed[SHADOW_RESULTS];
    uint64_t shadow_outputs; /* outputs that shadow mode did not publish */
};

struct settle_output {
    const char *subject;
    const char *msg_id; /* NULL: derived from the source message and the output's number */
    const char *data;
    size_t size;
    const char *headers; /* "Name\0value\0..." */
    size_t headers_size;
};

/* How the worker ended that ran the message. Unknown: NULL or 0. */
struct settle_crash {
    int signal;
    const char *text;
    const char *backtrace;
    bool timeout;
};

/* `handler` and `version` (the plugin's) must stay valid until settle_destroy(), or until settle_set_config() replaces
 * them. 0 or -ENOMEM. */
int settle_create(struct settle **ret, struct loop *loop, const struct config_handler *handler, const char *version,
                  const struct settle_callbacks *callbacks, void *data);
/* Replaces the handler's configuration by that of another snapshot, from the next outcome on. */
void settle_set_config(struct settle *s, const struct config_handler *handler, const char *version);
/* Messages stay in their tables, without a settlement. NULL is allowed. */
void settle_destroy(struct settle *s);

/* Keeps a copy of an output of a RUNNING message until its outcome. 0 or -ENOMEM. */
int settle_stage(struct settle *s, struct message *m, const struct settle_output *o);
/* Discards the staged outputs, because the run ended without an outcome. */
void settle_unstage(struct settle *s, struct message *m);
/* For a message that has just arrived and is in no list. True: the server's delivery count is so high that the message
 * was dead-lettered without running. */
bool settle_suspects(struct settle *s, struct message *m);
/* The message must be in no list. `delay_ns`: of a NAK; < 0 means by backoff. The caller handles UNAVAILABLE itself,
 * except in shadow mode. */
void settle_outcome(struct settle *s, struct message *m, enum outcome outcome, int64_t delay_ns, const char *text);
/* The worker crashed or timed out with this message. Counts an attempt and a crash; retries the message at once, or
 * dead-letters it if either limit is reached. */
void settle_crashed(struct settle *s, struct message *m, const struct settle_crash *crash);

/* Retries all steps that wait. Call it when a consumer has become ready. */
void settle_resume(struct settle *s);
/* Number of messages whose outputs, dead letter or confirmed ack the server has not confirmed yet. */
size_t settle_busy(const struct settle *s);
const struct settle_stats *settle_stats(const struct settle *s);
/* Metric label and log value of an enum outcome, SHADOW_CRASH or SHADOW_TIMEOUT. */
const char *shadow_name(int result);

#endif
