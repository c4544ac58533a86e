/* SPDX-License-Identifier: Apache-2.0
 *
 * jetstream - the JetStream API calls of the benchmark. */
#include "jetstream.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "util.h"

enum { NO_SUCH_STREAM = 10059, NO_SUCH_CONSUMER = 10014 };

void stream_delete(struct wire *wire, const char *stream)
{
    char call[256];
    int error = 0;

    snprintf(call, sizeof(call), "STREAM.DELETE.%s", stream);
    json_decref(wire_api(wire, call, NULL, &error));
    if (error && error != NO_SUCH_STREAM)
        bench_die("stream %s cannot be deleted: JetStream error %d", stream, error);
}

void stream_create(struct wire *wire, const char *stream, const char *storage, int replicas)
{
    char call[256], body[512];

    stream_delete(wire, stream);
    snprintf(call, sizeof(call), "STREAM.CREATE.%s", stream);
    snprintf(body, sizeof(body),
             "{\"name\":\"%s\",\"subjects\":[\"bench.%s\",\"bench.%s.*\"],\"storage\":\"%s\",\"retention\":\"limits\","
             "\"num_replicas\":%d,\"discard\":\"old\",\"max_msgs\":-1,\"max_bytes\":-1,\"max_age\":0}",
             stream, stream, stream, storage, replicas);
    json_decref(wire_api(wire, call, body, NULL));
}

int64_t stream_messages(struct wire *wire, const char *stream)
{
    char call[256];

    snprintf(call, sizeof(call), "STREAM.INFO.%s", stream);
    json_t *info = wire_api(wire, call, NULL, NULL);
    int64_t messages = json_integer_value(json_object_get(json_object_get(info, "state"), "messages"));
    json_decref(info);
    return messages;
}

void consumer_delete(struct wire *wire, const char *stream, const char *durable)
{
    char call[256];
    int error = 0;

    snprintf(call, sizeof(call), "CONSUMER.DELETE.%s.%s", stream, durable);
    json_decref(wire_api(wire, call, NULL, &error));
    if (error && error != NO_SUCH_CONSUMER)
        bench_die("consumer %s cannot be deleted: JetStream error %d", durable, error);
}

void consumer_create(struct wire *wire, const char *stream, const char *durable, const char *ack_policy)
{
    char call[256], body[640];

    consumer_delete(wire, stream, durable);
    snprintf(call, sizeof(call), "CONSUMER.CREATE.%s.%s", stream, durable);
    snprintf(body, sizeof(body),
             "{\"stream_name\":\"%s\",\"action\":\"create\",\"config\":{\"name\":\"%s\",\"durable_name\":\"%s\","
             "\"deliver_policy\":\"all\",\"ack_policy\":\"%s\",\"ack_wait\":30000000000,\"max_deliver\":-1,"
             "\"replay_policy\":\"instant\",\"max_ack_pending\":5000,\"max_waiting\":512,\"num_replicas\":0}}",
             stream, durable, durable, ack_policy);
    json_decref(wire_api(wire, call, body, NULL));
}

/* 2026-11-23T14:43:42.123456789Z */
static int64_t parse_time(const char *text)
{
    struct tm tm = {0};
    char *rest = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;
    int64_t fraction = 0, unit = NS_PER_S;

    if (!rest)
        bench_die("the server's consumer info has no time stamp: it must be 2.10 or newer");
    if (*rest == '.')
        for (rest++; *rest >= '0' && *rest <= '9' && unit > 1; rest++) {
            unit /= 10;
            fraction += (*rest - '0') * unit;
        }
    return (int64_t)timegm(&tm) * NS_PER_S + fraction;
}

struct consumer_state consumer_look(struct wire *wire, const char *stream, const char *durable)
{
    struct consumer_state state;
    char call[256];

    snprintf(call, sizeof(call), "CONSUMER.INFO.%s.%s", stream, durable);
    json_t *info = wire_api(wire, call, NULL, NULL);
    state.at_ns = parse_time(json_string_value(json_object_get(info, "ts")));
    state.delivered = json_integer_value(json_object_get(json_object_get(info, "delivered"), "consumer_seq"));
    state.ack_pending = json_integer_value(json_object_get(info, "num_ack_pending"));
    state.redelivered = json_integer_value(json_object_get(info, "num_redelivered"));
    state.acked = state.delivered - state.ack_pending;
    json_decref(info);
    return state;
}
