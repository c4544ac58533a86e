/* SPDX-License-Identifier: Apache-2.0
 * seamq pause, resume and seek, and how seamqd reacts. */
#include "scene.h"
#include "seamq.h"

#include <stdio.h>
#include <string.h>

#define TARGET "WORK/" SCENE_HANDLER
#define RUN(s, status, ...) SEAMQ_EXPECT((s)->w, (s)->urls, (status), __VA_ARGS__)

static void expect_text(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("\"%s\" is not in:\n%s", part, text);
}

/* ---- pause ---------------------------------------------------------------------------- */

static void need_pause(struct world *w)
{
    if (server_version() < 21100)
        world_skip(w, "this server cannot pause consumers");
}

static void an_older_server_is_named(struct world *w)
{
    if (server_version() >= 21100)
        world_skip(w, "this server can pause consumers");
    struct scene *s = scene_open(w);
    expect_text(RUN(s, 1, "pause", TARGET).err, "older than nats-server 2.11");
    expect_text(RUN(s, 1, "resume", TARGET).err, "older than nats-server 2.11");
}

static void a_paused_consumer_is_shown_and_no_trouble(struct world *w)
{
    need_pause(w);
    struct scene *s = scene_open(w);
    const char *page;

    expect_text(RUN(s, 0, "pause", TARGET).out, "consumer " TARGET " paused until it is resumed");
    scene_publish(s, "1 ack");
    /* Each request of the page makes seamqd request CONSUMER.INFO. */
    assert_true(daemon_wait_metric(s->daemon, "seamq_consumer_paused", NULL, 1, 20));
    assert_int_equal(daemon_get(s->daemon, "/", &page), 200);
    expect_text(page, "paused on cluster default until");
    assert_int_equal(daemon_get(s->daemon, "/readyz", NULL), 200);
    daemon_expect_event(s->daemon, 0, "consumer-paused", "consumer=" SCENE_HANDLER, 10);
    assert_int_equal(json_at(client_consumer(s->client, "WORK", SCENE_HANDLER), "num_pending"), 1);
    assert_int_equal(scene_effects(s, ""), 0);

    expect_text(RUN(s, 0, "resume", TARGET).out, "consumer " TARGET " resumed");
    scene_expect_effects(s, 1, 20);
    scene_expect_settled(s, 20);
    daemon_expect_event(s->daemon, 0, "consumer-resumed", NULL, 20);
    assert_null(daemon_event(s->daemon, 0, "pull-silent", NULL, 0));
}

static void a_pause_ends_by_itself(struct world *w)
{
    need_pause(w);
    struct scene *s = scene_open(w);

    json_t *row = seamq_row(w, RUN(s, 0, "pause", TARGET, "--for=2s", "--json").out, 0);
    assert_true(json_is_true(json_object_get(row, "paused")));
    assert_non_null(json_text(row, "until"));
    scene_publish(s, "1 ack");
    scene_expect_effects(s, 1, 20);
}

static void mistakes_are_named(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    expect_text(RUN(s, 1, "pause", "WORK/nobody").err, "no consumer WORK/nobody");
    expect_text(RUN(s, 2, "pause", "nobody").err, "unknown handler \"nobody\"");
    expect_text(RUN(s, 2, "pause", "WORK/a.b").err, "is not STREAM/CONSUMER");
    expect_text(RUN(s, 2, "pause", TARGET, "--for=ever").err, "is not a duration");
    expect_text(RUN(s, 2, "seek", TARGET).err, "give the position");
    expect_text(RUN(s, 2, "seek", TARGET, "--first", "--new").err, "give the position");
    expect_text(RUN(s, 2, "seek", TARGET, "--sequence=0").err, "is not a sequence");
    expect_text(RUN(s, 2, "seek", TARGET, "--time=soon").err, "is not a time");
    /* A handler's name selects its consumer. */
    expect_text(RUN(s, 1, "seek", "mine", "--first", "handler.mine.stream=WORK", "handler.mine.durable=yours").err,
                "no consumer WORK/yours");
}

