/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_raw - the smallest client cost that a pull consumer with explicit acks allows: a socket, two overlapping pull
 * requests, one write of acknowledgements for each read. The rate of this reader is the ceiling for all clients. No
 * failure is handled: any input except a message or the end of a pull request ends the program. */
#include <stdio.h>
#include <string.h>

#include "util.h"
#include "wire.h"

enum { INBOX_SID = 7 };

static const char *url = "nats://127.0.0.1:4222", *stream, *durable;
static int64_t count, batch = 2500;

static const struct bench_option options[] = {
    {"url", BENCH_STRING, &url, "nats://ADDRESS:PORT"},
    {"stream", BENCH_STRING, &stream, "the stream"},
    {"durable", BENCH_STRING, &durable, "its consumer, which must be there"},
    {"count", BENCH_INT, &count, "end after so many messages; 0: go on until SIGTERM"},
    {"batch", BENCH_INT, &batch, "messages for each of the two pulls (2500)"},
    {NULL, BENCH_FLAG, NULL, NULL},
};

static void pull(struct wire *wire)
{
    char subject[256], body[128];
    int n = snprintf(body, sizeof(body), "{\"batch\":%lld,\"expires\":30000000000}", (long long)batch);

    snprintf(subject, sizeof(subject), "$JS.API.CONSUMER.MSG.NEXT.%s.%s", stream, durable);
    wire_publish(wire, subject, "_BENCH.RAW", body, (size_t)n);
}

static void ack(struct wire *wire, const struct wire_msg *msg)
{
    char line[320];
    char *at = line;

    if (msg->reply_len == 0 || msg->reply_len > sizeof(line) - 16)
        bench_die("a message that cannot be acknowledged: %.*s", (int)msg->subject_len, msg->subject);
    memcpy(at, "PUB ", 4);
    at += 4;
    memcpy(at, msg->reply, msg->reply_len);
    at += msg->reply_len;
    memcpy(at, " 4\r\n+ACK\r\n", 10);
    wire_put(wire, line, (size_t)(at + 10 - line));
}

static int64_t drain(struct wire *wire)
{
    struct wire_msg msg;
    int64_t done = 0, asked = 0;

    while (!bench_stop_asked && !wire->closed && (count == 0 || done < count)) {
        for (; asked - done <= batch; asked += batch)
            pull(wire);
        wire_flush(wire);
        if (!wire_read(wire, NS_PER_S))
            continue;
        while (wire_next(wire, &msg)) {
            if (wire_status(&msg) == 408)
                asked = done; /* no input for 30 s: both pull requests have expired */
            else if (wire_status(&msg))
                bench_die("status %.*s", (int)msg.header_len, msg.data);
            else {
                ack(wire, &msg);
                done++;
            }
        }
    }
    wire_flush(wire);
    return done;
}

int main(int argc, char **argv)
{
    struct wire wire;

    bench_parse(argc, argv, "--stream S --durable D [options]", options);
    if (!stream || !durable || batch <= 0)
        bench_die("--stream and --durable are needed (see --help)");
    bench_catch_signals();
    wire_open(&wire, url);
    wire_subscribe(&wire, "_BENCH.RAW", INBOX_SID);
    int64_t start = bench_now_ns();
    int64_t done = drain(&wire);
    int64_t took = bench_now_ns() - start;
    printf("messages=%lld seconds=%.3f\n", (long long)done, (double)took / 1e9);
    wire_close(&wire);
    return 0;
}
