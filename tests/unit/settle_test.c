/* SPDX-License-Identifier: Apache-2.0
 * settle_test - outcomes, retries and staged outputs against a real server. */
#include "settle_helper.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static void ack_settles(struct world *w)
{
    struct till *t = till_run(till_prepare(w));
    settle_outcome(t->s, till_message(t), OUTCOME_ACK, 0, "");
    till_expect_settled(t);
    assert_int_equal(settle_stats(t->s)->acked, 1);
    assert_int_equal(t->retries, 0);
}

static void confirmed_ack_waits_for_the_server(struct world *w)
{
    struct till *t = till_prepare(w);
    t->b->handler.ack = ACK_CONFIRMED;
    till_run(t);
    struct message *h = till_message(t);
    settle_outcome(t->s, h, OUTCOME_ACK, 0, "");
    assert_int_equal(h->state, MESSAGE_SETTLING);
    assert_int_equal(settle_busy(t->s), 1);
    till_expect_settled(t);
    assert_int_equal(settle_stats(t->s)->acked, 1);
}

static void term_drops_without_a_dead_letter(struct world *w)
{
    struct till *t = till_run(till_prepare(w));
    settle_outcome(t->s, till_message(t), OUTCOME_TERM, 0, "");
    assert_true(loop_once(t->b->r->loop, 0) >= 0);
    till_expect_settled(t);
    assert_int_equal(settle_stats(t->s)->dropped, 1);
    assert_int_equal(client_stream_messages(t->b->client, "DLQ"), 0);
}

static void term_after_the_lease_is_an_ack(struct world *w)
{
    struct till *t = till_run(till_prepare(w));
    struct message *h = till_message(t);
    h->lease_until_ns = loop_now_ns(t->b->r->loop);
    settle_outcome(t->s, h, OUTCOME_TERM, 0, "");
    till_expect_settled(t);
}

static void leave_key_queue(struct message *h, bool for_good)
{
    if (for_good)
        h->key_queue = NULL;
}

/* If +TERM got lost, the server would redeliver the message behind its followers. */
static void term_in_order_is_kept_until_it_is_confirmed(struct world *w)
{
    struct till *t = till_prepare(w);
    int key_queue;
    t->b->handler.ordering = ORDERING_SUBJECT;
    till_run(t);
    t->b->on_left = leave_key_queue;
    struct message *h = till_message(t);
    h->key_queue = (struct key_queue *)&key_queue;
    settle_outcome(t->s, h, OUTCOME_TERM, 0, "");
    assert_int_equal(consumer_unconfirmed(t->b->c), 1);
    turn_until(t->b->r, 5, h->state == MESSAGE_SETTLED);
    assert_true(client_wait_settled(t->b->client, "WORK", "d", 5));
}

/* A killed server may redeliver a confirmed message behind its followers. */
static void ordered_handler_remembers_confirmed_messages(struct world *w)
{
    struct till *t = till_prepare(w);
    t->b->handler.ack = ACK_CONFIRMED;
    t->b->handler.ordering = ORDERING_SUBJECT;
    till_run(t);
    struct message *h[] = {till_message(t), till_message(t)};
    settle_outcome(t->s, h[0], OUTCOME_ACK, 0, "");
    settle_outcome(t->s, h[1], OUTCOME_DEAD, 0, "");
    turn_until(t->b->r, 10, settle_busy(t->s) == 0);
    assert_int_equal(sound_length(&consumer_messages(t->b->c)->settled), 2);
    assert_int_equal(consumer_messages(t->b->c)->bytes, 0);
    assert_true(client_wait_settled(t->b->client, "WORK", "d", 5));
}

/* ---- retries ----------------------------------------------------------------------------- */

static void expect_delay(const struct till *t, int64_t ms)
{
    if (t->delay_ns < ms * NS_PER_MS || t->delay_ns > ms * NS_PER_MS * 11 / 10)
        fail_msg("%" PRId64 " ns, not %" PRId64 " ms and a tenth at most", t->delay_ns, ms);
}

