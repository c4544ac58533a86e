/* SPDX-License-Identifier: Apache-2.0
 * seamq stream plan and apply against real servers: idempotence, drift, refusal of data loss, waiting, races. */
#include "scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ENV 32
#define SECONDS 60
#define RACERS 4

/* Environment and output of one run of seamq. */
struct seamq {
    struct world *w;
    char *env[MAX_ENV + 1];
    size_t n_env;
    const char *out;
    const char *err;
};

#define SET(s, ...) set_env((s), (const char *[]){__VA_ARGS__, NULL})
#define RUN(s, ...) run((s), (const char *[]){IT_SEAMQ, "stream", __VA_ARGS__, NULL})

static struct seamq *new_seamq(struct world *w, const char *url)
{
    struct seamq *s = calloc(1, sizeof(*s));
    assert_non_null(s);
    world_at_end(w, free, s);
    s->w = w;
    for (char **e = process_env(); *e; e++)
        s->env[s->n_env++] = *e;
    s->env[s->n_env++] = (char *)world_text(w, "NATS_URL=%s", url);
    return s;
}

static void set_env(struct seamq *s, const char *const *variables)
{
    for (; *variables; variables++) {
        assert_true(s->n_env < MAX_ENV);
        s->env[s->n_env++] = (char *)*variables;
    }
}

static int run(struct seamq *s, const char *const *argv)
{
    return process_run(s->w, argv, s->env, SECONDS, &s->out, &s->err);
}

static void expect_run(struct seamq *s, int got, int status, const char *out, const char *err)
{
    if (got != status || !strstr(s->out, out) || !strstr(s->err, err))
        fail_msg("exit status %d, not %d\n%s(\"%s\")\n%s(\"%s\")", got, status, s->out, out, s->err, err);
}

static const char *ini_file(struct world *w, const char *text)
{
    const char *path = world_path(w, "streams.ini");
    world_write(path, text);
    return path;
}

static json_t *stream_info(struct client *c, const char *name)
{
    return client_api_ok(c, NULL, "STREAM.INFO.%s", name);
}

/* The configuration as text, to see whether it changed at all. */
static const char *config_text(struct client *c, const char *name)
{
    char *text = json_dumps(json_object_get(stream_info(c, name), "config"), JSON_SORT_KEYS);
    world_at_end(c->w, free, text);
    return text;
}

static void the_environment_alone_provisions_and_again_changes_nothing(struct world *w)
{
    struct server *server = server_start(w, NULL);
    struct client *c = client_connect(w, server->url);
    struct seamq *s = new_seamq(w, server->url);

    SET(s, "SEAMQ_STREAMS=ORDERS AUDIT", "SEAMQ_STREAM_ORDERS_SUBJECTS=orders.> returns",
        "SEAMQ_STREAM_ORDERS_MAX_AGE=30d", "SEAMQ_STREAM_ORDERS_DISCARD=new", "SEAMQ_STREAM_AUDIT_SUBJECTS=audit.>",
        "SEAMQ_STREAM_DEFAULT_MAX_BYTES=1G", "SEAMQ_CONSUMERS=ORDERS/billing",
        "SEAMQ_CONSUMER_ORDERS_BILLING_FILTER_SUBJECTS=orders.new");
    expect_run(s, RUN(s, "apply", "--env"), 0, "3 created, 0 updated, 0 unchanged", "");

    json_t *info = stream_info(c, "ORDERS");
    assert_int_equal(json_at(info, "config.max_age"), INT64_C(30) * 86400 * 1000000000);
    assert_int_equal(json_at(info, "config.max_bytes"), 1 << 30);
    assert_string_equal(json_text(info, "config.discard"), "new");
    assert_string_equal(json_text(client_consumer(c, "ORDERS", "billing"), "config.filter_subject"), "orders.new");
    const char *created = json_text(info, "created");
    const char *before = config_text(c, "ORDERS");

    expect_run(s, RUN(s, "apply", "--env"), 0, "0 created, 0 updated, 3 unchanged", "");
    expect_run(s, RUN(s, "plan", "--env"), 0, "0 to create, 0 to update, 3 unchanged", "");
    assert_string_equal(json_text(stream_info(c, "ORDERS"), "created"), created);
    assert_string_equal(config_text(c, "ORDERS"), before);
}

