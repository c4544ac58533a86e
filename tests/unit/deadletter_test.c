/* SPDX-License-Identifier: Apache-2.0
 * deadletter_test - exactly one dead letter is stored before its message is acknowledged, and its content. */
#include "settle_helper.h"

#include "base/rfc3339.h"

static const char *subject_of(struct till *t, uint64_t seq)
{
    return world_text(t->b->r->w, "dlq.WORK.d.%" PRId64 ".%" PRIu64, consumer_stream_created_ns(t->b->c), seq);
}

static void expect_header(struct till *t, const struct stored *m, const char *name, const char *value)
{
    const char *got = header_in(t->b->r->w, m->headers, name);
    if ((got && value) ? strcmp(got, value) != 0 : got != value)
        fail_msg("%s: \"%s\", not \"%s\"", name, got ? got : "(none)", value ? value : "(none)");
}

static void last_attempt_leads_to_the_dead_letter_stream(struct world *w)
{
    struct till *t = till_run(till_prepare(w));
    struct stored m;
    client_publish_full(
        t->b->client, "work.order.7",
        "Key: value\nTwice: 1\nTwice: 2\ntraceparent: 00-1-2-01\nNats-Msg-Id: src\nSeamq-Reason: forged", "the payload",
        11);
    struct message *h = bench_next(t->b);
    for (int i = 0; i < 3; i++) {
        till_again(t, h);
        settle_outcome(t->s, h, OUTCOME_NAK, 0, i < 2 ? "early" : "line one\nline two\ttab\n");
    }
    assert_int_equal(t->retries, 2);
    till_expect_settled(t);
    assert_int_equal(settle_stats(t->s)->dead[DEAD_ATTEMPTS], 1);
    assert_true(client_get(t->b->client, "DLQ", 1, &m));
    assert_string_equal(m.subject, subject_of(t, 1));
    assert_string_equal(m.data, "the payload");
    expect_header(t, &m, "Seamq-Reason", "max-attempts");
    expect_header(t, &m, "Seamq-Error", "line one | line two tab");
    expect_header(t, &m, "Seamq-Stream", "WORK");
    expect_header(t, &m, "Seamq-Consumer", "d");
    expect_header(t, &m, "Seamq-Subject", "work.order.7");
    expect_header(t, &m, "Seamq-Sequence", "1");
    expect_header(t, &m, "Seamq-Stream-Created", world_text(w, "%" PRId64, consumer_stream_created_ns(t->b->c)));
    expect_header(t, &m, "Seamq-Attempts", "3");
    expect_header(t, &m, "Seamq-Handler", "h");
    expect_header(t, &m, "Seamq-Handler-Version", "1.2.3");
    expect_header(t, &m, "Seamq-Cluster", "test");
    expect_header(t, &m, "Seamq-Signal", NULL);
    expect_header(t, &m, "Seamq-Cut", NULL);
    expect_header(t, &m, "Key", "value");
    expect_header(t, &m, "traceparent", "00-1-2-01");
    expect_header(t, &m, "Nats-Msg-Id", NULL);
    assert_non_null(strstr(m.headers, "Twice: 1\r\n"));
    assert_non_null(strstr(m.headers, "Twice: 2\r\n"));
    assert_null(strstr(m.headers, "forged"));
}

static void time_is_that_of_the_original(struct world *w)
{
    struct till *t = till_run(till_prepare(w));
    struct message *h = till_message(t);
    struct stored m;
    int64_t stored_ns = h->stored_ns;
    settle_outcome(t->s, h, OUTCOME_DEAD, 0, "bad");
    till_expect_settled(t);
    assert_true(client_get(t->b->client, "DLQ", 1, &m));
    assert_true(rfc3339_parse(header_in(w, m.headers, "Seamq-Time")) == stored_ns);
}

