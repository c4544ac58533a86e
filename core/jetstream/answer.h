/* SPDX-License-Identifier: Apache-2.0
 *
 * answer - a JetStream API answer taken apart.  Pure.
 */
#ifndef SEAMQ_JETSTREAM_ANSWER_H
#define SEAMQ_JETSTREAM_ANSWER_H

#include <jansson.h>
#include <nats/nats.h>

/* The JSON object is the caller's (json_decref); NULL with rc != 0. */
struct answer {
    int rc; /* 0; what the request failed with; -EBADMSG: not a JSON object; -EREMOTEIO: an error of the server's */
    int err_code; /* 10059 ... */
    int code;     /* 404 ... */
    char text[256];
    json_t *json;
};

void answer_read(struct answer *ret, int rc, natsMsg *msg);

/* What a server wrote; NULL: no JSON. nats-server 2.10 counts below zero in places and writes 18446744073709551615,
 * which is no number of jansson's: in such a document all numbers are reals. */
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