static void drift_is_mended_and_the_rest_survives(struct world *w)
{
    struct server *server = server_start(w, NULL);
    struct client *c = client_connect(w, server->url);
    struct seamq *s = new_seamq(w, server->url);
    const char *ini = ini_file(w, "[stream.A]\nsubjects = a.>\nmax_msgs = 100\n[consumer.A/c]\n");

    client_add_stream(c, "OTHER", "other.>", NULL);
    client_add_stream(c, "A", "a.>\",\"stray", ",\"max_msgs\":7,\"allow_direct\":true,\"description\":\"by hand\"");
    client_add_consumer(c, "A", "c", ",\"max_ack_pending\":3,\"description\":\"by hand\"");
    client_publish(c, "a.x", "kept");
    const char *other = config_text(c, "OTHER");

    expect_run(s, RUN(s, "plan", ini), 0, "max_msgs: 7 -> 100", "");
    expect_run(s, RUN(s, "apply", ini, "--dry-run"), 0, "2 to update", "");
    assert_int_equal(json_at(stream_info(c, "A"), "config.max_msgs"), 7);

    expect_run(s, RUN(s, "apply", ini), 0, "0 created, 2 updated, 0 unchanged", "");
    json_t *info = stream_info(c, "A");
    assert_int_equal(json_at(info, "config.max_msgs"), 100);
    assert_int_equal(json_array_size(json_object_get(json_object_get(info, "config"), "subjects")), 1);
    assert_true(json_is_true(json_object_get(json_object_get(info, "config"), "allow_direct")));
    assert_string_equal(json_text(info, "config.description"), "by hand");
    assert_int_equal(json_at(info, "state.messages"), 1);
    json_t *consumer = client_consumer(c, "A", "c");
    assert_int_equal(json_at(consumer, "config.max_ack_pending"), 5000);
    assert_string_equal(json_text(consumer, "config.description"), "by hand");
    assert_string_equal(config_text(c, "OTHER"), other);
    expect_run(s, RUN(s, "apply", ini), 0, "0 created, 0 updated, 2 unchanged", "");
}

static void what_would_lose_data_is_refused_and_nothing_is_changed(struct world *w)
{
    struct server *server = server_start(w, NULL);
    struct client *c = client_connect(w, server->url);
    struct seamq *s = new_seamq(w, server->url);

    client_add_stream(c, "LIMITS", "l.>", NULL);
    client_add_stream(c, "SUBJECTS", "kept.>\",\"gone.>", NULL);
    client_add_stream(c, "STORAGE", "s", NULL);
    for (int i = 0; i < 3; i++)
        client_publish(c, "l.x", "message");
    client_publish(c, "gone.x", "message");
    const char *ini = ini_file(w, "[stream.NEW]\nsubjects = new\n"
                                  "[stream.LIMITS]\nsubjects = l.>\nmax_msgs = 2\n"
                                  "[stream.SUBJECTS]\nsubjects = kept.>\n"
                                  "[stream.STORAGE]\nsubjects = s\nstorage = memory\n");

    int got = RUN(s, "apply", ini);
    expect_run(s, got, 1, "max_msgs is none on the server, and 2 is wanted: 3 are stored", "nothing was changed");
    expect_run(s, got, 1, "gone.x holds 1 messages", "");
    expect_run(s, got, 1, "storage is file on the server, and memory is wanted: it cannot be changed", "");
    expect_run(s, got, 1, "1 to create, 0 to update, 0 unchanged, 3 refused", "");
    assert_non_null(json_text(client_api(c, NULL, "STREAM.INFO.NEW"), "error.description"));

    client_api_ok(c, "{\"filter\":\"gone.>\"}", "STREAM.PURGE.SUBJECTS");
    ini = ini_file(w, "[stream.SUBJECTS]\nsubjects = kept.>\n");
    expect_run(s, RUN(s, "apply", ini), 0, "subjects: gone.> kept.> -> kept.>", "");
}

/* The server's error is printed for each stream, and the other streams are applied. */
static void what_the_server_refuses_is_named(struct world *w)
{
    struct server *server = server_start(w, NULL);
    struct client *c = client_connect(w, server->url);
    struct seamq *s = new_seamq(w, server->url);

    client_add_stream(c, "THERE", "taken.>", NULL);
    const char *ini = ini_file(w, "[stream.CLASH]\nsubjects = taken.x\n[stream.MANY]\nsubjects = m\nreplicas = 3\n"
                                  "[stream.FINE]\nsubjects = fine\n[consumer.NOWHERE/c]\n");
    int got = RUN(s, "apply", ini);
    expect_run(s, got, 1, "1 created", "stream CLASH: STREAM.CREATE.CLASH: the server says: subjects overlap");
    expect_run(s, got, 1, "3 failed", "stream MANY: STREAM.CREATE.MANY: the server says: replicas > 1 not supported");
    expect_run(s, got, 1, "", "consumer NOWHERE/c: CONSUMER.CREATE.NOWHERE.c: the server says: stream not found");
    stream_info(c, "FINE");
}

