/* SPDX-License-Identifier: Apache-2.0
 *
 * world - the resources of one integration test: a temporary directory, processes, ports, a seed.
 *
 * A test is a function on a world; IT(name) makes a cmocka test of it. After the test the world ends every process,
 * prints the logs if the test failed, and fails the test if a process outlives it or the directory cannot be removed.
 * Orphans of a killed daemon become children of the test (subreaper), so they are found too.
 *
 * Use it from the test's own thread, except where a header says otherwise. A function that fails ends the running test
 * with a sentence.
 */
#ifndef SEAMQ_IT_WORLD_H
#define SEAMQ_IT_WORLD_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdbool.h>

struct world;
typedef void (*world_body)(struct world *w);

/* Called at the end of the world before processes are killed, in reverse order of registration. */
typedef void (*world_cleanup)(void *data);

struct world {
    char dir[128];
    uint64_t seed; /* of this test; IT_SEED sets the run's */
    world_body body;
    bool passed;
    int lock_fd; /* held while the directory is in use */
    struct process *processes;
    struct world_at_end *at_end;
    int *port_locks;
    size_t n_port_locks;
};

int world_setup(void **state);
int world_teardown(void **state);
void world_run(void **state);

/* clang-format off */
#define IT(name) {#name, world_run, world_setup, world_teardown, (void *)(name)}
/* clang-format on */

/* Runs the tests of a file. Returns the exit status for main(). `filter`: argv[1] or NULL. */
#define it_main(tests, argc, argv) world_main((tests), sizeof(tests) / sizeof((tests)[0]), (argc), (argv))
int world_main(const struct CMUnitTest *tests, size_t n, int argc, char **argv);

/* Frees `data` with `fn` at the end of the test. */
void world_at_end(struct world *w, world_cleanup fn, void *data);

/* Skips the test, and prints why. */
void world_skip(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3), noreturn));

/* A path in the world's directory; the string lives as long as the world. */
const char *world_path(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
const char *world_text(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void world_write(const char *path, const char *text);
/* The content of a file as a string that lives as long as the world; "" if the file does not exist. */
const char *world_read(struct world *w, const char *path);
void world_copy(const char *from, const char *to);
/* Copies the first `size` bytes only, as an interrupted copy does. */
void world_copy_part(const char *from, const char *to, size_t size);

/* A TCP port on loopback that no other test of this machine uses during this world. It is below the ephemeral range, so
 * outgoing connections never use it. */
int world_port(struct world *w);

/* The number of messages that a test sends: IT_MESSAGES, or `preset`. */
uint32_t world_messages(uint32_t preset);

/* The next number of the world's seeded sequence. */
uint64_t world_random(struct world *w);
/* The next number of another sequence, whose state is in *state. */
uint64_t world_random_from(uint64_t *state);

/* Deadlines are monotonic nanoseconds. `seconds` is scaled on slow builds (sanitizers). */
int64_t deadline_in(double seconds);
int64_t deadline_left_ms(int64_t deadline); /* 0: the deadline has passed */

/* Calls `holds` until it returns true or the deadline has passed. Returns its last result. */
bool world_until(bool (*holds)(void *data), void *data, double seconds);

#endif
