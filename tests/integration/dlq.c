/* SPDX-License-Identifier: Apache-2.0
 * seamq dlq: lists, shows, replays and drops dead letters. */
#include "scene.h"
#include "seamq.h"

#include "base/rfc3339.h"
#include "http.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUN(s, status, ...) SEAMQ_EXPECT((s)->w, (s)->urls, (status), __VA_ARGS__)
#define CREATED 1700000000000000000 /* creation time of the stream that the written dead letters name */

/* Writes a dead letter in seamqd's format; the tests of seamqd prove that format. */
static uint64_t write_letter(struct scene *s, const char *consumer, unsigned n, const char *reason, const char *more)
{
    const char *headers = world_text(s->w,
                                     "Seamq-Reason: %s\nSeamq-Subject: work.%s.%u\nSeamq-Handler: %s\nSeamq-Attempts: "
                                     "5\nSeamq-Error: asked to\nX-Test: %u%s",
                                     reason, consumer, n, consumer, n, more ? more : "");
    const char *data = world_text(s->w, "%u ack", n);
    return client_publish_full(s->client, world_text(s->w, "dlq.WORK.%s.%" PRId64 ".%u", consumer, CREATED, n), headers,
                               data, strlen(data));
}

static void write_letters(struct scene *s, unsigned from, unsigned to)
{
    for (unsigned n = from; n <= to; n++)
        write_letter(s, "scripted", n, "rejected", NULL);
}

static int64_t count(struct scene *s, const char *stream)
{
    return client_stream_messages(s->client, stream);
}

static void expect_text(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("\"%s\" is not in:\n%s", part, text);
}

/* Checks that WORK has each payload "1 ack" ... "<n> ack" once. */
static void expect_each_once(struct scene *s, unsigned n)
{
    unsigned *seen = calloc(n + 1, sizeof(*seen));
    json_t *info = client_api_ok(s->client, NULL, "STREAM.INFO.WORK");
    uint64_t last = (uint64_t)json_at(info, "state.last_seq");
    struct stored m;

    world_at_end(s->w, free, seen);
    for (uint64_t seq = 1; seq <= last; seq++) {
        unsigned i = 0;
        if (client_get(s->client, "WORK", seq, &m) && sscanf(m.data, "%u ack", &i) == 1 && i <= n)
            seen[i]++;
    }
    for (unsigned i = 1; i <= n; i++)
        if (seen[i] != 1)
            fail_msg("message %u is %u times in the stream", i, seen[i]);
    assert_int_equal(json_at(info, "state.messages"), n);
}

/* ---- ls and show ----------------------------------------------------------------------------- */

static void filters_choose_letters(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);
    uint64_t gap = write_letter(s, "a", 1, "rejected", NULL);

    write_letter(s, "a", 2, "crash", NULL);
    write_letter(s, "b", 3, "rejected", NULL);
    write_letter(s, "b", 4, "timeout", NULL);
    client_publish(s->client, "dlq.WORK.replay", "{}"); /* not a dead letter */
    client_api_ok(s->client, world_text(w, "{\"seq\":%" PRIu64 "}", gap), "STREAM.MSG.DELETE.DLQ");
    static const struct {
        const char *args[6];
        size_t rows;
    } cases[] = {
        {{"dlq", "ls", "--json"}, 3},
        {{"dlq", "ls", "--json", "--consumer=a"}, 1},
        {{"dlq", "ls", "--json", "--handler=b"}, 2},
        {{"dlq", "ls", "--json", "--stream=WORK"}, 3},
        {{"dlq", "ls", "--json", "--stream=OTHER"}, 0},
        {{"dlq", "ls", "--json", "--reason=timeout"}, 1},
        {{"dlq", "ls", "--json", "--subject=work.b.*"}, 2},
        {{"dlq", "ls", "--json", "--subject=work.b.3"}, 1},
        {{"dlq", "ls", "--json", "--since=1h"}, 3},
        {{"dlq", "ls", "--json", "--until=1h"}, 0},
        {{"dlq", "ls", "--json", "--limit=2"}, 2},
        {{"dlq", "ls", "--json", "2-3"}, 2},
        {{"dlq", "ls", "--json", "4-"}, 1},
        {{"dlq", "ls", "--json", "2", "4"}, 2},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct seamq_said said = seamq_expect(w, s->urls, 0, cases[i].args);
        if (seamq_rows(said.out) != cases[i].rows)
            fail_msg("seamq dlq ls %s: %zu rows, expected %zu:\n%s", cases[i].args[3] ? cases[i].args[3] : "",
                     seamq_rows(said.out), cases[i].rows, said.out);
    }
    json_t *row = seamq_row(w, RUN(s, 0, "dlq", "ls", "--json", "3").out, 0);
    assert_string_equal(json_text(row, "subject"), "work.b.3");
    assert_string_equal(json_text(row, "reason"), "rejected");
    assert_int_equal(json_at(row, "message"), 3);
    assert_int_equal(json_at(row, "attempts"), 5);
}

