/* SPDX-License-Identifier: Apache-2.0
 *
 * stub_api - the JetStream part of the stub server: one stream, its pull consumer, acknowledgements. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stub_client.h"
#include "util.h"

enum { MESSAGES_AT_ONCE = 1024, LINE_SIZE = 512 };

void stub_init(struct stub *stub, const struct stub_settings *settings)
{
    memset(stub, 0, sizeof(*stub));
    stub->set = *settings;
    stub->payload = malloc((size_t)settings->size + 3);
    stub->seen = calloc((size_t)settings->count / 8 + 1, 1);
    if (!stub->payload || !stub->seen)
        bench_die("out of memory");
    memset(stub->payload, 'x', (size_t)settings->size);
    memcpy(stub->payload + settings->size, "\r\n", 3);
    snprintf(stub->config, sizeof(stub->config),
             "{\"durable_name\":\"%s\",\"name\":\"%s\",\"deliver_policy\":\"all\",\"ack_policy\":\"%s\","
             "\"ack_wait\":30000000000,\"max_deliver\":-1,\"replay_policy\":\"instant\",\"max_waiting\":512,"
             "\"max_ack_pending\":%lld,\"num_replicas\":0}",
             settings->durable, settings->durable, settings->ack_all ? "all" : "explicit",
             (long long)settings->max_ack_pending);
}

void stub_finish(struct stub *stub)
{
    free(stub->payload);
    free(stub->seen);
}

bool stub_done(const struct stub *stub)
{
    return stub->acked >= stub->set.count;
}

double stub_rate(const struct stub *stub)
{
    int64_t ns = stub->ended_ns - stub->began_ns;

    return ns > 0 ? (double)(stub->acked - stub->began_acked) * 1e9 / (double)ns : 0;
}

/* ---- acknowledgements ---- */

static void count_ack(struct stub *stub, int64_t seq)
{
    unsigned char bit = (unsigned char)(1 << (seq & 7));

    if (stub->seen[seq >> 3] & bit) {
        stub->repeated++;
        return;
    }
    stub->seen[seq >> 3] |= bit;
    stub->acked++;
    if (stub->acked == stub->set.count / 20) {
        stub->began_ns = bench_now_ns();
        stub->began_acked = stub->acked;
    }
    if (stub->acked == stub->set.count)
        stub->ended_ns = bench_now_ns();
}

/* $JS.ACK.stream.durable.1.SEQ. ... */
void stub_take_ack(struct stub *stub, struct stub_client *client, const struct stub_publish *message)
{
    const char *at = message->subject;
    int64_t seq = 0;

    for (int dots = 0; *at && dots < 5; at++)
        dots += *at == '.';
    for (; *at >= '0' && *at <= '9'; at++)
        seq = seq * 10 + (*at - '0');
    if (seq < 1 || seq > stub->sent)
        bench_die("an acknowledgement of what was never sent: %s", message->subject);
    if (message->size == 0 || !strncmp(message->data, "+ACK", 4)) {
        if (stub->set.ack_all)
            while (stub->acked < seq)
                count_ack(stub, stub->acked + 1);
        else
            count_ack(stub, seq);
    } else if (strncmp(message->data, "+WPI", 4)) {
        bench_die("the stub does not redeliver, and was sent \"%.20s\"", message->data);
    }
    if (*message->reply)
        stub_answer(client, message->reply, "", "");
}

/* ---- the API ---- */

static void answer_stream(const struct stub *stub, struct stub_client *client, const char *reply, const char *name)
{
    char body[1024];

    snprintf(body, sizeof(body),
             "{\"type\":\"io.nats.jetstream.api.v1.stream_info_response\",\"config\":{\"name\":\"%s\","
             "\"subjects\":[\"bench.%s\"],\"retention\":\"limits\",\"max_consumers\":-1,\"max_msgs\":-1,"
             "\"max_bytes\":-1,\"max_age\":0,\"max_msg_size\":-1,\"storage\":\"memory\",\"discard\":\"old\","
             "\"num_replicas\":1,\"duplicate_window\":120000000000},\"created\":\"2026-01-01T00:00:00.000000001Z\","
             "\"state\":{\"messages\":%lld,\"bytes\":0,\"first_seq\":1,\"last_seq\":%lld,\"consumer_count\":1}}",
             name, name, (long long)stub->set.count, (long long)stub->set.count);
    stub_answer(client, reply, "", body);
}

