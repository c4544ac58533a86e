/* SPDX-License-Identifier: Apache-2.0
 * report - recovery times by the effects, and one table with all figures (Markdown, for docs/chaos.md).
 *
 * All figures are computed after the run, so that measuring does not slow it down. */
#include "report.h"

#include "faults.h"
#include "verbs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct times {   /* figures of one kind of fault */
    double *all; /* seconds */
    size_t n;
};

static void times_add(struct times *t, double seconds)
{
    if (seconds < 0)
        return;
    t->all = realloc(t->all, (t->n + 1) * sizeof(*t->all));
    assert_non_null(t->all);
    t->all[t->n++] = seconds;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Writes "0.41 / 2.20", the median and the maximum, and frees the times. */
static const char *times_text(struct chaos *c, struct times *t)
{
    const char *text = "";
    if (t->n > 0) {
        qsort(t->all, t->n, sizeof(*t->all), by_size);
        text = world_text(c->w, "%.3f / %.3f", t->all[t->n / 2], t->all[t->n - 1]);
    }
    free(t->all);
    *t = (struct times){0};
    return text;
}

/* ---- recovery ------------------------------------------------------------------------------ */

/* The first message that was sent at `ns` or later. Messages are sent in the order of their ids. */
static uint32_t first_sent(const struct ledger_message *m, uint32_t n, int64_t ns)
{
    uint32_t low = 0, high = n;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (m[mid].first_ns < ns)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* Time until the stream acknowledged a message sent after `ns`, which is the part of the servers; -1: never. */
static double publish_recovery(const struct ledger_message *m, uint32_t n, int64_t ns)
{
    int64_t best = INT64_MAX;
    for (uint32_t id = first_sent(m, n, ns); id < n && m[id].first_ns < best; id++)
        if (m[id].acked_ns < best)
            best = m[id].acked_ns;
    return best == INT64_MAX ? -1 : (double)(best - ns) / 1e9;
}

/* Time until a message sent after `ns` was handled; -1: never. */
static double flow_recovery(const struct effects *e, const struct ledger_message *m, int64_t ns)
{
    for (size_t i = effects_since(e, ns); i < e->n; i++)
        if (m[e->all[i].id].first_ns >= ns)
            return (double)(e->all[i].begin_ns - ns) / 1e9;
    return -1;
}

/* Time until the process that replaced the worker started a message; -1: never. */
static double successor_recovery(const struct effects *e, uint32_t worker, pid_t pid, int64_t ns)
{
    for (size_t i = effects_since(e, ns); i < e->n; i++)
        if (e->all[i].worker == worker && e->all[i].pid != pid)
            return (double)(e->all[i].begin_ns - ns) / 1e9;
    return -1;
}

static double worker_recovery(const struct effects *e, const struct injection *in)
{
    for (size_t i = effects_since(e, in->at_ns); i-- > 0;)
        if (e->all[i].pid == in->pid)
            return successor_recovery(e, e->all[i].worker, in->pid, in->at_ns);
    return -1;
}

/* ---- rows -------------------------------------------------------------------------------- */

static void print_fault(struct chaos *c, const struct findings *f, const struct fault *kind)
{
    struct times publish = {0}, handled = {0};
    uint32_t n, injected = 0, repeats = 0;
    const struct ledger_message *m = ledger_messages(c->ledger, &n);

    if (kind->missing && kind->missing(c)) {
        printf("| %s | left out | | | |\n", kind->name);
        return;
    }
    for (size_t i = 0; i < faults_count(c->faults); i++) {
        const struct injection *in = faults_at(c->faults, i);
        if (in->fault != kind)
            continue;
        injected++;
        repeats += f->repeats_of[i];
        if (kind->lane == LANE_WORKER) {
            times_add(&handled, worker_recovery(f->effects, in));
        } else {
            times_add(&publish, publish_recovery(m, n, in->at_ns));
            times_add(&handled, flow_recovery(f->effects, m, in->at_ns));
        }
    }
    printf("| %s | %u | %s | %s | %u |\n", kind->name, injected, times_text(c, &publish), times_text(c, &handled),
           repeats);
}

static void print_trouble(struct chaos *c, const struct findings *f, const char *trouble)
{
    struct times handled = {0};
    uint32_t n, runs = 0;
    const struct ledger_message *m = ledger_messages(c->ledger, &n);

    for (size_t i = 0; i < f->effects->n; i++) {
        const struct effect *e = &f->effects->all[i];
        const struct verb *v = verb_of(m[e->id].verb);
        bool leaked = strcmp(trouble, "leak") == 0;
        if (!v->trouble || strcmp(v->trouble, trouble) != 0 || (!leaked && e->end_ns))
            continue;
        runs++;
        if (!leaked)
            times_add(&handled, successor_recovery(f->effects, e->worker, e->pid, e->begin_ns));
    }
    printf("| handler: %s | %u | | %s | |\n", trouble, runs, times_text(c, &handled));
}

static void print_faults(struct chaos *c, const struct findings *f)
{
    static const char *const troubles[] = {"segfault", "abort", "exit()", "hang", "leak"};
    const struct fault *kind;

    printf("\n| fault | times | published again after, s (p50 / worst) | handled again after, s (p50 / worst) | "
           "repeats |\n"
           "| --- | ---: | ---: | ---: | ---: |\n");
    for (size_t i = 0; (kind = faults_kind(i)); i++)
        print_fault(c, f, kind);
    for (size_t i = 0; i < sizeof(troubles) / sizeof(troubles[0]); i++)
        print_trouble(c, f, troubles[i]);
}

static void print_row(const char *what, uint64_t n)
{
    printf("| %s | %" PRIu64 " |\n", what, n);
}

void report_print(struct chaos *c, const struct findings *f)
{
    print_faults(c, f);
    printf("\n| messages | |\n| --- | ---: |\n");
    print_row("published and acknowledged", f->published);
    print_row("handled", f->handled);
    print_row("dead-lettered", f->dead);
    print_row("dropped at the handler's word", f->dropped);
    print_row("runs of the handler", f->runs);
    print_row("handled again, with a fault to explain it", f->repeats - f->wrong[WRONG_TWICE]);
    print_row("outputs", f->outputs);
    print_row("stored twice by the server", f->stored_twice);
    for (int i = 0; i < WRONGS; i++)
        if (i != WRONG_ORDER || c->mode->ordered)
            print_row(oracle_wrong_name((enum wrong)i), f->wrong[i]);
    print_row("stuck", (uint64_t)f->stuck);
}
