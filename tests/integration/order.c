/* SPDX-License-Identifier: Apache-2.0
 * ordering: one message of a key at a time, in the order of the stream, whatever process dies.
 *
 * The oracle reads the record of handlers/ordered.c. Keys take turns, so the next message of a key is KEYS sequences
 * later. A message may start only after its predecessor was done, and none is skipped. After the death of a daemon a
 * key may go back to its first unacknowledged message, and then advances again without a gap. A killed server forgets
 * some of the latest acknowledgements, in no order. */
#include "scene.h"

#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS 20

static struct scene *prepare(struct world *w)
{
    struct scene *s = scene_prepare(w, &(struct scene_options){.sync_always = true});
    daemon_handler(s->daemon, IT_ORDERED, SCENE_HANDLER); /* in the place of the scripted one */
    scene_set(s, "ORDERING", "subject");
    scene_set(s, "WORKERS", "3");
    scene_set(s, "BACKOFF", "20ms");
    scene_set(s, "ACK_WAIT", "3s");
    return s;
}

static void publish(struct scene *s, unsigned key, const char *text)
{
    client_publish(s->client, world_text(s->w, "work.k%u", key), text);
}

/* ---- oracle ----------------------------------------------------------------------- */

#define TOTAL_MAX 4000
#define ANY UINT_MAX

struct oracle {
    unsigned backs; /* how often a key may go back; ANY: finished messages may run again in any order */
    bool begun[TOTAL_MAX + 1];
    bool done[TOTAL_MAX + 1];
    struct track {     /* state of one key */
        uint64_t last; /* the message that started last */
        unsigned backs;
    } tracks[KEYS];
};

/* A first run: its predecessor must be done. */
static void began_first(const struct oracle *o, uint64_t seq)
{
    if (seq > KEYS && !o->done[seq - KEYS])
        fail_msg("%" PRIu64 " began before %" PRIu64 " of the same key was done", seq, seq - KEYS);
}

/* Not a first run: a retry, or the key has gone back. */
static void began_again(const struct oracle *o, struct track *t, uint64_t seq)
{
    if (o->backs == ANY || seq == t->last || seq == t->last + KEYS)
        return;
    if (seq > t->last || ++t->backs > o->backs)
        fail_msg("%" PRIu64 " ran again after %" PRIu64 " of the same key", seq, t->last);
}

/* Reads the whole file. */
static void expect_order(struct scene *s, unsigned total, unsigned backs)
{
    struct oracle o = {.backs = backs};
    char what[8], key[64];
    uint64_t seq;
    FILE *f = fopen(s->effects, "re");

    assert_non_null(f);
    while (fscanf(f, "%7s %" SCNu64 " %63s", what, &seq, key) == 3) {
        unsigned k = (unsigned)((seq - 1) % KEYS);
        assert_in_range(seq, 1, total);
        assert_string_equal(key, world_text(s->w, "=work.k%u", k));
        if (strcmp(what, "done") == 0) {
            o.done[seq] = true;
            continue;
        }
        if (o.begun[seq])
            began_again(&o, &o.tracks[k], seq);
        else
            began_first(&o, seq);
        o.begun[seq] = true;
        o.tracks[k].last = seq;
    }
    fclose(f);
    for (seq = 1; seq <= total; seq++)
        if (!o.done[seq])
            fail_msg("%" PRIu64 " was never done", seq);
}

static unsigned starts_of(struct scene *s, unsigned key)
{
    return scene_effects(s, world_text(s->w, "=work.k%u\n", key)); /* lines, of both kinds */
}

struct dones {
    struct scene *s;
    unsigned n;
};

static bool enough_done(void *data)
{
    struct dones *d = data;
    return scene_effects(d->s, "done") >= d->n;
}

static void wait_done(struct scene *s, unsigned n, double seconds)
{
    if (!world_until(enough_done, &(struct dones){s, n}, seconds))
        fail_msg("%u messages were done within %g s, expected %u", scene_effects(s, "done"), seconds, n);
}

