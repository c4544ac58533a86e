/* SPDX-License-Identifier: Apache-2.0
 * effects - reads the workers' files, which handlers/chaos.c writes. */
#include "effects.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct loading {
    struct effects *e;
    size_t cap;
    size_t file_began; /* index of the first run of this file */
};

static struct effect *add(struct loading *l)
{
    if (l->e->n == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 4096;
        l->e->all = realloc(l->e->all, l->cap * sizeof(*l->e->all));
        assert_non_null(l->e->all);
    }
    return &l->e->all[l->e->n++];
}

/* The open run of this process. The search starts at the end: a file has the runs of one process after another. */
static struct effect *find_open(struct loading *l, pid_t pid, uint64_t seq)
{
    for (size_t i = l->e->n; i-- > l->file_began;)
        if (l->e->all[i].pid == pid && l->e->all[i].seq == seq && !l->e->all[i].end_ns)
            return &l->e->all[i];
    return NULL;
}

static void take_line(struct loading *l, uint32_t worker, const char *line)
{
    struct effect f = {.worker = worker};
    char what[8];
    int pid;

    if (sscanf(line, "%" SCNd64 " %d %" SCNu64 " %" SCNu64 " %" SCNu32 " %" SCNu32 " %7s", &f.begin_ns, &pid, &f.seq,
               &f.attempt, &f.id, &f.key, what) != 7 ||
        f.id >= l->e->n_ids)
        fail_msg("worker %u has recorded \"%s\"", worker, line);
    f.pid = pid;
    if (strcmp(what, "begin") == 0) {
        *add(l) = f;
        return;
    }
    struct effect *open = find_open(l, f.pid, f.seq);
    if (!open)
        fail_msg("worker %u has recorded an end without a begin: %s", worker, line);
    open->end_ns = f.begin_ns;
    open->outcome = what[0];
}

static void read_file(struct loading *l, const char *dir, const char *name)
{
    char path[512], *line = NULL;
    size_t cap = 0;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *f = fopen(path, "re");
    if (!f)
        fail_msg("open %s: %s", path, strerror(errno));
    l->file_began = l->e->n;
    while (getline(&line, &cap, f) > 0)
        take_line(l, (uint32_t)strtoul(name, NULL, 10), line);
    free(line);
    fclose(f);
}

static int by_begin(const void *a, const void *b)
{
    const struct effect *x = a, *y = b;
    return x->begin_ns < y->begin_ns ? -1 : x->begin_ns > y->begin_ns;
}

static void effects_destroy(void *data)
{
    struct effects *e = data;
    free(e->all);
    free(e->of_id);
    free(e);
}

const struct effects *effects_load(struct world *w, const char *dir, uint32_t n_ids)
{
    struct effects *e = calloc(1, sizeof(*e));
    struct loading l = {.e = e};
    DIR *d = opendir(dir);

    assert_true(e && d);
    world_at_end(w, effects_destroy, e);
    e->n_ids = n_ids;
    e->of_id = calloc((size_t)n_ids + 1, sizeof(struct effect *));
    assert_non_null(e->of_id);
    for (struct dirent *entry; (entry = readdir(d));)
        if (entry->d_name[0] != '.')
            read_file(&l, dir, entry->d_name);
    closedir(d);
    if (e->n)
        qsort(e->all, e->n, sizeof(*e->all), by_begin);
    for (size_t i = e->n; i-- > 0;) { /* backwards, so that each run is put before the later ones */
        e->all[i].next = e->of_id[e->all[i].id];
        e->of_id[e->all[i].id] = &e->all[i];
    }
    return e;
}

size_t effects_since(const struct effects *e, int64_t at_ns)
{
    size_t low = 0, high = e->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (e->all[mid].begin_ns < at_ns)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

void effects_print(const struct effect *e)
{
    static const char *const outcomes[256] = {
        ['a'] = "ack", ['n'] = "nak", ['d'] = "dead", ['t'] = "drop", ['u'] = "unavailable"};
    printf("    %.6f  seq %" PRIu64 ", attempt %" PRIu64 ", worker %u, pid %d, key %u: %s", (double)e->begin_ns / 1e9,
           e->seq, e->attempt, e->worker, (int)e->pid, e->key,
           e->end_ns ? outcomes[(unsigned char)e->outcome] : "no end");
    if (e->end_ns)
        printf(" after %.3f ms", (double)(e->end_ns - e->begin_ns) / 1e6);
    printf("\n");
}
