/* SPDX-License-Identifier: Apache-2.0
 * world - sets up and tears down one test: its files, its deadlines. */
#include "world.h"

#include "process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define DIR_PREFIX "seamq-it-"
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SLOWNESS 4.0
#else
#define SLOWNESS 1.0
#endif

struct world_at_end {
    struct world_at_end *next;
    world_cleanup fn;
    void *data;
};

static uint64_t run_seed;

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int remove_tree(const char *dir)
{
    return nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static const char *temp_root(void)
{
    const char *root = getenv("TMPDIR");
    return root && *root && strlen(root) < 64 ? root : "/tmp";
}

#define STALE_SECONDS 60

/* Removes directories of killed test programs: their locks are free. */
static void sweep_stale(void)
{
    DIR *d = opendir(temp_root());
    struct dirent *e;

    while (d && (e = readdir(d))) {
        char dir[512], lock[560];
        if (strncmp(e->d_name, DIR_PREFIX, strlen(DIR_PREFIX)) != 0)
            continue;
        snprintf(dir, sizeof(dir), "%s/%s", temp_root(), e->d_name);
        snprintf(lock, sizeof(lock), "%s/lock", dir);
        int fd = open(lock, O_RDWR | O_CLOEXEC);
        if (fd < 0)
            continue;
        /* A new directory may not be locked yet by the test that creates it. */
        struct stat st;
        if (fstat(fd, &st) == 0 && st.st_mtime < time(NULL) - STALE_SECONDS && flock(fd, LOCK_EX | LOCK_NB) == 0)
            remove_tree(dir);
        close(fd);
    }
    if (d)
        closedir(d);
}

int world_setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));

    if (!w)
        return -1;
    w->body = (world_body)*state;
    w->seed = run_seed;
    snprintf(w->dir, sizeof(w->dir), "%s/" DIR_PREFIX "%d-XXXXXX", temp_root(), (int)getpid());
    if (!mkdtemp(w->dir)) {
        print_error("mkdtemp %s: %s\n", w->dir, strerror(errno));
        free(w);
        return -1;
    }
    char lock[160];
    snprintf(lock, sizeof(lock), "%s/lock", w->dir);
    w->lock_fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (w->lock_fd < 0 || flock(w->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        print_error("lock %s: %s\n", lock, strerror(errno));
        free(w);
        return -1;
    }
    *state = w;
    return 0;
}

void world_run(void **state)
{
    struct world *w = *state;
    w->body(w);
    w->passed = true;
}

int world_teardown(void **state)
{
    struct world *w = *state;
    int rc = 0;

    if (!w)
        return -1;
    while (w->at_end) {
        struct world_at_end *e = w->at_end;
        w->at_end = e->next;
        e->fn(e->data);
        free(e);
    }
    if (!w->passed)
        process_print_logs(w);
    process_end_all(w);
    if (!process_none_left(10)) {
        print_error("the test left a process behind\n");
        rc = -1;
    }
    for (size_t i = 0; i < w->n_port_locks; i++)
        close(w->port_locks[i]);
    free(w->port_locks);
    if (getenv("IT_KEEP")) {
        char lock[160];
        snprintf(lock, sizeof(lock), "%s/lock", w->dir);
        unlink(lock); /* or the next test program would remove it */
        print_message("kept: %s\n", w->dir);
    } else if (remove_tree(w->dir) != 0 || access(w->dir, F_OK) == 0) {
        print_error("%s could not be removed: %s\n", w->dir, strerror(errno));
        rc = -1;
    }
    close(w->lock_fd);
    free(w);
    *state = NULL;
    return rc;
}

int world_main(const struct CMUnitTest *tests, size_t n, int argc, char **argv)
{
    const char *seed = getenv("IT_SEED");
    const char *filter = argc > 1 ? argv[1] : NULL;
    struct CMUnitTest *chosen = calloc(n, sizeof(*chosen));
    size_t n_chosen = 0;

    for (size_t i = 0; i < n; i++)
        if (!filter || strstr(tests[i].name, filter))
            chosen[n_chosen++] = tests[i];
    run_seed = seed ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL) * 1000003u + (uint64_t)getpid();
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("seed %" PRIu64 " (IT_SEED repeats it; IT_KEEP=1 keeps the files)\n", run_seed);
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    sweep_stale();
    int failed = _cmocka_run_group_tests("integration", chosen, n_chosen, NULL, NULL);
    free(chosen);
    return failed ? 1 : 0;
}

