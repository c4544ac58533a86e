/* SPDX-License-Identifier: Apache-2.0
 * client - sends the JetStream requests of the test and decodes the responses. */
#include "client.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define API_TIMEOUT_MS 10000
#define NO_SUITABLE_PEERS 10005 /* JSClusterNoPeersErrF */

static void expect_ok(natsStatus s, const char *what)
{
    if (s != NATS_OK)
        fail_msg("%s: %s (%s)", what, natsStatus_GetText(s), nats_GetLastError(NULL));
}

static void client_close(void *data)
{
    struct client *c = data;
    natsConnection_Destroy(c->nc);
    free(c);
}

static void json_free(void *data)
{
    json_decref(data);
}

struct client *client_connect_with(struct world *w, const char *urls, client_setup setup, void *data)
{
    struct client *c = calloc(1, sizeof(*c));
    natsOptions *o = NULL;
    char list[512];

    assert_non_null(c);
    c->w = w;
    c->timeout_s = API_TIMEOUT_MS / 1000.0;
    snprintf(list, sizeof(list), "%s", urls);
    const char *servers[8];
    int n = 0;
    for (char *save, *u = strtok_r(list, ", ", &save); u && n < 8; u = strtok_r(NULL, ", ", &save))
        servers[n++] = u;
    expect_ok(natsOptions_Create(&o), "natsOptions_Create");
    natsOptions_SetServers(o, servers, n);
    natsOptions_SetName(o, "test");
    natsOptions_SetAllowReconnect(o, true);
    natsOptions_SetMaxReconnect(o, -1);
    natsOptions_SetReconnectWait(o, 50);
    natsOptions_SetReconnectJitter(o, 10, 10);
    natsOptions_SetPingInterval(o, 1000);
    natsOptions_SetIgnoreAuthErrorAbort(o, true);
    if (setup)
        setup(o, data);
    natsStatus s = natsConnection_Connect(&c->nc, o);
    natsOptions_Destroy(o);
    if (s != NATS_OK) {
        free(c);
        fail_msg("connect to %s: %s", urls, natsStatus_GetText(s));
    }
    world_at_end(w, client_close, c);
    return c;
}

struct client *client_connect(struct world *w, const char *urls)
{
    return client_connect_with(w, urls, NULL, NULL);
}

/* Repeats a request after a time-out and after no responders (a starting server, an election). */
static natsStatus request(struct client *c, natsMsg **ret, const char *subject, const char *body)
{
    int64_t deadline = deadline_in(c->timeout_s);
    natsStatus s;

    do {
        s = natsConnection_RequestString(ret, c->nc, subject, body ? body : "", 2000);
        if (s == NATS_NO_RESPONDERS)
            nats_Sleep(20);
    } while ((s == NATS_NO_RESPONDERS || s == NATS_TIMEOUT) && deadline_left_ms(deadline) > 0);
    return s;
}

static json_t *vapi(struct client *c, bool must, const char *body, const char *call, va_list ap)
{
    char subject[512];
    natsMsg *m = NULL;
    json_error_t je;

    int n = snprintf(subject, sizeof(subject), "$JS.API.");
    vsnprintf(subject + n, sizeof(subject) - (size_t)n, call, ap);
    expect_ok(request(c, &m, subject, body), subject);
    json_t *j = json_loadb(natsMsg_GetData(m), (size_t)natsMsg_GetDataLength(m), 0, &je);
    natsMsg_Destroy(m);
    if (!j)
        fail_msg("%s: not JSON: %s", subject, je.text);
    world_at_end(c->w, json_free, j);
    if (must && json_object_get(j, "error"))
        fail_msg("%s: %s", subject, json_text(j, "error.description"));
    return j;
}

json_t *client_api(struct client *c, const char *body, const char *call, ...)
{
    va_list ap;
    va_start(ap, call);
    json_t *j = vapi(c, false, body, call, ap);
    va_end(ap);
    return j;
}

json_t *client_api_ok(struct client *c, const char *body, const char *call, ...)
{
    va_list ap;
    va_start(ap, call);
    json_t *j = vapi(c, true, body, call, ap);
    va_end(ap);
    return j;
}

static json_t *find(json_t *j, const char *path)
{
    char key[128];
    while (j && *path) {
        size_t n = strcspn(path, ".");
        snprintf(key, sizeof(key), "%.*s", (int)n, path);
        j = json_object_get(j, key);
        path += n + (path[n] == '.');
    }
    return j;
}

int64_t json_at(json_t *j, const char *path)
{
    json_t *v = find(j, path);
    if (!json_is_number(v))
        fail_msg("no number at %s in the server's answer", path);
    return (int64_t)json_number_value(v);
}

const char *json_text(json_t *j, const char *path)
{
    return json_string_value(find(j, path));
}

struct new_stream {
    struct client *client;
    const char *name, *body;
    json_t *answer;
};