/* ---- without deaths of the daemon ------------------------------------------------------- */

static const char *sometimes_wrong(unsigned i)
{
    switch (i * 2654435761u >> 16 & 127) {
    case 0: return "nak 30 1";
    case 1: return "nak 0 2";
    case 2: return "crash 1";
    case 3: return "dead";
    case 4: return "sleep 20";
    default: return "ack";
    }
}

static void failing_heads_keep_their_place(struct world *w)
{
    struct scene *s = prepare(w);
    const unsigned total = TOTAL_MAX;

    scene_start(s);
    for (unsigned i = 0; i < total; i++)
        publish(s, i % KEYS, sometimes_wrong(i));
    scene_expect_settled(s, 120);
    expect_order(s, total, 0);
    assert_int_equal(daemon_stop(s->daemon, 20), 0);
}

static void a_failing_head_holds_up_its_own_key_only(struct world *w)
{
    struct scene *s = prepare(w);
    const unsigned total = 1000;

    scene_start(s);
    for (unsigned i = 0; i < total; i++)
        publish(s, i % KEYS, i == 0 ? "nak 600000 9" : "ack");
    wait_done(s, total - total / KEYS, 60);
    assert_int_equal(starts_of(s, 0), 1); /* the first message of the key, and none behind it */
    json_t *info = client_consumer(s->client, "WORK", SCENE_HANDLER);
    assert_int_equal(json_at(info, "num_pending"), 0);
    assert_int_equal(json_at(info, "num_redelivered"), 0);
    assert_int_equal(daemon_stop(s->daemon, 20), 0);
}

static void a_slow_key_does_not_block_others(struct world *w)
{
    struct scene *s = prepare(w);
    const char *file = world_path(w, "go");
    const unsigned total = 1000;

    scene_set(s, "TIMEOUT", "300s");
    scene_start(s);
    publish(s, 0, world_text(w, "block %s", file));
    scene_expect_effects(s, 1, 10);
    publish(s, 1, "sleep 50"); /* the first message is known to be slow by now, so no other is put behind it */
    wait_done(s, 1, 10);
    for (unsigned i = 2; i < total; i++)
        publish(s, i % KEYS, "ack");
    wait_done(s, total - total / KEYS, 60);
    assert_int_equal(starts_of(s, 0), 1);
    world_write(file, "go\n");
    scene_expect_settled(s, 60);
    expect_order(s, total, 0);
}

static void key_max_in_flight_bounds_a_hot_key(struct world *w)
{
    struct scene *s = prepare(w);
    const char *file = world_path(w, "go");
    const char *page;

    scene_set(s, "KEY_MAX_IN_FLIGHT", "10");
    scene_set(s, "MAX_ATTEMPTS", "1000000");
    for (unsigned i = 0; i < 200; i++)
        publish(s, 0, i == 0 ? world_text(w, "until %s", file) : "ack");
    scene_start(s);
    assert_true(daemon_wait_metric(s->daemon, "seamq_lanes_full", "handler=\"scripted\"", 1, 20));
    assert_int_equal(daemon_get(s->daemon, "/", &page), 200);
    if (!strstr(page, "not pulling: key \"work.k0\" has"))
        fail_msg("the status page does not say it:\n%s", page);
    int64_t here = json_at(client_consumer(s->client, "WORK", SCENE_HANDLER), "num_ack_pending");
    assert_in_range(here, 10, 30); /* plus the messages that were already requested */
    assert_int_equal(scene_effects(s, "done"), 0);
    world_write(file, "go\n");
    scene_expect_settled(s, 60);
    assert_int_equal(scene_effects(s, "done"), 200);
    assert_true(daemon_metric(s->daemon, "seamq_lanes_full", "handler=\"scripted\"") == 0);
    assert_true(daemon_metric(s->daemon, "seamq_lanes", "handler=\"scripted\"") == 0);
}

