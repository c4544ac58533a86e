/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_fetch - the usual hand-written loop: js_PullSubscribe, natsSubscription_Fetch, natsMsg_Ack for each message. */
#include <stdio.h>
#include <string.h>

#include <nats/nats.h>

#include "util.h"

static const char *url = "nats://127.0.0.1:4222", *stream, *durable;
static int64_t count, batch = 1000;
static bool confirmed, version;

static const struct bench_option options[] = {
    {"url", BENCH_STRING, &url, "nats://ADDRESS:PORT"},
    {"stream", BENCH_STRING, &stream, "the stream"},
    {"durable", BENCH_STRING, &durable, "its consumer, which must be there"},
    {"count", BENCH_INT, &count, "end after so many messages; 0: go on until SIGTERM"},
    {"batch", BENCH_INT, &batch, "messages asked for at once (1000)"},
    {"confirmed", BENCH_FLAG, &confirmed, "natsMsg_AckSync, the server's word on each acknowledgement"},
    {"version", BENCH_FLAG, &version, "nats.c's version"},
    {NULL, BENCH_FLAG, NULL, NULL},
};

static void check(natsStatus status, const char *what)
{
    if (status != NATS_OK)
        bench_die("%s: %s: %s", what, natsStatus_GetText(status), nats_GetLastError(NULL));
}

static int64_t drain(natsSubscription *sub)
{
    int64_t done = 0;

    while (!bench_stop_asked && (count == 0 || done < count)) {
        natsMsgList list;
        natsStatus s = natsSubscription_Fetch(&list, sub, (int)batch, 1000, NULL);

        if (s == NATS_TIMEOUT || s == NATS_NOT_FOUND)
            continue;
        check(s, "natsSubscription_Fetch");
        for (int i = 0; i < list.Count; i++)
            check(confirmed ? natsMsg_AckSync(list.Msgs[i], NULL, NULL) : natsMsg_Ack(list.Msgs[i], NULL), "ack");
        done += list.Count;
        natsMsgList_Destroy(&list);
    }
    return done;
}

int main(int argc, char **argv)
{
    natsConnection *nc = NULL;
    natsSubscription *sub = NULL;
    jsCtx *js = NULL;
    jsSubOptions bind;

    bench_parse(argc, argv, "--stream S --durable D [options]", options);
    if (version) {
        puts(nats_GetVersion());
        return 0;
    }
    if (!stream || !durable)
        bench_die("--stream and --durable are needed (see --help)");
    bench_catch_signals();
    check(natsConnection_ConnectTo(&nc, url), url);
    check(natsConnection_JetStream(&js, nc, NULL), "natsConnection_JetStream");
    jsSubOptions_Init(&bind);
    bind.Stream = stream;
    bind.Consumer = durable;
    bind.ManualAck = true;
    check(js_PullSubscribe(&sub, js, NULL, durable, NULL, &bind, NULL), "js_PullSubscribe");

    int64_t start = bench_now_ns();
    int64_t done = drain(sub);
    check(natsConnection_FlushTimeout(nc, 10000), "flush");
    int64_t took = bench_now_ns() - start;
    printf("messages=%lld seconds=%.3f\n", (long long)done, (double)took / 1e9);
    natsSubscription_Destroy(sub);
    jsCtx_Destroy(js);
    natsConnection_Destroy(nc);
    nats_Close();
    return 0;
}