static void rejected_message_is_dead_after_one_attempt(struct world *w)
{
    struct till *t = till_run(till_prepare(w));
    struct stored m;
    settle_outcome(t->s, till_message(t), OUTCOME_DEAD, 0, "no such customer");
    till_expect_settled(t);
    assert_true(client_get(t->b->client, "DLQ", 1, &m));
    expect_header(t, &m, "Seamq-Reason", "rejected");
    expect_header(t, &m, "Seamq-Error", "no such customer");
    expect_header(t, &m, "Seamq-Attempts", "1");
    assert_int_equal(settle_stats(t->s)->dead[DEAD_REJECTED], 1);
    assert_int_equal(settle_stats(t->s)->dropped, 0);
}

static void crash_limit_leads_to_a_dead_letter_with_the_backtrace(struct world *w)
{
    struct till *t = till_run(till_prepare(w));
    struct message *h = till_message(t);
    struct settle_crash crash = {.signal = 11, .text = "killed by SIGSEGV", .backtrace = "#0 a\n#1 b\n"};
    struct stored m;
    settle_crashed(t->s, h, &crash);
    till_again(t, h);
    settle_crashed(t->s, h, &crash);
    till_expect_settled(t);
    assert_true(client_get(t->b->client, "DLQ", 1, &m));
    expect_header(t, &m, "Seamq-Reason", "crash");
    expect_header(t, &m, "Seamq-Error", "killed by SIGSEGV");
    expect_header(t, &m, "Seamq-Signal", strsignal(11));
    expect_header(t, &m, "Seamq-Backtrace", "#0 a | #1 b");
    expect_header(t, &m, "Seamq-Attempts", "2");
}

static void crash_in_the_last_attempt_is_the_last(struct world *w)
{
    struct till *t = till_run(till_prepare(w));
    struct message *h = till_message(t);
    struct stored m;
    for (int i = 0; i < 2; i++) {
        settle_outcome(t->s, h, OUTCOME_NAK, 0, "");
        till_again(t, h);
    }
    settle_crashed(t->s, h, &(struct settle_crash){.signal = 11, .text = "died"}); /* max_attempts is 3 */
    till_expect_settled(t);
    assert_int_equal(t->retries, 2);
    assert_true(client_get(t->b->client, "DLQ", 1, &m));
    expect_header(t, &m, "Seamq-Reason", "crash");
    expect_header(t, &m, "Seamq-Attempts", "3");
}

static void one_attempt_is_one_though_it_crashes(struct world *w)
{
    struct till *t = till_prepare(w);
    t->b->handler.max_attempts = 1;
    till_run(t);
    settle_crashed(t->s, till_message(t), &(struct settle_crash){.signal = 11, .text = "died"}); /* crash_limit is 2 */
    till_expect_settled(t);
    assert_int_equal(t->retries, 0);
    assert_int_equal(client_stream_messages(t->b->client, "DLQ"), 1);
}

static void hanging_message_is_dead_by_timeout(struct world *w)
{
    struct till *t = till_prepare(w);
    t->b->handler.crash_limit = 1;
    till_run(t);
    struct stored m;
    settle_crashed(t->s, till_message(t), &(struct settle_crash){.text = "no outcome within 60s", .timeout = true});
    till_expect_settled(t);
    assert_true(client_get(t->b->client, "DLQ", 1, &m));
    expect_header(t, &m, "Seamq-Reason", "timeout");
    assert_int_equal(settle_stats(t->s)->dead[DEAD_TIMEOUT], 1);
}

static void servers_count_is_a_backstop(struct world *w)
{
    struct till *t = till_run(till_prepare(w));
    struct message *h = till_message(t);
    h->delivered = 29; /* max_attempts is 3 */
    settle_outcome(t->s, h, OUTCOME_NAK, 0, "");
    assert_int_equal(t->retries, 1);
    till_again(t, h);
    h->delivered = 30;
    settle_outcome(t->s, h, OUTCOME_NAK, 0, "");
    till_expect_settled(t);
    assert_int_equal(client_stream_messages(t->b->client, "DLQ"), 1);
}