static void a_long_stream_is_walked_whole(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    write_letters(s, 1, 200);
    for (unsigned seq = 20; seq < 150; seq++)
        client_api_ok(s->client, world_text(w, "{\"seq\":%u}", seq), "STREAM.MSG.DELETE.DLQ");
    assert_int_equal(seamq_rows(RUN(s, 0, "dlq", "ls", "--json").out), 70);
}

static void show_tells_everything(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    write_letter(s, "a", 1, "rejected", NULL);
    client_publish_full(s->client, "dlq.WORK.a.1.2", "Seamq-Subject: work.a", "\x00\xff", 2);
    json_t *row = seamq_row(w, RUN(s, 0, "dlq", "show", "--json", "1").out, 0);
    assert_string_equal(json_text(row, "headers.X-Test"), "1");
    assert_string_equal(json_text(row, "data"), "1 ack");
    row = seamq_row(w, RUN(s, 0, "dlq", "show", "--json", "2").out, 0);
    assert_string_equal(json_text(row, "data_base64"), "AP8=");
    expect_text(RUN(s, 0, "dlq", "show", "1").out, "Seamq-Error: asked to\n");
    assert_string_equal(RUN(s, 0, "dlq", "show", "--data", "1").out, "1 ack");
    expect_text(RUN(s, 1, "dlq", "show", "77").err, "no dead letter 77");
}

/* U+009B begins an escape sequence on terminals, as ESC [ does. */
static void show_writes_nothing_that_a_terminal_obeys(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);
    static const char data[] = "\xc2\x9b"
                               "2J";

    client_publish_full(s->client, "dlq.WORK.\xc2\x9b.1.1", "Seamq-Error: \xc2\x9b\x1b[2J", data, sizeof(data) - 1);
    const char *out = RUN(s, 0, "dlq", "show", "1").out;
    assert_null(strpbrk(out, "\x1b\x9b"));
    expect_text(out, "  dlq.WORK.?.1.1\n");
    expect_text(out, "Seamq-Error: ??[2J\n");
    expect_text(out, "(4 bytes that are not text");
}

static void mistakes_are_named(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    expect_text(RUN(s, 2, "dlq", "ls", "--since=soon").err, "--since: \"soon\" is not a time");
    expect_text(RUN(s, 2, "dlq", "ls", "3-2").err, "ends before it begins");
    expect_text(RUN(s, 2, "dlq", "ls", "--limit=0").err, "--limit");
    expect_text(RUN(s, 2, "dlq", "replay", "--to=work.>").err, "is not a subject to publish to");
    expect_text(RUN(s, 2, "dlq", "replay", "--rate=fast").err, "--rate");
    expect_text(RUN(s, 1, "dlq", "ls", "--dlq=NOWHERE").err, "no stream NOWHERE");
}

/* ---- dropping --------------------------------------------------------------------------------- */

static void dropping_needs_a_yes_and_takes_what_is_meant(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    write_letters(s, 1, 100);
    write_letter(s, "other", 1, "rejected", NULL);
    RUN(s, 0, "dlq", "drop", "--dry-run", "--yes", "--consumer=scripted");
    expect_text(RUN(s, 1, "dlq", "drop", "--consumer=scripted").err, "--yes");
    assert_int_equal(count(s, "DLQ"), 101);
    RUN(s, 0, "dlq", "drop", "--yes", "--consumer=scripted");
    assert_int_equal(count(s, "DLQ"), 1);
    assert_int_equal(count(s, "WORK"), 0);
}

