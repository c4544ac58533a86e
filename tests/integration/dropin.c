/* SPDX-License-Identifier: Apache-2.0
 * A plugin in the plugin directory: binding, readiness, drift, and other plugins that do not load. */
#include "scene.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *page(struct scene *s, const char *path)
{
    const char *body = NULL;
    assert_int_equal(daemon_get(s->daemon, path, &body), 200);
    return body;
}

static void plugin_dir_and_nats_url_are_enough(struct world *w)
{
    struct server *s = server_start(w, NULL);
    struct client *c = client_connect(w, s->url);

    client_add_stream(c, "WORK", "work.>", NULL);
    for (int i = 1; i <= 500; i++)
        client_publish(c, "work.test", world_text(w, "%d ack", i));
    struct daemon *d = daemon_new(w, s->url);
    daemon_handler(d, IT_SCRIPTED, "scripted");
    daemon_start(d);
    daemon_expect_event(d, 0, "ready", "handlers=1", 15);
    daemon_wait_ready(d, 5);
    client_expect_settled(c, "WORK", "scripted", 15);
    json_t *info = client_consumer(c, "WORK", "scripted");
    assert_string_equal(json_text(info, "config.durable_name"), "scripted");
    assert_string_equal(json_text(info, "config.ack_policy"), "explicit");
    assert_string_equal(json_text(info, "config.filter_subject"), "work.>");
    assert_int_equal(json_at(info, "config.max_deliver"), -1);
    assert_int_equal(daemon_stop(d, 15), 0);
}

static void the_file_name_names_the_handler(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    unlink(world_text(w, "%s/scripted.so", s->daemon->plugin_dir));
    daemon_env_unset(s->daemon, "SEAMQ_HANDLER_SCRIPTED_OPTION_EFFECTS");
    daemon_handler(s->daemon, IT_SCRIPTED, "billing");
    daemon_start(s->daemon);
    daemon_wait_ready(s->daemon, 15);
    assert_non_null(client_consumer(s->client, "WORK", "billing"));
}

static void an_existing_consumer_is_bound_and_not_modified(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    client_add_consumer(
        s->client, "WORK", SCENE_HANDLER,
        ",\"filter_subject\":\"work.>\",\"ack_wait\":17000000000,\"max_ack_pending\":77,\"max_deliver\":-1,"
        "\"description\":\"by hand\"");
    const char *before =
        json_dumps(json_object_get(client_consumer(s->client, "WORK", SCENE_HANDLER), "config"), JSON_SORT_KEYS);
    world_at_end(w, free, (void *)before);
    scene_start(s);
    scene_publish(s, "1 ack");
    scene_expect_effects(s, 1, 10);
    char *after =
        json_dumps(json_object_get(client_consumer(s->client, "WORK", SCENE_HANDLER), "config"), JSON_SORT_KEYS);
    world_at_end(w, free, after);
    assert_string_equal(before, after);
}

static void drift_is_named_with_both_values(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    client_add_consumer(s->client, "WORK", SCENE_HANDLER,
                        ",\"filter_subject\":\"work.>\",\"max_deliver\":-1,\"max_ack_pending\":77");
    scene_set(s, "MAX_ACK_PENDING", "123");
    scene_start(s);
    const char *line = daemon_says(s->daemon, 0, 10, "consumer-drift", "max_ack_pending", "77", "123");
    assert_non_null(line);
}

static void other_filters_and_starts_of_the_consumer_are_named(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    client_add_consumer(s->client, "WORK", SCENE_HANDLER,
                        ",\"filter_subject\":\"work.a.>\",\"max_deliver\":-1,\"deliver_policy\":\"all\"");
    scene_set(s, "FILTER_SUBJECTS", "work.b.>");
    scene_set(s, "DELIVER_POLICY", "new");
    scene_start(s);
    assert_non_null(daemon_says(s->daemon, 0, 10, "consumer-drift", "work.a.> on the server", "work.b.>",
                                "deliver_policy was all", "seamq stream apply"));
}