static void answer_consumer(const struct stub *stub, struct stub_client *client, const char *reply)
{
    char body[2048];

    snprintf(body, sizeof(body),
             "{\"type\":\"io.nats.jetstream.api.v1.consumer_info_response\",\"stream_name\":\"%s\",\"name\":\"%s\","
             "\"created\":\"2026-01-01T00:00:00.000000001Z\",\"config\":%s,\"delivered\":{\"consumer_seq\":%lld,"
             "\"stream_seq\":%lld},\"ack_floor\":{\"consumer_seq\":0,\"stream_seq\":0},\"num_ack_pending\":%lld,"
             "\"num_redelivered\":0,\"num_waiting\":%d,\"num_pending\":%lld}",
             stub->set.stream, stub->set.durable, stub->config, (long long)stub->sent, (long long)stub->sent,
             (long long)(stub->sent - stub->acked), stub->n_pulls, (long long)(stub->set.count - stub->sent));
    stub_answer(client, reply, "", body);
}

/* Copies the object behind "config": of a CREATE request; responses show it as the consumer's configuration. */
static void keep_config(struct stub *stub, const char *request)
{
    const char *start = strstr(request, "\"config\":"), *at;
    int depth = 0;

    if (!start || !(start = strchr(start, '{')))
        return;
    for (at = start; *at; at++) {
        depth += (*at == '{') - (*at == '}');
        if (depth == 0)
            break;
    }
    if (*at && (size_t)(at - start) + 2 < sizeof(stub->config))
        snprintf(stub->config, sizeof(stub->config), "%.*s", (int)(at - start) + 1, start);
}

static int64_t json_number(const char *body, const char *key)
{
    const char *at = strstr(body, key);

    return at ? strtoll(at + strlen(key) + strspn(at + strlen(key), "\": "), NULL, 10) : 0;
}

static void take_pull(struct stub *stub, struct stub_client *client, const struct stub_publish *message)
{
    const char *no_wait = strstr(message->data, "\"no_wait\"");
    const char *sid = stub_sid(client, message->reply);
    int64_t now = bench_now_ns(), batch, expires;

    if (!sid || strlen(message->reply) >= STUB_SUBJECT)
        return;
    if (stub->n_pulls == STUB_PULLS) {
        stub_answer(client, message->reply, "NATS/1.0 409 Exceeded MaxWaiting\r\n\r\n", "");
        return;
    }
    struct stub_pull *pull = &stub->pulls[stub->n_pulls++];
    memset(pull, 0, sizeof(*pull));
    pull->client = client;
    snprintf(pull->inbox, sizeof(pull->inbox), "%s", message->reply);
    snprintf(pull->sid, sizeof(pull->sid), "%s", sid);
    batch = json_number(message->data, "\"batch\"");
    expires = json_number(message->data, "\"expires\"");
    pull->left = batch > 0 ? batch : 1;
    pull->expires_ns = expires > 0 ? now + expires : 0;
    pull->heartbeat_ns = json_number(message->data, "\"idle_heartbeat\"");
    pull->no_wait = no_wait && !strncmp(no_wait + 9 + strspn(no_wait + 9, ": "), "true", 4);
    pull->quiet_since_ns = now;
}

void stub_take_api(struct stub *stub, struct stub_client *client, const struct stub_publish *message)
{
    const char *call = message->subject + strlen("$JS.API.");

    if (!strncmp(call, "CONSUMER.MSG.NEXT.", 18)) {
        take_pull(stub, client, message);
    } else if (!strncmp(call, "CONSUMER.INFO.", 14)) {
        answer_consumer(stub, client, message->reply);
    } else if (!strncmp(call, "CONSUMER.CREATE.", 16) || !strncmp(call, "CONSUMER.DURABLE.CREATE.", 24)) {
        keep_config(stub, message->data);
        answer_consumer(stub, client, message->reply);
    } else if (!strncmp(call, "STREAM.INFO.", 12)) {
        answer_stream(stub, client, message->reply, call + 12);
    } else if (!strncmp(call, "STREAM.CREATE.", 14)) {
        answer_stream(stub, client, message->reply, call + 14);
    } else if (!strcmp(call, "INFO")) {
        stub_answer(client, message->reply, "",
                    "{\"type\":\"io.nats.jetstream.api.v1.account_info_response\",\"memory\":0,\"storage\":0,"
                    "\"streams\":1,\"consumers\":1,\"limits\":{\"max_memory\":-1,\"max_storage\":-1,\"max_streams\":-1,"
                    "\"max_consumers\":-1},\"api\":{\"total\":1,\"errors\":0}}");
    } else {
        stub_answer(client, message->reply, "",
                    "{\"type\":\"error\",\"error\":{\"code\":503,\"err_code\":10008,"
                    "\"description\":\"the stub server does not know this call\"}}");
    }
}