/* The first delivery to this process of a message that was delivered to earlier ones. */
static struct message *arrival(struct till *t, uint64_t delivered)
{
    struct message *h = till_message(t);
    message_set_state(consumer_messages(t->b->c), h, MESSAGE_READY);
    h->delivered = delivered;
    return h;
}

static void what_is_never_settled_is_suspected_once(struct world *w)
{
    struct till *t = till_run(till_prepare(w));
    struct stored m;
    struct message *first = arrival(t, 29); /* max_attempts is 3 */
    assert_false(settle_suspects(t->s, first));
    struct message *back = arrival(t, 30);
    back->redelivered = true;
    assert_false(settle_suspects(t->s, back));
    assert_true(settle_suspects(t->s, arrival(t, 30)));
    struct message *later = arrival(t, 1000);
    assert_false(settle_suspects(t->s, later));
    settle_outcome(t->s, first, OUTCOME_ACK, 0, "");
    settle_outcome(t->s, back, OUTCOME_ACK, 0, "");
    settle_outcome(t->s, later, OUTCOME_ACK, 0, "");
    till_expect_settled(t);
    assert_int_equal(client_stream_messages(t->b->client, "DLQ"), 1);
    assert_true(client_get(t->b->client, "DLQ", 1, &m));
    expect_header(t, &m, "Seamq-Sequence", "3");
    expect_header(t, &m, "Seamq-Reason", "max-attempts");
    expect_header(t, &m, "Seamq-Error", "delivered 30 times and never settled: suspected of ending the whole daemon");
}

static void nothing_is_suspected_where_nothing_would_be_left(struct world *w)
{
    struct till *t = till_prepare(w);
    t->b->handler.dead_letter = (char *)"off";
    till_run(t);
    struct message *h = arrival(t, 1000);
    assert_false(settle_suspects(t->s, h));
    settle_outcome(t->s, h, OUTCOME_ACK, 0, "");
    till_expect_settled(t);
}

static void off_means_dropped(struct world *w)
{
    struct till *t = till_prepare(w);
    t->b->handler.dead_letter = (char *)"off";
    till_run(t);
    settle_outcome(t->s, till_message(t), OUTCOME_DEAD, 0, "bad");
    assert_true(loop_once(t->b->r->loop, 0) >= 0);
    till_expect_settled(t);
    assert_int_equal(settle_stats(t->s)->dropped, 1);
    assert_int_equal(settle_stats(t->s)->dead[DEAD_REJECTED], 0);
}

/* The daemon ended between storing the dead letter and the acknowledgement. */
static void copy_that_is_there_already_is_enough(struct world *w)
{
    struct till *t = till_run(till_prepare(w));
    struct message *h = till_message(t);
    client_publish(t->b->client, subject_of(t, 1), "the first copy");
    settle_outcome(t->s, h, OUTCOME_DEAD, 0, "bad");
    till_expect_settled(t);
    assert_int_equal(client_stream_messages(t->b->client, "DLQ"), 1);
    assert_int_equal(settle_stats(t->s)->dead_letter_errors, 0);
}

static void message_stays_until_its_copy_is_stored(struct world *w)
{
    struct till *t = till_run(till_prepare(w));
    struct message *h = till_message(t);
    client_api_ok(t->b->client, NULL, "STREAM.DELETE.DLQ");
    settle_outcome(t->s, h, OUTCOME_DEAD, 0, "bad");
    turn_until(t->b->r, 10, strstr(consumer_reason(t->b->c), "dead-letter stream DLQ was deleted while running"));
    assert_false(consumer_ready(t->b->c));
    assert_int_equal(settle_stats(t->s)->dead_letter_errors, 1);
    assert_int_equal(settle_busy(t->s), 1);
    assert_int_equal(bench_info(t->b, "num_ack_pending"), 1);
    assert_int_equal(settle_stats(t->s)->dead[DEAD_REJECTED], 0);
    client_add_dlq(t->b->client, "WORK");
    till_expect_settled(t);
    assert_int_equal(client_stream_messages(t->b->client, "DLQ"), 1);
    turn_until(t->b->r, 10, consumer_ready(t->b->c));
}