static void a_filter_that_the_stream_never_matches_is_said_until_something_comes(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    client_add_stream(s->client, "EU_WORK", "eu.>", NULL);
    scene_set(s, "STREAM", "EU_WORK");
    scene_set(s, "FILTER_SUBJECTS", "deep.>");
    scene_start(s); /* ready, because the subject may be added to the stream later */
    daemon_expect_event(s->daemon, 0, "subject-not-in-stream", "level=warn msg=*eu.>*", 10);
    assert_non_null(strstr(page(s, "/status.json"), "no message will arrive"));
    client_api_ok(s->client, "{\"name\":\"EU_WORK\",\"subjects\":[\"eu.>\",\"deep.>\"]}", "STREAM.UPDATE.EU_WORK");
    client_publish(s->client, "deep.x", "1 ack");
    scene_expect_effects(s, 1, 10);
    assert_null(strstr(page(s, "/status.json"), "no message will arrive"));
}

static void a_consumer_with_another_ack_policy_is_refused(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);
    const char *body = "{\"stream_name\":\"WORK\",\"config\":{\"durable_name\":\"scripted\",\"ack_policy\":\"none\","
                       "\"filter_subject\":\"work.>\"}}";

    client_api_ok(s->client, body, "CONSUMER.DURABLE.CREATE.WORK.scripted");
    daemon_start(s->daemon);
    const char *why = daemon_expect_not_ready(s->daemon, "ack policy", 15);
    assert_non_null(strstr(why, "explicit"));
}

static void without_consumer_and_create_never_it_is_not_ready(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    scene_set(s, "CREATE", "never");
    daemon_start(s->daemon);
    const char *why = daemon_expect_not_ready(s->daemon, "create = never", 15);
    assert_non_null(strstr(why, "scripted"));
    assert_null(client_consumer(s->client, "WORK", SCENE_HANDLER));
    client_add_consumer(s->client, "WORK", SCENE_HANDLER, ",\"filter_subject\":\"work.>\",\"max_deliver\":-1");
    daemon_wait_ready(s->daemon, 15);
}

static void a_missing_stream_is_waited_for(struct world *w)
{
    struct server *s = server_start(w, NULL);
    struct client *c = client_connect(w, s->url);
    struct daemon *d = daemon_new(w, s->url);

    daemon_handler(d, IT_SCRIPTED, "scripted");
    daemon_start(d);
    const char *why = daemon_expect_not_ready(d, "WORK", 15);
    assert_non_null(strstr(why, "does not exist"));
    assert_int_equal(daemon_get(d, "/healthz", NULL), 200);
    client_add_stream(c, "WORK", "work.>", NULL);
    daemon_wait_ready(d, 15);
    client_publish(c, "work.test", "1 ack");
    client_expect_settled(c, "WORK", "scripted", 10);
}

static void a_consumer_deleted_while_running_is_an_alarm(struct world *w)
{
    struct scene *s = scene_open(w);

    scene_publish(s, "1 ack");
    scene_expect_settled(s, 10);
    client_api_ok(s->client, NULL, "CONSUMER.DELETE.WORK.scripted");
    daemon_expect_not_ready(s->daemon, "deleted", 15);
    assert_null(client_consumer(s->client, "WORK", SCENE_HANDLER));
    assert_int_equal(effects_lines(s->effects), 1); /* nothing was replayed */
}

static void a_stream_deleted_while_running_is_an_alarm(struct world *w)
{
    struct scene *s = scene_open(w);

    scene_publish(s, "1 ack");
    scene_expect_settled(s, 10);
    client_api_ok(s->client, NULL, "STREAM.DELETE.WORK");
    daemon_expect_not_ready(s->daemon, "WORK", 15);
    client_add_stream(s->client, "WORK", "work.>", NULL);
    scene_publish(s, "2 ack");
    daemon_expect_not_ready(s->daemon, "deleted",
                            15); /* the consumer is missing; a running daemon never recreates it */
    assert_int_equal(daemon_stop(s->daemon, 15), 0);
    scene_start(s); /* at start, create = missing creates it */
    scene_expect_settled(s, 10);
    assert_int_equal(effects_lines(s->effects), 2);
}

/* The first message of the new stream has the sequence of the old one's. Without a check of the stream's creation time
 * both would have the same dead-letter subject and message ids. */
