/* SPDX-License-Identifier: Apache-2.0
 * daemon - starts, stops and queries seamqd. */
#include "daemon.h"

#include "daemon_log.h"
#include "http.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The variable IT_SEAMQD selects another seamqd than this build's, for example an installed one. */
static const char *program(void)
{
    const char *path = getenv("IT_SEAMQD");
    return path && *path ? path : IT_SEAMQD;
}

static void daemon_destroy(void *data)
{
    struct daemon *d = data;
    if (d->proc && d->proc->running)
        process_kill(d->proc);
    daemon_log_finish(d);
    for (size_t i = 0; i < d->n_args; i++)
        free(d->args[i]);
    for (size_t i = 0; i < d->n_env; i++)
        free(d->env[i]);
    free(d);
}

struct daemon *daemon_new(struct world *w, const char *url)
{
    static unsigned count;
    struct daemon *d = calloc(1, sizeof(*d));

    assert_non_null(d);
    d->w = w;
    snprintf(d->name, sizeof(d->name), "seamqd%u", count++);
    d->plugin_dir = world_path(w, "%s.plugins", d->name);
    d->log = world_path(w, "%s.log", d->name);
    d->out = world_path(w, "%s.out", d->name);
    if (mkdir(d->plugin_dir, 0755) != 0)
        fail_msg("mkdir %s: %s", d->plugin_dir, strerror(errno));
    d->admin = world_port(w);
    d->host = (struct host){.address = "127.0.0.1"};
    d->pipe_size = 1 << 20;
    daemon_log_init(d);
    world_at_end(w, daemon_destroy, d);
    for (char **e = process_env(); *e; e++)
        daemon_env(d, "%s", *e);
    if (url)
        daemon_env(d, "NATS_URL=%s", url);
    daemon_env(d, "SEAMQ_ADMIN=%s:%d", d->host.address, d->admin);
    daemon_env(d, "SEAMQ_LOG_FORMAT=json");
    daemon_arg(d, "--plugin-dir");
    daemon_arg(d, "%s", d->plugin_dir);
    return d;
}

void daemon_arg(struct daemon *d, const char *fmt, ...)
{
    va_list ap;
    assert_true(d->n_args + 2 < DAEMON_MAX_ARGS);
    va_start(ap, fmt);
    if (vasprintf(&d->args[d->n_args], fmt, ap) >= 0)
        d->n_args++;
    va_end(ap);
}

void daemon_env_unset(struct daemon *d, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < d->n_env; i++)
        if (strncmp(d->env[i], name, len) == 0 && d->env[i][len] == '=') {
            free(d->env[i]);
            d->env[i] = d->env[--d->n_env];
            d->env[d->n_env] = NULL;
            return;
        }
}

void daemon_env(struct daemon *d, const char *fmt, ...)
{
    va_list ap;
    char *text = NULL;

    va_start(ap, fmt);
    if (vasprintf(&text, fmt, ap) < 0)
        text = NULL;
    va_end(ap);
    assert_non_null(text);
    char *equals = strchr(text, '=');
    assert_non_null(equals);
    *equals = '\0';
    daemon_env_unset(d, text);
    *equals = '=';
    assert_true(d->n_env + 2 < DAEMON_MAX_ARGS);
    d->env[d->n_env++] = text;
}

const char *daemon_handler(struct daemon *d, const char *plugin, const char *name)
{
    const char *to = world_text(d->w, "%s/%s.so", d->plugin_dir, name);
    world_copy(plugin, to);
    return to;
}

void daemon_bare(struct daemon *d)
{
    for (size_t i = 0; i < d->n_args; i++) {
        free(d->args[i]);
        d->args[i] = NULL;
    }
    d->n_args = 0;
    daemon_env_unset(d, "SEAMQ_ADMIN");
    daemon_env_unset(d, "SEAMQ_LOG_FORMAT");
}

void daemon_place(struct daemon *d, const struct host *host)
{
    d->host = *host;
    daemon_env(d, "SEAMQ_ADMIN=%s:%d", host->address, d->admin);
}

static void arguments(struct daemon *d, const char *const *more, const char **argv)
{
    size_t n = 0;
    argv[n++] = program();
    for (size_t i = 0; i < d->n_args; i++)
        argv[n++] = d->args[i];
    for (; more && *more && n + 1 < DAEMON_MAX_ARGS; more++)
        argv[n++] = *more;
    argv[n] = NULL;
}