static void nak_is_retried_by_backoff_whose_last_step_repeats(struct world *w)
{
    struct till *t = till_prepare(w);
    t->b->handler.max_attempts = 100;
    till_run(t);
    struct message *h = till_message(t);
    static const int64_t ms[] = {20, 40, 40, 40};
    for (unsigned i = 0; i < 4; i++) {
        settle_outcome(t->s, h, OUTCOME_NAK, -1, "not now");
        assert_int_equal(t->retries, i + 1);
        assert_ptr_equal(t->retried, h);
        assert_int_equal(h->attempts, i + 1);
        expect_delay(t, ms[i]);
        till_again(t, h);
    }
    assert_int_equal(settle_stats(t->s)->retried, 4);
    settle_outcome(t->s, h, OUTCOME_ACK, 0, "");
    till_expect_settled(t);
}

static void delay_of_the_handler_overrides_the_backoff(struct world *w)
{
    struct till *t = till_run(till_prepare(w));
    struct message *h = till_message(t);
    settle_outcome(t->s, h, OUTCOME_NAK, 5 * NS_PER_SEC, "");
    assert_true(t->delay_ns == 5 * NS_PER_SEC);
    till_again(t, h);
    settle_outcome(t->s, h, OUTCOME_NAK, 0, "");
    assert_int_equal(t->delay_ns, 0);
}

static void crash_is_retried_at_once(struct world *w)
{
    struct till *t = till_run(till_prepare(w));
    struct message *h = till_message(t);
    settle_crashed(t->s, h, &(struct settle_crash){.signal = 11, .text = "died"});
    assert_int_equal(t->retries, 1);
    assert_int_equal(t->delay_ns, 0);
    assert_int_equal(h->attempts, 1);
    assert_int_equal(h->crashes, 1);
}

static void retries_beyond_the_waiting_limit_go_back_to_the_server(struct world *w)
{
    struct till *t = till_prepare(w);
    t->b->handler.max_ack_pending = 40;
    till_run(t);
    assert_int_equal(consumer_max_waiting(t->b->c), 20);
    for (int i = 0; i < 25; i++)
        settle_outcome(t->s, till_message(t), OUTCOME_NAK, 60 * NS_PER_SEC, "");
    assert_int_equal(t->retries, 20);
    assert_int_equal(settle_stats(t->s)->returned, 5);
    assert_int_equal(consumer_messages(t->b->c)->n_by_state[MESSAGE_WAITING], 20);
    assert_int_equal(consumer_messages(t->b->c)->n_by_state[MESSAGE_AWAY], 5);
}

/* ---- outputs -------------------------------------------------------------------------------- */

static void outputs_are_stored_before_the_ack(struct world *w)
{
    static const char headers[] = "Kind\0copy\0traceparent\0"
                                  "00-1-2-01";
    struct till *t = till_run(till_prepare(w));
    struct message *h = till_message(t);
    struct stored m;
    till_stage(t, h, "out.a", NULL, "first");
    till_stage(t, h, "out.b", "my-own-id", "second");
    assert_int_equal(
        settle_stage(t->s, h,
                     &(struct settle_output){.subject = "out.c", .headers = headers, .headers_size = sizeof(headers)}),
        0);
    assert_int_equal(settle_busy(t->s), 0); /* still running */
    settle_outcome(t->s, h, OUTCOME_ACK, 0, "");
    till_expect_settled(t);
    assert_int_equal(settle_stats(t->s)->published, 3);
    assert_int_equal(settle_stats(t->s)->acked, 1);
    assert_true(client_get(t->b->client, "OUT", 1, &m));
    assert_string_equal(m.subject, "out.a");
    assert_string_equal(m.data, "first");
    assert_string_equal(header_in(w, m.headers, "Nats-Msg-Id"),
                        world_text(w, "WORK.%" PRId64 ".1.h.0", consumer_stream_created_ns(t->b->c)));
    assert_true(client_get(t->b->client, "OUT", 2, &m));
    assert_string_equal(header_in(w, m.headers, "Nats-Msg-Id"), "my-own-id");
    assert_true(client_get(t->b->client, "OUT", 3, &m));
    assert_int_equal(m.size, 0);
    assert_string_equal(header_in(w, m.headers, "Kind"), "copy");
    assert_string_equal(header_in(w, m.headers, "traceparent"), "00-1-2-01");
}

