/* SPDX-License-Identifier: Apache-2.0
 *
 * ring_bench - the ring alone between two processes: records one way, short responses back.
 * worker_bench adds the worker's process and the daemon's side.
 *
 *     ring_bench [RECORDS [BYTES]]
 */
#include "base/clock.h"
#include "ring/record.h"
#include "ring/ring.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define BURST 256u
#define ANSWER sizeof(struct record_outcome)

static void await(int bell)
{
    uint64_t n;
    struct pollfd p = {bell, POLLIN, 0};
    while (poll(&p, 1, -1) != 1 || read(bell, &n, sizeof(n)) != sizeof(n))
        ;
}

static void ring_bell(int bell)
{
    uint64_t one = 1;
    if (write(bell, &one, sizeof(one)) != sizeof(one))
        abort();
}

static void answer_all(struct ring *r, int bell_in, int bell_out)
{
    struct ring_record record;
    unsigned unrung = 0;
    for (;;) {
        if (ring_next(r, &record) == 1) {
            while (!ring_put(r, RECORD_OUTCOME, ANSWER)) {
                ring_publish(r);
                ring_bell(bell_out);
                if (ring_sleep(r, RING_WANTS_ROOM)) {
                    await(bell_in);
                    ring_awake(r);
                }
            }
            ring_publish(r);
            ring_done(r);
            if (++unrung < 512)
                continue;
        }
        ring_release(r);
        if (unrung)
            ring_bell(bell_out);
        else if (ring_sleep(r, RING_WANTS_DATA)) {
            await(bell_in);
            ring_awake(r);
        }
        unrung = 0;
    }
}

static uint64_t take_answers(struct ring *r, int bell_in)
{
    struct ring_record record;
    uint64_t n = 0;
    while (ring_next(r, &record) == 1)
        n++;
    if (ring_release_wakes(r))
        ring_bell(bell_in);
    return n;
}

static double run(struct ring *r, int bell_in, int bell_out, uint64_t count, uint32_t size, uint64_t window)
{
    uint64_t sent = 0, done = 0;
    int64_t start = clock_now_ns();
    while (done < count) {
        for (unsigned i = 0; i < BURST && sent < count && sent - done < window; i++, sent++) {
            char *at = ring_put(r, RECORD_MESSAGE, size);
            if (!at)
                break;
            memset(at, 'x', size);
        }
        if (ring_publish_wakes(r))
            ring_bell(bell_in);
        uint64_t n = take_answers(r, bell_in);
        done += n;
        if (!n && (sent == count || sent - done >= window))
            await(bell_out);
    }
    return (double)(clock_now_ns() - start);
}

int main(int argc, char **argv)
{
    uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 5000000;
    uint32_t size = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 128;
    struct ring parent, child;
    int in, out;
    int bell_in = eventfd(0, EFD_CLOEXEC), bell_out = eventfd(0, EFD_CLOEXEC);
    if (bell_in < 0 || bell_out < 0 || ring_memfd("in", 1 << 20, &in) || ring_memfd("out", 1 << 20, &out) ||
        ring_attach(&parent, in, out) || ring_attach(&child, out, in) || size > ring_payload_max(&parent)) {
        fprintf(stderr, "ring_bench: the rings cannot be made, or the size does not fit them\n");
        return 1;
    }
    pid_t pid = fork();
    if (pid < 0)
        return 1;
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        answer_all(&child, bell_in, bell_out);
    }
    for (int i = 0; i < 5; i++)
        printf("pipelined %u B: %.2f M records/s\n", size,
               (double)count * 1e3 / run(&parent, bell_in, bell_out, count, size, 4096));
    for (int i = 0; i < 3; i++)
        printf("one at a time %u B: %.1f us\n", size, run(&parent, bell_in, bell_out, 20000, size, 1) / 1e3 / 20000);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return 0;
}
