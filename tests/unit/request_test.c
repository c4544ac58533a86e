/* SPDX-License-Identifier: Apache-2.0
 * request_test - requests with one reply: answers, deadlines, lost links, and JetStream's JSON. */
#include "jetstream/request.h"
#include "nats_helper.h"

#include <errno.h>

struct desk {
    struct rig *r;
    struct requests *requests;
    struct client *client;
};

struct answered {
    struct desk *d;
    unsigned n;
    unsigned place; /* of the last one among all answers */
    int rc;
    char data[128];
    struct answered *cancels; /* from within the callback */
    struct request *request;
    bool asks_again;
};

static unsigned answers;

static void desk_state(void *data, enum connection_state state, const char *text)
{
    struct desk *d = data;
    (void)text;
    if (state == CONNECTION_DOWN)
        requests_connection_down(d->requests);
}

static void desk_finish(struct rig *r)
{
    requests_destroy(((struct desk *)r->data)->requests);
}

static struct desk *desk_open(struct world *w)
{
    struct desk *d = calloc(1, sizeof(*d));
    assert_non_null(d);
    world_at_end(w, free, d);
    d->r = rig_open(w, NULL);
    d->client = client_connect(w, d->r->url);
    assert_int_equal(requests_create(&d->requests, d->r->loop, d->r->connection), 0);
    assert_ptr_equal(requests_connection(d->requests), d->r->connection);
    d->r->on_state = desk_state;
    d->r->data = d;
    d->r->finish = desk_finish;
    return d;
}

static void on_answer(void *data, int rc, natsMsg *msg)
{
    struct answered *a = data;
    a->n++;
    a->place = ++answers;
    a->rc = rc;
    a->request = NULL;
    assert_true((rc == 0) == (msg != NULL));
    if (msg)
        snprintf(a->data, sizeof(a->data), "%.*s", natsMsg_GetDataLength(msg), natsMsg_GetData(msg));
    if (a->cancels) {
        request_cancel(a->cancels->request);
        a->cancels->request = NULL;
    }
    if (a->asks_again)
        assert_int_equal(
            request_send(a->d->requests, (struct connection_publish){.subject = "x"}, NS_PER_SEC, on_answer, a, NULL),
            -ENOTCONN);
}

static void ask(struct desk *d, struct answered *a, const char *subject, const char *data, int64_t timeout_ns)
{
    a->d = d;
    struct connection_publish p = {.subject = subject, .data = data, .size = strlen(data)};
    assert_int_equal(request_send(d->requests, p, timeout_ns, on_answer, a, &a->request), 0);
}

/* Answers with what was asked. */
static void echo(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *closure)
{
    (void)sub;
    (void)closure;
    natsConnection_Publish(nc, natsMsg_GetReply(msg), natsMsg_GetData(msg), natsMsg_GetDataLength(msg));
    natsMsg_Destroy(msg);
}

static void destroy_sub(void *sub)
{
    natsSubscription_Destroy(sub);
}

static void serve_echo(struct desk *d)
{
    natsSubscription *sub = NULL;
    assert_int_equal(natsConnection_Subscribe(&sub, d->client->nc, "echo", echo, NULL), NATS_OK);
    assert_int_equal(natsConnection_Flush(d->client->nc), NATS_OK);
    world_at_end(d->r->w, destroy_sub, sub);
}

static size_t total(const struct answered *a, size_t n)
{
    size_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += a[i].n;
    return sum;
}

static void each_request_gets_its_own_answer(struct world *w)
{
    enum { N = 3000 };
    struct desk *d = desk_open(w);
    struct answered *a = calloc(N, sizeof(*a));
    assert_non_null(a);
    world_at_end(w, free, a);
    serve_echo(d);
    for (size_t i = 0; i < N; i++)
        ask(d, &a[i], "echo", world_text(w, "%zu", i), 30 * NS_PER_SEC);
    turn_until(d->r, 20, total(a, N) == N);
    for (size_t i = 0; i < N; i++) {
        assert_int_equal(a[i].rc, 0);
        assert_int_equal(strtoull(a[i].data, NULL, 10), i);
    }
}

static void nobody_there_is_no_responders(struct world *w)
{
    struct desk *d = desk_open(w);
    struct answered a = {0};
    ask(d, &a, "nobody", "x", 30 * NS_PER_SEC);
    turn_until(d->r, 5, a.n == 1);
    assert_int_equal(a.rc, -EHOSTUNREACH);
}

static void silence_ends_at_each_ones_deadline(struct world *w)
{
    struct desk *d = desk_open(w);
    struct answered late = {0}, early = {0}, other = {0};
    natsSubscription *silent = watch(d->client, "silent");
    int64_t since = loop_now_ns(d->r->loop); /* from where deadlines count */
    ask(d, &late, "silent", "x", 400 * NS_PER_MS);
    ask(d, &early, "silent", "x", 100 * NS_PER_MS);
    ask(d, &other, "silent", "x", 100 * NS_PER_MS);
    turn_until(d->r, 5, early.n == 1 && other.n == 1);
    assert_int_equal(early.rc, -ETIMEDOUT);
    turn_until(d->r, 5, late.n == 1);
    assert_true(late.place > early.place && late.place > other.place);
    assert_int_equal(late.rc, -ETIMEDOUT);
    assert_true(clock_now_ns() - since >= 390 * NS_PER_MS);
    natsSubscription_Destroy(silent);
}

