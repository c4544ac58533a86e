/* SPDX-License-Identifier: Apache-2.0
 *
 * faults - the schedule of faults: which fault is injected when, and how it is undone.
 *
 * A lane is a sequence of faults, one at a time, with random numbers of its own. Lanes run in parallel; the same seed
 * gives each lane the same faults, pauses and durations, independent of the other lanes. Within a lane every kind is
 * injected once before any kind is injected again.
 */
#ifndef SEAMQ_CHAOS_FAULTS_H
#define SEAMQ_CHAOS_FAULTS_H

#include "chaos.h"

enum lane {
    LANE_CLUSTER, /* one node at a time: JetStream needs a majority */
    LANE_DAEMON,  /* the daemon, and the plugin file that its start needs */
    LANE_WORKER,
    LANE_CONSUMER, /* the consumer, and the dependency of the handler */
    LANES
};

/* Which messages may be handled again because of a fault. Faults of servers and of the daemon lose acknowledgements; a
 * fault of one worker loses only that of its last message; all other faults must lose none. */
enum repeats { REPEATS_ANY, REPEATS_WORKER, REPEATS_NONE };

struct injection {
    const struct fault *fault;
    uint64_t roll; /* a random number of the lane's sequence, for choices of the fault */
    int64_t at_ns;
    int64_t undone_ns; /* 0: not undone yet */
    struct server *node;
    pid_t pid;     /* pid of the worker, with REPEATS_WORKER */
    json_t *kept;  /* data for undo() */
    char what[96]; /* text for the log: "n2, the stream's leader" */
};

struct fault {
    const char *name;
    enum lane lane;
    enum repeats repeats;
    double least_s, most_s; /* time between inject and undo */
    /* Why this run leaves the fault out; NULL: it does not. */
    const char *(*missing)(struct chaos *c);
    /* False: the fault has no target at this moment. */
    bool (*inject)(struct chaos *c, struct injection *i);
    void (*undo)(struct chaos *c, struct injection *i); /* NULL: nothing to undo */
};

/* fault_*.c: tables that end with a fault without a name. */
extern const struct fault cluster_faults[], network_faults[], disk_faults[], daemon_faults[], plugin_faults[],
    worker_faults[], consumer_faults[];

struct faults *faults_create(struct chaos *c);
/* Undoes and injects the faults that are due; call it often. */
void faults_step(struct faults *f);
/* Undoes all faults, and injects no more. */
void faults_end(struct faults *f);
/* Requests the resumption of the paused consumer. True: it is resumed. For world_until(); `data`: a struct chaos. */
bool consumer_resumed(void *data);

/* A kind that was not injected and undone yet although this run can inject it; NULL: there is none. */
const char *faults_yet_to_come(const struct faults *f);

/* All injected faults, for the report and the oracle. */
size_t faults_count(const struct faults *f);
const struct injection *faults_at(const struct faults *f, size_t i); /* in the order of injection */
/* All kinds, those left out too; NULL after the last. */
const struct fault *faults_kind(size_t i);

#endif
