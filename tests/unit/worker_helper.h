/* SPDX-License-Identifier: Apache-2.0
 *
 * worker_helper - runs one worker in a loop and records what its callbacks receive.
 * CMake defines the paths WORKER_PROGRAM, BEHAVE_SO and BEHAVE2_SO; environment variables replace them.
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

#define RECORDED_MAX 4096

struct recorded_outcome {
    uint64_t id;
    int outcome;
    int64_t delay_ns;
    char text[96];
    int staged;
    char staged_subject[32];
};

struct recorder {
    struct recorded_outcome all[RECORDED_MAX]; /* the first outcomes in their order; all[outcomes] collects what is
                                                  staged for the next one */
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

static inline void recorder_ready(void *data, struct worker *w)
{
    (void)w;
    ((struct recorder *)data)->readies++;
}

static inline void recorder_outcome(void *data, struct worker *w, const struct worker_outcome *o)
{
    struct recorder *s = data;
    (void)w;
    if (s->outcomes < RECORDED_MAX) {
        struct recorded_outcome *m = &s->all[s->outcomes];
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

static inline void recorder_staged(void *data, struct worker *w, const struct worker_staged *p)
{
    struct recorder *s = data;
    (void)w;
    s->staged++;
    if (s->outcomes < RECORDED_MAX) {
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

static inline void recorder_extend(void *data, struct worker *w, uint64_t id, int64_t ns)
{
    (void)w;
    (void)id;
    ((struct recorder *)data)->extend_ns = ns;
}

static inline void recorder_count(void *data, struct worker *w, const char *metric, int64_t by)
{
    (void)w;
    if (strcmp(metric, "kept") == 0)
        ((struct recorder *)data)->counted += by;
}

static inline void recorder_exit(void *data, struct worker *w, const struct worker_exit *e)
{
    struct recorder *s = data;
    (void)w;
    s->exits++;
    s->exit = *e;
    snprintf(s->exit_text, sizeof(s->exit_text), "%s", e->text);
    snprintf(s->backtrace, sizeof(s->backtrace), "%s", e->backtrace ? e->backtrace : "");
}

static const struct worker_callbacks recorder_callbacks = {
    .on_ready = recorder_ready,
    .on_outcome = recorder_outcome,
    .on_staged = recorder_staged,
    .on_extend = recorder_extend,
    .on_count = recorder_count,
    .on_exit = recorder_exit,
};

static inline const char *path_of(const char *env, const char *built)
{
    return getenv(env) ? getenv(env) : built;
}
#define WORKER path_of("TEST_WORKER", WORKER_PROGRAM)
#define BEHAVE path_of("TEST_BEHAVE", BEHAVE_SO)
#define BEHAVE2 path_of("TEST_BEHAVE2", BEHAVE2_SO)

static const struct worker_binding recorder_binding = {"STREAM", "consumer", "default"};

static inline struct worker_config a_config(const char *plugin)
{
    return (struct worker_config){
        .program = WORKER,
        .plugin = plugin,
        .handler = "test",
        .bindings = &recorder_binding,
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

static inline void recorder_create(struct recorder *s, const struct worker_config *c)
{
    struct error err = {0};
    *s = (struct recorder){0};
    assert_int_equal(loop_create(&s->loop), 0);
    if (worker_create(&s->w, s->loop, c, &recorder_callbacks, s, &err))
        fail_msg("%s", err.text);
    worker_start(s->w);
}

static inline void recorder_destroy(struct recorder *s)
{
    worker_destroy(s->w);
    loop_destroy(s->loop);
}

/* Runs the loop until `cond`; fails the test after LONGEST_NS. */
#define WAIT(s, cond)                                                                              \
    do {                                                                                           \
        int64_t until_ = clock_now_ns() + LONGEST_NS;                                              \
        while (!(cond)) {                                                                          \
            if (clock_now_ns() > until_)                                                           \
                fail_msg("%s did not become true in time (last exit: %s)", #cond, (s)->exit_text); \
            assert_int_equal(loop_once((s)->loop, 50 * NS_PER_MS), 0);                             \
        }                                                                                          \
    } while (0)

static inline void recorder_up(struct recorder *s, const struct worker_config *c)
{
    recorder_create(s, c);
    WAIT(s, worker_ready(s->w) || s->exits);
    if (!worker_ready(s->w))
        fail_msg("not ready: %s", s->exit_text);
}

static inline int push_sized(struct recorder *s, uint64_t id, const char *data, size_t size)
{
    struct worker_message m = {
        .id = id, .subject = "test.subject", .data = data, .size = size, .stream_seq = id, .delivered = 1};
    return worker_push(s->w, &m);
}

static inline void send_one(struct recorder *s, uint64_t id, const char *data)
{
    assert_int_equal(push_sized(s, id, data, strlen(data)), 0);
    worker_submit(s->w);
}

#endif
