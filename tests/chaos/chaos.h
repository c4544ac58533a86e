/* SPDX-License-Identifier: Apache-2.0
 *
 * chaos - one run: a cluster of three, a daemon, a publisher that never stops, and faults drawn by the seed.
 *
 *     chaos.c    set-up, the run, and the end: all faults undone, everything drained
 *     verbs.c    the verbs of messages: what each message makes the handler do
 *     faults.c   the schedule of faults in lanes; fault_*.c: the faults themselves, each with its undo
 *     effects.c  reads what the handlers recorded
 *     oracle.c   compares every acknowledged publish with the effects, the dead letters and the outputs
 *     report.c   prints the table
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
#define CHAOS_WORKERS_MAX 16   /* while new workers replace the old ones in a rolling restart */
#define CHAOS_PEER_WORKERS 100 /* number of its first worker */
#define CHAOS_MAX_ACK_PENDING 5000
#define CHAOS_KEYS 40
#define CHAOS_TIMEOUT_S 2  /* time limit of the handler for one message */
#define CHAOS_ACK_WAIT_S 5 /* ack wait of the consumer */

/* Host numbers, for runs with a network. */
enum { HOST_TEST, HOST_DAEMON, HOST_NODES, HOSTS = HOST_NODES + CLUSTER_NODES };

struct chaos_mode {
    const char *name;
    const char *about;
    const char *const *settings; /* "KEY=value" settings of the handler, NULL-terminated */
    bool ordered;
    bool shared; /* a second daemon runs too, and meets no faults */
};

struct chaos {
    struct world *w;
    uint64_t seed;
    double seconds;
    int64_t end_ns; /* of the injection of faults */
    const struct chaos_mode *mode;
    const char *isolated_why_not; /* why the run has no hosts and mounts of its own; NULL: it has */
    struct network *network;      /* NULL: everything uses loopback */
    struct cluster *cluster;
    bool small_disks; /* each node's store is a small file system of its own */
    struct client *client;
    struct daemon *daemon;
    struct daemon *peer; /* the second daemon; NULL: one daemon only */
    bool daemon_down;    /* a fault of the run has stopped it */
    const char *plugin;  /* the plugin's file in the plugin directory */
    const char *effects;
    int64_t *clock_offset_ns; /* offset of the daemon's date; NULL: the date cannot be changed */
    struct ledger *ledger;
    struct faults *faults;
    unsigned reconfigured; /* number of times */
    int64_t floor;         /* the highest acknowledgement floor seen: all messages up to it are settled */
    const char *death;     /* how a daemon died without a fault of the run; NULL: none died */
};

/* Writes the daemon's configuration file, with the keys that change while the daemon runs. */
void chaos_configure(struct chaos *c, unsigned max_ack_pending);

#endif