static void duplicate_output_counts_as_stored(struct world *w)
{
    struct till *t = till_run(till_prepare(w));
    struct message *h = till_message(t);
    client_publish_full(t->b->client, "out.a",
                        world_text(w, "Nats-Msg-Id: WORK.%" PRId64 ".1.h.0", consumer_stream_created_ns(t->b->c)), "x",
                        1);
    till_stage(t, h, "out.a", NULL, "x");
    settle_outcome(t->s, h, OUTCOME_ACK, 0, "");
    till_expect_settled(t);
    assert_int_equal(client_stream_messages(t->b->client, "OUT"), 1);
}

static void outputs_of_a_nak_are_not_sent(struct world *w)
{
    struct till *t = till_run(till_prepare(w));
    struct message *h = till_message(t);
    till_stage(t, h, "out.nak", NULL, "x");
    settle_outcome(t->s, h, OUTCOME_NAK, 0, "");
    till_again(t, h);
    till_stage(t, h, "out.crash", NULL, "x");
    settle_unstage(t->s, h);
    settle_outcome(t->s, h, OUTCOME_ACK, 0, "");
    till_expect_settled(t);
    assert_int_equal(client_stream_messages(t->b->client, "OUT"), 0);
    settle_unstage(t->s, till_message(t)); /* nothing staged */
}

static void output_without_a_stream_fails_the_attempt(struct world *w)
{
    struct till *t = till_run(till_prepare(w));
    struct message *h = till_message(t);
    till_stage(t, h, "out.fine", NULL, "x");
    till_stage(t, h, "nowhere.x", NULL, "x");
    settle_outcome(t->s, h, OUTCOME_ACK, 0, "");
    turn_until(t->b->r, 30, t->retries == 1);
    assert_int_equal(h->attempts, 1);
    assert_int_equal(settle_stats(t->s)->publish_errors, 1);
    assert_int_equal(settle_stats(t->s)->acked, 0);
    assert_int_equal(settle_busy(t->s), 0);
    till_again(t, h);
    till_stage(t, h, "out.fine", NULL, "x"); /* the same id: stored once */
    settle_outcome(t->s, h, OUTCOME_ACK, 0, "");
    till_expect_settled(t);
    assert_int_equal(client_stream_messages(t->b->client, "OUT"), 1);
}

static void on_no_responders(void *data, int rc, natsMsg *msg)
{
    (void)msg;
    assert_int_equal(rc, -EHOSTUNREACH);
    *(bool *)data = true;
}

/* Returns when the server has refused all that was published so far to subjects without a stream: it answers in order.
 */
static void wait_for_no_responders(struct till *t)
{
    struct connection_publish p = {.subject = "nowhere.x"};
    bool refused = false;
    assert_int_equal(request_send(t->b->requests, p, 10 * NS_PER_SEC, on_no_responders, &refused, NULL), 0);
    turn_until(t->b->r, 10, refused);
}

static void output_waits_for_a_stream_that_elects_its_leader(struct world *w)
{
    struct till *t = till_run(till_prepare(w));
    struct message *h = till_message(t);
    till_stage(t, h, "late.x", NULL, "x");
    settle_outcome(t->s, h, OUTCOME_ACK, 0, "");
    wait_for_no_responders(t);
    assert_int_equal(settle_busy(t->s), 1);
    client_add_stream(t->b->client, "LATE", "late.>", "");
    till_expect_settled(t);
    assert_int_equal(client_stream_messages(t->b->client, "LATE"), 1);
    assert_int_equal(t->retries, 0);
}

static void output_larger_than_the_server_takes_fails_the_attempt(struct world *w)
{
    struct till *t = till_prepare(w);
    t->b->handler.max_attempts = 1;
    till_run(t);
    struct message *h = till_message(t);
    char *big = calloc(1, 1048577);
    struct stored m;
    assert_non_null(big);
    settle_stage(t->s, h, &(struct settle_output){.subject = "out.big", .data = big, .size = 1048577});
    free(big);
    settle_outcome(t->s, h, OUTCOME_ACK, 0, "");
    till_expect_settled(t);
    assert_true(client_get(t->b->client, "DLQ", 1, &m));
    const char *error = header_in(w, m.headers, "Seamq-Error");
    assert_int_equal(strncmp(error, "publishing to out.big: 1048", 27), 0);
    assert_non_null(strstr(error, " bytes are more than the server's max_payload of 1048576"));
}

