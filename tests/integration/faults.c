/* SPDX-License-Identifier: Apache-2.0
 * Processes are killed during a run; the ledger proves that no message is lost.
 *
 * IT_MESSAGES sets the size of each run (20000).  Faults happen when the effects reach
 * random marks of the seeded sequence, so that a run can be repeated. */
#include "load.h"
#include "proxy.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct scene *prepare(struct world *w)
{
    struct scene *s = scene_prepare(w, &(struct scene_options){.sync_always = true});
    scene_set(s, "ACK_WAIT", "5s");
    scene_set(s, "BACKOFF", "20ms 100ms");
    scene_set(s, "OPTION_PAUSE", "150us"); /* one message always runs, and more wait */
    return s;
}

static void killed_workers_lose_nothing(struct world *w)
{
    struct scene *s = prepare(w);
    const unsigned kills = 20;
    unsigned killed = 0;

    scene_set(s, "WORKERS", "2");
    scene_set(s, "CRASH_LIMIT", "10");
    scene_start(s);
    struct ledger *l = load_start(s, NULL);
    for (unsigned i = 0; i < kills; i++) {
        pid_t pids[8];
        load_wait_mark(s, i, kills);
        size_t n = daemon_workers(s->daemon, pids, 8);
        if (n > 0 && n <= 8)
            killed += kill(pids[world_random(w) % n], SIGKILL) == 0;
    }
    struct ledger_count c = load_finish(s, l);
    assert_true(killed > kills / 2);
    assert_int_equal(c.dead, 0);
    assert_int_equal(c.handled, load_messages());
    assert_true(c.repeated <= killed); /* only messages that a dead worker was running are handled twice */
    assert_true(daemon_metric(s->daemon, "seamq_worker_exits_total", NULL) >= killed);
    assert_int_equal(daemon_stop(s->daemon, 30), 0);
}

static void killed_daemons_lose_nothing(struct world *w)
{
    struct scene *s = prepare(w);

    scene_start(s);
    struct ledger *l = load_start(s, NULL);
    load_interrupt(s, 8, load_kill_daemon);
    struct ledger_count c = load_finish(s, l);
    assert_int_equal(c.dead, 0);
    assert_int_equal(daemon_stop(s->daemon, 30), 0);
}

static bool is_gone(void *data)
{
    return !process_alive(*(pid_t *)data);
}

static void a_killed_daemon_takes_its_workers_along(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);
    pid_t pids[8];

    scene_set(s, "WORKERS", "3");
    scene_start(s);
    assert_true(daemon_wait_workers(s->daemon, 3, 10));
    scene_publish(s, "1 hang 100");
    scene_expect_effects(s, 1, 10);
    assert_int_equal(daemon_workers(s->daemon, pids, 8), 3);
    daemon_kill(s->daemon);
    for (int i = 0; i < 3; i++)
        assert_true(world_until(is_gone, &pids[i], 5));
}

/* Like a kernel that kills a whole container: no daemon remains that could count the crash. */
static void a_message_that_ends_every_daemon_is_dead_at_last(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    scene_set(s, "ACK_WAIT", "1s");
    scene_set(s, "MAX_ATTEMPTS", "1");
    scene_start(s);
    scene_publish(s, "1 hang 100");
    for (unsigned i = 1; i < 10; i++) {
        scene_expect_effects(s, i, 20);
        daemon_kill(s->daemon);
        scene_start(s);
    }
    daemon_expect_event(s->daemon, 0, "dead-letter", "seq=1 reason=max-attempts error=*delivered*", 20);
    scene_expect_settled(s, 20);
    assert_int_equal(effects_lines(s->effects), 9);
    assert_int_equal(client_stream_messages(s->client, "DLQ"), 1);
}

static void killed_servers_lose_nothing(struct world *w)
{
    struct scene *s = prepare(w);

    scene_start(s);
    struct ledger *l = load_start(s, NULL);
    load_interrupt(s, 4, load_kill_server);
    struct ledger_count c = load_finish(s, l);
    assert_int_equal(c.dead, 0);
    daemon_wait_ready(s->daemon, 20);
    assert_int_equal(daemon_stop(s->daemon, 30), 0);
}

/* Two daemons use one durable; one dies during the run. */
static void the_other_daemon_takes_over(struct world *w)
{
    struct scene *s = prepare(w);
    struct daemon *other = daemon_new(w, s->urls);

    daemon_handler(other, IT_SCRIPTED, SCENE_HANDLER);
    daemon_env(other, "SEAMQ_HANDLER_SCRIPTED_OPTION_EFFECTS=%s", s->effects);
    daemon_env(other, "SEAMQ_HANDLER_SCRIPTED_OPTION_PAUSE=150us");
    daemon_env(other, "SEAMQ_HANDLER_SCRIPTED_ACK_WAIT=5s");
    scene_start(s);
    daemon_start(other);
    daemon_wait_ready(other, 20);
    struct ledger *l = load_start(s, NULL);
    load_wait_mark(s, 0, 1);
    assert_true(daemon_metric(other, "seamq_messages_processed_total", "outcome=\"ack\"") > 0);
    daemon_kill(s->daemon);
    load_finish(s, l);
    assert_int_equal(daemon_stop(other, 30), 0);
}

