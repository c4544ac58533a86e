/* SPDX-License-Identifier: Apache-2.0
 *
 * network - hosts of the run's own, and the wire between them, which can be cut, slow and lossy.
 *
 * Each host is a network namespace with one TUN device; a thread of the test carries the packets from one to the other
 * and does to them what it is told.  So nothing is needed but /dev/net/tun and isolate_enter(): no bridge, no netem in
 * the kernel, no commands.
 */
#ifndef SEAMQ_CHAOS_NETWORK_H
#define SEAMQ_CHAOS_NETWORK_H

#include "process.h"

#define NETWORK_HOSTS_MAX 16

struct network;

struct weather { /* what happens to each packet; all zero: nothing */
    double loss; /* 0 to 1 */
    int64_t delay_ns;
    int64_t jitter_ns; /* added to the delay, at random */
};

/* `n` hosts, of which the first is the test itself.  NULL and a sentence if this machine cannot. */
struct network *network_create(struct world *w, size_t n, const char **ret_why);
/* Where to put a process; lives as long as the world. */
const struct host *network_host(struct network *net, size_t i);
/* For all packets from and to this host. */
void network_weather(struct network *net, size_t i, const struct weather *weather);

#endif