/* Settle adds a message id to an output. If the output fits only without it, the attempt must fail, because nats.c
 * would silently refuse every retry. */
static void output_at_the_limit_is_stored_or_fails_the_attempt(struct world *w)
{
    struct till *t = till_prepare(w);
    t->b->handler.max_attempts = 100;
    till_run(t);
    struct message *h = till_message(t);
    char *big = calloc(1, 1048576);
    size_t id = strlen(world_text(w, "WORK.%" PRId64 ".1.h.0", consumer_stream_created_ns(t->b->c)));
    size_t fits = 1048576 - (strlen("NATS/1.0\r\nNats-Msg-Id: \r\n\r\n") + id);
    assert_non_null(big);
    for (size_t size = 1048576; size > fits; size = size > fits + 8 ? size - 8 : size - 1) {
        unsigned before = t->retries;
        till_again(t, h);
        settle_stage(t->s, h, &(struct settle_output){.subject = "out.big", .data = big, .size = size});
        settle_outcome(t->s, h, OUTCOME_ACK, 0, "");
        turn_until(t->b->r, 3, t->retries == before + 1);
    }
    till_again(t, h);
    settle_stage(t->s, h, &(struct settle_output){.subject = "out.big", .data = big, .size = fits});
    free(big);
    settle_outcome(t->s, h, OUTCOME_ACK, 0, "");
    till_expect_settled(t);
    assert_int_equal(client_stream_messages(t->b->client, "OUT"), 1);
    assert_int_equal(t->b->r->downs, 0); /* the server closes a connection that sends too much */
}

static void outputs_survive_a_killed_server(struct world *w)
{
    struct till *t = till_run(till_prepare(w));
    struct message *h = till_message(t);
    till_stage(t, h, "out.a", NULL, "1");
    till_stage(t, h, "out.a", NULL, "2");
    server_kill(t->b->r->server);
    settle_outcome(t->s, h, OUTCOME_ACK, 0, "");
    turn_until(t->b->r, 10, t->b->r->downs >= 1);
    assert_int_equal(settle_busy(t->s), 1);
    server_restart(t->b->r->server);
    till_expect_settled(t);
    assert_int_equal(client_stream_messages(t->b->client, "OUT"), 2);
    assert_int_equal(t->retries, 0);
}

/* A staged output, a publish without an answer and a publish that waits for its retry are freed; a late answer of the
 * server changes nothing. */
static void destroy_cancels_outputs_and_retries(struct world *w)
{
    struct till *t = till_run(till_prepare(w));
    struct message *staged = till_message(t), *published = till_message(t), *waiting = till_message(t);
    till_stage(t, waiting, "late.x", NULL, "3");
    settle_outcome(t->s, waiting, OUTCOME_ACK, 0, "");
    wait_for_no_responders(t);
    till_stage(t, staged, "out.a", NULL, "1");
    till_stage(t, published, "out.a", NULL, "2");
    settle_outcome(t->s, published, OUTCOME_ACK, 0, "");
    assert_int_equal(settle_busy(t->s), 2);
    settle_destroy(t->s);
    t->s = NULL;
    assert_null(staged->settlement);
    assert_null(published->settlement);
    assert_null(waiting->settlement);
    wait_for_no_responders(t);
    turn_until(t->b->r, 10, client_stream_messages(t->b->client, "OUT") == 1);
    wait_for_no_responders(t);
    assert_int_equal(staged->state, MESSAGE_RUNNING);
    assert_int_equal(published->state, MESSAGE_SETTLING);
    assert_int_equal(waiting->state, MESSAGE_SETTLING);
    settle_destroy(NULL);
}

/* ---- shadow mode ----------------------------------------------------------------------------- */