static void a_stream_recreated_during_an_outage_is_another_stream(struct world *w)
{
    struct scene *s = scene_open(w);

    scene_publish(s, "1 dead before");
    scene_expect_settled(s, 10);
    assert_int_equal(client_stream_messages(s->client, "DLQ"), 1);
    process_signal(s->daemon->proc, SIGSTOP);
    server_kill(s->server);
    server_restart(s->server);
    client_api_ok(s->client, NULL, "STREAM.DELETE.WORK");
    client_add_stream(s->client, "WORK", "work.>", NULL);
    client_add_consumer(s->client, "WORK", SCENE_HANDLER, ",\"filter_subject\":\"work.>\",\"max_deliver\":-1");
    scene_publish(s, "1 dead after");
    process_signal(s->daemon->proc, SIGCONT);
    scene_expect_settled(s, 30);
    assert_int_equal(client_stream_messages(s->client, "DLQ"), 2);
    assert_non_null(daemon_event(s->daemon, 0, "stream-recreated", "stream=WORK", 5));
}

static void copy_tree(struct world *w, const char *from, const char *to)
{
    const char *const argv[] = {"/bin/cp", "-a", from, to, NULL};
    assert_int_equal(process_run(w, argv, NULL, 30, NULL, NULL), 0);
}

/* After a power failure the server gives the sequences of lost messages to other messages. */
static void a_stream_that_lost_its_last_messages_is_reported(struct world *w)
{
    struct scene *s = scene_open(w);
    const char *backup = world_path(w, "backup"), *lost = world_path(w, "lost");

    scene_publish(s, "1 ack");
    scene_expect_settled(s, 10);
    server_stop(s->server);
    copy_tree(w, s->server->store, backup);
    server_restart(s->server);
    scene_publish(s, "2 ack");
    scene_publish(s, "3 ack");
    scene_expect_settled(s, 20);
    assert_null(daemon_event(s->daemon, 0, "stream-went-back", NULL, 0));
    server_stop(s->server);
    assert_int_equal(rename(s->server->store, lost), 0);
    copy_tree(w, backup, s->server->store);
    server_restart(s->server);
    daemon_expect_event(s->daemon, 0, "stream-went-back", "delivered=3 last=1", 30);
    scene_publish(s, "4 ack");
    assert_true(effects_wait(s->effects, 4, 20));
    scene_expect_settled(s, 30);
}

static void dead_letter_stream_is_created_when_missing(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    client_api_ok(s->client, NULL, "STREAM.DELETE.DLQ");
    scene_start(s);
    json_t *info = client_api_ok(s->client, NULL, "STREAM.INFO.DLQ");
    assert_string_equal(
        json_string_value(json_array_get(json_object_get(json_object_get(info, "config"), "subjects"), 0)),
        "dlq.WORK.>");
    assert_string_equal(json_text(info, "config.retention"), "limits");
}

/* ---- plugins that do not load ------------------------------------------------------ */

static const char *const broken[] = {
    "truncated",    "wrong_arch",       "no_symbol",     "wrong_major", "newer_minor", "crash_in_ctor",
    "exit_in_ctor", "undefined_symbol", "not_an_object", "empty",       NULL};

static void add_broken_plugins(struct daemon *d)
{
    for (const char *const *name = broken; *name; name++) {
        const char *fixture = world_text(d->w, IT_FIXTURES "/%s.so", *name);
        const char *file = world_text(d->w, "%s/%s.so", d->plugin_dir, *name);
        if (strcmp(*name, "not_an_object") == 0)
            world_write(file, "this is not a shared object\n");
        else if (strcmp(*name, "empty") == 0)
            world_write(file, "");
        else
            world_copy(fixture, file);
    }
}

static void broken_plugins_are_named_and_others_work(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    add_broken_plugins(s->daemon);
    daemon_start(s->daemon);
    for (const char *const *name = broken; *name; name++) {
        const char *file = world_text(w, "/%s.so", *name);
        if (!daemon_says(s->daemon, 0, 20, file))
            fail_msg("the log does not name %s", file);
    }
    for (int i = 1; i <= 20; i++)
        scene_publish(s, "%d ack", i);
    scene_expect_settled(s, 15);
    assert_int_equal(daemon_get(s->daemon, "/healthz", NULL), 200);
    assert_int_equal(daemon_stop(s->daemon, 15), 0);
}

static void check_names_every_broken_plugin(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);
    const char *out, *err;

    add_broken_plugins(s->daemon);
    assert_int_equal(daemon_run(s->daemon, (const char *[]){"--check", NULL}, &out, &err), 2);
    for (const char *const *name = broken; *name; name++) {
        const char *file = world_text(w, "/%s.so", *name);
        if (!strstr(out, file) && !strstr(err, file))
            fail_msg("--check does not name %s:\n%s%s", file, out, err);
    }
    assert_null(strstr(err, "/scripted.so"));
}

