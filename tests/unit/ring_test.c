/* SPDX-License-Identifier: Apache-2.0
 * ring - records through shared memory: order, wrap, bounds, sleep, and invalid data of the peer. */
#include "ring/record.h"
#include "ring/ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Both ends of the ring in one process. */
struct both {
    struct ring parent;
    struct ring child;
    int in, out;
};

static void both_open(struct both *b, size_t bytes)
{
    *b = (struct both){.in = -1, .out = -1};
    assert_int_equal(ring_memfd("in", bytes, &b->in), 0);
    assert_int_equal(ring_memfd("out", bytes, &b->out), 0);
    assert_int_equal(ring_attach(&b->parent, b->in, b->out), 0);
    assert_int_equal(ring_attach(&b->child, b->out, b->in), 0);
}

static void both_close(struct both *b)
{
    ring_detach(&b->parent);
    ring_detach(&b->child);
    close(b->in);
    close(b->out);
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static uint64_t seed(void)
{
    const char *given = getenv("TEST_SEED");
    uint64_t s = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) * 2654435761u ^ (uint64_t)getpid();
    print_message("TEST_SEED=%llu\n", (unsigned long long)s);
    return s ? s : 1;
}

static void the_reader_cannot_write_a_sealed_ring(void **state)
{
    (void)state;
    struct both b;
    both_open(&b, 4096);
    assert_int_equal(ring_seal(b.in, true), 0);
    assert_true(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, b.in, 0) == MAP_FAILED);
    assert_int_equal(write(b.in, "x", 1), -1);
    assert_int_equal(ftruncate(b.in, 0), -1);
    assert_int_equal(ftruncate(b.out, 0), -1);
    assert_non_null(ring_put(&b.parent, RECORD_MESSAGE, 8)); /* the old mapping stays writable */
    int plain = memfd_create("plain", MFD_CLOEXEC);
    assert_int_equal(ftruncate(plain, 8192), 0);
    assert_int_equal(ring_memfd_bytes(plain), -EPERM);
    close(plain);
    int fd;
    assert_int_equal(ring_memfd("odd", 5000, &fd), -EINVAL);
    both_close(&b);
}

static void unpublished_records_do_not_exist(void **state)
{
    (void)state;
    struct both b;
    struct ring_record r;
    both_open(&b, 4096);
    memcpy(ring_put(&b.parent, RECORD_MESSAGE, 5), "first", 5);
    assert_int_equal(ring_next(&b.child, &r), 0);
    uint64_t mark = b.parent.tx_head;
    memcpy(ring_put(&b.parent, RECORD_MESSAGE, 5), "taken", 5);
    assert_true(ring_rewind(&b.parent, mark));
    ring_publish(&b.parent);
    assert_false(ring_rewind(&b.parent, 0));
    assert_int_equal(ring_next(&b.child, &r), 1);
    assert_int_equal(r.size, 5);
    assert_int_equal(r.type, RECORD_MESSAGE);
    assert_memory_equal(r.payload, "first", 5);
    assert_int_equal(ring_next(&b.child, &r), 0);
    both_close(&b);
}

static void the_largest_record_always_fits_an_empty_ring(void **state)
{
    (void)state;
    struct both b;
    struct ring_record r;
    both_open(&b, 4096);
    uint32_t max = ring_payload_max(&b.parent);
    assert_null(ring_put(&b.parent, RECORD_MESSAGE, max + 1));
    for (uint32_t offset = 8; offset < 4096; offset += 8) { /* from every position */
        assert_non_null(ring_put(&b.parent, RECORD_MESSAGE, 0));
        ring_publish(&b.parent);
        assert_int_equal(ring_next(&b.child, &r), 1);
        ring_done(&b.child);
        ring_release(&b.child);
        char *at = ring_put(&b.parent, RECORD_MESSAGE, max);
        assert_non_null(at);
        memset(at, (int)offset, max);
        ring_publish(&b.parent);
        assert_int_equal(ring_next(&b.child, &r), 1);
        assert_int_equal(r.size, max);
        ring_done(&b.child);
        ring_release(&b.child);
    }
    both_close(&b);
}

static void room_comes_back_only_when_released(void **state)
{
    (void)state;
    struct both b;
    struct ring_record r;
    both_open(&b, 4096);
    int n = 0;
    while (ring_put(&b.parent, RECORD_MESSAGE, 56))
        n++;
    assert_int_equal(n, 64);
    ring_publish(&b.parent);
    for (int i = 0; i < 64; i++)
        assert_int_equal(ring_next(&b.child, &r), 1);
    ring_release(&b.child); /* all except the current one */
    for (n = 0; ring_put(&b.parent, RECORD_MESSAGE, 56); n++)
        ;
    assert_int_equal(n, 63);
    ring_done(&b.child);
    ring_release(&b.child);
    assert_non_null(ring_put(&b.parent, RECORD_MESSAGE, 56));
    both_close(&b);
}