/* Log lines go to a file until log_end() returns them. */
static int log_begin(struct world *w, enum log_level level)
{
    int fd = open(world_path(w, "log"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_APPEND, 0600);
    assert_true(fd >= 0);
    log_setup(fd, level, LOG_FORMAT_TEXT);
    return fd;
}

static const char *log_end(struct world *w, int fd)
{
    char text[8192];
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
    log_setup(2, LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    close(fd);
    assert_true(n >= 0);
    text[n] = '\0';
    return world_text(w, "%s", text);
}

static size_t occurrences(const char *text, const char *part)
{
    size_t n = 0;
    while ((text = strstr(text, part))) {
        n++;
        text += strlen(part);
    }
    return n;
}

static struct till *till_in_shadow(struct world *w)
{
    struct till *t = till_prepare(w);
    t->b->handler.shadow = true;
    t->b->handler.crash_limit = 1;
    t->b->handler.max_attempts = 1;
    return till_run(t);
}

static void shadow_counts_every_result_and_acknowledges(struct world *w)
{
    struct till *t = till_in_shadow(w);
    for (int i = 0; i < OUTCOMES; i++)
        settle_outcome(t->s, till_message(t), (enum outcome)i, 0, "");
    settle_crashed(t->s, till_message(t), &(struct settle_crash){.signal = 11});
    settle_crashed(t->s, till_message(t), &(struct settle_crash){.timeout = true});
    till_expect_settled(t);
    for (int i = 0; i < SHADOW_RESULTS; i++)
        assert_int_equal(settle_stats(t->s)->shadowed[i], 1);
    assert_int_equal(settle_stats(t->s)->shadow_outputs, 0);
    assert_int_equal(settle_stats(t->s)->acked, 0);
    assert_int_equal(t->retries, 0);
    assert_int_equal(client_stream_messages(t->b->client, "DLQ"), 0);
}

static void shadow_suspects_nothing(struct world *w)
{
    struct till *t = till_in_shadow(w);
    struct message *h = till_message(t);
    h->delivered = 1000;
    assert_false(settle_suspects(t->s, h));
}

static void shadow_logs_outputs_instead_of_publishing_them(struct world *w)
{
    static const char headers[] = "Kind\0copy\0traceparent\0"
                                  "00-1-2-01";
    struct till *t = till_in_shadow(w);
    struct message *h = till_message(t);
    char data[301];
    memset(data, 'x', 300);
    data[300] = '\0';
    till_stage(t, h, "out.a", NULL, data);
    struct settle_output o = {
        .subject = "out.b", .headers = headers, .headers_size = sizeof(headers), .data = "short and more", .size = 5};
    assert_int_equal(settle_stage(t->s, h, &o), 0);
    int fd = log_begin(w, LOG_LEVEL_DEBUG);
    settle_outcome(t->s, h, OUTCOME_NAK, 0, "no stock");
    const char *log = log_end(w, fd);
    till_expect_settled(t);
    assert_non_null(strstr(log,
                           "event=shadow handler=h cluster=test stream=WORK seq=1 subject=work.x outcome=nak outputs=2 "
                           "text=\"no stock\""));
    assert_non_null(strstr(log, world_text(w, "subject=out.a bytes=300 headers=0 data=%.256s\n", data)));
    assert_non_null(strstr(log, "subject=out.b bytes=5 headers=2 data=short\n"));
    assert_int_equal(settle_stats(t->s)->shadow_outputs, 2);
    assert_int_equal(client_stream_messages(t->b->client, "OUT"), 0);
}

static void shadow_shows_no_payload_above_debug(struct world *w)
{
    struct till *t = till_in_shadow(w);
    struct message *h = till_message(t);
    till_stage(t, h, "out.a", NULL, "secret");
    struct settle_output empty = {.subject = "out.b", .headers = "Kind\0copy", .headers_size = sizeof("Kind\0copy")};
    assert_int_equal(settle_stage(t->s, h, &empty), 0);
    int fd = log_begin(w, LOG_LEVEL_INFO);
    settle_outcome(t->s, h, OUTCOME_ACK, 0, "");
    const char *log = log_end(w, fd);
    assert_non_null(strstr(log, "event=shadow-output handler=h seq=1 subject=out.a bytes=6 headers=0\n"));
    assert_non_null(strstr(log, "subject=out.b bytes=0 headers=1\n"));
    assert_null(strstr(log, "text="));
}

/* ---- log lines, configuration, deleted streams ------------------------------------------------- */

static void ten_dropped_messages_a_second_are_logged_at_info(struct world *w)
{
    struct till *t = till_run(till_prepare(w));
    struct message *h[] = {till_message(t), till_message(t), till_message(t)};
    int fd = log_begin(w, LOG_LEVEL_INFO);
    settle_outcome(t->s, h[0], OUTCOME_TERM, 0, "not for us");
    settle_outcome(t->s, h[1], OUTCOME_TERM, 0, "");
    bench_turn_for(t->b, 0.15);
    settle_outcome(t->s, h[2], OUTCOME_TERM, 0, "");
    const char *log = log_end(w, fd);
    assert_int_equal(occurrences(log, "event=dropped"), 2);
    assert_non_null(strstr(log, "handler=h cluster=test stream=WORK seq=1 subject=work.x reason=\"not for us\"\n"));
    assert_non_null(strstr(log, "seq=3 subject=work.x\n"));
    assert_int_equal(settle_stats(t->s)->dropped, 3);
}

static void new_configuration_counts_from_the_next_outcome_on(struct world *w)
{
    struct till *t = till_run(till_prepare(w));
    struct config_handler changed = t->b->handler;
    struct stored m;
    changed.max_attempts = 1;
    struct message *h = till_message(t);
    settle_outcome(t->s, h, OUTCOME_NAK, 0, "");
    assert_int_equal(t->retries, 1);
    till_again(t, h);
    settle_set_config(t->s, &changed, "2.0.0");
    settle_outcome(t->s, h, OUTCOME_NAK, 0, "");
    assert_int_equal(t->retries, 1);
    till_expect_settled(t);
    assert_true(client_get(t->b->client, "DLQ", 1, &m));
    assert_string_equal(header_in(w, m.headers, "Seamq-Handler-Version"), "2.0.0");
    settle_set_config(t->s, &t->b->handler, "1.2.3");
}

/* The sequence of such a message may mean another message now. */
static void message_of_a_deleted_stream_is_forgotten(struct world *w)
{
    struct till *t = till_run(till_prepare(w));
    struct message *h[] = {till_message(t), till_message(t), till_message(t)};
    for (int i = 0; i < 3; i++)
        h[i]->stream_created_ns--;
    till_stage(t, h[2], "out.a", NULL, "x");
    settle_outcome(t->s, h[0], OUTCOME_NAK, 0, "");
    settle_outcome(t->s, h[1], OUTCOME_DEAD, 0, "");
    settle_outcome(t->s, h[2], OUTCOME_ACK, 0, "");
    assert_int_equal(t->retries, 0);
    assert_int_equal(settle_busy(t->s), 0);
    assert_int_equal(consumer_messages(t->b->c)->n, 0);
    wait_for_no_responders(t);
    assert_int_equal(client_stream_messages(t->b->client, "OUT"), 0);
    assert_int_equal(client_stream_messages(t->b->client, "DLQ"), 0);
    assert_int_equal(bench_info(t->b, "num_ack_pending"), 3);
}

/* ---- steps that are retried ------------------------------------------------------------------- */

static void pause_before_a_retried_step_doubles_and_ends_at_resume(struct world *w)
{
    struct till *t = till_prepare(w);
    client_api_ok(t->b->client, NULL, "STREAM.DELETE.WORK");
    client_add_stream(t->b->client, "WORK", "work.>", ",\"retention\":\"workqueue\"");
    till_run(t);
    char *data = calloc(1, 1048576); /* too large for any dead letter, and the only copy: each try fails at once */
    assert_non_null(data);
    client_publish_full(t->b->client, "work.big", NULL, data, 1048576);
    free(data);
    struct message *h = bench_next(t->b);
    till_again(t, h);
    int64_t at[4];
    settle_outcome(t->s, h, OUTCOME_DEAD, 0, "bad");
    for (unsigned i = 0; i < 4; i++) {
        turn_until(t->b->r, 10, settle_stats(t->s)->dead_letter_errors > i);
        assert_int_equal(settle_stats(t->s)->dead_letter_errors, i + 1);
        at[i] = loop_now_ns(t->b->r->loop);
    }
    for (int i = 1; i < 4; i++)
        assert_true(at[i] - at[i - 1] >= (200 << (i - 1)) * NS_PER_MS);
    settle_resume(t->s);
    assert_int_equal(settle_stats(t->s)->dead_letter_errors, 5);
}

static void output_that_a_stream_refuses_fails_the_attempt(struct world *w)
{
    struct till *t = till_prepare(w);
    t->b->handler.max_attempts = 1;
    till_run(t);
    struct message *h = till_message(t);
    struct stored m;
    client_add_stream(t->b->client, "SMALL", "small.>", ",\"max_msg_size\":100");
    char *data = calloc(1, 1000);
    assert_non_null(data);
    settle_stage(t->s, h, &(struct settle_output){.subject = "small.x", .data = data, .size = 1000});
    free(data);
    settle_outcome(t->s, h, OUTCOME_ACK, 0, "");
    till_expect_settled(t);
    assert_int_equal(settle_stats(t->s)->publish_errors, 1);
    assert_true(client_get(t->b->client, "DLQ", 1, &m));
    const char *error = header_in(w, m.headers, "Seamq-Error");
    assert_int_equal(strncmp(error, "publishing to small.x: ", 23), 0);
    assert_non_null(strstr(error, "(10054)"));
}

static void confirmed_ack_follows_the_outputs(struct world *w)
{
    struct till *t = till_prepare(w);
    t->b->handler.ack = ACK_CONFIRMED;
    till_run(t);
    struct message *h = till_message(t);
    till_stage(t, h, "out.a", NULL, "x");
    settle_outcome(t->s, h, OUTCOME_ACK, 0, "");
    turn_until(t->b->r, 10, settle_stats(t->s)->acked == 1);
    assert_int_equal(settle_busy(t->s), 1);
    assert_int_equal(h->state, MESSAGE_SETTLING);
    till_expect_settled(t);
    assert_int_equal(client_stream_messages(t->b->client, "OUT"), 1);
}

static void first_message_of_a_key_queue_is_never_given_back(struct world *w)
{
    struct till *t = till_prepare(w);
    int key_queue;
    t->b->handler.max_ack_pending = 40;
    till_run(t);
    t->b->on_left = leave_key_queue;
    for (int i = 0; i < 20; i++)
        settle_outcome(t->s, till_message(t), OUTCOME_NAK, 60 * NS_PER_SEC, "");
    struct message *h = till_message(t);
    h->key_queue = (struct key_queue *)&key_queue;
    settle_outcome(t->s, h, OUTCOME_NAK, 60 * NS_PER_SEC, "");
    assert_int_equal(t->retries, 21);
    assert_int_equal(settle_stats(t->s)->returned, 0);
    h->key_queue = NULL;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        IT(ack_settles),
        IT(confirmed_ack_waits_for_the_server),
        IT(term_drops_without_a_dead_letter),
        IT(ordered_handler_remembers_confirmed_messages),
        IT(term_after_the_lease_is_an_ack),
        IT(term_in_order_is_kept_until_it_is_confirmed),
        IT(nak_is_retried_by_backoff_whose_last_step_repeats),
        IT(delay_of_the_handler_overrides_the_backoff),
        IT(crash_is_retried_at_once),
        IT(retries_beyond_the_waiting_limit_go_back_to_the_server),
        IT(outputs_are_stored_before_the_ack),
        IT(duplicate_output_counts_as_stored),
        IT(outputs_of_a_nak_are_not_sent),
        IT(output_without_a_stream_fails_the_attempt),
        IT(output_waits_for_a_stream_that_elects_its_leader),
        IT(output_larger_than_the_server_takes_fails_the_attempt),
        IT(output_at_the_limit_is_stored_or_fails_the_attempt),
        IT(outputs_survive_a_killed_server),
        IT(destroy_cancels_outputs_and_retries),
        IT(shadow_counts_every_result_and_acknowledges),
        IT(shadow_suspects_nothing),
        IT(shadow_logs_outputs_instead_of_publishing_them),
        IT(shadow_shows_no_payload_above_debug),
        IT(ten_dropped_messages_a_second_are_logged_at_info),
        IT(new_configuration_counts_from_the_next_outcome_on),
        IT(message_of_a_deleted_stream_is_forgotten),
        IT(pause_before_a_retried_step_doubles_and_ends_at_resume),
        IT(output_that_a_stream_refuses_fails_the_attempt),
        IT(confirmed_ack_follows_the_outputs),
        IT(first_message_of_a_key_queue_is_never_given_back),
    };
    return it_main(tests, argc, argv);
}