static void a_plugin_that_others_can_change_is_refused_and_others_work(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);
    const char *file = daemon_handler(s->daemon, IT_SCRIPTED, "open-to-all");

    assert_int_equal(chmod(file, 0666), 0);
    daemon_start(s->daemon);
    assert_non_null(daemon_says(s->daemon, 0, 10, "plugin-refused", "open-to-all.so: refused", "by anyone", "0666",
                                "plugin_trust = any"));
    scene_publish(s, "1 ack");
    scene_expect_effects(s, 1, 10);
    assert_int_equal(daemon_stop(s->daemon, 15), 0);
    daemon_env(s->daemon, "SEAMQ_PLUGIN_TRUST=any");
    daemon_env(s->daemon, "SEAMQ_HANDLER_OPEN_TO_ALL_DURABLE=open");
    size_t mark = daemon_mark(s->daemon);
    daemon_start(s->daemon);
    daemon_expect_event(s->daemon, mark, "ready", "handlers=2", 15);
}

static void a_plugin_replaced_in_place_does_not_crash_the_worker(struct world *w)
{
    struct scene *s = scene_open(w);

    scene_publish(s, "1 ack");
    scene_expect_effects(s, 1, 10);
    /* A deployment by cp truncates the file, then writes it. */
    world_write(world_text(w, "%s/scripted.so", s->daemon->plugin_dir), "");
    for (int i = 2; i <= 100; i++)
        scene_publish(s, "%d ack", i);
    scene_expect_settled(s, 10);
    assert_int_equal((int)daemon_metric(s->daemon, "seamq_worker_exits_total", NULL) > 0, 0);
}

static void several_handlers_work_side_by_side(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);
    const char *other = world_path(w, "other-effects");

    client_add_stream(s->client, "OTHER", "other.>", NULL);
    client_api_ok(s->client, "{\"name\":\"DLQ\",\"subjects\":[\"dlq.WORK.>\",\"dlq.OTHER.>\"],\"storage\":\"file\"}",
                  "STREAM.UPDATE.DLQ");
    daemon_handler(s->daemon, IT_SCRIPTED, "other");
    daemon_env(s->daemon, "SEAMQ_HANDLER_OTHER_STREAM=OTHER");
    daemon_env(s->daemon, "SEAMQ_HANDLER_OTHER_FILTER_SUBJECTS=other.a,other.b");
    daemon_env(s->daemon, "SEAMQ_HANDLER_OTHER_WORKERS=3");
    daemon_env(s->daemon, "SEAMQ_HANDLER_OTHER_OPTION_EFFECTS=%s", other);
    scene_start(s);
    assert_true(daemon_wait_workers(s->daemon, 4, 5));
    for (int i = 1; i <= 50; i++) {
        scene_publish(s, "%d ack", i);
        client_publish(s->client, "other.not", "1 crash 100");
        client_publish(s->client, i % 2 ? "other.a" : "other.b", world_text(w, "%d ack", i));
    }
    scene_expect_settled(s, 10);
    client_expect_settled(s->client, "OTHER", "other", 10);
    assert_int_equal(effects_lines(s->effects), 50);
    assert_int_equal(effects_lines(other), 50);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        IT(plugin_dir_and_nats_url_are_enough),
        IT(the_file_name_names_the_handler),
        IT(an_existing_consumer_is_bound_and_not_modified),
        IT(drift_is_named_with_both_values),
        IT(other_filters_and_starts_of_the_consumer_are_named),
        IT(a_filter_that_the_stream_never_matches_is_said_until_something_comes),
        IT(a_consumer_with_another_ack_policy_is_refused),
        IT(without_consumer_and_create_never_it_is_not_ready),
        IT(a_missing_stream_is_waited_for),
        IT(a_consumer_deleted_while_running_is_an_alarm),
        IT(a_stream_deleted_while_running_is_an_alarm),
        IT(a_stream_recreated_during_an_outage_is_another_stream),
        IT(dead_letter_stream_is_created_when_missing),
        IT(a_stream_that_lost_its_last_messages_is_reported),
        IT(broken_plugins_are_named_and_others_work),
        IT(check_names_every_broken_plugin),
        IT(a_plugin_that_others_can_change_is_refused_and_others_work),
        IT(a_plugin_replaced_in_place_does_not_crash_the_worker),
        IT(several_handlers_work_side_by_side),
    };
    return it_main(tests, argc, argv);
}
