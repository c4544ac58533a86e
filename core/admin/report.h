/* SPDX-License-Identifier: Apache-2.0
 *
 * report - the paths of the admin server, and the state of the daemon that they show.
 * Thread: the loop's.
 */
#ifndef SEAMQ_ADMIN_REPORT_H
#define SEAMQ_ADMIN_REPORT_H

#include "http.h"

#include "dispatch/handler.h"

struct report_refused { /* a plugin that did not load */
    const char *handler;
    const char *text;
};

struct report_change { /* result of a reload for one handler */
    char *handler;
    const char *action;  /* added renewed replaced removed refused; restart: a key is read at the start only */
    char *text;          /* version of the plugin, or the reason */
    int64_t recorded_ns; /* monotonic */
    bool earlier;        /* result of an earlier reload that no client has read yet */
};

struct report_reload { /* the reload that runs, or the last one */
    uint64_t number;   /* 0: none yet */
    const char *why;
    bool running;
    bool again;        /* another reload follows: it was requested while this one loaded */
    bool failed;       /* the whole snapshot was refused, nothing changed */
    int64_t last_ns;   /* Unix time at which the last reload, or the start, ended */
    bool last_refused; /* the last reload, or the start, refused something */
    bool seen;         /* a client has read the result */
    struct report_change *changes;
    size_t n_changes;
};

struct report { /* filled by the daemon, which owns all arrays and strings in it */
    const char *version;
    const char *name;
    int64_t started_ns; /* Unix time */
    bool draining;
    struct handler *const *handlers;
    size_t n_handlers;
    struct connection *const *connections;
    size_t n_connections;
    const struct report_refused *refused;
    size_t n_refused;
    struct report_reload *reload;
    void (*start_reload)(void *data);
    void (*start_drain)(void *data); /* and then exit */
    void *act_data;
};

/* Serves GET, for http_create(); `data` is a struct report. */
void report_serve(void *data, const char *path, const char *query, struct http_response *r);
/* Serves POST, for http_allow_post(): /reload (202; GET /reload shows the result) and /drain. */
void report_act(void *data, const char *path, struct http_response *r);

#endif