/* The server sends heartbeats during a pause, so seamqd does not take it for a dead pull request. */
static void a_long_pause_is_no_silence(struct world *w)
{
    need_pause(w);
    struct scene *s = scene_open(w);

    RUN(s, 0, "pause", TARGET);
    assert_null(daemon_event(s->daemon, 0, "pull-silent", NULL, 12)); /* more than two heartbeats */
    assert_int_equal(daemon_get(s->daemon, "/readyz", NULL), 200);
}

/* ---- seek ------------------------------------------------------------------------------- */

static void publish_and_settle(struct scene *s, unsigned n)
{
    for (unsigned i = 1; i <= n; i++)
        scene_publish(s, "%u ack", i);
    scene_expect_effects(s, n, 20);
    scene_expect_settled(s, 20);
}

static void a_plan_tells_what_would_be_delivered_again(struct world *w)
{
    struct scene *s = scene_open(w);

    publish_and_settle(s, 20);
    assert_int_equal(daemon_stop(s->daemon, 20), 0);
    json_t *row = seamq_row(w, RUN(s, 0, "seek", TARGET, "--sequence=11", "--dry-run", "--json").out, 0);
    assert_int_equal(json_at(row, "remaining"), 0);
    assert_int_equal(json_at(row, "remaining_then"), 10);
    assert_int_equal(json_at(row, "again"), 10);
    assert_int_equal(json_at(row, "waiting"), 0);
    assert_true(json_is_false(json_object_get(row, "moved")));
    expect_text(RUN(s, 1, "seek", TARGET, "--sequence=11").err, "--yes");
    json_t *info = client_consumer(s->client, "WORK", SCENE_HANDLER);
    assert_int_equal(json_at(info, "num_pending"), 0);
    assert_null(client_consumer(s->client, "WORK", SCENE_HANDLER "-seek"));

    expect_text(RUN(s, 0, "seek", TARGET, "--sequence=11", "--yes").out, "consumer " TARGET " moved to sequence 11");
    info = client_consumer(s->client, "WORK", SCENE_HANDLER);
    assert_int_equal(json_at(info, "num_pending"), 10);
    assert_string_equal(json_text(info, "config.filter_subject"), "work.>");
    daemon_start(s->daemon);
    scene_expect_effects(s, 30, 20);
    scene_expect_settled(s, 20);
    assert_int_equal(scene_effects(s, ""), 30);
}

static void seeking_forward_skips(struct world *w)
{
    struct scene *s = scene_open(w);

    publish_and_settle(s, 3);
    assert_int_equal(daemon_stop(s->daemon, 20), 0);
    for (int i = 4; i <= 8; i++)
        scene_publish(s, "%d ack", i);
    json_t *row = seamq_row(w, RUN(s, 0, "seek", TARGET, "--new", "--yes", "--json").out, 0);
    assert_int_equal(json_at(row, "skipped"), 5);
    assert_true(json_is_true(json_object_get(row, "moved")));
    scene_publish(s, "9 ack");
    daemon_start(s->daemon);
    scene_expect_effects(s, 4, 20);
    scene_expect_settled(s, 20);
    assert_int_equal(scene_effects(s, " 9 ack"), 1);
    assert_int_equal(scene_effects(s, ""), 4);
}

/* A start position counts at creation only: the same file is not drift after seek. */
static void a_consumer_that_was_moved_is_still_what_was_provisioned(struct world *w)
{
    struct server *server = server_start(w, NULL);
    const char *file = world_path(w, "streams.ini");

    world_write(file, "[stream.WORK]\nsubjects = work.>\n[consumer.WORK/c]\n");
    SEAMQ_EXPECT(w, server->url, 0, "stream", "apply", file);
    SEAMQ_EXPECT(w, server->url, 0, "seek", "WORK/c", "--sequence=5", "--yes");
    json_t *row = seamq_row(w, SEAMQ_EXPECT(w, server->url, 0, "stream", "apply", file, "--json").out, 1);
    assert_string_equal(json_text(row, "action"), "unchanged");
    expect_text(json_text(row, "detail"), "began at by_start_sequence=5");
    json_t *info = client_consumer(client_connect(w, server->url), "WORK", "c");
    assert_int_equal(json_at(info, "config.opt_start_seq"), 5);
}

