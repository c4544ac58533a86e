/* SPDX-License-Identifier: Apache-2.0
 *
 * daemon/admin_client - asks a running seamqd through its admin server.
 *
 * Thread: any. Waits.
 */
#ifndef SEAMQ_CLI_DAEMON_ADMIN_CLIENT_H
#define SEAMQ_CLI_DAEMON_ADMIN_CLIENT_H

#include "base/error.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* One request to `addr` (host:port as in [seamqd] admin; 0.0.0.0 means this machine). `method`: "GET" or "POST", which
 * goes with the field that the server wants to see.  The HTTP status with the JSON body in *ret_body (the caller's;
 * NULL when the body is no JSON), or negative with a sentence: -ECONNREFUSED: nobody listens there. */
int admin_request(const char *addr, const char *method, const char *path, int64_t timeout_ns, json_t **ret_body,
                  struct error *err);

/* Pure: a whole answer. The status with where the body begins in it, or -EBADMSG. */
int admin_parse_answer(const char *data, size_t len, size_t *ret_body_at);

#endif
