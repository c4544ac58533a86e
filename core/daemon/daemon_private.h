/* SPDX-License-Identifier: Apache-2.0
 *
 * daemon_private - the state that daemon.c (life, signals, drain), clusters.c (connections), instance.c (a
 * handler at work), instances.c (all of them), reload.c (another reading of everything) and watch.c (plugin
 * directories) share.
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

struct cluster { /* a link and its api, by one reading of its section */
    struct list node;
    struct daemon *daemon;
    struct config_snapshot *snapshot;
    const struct config_cluster *config;
    struct connection *connection;
    struct requests *requests;
    struct discovery *discovery;
    char *said; /* the last reason for being down: a server that stays away is logged once */
};

struct form { /* a handler as one reading says it */
    struct config_snapshot *snapshot;
    size_t index; /* in the generation's handlers */
};

struct instance { /* a handler at work */
    struct list node;
    struct daemon *daemon;
    struct form form;
    struct handler *handler;
    struct form renewing;             /* its workers are being renewed to this one; zero: they are not */
    struct config_snapshot **formers; /* what workers that leave still run by */
    size_t n_formers;
    struct instance *successor;   /* starting, to take over its consumers' place; NULL: none */
    struct instance *predecessor; /* of a successor, until that one has left */
    bool leaving;                 /* drains, and is gone then */
    bool gone;                    /* swept at the end of the step: nobody may hold on to it */
    int64_t give_up_ns;           /* of a successor: the predecessor stays if it is not ready by then */
    int64_t leave_until_ns;
    int64_t settle_until_ns; /* it is over then if no worker runs any more */
};

struct watch { /* the plugin directories */
    struct loop_fd inotify;
    struct loop_timer settle; /* a deploy is over when nothing has changed for a moment */
};

struct reload {
    pthread_t thread;
    bool loading;                 /* the thread runs */
    struct config_snapshot *next; /* the thread's result; NULL: out of memory */
    struct loop_fd loaded;        /* eventfd */
    int give_up;                  /* eventfd: the daemon ends */
    struct loop_timer look;       /* while units change */
    struct loop_timer retry;      /* a file was being written */
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
    unsigned n_consumers; /* ever: their inboxes must differ */
    struct report report;
    struct handler **shown; /* of the report */
    struct connection **connections;
    struct report_refused *refused;
    struct http *http;
    struct watch watch;
    struct reload reload;
    bool said_ready;
    bool draining;
    int64_t drain_until_ns;
    struct loop_timer drain_look;
    struct loop_timer give_back;
    struct loop_timer watchdog;
    int status;
};

/* daemon.c */
void daemon_look_ready(struct daemon *d);
/* After handlers or clusters came or went. 0 or -ENOMEM. */
int daemon_update_report(struct daemon *d);

/* clusters.c */
/* Opens what the generation's handlers use and is not there in the same form. */
int clusters_open(struct daemon *d, struct config_snapshot *g, struct error *err);
/* By the configuration of `g`; NULL: not open in that form. */
struct cluster *clusters_find(const struct daemon *d, const struct config_snapshot *g, const char *name);
/* Closes those that no unit uses and the current generation does not want. */
void clusters_close_unused(struct daemon *d);
void clusters_close_all(struct daemon *d);

/* instances.c */
/* Starts all handlers of the current generation. */
int instances_open(struct daemon *d, struct error *err);
/* Makes what runs what `g` says; failures concern one handler each and are reported. */
void instances_adopt(struct daemon *d, struct config_snapshot *g);
/* Goes on with what changes; false: nothing does any more. */
bool instances_step(struct daemon *d);
/* A change that decides about a reload's success is under way. */
bool instances_changing(const struct daemon *d);
bool instances_use(const struct daemon *d, const struct cluster *c);
void instances_drain(struct daemon *d);
bool instances_drained(const struct daemon *d);
void instances_destroy(struct daemon *d);

/* instance.c */
const struct config_handler *form_config(struct form f);
const struct config_handler *instance_config(const struct instance *u);
/* Whether handler `i` is wanted and can be. */
bool instance_wanted(const struct config_snapshot *g, size_t i);
/* Of the two of a change, the one that people see and that later readings are about. */
bool instance_counts(const struct instance *u);
/* Order, and one acknowledgement for many, hold for one handler at a time. */
bool instance_alone(const struct instance *u);
struct instance *instance_create(struct daemon *d, struct config_snapshot *g, size_t i, struct error *err);
/* Not while the list of units is being walked. */
void instance_destroy(struct instance *u);
/* It drains, and is gone then. */
void instance_dismiss(struct instance *u);
/* To handler `i` of `g`: by other workers, or by a successor. What comes of it is told by reload_tell(). */
void instance_renew(struct instance *u, struct config_snapshot *g, size_t i);
void instance_replace(struct instance *u, struct config_snapshot *g, size_t i);
/* What an earlier reading has begun and not finished. */
void instance_call_off(struct instance *u);
/* Goes on with what changes; false: nothing does any more. */
bool instance_step(struct instance *u);

/* reload.c */
int reload_init(struct daemon *d);
void reload_finish(struct daemon *d);
/* Reads configuration and plugins on a thread of its own, then adopts them. `why` is a constant. */
void reload_start(struct daemon *d, const char *why);
/* What became of one handler; `action` is a constant. */
void reload_tell(struct daemon *d, const char *handler, const char *action, const char *text);

/* watch.c */
int watch_init(struct daemon *d);
void watch_finish(struct daemon *d);
/* Watches the directories of the current generation. */
void watch_update(struct daemon *d);

#endif
