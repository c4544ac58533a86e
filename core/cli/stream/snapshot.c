/* SPDX-License-Identifier: Apache-2.0
 * stream/snapshot - STREAM.SNAPSHOT and STREAM.RESTORE, as nats-server's server/jetstream_api.go has them. */
#include "snapshot.h"

#include "base/clock.h"
#include "federation/nats_options.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A server that sends nothing for this time has given up: it waits two seconds for acknowledgements. */
#define PATIENCE_MS 30000
/* The last answer of a restore arrives after the stream was created. */
#define RESTORE_MS 300000
/* Time limit for "no responders" to a piece, and the interval of attempts. */
#define TAKEN_NS (5 * NS_PER_SEC)
#define AGAIN_MS 20
#define ELECTIONS_MAX 5
#define PIECE_SIZE (128 * 1024)
#define INBOX_MAX 160

struct copy {
    struct session *from, *to;
    const char *stream;
    natsSubscription *pieces;
    char inbox[INBOX_MAX];
    json_t *about; /* the answer of the source: config and state */
    char *target;  /* where the target takes the pieces */
    struct error *err;
};

static int failed(struct copy *c, const struct session *where, int rc, const char *what, const char *why)
{
    return error_set(c->err, rc, "%s: %s on cluster %s: %s", c->stream, what, session_cluster(where)->name, why);
}

/* Sends a request once; session_call() would repeat it. The caller frees the answer. */
static int ask_once(struct copy *c, struct session *where, enum api_verb verb, json_t *body, json_t **ret)
{
    struct api_path path = {verb, .stream = c->stream};
    const char *name = api_verb_name(verb);
    struct answer answer = {0};
    natsMsg *msg = NULL;
    char subject[API_SUBJECT_MAX];

    char *text = json_dumps(body, JSON_COMPACT);
    if (!text)
        return failed(c, where, -ENOMEM, name, "out of memory");
    int rc = api_subject(session_cluster(where), NULL, &path, subject, sizeof(subject));
    if (rc) {
        free(text);
        return failed(c, where, rc, name, strerror(-rc));
    }
    natsStatus st = natsConnection_RequestString(&msg, session_nats(where), subject, text, PATIENCE_MS);
    free(text);
    if (st == NATS_TIMEOUT)
        return failed(c, where, -ETIMEDOUT, subject,
                      "no answer (has JetStream a leader, and may this user publish there?)");
    if (st != NATS_OK)
        return failed(c, where, -EIO, subject, natsStatus_GetText(st));
    answer_read(&answer, 0, msg);
    natsMsg_Destroy(msg);
    if (answer.rc)
        return failed(c, where, answer.rc, name, answer.text);
    *ret = answer.json;
    return 0;
}

static int begin_snapshot(struct copy *c)
{
    int rc = nats_inbox_create(session_cluster(c->from), c->inbox, sizeof(c->inbox));
    if (rc < 0)
        return failed(c, c->from, rc, "a reply subject", strerror(-rc));
    natsStatus st = natsConnection_SubscribeSync(&c->pieces, session_nats(c->from), c->inbox);
    if (st != NATS_OK)
        return failed(c, c->from, -EIO, "subscribing", natsStatus_GetText(st));
    json_t *body =
        json_pack("{s:s, s:i, s:b}", "deliver_subject", c->inbox, "chunk_size", PIECE_SIZE, "no_consumers", 0);
    rc = ask_once(c, c->from, API_STREAM_SNAPSHOT, body, &c->about);
    json_decref(body);
    return rc;
}

/* The target's answer says where it takes the pieces. One of a cluster's servers is chosen to take them: when another
 * one wins the election of the stream's leader, as happens on busy machines, that one makes an empty stream. -EAGAIN
 * then. */
static int ask_restore(struct copy *c, json_t *body)
{
    json_t *answer = NULL;

    int rc = ask_once(c, c->to, API_STREAM_RESTORE, body, &answer);
    const char *subject = json_string_value(json_object_get(answer, "deliver_subject"));
    if (rc == 0 && subject)
        rc = (c->target = strdup(subject)) ? 0 : failed(c, c->to, -ENOMEM, "RESTORE", "out of memory");
    else if (rc == 0 && json_is_true(json_object_get(answer, "did_create")))
        rc = failed(c, c->to, -EAGAIN, "RESTORE", "it made an empty stream instead: remove that, and copy again");
    else if (rc == 0)
        rc = failed(c, c->to, -EBADMSG, "RESTORE", "the answer has no subject to send to");
    json_decref(answer);
    return rc;
}

