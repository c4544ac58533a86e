/* SPDX-License-Identifier: Apache-2.0
 *
 * worker_helper - one worker in a loop, and everything that its callbacks said.
 * WORKER_PROGRAM, BEHAVE_SO, BEHAVE2_SO are paths given by CMake (or the environment).
 */
#ifndef SEAMQ_TESTS_WORKER_HELPER_H
#define SEAMQ_TESTS_WORKER_HELPER_H

#include "base/clock.h"
#include "base/loop.h"
#include "worker/probe.h"
#include "worker/worker.h"

#include <seamq/plugin.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LONGEST_NS (20 * NS_PER_SEC)

#define SEEN_MAX 4096

struct seen_message { /* its outcome */
    uint64_t id;
    int outcome;
    int64_t delay_ns;
    char text[96];
    int staged;
    char staged_subject[32];
};

struct seen {
    struct seen_message all[SEEN_MAX]; /* the first outcomes, in their order; [outcomes] is being staged for */
    struct loop *loop;
    struct worker *w;
    int readies, outcomes, exits, staged;
    uint64_t last_id;
    int outcome;
    int64_t delay_ns;
    int64_t extend_ns;
    char text[2048];
    char staged_subject[64];
    char staged_headers[256];
    size_t staged_headers_size;
    size_t staged_size;
    uint64_t staged_sum;
    int64_t counted;
    struct worker_exit exit;
    char exit_text[1024];
    char backtrace[8192];
};

static inline uint64_t sum_of(const char *data, size_t size)
{
    uint64_t sum = 1469598103934665603u;
    for (size_t i = 0; i < size; i++)
        sum = (sum ^ (unsigned char)data[i]) * 1099511628211u;
    return sum;
}

static inline void seen_ready(void *data, struct worker *w)
{
    (void)w;
    ((struct seen *)data)->readies++;
}

static inline void seen_outcome(void *data, struct worker *w, const struct worker_outcome *o)
{
    struct seen *s = data;
    (void)w;
    if (s->outcomes < SEEN_MAX) {
        struct seen_message *m = &s->all[s->outcomes];
        m->id = o->id;
        m->outcome = o->outcome;
        m->delay_ns = o->delay_ns;
        snprintf(m->text, sizeof(m->text), "%s", o->text);
    }
    s->outcomes++;
    s->last_id = o->id;
    s->outcome = o->outcome;
    s->delay_ns = o->delay_ns;
    snprintf(s->text, sizeof(s->text), "%s", o->text);
}

static inline void seen_staged(void *data, struct worker *w, const struct worker_staged *p)
{
    struct seen *s = data;
    (void)w;
    s->staged++;
    if (s->outcomes < SEEN_MAX) {
        s->all[s->outcomes].staged++;
        snprintf(s->all[s->outcomes].staged_subject, sizeof(s->all[0].staged_subject), "%s", p->subject);
    }
    s->staged_size = p->size;
    s->staged_sum = sum_of(p->data, p->size);
    snprintf(s->staged_subject, sizeof(s->staged_subject), "%s", p->subject);
    s->staged_headers_size = p->headers_size < sizeof(s->staged_headers) ? p->headers_size : 0;
    if (s->staged_headers_size)
        memcpy(s->staged_headers, p->headers, s->staged_headers_size);
}

static inline void seen_extend(void *data, struct worker *w, uint64_t id, int64_t ns)
{
    (void)w;
    (void)id;
    ((struct seen *)data)->extend_ns = ns;
}

static inline void seen_count(void *data, struct worker *w, const char *metric, int64_t by)
{
    (void)w;
    if (strcmp(metric, "kept") == 0)
        ((struct seen *)data)->counted += by;
}

static inline void seen_exit(void *data, struct worker *w, const struct worker_exit *e)
{
    struct seen *s = data;
    (void)w;
    s->exits++;
    s->exit = *e;
    snprintf(s->exit_text, sizeof(s->exit_text), "%s", e->text);
    snprintf(s->backtrace, sizeof(s->backtrace), "%s", e->backtrace ? e->backtrace : "");
}

static const struct worker_callbacks seen_callbacks = {
    .on_ready = seen_ready,
    .on_outcome = seen_outcome,
    .on_staged = seen_staged,
    .on_extend = seen_extend,
    .on_count = seen_count,
    .on_exit = seen_exit,
};

static inline const char *path_of(const char *env, const char *built)
{
    return getenv(env) ? getenv(env) : built;
}
#define WORKER path_of("TEST_WORKER", WORKER_PROGRAM)
#define BEHAVE path_of("TEST_BEHAVE", BEHAVE_SO)
#define BEHAVE2 path_of("TEST_BEHAVE2", BEHAVE2_SO)

static const struct worker_binding seen_binding = {"STREAM", "consumer", "default"};

static inline struct worker_config a_config(const char *plugin)
{
    return (struct worker_config){
        .program = WORKER,
        .plugin = plugin,
        .handler = "test",
        .bindings = &seen_binding,
        .n_bindings = 1,
        .timeout_ns = LONGEST_NS,
    };
}

static inline void probe_all(const char *program, const char *const *paths, size_t n, int64_t timeout_ns,
                             struct plugin_info *infos, struct image *images, struct error *errs)
{
    struct worker_probe how = {.program = program, .timeout_ns = timeout_ns, .cancel_fd = -1};
    worker_probe(&how, paths, n, infos, images, errs);
}

static inline void seen_create(struct seen *s, const struct worker_config *c)
{
    struct error err = {0};
    *s = (struct seen){0};
    assert_int_equal(loop_create(&s->loop), 0);
    if (worker_create(&s->w, s->loop, c, &seen_callbacks, s, &err))
        fail_msg("%s", err.text);
    worker_start(s->w);
}

static inline void seen_destroy(struct seen *s)
{
    worker_destroy(s->w);
    loop_destroy(s->loop);
}

/* Runs the loop until `cond`; fails the test after LONGEST_NS. */
#define WAIT(s, cond)                                                                     \
    do {                                                                                  \
        int64_t until_ = clock_now_ns() + LONGEST_NS;                                     \
        while (!(cond)) {                                                                 \
            if (clock_now_ns() > until_)                                                  \
                fail_msg("waited in vain for %s (last exit: %s)", #cond, (s)->exit_text); \
            assert_int_equal(loop_once((s)->loop, 50 * NS_PER_MS), 0);                    \
        }                                                                                 \
    } while (0)

static inline void seen_up(struct seen *s, const struct worker_config *c)
{
    seen_create(s, c);
    WAIT(s, worker_ready(s->w) || s->exits);
    if (!worker_ready(s->w))
        fail_msg("not ready: %s", s->exit_text);
}

static inline int push_sized(struct seen *s, uint64_t id, const char *data, size_t size)
{
    struct worker_message m = {
        .id = id, .subject = "test.subject", .data = data, .size = size, .stream_seq = id, .delivered = 1};
    return worker_push(s->w, &m);
}

static inline void send_one(struct seen *s, uint64_t id, const char *data)
{
    assert_int_equal(push_sized(s, id, data, strlen(data)), 0);
    worker_submit(s->w);
}

#endif
