/* SPDX-License-Identifier: Apache-2.0
 *
 * daemon_private - the state shared by daemon.c (life, signals, drain), clusters.c (connections), instance.c (one
 * handler instance), instances.c (all of them), reload.c (new configuration snapshots) and watch.c (plugin
 * directories).
 *
 * These files are one object: they call each other through this header.  Thread: the loop's, unless said otherwise.
 */
#ifndef SEAMQ_DAEMON_DAEMON_PRIVATE_H
#define SEAMQ_DAEMON_DAEMON_PRIVATE_H

#include "daemon.h"

#include "admin/discovery.h"
#include "admin/http.h"
#include "admin/report.h"
#include "base/list.h"
#include "base/loop.h"
#include "dispatch/handler.h"

#include <pthread.h>

struct cluster { /* a connection with its requests, for one version of a [cluster.NAME] section */
    struct list node;
    struct daemon *daemon;
    struct config_snapshot *snapshot;
    const struct config_cluster *config;
    struct connection *connection;
    struct requests *requests;
    struct discovery *discovery;
    char *logged_reason; /* of being down: each reason is logged once; NULL while up */
};

struct config_ref { /* one handler of one configuration snapshot */
    struct config_snapshot *snapshot;
    size_t index; /* in the snapshot's handlers */
};

enum instance_state {
    INSTANCE_RUNNING,  /* serves, or starts to */
    INSTANCE_DRAINING, /* settles or gives back what it has, then ends */
    INSTANCE_ENDED,    /* destroyed at the end of instances_advance() or instances_apply() */
};

struct instance { /* a running handler with its consumers */
    struct list node;
    struct daemon *daemon;
    struct handler *handler;
    enum instance_state state;
    struct config_ref config;               /* what it runs */
    struct config_ref restart_target;       /* of a rolling restart under way; .snapshot is NULL: none */
    struct config_snapshot **old_snapshots; /* used by workers that a rolling restart has replaced and that still run */
    size_t n_old_snapshots;
    struct instance *successor;   /* starts, and replaces this one when ready; NULL: none */
    struct instance *predecessor; /* until it has ended this instance pulls nothing; NULL: none */
    int64_t ready_until_ns;       /* of a successor: deadline to become ready */
    int64_t drain_until_ns;       /* deadline of the drain */
    int64_t settle_until_ns;      /* deadline of the drain once all workers have ended */
};

struct watch { /* of the plugin directories */
    struct loop_fd inotify;
    struct loop_timer settle; /* fires when nothing has changed for a moment */
};

struct reload {
    pthread_t thread;
    bool loading;                 /* the thread runs */
    struct config_snapshot *next; /* result of the thread; NULL: out of memory */
    struct loop_fd loaded;        /* eventfd: the thread has finished */
    int give_up;                  /* eventfd: the daemon exits, the thread must too */
    struct loop_timer poll;       /* calls instances_advance() while instances change */
    struct loop_timer retry;      /* loads again after a plugin file was incomplete */
    struct report_reload report;
};

struct daemon {
    struct config_snapshot *snapshot; /* the current one */
    const struct config_sources *sources;
    const char *version;
    struct loop *loop;
    struct loop_fd signals;
    struct list clusters; /* those that a handler uses, and the rest of their mesh */
    struct list instances;
    unsigned n_consumers; /* created so far: the index that makes each inbox unique */
    struct report report;
    struct handler **shown_handlers; /* arrays of the report */
    struct connection **connections;
    struct report_refused *refused;
    struct http *http;
    struct watch watch;
    struct reload reload;
    bool ready_logged;
    bool draining;
    int64_t drain_until_ns;
    struct loop_timer drain_poll;
    struct loop_timer trim_heap;
    struct loop_timer watchdog;
    int status; /* exit status */
};

/* daemon.c */
/* Logs `ready` and notifies systemd once, when all current instances are ready. */
void daemon_check_ready(struct daemon *d);
/* To be called after instances or clusters were added or removed. 0 or -ENOMEM. */
int daemon_update_report(struct daemon *d);

/* clusters.c */
/* Opens the clusters that handlers of the snapshot use, unless they are open with the same configuration. */
int clusters_open(struct daemon *d, struct config_snapshot *snapshot, struct error *err);
/* The open cluster whose configuration equals that of `name` in the snapshot; NULL: none. */
struct cluster *clusters_find(const struct daemon *d, const struct config_snapshot *snapshot, const char *name);
/* Closes the clusters that no instance and no handler of the current snapshot uses. */
void clusters_close_unused(struct daemon *d);
void clusters_close_all(struct daemon *d);

/* instances.c */
/* Creates an instance of each handler of the current snapshot. */
int instances_open(struct daemon *d, struct error *err);
/* Starts the changes that lead from the present instances to `snapshot`. A failure affects one handler and is
 * recorded by reload_record(). */
void instances_apply(struct daemon *d, struct config_snapshot *snapshot);
/* Continues all changes and drains; false when none is left. */
bool instances_advance(struct daemon *d);
/* True while the result of a reload is open; a drain of a replaced instance does not count. */
bool instances_changing(const struct daemon *d);
bool instances_use_cluster(const struct daemon *d, const struct cluster *c);
void instances_drain(struct daemon *d);
bool instances_drained(const struct daemon *d);
void instances_destroy(struct daemon *d);

/* instance.c */
const struct config_handler *config_ref_handler(struct config_ref ref);
/* Version of the plugin. */
const char *config_ref_version(struct config_ref ref);
const struct config_handler *instance_config(const struct instance *instance);
/* True for the instance of its handler that is shown to operators and that later snapshots change: the running one,
 * and its successor from the moment when the running one drains. */
bool instance_is_current(const struct instance *instance);
/* True if only one instance of the handler may pull at a time: ordering, ack = cumulative. */
bool instance_is_exclusive(const struct instance *instance);
/* A rolling restart or a replacement is under way. */
bool instance_is_changing(const struct instance *instance);
struct instance *instance_create(struct daemon *d, struct config_ref ref, struct error *err);
/* Must not be called while the list of instances is walked. */
void instance_destroy(struct instance *instance);
/* Drains the instance, which ends afterwards; a successor is dropped. */
void instance_drain(struct instance *instance);
/* Rolling restart of the workers, to a configuration with the same consumers. */
void instance_restart_workers(struct instance *instance, struct config_ref to);
/* Starts a successor. Both report their result by reload_record(). */
void instance_replace(struct instance *instance, struct config_ref to);
/* Stops a change that an earlier snapshot has started. */
void instance_cancel_change(struct instance *instance);
/* Continues a change or a drain; false when there is none. */
bool instance_advance(struct instance *instance);

/* reload.c */
int reload_init(struct daemon *d);
void reload_finish(struct daemon *d);
/* Loads a configuration snapshot on a thread and then applies it. `why` is a constant. */
void reload_start(struct daemon *d, const char *why);
/* Logs and reports the result for one handler; "" for what concerns all. `action` is a constant. */
void reload_record(struct daemon *d, const char *handler, const char *action, const char *text);

/* watch.c */
int watch_init(struct daemon *d);
void watch_finish(struct daemon *d);
/* Watches the plugin directories of the current snapshot. */
void watch_update(struct daemon *d);

#endif