static void json_says_what_became_of_each(struct world *w)
{
    struct server *server = server_start(w, NULL);
    struct client *c = client_connect(w, server->url);
    struct seamq *s = new_seamq(w, server->url);
    json_error_t e;

    client_add_stream(c, "A", "a", ",\"max_age\":3600000000000");
    SET(s, "X=a b");
    const char *ini = ini_file(w, "[stream.A]\nsubjects = ${X}\nmax_age = 2h\n");
    expect_run(s, RUN(s, "apply", ini, "--json", "stream.A.max_msgs=5"), 0, "", "");
    json_t *row = json_loads(s->out, 0, &e);
    assert_non_null(row);
    json_t *expected = json_loads("[{\"field\":\"subjects\",\"from\":\"a\",\"to\":\"a b\"},"
                                  "{\"field\":\"max_age\",\"from\":\"1h\",\"to\":\"2h\"},"
                                  "{\"field\":\"max_msgs\",\"from\":\"none\",\"to\":\"5\"}]",
                                  0, &e);
    assert_string_equal(json_string_value(json_object_get(row, "action")), "update");
    assert_string_equal(json_string_value(json_object_get(row, "name")), "A");
    assert_true(json_equal(json_object_get(row, "changes"), expected));
    json_decref(row);
    json_decref(expected);
}

static void usage_and_configuration_exit_2(struct world *w)
{
    struct seamq *s = new_seamq(w, "nats://127.0.0.1:1");

    expect_run(s, RUN(s, "apply"), 2, "", "stream apply needs a FILE, or --env");
    expect_run(s, RUN(s, "plan", "--env"), 2, "", "there is nothing to provision");
    expect_run(s, RUN(s, "apply", "/no/such.ini"), 2, "", "/no/such.ini");
    SET(s, "SEAMQ_STREAMS=A", "SEAMQ_STREAM_A_SUBJECTS=a", "SEAMQ_STREAM_A_REPLICSA=3", "SEAMQ_STREAM_A_STORAGE=disk");
    int got = RUN(s, "apply", "--env");
    expect_run(s, got, 2, "", "did you mean SEAMQ_STREAM_A_REPLICAS?");
    expect_run(s, got, 2, "", "SEAMQ_STREAM_A_STORAGE: \"disk\" is not one of file, memory");
    expect_run(s, got, 2, "", "2 problems");
}

static void it_waits_for_servers_that_start_later(struct world *w)
{
    struct server *server = server_prepare(w, &(struct server_options){0});
    struct seamq *s = new_seamq(w, server->url);
    const char *const argv[] = {IT_SEAMQ, "stream", "apply", "--env", NULL};

    SET(s, "SEAMQ_STREAMS=A", "SEAMQ_STREAM_A_SUBJECTS=a");
    struct process *p = process_spawn(
        w, &(struct process_spec){.name = "seamq", .argv = argv, .env = s->env, .log = world_path(w, "seamq.log")});
    assert_false(process_wait(p, 0.5));
    server_launch(server);
    assert_true(process_wait(p, SECONDS));
    assert_int_equal(process_exit_code(p), 0);
    stream_info(client_connect(w, server->url), "A");
}

static void it_gives_up_in_time_and_says_why(struct world *w)
{
    struct seamq *s = new_seamq(w, "nats://127.0.0.1:1");
    SET(s, "SEAMQ_STREAMS=A", "SEAMQ_STREAM_A_SUBJECTS=a", "SEAMQ_PROVISION_TIMEOUT=1s");
    expect_run(s, RUN(s, "apply", "--env"), 1, "", "no server answers at nats://127.0.0.1:1");

    struct server *server = server_start(w, &(struct server_options){.no_jetstream = true});
    s = new_seamq(w, server->url);
    SET(s, "SEAMQ_STREAMS=A", "SEAMQ_STREAM_A_SUBJECTS=a", "SEAMQ_PROVISION_TIMEOUT=1s");
    expect_run(s, RUN(s, "apply", "--env"), 1, "", "JetStream is not enabled");
}