/* The stream's leader may be the lost server, and only dead letters need that stream. */
static void lost_connection_does_not_wait_for_the_dead_letter_stream(struct world *w)
{
    struct till *t = till_run(till_prepare(w));
    struct server *server = t->b->r->server;
    struct stored m;
    server_stop(server);
    server_configure(server,
                     "authorization: { users: [{ user: u, password: p,\n"
                     "  permissions: { publish: { deny: \"$JS.API.STREAM.INFO.DLQ\" } } }] }\n"
                     "no_auth_user: u\n",
                     false);
    server_restart(server);
    turn_until(t->b->r, 10, t->b->r->ups == 2 && consumer_ready(t->b->c));
    settle_outcome(t->s, till_message(t), OUTCOME_DEAD, 0, "bad");
    till_expect_settled(t);
    assert_true(client_get(t->b->client, "DLQ", 1, &m));
}

static void killed_server_gets_it_after_its_restart(struct world *w)
{
    struct till *t = till_run(till_prepare(w));
    struct message *h = till_message(t);
    server_kill(t->b->r->server);
    settle_outcome(t->s, h, OUTCOME_DEAD, 0, "bad");
    turn_until(t->b->r, 10, t->b->r->downs >= 1);
    server_restart(t->b->r->server);
    till_expect_settled(t);
    assert_int_equal(client_stream_messages(t->b->client, "DLQ"), 1);
}

/* ---- what does not fit --------------------------------------------------------------------- */

static void die(struct till *t, size_t size, const char *headers, struct stored *ret)
{
    char *big = calloc(1, size);
    char *trace = calloc(1, 6001);
    assert_true(big && trace);
    memset(trace, 't', 6000);
    t->b->handler.crash_limit = 1;
    till_run(t);
    client_publish_full(t->b->client, "work.big", headers, big, size);
    free(big);
    struct message *h = bench_next(t->b);
    till_again(t, h);
    settle_crashed(t->s, h, &(struct settle_crash){.signal = 6, .text = "died", .backtrace = trace});
    free(trace);
    till_expect_settled(t);
    assert_true(client_get(t->b->client, "DLQ", 1, ret));
}

static void backtrace_goes_first_when_it_is_too_much(struct world *w)
{
    struct till *t = till_prepare(w);
    struct stored m;
    die(t, 1048576 - 6000, "Key: value", &m);
    assert_int_equal(m.size, 1048576 - 6000);
    expect_header(t, &m, "Seamq-Cut", "backtrace");
    expect_header(t, &m, "Seamq-Backtrace", NULL);
    expect_header(t, &m, "Key", "value");
}

static void headers_go_next(struct world *w)
{
    struct till *t = till_prepare(w);
    struct stored m;
    char value[4001];
    memset(value, 'v', 4000);
    value[4000] = '\0';
    die(t, 1048576 - 4100, world_text(w, "Key: %s", value), &m);
    assert_int_equal(m.size, 1048576 - 4100);
    expect_header(t, &m, "Seamq-Cut", "headers");
    expect_header(t, &m, "Key", NULL);
    expect_header(t, &m, "Seamq-Reason", "crash");
}

static void message_at_the_servers_limit_is_stored_as_a_pointer(struct world *w)
{
    struct till *t = till_prepare(w);
    struct stored m;
    die(t, 1048576, NULL, &m);
    assert_int_equal(m.size, 0);
    expect_header(t, &m, "Seamq-Cut", "message");
    expect_header(t, &m, "Seamq-Sequence", "1");
    expect_header(t, &m, "Seamq-Stream", "WORK");
}

static void message_too_large_for_the_dead_letter_stream_is_stored_as_a_pointer(struct world *w)
{
    struct till *t = till_prepare(w);
    struct stored m;
    client_add_stream(t->b->client, "DLQ", "dlq.WORK.>", ",\"max_msg_size\":65536");
    die(t, 100 * 1024, "Key: value", &m);
    assert_int_equal(m.size, 0);
    expect_header(t, &m, "Seamq-Cut", "message");
    expect_header(t, &m, "Key", NULL);
    assert_int_equal(settle_stats(t->s)->dead_letter_errors, 0);
}