/* A filter that can never match is an error: "nothing to do" would hide the user's mistake. */
static void filters_that_cannot_match_are_refused(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    write_letters(s, 1, 2);
    expect_text(RUN(s, 2, "dlq", "replay", "--reason=crahs").err, "did you mean crash?");
    expect_text(RUN(s, 2, "dlq", "ls", "--reason=why").err, "rejected, max-attempts, crash or timeout");
    expect_text(RUN(s, 2, "dlq", "drop", "--yes", "--subject=work.>.x").err, "--subject");
    expect_text(RUN(s, 2, "dlq", "ls", "--stream=A B").err, "--stream");
    expect_text(RUN(s, 2, "dlq", "ls", "--consumer=*").err, "--consumer");
    expect_text(RUN(s, 2, "dlq", "replay", "--rate=0/s").err, "--rate");
    assert_int_equal(count(s, "DLQ"), 2);
}

static void letters_that_are_not_there_are_named(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    write_letters(s, 1, 3);
    struct seamq_said said = RUN(s, 1, "dlq", "show", "2", "17", "18-20", "--json");
    assert_int_equal(seamq_rows(said.out), 1);
    expect_text(said.err, "DLQ has no dead letter 17");
    expect_text(RUN(s, 0, "dlq", "replay", "17").out, "DLQ has no such dead letter");
    expect_text(RUN(s, 0, "dlq", "drop", "17", "--yes").out, "DLQ has no such dead letter");
    assert_int_equal(count(s, "DLQ"), 3);
}

static void two_drops_at_once_are_no_error(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    write_letters(s, 1, 500);
    struct process *a = seamq_spawn(w, s->urls, (const char *const[]){"dlq", "drop", "--yes", "--json", NULL});
    struct process *b = seamq_spawn(w, s->urls, (const char *const[]){"dlq", "drop", "--yes", "--json", NULL});
    assert_true(process_wait(a, 60));
    assert_true(process_wait(b, 60));
    assert_int_equal(process_exit_code(a), 0);
    assert_int_equal(process_exit_code(b), 0);
    assert_int_equal(count(s, "DLQ"), 0);
}

/* ---- replaying ---------------------------------------------------------------------------------- */

static void a_replayed_message_is_the_original(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);
    struct stored m;

    write_letter(s, "a", 7, "crash", "\nSeamq-Backtrace: main | start\nX-Test: second");
    RUN(s, 0, "dlq", "replay", "--yes");
    assert_int_equal(count(s, "DLQ"), 0);
    assert_true(client_get(s->client, "WORK", 1, &m));
    assert_string_equal(m.subject, "work.a.7");
    assert_string_equal(m.data, "7 ack");
    assert_string_equal(header_in(w, m.headers, "X-Test"), "7");
    expect_text(m.headers, "X-Test: second");
    assert_string_equal(header_in(w, m.headers, "Seamq-Replays"), "1");
    expect_text(header_in(w, m.headers, "Seamq-Replay-Id"), "dlq.WORK.a.");
    assert_null(strstr(m.headers, "Seamq-Backtrace"));
}

static void a_dry_run_changes_nothing(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    write_letters(s, 1, 5);
    struct seamq_said said = RUN(s, 0, "dlq", "replay", "--dry-run", "--json");
    assert_int_equal(seamq_rows(said.out), 5);
    json_t *info = client_api_ok(s->client, NULL, "STREAM.INFO.DLQ");
    assert_int_equal(json_at(info, "state.messages"), 5);
    assert_int_equal(json_at(info, "state.last_seq"), 5);
    assert_int_equal(count(s, "WORK"), 0);
}

static void all_letters_are_replayed_only_when_that_is_said(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    write_letters(s, 1, 5);
    struct seamq_said said = RUN(s, 1, "dlq", "replay");
    expect_text(said.err, "no dead letter replayed: give --yes to replay all 5 of DLQ");
    expect_text(said.out, "work.");
    assert_non_null(
        memmem(said.out, strlen(said.out), "Z  WORK", 7)); /* all times have the same width, to the millisecond */
    assert_int_equal(strcspn(strstr(said.out, "20"), "Z"), strlen("2026-01-31T12:00:00.123"));
    assert_int_equal(seamq_rows(RUN(s, 1, "dlq", "replay", "--to=fixed", "--json").out), 5);
    assert_int_equal(count(s, "DLQ"), 5);
    assert_int_equal(count(s, "WORK"), 0);
    RUN(s, 0, "dlq", "replay", "1-");
    RUN(s, 0, "dlq", "replay"); /* no dead letter remains */
    expect_each_once(s, 5);
}