void world_at_end(struct world *w, world_cleanup fn, void *data)
{
    struct world_at_end *e = calloc(1, sizeof(*e));
    assert_non_null(e);
    e->fn = fn;
    e->data = data;
    e->next = w->at_end;
    w->at_end = e;
}

void world_skip(struct world *w, const char *fmt, ...)
{
    va_list ap;
    char text[512];
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    print_message("skipped: %s\n", text);
    w->passed = true;
    skip();
    abort();
}

static const char *keep_text(struct world *w, char *text)
{
    assert_non_null(text);
    world_at_end(w, free, text);
    return text;
}

const char *world_text(struct world *w, const char *fmt, ...)
{
    va_list ap;
    char *text = NULL;
    va_start(ap, fmt);
    if (vasprintf(&text, fmt, ap) < 0)
        text = NULL;
    va_end(ap);
    return keep_text(w, text);
}

const char *world_path(struct world *w, const char *fmt, ...)
{
    va_list ap;
    char *name = NULL, *text = NULL;
    va_start(ap, fmt);
    if (vasprintf(&name, fmt, ap) < 0)
        name = NULL;
    va_end(ap);
    assert_non_null(name);
    if (asprintf(&text, "%s/%s", w->dir, name) < 0)
        text = NULL;
    free(name);
    return keep_text(w, text);
}

void world_write(const char *path, const char *text)
{
    FILE *f = fopen(path, "we");
    if (!f || fputs(text, f) < 0 || fclose(f) != 0)
        fail_msg("write %s: %s", path, strerror(errno));
}

const char *world_read(struct world *w, const char *path)
{
    char *text = NULL;
    size_t len = 0;
    FILE *f = fopen(path, "re");
    if (!f)
        return "";
    if (getdelim(&text, &len, '\0', f) < 0) {
        free(text);
        text = strdup("");
    }
    fclose(f);
    return keep_text(w, text);
}

void world_copy_part(const char *from, const char *to, size_t size)
{
    char block[65536];
    FILE *in = fopen(from, "re");
    FILE *out = fopen(to, "we");
    size_t n;

    if (!in || !out)
        fail_msg("copy %s to %s: %s", from, to, strerror(errno));
    while (size > 0 && (n = fread(block, 1, size < sizeof(block) ? size : sizeof(block), in)) > 0) {
        if (fwrite(block, 1, n, out) != n)
            fail_msg("write %s: %s", to, strerror(errno));
        size -= n;
    }
    fclose(in);
    if (fclose(out) != 0 || chmod(to, 0755) != 0)
        fail_msg("write %s: %s", to, strerror(errno));
}

void world_copy(const char *from, const char *to)
{
    world_copy_part(from, to, SIZE_MAX);
}

uint32_t world_messages(uint32_t preset)
{
    const char *n = getenv("IT_MESSAGES");
    return n ? (uint32_t)strtoul(n, NULL, 10) : preset;
}

uint64_t world_random(struct world *w)
{
    return world_random_from(&w->seed);
}

uint64_t world_random_from(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15)); /* splitmix64 */
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static int64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t deadline_in(double seconds)
{
    return now_ns() + (int64_t)(seconds * SLOWNESS * 1e9);
}

int64_t deadline_left_ms(int64_t deadline)
{
    int64_t left = (deadline - now_ns()) / 1000000;
    return left > 0 ? left : 0;
}

bool world_until(bool (*holds)(void *data), void *data, double seconds)
{
    int64_t deadline = deadline_in(seconds);
    struct timespec pause = {0, 2000000};

    for (;;) {
        if (holds(data))
            return true;
        if (deadline_left_ms(deadline) == 0)
            return false;
        nanosleep(&pause, NULL); /* polls less often the longer it takes */
        if (pause.tv_nsec < 50000000)
            pause.tv_nsec += pause.tv_nsec / 2;
    }
}