/* ---- two sides at once: N records of random sizes, each checked ---- */

struct side {
    struct ring *ring;
    int bell; /* the worker sleeps on it */
    uint64_t seed;
    uint64_t count;
    uint64_t bad;
};

static void send_all(struct side *s)
{
    uint64_t random = s->seed;
    uint64_t one = 1;
    for (uint64_t i = 0; i < s->count; i++) {
        uint32_t size = (uint32_t)(next_random(&random) % 300) + 8;
        char *at;
        while (!(at = ring_put(s->ring, RECORD_MESSAGE, size)))
            if (ring_publish_wakes(s->ring) && write(s->bell, &one, 8) != 8)
                s->bad++;
        memset(at, (int)(i & 0xff), size);
        memcpy(at, &i, 8);
        if (next_random(&random) % 7 == 0 && ring_publish_wakes(s->ring) && write(s->bell, &one, 8) != 8)
            s->bad++;
    }
    if (ring_publish_wakes(s->ring) && write(s->bell, &one, 8) != 8)
        s->bad++;
}

/* A lost wake-up fails the test: poll() has a time limit. */
static void receive_all(struct side *s)
{
    uint64_t random = s->seed;
    uint64_t n, expected = 0;
    struct ring_record r;
    while (expected < s->count && !s->bad) {
        int rc = ring_next(s->ring, &r);
        if (rc < 0) {
            s->bad++;
        } else if (rc == 0) {
            ring_release(s->ring);
            if (ring_sleep(s->ring, RING_WANTS_DATA)) {
                struct pollfd p = {s->bell, POLLIN, 0};
                if (poll(&p, 1, 20000) != 1 || read(s->bell, &n, 8) != 8)
                    s->bad++;
                ring_awake(s->ring);
            }
        } else {
            const unsigned char *at = r.payload;
            uint64_t id;
            memcpy(&id, at, 8);
            if (id != expected || r.size != (uint32_t)(next_random(&random) % 300) + 8 ||
                (r.size > 8 && at[r.size - 1] != (id & 0xff)))
                s->bad++;
            next_random(&random);
            expected++;
            if (s->ring->rx_done - s->ring->rx_released >= s->ring->rx_size / 4)
                ring_release(s->ring);
        }
    }
}

static void *sender(void *data)
{
    send_all(data);
    return NULL;
}

static void two_threads_agree(void **state)
{
    (void)state;
    struct both b;
    pthread_t thread;
    both_open(&b, 4096);
    struct both mapped = b;
    b.parent.peer = b.child.own; /* the same addresses for both, or ThreadSanitizer sees nothing */
    b.parent.rx = b.child.tx;
    b.child.peer = b.parent.own;
    b.child.rx = b.parent.tx;
    int bell = eventfd(0, EFD_CLOEXEC);
    struct side from = {&b.parent, bell, seed(), 200000, 0};
    struct side to = {&b.child, bell, from.seed, from.count, 0};
    assert_int_equal(pthread_create(&thread, NULL, sender, &from), 0);
    receive_all(&to);
    pthread_join(thread, NULL);
    assert_int_equal(from.bad + to.bad, 0);
    close(bell);
    both_close(&mapped);
}

static void two_processes_agree(void **state)
{
    (void)state;
    struct both b;
    both_open(&b, 8192);
    int bell = eventfd(0, EFD_CLOEXEC);
    struct side from = {&b.parent, bell, seed(), 200000, 0};
    struct side to = {&b.child, bell, from.seed, from.count, 0};
    pid_t pid = fork();
    if (pid == 0) {
        receive_all(&to);
        _exit(to.bad ? 1 : 0);
    }
    send_all(&from);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(from.bad, 0);
    close(bell);
    both_close(&b);
}

static void one_sleep_is_rung_for_once(void **state)
{
    (void)state;
    struct both b;
    both_open(&b, 4096);
    assert_true(ring_sleep(&b.child, RING_WANTS_DATA));
    assert_non_null(ring_put(&b.parent, RECORD_MESSAGE, 8));
    assert_true(ring_publish_wakes(&b.parent));
    assert_non_null(ring_put(&b.parent, RECORD_MESSAGE, 8));
    assert_false(ring_publish_wakes(&b.parent));
    ring_awake(&b.child);
    assert_false(ring_sleep(&b.child, RING_WANTS_DATA)); /* data is already available */
    both_close(&b);
}

/* ---- invalid data: any content of the peer's memfd gives records within bounds, or -EBADMSG ---- */