static void replay_takes_what_is_meant_to_where_it_is_told(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    client_add_stream(s->client, "FIXED", "fixed", NULL);
    write_letters(s, 1, 3);
    RUN(s, 0, "dlq", "replay", "2", "--to=fixed");
    assert_int_equal(count(s, "FIXED"), 1);
    assert_int_equal(count(s, "WORK"), 0);
    assert_int_equal(count(s, "DLQ"), 2);
    expect_text(RUN(s, 1, "dlq", "replay", "3", "--to=nowhere").err, "no stream captures the subject nowhere");
    assert_int_equal(count(s, "DLQ"), 2);
    RUN(s, 0, "dlq", "replay", "--limit=1");
    expect_each_once(s, 1);
}

static void a_message_that_dies_again_keeps_count(struct world *w)
{
    struct scene *s = scene_open(w);
    json_t *row;

    scene_publish(s, "1 dead");
    for (int replays = 0; replays < 3; replays++) {
        assert_true(client_wait_messages(s->client, "DLQ", 1, 20));
        row = seamq_row(w, RUN(s, 0, "dlq", "ls", "--json").out, 0);
        assert_int_equal(json_at(row, "replays"), replays);
        assert_string_equal(json_text(row, "error"), "asked to");
        RUN(s, 0, "dlq", "replay", "--json", "--yes");
    }
    scene_expect_effects(s, 4, 20);
}

static void write_pointer(struct scene *s, const char *consumer, int64_t created, uint64_t seq)
{
    client_publish_full(s->client, world_text(s->w, "dlq.WORK.%s.%" PRId64 ".%" PRIu64, consumer, created, seq),
                        "Seamq-Subject: work.big\nSeamq-Cut: message", "", 0);
}

static void a_pointer_brings_its_message_while_that_is_there(struct world *w)
{
    struct scene *s = scene_open(w);
    struct stored m;
    int64_t created = 0;

    scene_publish(s, "1 dead"); /* the dead letter has the creation time of the stream */
    assert_true(client_wait_messages(s->client, "DLQ", 1, 20));
    assert_true(client_get(s->client, "DLQ", 1, &m));
    assert_int_equal(sscanf(m.subject, "dlq.WORK.scripted.%" PRId64, &created), 1);
    assert_int_equal(daemon_stop(s->daemon, 20), 0);
    uint64_t seq = client_publish_full(s->client, "work.big", "X-Test: big", "2 ack", 5);
    write_pointer(s, "a", CREATED, seq); /* creation time of an earlier stream of that name */
    write_pointer(s, "b", created, seq);
    write_pointer(s, "c", created, 77);
    expect_text(RUN(s, 1, "dlq", "replay", "--consumer=a").err, "is gone");
    expect_text(RUN(s, 1, "dlq", "replay", "--consumer=c").err, "is gone");
    RUN(s, 0, "dlq", "replay", "--consumer=b");
    assert_int_equal(count(s, "DLQ"), 3);
    assert_true(client_get(s->client, "WORK", seq + 1, &m));
    assert_string_equal(m.data, "2 ack");
    assert_string_equal(header_in(w, m.headers, "X-Test"), "big");
}

static void a_rate_is_kept(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    write_letters(s, 1, 30);
    int64_t began = deadline_in(0);
    RUN(s, 0, "dlq", "replay", "--rate=20/s", "--yes");
    int64_t took_ms = (deadline_in(0) - began) / 1000000;
    expect_each_once(s, 30);
    if (took_ms < 500) /* the messages of one second at once, the rest half a second later */
        fail_msg("30 messages at 20/s took %" PRId64 " ms", took_ms);
}

