/* SPDX-License-Identifier: Apache-2.0
 * Plugin files with random damage: seamqd checks thousands of them, reports what is wrong with each, and survives;
 * hundreds replace the plugin of a running handler, and no message is lost.
 *
 * IT_DAMAGED_PLUGINS sets how many (10000, one in 30 of them to a serving handler), IT_SEED which ones.  Damage goes
 * where it hurts: the headers, the dynamic section, code and data, the length. */
#include "scene.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BATCH 100 /* files in one run of seamqd --check */
#define HEADERS_SIZE 1024
#define HANG_LIMIT_S 15 /* a plugin that hangs longer is skipped */
#define LOAD_PER_S 50
#define LAST_ID 1000000u                /* above all ids that are sent */
#define HANDLED_NS INT64_C(10000000000) /* limit from the publish to the run */

struct image {
    unsigned char *bytes;
    size_t size;
};

static struct image read_image(struct world *w, const char *path)
{
    struct stat st;
    struct image image;
    FILE *f = fopen(path, "re");

    if (!f || fstat(fileno(f), &st) != 0)
        fail_msg("open %s: %s", path, strerror(errno));
    image.size = (size_t)st.st_size;
    image.bytes = malloc(image.size);
    assert_non_null(image.bytes);
    world_at_end(w, free, image.bytes);
    assert_int_equal(fread(image.bytes, 1, image.size, f), image.size);
    fclose(f);
    return image;
}

static size_t below(struct world *w, size_t n)
{
    return world_random(w) % n;
}

static void damage(struct world *w, struct image *image)
{
    size_t reach = below(w, 3) == 0 ? HEADERS_SIZE : image->size;
    size_t at = below(w, reach), len = 1 + below(w, 64);

    if (len > image->size - at)
        len = image->size - at;
    switch (below(w, 5)) {
    case 0: image->bytes[at] ^= (unsigned char)(1u << below(w, 8)); break;
    case 1: memset(image->bytes + at, below(w, 2) ? 0xff : 0, len); break;
    case 2: memmove(image->bytes + at, image->bytes + below(w, image->size - len), len); break;
    case 3:
        for (size_t i = 0; i < len; i++)
            image->bytes[at + i] = (unsigned char)world_random(w);
        break;
    default: image->size = at; break;
    }
}

static void write_damaged_copy(struct world *w, const struct image *good, const char *path)
{
    struct image m = {.bytes = malloc(good->size), .size = good->size};
    assert_non_null(m.bytes);
    memcpy(m.bytes, good->bytes, good->size);
    for (size_t n = 1 + below(w, 4); n > 0 && m.size > HEADERS_SIZE; n--)
        damage(w, &m);
    FILE *f = fopen(path, "we");
    if (!f || fwrite(m.bytes, 1, m.size, f) != m.size || fclose(f) != 0 || chmod(path, 0755) != 0)
        fail_msg("write %s: %s", path, strerror(errno));
    free(m.bytes);
}

/* seamqd --check ends by itself with an exit status. */
static void check(struct world *w, const char *dir, uint32_t first)
{
    const char *argv[] = {IT_SEAMQD, "--check", "--plugin-dir", dir, NULL};
    const char *err;
    int code = process_run(w, argv, NULL, 300, NULL, &err);

    if (code != 0 && (code != 2 || !strstr(err, "problem")))
        fail_msg("seamqd ended with code %d on damaged plugins %u to %u of this seed: %s", code, first,
                 first + BATCH - 1, err);
}

static uint32_t how_many(void)
{
    const char *wanted = getenv("IT_DAMAGED_PLUGINS");
    return wanted ? (uint32_t)strtoul(wanted, NULL, 10) : 10000;
}

static void damaged_plugins_do_not_kill_seamqd(struct world *w)
{
    uint32_t count = how_many();
    struct image good = read_image(w, IT_SCRIPTED);
    const char *dir = world_path(w, "plugins");

    assert_int_equal(mkdir(dir, 0755), 0);
    for (uint32_t first = 0; first < count; first += BATCH) {
        for (uint32_t i = 0; i < BATCH; i++)
            write_damaged_copy(w, &good, world_text(w, "%s/m%u.so", dir, i));
        check(w, dir, first);
    }
}

/* ---- in the place of a running handler's plugin ------------------------------------------------------ */

struct spell { /* a time in which a damaged plugin may have served: what its code does with a message is unknown */
    int64_t begin_ns;
    int64_t end_ns;
};

struct siege {
    struct scene *s;
    const char *plugin;
    struct ledger *ledger;
    struct spell *spells;
    uint32_t n_spells;
    uint32_t refused;
};

