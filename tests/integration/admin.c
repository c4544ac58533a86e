/* SPDX-License-Identifier: Apache-2.0
 * The admin port and NATS service discovery: health, readiness, metrics. */
#include "scene.h"

#include "http.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void health_is_always_200_and_readiness_follows_nats(struct world *w)
{
    struct scene *s = scene_open(w);

    assert_int_equal(daemon_get(s->daemon, "/healthz", NULL), 200);
    server_kill(s->server);
    daemon_expect_not_ready(s->daemon, "default", 20); /* the text names the cluster */
    assert_int_equal(daemon_get(s->daemon, "/healthz", NULL), 200);
    server_restart(s->server);
    daemon_wait_ready(s->daemon, 20);
    scene_publish(s, "1 ack");
    scene_expect_settled(s, 10);
}

static void readiness_names_handler_and_reason(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    scene_set(s, "STREAM", "ABSENT");
    daemon_start(s->daemon);
    const char *body = daemon_expect_not_ready(s->daemon, "ABSENT", 15);
    assert_non_null(strstr(body, SCENE_HANDLER));
    assert_int_equal(daemon_get(s->daemon, "/healthz", NULL), 200);
}

static int processed(struct scene *s, const char *outcome)
{
    const char *labels = world_text(s->w, "handler=\"scripted\",cluster=\"default\",outcome=\"%s\"", outcome);
    return (int)daemon_metric(s->daemon, "seamq_messages_processed_total", labels);
}

static void metrics_agree_with_what_was_processed(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);
    int id = 0;

    client_add_stream(s->client, "OUT", "out.>", NULL);
    scene_set(s, "BACKOFF", "20ms");
    scene_start(s);
    for (int i = 0; i < 100; i++)
        scene_publish(s, "%d ack", id++);
    for (int i = 0; i < 7; i++)
        scene_publish(s, "%d nak 10 1", id++);
    for (int i = 0; i < 5; i++)
        scene_publish(s, "%d term", id++);
    for (int i = 0; i < 3; i++)
        scene_publish(s, "%d dead broken", id++);
    scene_publish(s, "%d crash 1", id++);
    scene_publish(s, "%d publish out.a 4", id++);
    scene_expect_settled(s, 15);
    assert_int_equal(processed(s, "ack"), 109);
    assert_int_equal(processed(s, "term"), 5);
    assert_int_equal(processed(s, "dead"), 3);
    assert_int_equal((int)daemon_metric(s->daemon, "seamq_dead_letters_total", NULL), 3);
    assert_int_equal((int)daemon_metric(s->daemon, "seamq_retries_total", NULL), 8); /* sum of the NAKs and the crash */
    assert_int_equal((int)daemon_metric(s->daemon, "seamq_published_total", NULL), 4);
    assert_int_equal((int)daemon_metric(s->daemon, "seamq_worker_exits_total", NULL), 1);
    /* one sample for each run of the handler that returned */
    assert_int_equal((int)daemon_metric(s->daemon, "seamq_handler_duration_seconds_count", "handler=\"scripted\""),
                     124);
}

/* Checks a sample line: name, labels, value. The TYPE line of its family must be the last TYPE line before it. */
static void check_sample(const char *line, const char *family, const char *kind)
{
    size_t n = strcspn(line, "{ ");
    const char *value = strrchr(line, ' ');
    char *end;

    if (strncmp(line, family, strlen(family)) != 0 || n < strlen(family))
        fail_msg("sample outside its family %s: %s", family, line);
    assert_non_null(value);
    strtod(value + 1, &end);
    if (*end)
        fail_msg("not a number: %s", line);
    if (strcmp(kind, "counter") == 0 && (n < 6 || strncmp(line + n - 6, "_total", 6) != 0))
        fail_msg("a counter must end in _total: %s", line);
}

static void metrics_are_what_prometheus_reads(struct world *w)
{
    struct scene *s = scene_open(w);
    const char *body;
    char family[128] = "", kind[32] = "";
    unsigned samples = 0;

    scene_publish(s, "1 ack");
    scene_expect_settled(s, 10);
    assert_int_equal(daemon_get(s->daemon, "/metrics", &body), 200);
    char *text = strdup(body);
    world_at_end(w, free, text);
    for (char *save, *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        if (sscanf(line, "# TYPE %127s %31s", family, kind) == 2 || line[0] == '#')
            continue;
        check_sample(line, family, kind);
        samples++;
    }
    assert_true(samples > 10);
}