void daemon_start(struct daemon *d)
{
    const char *argv[DAEMON_MAX_ARGS];
    int ends[2];

    if (access(program(), X_OK) != 0)
        fail_msg("%s is not there", program());
    arguments(d, NULL, argv);
    d->env[d->n_env] = NULL;
    int out = open(d->out, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (out < 0 || pipe2(ends, O_CLOEXEC) != 0)
        fail_msg("pipe for seamqd's log: %s", strerror(errno));
    fcntl(ends[1], F_SETPIPE_SZ, d->pipe_size);
    struct process_spec spec = {
        .name = d->name, .argv = argv, .env = d->env, .out_fd = out, .err_fd = ends[1], .netns = d->host.netns};
    daemon_log_finish_run(d);
    if (d->proc) {
        process_respawn(d->w, d->proc, &spec);
    } else {
        d->proc = process_spawn(d->w, &spec);
        d->proc->log = strdup(d->log);
    }
    close(out);
    close(ends[1]);
    daemon_log_read(d, ends[0]);
}

static bool ready(void *data)
{
    struct daemon *d = data;
    return process_wait(d->proc, 0) || daemon_get(d, "/readyz", NULL) == 200;
}

void daemon_wait_ready(struct daemon *d, double seconds)
{
    const char *body = "";
    if (!world_until(ready, d, seconds)) {
        int status = daemon_get(d, "/readyz", &body);
        fail_msg("seamqd is not ready after %g s: /readyz %d %s", seconds, status, body ? body : "");
    }
    if (!d->proc->running)
        fail_msg("seamqd ended with exit code %d instead of becoming ready", process_exit_code(d->proc));
}

int daemon_stop(struct daemon *d, double seconds)
{
    process_signal(d->proc, SIGTERM);
    if (!process_wait(d->proc, seconds))
        fail_msg("seamqd does not end within %g s after SIGTERM", seconds);
    return process_exit_code(d->proc);
}

void daemon_kill(struct daemon *d)
{
    process_kill(d->proc);
}

int daemon_run(struct daemon *d, const char *const *more, const char **ret_out, const char **ret_err)
{
    const char *argv[DAEMON_MAX_ARGS];
    arguments(d, more, argv);
    d->env[d->n_env] = NULL;
    return process_run(d->w, argv, d->env, 20, ret_out, ret_err);
}

int daemon_get(struct daemon *d, const char *path, const char **ret_body)
{
    char *body = NULL;
    int status = http_get_at(d->host.address, d->admin, path, 5, &body);
    if (body)
        world_at_end(d->w, free, body);
    if (ret_body)
        *ret_body = body ? body : "";
    return status;
}

struct readiness_query {
    struct daemon *d;
    const char *part;
    int status;
    const char *body;
};

static bool not_ready_because(void *data)
{
    struct readiness_query *q = data;
    q->status = daemon_get(q->d, "/readyz", &q->body);
    return q->status == 503 && strstr(q->body, q->part);
}

const char *daemon_expect_not_ready(struct daemon *d, const char *part, double seconds)
{
    struct readiness_query q = {.d = d, .part = part};
    if (!world_until(not_ready_because, &q, seconds))
        fail_msg("/readyz is not 503 with \"%s\" after %g s, but %d: %s", part, seconds, q.status, q.body);
    return q.body;
}

static bool has_labels(const char *line, const char *labels)
{
    char one[256];
    const char *end = strchr(line, '}');
    while (labels && *labels) {
        size_t n = strcspn(labels, ",");
        snprintf(one, sizeof(one), "%.*s", (int)n, labels);
        const char *at = strstr(line, one);
        if (!at || !end || at > end)
            return false;
        labels += n + (labels[n] == ',');
    }
    return true;
}

double daemon_metric(struct daemon *d, const char *name, const char *labels)
{
    char *body = NULL;
    size_t len = strlen(name);
    double sum = -1;

    if (http_get_at(d->host.address, d->admin, "/metrics", 5, &body) != 200) {
        free(body);
        return -1;
    }
    for (char *save, *line = strtok_r(body, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        const char *value = strrchr(line, ' ');
        if (strncmp(line, name, len) != 0 || (line[len] != ' ' && line[len] != '{') || !value)
            continue;
        if (has_labels(line, labels))
            sum = (sum < 0 ? 0 : sum) + strtod(value, NULL);
    }
    free(body);
    return sum;
}

struct metric_query {
    struct daemon *d;
    const char *name;
    const char *labels;
    double at_least;
};

static bool metric_reached(void *data)
{
    struct metric_query *q = data;
    return daemon_metric(q->d, q->name, q->labels) >= q->at_least;
}

bool daemon_wait_metric(struct daemon *d, const char *name, const char *labels, double at_least, double seconds)
{
    struct metric_query q = {d, name, labels, at_least};
    return world_until(metric_reached, &q, seconds);
}

size_t daemon_workers(struct daemon *d, pid_t *ret, size_t max)
{
    return process_children(d->proc->pid, ret, max);
}

struct workers_query {
    struct daemon *d;
    size_t n;
};

static bool workers_are(void *data)
{
    struct workers_query *q = data;
    return daemon_workers(q->d, NULL, 0) == q->n;
}

bool daemon_wait_workers(struct daemon *d, size_t n, double seconds)
{
    struct workers_query q = {d, n};
    return world_until(workers_are, &q, seconds);
}