/* Everything that can be checked is checked before the old consumer is deleted. */
static void nothing_is_deleted_that_could_not_be_made_anew(struct world *w)
{
    static const char users[] =
        "authorization: { users: [ { user: admin, password: pw }, { user: half, password: pw, permissions: {\n"
        "  publish: { allow: \">\", deny: \"$JS.API.CONSUMER.DELETE.WORK.c\" } } }, { user: op, password: pw, "
        "permissions: {\n"
        "  publish: { allow: \">\", deny: [ \"$JS.API.CONSUMER.CREATE.WORK.c\", \"$JS.API.CONSUMER.CREATE.WORK.c.>\" ]"
        " } } } ] }";
    struct server *server = server_start(w, &(struct server_options){.extra = users});
    struct client *c = client_connect(w, world_text(w, "nats://admin:pw@127.0.0.1:%d", server->port));
    const char *url = world_text(w, "nats://op:pw@127.0.0.1:%d", server->port);

    client_add_stream(c, "WORK", "work.>", NULL);
    client_add_consumer(c, "WORK", "c", NULL);
    struct seamq_said said = SEAMQ_EXPECT(w, url, 1, "seek", "WORK/c", "--new", "--yes", "--json");
    expect_text(said.err, "Permissions Violation");
    assert_true(json_is_false(json_object_get(seamq_row(w, said.out, 0), "moved")));
    assert_non_null(client_consumer(c, "WORK", "c"));
    /* If it is unknown whether the consumer was deleted, the output has the configuration to recreate it by hand. */
    url = world_text(w, "nats://half:pw@127.0.0.1:%d", server->port);
    said = SEAMQ_EXPECT(w, url, 1, "seek", "WORK/c", "--new", "--yes");
    expect_text(said.err, "recreate it with this configuration: {");
    expect_text(said.err, "\"deliver_policy\":\"new\"");
}

static void a_time_is_a_place_too(struct world *w)
{
    struct scene *s = scene_open(w);

    publish_and_settle(s, 5);
    assert_int_equal(daemon_stop(s->daemon, 20), 0);
    json_t *row = seamq_row(w, RUN(s, 0, "seek", TARGET, "--time=1h", "--dry-run", "--json").out, 0);
    assert_int_equal(json_at(row, "again"), 5);
    row = seamq_row(w, RUN(s, 0, "seek", TARGET, "--time=2020-01-01T00:00:00Z", "--dry-run", "--json").out, 0);
    assert_int_equal(json_at(row, "again"), 5);
}

static void nothing_moves_under_a_daemon_unless_forced(struct world *w)
{
    struct scene *s = scene_open(w);

    publish_and_settle(s, 10);
    expect_text(RUN(s, 1, "seek", TARGET, "--first", "--yes").err, "--force");
    assert_int_equal(json_at(client_consumer(s->client, "WORK", SCENE_HANDLER), "num_pending"), 0);
    expect_text(RUN(s, 0, "seek", TARGET, "--first", "--yes", "--force").out, "moved to the first message");
    daemon_expect_event(s->daemon, 0, "consumer-recreated", "consumer=" SCENE_HANDLER, 20);
    scene_expect_effects(s, 20, 20);
    daemon_wait_ready(s->daemon, 20);
    scene_publish(s, "11 ack");
    scene_expect_settled(s, 20);
    assert_int_equal(scene_effects(s, ""), 21);
}

/* Runs that started before the move must not settle deliveries of the new consumer. */
static void what_was_held_of_the_old_consumer_settles_nothing(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    scene_set(s, "WORKERS", "3"); /* the second message runs beside both runs of the first */
    scene_start(s);
    scene_publish(s, "1 sleep 4000");
    scene_publish(s, "2 nak 60000 1"); /* waits in the daemon for its second attempt */
    scene_expect_effects(s, 2, 20);
    RUN(s, 0, "seek", TARGET, "--first", "--yes", "--force");
    daemon_expect_event(s->daemon, 0, "consumer-recreated", "forgotten=2", 20);
    scene_expect_effects(s, 4, 30); /* all run again, while the first run of message 1 may not have ended */
    assert_int_equal(scene_effects(s, " 1 sleep"), 2);
    assert_int_equal(scene_effects(s, "2 1 2 nak"), 2); /* counted as a first attempt again */
    assert_int_equal(json_at(client_consumer(s->client, "WORK", SCENE_HANDLER), "num_ack_pending"), 2);
    daemon_kill(s->daemon);
}