static void what_is_held_is_counted_by_what_it_waits_for(struct world *w)
{
    struct scene *s = scene_open(w);

    scene_publish(s, "1 sleep 1000");
    assert_true(daemon_wait_metric(s->daemon, "seamq_messages_held", "state=\"running\"", 1, 10));
    assert_int_equal((int)daemon_metric(s->daemon, "seamq_messages_held", "state=\"done\""), 0);
    server_freeze(s->server); /* leaves an acknowledgement that the server cannot confirm */
    assert_true(daemon_wait_metric(s->daemon, "seamq_messages_held", "state=\"acked\"", 1, 10));
    assert_int_equal((int)daemon_metric(s->daemon, "seamq_messages_held", "state=\"running\""), 0);
    server_thaw(s->server);
    scene_expect_settled(s, 20);
}

static void unknown_paths_and_methods_are_refused(struct world *w)
{
    struct scene *s = scene_open(w);
    char *answer = NULL;

    assert_int_equal(daemon_get(s->daemon, "/no-such-page", NULL), 404);
    assert_int_equal(daemon_get(s->daemon, "/", NULL), 200);
    for (int i = 0; i < 2; i++) {
        const char *request = world_text(w, "%s /metrics HTTP/1.1\r\nHost: x\r\nSeamq: 1\r\nConnection: close\r\n\r\n",
                                         i ? "PUT" : "POST");
        assert_int_equal(http_raw(s->daemon->admin, request, 5, &answer), 0);
        assert_non_null(strstr(answer, " 405 "));
        free(answer);
    }
    assert_int_equal(http_raw(s->daemon->admin, "\x16\x03\x01 garbage\r\n\r\n", 8, &answer), 0);
    assert_non_null(strstr(answer, " 400 "));
    free(answer);
    assert_int_equal(daemon_get(s->daemon, "/healthz", NULL), 200);
}

static void post(struct scene *s, const char *path, const char *field, const char *status, const char *part)
{
    char *answer = NULL;
    const char *request = world_text(s->w, "POST %s HTTP/1.1\r\nHost: x\r\n%sConnection: close\r\n\r\n", path, field);
    assert_int_equal(http_raw(s->daemon->admin, request, 5, &answer), 0);
    if (!strstr(answer, status) || !strstr(answer, part))
        fail_msg("POST %s: not %s with %s, but: %s", path, status, part, answer);
    free(answer);
}

static void a_post_reloads_and_another_drains(struct world *w)
{
    struct scene *s = scene_open(w);
    const char *body = NULL;

    post(s, "/reload", "", " 403 ", "Seamq: 1");
    post(s, "/reload", "Seamq: 1\r\n", " 202 ", "\"number\":1");
    daemon_expect_event(s->daemon, 0, "reload-done", "changed=0 refused=0", 15);
    assert_int_equal(daemon_get(s->daemon, "/reload", &body), 200);
    assert_non_null(strstr(body, "\"wanted\":1,\"running\":false,\"failed\":false"));
    post(s, "/drain", "Seamq: 1\r\n", " 202 ", "");
    assert_true(process_wait(s->daemon->proc, 15));
    assert_int_equal(process_exit_code(s->daemon->proc), 0);
}

static void admin_off_listens_nowhere(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    daemon_env(s->daemon, "SEAMQ_ADMIN=off");
    daemon_start(s->daemon);
    daemon_expect_event(s->daemon, 0, "ready", "handlers=1", 15);
    assert_int_equal(http_get(s->daemon->admin, "/healthz", 2, NULL), -1);
    assert_int_equal(http_get(9222, "/healthz", 2, NULL), -1);
}

static void a_worker_that_does_not_open_is_not_ready(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    scene_set(s, "OPTION_EFFECTS", "/no/such/dir/effects");
    daemon_start(s->daemon);
    daemon_expect_not_ready(s->daemon, "/no/such/dir/effects", 15);
}

static void service_discovery_answers(struct world *w)
{
    struct scene *s = scene_open(w);
    natsMsg *m = NULL;

    assert_int_equal(natsConnection_RequestString(&m, s->client->nc, "$SRV.PING", "", 5000), NATS_OK);
    json_t *j = json_loadb(natsMsg_GetData(m), (size_t)natsMsg_GetDataLength(m), 0, NULL);
    natsMsg_Destroy(m);
    assert_non_null(j);
    const char *type = json_text(j, "type");
    assert_true(type && strcmp(type, "io.nats.micro.v1.ping_response") == 0);
    json_decref(j);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        IT(health_is_always_200_and_readiness_follows_nats),
        IT(readiness_names_handler_and_reason),
        IT(metrics_agree_with_what_was_processed),
        IT(metrics_are_what_prometheus_reads),
        IT(what_is_held_is_counted_by_what_it_waits_for),
        IT(unknown_paths_and_methods_are_refused),
        IT(a_post_reloads_and_another_drains),
        IT(admin_off_listens_nowhere),
        IT(a_worker_that_does_not_open_is_not_ready),
        IT(service_discovery_answers),
    };
    return it_main(tests, argc, argv);
}