static void lying_positions_are_refused(void **state)
{
    (void)state;
    static const uint64_t heads[] = {1, 4, 4104, UINT64_MAX, UINT64_MAX - 7, (uint64_t)1 << 40};
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        struct both b;
        struct ring_record r;
        both_open(&b, 4096);
        atomic_store(&b.child.own->head, heads[i]);
        assert_int_equal(ring_next(&b.parent, &r), -EBADMSG);
        assert_int_equal(ring_next(&b.parent, &r), -EBADMSG);
        atomic_store(&b.child.own->tail, heads[i]);
        while (ring_put(&b.parent, RECORD_MESSAGE, 100))
            ;
        assert_true(b.parent.broken);
        both_close(&b);
    }
}

static void lying_records_stay_within_bounds(void **state)
{
    (void)state;
    uint64_t random = seed();
    for (int round = 0; round < 3000; round++) {
        struct both b;
        struct ring_record r;
        int n = 0;
        both_open(&b, 4096);
        uint32_t *at = (uint32_t *)(void *)b.child.tx;
        for (size_t i = 0; i < 1024; i++) {
            uint64_t v = next_random(&random);
            at[i] = v % 3 ? (uint32_t)(v >> 8) % 200 : (uint32_t)(v >> 32);
        }
        atomic_store(&b.child.own->head, (next_random(&random) % 513) * 8);
        int rc;
        while ((rc = ring_next(&b.parent, &r)) == 1) {
            const char *p = r.payload;
            assert_true(p >= b.parent.rx && r.size <= 4096 && p + r.size <= b.parent.rx + 4096);
            assert_true(++n <= 512);
        }
        assert_true(rc == 0 || rc == -EBADMSG);
        both_close(&b);
    }
}

/* ---- bodies ---- */

/* A child that writes only pads must not keep the daemon in one ring_next(). */
static void a_pad_is_the_rest_at_the_end_and_nothing_else(void **state)
{
    (void)state;
    static const struct {
        uint32_t at, size;
        int rc;
    } cases[] = {{0, 4096, -EBADMSG}, {0, 8, -EBADMSG}, {2048, 8, -EBADMSG}, {2048, 2048, 0}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct both b;
        struct ring_record r;
        both_open(&b, 4096);
        if (cases[i].at) {
            assert_non_null(ring_put(&b.child, RECORD_OUTCOME, cases[i].at - 8));
            ring_publish(&b.child);
            assert_int_equal(ring_next(&b.parent, &r), 1);
        }
        memcpy(b.child.tx + cases[i].at, (uint32_t[]){cases[i].size, RECORD_PAD}, 8);
        b.child.tx_head += cases[i].size;
        ring_publish(&b.child);
        assert_int_equal(ring_next(&b.parent, &r), cases[i].rc);
        both_close(&b);
    }
}

static void bodies_survive_the_trip(void **state)
{
    (void)state;
    static const char headers[] = "A\0one\0A\0two\0B\0"; /* the last value is empty */
    struct record_body b = {"sub.ject", 8, "id-1", 4, headers, sizeof(headers), "da\0ta", 5};
    uint64_t size = record_body_size(&b);
    char *room = malloc(size);
    record_body_write(&b, room);
    struct record_body back = {.subject_len = 8, .msg_id_len = 4, .headers_len = sizeof(headers), .data_len = 5};
    assert_int_equal(record_body_read(&back, room, size), 0);
    assert_string_equal(back.subject, "sub.ject");
    assert_string_equal(back.msg_id, "id-1");
    assert_memory_equal(back.data, "da\0ta", 6);
    const char *name, *value;
    size_t pos = 0;
    int n = 0;
    while (record_header_next(back.headers, back.headers_len, &pos, &name, &value))
        n++;
    assert_int_equal(n, 3);
    assert_string_equal(value, "");

    assert_int_equal(record_body_read(&back, room, size - 1), -EBADMSG);
    back.headers_len--;
    back.data_len++;
    assert_int_equal(record_body_read(&back, room, size), -EBADMSG);
    back.data_len = UINT64_MAX;
    assert_int_equal(record_body_read(&back, room, size), -EBADMSG);
    free(room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_reader_cannot_write_a_sealed_ring),
        cmocka_unit_test(unpublished_records_do_not_exist),
        cmocka_unit_test(the_largest_record_always_fits_an_empty_ring),
        cmocka_unit_test(room_comes_back_only_when_released),
        cmocka_unit_test(two_threads_agree),
        cmocka_unit_test(two_processes_agree),
        cmocka_unit_test(one_sleep_is_rung_for_once),
        cmocka_unit_test(lying_positions_are_refused),
        cmocka_unit_test(lying_records_stay_within_bounds),
        cmocka_unit_test(a_pad_is_the_rest_at_the_end_and_nothing_else),
        cmocka_unit_test(bodies_survive_the_trip),
    };
    return cmocka_run_group_tests_name("ring", tests, NULL, NULL);
}
