/* SPDX-License-Identifier: Apache-2.0
 * ack = cumulative: one acknowledgement for many messages, without loss.
 *
 * IT_MESSAGES sets the size of each run (20000). */
#include "load.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct scene *prepare(struct world *w)
{
    struct scene *s = scene_prepare(w, &(struct scene_options){.sync_always = true});
    scene_set(s, "ACK", "cumulative");
    scene_set(s, "EXCLUSIVE", "yes");
    scene_set(s, "ACK_WAIT", "3s");
    scene_set(s, "BACKOFF", "20ms 100ms");
    scene_set(s, "CRASH_LIMIT", "2");
    scene_set(s, "WORKERS", "2");
    scene_set(s, "OPTION_PAUSE", "100us");
    return s;
}

/* Mostly ack, with a few of every other outcome. */
static const char *mixed(uint32_t id, uint64_t roll)
{
    (void)id;
    switch (roll % 1000) {
    case 0: return "crash";
    case 1: return "dead";
    case 2:
    case 3: return "term";
    case 4: return "sleep 50";
    default: return roll % 1000 < 30 ? "nak 30" : "ack";
    }
}

static void every_outcome_is_settled_in_its_turn(struct world *w)
{
    struct scene *s = prepare(w);

    scene_set(s, "ACK_WAIT", "60s"); /* long enough that a busy machine causes no redelivery */
    scene_start(s);
    struct ledger_count c = load_finish(s, load_start(s, mixed));
    json_t *info = client_consumer(s->client, "WORK", SCENE_HANDLER);
    assert_string_equal(json_text(info, "config.ack_policy"), "all");
    assert_true(c.handled > load_messages() * 9 / 10);
    assert_int_equal(daemon_metric(s->daemon, "seamq_messages_redelivered_total", NULL), 0);
    assert_int_equal(daemon_stop(s->daemon, 30), 0);
}

static void killed_daemons_lose_nothing(struct world *w)
{
    struct scene *s = prepare(w);

    scene_start(s);
    struct ledger *l = load_start(s, mixed);
    load_interrupt(s, 6, load_kill_daemon);
    load_finish(s, l);
}

static void killed_servers_lose_nothing(struct world *w)
{
    struct scene *s = prepare(w);

    scene_start(s);
    struct ledger *l = load_start(s, mixed);
    load_interrupt(s, 4, load_kill_server);
    load_finish(s, l);
}

static void drains_lose_nothing(struct world *w)
{
    struct scene *s = prepare(w);

    scene_start(s);
    struct ledger *l = load_start(s, mixed);
    for (unsigned i = 0; i < 3; i++) {
        load_wait_mark(s, i, 3);
        assert_int_equal(daemon_stop(s->daemon, 30), 0);
        scene_start(s);
    }
    load_finish(s, l);
}

static void a_slow_message_holds_the_acknowledgement_not_the_others(struct world *w)
{
    struct scene *s = prepare(w);

    scene_start(s);
    scene_publish(s, "1 sleep 5000"); /* longer than ack wait: the lease of finished messages is renewed */
    scene_expect_effects(s, 1, 10);
    for (int i = 2; i <= 200; i++)
        scene_publish(s, "%d ack", i);
    scene_expect_effects(s, 150, 4); /* some messages wait behind it in the ring */
    assert_int_equal(json_at(client_consumer(s->client, "WORK", SCENE_HANDLER), "ack_floor.stream_seq"), 0);
    scene_expect_settled(s, 30);
    assert_int_equal(effects_lines(s->effects), 200);
    assert_int_equal(daemon_metric(s->daemon, "seamq_messages_redelivered_total", NULL), 0);
}

