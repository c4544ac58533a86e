/* SPDX-License-Identifier: Apache-2.0
 *
 * session - a connection that waits for its answers: for a program that does one thing and ends.
 *
 * Connects with the same options as seamqd.  When the connection is lost it is made again (any of
 * the cluster's servers), and what had no answer yet is asked again; so only what may be asked
 * twice belongs into a call.
 *
 * Thread: one at a time.
 */
#ifndef SEAMQ_CLI_SESSION_H
#define SEAMQ_CLI_SESSION_H

#include "base/error.h"
#include "config/config.h"
#include "jetstream/answer.h"
#include "jetstream/api.h"

#include <nats/nats.h>
#include <stddef.h>
#include <stdint.h>

struct session;

/* Tries until `deadline_ns` (monotonic), at least once; credentials that are refused end it at once. */
int session_open(struct session **ret, const struct config_cluster *cluster, const char *name, int64_t deadline_ns,
                 struct error *err);
/* Takes NULL. */
void session_close(struct session *s);

/* For what is no JetStream API call: publishing, subscribing, requests. */
natsConnection *session_nats(struct session *s);
const struct config_cluster *session_cluster(const struct session *s);

/* One call of the JetStream API, of the cluster's domain unless `domain` names another. */
struct call {
    struct api_path path;
    const char *body; /* JSON; NULL: none */
    const char *domain;
    /* Not NULL: a message for a stream is published to this subject instead, and the answer is its PubAck. It is
     * published again only if no stream took it: not after silence or a lost connection, when it may be stored
     * (-ETIMEDOUT). */
    const char *publish;
    size_t size;         /* of `body`, which may hold any bytes then */
    const char *headers; /* "Name\0value\0..." */
    size_t headers_size;
    /* Set by session_calls(): answer.json is the caller's, see call_finish(). */
    struct answer answer;
    /* session_calls() keeps */
    int64_t due_ns;
    bool sent;
    bool done;
};

typedef void (*calls_progress_fn)(void *data, size_t done, size_t total);

/* Makes all calls, many at a time, in any order.  What is not there yet (no answer, no responders, error 503,
 * 10005, 10008) is asked again until `deadline_ns`; then answer.rc is -ETIMEDOUT, -EHOSTUNREACH, -ENOTCONN, or
 * -EREMOTEIO with the server's last word.  -EACCES: the user may not, answer.text says what.
 * `progress` may be NULL. */
void session_calls(struct session *s, struct call *calls, size_t n, int64_t deadline_ns, calls_progress_fn progress,
                   void *data);

/* One call. 0 with call->answer.json set, or call->answer.rc with a sentence in `err`. */
int session_call(struct session *s, struct call *call, int64_t timeout_ns, struct error *err);

/* Why `call` failed, as a sentence; returns call->answer.rc. */
int session_explain(const struct session *s, const struct call *call, struct error *err);

/* "STREAM.INFO.ORDERS", or the subject of a message; in `out` or the call's own. */
const char *call_name(const struct call *call, char *out, size_t size);

void call_finish(struct call *call);

#endif
