/* SPDX-License-Identifier: Apache-2.0
 *
 * proxy - stands between a client and a nats-server, and cuts the connection at a chosen message.
 *
 * It forwards whole protocol messages, so that "at the n-th" means the same each time: the n-th PUB, HPUB, MSG or
 * HMSG, in either direction, is the first that does not get through.
 */
#ifndef SEAMQ_IT_PROXY_H
#define SEAMQ_IT_PROXY_H

#include "world.h"

struct proxy;

/* Forwards to a server on loopback; its own port is proxy_port(). Lives as long as the world. */
struct proxy *proxy_start(struct world *w, int to_port);
int proxy_port(const struct proxy *p);
/* From now on: in front of the n-th message calls `fn` (may be NULL; on the proxy's thread), then closes every
 * connection; later ones are carried as usual.  0: never. */
void proxy_cut_at(struct proxy *p, unsigned n, void (*fn)(void *data), void *data);
bool proxy_has_cut(struct proxy *p);
/* While `on` nothing gets through: connections are closed, new ones at once. */
void proxy_refuse(struct proxy *p, bool on);

#endif