/* Messages that were finished for the old consumer must not acknowledge deliveries of the new one. */
static void a_recreated_consumer_gets_no_ack_of_the_old_one(struct world *w)
{
    struct scene *s = prepare(w);
    const unsigned n = 20;

    scene_start(s);
    scene_publish(s, "1 nak 60000"); /* waits for its retry, so all finished messages behind it wait too */
    for (unsigned i = 2; i <= n; i++)
        scene_publish(s, "%u ack", i);
    scene_expect_effects(s, n, 20);
    json_t *config = json_deep_copy(json_object_get(client_consumer(s->client, "WORK", SCENE_HANDLER), "config"));
    json_t *request = json_pack("{s:s, s:o}", "stream_name", "WORK", "config", config);
    char *body = json_dumps(request, JSON_COMPACT);
    json_decref(request);
    client_api_ok(s->client, NULL, "CONSUMER.DELETE.WORK." SCENE_HANDLER);
    client_api_ok(s->client, body, "CONSUMER.DURABLE.CREATE.WORK." SCENE_HANDLER);
    free(body);
    daemon_expect_event(s->daemon, 0, "consumer-recreated", NULL, 30);
    scene_expect_effects(s, 2 * n, 30); /* all messages run again, the first one with attempt number 1 */
    assert_int_equal(scene_effects(s, "1 1 1 nak"), 2);
    scene_publish(s, "21 ack");
    scene_expect_effects(s, 2 * n + 1, 10);
    json_t *info = client_consumer(s->client, "WORK", SCENE_HANDLER);
    assert_int_equal(json_at(info, "ack_floor.stream_seq"), 0);
    assert_int_equal(json_at(info, "num_ack_pending"), n + 1);
    daemon_kill(s->daemon);
}

/* Both daemons are configured as exclusive. Neither acknowledges messages of the other one. */
static void two_daemons_lose_nothing(struct world *w)
{
    struct scene *s = prepare(w);
    scene_start(s);
    struct daemon *other = daemon_new(w, s->urls);
    daemon_handler(other, IT_SCRIPTED, SCENE_HANDLER);
    for (size_t i = 0; i < s->daemon->n_env; i++)
        if (strncmp(s->daemon->env[i], "SEAMQ_HANDLER_", 14) == 0)
            daemon_env(other, "%s", s->daemon->env[i]);

    struct ledger *l = load_start(s, NULL);
    load_wait_mark(s, 0, 2);
    daemon_start(other);
    daemon_wait_ready(other, 15);
    daemon_expect_event(s->daemon, 0, "ack-held-back", NULL, 60);
    daemon_kill(other);
    struct ledger_count c = load_finish(s, l);
    assert_int_equal(c.dead, 0);
}

static void a_work_queue_is_refused(struct world *w)
{
    struct server *server = server_start(w, NULL);
    struct client *c = client_connect(w, server->url);
    client_add_stream(c, "WORK", "work.>", ",\"retention\":\"workqueue\"");
    client_add_dlq(c, "WORK");
    struct daemon *d = daemon_new(w, server->url);
    daemon_handler(d, IT_SCRIPTED, SCENE_HANDLER);
    daemon_env(d, "SEAMQ_HANDLER_SCRIPTED_ACK=cumulative");
    daemon_env(d, "SEAMQ_HANDLER_SCRIPTED_EXCLUSIVE=yes");
    daemon_start(d);
    daemon_expect_not_ready(d, "stream WORK is a work queue, which ack = cumulative does not support (set ack = each)",
                            15);
}

static void a_consumer_that_acknowledges_each_is_refused(struct world *w)
{
    struct scene *s = prepare(w);
    client_add_consumer(s->client, "WORK", SCENE_HANDLER, ",\"filter_subject\":\"work.>\",\"max_deliver\":-1");
    daemon_start(s->daemon);
    daemon_expect_not_ready(s->daemon, "ack policy is explicit on the server, and all is needed: it cannot be changed",
                            15);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest all[] = {
        IT(every_outcome_is_settled_in_its_turn),
        IT(killed_daemons_lose_nothing),
        IT(killed_servers_lose_nothing),
        IT(drains_lose_nothing),
        IT(a_slow_message_holds_the_acknowledgement_not_the_others),
        IT(a_recreated_consumer_gets_no_ack_of_the_old_one),
        IT(two_daemons_lose_nothing),
        IT(a_work_queue_is_refused),
        IT(a_consumer_that_acknowledges_each_is_refused),
    };
    return it_main(all, argc, argv);
}
