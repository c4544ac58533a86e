/* SPDX-License-Identifier: Apache-2.0
 *
 * chaos - one run: a cluster of three, a daemon, a publisher that never stops, and faults drawn by the seed.
 *
 *     chaos.c    set-up, the run, and the end: all faults undone, everything drained
 *     verbs.c    what the messages ask of the handler
 *     faults.c   lanes of faults; fault_*.c: the faults themselves, each with its undo
 *     effects.c  what the handlers recorded
 *     oracle.c   every acknowledged publish against the effects, the dead letters, and the outputs
 *     report.c   the table
 */
#ifndef SEAMQ_CHAOS_H
#define SEAMQ_CHAOS_H

#include "client.h"
#include "daemon.h"
#include "ledger.h"
#include "network.h"
#include "server.h"

#define CHAOS_STREAM "CHAOS"
#define CHAOS_HANDLER "chaos"
#define CHAOS_INSTANCE "chaos-daemon"
#define CHAOS_WORKERS 3
#define CHAOS_WORKERS_MAX 16   /* while new ones relieve the old ones */
#define CHAOS_PEER_WORKERS 100 /* the number of its first */
#define CHAOS_MAX_ACK_PENDING 5000
#define CHAOS_KEYS 40
#define CHAOS_TIMEOUT_S 2  /* the handler's, for one message */
#define CHAOS_ACK_WAIT_S 5 /* the server's */

/* Hosts of the network, if there is one. */
enum { HOST_TEST, HOST_DAEMON, HOST_NODES, HOSTS = HOST_NODES + CLUSTER_NODES };

struct chaos_mode {
    const char *name;
    const char *about;
    const char *const *settings; /* "KEY=value" of the handler, NULL-terminated */
    bool ordered;
    bool shared; /* by a second daemon, to which nothing is done */
};

struct chaos {
    struct world *w;
    uint64_t seed;
    double seconds;
    int64_t end_ns; /* of the faults */
    const struct chaos_mode *mode;
    const char *isolated_why_not; /* NULL: hosts and mounts of its own */
    struct network *network;      /* NULL: all on loopback */
    struct cluster *cluster;
    bool small_disks; /* each node's store is a small file system */
    struct client *client;
    struct daemon *daemon;
    struct daemon *peer; /* NULL: one daemon only */
    bool daemon_down;    /* we did it */
    const char *plugin;  /* the file in the plugin directory */
    const char *effects;
    int64_t *clock_offset_ns; /* of the daemon's date; NULL: cannot be changed */
    struct ledger *ledger;
    struct faults *faults;
    unsigned reconfigured; /* how often */
    int64_t floor;         /* the highest acknowledgement floor seen: all messages up to it are done */
    const char *death;     /* how a daemon died without us; NULL: none did */
};

/* Writes the daemon's configuration file: what can change while it runs. */
void chaos_configure(struct chaos *c, unsigned max_ack_pending);

#endif
