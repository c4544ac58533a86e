/* SPDX-License-Identifier: Apache-2.0
 *
 * raw - a NATS client that sends input that no client library would send: broken status lines, endless headers, any
 * reply subject. Any thread, one at a time.
 */
#ifndef SEAMQ_IT_RAW_H
#define SEAMQ_IT_RAW_H

#include "world.h"

/* Connects to a server without authorization; closed with the world. */
struct raw *raw_connect(struct world *w, int port);
/* `headers` as they go over the wire ("NATS/1.0 409 What\r\n\r\n"), NULL: none. `reply` may be NULL. */
void raw_publish(struct raw *r, const char *subject, const char *reply, const void *headers, size_t headers_size,
                 const void *data, size_t size);
/* Returns when the server has accepted all input, or refused it by -ERR; fails the test if it closed the connection. */
void raw_flush(struct raw *r);

#endif
