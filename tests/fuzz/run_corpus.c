/* SPDX-License-Identifier: Apache-2.0
 * run_corpus - main() of a fuzz target without libFuzzer: runs a directory of inputs, then mutations of
 * them.  The same seed gives the same mutations.
 *
 *     NAME_fuzz FOLDER|FILE [RUNS]        FUZZ_SEED=N gives another sequence
 *
 * An input that kills the process is written to crash-NAME; NAME_fuzz crash-NAME repeats it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_INPUTS 2000
#define MAX_SIZE 65536
#define MAX_MUTANT 8192
#define HANG_SECONDS 20

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
extern void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

struct input {
    char *name;
    uint8_t *data;
    size_t size;
};

static struct input inputs[MAX_INPUTS];
static size_t n_inputs;
static uint64_t random_state;

static char crash_file[300];
static const uint8_t *volatile current;
static volatile size_t current_size;

/* Uses async-signal-safe functions only. */
static void save_input(void)
{
    static const char text[] = "fuzz: the input is kept, run the program with it: ";
    int fd = open(crash_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || !current || write(fd, current, current_size) < 0 || write(2, text, sizeof(text) - 1) < 0 ||
        write(2, crash_file, strlen(crash_file)) < 0 || write(2, "\n", 1) < 0)
        return;
    close(fd);
}

static void on_signal(int sig)
{
    save_input();
    signal(sig == SIGALRM ? SIGABRT : sig, SIG_DFL);
    raise(sig == SIGALRM ? SIGABRT : sig);
}

/* SplitMix64 */
static uint64_t next_random(void)
{
    uint64_t z = (random_state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static size_t below(size_t n)
{
    return n ? (size_t)(next_random() % n) : 0;
}

/* The target gets a copy of exact size, so that a sanitizer reports each overrun. */
static void run(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        exit(1);
    if (size)
        memcpy(copy, data, size);
    current = data;
    current_size = size;
    alarm(HANG_SECONDS);
    LLVMFuzzerTestOneInput(copy, size);
    alarm(0);
    free(copy);
}

static int load(const char *path, const char *name)
{
    uint8_t *data = malloc(MAX_SIZE);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 || !data ? -1 : read(fd, data, MAX_SIZE);

    if (fd >= 0)
        close(fd);
    if (n < 0 || n_inputs == MAX_INPUTS) {
        fprintf(stderr, "fuzz: can't take %s: %s\n", path, n < 0 ? strerror(errno) : "too many inputs");
        free(data);
        return -1;
    }
    inputs[n_inputs++] = (struct input){strdup(name), data, (size_t)n};
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct input *)a)->name, ((const struct input *)b)->name);
}

static int load_folder(const char *folder)
{
    DIR *d = opendir(folder);
    struct dirent *e;
    int r = 0;

    if (!d) {
        fprintf(stderr, "fuzz: can't read %s: %s\n", folder, strerror(errno));
        return -1;
    }
    while (r == 0 && (e = readdir(d)) != NULL) {
        char path[1024];
        struct stat st;
        snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
        if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
            r = load(path, e->d_name);
    }
    closedir(d);
    /* Sort, so that a seed means the same on every machine. */
    if (n_inputs)
        qsort(inputs, n_inputs, sizeof(inputs[0]), by_name);
    return r;
}

/* Inserts `n` bytes at `at`. */
static size_t insert(uint8_t *buf, size_t size, size_t at, const uint8_t *data, size_t n)
{
    if (n > MAX_MUTANT - size)
        n = MAX_MUTANT - size;
    memmove(buf + at + n, buf + at, size - at);
    memmove(buf + at, data, n);
    return size + n;
}

static size_t mutate(uint8_t *buf, size_t size)
{
    static const char special[] = "\n\r\t ;#=:[].,@/\\{}*>-_\"%\0\x7f\xff"
                                  "09azAZ";
    uint8_t chunk[256];
    size_t at = below(size + 1);
    size_t n = below(below(8) ? 8 : 200) + 1;
    uint8_t c = (uint8_t)special[below(sizeof(special) - 1)];

    switch (below(7)) {
    case 0: /* flip a bit */
        if (at < size)
            buf[at] ^= (uint8_t)(1u << below(8));
        return size;
    case 1: /* replace a byte */
        if (at < size)
            buf[at] = below(2) ? c : (uint8_t)next_random();
        return size;
    case 2: return insert(buf, size, at, &c, 1);
    case 3: /* delete some bytes */
        if (n > size - at)
            n = size - at;
        memmove(buf + at, buf + at + n, size - at - n);
        return size - n;
    case 4: /* repeat some bytes, possibly many times */
        if (n > size - at)
            n = size - at;
        memcpy(chunk, buf + at, n);
        for (size_t times = below(4) ? 1 : below(64); times > 0; times--)
            size = insert(buf, size, at, chunk, n);
        return size;
    case 5: /* insert bytes of another input */
        if (n_inputs > 0) {
            const struct input *other = &inputs[below(n_inputs)];
            size_t from = below(other->size);
            return insert(buf, size, at, other->data + from, n < other->size - from ? n : other->size - from);
        }
        return size;
    default: /* insert one byte many times */ memset(chunk, c, n); return insert(buf, size, at, chunk, n);
    }
}

static void run_mutants(unsigned long runs)
{
    static uint8_t buf[MAX_MUTANT];

    for (unsigned long i = 0; i < runs; i++) {
        const struct input *from = n_inputs ? &inputs[below(n_inputs)] : NULL;
        size_t size = from ? from->size : 0;
        if (size > MAX_MUTANT)
            size = MAX_MUTANT;
        if (size)
            memcpy(buf, from->data, size);
        for (size_t times = below(6) + 1; times > 0; times--)
            size = mutate(buf, size);
        run(buf, size);
    }
}

int main(int argc, char **argv)
{
    const char *program = strrchr(argv[0], '/');
    const char *seed = getenv("FUZZ_SEED");
    unsigned long runs = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
    struct stat st;

    if (argc < 2 || stat(argv[1], &st) < 0) {
        fprintf(stderr, "usage: %s FOLDER|FILE [RUNS]\n", argv[0]);
        return 2;
    }
    snprintf(crash_file, sizeof(crash_file), "crash-%s", program ? program + 1 : argv[0]);
    if (__sanitizer_set_death_callback)
        __sanitizer_set_death_callback(save_input);
    else
        for (size_t i = 0; i < 4; i++)
            signal((int[]){SIGSEGV, SIGBUS, SIGABRT, SIGFPE}[i], on_signal);
    signal(SIGALRM, on_signal);

    if ((S_ISDIR(st.st_mode) ? load_folder(argv[1]) : load(argv[1], argv[1])) < 0)
        return 1;
    random_state = seed ? strtoull(seed, NULL, 10) : 1;
    printf("%zu inputs, %lu mutations, FUZZ_SEED=%llu\n", n_inputs, runs, (unsigned long long)random_state);
    fflush(stdout);
    run(NULL, 0);
    for (size_t i = 0; i < n_inputs; i++)
        run(inputs[i].data, inputs[i].size);
    run_mutants(runs);
    for (size_t i = 0; i < n_inputs; i++) {
        free(inputs[i].name);
        free(inputs[i].data);
    }
    return 0;
}
