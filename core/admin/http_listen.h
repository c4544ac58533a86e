/* SPDX-License-Identifier: Apache-2.0
 *
 * http_listen - from "127.0.0.1:9222" to a listening, non-blocking, close-on-exec socket.
 */
#ifndef SEAMQ_ADMIN_HTTP_LISTEN_H
#define SEAMQ_ADMIN_HTTP_LISTEN_H

#include "base/error.h"

#include <stdint.h>

/* Returns the listening descriptor, which the caller owns, or a negative errno with a sentence in `err`. */
int http_listen(const char *addr, uint16_t *ret_port, struct error *err);

#endif
