/* SPDX-License-Identifier: Apache-2.0
 *
 * faults - what is done to the system, when, and how it is undone.
 *
 * Lanes run side by side, each with one fault at a time and a random sequence of its own; so the same seed gives each
 * lane the same faults, pauses and durations, whatever the others do.  Within a lane every kind comes up once before
 * any comes up again.
 */
#ifndef SEAMQ_CHAOS_FAULTS_H
#define SEAMQ_CHAOS_FAULTS_H

#include "chaos.h"

enum lane {
    LANE_CLUSTER, /* one node at a time: JetStream promises nothing without a majority */
    LANE_DAEMON,  /* and its plugin file: no start without it */
    LANE_WORKER,
    LANE_CONSUMER, /* and what the handler cannot do without */
    LANES
};

/* Which messages may be handled again because of it.  The servers' and the daemon's troubles lose acknowledgements;
 * one worker's only that of the message that it had just done; all else must lose none. */
enum repeats { REPEATS_ANY, REPEATS_WORKER, REPEATS_NONE };

struct injection {
    const struct fault *fault;
    uint64_t roll; /* of the lane's sequence, to choose with */
    int64_t at_ns;
    int64_t undone_ns; /* 0: not yet */
    struct server *node;
    pid_t pid;     /* of the worker, with REPEATS_WORKER */
    json_t *kept;  /* what undo needs */
    char what[96]; /* for people: "n2, the stream's leader" */
};

struct fault {
    const char *name;
    enum lane lane;
    enum repeats repeats;
    double least_s, most_s; /* between inject and undo */
    /* NULL, or why it is left out here. */
    const char *(*missing)(struct chaos *c);
    /* False: there is nothing to do it to just now. */
    bool (*inject)(struct chaos *c, struct injection *i);
    void (*undo)(struct chaos *c, struct injection *i); /* NULL: nothing to undo */
};

/* fault_*.c: tables that end with a fault without name. */
extern const struct fault cluster_faults[], network_faults[], disk_faults[], daemon_faults[], plugin_faults[],
    worker_faults[], consumer_faults[];

struct faults *faults_create(struct chaos *c);
/* Undoes and injects what is due; to be called often. */
void faults_step(struct faults *f);
/* Undoes everything, and injects nothing more. */
void faults_end(struct faults *f);
/* Asks for it; a struct chaos, as world_until() wants it. */
bool consumer_resumed(void *data);

/* A kind that has not come and gone yet, although it can come here; NULL: each has. */
const char *faults_yet_to_come(const struct faults *f);

/* For the report and the oracle. */
size_t faults_count(const struct faults *f);
const struct injection *faults_at(const struct faults *f, size_t i); /* in the order of their injection */
/* The kinds, left-out ones too; NULL after the last. */
const struct fault *faults_kind(size_t i);

#endif