static bool is_placed(void *data)
{
    struct new_stream *s = data;
    s->answer = client_api(s->client, s->body, "STREAM.CREATE.%s", s->name);
    return !json_object_get(s->answer, "error") || json_at(s->answer, "error.err_code") != NO_SUITABLE_PEERS;
}

/* The leader of a cluster that has just started considers its peers offline until their first message. */
void client_add_stream(struct client *c, const char *name, const char *subjects, const char *more)
{
    const char *body = world_text(c->w, "{\"name\":\"%s\",\"subjects\":[\"%s\"],\"storage\":\"file\"%s}", name,
                                  subjects, more ? more : "");
    struct new_stream s = {.client = c, .name = name, .body = body};
    world_until(is_placed, &s, 30);
    if (json_object_get(s.answer, "error"))
        fail_msg("stream %s: %s", name, json_text(s.answer, "error.description"));
}

void client_add_dlq(struct client *c, const char *stream)
{
    client_add_stream(c, "DLQ", world_text(c->w, "dlq.%s.>", stream), NULL);
}

void client_add_consumer(struct client *c, const char *stream, const char *durable, const char *more)
{
    const char *body =
        world_text(c->w, "{\"stream_name\":\"%s\",\"config\":{\"durable_name\":\"%s\",\"ack_policy\":\"explicit\"%s}}",
                   stream, durable, more ? more : "");
    client_api_ok(c, body, "CONSUMER.DURABLE.CREATE.%s.%s", stream, durable);
}

json_t *client_consumer(struct client *c, const char *stream, const char *durable)
{
    json_t *j = client_api(c, NULL, "CONSUMER.INFO.%s.%s", stream, durable);
    return json_object_get(j, "error") ? NULL : j;
}

struct consumer_query {
    struct client *c;
    const char *stream;
    const char *durable;
    int64_t pending;
    int64_t ack_pending;
};

static bool consumer_exists(void *data)
{
    struct consumer_query *q = data;
    return client_consumer(q->c, q->stream, q->durable) != NULL;
}

bool client_wait_consumer(struct client *c, const char *stream, const char *durable, double seconds)
{
    struct consumer_query q = {.c = c, .stream = stream, .durable = durable};
    return world_until(consumer_exists, &q, seconds);
}

static bool consumer_settled(void *data)
{
    struct consumer_query *q = data;
    json_t *stream = client_api(q->c, NULL, "STREAM.INFO.%s", q->stream);
    json_t *j = client_consumer(q->c, q->stream, q->durable);
    q->pending = q->ack_pending = -1;
    if (!j || json_object_get(stream, "error"))
        return false;
    q->pending = json_at(j, "num_pending");
    q->ack_pending = json_at(j, "num_ack_pending");
    /* For a moment after a publish the consumer does not know the message, and reports 0 and 0. */
    return q->pending == 0 && q->ack_pending == 0 &&
           json_at(j, "delivered.stream_seq") >= json_at(stream, "state.last_seq");
}

bool client_wait_settled(struct client *c, const char *stream, const char *durable, double seconds)
{
    struct consumer_query q = {.c = c, .stream = stream, .durable = durable};
    return world_until(consumer_settled, &q, seconds);
}

void client_expect_settled(struct client *c, const char *stream, const char *durable, double seconds)
{
    struct consumer_query q = {.c = c, .stream = stream, .durable = durable};
    if (!world_until(consumer_settled, &q, seconds))
        fail_msg("%s/%s after %g s: num_pending %" PRId64 ", num_ack_pending %" PRId64, stream, durable, seconds,
                 q.pending, q.ack_pending);
}

uint64_t client_publish(struct client *c, const char *subject, const char *payload)
{
    return client_publish_full(c, subject, NULL, payload, strlen(payload));
}

static void add_headers(natsMsg *m, const char *headers)
{
    while (headers && *headers) {
        char line[8192], *colon;
        size_t n = strcspn(headers, "\n");
        snprintf(line, sizeof(line), "%.*s", (int)n, headers);
        headers += n + (headers[n] == '\n');
        if ((colon = strstr(line, ": "))) {
            *colon = '\0';
            expect_ok(natsMsgHeader_Add(m, line, colon + 2), "natsMsgHeader_Add");
        }
    }
}