/* Replaces the plugin as `cp` or as `mv` does; NULL: with the good file. */
static void deploy(struct siege *g, const struct image *good)
{
    const char *fresh = world_text(g->s->w, "%s/fresh", g->s->daemon->plugin_dir);
    bool by_rename = below(g->s->w, 2);
    const char *path = by_rename ? fresh : g->plugin;

    if (good)
        write_damaged_copy(g->s->w, good, path);
    else
        world_copy(IT_SCRIPTED, path);
    if (by_rename)
        assert_int_equal(rename(fresh, g->plugin), 0);
}

static void restore(struct siege *g)
{
    size_t from = daemon_mark(g->s->daemon);
    deploy(g, NULL);
    daemon_expect_event(g->s->daemon, from, "reload-done", "refused=0", 60);
}

/* Refused: the good code continues. Accepted, or not decided yet: restore the good file. */
static void try_one(struct siege *g, const struct image *good)
{
    size_t from = daemon_mark(g->s->daemon);
    int64_t begin_ns = deadline_in(0);

    deploy(g, good);
    json_t *done = daemon_event(g->s->daemon, from, "reload-done", NULL, HANG_LIMIT_S);
    if (done && json_at(done, "refused") > 0) {
        g->refused++;
        return;
    }
    restore(g);
    g->spells[g->n_spells++] = (struct spell){begin_ns, deadline_in(0)};
}

struct fates { /* by id: was it seen by a handler, or in the dead-letter stream? */
    uint8_t *known;
    uint32_t n;
};

static void take_dead(void *data, int64_t stored_ns, natsMsg *m)
{
    struct fates *f = data;
    uint32_t id = (uint32_t)strtoul(natsMsg_GetData(m), NULL, 10);
    (void)stored_ns;
    if (id < f->n)
        f->known[id] = 1;
}

static void take_effects(struct fates *f, const char *path)
{
    char *line = NULL;
    size_t cap = 0;
    uint32_t id;
    FILE *file = fopen(path, "re");

    while (file && getline(&line, &cap, file) > 0)
        if (sscanf(line, "%*u %*u %" SCNu32, &id) == 1 && id < f->n)
            f->known[id] = 1;
    if (file)
        fclose(file);
    free(line);
}

static bool by_a_damaged_plugin(const struct siege *g, const struct ledger_message *m)
{
    for (uint32_t i = 0; i < g->n_spells; i++)
        if (m->acked_ns + HANDLED_NS >= g->spells[i].begin_ns && m->first_ns <= g->spells[i].end_ns)
            return true;
    return false;
}

static void expect_nothing_lost(struct siege *g)
{
    struct fates f = {0};
    uint32_t by_damaged = 0, lost = 0;
    const struct ledger_message *m = ledger_messages(g->ledger, &f.n);

    f.known = calloc((size_t)f.n + 1, 1);
    assert_non_null(f.known);
    take_effects(&f, g->s->effects);
    client_each(g->s->client, "DLQ", take_dead, &f);
    for (uint32_t id = 0; id < f.n; id++)
        if (!f.known[id])
            *(by_a_damaged_plugin(g, &m[id]) ? &by_damaged : &lost) += 1;
    free(f.known);
    print_message(
        "%u damaged plugins refused, %u not; %u messages, %u without a trace while a damaged plugin served, %u lost\n",
        g->refused, g->n_spells, f.n, by_damaged, lost);
    assert_int_equal(lost, 0);
}

static void damaged_plugins_in_a_serving_handlers_place_lose_nothing(struct world *w)
{
    uint32_t count = how_many() / 30 + 1;
    struct image good = read_image(w, IT_SCRIPTED);
    struct scene *s = scene_prepare(w, NULL);
    struct siege g = {.s = s, .plugin = world_text(w, "%s/scripted.so", s->daemon->plugin_dir)};

    scene_set(s, "TIMEOUT", "2s");
    scene_start(s);
    pid_t pid = s->daemon->proc->pid;
    g.spells = calloc(count, sizeof(*g.spells));
    assert_non_null(g.spells);
    world_at_end(w, free, g.spells);
    g.ledger = ledger_start(
        w, &(struct ledger_options){.urls = s->urls, .subject = "work.test", .count = LAST_ID, .rate = LOAD_PER_S});
    for (uint32_t i = 0; i < count; i++)
        try_one(&g, &good);
    restore(&g);
    ledger_stop(g.ledger);
    ledger_finish(g.ledger, 60);
    scene_expect_settled(s, 120);
    scene_publish(s, "%u ack", LAST_ID);
    scene_expect_settled(s, 20);
    assert_int_equal(scene_effects(s, world_text(w, " %u ack", LAST_ID)), 1);
    assert_true(process_alive(pid));
    expect_nothing_lost(&g);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        IT(damaged_plugins_do_not_kill_seamqd),
        IT(damaged_plugins_in_a_serving_handlers_place_lose_nothing),
    };
    return it_main(tests, argc, argv);
}
