/* SPDX-License-Identifier: Apache-2.0
 * demo_client - the publisher of `make demo`: creates the streams, publishes orders, and asks the server
 * for the result.  It uses nats.c only.
 *
 *   demo-client URL prepare          streams ORDERS, ACCEPTED and DLQ
 *   demo-client URL review           stream REVIEW, without which large orders are not acknowledged
 *   demo-client URL publish N        N orders, each confirmed by the stream; every 500th is invalid
 *   demo-client URL status           num_pending, num_ack_pending, accepted, review and dead as NAME=VALUE lines */
#include <nats/nats.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STREAM "ORDERS"
#define CONSUMER "route"

static int fail(const char *what, natsStatus s)
{
    fprintf(stderr, "demo-client: %s: %s\n", what, natsStatus_GetText(s));
    return 1;
}

static natsStatus add_stream(jsCtx *js, const char *name, const char *subject)
{
    jsStreamConfig config;
    jsStreamConfig_Init(&config);
    config.Name = name;
    config.Subjects = &subject;
    config.SubjectsLen = 1;
    return js_AddStream(NULL, js, &config, NULL, NULL);
}

static int prepare(jsCtx *js)
{
    natsStatus s = add_stream(js, STREAM, "orders.new");
    if (s == NATS_OK)
        s = add_stream(js, "ACCEPTED", "orders.accepted.>");
    if (s == NATS_OK)
        s = add_stream(js, "DLQ", "dlq." STREAM ".>");
    return s == NATS_OK ? 0 : fail("cannot make the streams", s);
}

static int review(jsCtx *js)
{
    natsStatus s = add_stream(js, "REVIEW", "orders.review.>");
    return s == NATS_OK ? 0 : fail("cannot make stream REVIEW", s);
}

static int publish(jsCtx *js, long n)
{
    static const char *const skus[] = {"bolt-m8", "nut-m8", "washer-m8", "hinge", "bracket"};
    jsPubOptions options;
    natsStatus s = NATS_OK;

    for (long i = 1; i <= n && s == NATS_OK; i++) {
        char order[64];
        int len = i % 500 == 0 ? snprintf(order, sizeof(order), "this is no order, number %ld", i)
                               : snprintf(order, sizeof(order), "A-%ld,%s,%ld", i, skus[i % 5], 1 + i * 37 % 120);
        s = js_PublishAsync(js, "orders.new", order, len, NULL);
    }
    jsPubOptions_Init(&options);
    options.MaxWait = 60000;
    if (s == NATS_OK)
        s = js_PublishAsyncComplete(js, &options);
    if (s != NATS_OK)
        return fail("cannot publish", s);
    jsStreamInfo *info = NULL;
    s = js_GetStreamInfo(&info, js, STREAM, NULL, NULL);
    if (s != NATS_OK)
        return fail("cannot ask for stream " STREAM, s);
    uint64_t stored = info->State.Msgs;
    jsStreamInfo_Destroy(info);
    if (stored != (uint64_t)n) {
        fprintf(stderr, "demo-client: the stream has %" PRIu64 " of %ld orders\n", stored, n);
        return 1;
    }
    return 0;
}

static int64_t messages(jsCtx *js, const char *stream)
{
    jsStreamInfo *info = NULL;
    if (js_GetStreamInfo(&info, js, stream, NULL, NULL) != NATS_OK)
        return -1;
    int64_t n = (int64_t)info->State.Msgs;
    jsStreamInfo_Destroy(info);
    return n;
}

static int status(jsCtx *js)
{
    jsConsumerInfo *info = NULL;
    natsStatus s = js_GetConsumerInfo(&info, js, STREAM, CONSUMER, NULL, NULL);
    if (s != NATS_OK)
        return fail("cannot ask for consumer " CONSUMER " of stream " STREAM, s);
    printf("num_pending=%" PRIu64 "\nnum_ack_pending=%" PRId64 "\n", info->NumPending, (int64_t)info->NumAckPending);
    printf("accepted=%" PRId64 "\nreview=%" PRId64 "\ndead=%" PRId64 "\n", messages(js, "ACCEPTED"),
           messages(js, "REVIEW"), messages(js, "DLQ"));
    jsConsumerInfo_Destroy(info);
    return 0;
}

int main(int argc, char **argv)
{
    natsConnection *nc = NULL;
    jsCtx *js = NULL;
    jsOptions options;
    int rc = 2;

    if (argc < 3) {
        fprintf(stderr, "usage: demo-client URL prepare | review | publish N | status\n");
        return 2;
    }
    natsStatus s = natsConnection_ConnectTo(&nc, argv[1]);
    jsOptions_Init(&options);
    options.PublishAsync.MaxPending = 512;
    if (s == NATS_OK)
        s = natsConnection_JetStream(&js, nc, &options);
    if (s != NATS_OK)
        rc = fail(argv[1], s);
    else if (strcmp(argv[2], "prepare") == 0)
        rc = prepare(js);
    else if (strcmp(argv[2], "review") == 0)
        rc = review(js);
    else if (strcmp(argv[2], "publish") == 0 && argc == 4)
        rc = publish(js, strtol(argv[3], NULL, 10));
    else if (strcmp(argv[2], "status") == 0)
        rc = status(js);
    else
        fprintf(stderr, "demo-client: \"%s\" is not prepare, review, publish N or status\n", argv[2]);
    jsCtx_Destroy(js);
    natsConnection_Destroy(nc);
    nats_Close();
    return rc;
}