static void answer_after_the_deadline_is_ignored(struct world *w)
{
    struct desk *d = desk_open(w);
    struct answered a = {0}, next = {0};
    natsSubscription *slow = watch(d->client, "slow");
    natsMsg *question = NULL;
    ask(d, &a, "slow", "x", 50 * NS_PER_MS);
    turn_until(d->r, 5, a.n == 1);
    assert_int_equal(natsSubscription_NextMsg(&question, slow, 5000), NATS_OK);
    assert_int_equal(natsConnection_PublishString(d->client->nc, natsMsg_GetReply(question), "late"), NATS_OK);
    assert_int_equal(natsConnection_Flush(d->client->nc), NATS_OK);
    natsMsg_Destroy(question);
    serve_echo(d);
    ask(d, &next, "echo", "next", 5 * NS_PER_SEC); /* behind it on the same connection */
    turn_until(d->r, 5, next.n == 1);
    assert_string_equal(next.data, "next");
    assert_int_equal(a.n, 1);
    natsSubscription_Destroy(slow);
}

static void answers_that_nobody_asked_for_are_ignored(struct world *w)
{
    static const char *const ids[] = {"0", "2", "1x", "x", "-1", "18446744073709551617", "01x"};
    struct desk *d = desk_open(w);
    struct answered a = {0}, next = {0};
    natsSubscription *silent = watch(d->client, "silent");
    serve_echo(d);
    ask(d, &a, "silent", "x", 30 * NS_PER_SEC); /* number 1 */
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
        natsConnection_PublishString(d->client->nc,
                                     world_text(w, "%s.r.%s", connection_inbox(d->r->connection), ids[i]), "forged");
    assert_int_equal(natsConnection_Flush(d->client->nc), NATS_OK);
    ask(d, &next, "echo", "next", 30 * NS_PER_SEC);
    turn_until(d->r, 5, next.n == 1);
    assert_string_equal(next.data, "next");
    assert_int_equal(a.n, 0);
    natsSubscription_Destroy(silent);
}

static void lost_link_ends_all_that_is_pending(struct world *w)
{
    struct desk *d = desk_open(w);
    struct answered a[5] = {0};
    natsSubscription *silent = watch(d->client, "silent");
    for (int i = 0; i < 5; i++)
        ask(d, &a[i], "silent", "x", 30 * NS_PER_SEC);
    a[0].asks_again = true; /* is told at once that there is no connection */
    a[1].cancels = &a[3];
    connection_kick(d->r->connection, "test");
    turn_until(d->r, 5, a[4].n == 1);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(a[i].n, i != 3);
        assert_int_equal(a[i].rc, i != 3 ? -ENOTCONN : 0);
    }
    turn_until(d->r, 10, d->r->ups == 2);
    serve_echo(d);
    struct answered again = {0};
    ask(d, &again, "echo", "again", 5 * NS_PER_SEC);
    turn_until(d->r, 5, again.n == 1);
    assert_string_equal(again.data, "again");
    natsSubscription_Destroy(silent);
}

static void cancelled_request_is_not_heard_of(struct world *w)
{
    struct desk *d = desk_open(w);
    struct answered a = {0}, b = {0}, killer = {0}, victim = {0};
    natsSubscription *silent = watch(d->client, "silent");
    serve_echo(d);
    ask(d, &a, "echo", "x", 5 * NS_PER_SEC);
    request_cancel(a.request);
    request_cancel(NULL);
    ask(d, &b, "echo", "x", 5 * NS_PER_SEC);
    turn_until(d->r, 5, b.n == 1);
    assert_int_equal(a.n, 0);
    /* Two at the same deadline, one takes the other along. */
    ask(d, &killer, "silent", "x", 50 * NS_PER_MS);
    ask(d, &victim, "silent", "x", 50 * NS_PER_MS);
    killer.cancels = &victim;
    turn_until(d->r, 5, killer.n == 1);
    ask(d, &b, "echo", "x", 5 * NS_PER_SEC);
    turn_until(d->r, 5, b.n == 2);
    assert_int_equal(victim.n, 0);
    natsSubscription_Destroy(silent);
}

