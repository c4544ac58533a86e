/* SPDX-License-Identifier: Apache-2.0
 * faults - the lanes: draws, injects and undoes faults. */
#include "faults.h"

#include "cluster.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KINDS_MAX 64
#define ROUND_SHARE 0.75

static const struct fault *const tables[] = {cluster_faults, network_faults, disk_faults,    daemon_faults,
                                             plugin_faults,  worker_faults,  consumer_faults};

/* Pause between the undoing of a fault and the next fault. */
static const struct {
    double least_s, most_s;
} pauses[LANES] = {
    [LANE_CLUSTER] = {1, 4}, [LANE_DAEMON] = {2, 6}, [LANE_WORKER] = {0.5, 3}, [LANE_CONSUMER] = {12, 30}};

struct key_queue_state {
    uint64_t random;
    const struct fault *kinds[KINDS_MAX]; /* shuffled; the first `n_left` are still to be injected */
    size_t n_kinds, n_left;
    bool each_came;
    double pace; /* factor of all durations and pauses; below 1 if one round would take too long */
    struct injection *active;
    int64_t due_ns; /* time to undo the fault, or to inject the next one */
};

struct faults {
    struct chaos *chaos;
    struct key_queue_state lanes[LANES];
    struct injection **all; /* owned */
    size_t n;
};

const struct fault *faults_kind(size_t i)
{
    for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
        for (const struct fault *f = tables[t]; f->name; f++)
            if (i-- == 0)
                return f;
    return NULL;
}

static int64_t between(struct key_queue_state *l, double least_s, double most_s)
{
    double at = (double)(world_random_from(&l->random) >> 11) / (double)(UINT64_C(1) << 53);
    return (int64_t)((least_s + (most_s - least_s) * at) * l->pace * 1e9);
}

/* A short run injects each kind in its first part; the cluster recovers in the rest. */
static double pace(const struct key_queue_state *l, enum lane lane, double seconds)
{
    double round_s = 0;
    for (size_t i = 0; i < l->n_kinds; i++)
        round_s += (l->kinds[i]->least_s + l->kinds[i]->most_s + pauses[lane].least_s + pauses[lane].most_s) / 2;
    return round_s > seconds * ROUND_SHARE ? seconds * ROUND_SHARE / round_s : 1;
}

static const struct fault *draw(struct key_queue_state *l)
{
    if (l->n_left == 0)
        l->n_left = l->n_kinds;
    size_t i = world_random_from(&l->random) % l->n_left--;
    const struct fault *f = l->kinds[i];
    l->kinds[i] = l->kinds[l->n_left];
    l->kinds[l->n_left] = f;
    return f;
}

static void faults_destroy(void *data)
{
    struct faults *f = data;
    for (size_t i = 0; i < f->n; i++) {
        json_decref(f->all[i]->kept);
        free(f->all[i]);
    }
    free(f->all);
    free(f);
}

/* CHAOS_FAULTS limits the run to kinds whose names contain one of its comma-separated parts. */
static bool wanted(const struct fault *kind)
{
    const char *parts = getenv("CHAOS_FAULTS");
    char part[64];

    if (!parts || !*parts)
        return true;
    for (size_t n; *parts; parts += n + (parts[n] == ',')) {
        n = strcspn(parts, ",");
        snprintf(part, sizeof(part), "%.*s", (int)n, parts);
        if (n > 0 && strstr(kind->name, part))
            return true;
    }
    return false;
}

struct faults *faults_create(struct chaos *c)
{
    struct faults *f = calloc(1, sizeof(*f));
    const struct fault *kind;

    assert_non_null(f);
    world_at_end(c->w, faults_destroy, f);
    f->chaos = c;
    for (size_t i = 0; (kind = faults_kind(i)); i++) {
        struct key_queue_state *l = &f->lanes[kind->lane];
        if (!wanted(kind))
            continue;
        const char *why = kind->missing ? kind->missing(c) : NULL;
        if (why)
            printf("left out: %s: %s\n", kind->name, why);
        else
            l->kinds[l->n_kinds++] = kind;
    }
    for (size_t i = 0; i < LANES; i++) {
        f->lanes[i].random = c->seed * LANES + i;
        f->lanes[i].n_left = f->lanes[i].n_kinds;
        f->lanes[i].pace = pace(&f->lanes[i], (enum lane)i, c->seconds);
        f->lanes[i].due_ns = deadline_in(0) + between(&f->lanes[i], pauses[i].least_s, pauses[i].most_s);
    }
    return f;
}

static void tell(const struct injection *i, const char *verb)
{
    printf("%9.3f  %-7s %s%s%s\n", (double)(verb[0] == 'u' ? i->undone_ns : i->at_ns) / 1e9, verb, i->fault->name,
           i->what[0] ? ": " : "", i->what);
}

static void undo(struct faults *f, struct key_queue_state *l)
{
    struct injection *i = l->active;
    if (i->fault->undo)
        i->fault->undo(f->chaos, i);
    i->undone_ns = deadline_in(0);
    if (i->fault->undo)
        tell(i, "undone");
    l->active = NULL;
    l->each_came |= l->n_left == 0;
}

static void inject(struct faults *f, struct key_queue_state *l)
{
    if (l == &f->lanes[LANE_CLUSTER] && !cluster_is_whole(f->chaos)) {
        l->due_ns = deadline_in(0.3); /* wait until the last fault has healed: never two nodes at once */
        return;
    }
    struct injection *i = calloc(1, sizeof(*i));

    assert_non_null(i);
    i->fault = draw(l);
    i->roll = world_random_from(&l->random);
    i->at_ns = deadline_in(0);
    l->due_ns = i->at_ns + between(l, i->fault->least_s, i->fault->most_s);
    if (!i->fault->inject(f->chaos, i)) {
        l->n_left++; /* the kind is still to be injected */
        free(i);
        return;
    }
    l->active = i;
    f->all = realloc(f->all, (f->n + 1) * sizeof(struct injection *));
    assert_non_null(f->all);
    f->all[f->n++] = i;
    tell(i, "inject");
}

void faults_step(struct faults *f)
{
    for (size_t i = 0; i < LANES; i++) {
        struct key_queue_state *l = &f->lanes[i];
        if (l->n_kinds == 0 || deadline_in(0) < l->due_ns)
            continue;
        if (l->active) {
            undo(f, l);
            l->due_ns = deadline_in(0) + between(l, pauses[i].least_s, pauses[i].most_s);
        } else {
            inject(f, l);
        }
    }
}

void faults_end(struct faults *f)
{
    for (size_t i = 0; i < LANES; i++)
        if (f->lanes[i].active)
            undo(f, &f->lanes[i]);
}

const char *faults_yet_to_come(const struct faults *f)
{
    for (size_t i = 0; i < LANES; i++)
        if (f->lanes[i].n_kinds > 0 && !f->lanes[i].each_came)
            return f->lanes[i].n_left > 0 ? f->lanes[i].kinds[0]->name : f->lanes[i].active->fault->name;
    return NULL;
}

size_t faults_count(const struct faults *f)
{
    return f->n;
}

const struct injection *faults_at(const struct faults *f, size_t i)
{
    return f->all[i];
}
