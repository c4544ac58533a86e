/* SPDX-License-Identifier: Apache-2.0
 *
 * answer - what an answer of the JetStream API or a PubAck says: success, an error of the server, or no responders.
 *
 * Pure, any thread.
 */
#ifndef SEAMQ_JETSTREAM_ANSWER_H
#define SEAMQ_JETSTREAM_ANSWER_H

#include <jansson.h>
#include <nats/nats.h>
#include <stdbool.h>

struct answer {
    /* 0; the error of the request (-EHOSTUNREACH: no responders); -EBADMSG: not a JSON object; -EREMOTEIO: the server
     * answered with an error */
    int rc;
    int err_code; /* of the server, as 10059 */
    int code;     /* of the server, as 404 */
    char text[256];
    json_t *json; /* the caller's (json_decref); NULL if rc is not 0 */
};

/* `rc`: of the request; `msg` is read only if it is 0. */
void answer_read(struct answer *ret, int rc, natsMsg *msg);
/* The same for the answer to a message that was published to a stream. rc 0 means that the stream has stored it. */
void pub_ack_read(struct answer *ret, int rc, natsMsg *msg);
/* The request may succeed when it is repeated: no responders, no leader, or not enough servers at the moment. */
bool answer_is_transient(const struct answer *a);

/* Parses JSON of a server; NULL: not JSON. nats-server 2.10 writes some negative counts as 18446744073709551615, which
 * jansson refuses as an integer. In such a document all numbers are reals. */
json_t *answer_json(const char *data, size_t size, json_error_t *ret_error);

/* err_code, as nats-server's server/errors.json has them. */
enum {
    JS_NO_SUITABLE_PEERS = 10005,
    JS_CLUSTER_NOT_AVAILABLE = 10008, /* the cluster has no leader at the moment */
    JS_CONSUMER_NAME_EXISTS = 10013,
    JS_CONSUMER_NOT_FOUND = 10014,
    JS_SEQUENCE_NOT_FOUND = 10043,
    JS_MESSAGE_TOO_LARGE = 10054, /* for the stream's max_msg_size */
    JS_DELETE_FAILED = 10057,
    JS_STREAM_NAME_EXISTS = 10058,
    JS_STREAM_NOT_FOUND = 10059,
    JS_WRONG_LAST_SEQUENCE = 10071,
    JS_CONSUMER_ALREADY_EXISTS = 10148
};

/* code, as in HTTP. */
enum { JS_CODE_NOT_FOUND = 404, JS_CODE_UNAVAILABLE = 503 };

#endif