/* Deletes the empty stream of the previous attempt. */
static int remove_empty(struct copy *c)
{
    json_t *body = json_object(), *answer = NULL;

    int rc = ask_once(c, c->to, API_STREAM_DELETE, body, &answer);
    json_decref(body);
    json_decref(answer);
    return rc;
}

static int begin_restore(struct copy *c, int replicas)
{
    json_t *config = json_object_get(c->about, "config");

    if (!json_is_object(config))
        return failed(c, c->from, -EBADMSG, "SNAPSHOT", "the answer has no configuration");
    if (replicas)
        json_object_set_new(config, "num_replicas", json_integer(replicas));
    json_t *body = json_pack("{s:O, s:O?}", "config", config, "state", json_object_get(c->about, "state"));
    int rc = ask_restore(c, body);
    for (int i = 1; rc == -EAGAIN && i < ELECTIONS_MAX; i++) {
        rc = remove_empty(c);
        if (rc == 0)
            rc = ask_restore(c, body);
    }
    json_decref(body);
    return rc;
}

/* The target announces its subject before all servers of its cluster know the subscription. A piece with no responders
 * can be sent again. */
static natsStatus deliver(struct copy *c, natsMsg **ret, const void *data, int size, int64_t timeout_ms)
{
    int64_t deadline_ns = clock_now_ns() + TAKEN_NS;

    for (;;) {
        natsStatus st = natsConnection_Request(ret, session_nats(c->to), c->target, data, size, timeout_ms);
        if (st != NATS_NO_RESPONDERS || clock_now_ns() > deadline_ns)
            return st;
        poll(NULL, 0, AGAIN_MS);
    }
}

/* Forwards a piece; an empty piece is the end. The target answers each piece; an error is an API answer. */
static int put(struct copy *c, const void *data, int size, int64_t timeout_ms)
{
    struct answer answer = {0};
    natsMsg *msg = NULL;

    natsStatus st = deliver(c, &msg, data, size, timeout_ms);
    if (st != NATS_OK)
        return failed(c, c->to, -EIO, "sending the copy", natsStatus_GetText(st));
    if (natsMsg_GetDataLength(msg) > 0)
        answer_read(&answer, 0, msg);
    natsMsg_Destroy(msg);
    json_decref(answer.json);
    return answer.rc ? failed(c, c->to, answer.rc, "RESTORE", answer.text) : 0;
}

/* The source ends with an empty piece; a status above 299 in it is the reason of a failure. */
static int check_end(struct copy *c, natsMsg *msg)
{
    const char *status = NULL, *why = "it gave up";

    natsMsgHeader_Get(msg, "Description", &why);
    if (natsMsgHeader_Get(msg, "Status", &status) == NATS_OK && strtol(status, NULL, 10) >= 300)
        return failed(c, c->from, -EIO, "SNAPSHOT", why);
    return 0;
}

static int pipe_all(struct copy *c, snapshot_progress_fn progress, void *data)
{
    uint64_t bytes = 0;

    for (;;) {
        natsMsg *msg = NULL;
        natsStatus st = natsSubscription_NextMsg(&msg, c->pieces, PATIENCE_MS);
        if (st != NATS_OK)
            return failed(c, c->from, -EIO, "reading the snapshot", natsStatus_GetText(st));
        int size = natsMsg_GetDataLength(msg);
        int rc = size ? put(c, natsMsg_GetData(msg), size, PATIENCE_MS) : check_end(c, msg);
        if (rc == 0 && natsMsg_GetReply(msg))
            natsConnection_PublishString(session_nats(c->from), natsMsg_GetReply(msg), "");
        natsMsg_Destroy(msg);
        if (rc < 0)
            return rc;
        if (size == 0)
            return put(c, "", 0, RESTORE_MS);
        bytes += (uint64_t)size;
        if (progress)
            progress(data, bytes);
    }
}

int snapshot_copy(struct session *from, struct session *to, const char *stream, int replicas,
                  snapshot_progress_fn progress, void *data, struct error *err)
{
    struct copy c = {.from = from, .to = to, .stream = stream, .err = err};

    int rc = begin_snapshot(&c);
    if (rc == 0)
        rc = begin_restore(&c, replicas);
    if (rc == 0)
        rc = pipe_all(&c, progress, data);
    natsSubscription_Destroy(c.pieces);
    json_decref(c.about);
    free(c.target);
    return rc;
}