static void a_work_queue_is_refused(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    client_add_stream(s->client, "QUEUE", "queue", ",\"retention\":\"workqueue\"");
    client_add_consumer(s->client, "QUEUE", "c", NULL);
    expect_text(RUN(s, 1, "seek", "QUEUE/c", "--first", "--yes").err, "workqueue retention");
    assert_non_null(client_consumer(s->client, "QUEUE", "c"));
}

/* ---- shadow -------------------------------------------------------------------------------- */

static void a_shadow_tells_and_does_nothing(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);
    struct daemon *d = s->daemon;

    client_add_stream(s->client, "OUT", "out", NULL);
    daemon_handler(d, IT_SCRIPTED, "next");
    daemon_env(d, "SEAMQ_HANDLER_NEXT_DURABLE=" SCENE_HANDLER);
    daemon_env(d, "SEAMQ_HANDLER_NEXT_SHADOW=yes");
    daemon_env(d, "SEAMQ_HANDLER_NEXT_OPTION_EFFECTS=%s", world_path(w, "shadow-effects"));
    daemon_env(d, "SEAMQ_LOG_LEVEL=debug");
    scene_start(s);
    scene_publish(s, "1 publish out 2");
    scene_publish(s, "2 dead no-good");
    scene_publish(s, "3 nak 10 1");
    scene_publish(s, "4 term");
    scene_publish(s, "5 crash 1");
    scene_publish(s, "6 ack");
    scene_expect_settled(s, 30);
    client_expect_settled(s->client, "WORK", SCENE_HANDLER "-shadow", 30);
    static const struct {
        const char *seq, *outcome;
    } told[] = {{"1", "ack"}, {"2", "dead"}, {"3", "nak"}, {"4", "term"}, {"5", "crash"}, {"6", "ack"}};
    for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++)
        daemon_expect_event(d, 0, "shadow",
                            world_text(w, "handler=next seq=%s outcome=%s", told[i].seq, told[i].outcome), 10);
    daemon_expect_event(d, 0, "shadow-output", "handler=next subject=out data=1.1", 10);
    assert_true(daemon_metric(d, "seamq_shadow_total", "handler=\"next\"") == 6);
    const char *page;
    assert_int_equal(daemon_get(d, "/", &page), 200);
    expect_text(page, "shadow mode");
    assert_true(daemon_metric(d, "seamq_shadow_outputs_total", "handler=\"next\"") == 2);
    /* The outputs of production only, each once. */
    assert_int_equal(client_stream_messages(s->client, "OUT"), 2);
    assert_int_equal(client_stream_messages(s->client, "DLQ"), 1);
    assert_int_equal(scene_effects(s, " 3 nak"), 2);
}

/* Logged at the default level, and no breaker delays the next messages. */
static void a_shadow_records_outputs_and_what_was_not_available(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    scene_set(s, "SHADOW", "yes");
    scene_start(s);
    scene_publish(s, "1 needs nothing");
    scene_publish(s, "2 publish out 1");
    client_expect_settled(s->client, "WORK", SCENE_HANDLER "-shadow", 30);
    daemon_expect_event(s->daemon, 0, "shadow", "seq=1 outcome=unavailable", 10);
    json_t *out = daemon_expect_event(s->daemon, 0, "shadow-output", "seq=2 subject=out bytes=3 headers=0", 10);
    assert_null(json_object_get(out, "data"));
    assert_int_equal(scene_effects(s, "needs"), 1);
    assert_true(daemon_metric(s->daemon, "seamq_shadow_total", "outcome=\"unavailable\"") == 1);
}

static void a_shadow_needs_a_stream_that_keeps(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    client_api_ok(s->client, NULL, "STREAM.DELETE.WORK");
    client_add_stream(s->client, "WORK", "work.>", ",\"retention\":\"workqueue\"");
    scene_set(s, "SHADOW", "yes");
    daemon_start(s->daemon);
    daemon_expect_not_ready(s->daemon, "shadow = yes needs a stream with limits", 20);
}

