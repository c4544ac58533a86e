/* SPDX-License-Identifier: Apache-2.0
 * direct_worker - an implementation of core/worker/worker.h that calls the handler in the daemon's own process. Linked
 * with it instead of the worker module, the daemon becomes `seamqd-direct`, which shows the cost of isolation. It is
 * never installed.
 *
 * worker_push() runs the handler on the message without a copy; worker_submit() delivers the outcomes of all pushed
 * messages in order. The plugin is loaded and pinned by the worker's own loader. worker_probe() is the real one, so
 * seamq-worker must be in this program's directory too.
 *
 * Supported is what the benchmark's handlers (noop.c, stamp.c) need:
 * - one handler with one worker;
 * - the host functions log, fail and count (which does nothing); any other function aborts with a sentence;
 * - no idle(), no second start, no limits (timeout, max_messages, max_memory): a crash or an endless loop of the
 *   handler is one of the daemon. */
#include "worker/worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "host/loader.h"
#include "host/options.h"

#define DONE_MAX 4096u /* at least as many as dispatch gives one worker at a time */

enum phase { PHASE_DOWN, PHASE_STARTING, PHASE_READY, PHASE_STOPPING, PHASE_ENDED };

struct worker {
    struct loop *loop;
    struct worker_callbacks callbacks;
    void *data;
    enum phase phase;
    struct loop_timer turn; /* work that must be done from the loop */
    char *plugin;
    char *handler;
    int64_t timeout_ns;
    struct worker_binding *bindings; /* owns the texts, as of the options */
    size_t n_bindings;
    struct option_text *options;
    size_t n_options;
    struct loaded loaded;
    void *self;
    int64_t last_ns; /* end of the previous message, and start of the next one */
    struct worker_outcome done[DONE_MAX];
    size_t n_done;
    bool delivering;
};

static struct worker *only;
static struct seamq_host table; /* plugins keep a pointer to this table */
static char fail_text[ERROR_TEXT_MAX];

/* ---- functions that the plugin calls ----------------------------------------------------------- */

static void call_log(int level, const char *fmt, va_list ap)
{
    char text[2048];

    vsnprintf(text, sizeof(text), fmt, ap);
    LOG_AT((enum log_level)level, "handler-log", LOG_STR("handler", table.handler), LOG_STR("msg", text));
}

static void call_fail(const char *fmt, va_list ap)
{
    vsnprintf(fail_text, sizeof(fail_text), fmt, ap);
}

static void call_count(const char *metric, int64_t by)
{
    (void)metric;
    (void)by;
}

static _Noreturn void unsupported(const char *call)
{
    log_error("direct-unsupported", LOG_STR("call", call),
              LOG_STR("msg", "seamqd-direct is for the benchmark's own handlers only: use seamqd"));
    abort();
}

static int call_settle(const seamq_msg *msg, int outcome, int64_t delay_ns, const char *fmt, va_list ap)
{
    (void)msg, (void)outcome, (void)delay_ns, (void)fmt, (void)ap;
    unsupported("settle");
}

static int call_publish(const seamq_msg *msg, const seamq_output *out, size_t out_size)
{
    (void)msg, (void)out, (void)out_size;
    unsupported("publish");
}

static const char *call_header(const seamq_msg *msg, const char *name)
{
    (void)msg, (void)name;
    unsupported("header");
}

static int call_header_at(const seamq_msg *msg, size_t index, seamq_field *ret)
{
    (void)msg, (void)index, (void)ret;
    unsupported("header_at");
}

static void *call_alloc(const seamq_msg *msg, size_t size)
{
    (void)msg, (void)size;
    unsupported("alloc");
}

static int call_extend(const seamq_msg *msg, int64_t ns)
{
    (void)msg, (void)ns;
    unsupported("extend");
}

/* ---- start and end, from the loop -------------------------------------------------------- */

