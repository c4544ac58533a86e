/* SPDX-License-Identifier: Apache-2.0
 *
 * snapshot - every number and sentence that the admin server shows, computed once for each request.
 *
 * The pages (report.c), status.json (status.c), /metrics (scrape.c) and service discovery (discovery.c) only format
 * these fields.  Strings are borrowed from the report, the handlers and the consumers: a snapshot does not outlive
 * the callback that took it.  Thread: the loop's.
 */
#ifndef SEAMQ_ADMIN_SNAPSHOT_H
#define SEAMQ_ADMIN_SNAPSHOT_H

#include "report.h"

#define SNAPSHOT_NOTE_MAX 512

struct snapshot_count { /* a number for one value of a label */
    const char *name;   /* value of the label */
    uint64_t n;
};

struct snapshot_counts {
    struct snapshot_count *items;
    size_t n;
};

struct snapshot_connection {
    const char *cluster;
    bool up;
    const char *text; /* URL of the server, or why the connection is down */
    uint64_t reconnects;
};

struct snapshot_consumer { /* of one handler on one cluster */
    const char *handler;
    const char *cluster;
    const char *via; /* cluster whose servers carry the requests */
    const char *stream;
    const char *durable;
    const char *reason; /* why it is not ready; "" when ready */
    bool ready;
    bool in_use;             /* messages are taken from this cluster at the moment */
    bool via_alternate;      /* `via` is another cluster */
    bool paused;             /* on the server */
    int64_t paused_until_ns; /* Unix time */
    struct consumer_stats stats;
    struct snapshot_counts in_flight; /* by state */
    bool ordered;
    struct key_queues_stats key_queues; /* all 0 unless ordered */
};

struct snapshot_handler {
    const char *name;
    bool refused; /* the plugin did not load: only `name`, `ready` (false), `state` and `note` are filled */
    bool ready;
    bool shadow;
    const char *state; /* "ready", "not ready" or "refused" */
    const char *note;  /* why it is not ready; or what keeps a ready handler from working; may be "" */
    char note_text[SNAPSHOT_NOTE_MAX];
    const char *plugin;
    const char *version;
    const char *durable;
    const char *filter_subject; /* the first one, before the cluster's name is filled in */
    const char *only_cluster;   /* NULL if it consumes from several */
    const char *reason;         /* why it is not ready; "" when ready */
    uint64_t workers;           /* processes that it should have */
    uint64_t workers_ready;
    uint64_t pending;            /* in the streams, undelivered */
    uint64_t in_flight;          /* ready for a worker or running */
    uint64_t dead;               /* dead letters of all reasons */
    uint64_t failed;             /* runs whose outcome is an error by outcome_table */
    int64_t average_duration_ns; /* 0 if nothing was handled */
    bool breaker_open;
    uint64_t breaker_opened;
    uint64_t handled;
    uint64_t restarts; /* of workers */
    uint64_t failovers;
    struct settle_stats settle;
    const struct histogram *duration;
    struct snapshot_counts outcomes;
    struct snapshot_counts dead_letters;       /* by reason */
    struct snapshot_counts shadowed;           /* by outcome; none unless `shadow` */
    struct snapshot_counts exits;              /* of workers, by reason */
    struct snapshot_counts counters;           /* of seamq_count() */
    const struct snapshot_consumer *consumers; /* part of the snapshot's array */
    size_t n_consumers;
};

struct admin_snapshot {
    const char *version;
    const char *name;   /* of this seamqd */
    int64_t started_ns; /* Unix time */
    int64_t up_seconds;
    bool ready;
    const char *state;         /* "ready", "not ready" or "draining" */
    bool last_reload_complete; /* the last reload refused nothing */
    int64_t last_reload_ns;    /* Unix time */
    uint64_t log_lines_dropped;
    struct snapshot_connection *connections;
    size_t n_connections;
    struct snapshot_handler *handlers; /* the running ones, then the refused ones */
    size_t n_handlers;
    size_t n_running;
    struct snapshot_consumer *consumers; /* in the order of their handlers */
    size_t n_consumers;
};

/* 0 or -ENOMEM, and then there is nothing to finish. */
int admin_snapshot_take(struct admin_snapshot *ret, const struct report *r);
void admin_snapshot_finish(struct admin_snapshot *s);

#endif
