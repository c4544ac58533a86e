/* SPDX-License-Identifier: Apache-2.0
 * Plugin files with random damage: seamqd reads thousands of them, says what is wrong with each, and lives.
 *
 * IT_MUTANTS sets how many (10000), IT_SEED which ones.  Damage goes where it hurts: the headers, the dynamic
 * section, code and data, the length. */
#include "daemon.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BATCH 100 /* files in one run of seamqd --check */
#define HEADERS_SIZE 1024

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

static void write_mutant(struct world *w, const struct image *good, const char *path)
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

/* It ends by itself, with its verdict. */
static void check(struct world *w, const char *dir, uint32_t first)
{
    const char *argv[] = {IT_SEAMQD, "--check", "--plugin-dir", dir, NULL};
    const char *err;
    int code = process_run(w, argv, NULL, 300, NULL, &err);

    if (code != 0 && (code != 2 || !strstr(err, "problem")))
        fail_msg("seamqd ended with code %d on mutants %u to %u of this seed: %s", code, first, first + BATCH - 1, err);
}

static void mutants_do_not_kill_seamqd(struct world *w)
{
    const char *wanted = getenv("IT_MUTANTS");
    uint32_t count = wanted ? (uint32_t)strtoul(wanted, NULL, 10) : 10000;
    struct image good = read_image(w, IT_SCRIPTED);
    const char *dir = world_path(w, "plugins");

    assert_int_equal(mkdir(dir, 0755), 0);
    for (uint32_t first = 0; first < count; first += BATCH) {
        for (uint32_t i = 0; i < BATCH; i++)
            write_mutant(w, &good, world_text(w, "%s/m%u.so", dir, i));
        check(w, dir, first);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {IT(mutants_do_not_kill_seamqd)};
    return it_main(tests, argc, argv);
}
