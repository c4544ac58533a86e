/* SPDX-License-Identifier: Apache-2.0
 * The protocols of settling are interrupted at every step: before the first message between seamqd and the server,
 * before the second, and so on, until a run completes. The interruption is kill -9 of seamqd, or a lost connection.
 *
 * Each time, dead letters and outputs must be stored exactly once. */
#include "scene.h"

#include "proxy.h"

#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>

#define STEPS_MAX 500 /* more steps than any protocol has */

struct protocol {
    struct scene *s;
    struct proxy *proxy;
    const char *message; /* verb of the message */
    const char *stream;  /* stream of the result */
    int64_t each;        /* number of results */
    bool kill;
    atomic_int pid; /* pid of seamqd; 0: not known yet */
};

/* Called on the proxy's thread, possibly before daemon_start() has returned. */
static void kill_seamqd(void *data)
{
    struct protocol *p = data;
    int pid;
    while ((pid = atomic_load(&p->pid)) == 0)
        sched_yield();
    kill(pid, SIGKILL);
}

static bool through(void *data)
{
    struct protocol *p = data;
    return proxy_has_cut(p->proxy) || client_wait_settled(p->s->client, "WORK", SCENE_HANDLER, 0);
}

/* Runs one message, interrupted at step `n`. False: it had completed before. */
static bool cut_at(struct protocol *p, unsigned n)
{
    struct scene *s = p->s;

    atomic_store(&p->pid, 0);
    scene_publish(s, "%u %s", n, p->message);
    proxy_cut_at(p->proxy, n, p->kill ? kill_seamqd : NULL, p);
    daemon_start(s->daemon);
    atomic_store(&p->pid, s->daemon->proc->pid);
    if (!world_until(through, p, 30))
        fail_msg("step %u: neither reached nor settled", n);
    bool reached = proxy_has_cut(p->proxy);
    proxy_cut_at(p->proxy, 0, NULL, NULL);
    if (reached && p->kill) {
        assert_true(process_wait(s->daemon->proc, 10));
        daemon_start(s->daemon);
    }
    scene_expect_settled(s, 30);
    daemon_wait_ready(s->daemon, 10);
    daemon_kill(s->daemon); /* its state is lost */
    int64_t there = client_stream_messages(s->client, p->stream);
    if (there != n * p->each)
        fail_msg("after a cut at step %u %s holds %" PRId64 " messages, expected %" PRId64, n, p->stream, there,
                 n * p->each);
    return reached;
}

static void cut_everywhere(struct world *w, const char *message, const char *stream, int64_t each, bool kill)
{
    struct protocol p = {.message = message, .stream = stream, .each = each, .kill = kill};
    unsigned n = 1;

    p.s = scene_prepare(w, NULL);
    p.proxy = proxy_start(w, p.s->server->port);
    client_add_stream(p.s->client, "OUT", "out.>", NULL);
    client_add_consumer(p.s->client, "WORK", SCENE_HANDLER, ",\"ack_wait\":1000000000,\"max_deliver\":-1");
    daemon_env(p.s->daemon, "NATS_URL=nats://127.0.0.1:%d", proxy_port(p.proxy));
    scene_set(p.s, "ACK_WAIT", "1s");
    scene_set(p.s, "BACKOFF", "20ms");
    scene_set(p.s, "MAX_ATTEMPTS", "3");
    while (n < STEPS_MAX && cut_at(&p, n))
        n++;
    assert_true(n < STEPS_MAX);
    assert_true(n > 10); /* the interruption was after the start */
    print_message("%u steps\n", n - 1);
}

static void a_dead_letter_survives_kill_9_at_every_step(struct world *w)
{
    cut_everywhere(w, "dead unparsable", "DLQ", 1, true);
}

static void a_dead_letter_survives_a_lost_connection_at_every_step(struct world *w)
{
    cut_everywhere(w, "dead unparsable", "DLQ", 1, false);
}

static void a_dead_letter_after_the_last_attempt_survives_kill_9_at_every_step(struct world *w)
{
    cut_everywhere(w, "backoff 99", "DLQ", 1, true);
}

static void outputs_survive_kill_9_at_every_step(struct world *w)
{
    cut_everywhere(w, "publish out.a 3", "OUT", 3, true);
}

static void outputs_survive_a_lost_connection_at_every_step(struct world *w)
{
    cut_everywhere(w, "publish out.a 3", "OUT", 3, false);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        IT(a_dead_letter_survives_kill_9_at_every_step),
        IT(a_dead_letter_survives_a_lost_connection_at_every_step),
        IT(a_dead_letter_after_the_last_attempt_survives_kill_9_at_every_step),
        IT(outputs_survive_kill_9_at_every_step),
        IT(outputs_survive_a_lost_connection_at_every_step),
    };
    return it_main(tests, argc, argv);
}
