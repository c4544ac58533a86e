/* SPDX-License-Identifier: Apache-2.0
 *
 * settle - from a handler's word to the server's: publish what was staged, then acknowledge;
 * or retry, dead-letter, drop.
 *
 * A message leaves its stream's pending set only after its outputs were confirmed, or after a
 * confirmed copy lies in the dead-letter stream, or because the handler said drop.  Whatever
 * cannot be finished now (no connection, no answer) stays held under a renewed lease and is
 * tried again; what is published twice carries the same message id or expected sequence.
 *
 * One `struct settle` for a handler; thread: the loop's.  Sources: ADR-15; the dead-letter
 * protocol is described in ARCHITECTURE.md.
 */
#ifndef SEAMQ_SETTLE_SETTLE_H
#define SEAMQ_SETTLE_SETTLE_H

#include "base/outcome.h"
#include "config/config.h"
#include "consumer/consumer.h"
#include "jetstream/dead_letter.h"

struct settle;

struct settle_callbacks {
    /* Run it again after `delay_ns`: `h` is WAITING, in no list, its attempt is counted. */
    void (*retry)(void *data, struct message *h, int64_t delay_ns);
};

/* What a handler in shadow mode made of a message: an enum outcome, or how its worker ended. */
enum { SHADOW_CRASH = OUTCOMES, SHADOW_TIMEOUT, SHADOW_RESULTS };

struct settle_stats {
    uint64_t acked;
    uint64_t retried;  /* held here for another attempt */
    uint64_t returned; /* given back to the server for another attempt: too many wait here */
    uint64_t dead[N_DEAD_REASONS];
    uint64_t dropped;   /* TERM, or dead with dead_letter = off */
    uint64_t published; /* outputs confirmed */
    uint64_t publish_errors;
    uint64_t dead_letter_errors; /* dead letters that could not be stored yet */
    uint64_t shadowed[SHADOW_RESULTS];
    uint64_t shadow_outputs; /* that would have been published */
};

struct settle_output { /* copied */
    const char *subject;
    const char *msg_id; /* NULL: made of the source message */
    const char *data;
    size_t size;
    const char *headers; /* "Name\0value\0..." */
    size_t headers_size;
};

/* What is known of a death that a message is guilty of; all may be NULL or 0. */
struct settle_crash {
    int signal;
    const char *text;
    const char *backtrace;
    bool timeout;
};

/* `handler` and `version` (the plugin's) outlive it, or the next settle_set_config(). */
int settle_create(struct settle **ret, struct loop *loop, const struct config_handler *handler, const char *version,
                  const struct settle_callbacks *callbacks, void *data);
/* The same handler by another reading of the configuration: takes effect from the next outcome on. */
void settle_set_config(struct settle *s, const struct config_handler *handler, const char *version);
void settle_destroy(struct settle *s);

/* An output of the message that is RUNNING: kept until its outcome. 0 or -ENOMEM. */
int settle_stage(struct settle *s, struct message *h, const struct settle_output *o);
/* What was staged is forgotten: the run ended without an outcome. */
void settle_unstage(struct settle *s, struct message *h);
/* A message that has just arrived and is in no list: true when it is not to run, but dead for what the server counts.
 */
bool settle_suspects(struct settle *s, struct message *h);
/* `delay_ns` of a NAK: < 0: by backoff. The message must be in no list. UNAVAILABLE settles nothing and is for the
 * caller to handle, except in shadow mode. */
void settle_outcome(struct settle *s, struct message *h, enum outcome outcome, int64_t delay_ns, const char *text);
/* The worker died of it: an attempt and a crash are counted; retried at once, or dead by either limit. */
void settle_crashed(struct settle *s, struct message *h, const struct settle_crash *crash);

/* Tries again what waits for a connection: to be called when a consumer has become active. */
void settle_resume(struct settle *s);
/* Messages between outcome and the server's confirmation of outputs, dead letters and confirmed acks. */
size_t settle_busy(const struct settle *s);
const struct settle_stats *settle_stats(const struct settle *s);
/* Of an enum outcome, SHADOW_CRASH or SHADOW_TIMEOUT. */
const char *shadow_name(int result);

#endif