static void a_user_who_may_not_is_told_what_is_missing(struct world *w)
{
    struct server *server =
        server_start(w, &(struct server_options){
                            .extra = "authorization: { users: [ { user: app, password: pw, permissions: { publish: "
                                     "[\"$JS.API.STREAM.INFO.>\", \"$JS.API.INFO\"], subscribe: \"_INBOX.>\" } } ] }"});
    struct seamq *s = new_seamq(w, server->url);

    SET(s, "NATS_USER=app", "NATS_PASSWORD=pw", "SEAMQ_STREAMS=A", "SEAMQ_STREAM_A_SUBJECTS=a");
    expect_run(s, RUN(s, "apply", "--env"), 1, "1 failed",
               "Permissions Violation for Publish to \"$JS.API.STREAM.CREATE");
    s = new_seamq(w, server->url);
    SET(s, "NATS_USER=app", "NATS_PASSWORD=wrong", "SEAMQ_STREAMS=A", "SEAMQ_STREAM_A_SUBJECTS=a");
    expect_run(s, RUN(s, "apply", "--env"), 1, "", "refuses these credentials");
}

/* All refused streams are reported in one run, each by name. */
static void each_refusal_is_named_and_none_is_waited_for(struct world *w)
{
    struct server *server = server_start(
        w, &(struct server_options){
               .extra = "authorization: { users: [\n"
                        "{ user: none, password: pw, permissions: { publish: \"$JS.API.INFO\", subscribe: "
                        "\"_INBOX.>\" } },\n"
                        "{ user: deaf, password: pw, permissions: { publish: \">\", subscribe: \"x\" } } ] }"});
    struct seamq *s = new_seamq(w, server->url);

    SET(s, "NATS_USER=none", "NATS_PASSWORD=pw", "SEAMQ_STREAMS=A B C D", "SEAMQ_STREAM_A_SUBJECTS=a",
        "SEAMQ_STREAM_B_SUBJECTS=b", "SEAMQ_STREAM_C_SUBJECTS=c", "SEAMQ_STREAM_D_SUBJECTS=d",
        "SEAMQ_PROVISION_TIMEOUT=10m");
    for (const char *name = "ABCD"; *name; name++)
        expect_run(s, RUN(s, "plan", "--env"), 1,
                   world_text(w, "Permissions Violation for Publish to \"$JS.API.STREAM.INFO.%c\"", *name), "");
    s = new_seamq(w, server->url);
    SET(s, "NATS_USER=deaf", "NATS_PASSWORD=pw", "SEAMQ_STREAMS=A B", "SEAMQ_STREAM_A_SUBJECTS=a",
        "SEAMQ_STREAM_B_SUBJECTS=b", "SEAMQ_PROVISION_TIMEOUT=10m");
    expect_run(s, RUN(s, "plan", "--env"), 1, "B: Permissions Violation for Subscription to \"_INBOX.", "");
}

static const char *many_streams(struct world *w, int count)
{
    char *text = calloc((size_t)count, 128);
    size_t n = 0;
    assert_non_null(text);
    world_at_end(w, free, text);
    for (int i = 0; i < count; i++)
        n += (size_t)sprintf(text + n, "[stream.S%d]\nsubjects = s%d.>\nmax_age = 1h\n[consumer.S%d/c]\n", i, i, i);
    return ini_file(w, text);
}

/* More streams than a page of the API and a window of requests; and four processes that apply the same input at once.
 */
static void from_many_places_at_once_the_result_is_one(struct world *w)
{
    struct server *server = server_start(w, NULL);
    struct client *c = client_connect(w, server->url);
    struct seamq *s = new_seamq(w, server->url);
    const char *const argv[] = {IT_SEAMQ, "stream", "apply", many_streams(w, 100), NULL};
    struct process *racers[RACERS];

    client_add_stream(c, "S7", "s7.>", ",\"max_age\":60000000000,\"duplicate_window\":1000000000");
    for (int i = 0; i < RACERS; i++)
        racers[i] = process_spawn(w, &(struct process_spec){.name = world_text(w, "seamq-%d", i),
                                                            .argv = argv,
                                                            .env = s->env,
                                                            .log = world_path(w, "seamq-%d.log", i)});
    for (int i = 0; i < RACERS; i++) {
        assert_true(process_wait(racers[i], SECONDS));
        if (process_exit_code(racers[i]) != 0)
            fail_msg("number %d: %s", i, world_read(w, racers[i]->log));
    }
    assert_int_equal(json_at(stream_info(c, "S7"), "config.max_age"), INT64_C(3600000000000));
    expect_run(s, RUN(s, "apply", argv[3]), 0, "0 created, 0 updated, 200 unchanged", "");
}