uint64_t client_publish_full(struct client *c, const char *subject, const char *headers, const void *data, size_t size)
{
    natsMsg *m = NULL, *answer = NULL;
    uint64_t seq = 0;

    expect_ok(natsMsg_Create(&m, subject, NULL, data, (int)size), "natsMsg_Create");
    add_headers(m, headers);
    /* A leader may be killed before it has stored the message. It is published again only if the stream drops
     * duplicates. */
    bool again = headers && strstr(headers, "Nats-Msg-Id: ");
    int64_t deadline = deadline_in((again ? 3 : 1) * API_TIMEOUT_MS / 1000.0);
    natsStatus s;
    while (((s = natsConnection_RequestMsg(&answer, c->nc, m, again ? API_TIMEOUT_MS / 5 : API_TIMEOUT_MS)) ==
                NATS_NO_RESPONDERS ||
            (s == NATS_TIMEOUT && again)) &&
           deadline_left_ms(deadline) > 0)
        nats_Sleep(20); /* no responders: a leader is being elected */
    natsMsg_Destroy(m);
    expect_ok(s, world_text(c->w, "publish to %s", subject));
    json_t *j = json_loadb(natsMsg_GetData(answer), (size_t)natsMsg_GetDataLength(answer), 0, NULL);
    natsMsg_Destroy(answer);
    if (j)
        world_at_end(c->w, json_free, j);
    if (!j || json_object_get(j, "error") || !json_is_integer(json_object_get(j, "seq")))
        fail_msg("publish to %s: %s", subject, j ? json_text(j, "error.description") : "not JSON");
    seq = (uint64_t)json_integer_value(json_object_get(j, "seq"));
    return seq;
}

int64_t client_stream_messages(struct client *c, const char *stream)
{
    return json_at(client_api_ok(c, NULL, "STREAM.INFO.%s", stream), "state.messages");
}

struct messages_query {
    struct client *c;
    const char *stream;
    int64_t n;
};

static bool has_messages(void *data)
{
    struct messages_query *q = data;
    return client_stream_messages(q->c, q->stream) >= q->n;
}

bool client_wait_messages(struct client *c, const char *stream, int64_t n, double seconds)
{
    struct messages_query q = {c, stream, n};
    return world_until(has_messages, &q, seconds);
}

/* Decodes standard base64, as in STREAM.MSG.GET; appends a NUL. */
static char *base64_decode(const char *text, size_t *ret_len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *out = calloc(1, strlen(text) + 1);
    uint32_t bits = 0;
    unsigned n_bits = 0;
    size_t n = 0;

    for (; out && *text && *text != '='; text++) {
        bits = bits << 6 | (uint32_t)(strchr(digits, *text) - digits);
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            out[n++] = (char)(bits >> n_bits);
        }
    }
    *ret_len = n;
    return out;
}

bool client_get(struct client *c, const char *stream, uint64_t seq, struct stored *ret)
{
    json_t *j = client_api(c, world_text(c->w, "{\"seq\":%" PRIu64 "}", seq), "STREAM.MSG.GET.%s", stream);
    size_t ignored;

    if (json_object_get(j, "error"))
        return false;
    *ret = (struct stored){.subject = json_text(j, "message.subject"), .seq = seq};
    const char *data = json_text(j, "message.data");
    const char *headers = json_text(j, "message.hdrs");
    ret->data = base64_decode(data ? data : "", &ret->size);
    ret->headers = base64_decode(headers ? headers : "", &ignored);
    world_at_end(c->w, free, (void *)ret->data);
    world_at_end(c->w, free, (void *)ret->headers);
    return true;
}

uint64_t client_each(struct client *c, const char *stream, client_visit fn, void *data)
{
    jsSubOptions o;
    jsCtx *js = NULL;
    natsSubscription *sub = NULL;
    json_t *info = client_api_ok(c, NULL, "STREAM.INFO.%s", stream);
    const char *subject = json_string_value(json_array_get(find(info, "config.subjects"), 0));
    uint64_t n = 0, left = (uint64_t)json_at(info, "state.messages");

    expect_ok(natsConnection_JetStream(&js, c->nc, NULL), "natsConnection_JetStream");
    jsSubOptions_Init(&o);
    o.Stream = stream;
    o.Ordered = true;
    if (left > 0)
        expect_ok(js_SubscribeSync(&sub, js, subject, NULL, &o, NULL), world_text(c->w, "reading stream %s", stream));
    while (left > 0) {
        natsMsg *m = NULL;
        jsMsgMetaData *meta = NULL;
        expect_ok(natsSubscription_NextMsg(&m, sub, API_TIMEOUT_MS), world_text(c->w, "reading stream %s", stream));
        expect_ok(natsMsg_GetMetaData(&meta, m), "natsMsg_GetMetaData");
        fn(data, meta->Timestamp, m);
        left = meta->NumPending;
        n++;
        jsMsgMetaData_Destroy(meta);
        natsMsg_Destroy(m);
    }
    natsSubscription_Destroy(sub);
    jsCtx_Destroy(js);
    return n;
}

const char *header_in(struct world *w, const char *headers, const char *name)
{
    size_t len = strlen(name);
    for (const char *p = strstr(headers, "\r\n"); p; p = strstr(p, "\r\n")) {
        p += 2;
        if (strncmp(p, name, len) == 0 && p[len] == ':') {
            p += len + 1;
            p += strspn(p, " ");
            return world_text(w, "%.*s", (int)strcspn(p, "\r\n"), p);
        }
    }
    return NULL;
}
