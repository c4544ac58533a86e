/* SPDX-License-Identifier: Apache-2.0
 * answer - parses answers of the JetStream API. */
#include "answer.h"

#include <errno.h>
#include <stdio.h>

json_t *answer_json(const char *data, size_t size, json_error_t *ret_error)
{
    json_t *json = json_loadb(data, size, 0, ret_error);
    if (!json && json_error_code(ret_error) == json_error_numeric_overflow)
        json = json_loadb(data, size, JSON_DECODE_INT_AS_REAL, ret_error);
    return json;
}

void answer_read(struct answer *ret, int rc, natsMsg *msg)
{
    *ret = (struct answer){.rc = rc};
    if (rc)
        return;
    json_error_t e;
    json_t *json = answer_json(natsMsg_GetData(msg), (size_t)natsMsg_GetDataLength(msg), &e);
    if (!json_is_object(json)) {
        snprintf(ret->text, sizeof(ret->text), "the answer is no JSON object: %s", e.text);
        json_decref(json);
        ret->rc = -EBADMSG;
        return;
    }
    json_t *error = json_object_get(json, "error");
    if (!json_is_object(error)) {
        ret->json = json;
        return;
    }
    const char *text = json_string_value(json_object_get(error, "description"));
    ret->rc = -EREMOTEIO;
    ret->err_code = (int)json_integer_value(json_object_get(error, "err_code"));
    ret->code = (int)json_integer_value(json_object_get(error, "code"));
    snprintf(ret->text, sizeof(ret->text), "%s", text ? text : "the server gave no description");
    json_decref(json);
}

/* Any JSON object that is not an error counts as a PubAck. */
void pub_ack_read(struct answer *ret, int rc, natsMsg *msg)
{
    answer_read(ret, rc, msg);
}

bool answer_is_transient(const struct answer *a)
{
    return a->rc == -EHOSTUNREACH ||
           (a->rc == -EREMOTEIO && (a->code == JS_CODE_UNAVAILABLE || a->err_code == JS_NO_SUITABLE_PEERS ||
                                    a->err_code == JS_CLUSTER_NOT_AVAILABLE));
}