static int load(struct worker *w, struct error *err)
{
    struct error note;

    table = (struct seamq_host){
        .struct_size = sizeof(table),
        .abi_major = SEAMQ_ABI_MAJOR,
        .abi_minor = SEAMQ_ABI_MINOR,
        .version = SEAMQ_VERSION,
        .handler = w->handler,
        .worker_count = 1,
        .log = call_log,
        .fail = call_fail,
        .settle = call_settle,
        .publish = call_publish,
        .header = call_header,
        .header_at = call_header_at,
        .alloc = call_alloc,
        .extend = call_extend,
        .count = call_count,
    };
    int rc = loader_load(&w->loaded, w->plugin, NULL, &table, 1, err, &note);
    if (rc)
        return rc;
    const struct seamq_plugin *p = &w->loaded.plugin;
    w->self = calloc(1, p->self_size ? p->self_size : 1);
    if (!w->self)
        return error_set(err, -ENOMEM, "handler %s: out of memory", w->handler);
    rc = options_fill(w->self, w->loaded.options, w->loaded.n_options, w->options, w->n_options, err);
    if (rc)
        return rc;
    if (p->open && p->open(w->self) != SEAMQ_OPEN_OK) {
        if (p->close)
            p->close(w->self);
        return error_set(err, -EINVAL, "%s", fail_text[0] ? fail_text : "open failed without saying why");
    }
    return 0;
}

static void ended(struct worker *w, enum worker_exit_reason reason, const char *text)
{
    struct worker_exit e = {.reason = reason, .text = text, .restart_in_ns = -1};

    w->phase = PHASE_ENDED;
    if (w->callbacks.on_exit)
        w->callbacks.on_exit(w->data, w, &e);
}

static void close_plugin(struct worker *w)
{
    if (w->loaded.plugin.close)
        w->loaded.plugin.close(w->self);
}

static void take_turn(struct loop_timer *t)
{
    struct worker *w = t->data;
    struct error err = {0};

    if (w->phase == PHASE_STARTING) {
        if (load(w, &err)) {
            ended(w, WORKER_EXIT_REFUSED, err.text);
            return;
        }
        w->phase = PHASE_READY;
        if (w->callbacks.on_ready)
            w->callbacks.on_ready(w->data, w);
    } else if (w->phase == PHASE_STOPPING) {
        if (w->self)
            close_plugin(w);
        ended(w, WORKER_EXIT_STOPPED, "stopped");
    } /* true: outcomes were delivered, so the hooks of the loop may push again */
}

void worker_start(struct worker *w)
{
    if (w->phase != PHASE_DOWN)
        return;
    w->phase = PHASE_STARTING;
    loop_arm(w->loop, &w->turn, 0);
}

void worker_stop(struct worker *w, int64_t deadline_ns)
{
    (void)deadline_ns; /* a pushed message has already run */
    if (w->phase == PHASE_STOPPING || w->phase == PHASE_ENDED)
        return;
    worker_submit(w);
    w->phase = PHASE_STOPPING;
    loop_arm(w->loop, &w->turn, 0);
}

void worker_revoke(struct worker *w, int64_t deadline_ns)
{
    worker_stop(w, deadline_ns);
}

void worker_retire(struct worker *w, int64_t leave_ns)
{
    worker_stop(w, leave_ns);
}

/* ---- create and destroy -------------------------------------------------------------------- */

static char *copy(const char *text, bool *ok)
{
    char *out = strdup(text);
    *ok = *ok && out;
    return out;
}

static bool copy_config(struct worker *w, const struct worker_config *c)
{
    bool ok = true;

    w->timeout_ns = c->timeout_ns > 0 ? c->timeout_ns : INT64_MAX / 2;
    w->plugin = copy(c->plugin, &ok);
    w->handler = copy(c->handler, &ok);
    w->bindings = calloc(c->n_bindings + 1, sizeof(*w->bindings));
    w->options = calloc(c->n_options + 1, sizeof(*w->options));
    if (!w->bindings || !w->options)
        return false;
    for (; w->n_bindings < c->n_bindings; w->n_bindings++) {
        const struct worker_binding *b = &c->bindings[w->n_bindings];
        w->bindings[w->n_bindings] =
            (struct worker_binding){copy(b->stream, &ok), copy(b->consumer, &ok), copy(b->cluster, &ok)};
    }
    for (; w->n_options < c->n_options; w->n_options++) {
        const struct worker_option *o = &c->options[w->n_options];
        w->options[w->n_options] = (struct option_text){copy(o->name, &ok), copy(o->value, &ok)};
    }
    return ok;
}