static void calls_go_to_the_domain(struct world *w)
{
    struct desk *d = desk_open(w);
    struct answered a = {0};
    char name[600];
    const struct config_cluster hub = {.domain = (char[]){"hub"}}, own = {0};
    struct api_path path = {API_STREAM_UPDATE, .stream = "X"};
    natsSubscription *seen = watch(d->client, "$JS.hub.API.>");
    natsMsg *msg = NULL;
    assert_int_equal(request_call(d->requests, &hub, &path, "{}", on_answer, &a, NULL), 0);
    assert_true(loop_once(d->r->loop, 0) >= 0);
    assert_int_equal(natsSubscription_NextMsg(&msg, seen, 5000), NATS_OK);
    assert_string_equal(natsMsg_GetSubject(msg), "$JS.hub.API.STREAM.UPDATE.X");
    assert_string_equal(natsMsg_GetData(msg), "{}");
    natsMsg_Destroy(msg);
    assert_int_equal(request_call(d->requests, &own, &(struct api_path){.verb = API_INFO}, NULL, on_answer, &a, NULL),
                     0);
    turn_until(d->r, 5, a.n == 1);
    assert_int_equal(strncmp(a.data, "{\"type\":\"io.nats.jetstream.api.v1.account_info", 46), 0);
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    path.stream = name;
    assert_int_equal(request_call(d->requests, &own, &path, NULL, on_answer, &a, NULL), -ENAMETOOLONG);
    natsSubscription_Destroy(seen);
}

static uint64_t queued(natsSubscription *sub)
{
    uint64_t n = 0;
    natsSubscription_QueuedMsgs(sub, &n);
    return n;
}

/* A leader that was lost with it, or is frozen, answers nothing; asking twice does no harm, changing twice may. */
static void question_that_was_swallowed_is_asked_again(struct world *w)
{
    struct desk *d = desk_open(w);
    struct answered question = {0}, change = {0};
    natsSubscription *asked = watch(d->client, "$JS.hub.API.INFO");
    natsSubscription *changed = watch(d->client, "$JS.hub.API.STREAM.CREATE.X");
    const struct config_cluster hub = {.domain = (char[]){"hub"}};
    struct api_path create = {API_STREAM_CREATE, .stream = "X"};
    natsMsg *msg = NULL;
    assert_int_equal(request_call(d->requests, &hub, &create, "{}", on_answer, &change, NULL), 0);
    assert_int_equal(
        request_call(d->requests, &hub, &(struct api_path){.verb = API_INFO}, NULL, on_answer, &question, NULL), 0);
    turn_until(d->r, 5, queued(asked) == 3);
    assert_int_equal(queued(changed), 1);
    while (natsSubscription_NextMsg(&msg, asked, 0) == NATS_OK) {
        natsConnection_PublishString(d->client->nc, natsMsg_GetReply(msg), "answer");
        natsMsg_Destroy(msg);
    }
    turn_until(d->r, 5, question.n > 0);
    assert_string_equal(question.data, "answer");
    serve_echo(d);
    ask(d, &change, "echo", "x", 5 * NS_PER_SEC); /* behind the answers to its copies */
    turn_until(d->r, 5, change.n == 1);
    assert_int_equal(question.n, 1);
    natsSubscription_Destroy(asked);
    natsSubscription_Destroy(changed);
}

static void ask_api(struct desk *d, struct answered *a, const char *domain)
{
    const struct config_cluster cluster = {.domain = (char *)domain};
    a->d = d;
    assert_int_equal(
        request_ask(d->requests, &cluster, &(struct api_path){.verb = API_INFO}, on_answer, a, &a->request), 0);
}

static void question_that_nobody_answers_ends_the_others_too(struct world *w)
{
    struct desk *d = desk_open(w);
    struct answered asked[2] = {0}, answered = {0}, sent = {0}, later = {0};
    natsSubscription *silent = watch(d->client, "$JS.silent.API.>");
    ask_api(d, &answered, NULL);
    turn_until(d->r, 5, answered.n == 1);
    assert_int_equal(answered.rc, 0);
    ask(d, &sent, "$JS.silent.API.INFO", "", 30 * NS_PER_SEC);
    ask_api(d, &asked[0], "silent");
    ask_api(d, &asked[1], "nowhere");
    turn_until(d->r, 5, asked[0].n == 1 && asked[1].n == 1);
    assert_int_equal(asked[0].rc, -EHOSTUNREACH);
    assert_int_equal(asked[1].rc, -EHOSTUNREACH);
    ask_api(d, &later, NULL);
    turn_until(d->r, 5, later.n == 1);
    assert_int_equal(later.rc, 0);
    assert_int_equal(sent.n, 0); /* it would be told itself */
    natsSubscription_Destroy(silent);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        IT(each_request_gets_its_own_answer),           IT(nobody_there_is_no_responders),
        IT(silence_ends_at_each_ones_deadline),         IT(answer_after_the_deadline_is_ignored),
        IT(answers_that_nobody_asked_for_are_ignored),  IT(lost_link_ends_all_that_is_pending),
        IT(cancelled_request_is_not_heard_of),          IT(calls_go_to_the_domain),
        IT(question_that_was_swallowed_is_asked_again), IT(question_that_nobody_answers_ends_the_others_too),
    };
    return it_main(tests, argc, argv);
}