/* ---- the daemon itself ------------------------------------------------------------------------ */

static const char *admin_of(struct scene *s)
{
    return world_text(s->w, "seamqd.admin=127.0.0.1:%d", s->daemon->admin);
}

static void status_shows_handlers_and_whether_they_are_ready(struct world *w)
{
    struct scene *s = scene_open(w);

    publish_and_settle(s, 3);
    json_t *all = seamq_row(w, RUN(s, 0, "status", "--json", admin_of(s)).out, 0);
    assert_string_equal(json_text(all, "state"), "ready");
    json_t *h = json_array_get(json_object_get(all, "handlers"), 0);
    assert_string_equal(json_text(h, "name"), SCENE_HANDLER);
    assert_int_equal(json_at(h, "acked"), 3);
    json_t *c = json_array_get(json_object_get(h, "consumers"), 0);
    assert_string_equal(json_text(c, "stream"), "WORK");
    assert_true(json_is_true(json_object_get(c, "ready")));
    const char *table = RUN(s, 0, "status", admin_of(s)).out;
    expect_text(table, "instance");
    expect_text(table, SCENE_HANDLER);
    client_api_ok(s->client, NULL, "CONSUMER.DELETE.WORK.%s", SCENE_HANDLER);
    daemon_expect_not_ready(s->daemon, "deleted", 20);
    expect_text(RUN(s, 1, "status", admin_of(s)).out, "not ready");
}

static void reload_waits_and_tells(struct world *w)
{
    struct scene *s = scene_open(w);

    expect_text(RUN(s, 0, "reload", "--wait", admin_of(s)).out, "nothing has changed");
    daemon_handler(s->daemon, IT_SCRIPTED, "more");
    expect_text(RUN(s, 0, "reload", "--wait", admin_of(s)).out, "added"); /* also if the directory watch was faster */
    expect_text(RUN(s, 0, "reload", "--wait", admin_of(s)).out, "nothing has changed");
    world_write(world_path(w, "%s/broken.so", strrchr(s->daemon->plugin_dir, '/') + 1), "no plugin");
    daemon_expect_event(s->daemon, 0, "reload-refused", "handler=broken", 30);
    expect_text(RUN(s, 1, "reload", "--wait", admin_of(s)).out, "refused");
    json_t *report = seamq_row(w, RUN(s, 1, "reload", "--wait", "--json", admin_of(s)).out, 0);
    assert_true(json_array_size(json_object_get(report, "changes")) >= 1);
}

static void drain_ends_it(struct world *w)
{
    struct scene *s = scene_open(w);

    expect_text(RUN(s, 0, "drain", "--wait", admin_of(s)).out, "seamqd stopped");
    assert_true(process_wait(s->daemon->proc, 20));
    assert_int_equal(process_exit_code(s->daemon->proc), 0);
    expect_text(RUN(s, 1, "status", admin_of(s)).err, "no seamqd answers");
    expect_text(RUN(s, 1, "status", "seamqd.admin=off").err, "is off");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        IT(an_older_server_is_named),
        IT(a_paused_consumer_is_shown_and_no_trouble),
        IT(a_pause_ends_by_itself),
        IT(a_long_pause_is_no_silence),
        IT(mistakes_are_named),
        IT(a_plan_tells_what_would_be_delivered_again),
        IT(seeking_forward_skips),
        IT(a_consumer_that_was_moved_is_still_what_was_provisioned),
        IT(nothing_is_deleted_that_could_not_be_made_anew),
        IT(a_time_is_a_place_too),
        IT(nothing_moves_under_a_daemon_unless_forced),
        IT(what_was_held_of_the_old_consumer_settles_nothing),
        IT(a_work_queue_is_refused),
        IT(a_shadow_tells_and_does_nothing),
        IT(a_shadow_records_outputs_and_what_was_not_available),
        IT(a_shadow_needs_a_stream_that_keeps),
        IT(status_shows_handlers_and_whether_they_are_ready),
        IT(reload_waits_and_tells),
        IT(drain_ends_it),
    };
    return it_main(tests, argc, argv);
}