/* More retries than the limit, which does not apply in ordered mode. */
static void heads_are_never_given_back(struct world *w)
{
    struct scene *s = prepare(w);

    scene_set(s, "MAX_ACK_PENDING", "40");
    scene_set(s, "ACK_WAIT", "60s"); /* long enough that a busy machine causes no redelivery */
    scene_start(s);
    for (unsigned i = 0; i < 300; i++)
        client_publish(s->client, world_text(w, "work.u%u", i), "nak 300 1");
    scene_expect_settled(s, 120);
    assert_true(daemon_metric(s->daemon, "seamq_returned_total", NULL) == 0);
    assert_int_equal(json_at(client_consumer(s->client, "WORK", SCENE_HANDLER), "delivered.consumer_seq"), 300);
}

static void keys_come_from_tokens_and_headers(struct world *w)
{
    struct scene *s = prepare(w);

    scene_set(s, "ORDERING", "header:Tenant");
    scene_start(s);
    client_publish_full(s->client, "work.a", "Tenant: red", "ack", 3);
    client_publish_full(s->client, "work.b", NULL, "ack", 3);
    scene_expect_settled(s, 20);
    assert_int_equal(scene_effects(s, "done 1 =red\n"), 1);
    assert_int_equal(scene_effects(s, "done 2 =\n"), 1);
    assert_int_equal(daemon_stop(s->daemon, 20), 0);

    scene_set(s, "ORDERING", "token:2");
    scene_start(s);
    publish(s, 7, "ack");
    client_publish(s->client, "work.x.y.z", "ack");
    scene_expect_settled(s, 20);
    assert_int_equal(scene_effects(s, "done 3 =k7\n"), 1);
    assert_int_equal(scene_effects(s, "done 4 =x\n"), 1);
    assert_int_equal(daemon_stop(s->daemon, 20), 0);

    scene_set(s, "ORDERING", "none");
    scene_start(s);
    publish(s, 7, "ack");
    scene_expect_settled(s, 20);
    assert_int_equal(scene_effects(s, "done 5 -\n"), 1);
}

/* ---- deaths ------------------------------------------------------------------------------ */

/* Calls `strike` n times during the run; then every message must be done, in order. */
static void run_with(struct world *w, struct scene *s, void (*strike)(struct scene *s), unsigned n, unsigned backs)
{
    const unsigned total = TOTAL_MAX;

    scene_set(s, "OPTION_PAUSE", "300us");
    scene_set(s, "CRASH_LIMIT", "20");
    for (unsigned i = 0; i < total; i++)
        publish(s, i % KEYS, sometimes_wrong(i));
    scene_start(s);
    for (unsigned i = 1; i <= n; i++) {
        wait_done(s, (unsigned)(total / (n + 1) * i - world_random(w) % (total / (n + 1) / 2)), 120);
        strike(s);
    }
    wait_done(s, total, 180);
    scene_expect_settled(s, 60);
    expect_order(s, total, backs);
    assert_int_equal(daemon_stop(s->daemon, 30), 0);
}

static void kill_worker(struct scene *s)
{
    pid_t pids[8];
    size_t n = daemon_workers(s->daemon, pids, 8);
    if (n > 0 && n <= 8)
        kill(pids[world_random(s->w) % n], SIGKILL);
}

static void order_outlives_workers(struct world *w)
{
    run_with(w, prepare(w), kill_worker, 12, 0);
}

static void kill_daemon(struct scene *s)
{
    daemon_kill(s->daemon);
    scene_start(s);
}

static void order_outlives_the_daemon(struct world *w)
{
    run_with(w, prepare(w), kill_daemon, 5, 5);
}

static void kill_server(struct scene *s)
{
    server_kill(s->server);
    server_restart(s->server);
}

static void order_outlives_the_server(struct world *w)
{
    run_with(w, prepare(w), kill_server, 3, ANY);
}

static void stop_daemon(struct scene *s)
{
    assert_int_equal(daemon_stop(s->daemon, 25), 0);
    scene_start(s);
}

