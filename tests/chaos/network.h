/* SPDX-License-Identifier: Apache-2.0
 *
 * network - hosts of the run's own, and the wire between them, which can be cut, slow and lossy.
 *
 * Each host is a network namespace with one TUN device; a thread of the test carries the packets between them, and
 * delays or drops them. Only /dev/net/tun and isolate_enter() are needed: no bridge, no netem in the kernel, no
 * commands.
 */
#ifndef SEAMQ_CHAOS_NETWORK_H
#define SEAMQ_CHAOS_NETWORK_H

#include "process.h"

#define NETWORK_HOSTS_MAX 16

struct network;

struct weather { /* treatment of each packet; all zero: it is passed on */
    double loss; /* 0 to 1 */
    int64_t delay_ns;
    int64_t jitter_ns; /* at most this is added to the delay, at random */
};

/* `n` hosts, of which the first is the test itself. NULL, with a sentence, if this machine cannot create them. */
struct network *network_create(struct world *w, size_t n, const char **ret_why);
/* The namespace in which to start a process of the host; valid as long as the world. */
const struct host *network_host(struct network *net, size_t i);
/* Sets the treatment of all packets from and to this host. */
void network_weather(struct network *net, size_t i, const struct weather *weather);

#endif
