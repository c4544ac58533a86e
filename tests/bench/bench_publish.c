/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_publish - creates a stream and fills it, as fast as confirmed publishing allows. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jetstream.h"
#include "util.h"

enum { PUBACK_SID = 8, WINDOW = 4096 };

static const char *url = "nats://127.0.0.1:4222", *stream, *storage = "file";
static int64_t count, size = 128, replicas = 1, keys;

static const struct bench_option options[] = {
    {"url", BENCH_STRING, &url, "nats://ADDRESS:PORT"},
    {"stream", BENCH_STRING, &stream, "the stream, replaced if it is there; its subject is bench.<stream>"},
    {"storage", BENCH_STRING, &storage, "file (the default), memory; delete: only delete the stream"},
    {"count", BENCH_INT, &count, "messages"},
    {"size", BENCH_INT, &size, "bytes of each (128)"},
    {"replicas", BENCH_INT, &replicas, "of the stream (1)"},
    {"keys", BENCH_INT, &keys, "as many subjects in turn, bench.<stream>.<n>, for ordered handlers"},
    {NULL, BENCH_FLAG, NULL, NULL},
};

static void fill(struct wire *wire)
{
    char *payload = malloc((size_t)size + 1), subject[256];
    int64_t sent = 0, confirmed = 0;
    struct wire_msg msg;

    if (!payload)
        bench_die("out of memory");
    memset(payload, 'x', (size_t)size);
    snprintf(subject, sizeof(subject), "bench.%s", stream);
    wire_subscribe(wire, "_BENCH.PUBACK", PUBACK_SID);
    while (confirmed < count && !bench_stop_asked) {
        for (; sent < count && sent - confirmed < WINDOW; sent++) {
            if (keys > 0)
                snprintf(subject, sizeof(subject), "bench.%s.%lld", stream, (long long)(sent % keys));
            wire_publish(wire, subject, "_BENCH.PUBACK", payload, (size_t)size);
        }
        wire_flush(wire);
        if (!wire_read(wire, 10 * NS_PER_S))
            bench_die("no confirmation for 10 s after %lld messages", (long long)confirmed);
        while (wire_next(wire, &msg)) {
            if (msg.sid != PUBACK_SID)
                continue;
            if (memmem(msg.data, msg.size, "\"error\"", 7) || msg.header_len)
                bench_die("publish: %.*s", (int)msg.size, msg.data);
            confirmed++;
        }
    }
    free(payload);
}

int main(int argc, char **argv)
{
    struct wire wire;

    bench_parse(argc, argv, "--stream S --count N [options]", options);
    if (!stream)
        bench_die("--stream is needed (see --help)");
    bench_catch_signals();
    wire_open(&wire, url);
    if (!strcmp(storage, "delete")) {
        stream_delete(&wire, stream);
        wire_close(&wire);
        return 0;
    }
    stream_create(&wire, stream, storage, (int)replicas);
    int64_t start = bench_now_ns();
    fill(&wire);
    double seconds = (double)(bench_now_ns() - start) / 1e9;
    int64_t there = stream_messages(&wire, stream);
    wire_close(&wire);
    if (there != count)
        bench_die("%s holds %lld messages, not %lld", stream, (long long)there, (long long)count);
    printf("messages=%lld seconds=%.3f rate=%.0f\n", (long long)count, seconds, (double)count / seconds);
    return 0;
}
