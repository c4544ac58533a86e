/* SPDX-License-Identifier: Apache-2.0
 *
 * report - what the admin server shows of the daemon: /, /healthz, /readyz, /metrics.
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

struct report_change { /* what a reload made of one handler */
    char *handler;
    const char *action;  /* added renewed replaced removed refused; restart: a key is read at start only */
    char *text;          /* the plugin's version, or why */
    int64_t recorded_ns; /* monotonic */
    bool earlier;        /* of a reload before this one, which nobody has asked about */
};

struct report_reload { /* the last one, or the one under way */
    uint64_t number;   /* 0: none yet */
    const char *why;
    bool running;
    bool again;        /* another one follows: it was asked for meanwhile */
    bool failed;       /* as a whole: nothing was taken over */
    int64_t last_ns;   /* Unix time at which one was through; before the first: of the start */
    bool last_refused; /* something */
    bool seen;         /* its end, by somebody */
    struct report_change *changes;
    size_t n_changes;
};

struct report { /* filled by the daemon, which owns everything in it */
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
    void (*start_drain)(void *data); /* and end */
    void *act_data;
};

/* The http server's handler; `data` is a struct report. */
void report_serve(void *data, const char *path, const char *query, struct http_response *r);
/* The http server's POST: /reload (202, then look at GET /reload) and /drain. */
void report_act(void *data, const char *path, struct http_response *r);

#endif