/* The limit is the server's max_payload, so a message that fits is not cut. */
static void message_that_just_fits_is_stored_whole(struct world *w)
{
    struct till *t = till_prepare(w);
    struct stored m;
    die(t, 1048576 - 6000 - 1000, "Key: value", &m);
    assert_int_equal(m.size, 1048576 - 6000 - 1000);
    expect_header(t, &m, "Seamq-Cut", NULL);
}

static void kill_large(struct till *t, size_t size)
{
    char *data = calloc(1, size);
    assert_non_null(data);
    client_publish_full(t->b->client, "work.big", NULL, data, size);
    free(data);
    struct message *h = bench_next(t->b);
    till_again(t, h);
    settle_outcome(t->s, h, OUTCOME_DEAD, 0, "bad");
}

static struct till *till_on_work_queue(struct till *t)
{
    client_api_ok(t->b->client, NULL, "STREAM.DELETE.WORK");
    client_add_stream(t->b->client, "WORK", "work.>", ",\"retention\":\"workqueue\"");
    return till_run(t);
}

static void work_queue_keeps_the_only_copy_of_what_is_too_large(struct world *w)
{
    struct till *t = till_on_work_queue(till_prepare(w));
    kill_large(t, 1048576);
    turn_until(t->b->r, 10, settle_stats(t->s)->dead_letter_errors == 2);
    assert_int_equal(client_stream_messages(t->b->client, "DLQ"), 0);
    assert_int_equal(client_stream_messages(t->b->client, "WORK"), 1);
}

static void work_queue_keeps_what_is_too_large_until_a_limit_is_raised(struct world *w)
{
    struct till *t = till_prepare(w);
    struct client *c = t->b->client;
    struct stored m;
    client_add_stream(c, "DLQ", "dlq.WORK.>", ",\"max_msg_size\":65536");
    kill_large(till_on_work_queue(t), 100 * 1024);
    turn_until(t->b->r, 10, settle_stats(t->s)->dead_letter_errors == 2);
    assert_int_equal(client_stream_messages(c, "DLQ"), 0);
    client_api_ok(c, "{\"name\":\"DLQ\",\"subjects\":[\"dlq.WORK.>\"],\"max_msg_size\":-1}", "STREAM.UPDATE.DLQ");
    till_expect_settled(t);
    assert_true(client_get(c, "DLQ", 1, &m));
    assert_int_equal(m.size, 100 * 1024);
    expect_header(t, &m, "Seamq-Cut", NULL);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        IT(last_attempt_leads_to_the_dead_letter_stream),
        IT(time_is_that_of_the_original),
        IT(rejected_message_is_dead_after_one_attempt),
        IT(crash_limit_leads_to_a_dead_letter_with_the_backtrace),
        IT(crash_in_the_last_attempt_is_the_last),
        IT(one_attempt_is_one_though_it_crashes),
        IT(hanging_message_is_dead_by_timeout),
        IT(servers_count_is_a_backstop),
        IT(what_is_never_settled_is_suspected_once),
        IT(nothing_is_suspected_where_nothing_would_be_left),
        IT(off_means_dropped),
        IT(copy_that_is_there_already_is_enough),
        IT(message_stays_until_its_copy_is_stored),
        IT(lost_connection_does_not_wait_for_the_dead_letter_stream),
        IT(killed_server_gets_it_after_its_restart),
        IT(backtrace_goes_first_when_it_is_too_much),
        IT(headers_go_next),
        IT(message_at_the_servers_limit_is_stored_as_a_pointer),
        IT(message_too_large_for_the_dead_letter_stream_is_stored_as_a_pointer),
        IT(message_that_just_fits_is_stored_whole),
        IT(work_queue_keeps_the_only_copy_of_what_is_too_large),
        IT(work_queue_keeps_what_is_too_large_until_a_limit_is_raised),
    };
    return it_main(tests, argc, argv);
}
