/* SPDX-License-Identifier: Apache-2.0
 *
 * daemon/admin_client - HTTP requests to the admin server of a running seamqd.
 *
 * Thread: any. Blocks.
 */
#ifndef SEAMQ_CLI_DAEMON_ADMIN_CLIENT_H
#define SEAMQ_CLI_DAEMON_ADMIN_CLIENT_H

#include "base/error.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* Sends one request ("GET" or "POST") to `addr`, which is host:port as in [seamqd] admin; 0.0.0.0 means this machine.
 * Returns the HTTP status, with the JSON body in *ret_body (the caller's; NULL: the body is not JSON); or a negative
 * errno with a sentence in `err`, -ECONNREFUSED if no program listens at `addr`. */
int admin_request(const char *addr, const char *method, const char *path, int64_t timeout_ns, json_t **ret_body,
                  struct error *err);

/* Parses a complete answer.  Returns the HTTP status with the offset of the body, or -EBADMSG.  Pure. */
int admin_parse_answer(const char *data, size_t len, size_t *ret_body_at);

#endif