static void set_short(struct daemon *d)
{
    daemon_env(d, "SEAMQ_HANDLER_SCRIPTED_ACK_WAIT=1s");
    daemon_env(d, "SEAMQ_HANDLER_SCRIPTED_TIMEOUT=3s");
    daemon_env(d, "SEAMQ_HANDLER_SCRIPTED_MAX_ACK_PENDING=1"); /* no pull request is open beside the message */
}

static struct daemon *start_other(struct scene *s)
{
    struct daemon *other = daemon_new(s->w, s->urls);
    daemon_handler(other, IT_SCRIPTED, SCENE_HANDLER);
    daemon_env(other, "SEAMQ_HANDLER_SCRIPTED_OPTION_EFFECTS=%s", s->effects);
    set_short(other);
    daemon_start(other);
    daemon_wait_ready(other, 20);
    return other;
}

/* A retry is due on the isolated daemon while the other daemon has the message. */
static void a_daemon_that_is_cut_off_starts_no_retry(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);
    struct proxy *proxy = proxy_start(w, s->server->port);

    daemon_env(s->daemon, "NATS_URL=nats://127.0.0.1:%d", proxy_port(proxy));
    set_short(s->daemon);
    scene_start(s);
    scene_publish(s, "1 nak 4000");
    scene_expect_effects(s, 1, 10);
    start_other(s);
    proxy_refuse(proxy, true);
    scene_expect_settled(s, 30); /* by the other daemon, whose delay is as long and began later */
    proxy_refuse(proxy, false);
    daemon_wait_ready(s->daemon, 20);
    assert_int_equal(scene_effects(s, "1 nak"), 3);
}

/* The frozen daemon's worker crashes in a message that the other daemon has settled meanwhile. */
static void a_frozen_daemon_starts_no_settled_message(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    set_short(s->daemon);
    scene_start(s);
    size_t from = daemon_mark(s->daemon);
    scene_publish(s, "1 hang");
    scene_expect_effects(s, 1, 10);
    kill(s->daemon->proc->pid, SIGSTOP);
    struct daemon *other = start_other(s);
    scene_expect_settled(s, 30);
    assert_int_equal(daemon_stop(other, 20), 0);
    kill(s->daemon->proc->pid, SIGCONT);
    daemon_expect_event(s->daemon, from, "worker-exit", "reason=timeout", 20);
    scene_publish(s, "2 ack");
    scene_expect_settled(s, 30);
    assert_int_equal(scene_effects(s, "1 hang"), 3);
}

static const char *sometimes_wrong(uint32_t id, uint64_t roll)
{
    if (id % 5000 == 4999)
        return "hang 1";
    switch (roll % 1000) {
    case 0:
    case 1: return "crash 1";
    case 2: return "exit 1";
    case 3: return "abort 1";
    case 4:
    case 5:
    case 6: return "nak 30 1";
    case 7: return "backoff 1";
    case 8: return "dead broken";
    default: return "ack";
    }
}

static void wrong_handlers_lose_nothing(struct world *w)
{
    struct scene *s = prepare(w);

    scene_set(s, "WORKERS", "2");
    scene_set(s, "TIMEOUT", "500ms");
    scene_start(s);
    struct ledger *l = load_start(s, sometimes_wrong);
    struct ledger_count c = load_finish(s, l);
    assert_int_equal(c.handled, load_messages());
    assert_int_equal(c.dead, scene_effects(s, " dead"));
    assert_int_equal(daemon_stop(s->daemon, 30), 0);
}

static void drain_gives_back_at_once_and_repeats_nothing(struct world *w)
{
    struct scene *s = prepare(w);
    const unsigned drains = 3;

    scene_set(s, "ACK_WAIT", "120s"); /* a message that is not given back would be redelivered after two minutes only */
    scene_start(s);
    struct ledger *l = load_start(s, NULL);
    for (unsigned i = 0; i < drains; i++) {
        load_wait_mark(s, i, drains);
        assert_int_equal(daemon_stop(s->daemon, 20), 0);
        json_t *info = client_consumer(s->client, "WORK", SCENE_HANDLER);
        print_message("after drain %u: %" PRId64 " unacknowledged\n", i + 1, json_at(info, "num_ack_pending"));
        scene_start(s);
    }
    ledger_finish(l, load_deadline_s());
    scene_expect_settled(s, load_deadline_s() < 100 ? load_deadline_s() : 100);
    ledger_expect_complete(l, s->effects, NULL);
    struct ledger_count c = ledger_count(l, s->effects, NULL);
    assert_int_equal(c.repeated, 0);
    assert_int_equal(daemon_stop(s->daemon, 30), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        IT(killed_workers_lose_nothing),
        IT(killed_daemons_lose_nothing),
        IT(a_killed_daemon_takes_its_workers_along),
        IT(a_message_that_ends_every_daemon_is_dead_at_last),
        IT(killed_servers_lose_nothing),
        IT(the_other_daemon_takes_over),
        IT(a_daemon_that_is_cut_off_starts_no_retry),
        IT(a_frozen_daemon_starts_no_settled_message),
        IT(wrong_handlers_lose_nothing),
        IT(drain_gives_back_at_once_and_repeats_nothing),
    };
    return it_main(tests, argc, argv);
}