/* Exactly the permissions that docs/dlq.md lists. */
static void the_permissions_of_the_manual_are_enough(struct world *w)
{
    static const char users[] =
        "authorization: { users: [ { user: admin, password: pw }, { user: op, password: pw, permissions: {\n"
        "  publish: { allow: [ \"$JS.API.STREAM.INFO.DLQ\", \"$JS.API.STREAM.MSG.GET.DLQ\",\n"
        "    \"$JS.API.STREAM.MSG.DELETE.DLQ\", \"$JS.API.STREAM.INFO.WORK\", \"$JS.API.STREAM.MSG.GET.WORK\",\n"
        "    \"dlq.WORK.replay\", \"work.>\" ] }, subscribe: { allow: [ \"_INBOX.>\" ] } } } ] }";
    struct server *server = server_start(w, &(struct server_options){.extra = users});
    struct scene s = {.w = w, .server = server};

    s.client = client_connect(w, world_text(w, "nats://admin:pw@127.0.0.1:%d", server->port));
    s.urls = world_text(w, "nats://op:pw@127.0.0.1:%d", server->port);
    client_add_stream(s.client, "WORK", "work.>", NULL);
    client_add_dlq(s.client, "WORK");
    write_letters(&s, 1, 3);
    client_publish(s.client, "dlq.WORK.replay",
                   "{\"lots\":[{\"stream\":\"WORK\",\"created\":1,\"after\":0,\"letters\":[1]}]}");
    RUN(&s, 0, "dlq", "ls");
    RUN(&s, 0, "dlq", "replay", "1-2", "--again");
    RUN(&s, 0, "dlq", "drop", "3", "--yes");
    assert_int_equal(count(&s, "DLQ"), 0);
    assert_int_equal(count(&s, "WORK"), 2);
}

/* ---- interrupted --------------------------------------------------------------------------------- */

/* Messages of a killed client are in the stream once its connection is closed. */
static bool alone(void *data)
{
    struct scene *s = data;
    char *body = NULL;
    http_get(s->server->monitor, "/varz", 5, &body);
    json_t *varz = json_loads(body ? body : "", 0, NULL);
    bool one = json_integer_value(json_object_get(varz, "connections")) <= 1;
    json_decref(varz);
    free(body);
    return one;
}

struct run {
    struct scene *s;
    struct process *process;
    int64_t last_seq; /* the dead letters before it are replayed */
};

/* The first journal entry is one more message in the stream. */
static bool at_work(void *data)
{
    struct run *r = data;
    return process_wait(r->process, 0) ||
           json_at(client_api_ok(r->s->client, NULL, "STREAM.INFO.DLQ"), "state.last_seq") > r->last_seq;
}

static void kill_often(struct scene *s, unsigned n)
{
    unsigned kills = 0;

    write_letters(s, 1, n);
    for (;;) {
        struct run r = {.s = s};
        r.last_seq = json_at(client_api_ok(s->client, NULL, "STREAM.INFO.DLQ"), "state.last_seq");
        r.process = seamq_spawn(s->w, s->urls, (const char *const[]){"dlq", "replay", "--rate=1000/s", "--yes", NULL});
        assert_true(world_until(at_work, &r, 60));
        if (process_wait(r.process, (double)(world_random(s->w) % 50) / 1000))
            break;
        process_kill(r.process);
        kills++;
        assert_true(world_until(alone, s, 20));
    }
    print_message("          %u kills, seed %" PRIu64 "\n", kills, s->w->seed);
    RUN(s, 0, "dlq", "replay", "--yes");
    assert_int_equal(count(s, "DLQ"), 0);
    expect_each_once(s, n);
    assert_true(kills >= 5);
}

/* A duplicate window that has ended, so that only the journal shows what was published. */
static void killed_replays_lose_and_double_nothing(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);
    client_api_ok(s->client, "{\"name\":\"WORK\",\"subjects\":[\"work.>\"],\"duplicate_window\":100000000}",
                  "STREAM.UPDATE.WORK");
    kill_often(s, 1000);
}

/* A replay batch with unconfirmed publishes, into a stream that deletes handled messages. */
static void interrupt_in_a_work_queue(struct scene *s)
{
    client_api_ok(s->client, NULL, "STREAM.DELETE.WORK");
    client_add_stream(s->client, "WORK", "work.>", ",\"retention\":\"workqueue\",\"duplicate_window\":100000000");
    write_letters(s, 1, 2);
    client_publish(s->client, "dlq.WORK.replay",
                   "{\"lots\":[{\"stream\":\"WORK\",\"created\":1,\"after\":0,\"letters\":[1]}]}");
}

static void what_cannot_be_told_is_left_alone(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    interrupt_in_a_work_queue(s);
    for (int i = 0; i < 2; i++) { /* the journal still has the entry */
        expect_text(RUN(s, 1, "dlq", "replay", "--yes").err, "unknown whether it was published");
        assert_int_equal(count(s, "DLQ"), 2); /* the dead letter and the journal entry */
        assert_int_equal(count(s, "WORK"), 1);
    }
    RUN(s, 0, "dlq", "replay", "--again", "--yes");
    assert_int_equal(count(s, "DLQ"), 0);
    expect_each_once(s, 2);
}

