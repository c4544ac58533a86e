/* SPDX-License-Identifier: Apache-2.0
 *
 * session - blocking requests on one connection, for a program that does one thing and exits.
 *
 * The connection has the same options as seamqd's.  If it is lost, nats.c reconnects to any server of the cluster, and
 * calls without an answer are sent again; so a call must be one that may be repeated.
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

/* Connects; retries until `deadline_ns` (monotonic), but not if the credentials are refused.  `name` is shown by the
 * server.  0, or a negative errno with a sentence in `err`. */
int session_open(struct session **ret, const struct config_cluster *cluster, const char *name, int64_t deadline_ns,
                 struct error *err);
/* Takes NULL. */
void session_close(struct session *s);

/* The connection, for other uses than API calls: publish, subscribe, request. */
natsConnection *session_nats(struct session *s);
const struct config_cluster *session_cluster(const struct session *s);

/* A call of the JetStream API. `domain` NULL: the cluster's own. */
struct call {
    struct api_path path;
    const char *body; /* JSON; NULL: none */
    const char *domain;
    /* Not NULL: a message for a stream is published to this subject instead, and the answer is its PubAck. It is
     * published again only if no stream took it: not after silence or a lost connection, when it may be stored
     * (-ETIMEDOUT). */
    const char *publish;
    size_t size;         /* of `body` of a publish, which may contain any bytes */
    const char *headers; /* "Name\0value\0..." */
    size_t headers_size;
    /* Set by session_calls(); call_finish() frees answer.json. */
    struct answer answer;
    /* Private to session_calls(): */
    int64_t due_ns;
    bool sent;
    bool done;
};

typedef void (*calls_progress_fn)(void *data, size_t done, size_t total);

/* Makes all calls, many in parallel, in any order.  A call that fails for a transient reason (no answer, no responders,
 * error 503, 10005, 10008) is repeated until `deadline_ns`; then answer.rc is -ETIMEDOUT, -EHOSTUNREACH, -ENOTCONN, or
 * -EREMOTEIO with the server's last error.  -EACCES: the user lacks the permission that answer.text names.
 * `progress` may be NULL. */
void session_calls(struct session *s, struct call *calls, size_t n, int64_t deadline_ns, calls_progress_fn progress,
                   void *data);

/* Makes a single call. 0 with call->answer.json set, or call->answer.rc with a sentence in `err`. */
int session_call(struct session *s, struct call *call, int64_t timeout_ns, struct error *err);

/* Sets `err` to why the call failed; returns call->answer.rc. */
int session_explain(const struct session *s, const struct call *call, struct error *err);

/* "STREAM.INFO.ORDERS", or the subject of a message; in `out` or the call's own. */
const char *call_name(const struct call *call, char *out, size_t size);

void call_finish(struct call *call);

#endif