int worker_create(struct worker **ret, struct loop *loop, const struct worker_config *config,
                  const struct worker_callbacks *callbacks, void *data, struct error *err)
{
    if (only)
        return error_set(err, -ENOTSUP, "handler %s: seamqd-direct runs one handler with one worker", config->handler);
    struct worker *w = calloc(1, sizeof(*w));
    if (!w)
        return error_set(err, -ENOMEM, "handler %s: out of memory", config->handler);
    w->loop = loop;
    w->callbacks = *callbacks;
    w->data = data;
    w->turn = (struct loop_timer){.fire = take_turn, .data = w};
    if (!copy_config(w, config)) {
        worker_destroy(w);
        return error_set(err, -ENOMEM, "handler %s: out of memory", config->handler);
    }
    only = w;
    *ret = w;
    return 0;
}

/* The plugin's close() is not called, as after a kill; its code stays mapped. */
void worker_destroy(struct worker *w)
{
    if (!w)
        return;
    loop_disarm(w->loop, &w->turn);
    for (size_t i = 0; i < w->n_bindings; i++) {
        free((char *)w->bindings[i].stream);
        free((char *)w->bindings[i].consumer);
        free((char *)w->bindings[i].cluster);
    }
    for (size_t i = 0; i < w->n_options; i++) {
        free((char *)w->options[i].name);
        free((char *)w->options[i].value);
    }
    free(w->bindings);
    free(w->options);
    free(w->loaded.options);
    free(w->self);
    free(w->plugin);
    free(w->handler);
    if (only == w)
        only = NULL;
    free(w);
}

bool worker_ready(const struct worker *w)
{
    return w->phase == PHASE_READY;
}

pid_t worker_pid(const struct worker *w)
{
    return w->phase == PHASE_READY ? getpid() : 0;
}

/* ---- messages ------------------------------------------------------------------------------ */

int worker_push(struct worker *w, const struct worker_message *m)
{
    if (w->phase != PHASE_READY)
        return -ENOTCONN;
    if (m->id == 0 || m->binding >= w->n_bindings)
        return -EINVAL;
    if (w->n_done == DONE_MAX)
        return -EAGAIN;
    if (w->n_done == 0)
        w->last_ns = clock_now_ns();

    const struct worker_binding *b = &w->bindings[m->binding];
    int64_t start_ns = w->last_ns;
    seamq_msg msg = {
        .struct_size = sizeof(msg),
        .subject = m->subject,
        .data = m->data,
        .size = m->size,
        .stream = b->stream,
        .consumer = b->consumer,
        .cluster = b->cluster,
        .stream_seq = m->stream_seq,
        .consumer_seq = m->consumer_seq,
        .attempt = m->delivered,
        .pending = m->pending,
        .stored_ns = m->stored_ns,
        .deadline_ns = start_ns + w->timeout_ns,
    };
    int outcome = w->loaded.plugin.handle(w->self, &msg);
    w->last_ns = clock_now_ns(); /* the clock is read once for each message, as in the worker */
    w->done[w->n_done++] = (struct worker_outcome){
        .id = m->id,
        .outcome = outcome,
        .delay_ns = SEAMQ_BACKOFF,
        .duration_ns = w->last_ns - start_ns,
        .text = "",
    };
    return 0;
}

void worker_submit(struct worker *w)
{
    if (w->n_done == 0 || w->delivering)
        return;
    w->delivering = true;
    for (size_t i = 0; i < w->n_done; i++) /* a callback may push more messages */
        if (w->callbacks.on_outcome)
            w->callbacks.on_outcome(w->data, w, &w->done[i]);
    w->delivering = false;
    w->n_done = 0;
    /* Messages may wait for this worker. A real worker would ring its bell, which wakes the loop. */
    if (w->phase == PHASE_READY)
        loop_arm(w->loop, &w->turn, 0);
}