static bool has_begun(void *data)
{
    json_t *names = client_api(data, NULL, "STREAM.NAMES");
    return !json_object_get(names, "error") && json_at(names, "total") > 20;
}

/* A request without a response is repeated on the next connection. */
static void a_server_killed_on_the_way_costs_only_time(struct world *w)
{
    struct server *server = server_start(w, NULL);
    struct client *c = client_connect(w, server->url);
    struct seamq *s = new_seamq(w, server->url);
    const char *const argv[] = {IT_SEAMQ, "stream", "apply", many_streams(w, 300), NULL};

    struct process *p = process_spawn(
        w, &(struct process_spec){.name = "seamq", .argv = argv, .env = s->env, .log = world_path(w, "seamq.log")});
    assert_true(world_until(has_begun, c, 20));
    assert_true(p->running);
    server_kill(server);
    server_restart(server);
    assert_true(process_wait(p, SECONDS));
    if (process_exit_code(p) != 0)
        fail_msg("%s", world_read(w, p->log));
    expect_run(s, RUN(s, "apply", argv[3]), 0, "0 created, 0 updated, 600 unchanged", "");
}

static void mirrors_and_sources_come_after_their_origins(struct world *w)
{
    struct server *server = server_start(w, NULL);
    struct client *c = client_connect(w, server->url);
    struct seamq *s = new_seamq(w, server->url);
    const char *ini = ini_file(w, "[stream.COPY]\nmirror = A\n[stream.ALL]\nsources = A B\n"
                                  "[stream.A]\nsubjects = a\n[stream.B]\nsubjects = b\n");

    expect_run(s, RUN(s, "apply", ini), 0, "4 created", "");
    client_publish(c, "a", "x");
    client_publish(c, "b", "x");
    assert_true(client_wait_messages(c, "COPY", 1, 20));
    assert_true(client_wait_messages(c, "ALL", 2, 20));
    expect_run(s, RUN(s, "apply", ini), 0, "0 created, 0 updated, 4 unchanged", "");
}

/* seamqd with create = never accepts the provisioned consumer without reporting drift. */
static void seamqd_binds_to_what_was_provisioned(struct world *w)
{
    struct server *server = server_start(w, NULL);
    struct client *c = client_connect(w, server->url);
    struct seamq *s = new_seamq(w, server->url);
    struct daemon *d = daemon_new(w, server->url);

    SET(s, "SEAMQ_STREAMS=WORK DLQ", "SEAMQ_STREAM_WORK_SUBJECTS=work.>", "SEAMQ_STREAM_DLQ_SUBJECTS=dlq.WORK.>",
        "SEAMQ_CONSUMERS=WORK/scripted", "SEAMQ_CONSUMER_WORK_SCRIPTED_FILTER_SUBJECTS=work.>");
    expect_run(s, RUN(s, "apply", "--env"), 0, "3 created", "");

    daemon_handler(d, IT_SCRIPTED, "scripted");
    daemon_env(d, "SEAMQ_HANDLER_SCRIPTED_CREATE=never");
    daemon_env(d, "SEAMQ_HANDLER_SCRIPTED_OPTION_EFFECTS=%s", world_path(w, "effects"));
    daemon_start(d);
    daemon_wait_ready(d, 20);
    client_publish(c, "work.test", "1 ack");
    client_expect_settled(c, "WORK", "scripted", 10);
    assert_null(daemon_event(d, 0, "consumer-drift", NULL, 0));
    assert_int_equal(daemon_stop(d, 20), 0);
    expect_run(s, RUN(s, "apply", "--env"), 0, "3 unchanged", "");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        IT(the_environment_alone_provisions_and_again_changes_nothing),
        IT(drift_is_mended_and_the_rest_survives),
        IT(what_would_lose_data_is_refused_and_nothing_is_changed),
        IT(what_the_server_refuses_is_named),
        IT(json_says_what_became_of_each),
        IT(usage_and_configuration_exit_2),
        IT(it_waits_for_servers_that_start_later),
        IT(it_gives_up_in_time_and_says_why),
        IT(a_user_who_may_not_is_told_what_is_missing),
        IT(each_refusal_is_named_and_none_is_waited_for),
        IT(from_many_places_at_once_the_result_is_one),
        IT(a_server_killed_on_the_way_costs_only_time),
        IT(mirrors_and_sources_come_after_their_origins),
        IT(seamqd_binds_to_what_was_provisioned),
    };
    return it_main(tests, argc, argv);
}