/* A drain gives messages back immediately: none waits for ack wait, and none runs twice. */
static void order_outlives_a_restart_without_waiting(struct world *w)
{
    struct scene *s = prepare(w);
    scene_set(s, "ACK_WAIT", "300s");
    run_with(w, s, stop_daemon, 4, 0);
}

static bool any_redelivered(void *data)
{
    struct scene *s = data;
    return json_at(client_consumer(s->client, "WORK", SCENE_HANDLER), "num_redelivered") > 0;
}

/* The daemon is frozen until its leases have expired. */
static void freeze_daemon(struct scene *s)
{
    kill(s->daemon->proc->pid, SIGSTOP);
    world_until(any_redelivered, s, 8);
    kill(s->daemon->proc->pid, SIGCONT);
}

static void order_outlives_lost_leases(struct world *w)
{
    run_with(w, prepare(w), freeze_daemon, 3, 0);
}

/* ---- lost deliveries run first, however long there is no leader --------------------------- */

/* Delivers messages to a client that dies without settling them. */
static void take_and_die(struct scene *s, unsigned n)
{
    natsSubscription *sub = NULL;
    natsConnection *nc = s->client->nc;
    const char *ask = world_text(s->w, "{\"batch\":%u,\"expires\":5000000000}", n);

    assert_int_equal(natsConnection_SubscribeSync(&sub, nc, "the.dead"), NATS_OK);
    assert_int_equal(
        natsConnection_PublishRequestString(nc, "$JS.API.CONSUMER.MSG.NEXT.WORK." SCENE_HANDLER, "the.dead", ask),
        NATS_OK);
    for (; n > 0; n--) {
        natsMsg *m = NULL;
        assert_int_equal(natsSubscription_NextMsg(&m, sub, 10000), NATS_OK);
        natsMsg_Destroy(m);
    }
    natsSubscription_Destroy(sub);
}

static struct server *consumer_leader(struct scene *s)
{
    json_t *info = client_consumer(s->client, "WORK", SCENE_HANDLER);
    assert_true(info && json_text(info, "cluster.leader"));
    return cluster_node(s->cluster, json_text(info, "cluster.leader"));
}

static bool followers_are_here(void *data)
{
    json_t *info = client_consumer(((struct scene *)data)->client, "WORK", SCENE_HANDLER);
    return info && json_at(info, "num_ack_pending") == 4;
}

static void order_outlives_a_frozen_leader(struct world *w)
{
    struct scene *s = scene_prepare(w, &(struct scene_options){.cluster = true});

    scene_set(s, "ORDERING", "subject");
    scene_set(s, "ACK_WAIT", "3s");
    client_add_consumer(s->client, "WORK", SCENE_HANDLER, ",\"ack_wait\":3000000000,\"num_replicas\":3");
    struct server *leader = consumer_leader(s);
    struct server *other = s->cluster->nodes[leader == s->cluster->nodes[0]];
    s->client = client_connect(w, other->url);
    daemon_env(s->daemon, "NATS_URL=%s", other->url);
    for (unsigned id = 1; id <= 4; id++)
        scene_publish(s, "%u ack", id);
    take_and_die(s, 2);
    scene_start(s);
    world_until(followers_are_here, s, 2);
    server_freeze(leader); /* the new leader is elected after the leases of the others would have expired */
    scene_expect_effects(s, 4, 60);
    assert_string_equal(world_read(w, s->effects), "1 1 1 ack\n2 1 2 ack\n3 1 3 ack\n4 1 4 ack\n");
    server_thaw(leader);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        IT(failing_heads_keep_their_place),   IT(a_failing_head_holds_up_its_own_key_only),
        IT(a_slow_key_does_not_block_others), IT(key_max_in_flight_bounds_a_hot_key),
        IT(heads_are_never_given_back),       IT(keys_come_from_tokens_and_headers),
        IT(order_outlives_workers),           IT(order_outlives_the_daemon),
        IT(order_outlives_the_server),        IT(order_outlives_a_restart_without_waiting),
        IT(order_outlives_lost_leases),       IT(order_outlives_a_frozen_leader),
    };
    return it_main(tests, argc, argv);
}