/* An unconfirmed replay batch is written again with each other entry, which must not change its time of publish. */
static void an_old_lot_does_not_get_young_with_the_journal(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);
    json_t *info = client_api_ok(s->client, NULL, "STREAM.INFO.WORK");

    write_letters(s, 1, 1);
    client_publish(s->client, "work.x", "what was published of the lot");
    client_api_ok(s->client, NULL, "STREAM.PURGE.WORK");
    client_publish(s->client, "dlq.WORK.replay",
                   world_text(w,
                              "{\"lots\":[{\"stream\":\"WORK\",\"created\":%" PRId64 ",\"after\":0,\"noted\":%" PRId64
                              ",\"letters\":[1]}]}",
                              rfc3339_parse(json_text(info, "created")), CREATED));
    expect_text(RUN(s, 1, "dlq", "replay", "--yes").err, "unknown whether it was published");
    assert_int_equal(count(s, "DLQ"), 2);
}

static bool both_published(void *data)
{
    struct scene *s = data;
    return json_at(client_api_ok(s->client, NULL, "STREAM.INFO.WORK"), "state.last_seq") == 2;
}

/* No publish is confirmed, and the stream keeps only the last of two messages: the first one is published again, and
 * the server recognises its id. */
static void what_is_unconfirmed_is_sent_again_within_the_duplicate_window(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    client_api_ok(s->client, NULL, "STREAM.DELETE.WORK");
    client_add_stream(s->client, "WORK", "work.>", ",\"max_msgs\":1,\"no_ack\":true");
    write_letters(s, 1, 2);
    struct process *p = seamq_spawn(w, s->urls, (const char *const[]){"dlq", "replay", "--yes", NULL});
    assert_true(world_until(both_published, s, 20));
    client_api_ok(s->client, "{\"name\":\"WORK\",\"subjects\":[\"work.>\"],\"max_msgs\":1}", "STREAM.UPDATE.WORK");
    assert_true(process_wait(p, 60));
    assert_int_equal(process_exit_code(p), 0);
    assert_int_equal(count(s, "DLQ"), 0);
    assert_int_equal(json_at(client_api_ok(s->client, NULL, "STREAM.INFO.WORK"), "state.last_seq"), 2);
}

static void two_replays_at_once_double_nothing(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);

    write_letters(s, 1, 500);
    struct process *a = seamq_spawn(w, s->urls, (const char *const[]){"dlq", "replay", "--yes", NULL});
    struct process *b = seamq_spawn(w, s->urls, (const char *const[]){"dlq", "replay", "--yes", NULL});
    assert_true(process_wait(a, 60));
    assert_true(process_wait(b, 60));
    RUN(s, 0, "dlq", "replay", "--yes");
    assert_int_equal(count(s, "DLQ"), 0);
    expect_each_once(s, 500);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        IT(filters_choose_letters),
        IT(a_long_stream_is_walked_whole),
        IT(show_tells_everything),
        IT(show_writes_nothing_that_a_terminal_obeys),
        IT(mistakes_are_named),
        IT(dropping_needs_a_yes_and_takes_what_is_meant),
        IT(filters_that_cannot_match_are_refused),
        IT(letters_that_are_not_there_are_named),
        IT(two_drops_at_once_are_no_error),
        IT(a_replayed_message_is_the_original),
        IT(a_dry_run_changes_nothing),
        IT(all_letters_are_replayed_only_when_that_is_said),
        IT(replay_takes_what_is_meant_to_where_it_is_told),
        IT(a_message_that_dies_again_keeps_count),
        IT(a_pointer_brings_its_message_while_that_is_there),
        IT(a_rate_is_kept),
        IT(the_permissions_of_the_manual_are_enough),
        IT(killed_replays_lose_and_double_nothing),
        IT(what_cannot_be_told_is_left_alone),
        IT(an_old_lot_does_not_get_young_with_the_journal),
        IT(what_is_unconfirmed_is_sent_again_within_the_duplicate_window),
        IT(two_replays_at_once_double_nothing),
    };
    return it_main(tests, argc, argv);
}
