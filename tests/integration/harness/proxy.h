/* SPDX-License-Identifier: Apache-2.0
 *
 * proxy - stands between a client and a nats-server, and cuts the connection at a chosen message.
 *
 * Whole protocol messages are forwarded, so that "the n-th" means the same each time: the n-th PUB, HPUB, MSG or HMSG,
 * in either direction, is the first one that is not forwarded.
 */
#ifndef SEAMQ_IT_PROXY_H
#define SEAMQ_IT_PROXY_H

#include "world.h"

struct proxy;

/* Forwards to a server on loopback; its own port is proxy_port(). Lives as long as the world. */
struct proxy *proxy_start(struct world *w, int to_port);
int proxy_port(const struct proxy *p);
/* Counts messages from now on. Before the n-th one, `fn` (may be NULL) is called on the proxy's thread, then every
 * connection is closed; later connections work as usual. 0: never. */
void proxy_cut_at(struct proxy *p, unsigned n, void (*fn)(void *data), void *data);
bool proxy_has_cut(struct proxy *p);
/* While `on`, connections are closed, new ones immediately. */
void proxy_refuse(struct proxy *p, bool on);

#endif
