/* SPDX-License-Identifier: Apache-2.0
 *
 * daemon - seamqd under test: its environment and flags, its log as events, its admin port.
 *
 *     struct daemon *d = daemon_new(w, server->url);
 *     daemon_handler(d, IT_SCRIPTED, "orders");
 *     daemon_env(d, "SEAMQ_HANDLER_ORDERS_WORKERS=2");
 *     daemon_start(d);
 *     daemon_wait_ready(d, 10);
 *
 * Defaults: NATS_URL, a plugin directory and an admin port of its own, JSON logs, nothing else.
 * Standard error goes through a pipe to a reader thread, which keeps every line as parsed
 * JSON and writes it to a file that a failed test prints.
 */
#ifndef SEAMQ_IT_DAEMON_H
#define SEAMQ_IT_DAEMON_H

#include "process.h"

#include <jansson.h>
#include <pthread.h>

#define DAEMON_MAX_ARGS 64

struct daemon {
    struct world *w;
    struct process *proc;
    char name[32];
    const char *plugin_dir;
    const char *log;
    const char *out;
    char *args[DAEMON_MAX_ARGS];
    size_t n_args;
    char *env[DAEMON_MAX_ARGS];
    size_t n_env;
    int admin;
    struct host host;
    int pipe_size; /* of the log; a busy reader must not cost lines */
    pthread_t reader;
    bool reading;
    int pipe_fd;
    pthread_mutex_t lock; /* of the lines */
    pthread_cond_t more;
    json_t **lines; /* NULL if the line was not JSON */
    char **texts;
    size_t n_lines;
    bool eof;
    bool paused;
    pthread_cond_t resumed;
};

/* `url`: value of NATS_URL; NULL: the variable is not set. */
struct daemon *daemon_new(struct world *w, const char *url);
void daemon_arg(struct daemon *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Sets NAME=VALUE in the daemon's environment; replaces an earlier value. */
void daemon_env(struct daemon *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void daemon_env_unset(struct daemon *d, const char *name);
/* Puts a copy of the plugin into the plugin directory as NAME.so. */
const char *daemon_handler(struct daemon *d, const char *plugin, const char *name);
/* Removes the default flags for plugin directory, log format and admin port. */
void daemon_bare(struct daemon *d);

/* Runs the daemon on another host from the next start on. */
void daemon_place(struct daemon *d, const struct host *host);

void daemon_start(struct daemon *d);                      /* also starts again after an end; the log continues */
void daemon_wait_ready(struct daemon *d, double seconds); /* waits until /readyz returns 200 */
/* Sends SIGTERM and returns the exit code (128 + signal); fails the test if the daemon does not end. */
int daemon_stop(struct daemon *d, double seconds);
void daemon_kill(struct daemon *d);

/* Runs seamqd with additional flags (--check, ...) to its end. Returns the exit code. */
int daemon_run(struct daemon *d, const char *const *more, const char **ret_out, const char **ret_err);

/* Stops reading the log's pipe; `false` continues. */
void daemon_log_pause(struct daemon *d, bool pause);

/* A mark is a place in the log: the present number of lines. */
size_t daemon_mark(struct daemon *d);
/* Waits for the first line from `from` on with this event and with each "key=value" of `fields` (separated by spaces;
 * may be NULL). The value "*" matches anything, "*text*" matches a part. NULL: deadline, or the daemon has ended. */
json_t *daemon_event(struct daemon *d, size_t from, const char *event, const char *fields, double seconds);
/* The same, but fails the test if there is no such line. */
json_t *daemon_expect_event(struct daemon *d, size_t from, const char *event, const char *fields, double seconds);
/* Waits for a line of any event that contains all of `parts` (NULL-terminated). NULL: deadline. */
const char *daemon_line(struct daemon *d, size_t from, double seconds, const char *const *parts);
#define daemon_says(d, from, seconds, ...) daemon_line(d, from, seconds, (const char *const[]){__VA_ARGS__, NULL})

/* GET on the admin port. *ret_body (may be NULL) lives as long as the world. */
int daemon_get(struct daemon *d, const char *path, const char **ret_body);
/* Waits until /readyz returns 503 with `part` in its body. Returns the body. */
const char *daemon_expect_not_ready(struct daemon *d, const char *part, double seconds);
/* The sum of a metric's samples with all of `labels` (`handler="x",outcome="ack"`; NULL: all). -1: there is none. */
double daemon_metric(struct daemon *d, const char *name, const char *labels);
bool daemon_wait_metric(struct daemon *d, const char *name, const char *labels, double at_least, double seconds);

/* Pids of the worker processes that run now. */
size_t daemon_workers(struct daemon *d, pid_t *ret, size_t max);
bool daemon_wait_workers(struct daemon *d, size_t n, double seconds);

#endif
