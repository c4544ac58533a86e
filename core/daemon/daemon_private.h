/* SPDX-License-Identifier: Apache-2.0
 *
 * daemon_private - the state that daemon.c (life, signals, drain), clusters.c (connections), unit.c (a
 * handler at work), units.c (all of them), reload.c (another reading of everything) and watch.c (plugin
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
    struct generation *generation;
    const struct config_cluster *config;
    struct link *link;
    struct api *api;
    struct discovery *discovery;
    char *said; /* the last reason for being down: a server that stays away is logged once */
};

struct form { /* a handler as one reading says it */
    struct generation *generation;
    size_t index; /* in the generation's handlers */
};

struct unit { /* a handler at work */
    struct list node;
    struct daemon *daemon;
    struct form form;
    struct handler *handler;
    struct form renewing;        /* its workers are being renewed to this one; zero: they are not */
    struct generation **formers; /* what workers that leave still run by */
    size_t n_formers;
    struct unit *successor;   /* starting, to take over its consumers' place; NULL: none */
    struct unit *predecessor; /* of a successor, until that one has left */
    bool leaving;             /* drains, and is gone then */
    bool gone;                /* swept at the end of the step: nobody may hold on to it */
    int64_t give_up_ns;       /* of a successor: the predecessor stays if it is not ready by then */
    int64_t leave_until_ns;
    int64_t settle_until_ns; /* it is over then if no worker runs any more */
};

struct watch { /* the plugin directories */
    struct loop_fd inotify;
    struct loop_timer settle; /* a deploy is over when nothing has changed for a moment */
};

struct reload {
    pthread_t thread;
    bool loading;            /* the thread runs */
    struct generation *next; /* the thread's result; NULL: out of memory */
    struct loop_fd loaded;   /* eventfd */
    int give_up;             /* eventfd: the daemon ends */
    struct loop_timer look;  /* while units change */
    struct loop_timer retry; /* a file was being written */
    struct report_reload report;
};

struct daemon {
    struct generation *generation; /* the current one */
    const struct generation_sources *sources;
    const char *version;
    struct loop *loop;
    struct loop_fd signals;
    struct list clusters; /* those that a handler uses, and the rest of their mesh */
    struct list units;
    unsigned n_consumers; /* ever: their inboxes must differ */
    struct report report;
    struct handler **shown; /* of the report */
    struct link **links;
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
int clusters_open(struct daemon *d, struct generation *g, struct error *err);
/* By the configuration of `g`; NULL: not open in that form. */
struct cluster *clusters_find(const struct daemon *d, const struct generation *g, const char *name);
/* Closes those that no unit uses and the current generation does not want. */
void clusters_close_unused(struct daemon *d);
void clusters_close_all(struct daemon *d);

/* units.c */
/* Starts all handlers of the current generation. */
int units_open(struct daemon *d, struct error *err);
/* Makes what runs what `g` says; failures concern one handler each and are reported. */
void units_adopt(struct daemon *d, struct generation *g);
/* Goes on with what changes; false: nothing does any more. */
bool units_step(struct daemon *d);
/* A change that decides about a reload's success is under way. */
bool units_changing(const struct daemon *d);
bool units_use(const struct daemon *d, const struct cluster *c);
void units_drain(struct daemon *d);
bool units_drained(const struct daemon *d);
void units_destroy(struct daemon *d);

/* unit.c */
const struct config_handler *form_config(struct form f);
const struct config_handler *unit_config(const struct unit *u);
/* Whether handler `i` is wanted and can be. */
bool unit_wanted(const struct generation *g, size_t i);
/* Of the two of a change, the one that people see and that later readings are about. */
bool unit_counts(const struct unit *u);
/* Order, and one acknowledgement for many, hold for one handler at a time. */
bool unit_alone(const struct unit *u);
struct unit *unit_create(struct daemon *d, struct generation *g, size_t i, struct error *err);
/* Not while the list of units is being walked. */
void unit_destroy(struct unit *u);
/* It drains, and is gone then. */
void unit_dismiss(struct unit *u);
/* To handler `i` of `g`: by other workers, or by a successor. What comes of it is told by reload_tell(). */
void unit_renew(struct unit *u, struct generation *g, size_t i);
void unit_replace(struct unit *u, struct generation *g, size_t i);
/* What an earlier reading has begun and not finished. */
void unit_call_off(struct unit *u);
/* Goes on with what changes; false: nothing does any more. */
bool unit_step(struct unit *u);

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
