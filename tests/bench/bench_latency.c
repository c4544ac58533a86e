/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_latency - one message at a time: the time from the publish call to the acknowledgement, and to the server's
 * confirmation of the acknowledgement.
 *
 * Every command is measured in the same way, from outside: this process publishes, and subscribes to $JS.ACK.> (where
 * clients send acknowledgements) and to _INBOX.> (where the server confirms them). The clock is read before the publish
 * and after each read, so the hop to this process is part of the figures of all commands. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jetstream.h"
#include "util.h"

enum { ACK_SID = 10, INBOX_SID = 11, REPLY_SIZE = 128, LOOK_BACK = 256 };

static const char *url = "nats://127.0.0.1:4222", *stream, *durable = "latency", *log_file;
static int64_t count = 1000, rate = 250, warm_up = 100, size = 128;

static const struct bench_option options[] = {
    {"url", BENCH_STRING, &url, "nats://ADDRESS:PORT"},
    {"stream", BENCH_STRING, &stream, "the stream, which is made for this run"},
    {"durable", BENCH_STRING, &durable, "the consumer that is made for the command (latency)"},
    {"count", BENCH_INT, &count, "messages that count (1000)"},
    {"warm-up", BENCH_INT, &warm_up, "messages before them (100)"},
    {"rate", BENCH_INT, &rate, "messages a second (250)"},
    {"size", BENCH_INT, &size, "bytes of each (128)"},
    {"log", BENCH_STRING, &log_file, "where the command's output goes"},
    {NULL, BENCH_FLAG, NULL, NULL},
};

struct trip {
    int64_t published_ns, acked_ns, confirmed_ns; /* 0: not acknowledged yet */
    char reply[REPLY_SIZE];                       /* subject of the confirmation */
};

static struct trip *trips; /* by stream sequence, from 1 */
static int64_t published;

/* $JS.ACK.stream.consumer.N.SEQ.N.N.N, or the newer $JS.ACK.domain.account.stream.consumer.N.SEQ.N.N.N (ADR-15) */
static int64_t ack_sequence(const struct wire_msg *msg)
{
    const char *words[16];
    int n = 0;

    words[n++] = msg->subject;
    for (size_t i = 0; i < msg->subject_len && n < 16; i++)
        if (msg->subject[i] == '.')
            words[n++] = msg->subject + i + 1;
    return n >= 9 ? strtoll(words[n == 9 ? 5 : 7], NULL, 10) : 0;
}

static void take_ack(const struct wire_msg *msg, int64_t now)
{
    int64_t seq = ack_sequence(msg);

    if (seq < 1 || seq > published || trips[seq].acked_ns)
        return;
    if (msg->size > 0 && (msg->size < 4 || memcmp(msg->data, "+ACK", 4)))
        return; /* not an acknowledgement, for example +WPI */
    trips[seq].acked_ns = now;
    if (msg->reply_len > 0 && msg->reply_len < REPLY_SIZE)
        memcpy(trips[seq].reply, msg->reply, msg->reply_len);
}

static void take_inbox(const struct wire_msg *msg, int64_t now)
{
    int64_t oldest = published > LOOK_BACK ? published - LOOK_BACK : 1;

    for (int64_t seq = published; seq >= oldest; seq--) {
        struct trip *trip = &trips[seq];
        if (!trip->confirmed_ns && strlen(trip->reply) == msg->subject_len &&
            !memcmp(trip->reply, msg->subject, msg->subject_len)) {
            trip->confirmed_ns = now;
            return;
        }
    }
}

static void listen_until(struct wire *wire, int64_t until_ns, int64_t acked_seq)
{
    struct wire_msg msg;

    while (!bench_stop_asked && !wire->closed && bench_now_ns() < until_ns) {
        if (acked_seq && trips[acked_seq].acked_ns)
            return;
        bool came = wire_read(wire, until_ns - bench_now_ns());
        int64_t now = bench_now_ns();
        while (came && wire_next(wire, &msg)) {
            if (msg.sid == ACK_SID)
                take_ack(&msg, now);
            else if (msg.sid == INBOX_SID)
                take_inbox(&msg, now);
        }
        wire_flush(wire);
    }
}

static void publish(struct wire *wire, const char *payload)
{
    char subject[256];

    snprintf(subject, sizeof(subject), "bench.%s", stream);
    trips[++published].published_ns = bench_now_ns();
    wire_publish(wire, subject, NULL, payload, (size_t)size);
    wire_flush(wire);
}

/* Writes the latencies in microseconds, sorted, without those of the warm-up. Returns their number. */
static size_t collect(bool confirmed, int64_t *values)
{
    size_t n = 0;

    for (int64_t seq = warm_up + 1; seq <= published; seq++) {
        int64_t end = confirmed ? trips[seq].confirmed_ns : trips[seq].acked_ns;
        if (end)
            values[n++] = (end - trips[seq].published_ns) / 1000;
    }
    qsort(values, n, sizeof(values[0]), bench_compare_int64);
    return n;
}

static int report(int64_t *values)
{
    size_t acked = collect(false, values);

    printf("acked_p50_us=%lld acked_p99_us=%lld", (long long)bench_percentile(values, acked, 50),
           (long long)bench_percentile(values, acked, 99));
    size_t confirmed = collect(true, values);
    if (confirmed)
        printf(" confirmed_p50_us=%lld confirmed_p99_us=%lld", (long long)bench_percentile(values, confirmed, 50),
               (long long)bench_percentile(values, confirmed, 99));
    printf(" acked=%zu confirmed=%zu of=%lld\n", acked, confirmed, (long long)count);
    return acked == (size_t)count && (confirmed == 0 || confirmed == acked) ? 0 : 1;
}

static void run(struct wire *wire)
{
    char *payload = calloc(1, (size_t)size + 1);

    if (!payload)
        bench_die("out of memory");
    memset(payload, 'x', (size_t)size);
    publish(wire, payload); /* the first message waits until the command has started */
    listen_until(wire, bench_now_ns() + 20 * NS_PER_S, 1);
    if (!trips[1].acked_ns)
        bench_die("the first message was not acknowledged in 20 s (log %s)", log_file ? log_file : "none");
    int64_t next = bench_now_ns();
    while (published < warm_up + count && !bench_stop_asked) {
        next += NS_PER_S / rate;
        listen_until(wire, next, 0);
        publish(wire, payload);
    }
    listen_until(wire, bench_now_ns() + NS_PER_S, 0);
    free(payload);
}

int main(int argc, char **argv)
{
    struct wire wire;
    struct bench_child child;
    int command = bench_parse(argc, argv, "--stream S [options] -- COMMAND...", options);

    if (!stream || command >= argc || rate < 1 || warm_up < 1)
        bench_die("--stream and a command are needed (see --help)");
    bench_catch_signals();
    trips = calloc((size_t)(count + warm_up + 2), sizeof(trips[0]));
    int64_t *values = calloc((size_t)count + 1, sizeof(values[0]));
    if (!trips || !values)
        bench_die("out of memory");
    wire_open(&wire, url);
    stream_create(&wire, stream, "file", 1);
    consumer_create(&wire, stream, durable, "explicit");
    wire_subscribe(&wire, "$JS.ACK.>", ACK_SID);
    wire_subscribe(&wire, "_INBOX.>", INBOX_SID);
    wire_flush(&wire);
    bench_spawn(&child, argv + command, log_file);
    run(&wire);
    bench_stop(&child, 15 * NS_PER_S);
    stream_delete(&wire, stream);
    wire_close(&wire);
    int failed = bench_stop_asked ? 1 : report(values);
    free(values);
    free(trips);
    return failed;
}