/* ---- deliveries ---- */

static char *put_text(char *at, const char *text)
{
    size_t n = strlen(text);

    memcpy(at, text, n);
    return at + n;
}

static char *put_number(char *at, int64_t value)
{
    char digits[24];
    int n = 0;

    do
        digits[n++] = (char)('0' + value % 10);
    while (value /= 10);
    while (n)
        *at++ = digits[--n];
    return at;
}

/* MSG bench.STUB sid $JS.ACK.STUB.drain.1.seq.seq.time.pending size */
static void deliver(struct stub *stub, struct stub_pull *pull, int64_t stored_ns)
{
    struct stub_client *client = pull->client;
    char *start = client->out + client->out_len, *at = start;
    int64_t seq = ++stub->sent;

    at = put_text(put_text(put_text(at, "MSG bench."), stub->set.stream), " ");
    at = put_text(put_text(put_text(at, pull->sid), " $JS.ACK."), stub->set.stream);
    at = put_text(put_text(put_text(at, "."), stub->set.durable), ".1.");
    at = put_text(put_number(at, seq), ".");
    at = put_text(put_number(at, seq), ".");
    at = put_text(put_number(at, stored_ns), ".");
    at = put_text(put_number(at, stub->set.count - seq), " ");
    at = put_text(put_number(at, stub->set.size), "\r\n");
    memcpy(at, stub->payload, (size_t)stub->set.size + 2);
    client->out_len += (size_t)(at - start) + (size_t)stub->set.size + 2;
    pull->left--;
}

static void end_pull(struct stub *stub, int index, const char *status)
{
    struct stub_pull pull = stub->pulls[index];
    char header[160];

    memmove(&stub->pulls[index], &stub->pulls[index + 1], sizeof(pull) * (size_t)(--stub->n_pulls - index));
    if (!status)
        return;
    snprintf(header, sizeof(header), "NATS/1.0 %s\r\nNats-Pending-Messages: %lld\r\nNats-Pending-Bytes: 0\r\n\r\n",
             status, (long long)pull.left);
    stub_answer(pull.client, pull.inbox, header, "");
}

/* Ends expired pull requests with a 408, and sends idle heartbeats. */
static void look_at_waiting(struct stub *stub)
{
    int64_t now = bench_now_ns();

    for (int i = 0; i < stub->n_pulls; i++) {
        struct stub_pull *pull = &stub->pulls[i];
        if (pull->no_wait) {
            end_pull(stub, i--, "404 No Messages");
        } else if (pull->expires_ns && now >= pull->expires_ns) {
            end_pull(stub, i--, "408 Request Timeout");
        } else if (pull->heartbeat_ns && now - pull->quiet_since_ns >= pull->heartbeat_ns) {
            pull->quiet_since_ns = now;
            stub_answer(pull->client, pull->inbox, "NATS/1.0 100 Idle Heartbeat\r\n\r\n", "");
        }
    }
}

/* Serves the pull requests in turns, so that none fills the client's buffer alone and one poll stays short. */
void stub_serve_pulls(struct stub *stub)
{
    int64_t stored_ns = INT64_C(1767225600) * NS_PER_S, now = bench_now_ns();

    for (int n = 0; n < MESSAGES_AT_ONCE && stub->n_pulls > 0; n++) {
        struct stub_pull *pull = &stub->pulls[0];
        bool room = pull->client->out_len + (size_t)stub->set.size + LINE_SIZE < (512 << 10);
        if (stub->sent >= stub->set.count || stub->sent - stub->acked >= stub->set.max_ack_pending || !room)
            break;
        deliver(stub, pull, stored_ns);
        pull->quiet_since_ns = now;
        if (pull->left == 0)
            end_pull(stub, 0, NULL);
    }
    if (stub->n_pulls > 0 && (stub->sent >= stub->set.count || stub->sent - stub->acked >= stub->set.max_ack_pending))
        look_at_waiting(stub);
}
