/* SPDX-License-Identifier: Apache-2.0
 * readback - reads a stream from its first to its last message with an ordered consumer. */
#include "readback.h"

#include "e2e.h"

#include <stdlib.h>
#include <string.h>

#define DEADLINE_MS 30000

struct reader {
    natsSubscription *sub;
    uint64_t last; /* the stream's last sequence when it was opened */
    uint64_t left; /* messages not read yet */
};

struct look {
    jsCtx *js;
    const char *stream;
    jsStreamInfo *info;
};

/* True: the stream's leader and all its followers are current. A restarted nats-server 2.10.27 was seen to respond as
 * leader without replicas, and with the state of the moment in which it was killed. */
static bool is_whole(void *data)
{
    struct look *l = data;
    int64_t missing;

    jsStreamInfo_Destroy(l->info);
    l->info = NULL;
    if (js_GetStreamInfo(&l->info, l->js, l->stream, NULL, NULL) != NATS_OK)
        return false;
    missing = l->info->Config->Replicas - 1;
    for (int i = 0; l->info->Cluster && i < l->info->Cluster->ReplicasLen; i++)
        missing -= l->info->Cluster->Replicas[i]->Current;
    return missing <= 0;
}

static void reader_open(struct reader *r, jsCtx *js, const char *stream)
{
    struct look look = {.js = js, .stream = stream};
    jsSubOptions o;

    if (!world_until(is_whole, &look, DEADLINE_MS / 1000))
        fail_msg("%s: not on all its replicas", stream);
    r->last = look.info->State.LastSeq;
    r->left = look.info->State.Msgs;
    jsStreamInfo_Destroy(look.info);
    jsSubOptions_Init(&o);
    o.Stream = stream;
    o.Ordered = true;
    expect_ok(js_SubscribeSync(&r->sub, js, ">", NULL, &o, NULL));
}

/* The next message, which the caller destroys; NULL: the end. */
static natsMsg *reader_next(struct reader *r, jsMsgMetaData **ret_meta)
{
    natsMsg *msg = NULL;

    if (!r->left)
        return NULL;
    expect_ok(natsSubscription_NextMsg(&msg, r->sub, DEADLINE_MS));
    expect_ok(natsMsg_GetMetaData(ret_meta, msg));
    r->left--;
    return msg;
}

static void reader_close(struct reader *r)
{
    natsSubscription_Destroy(r->sub);
}

void readback_expect(jsCtx *js, const char *stream, struct ledger *ledger)
{
    uint32_t n = ledger_size(ledger), acked = 0, missing = 0, repeated = 0, first = 0;
    uint32_t *times = calloc(n, sizeof(*times));
    jsMsgMetaData *meta = NULL;
    struct reader r;

    assert_non_null(times);
    reader_open(&r, js, stream);
    for (natsMsg *msg; (msg = reader_next(&r, &meta)); natsMsg_Destroy(msg)) {
        uint32_t id = (uint32_t)strtoul(natsMsg_GetData(msg), NULL, 10);
        if (id < n)
            times[id]++;
        jsMsgMetaData_Destroy(meta);
    }
    reader_close(&r);
    for (uint32_t id = 0; id < n; id++) {
        acked += ledger_has(ledger, id);
        repeated += times[id] > 1;
        if (ledger_has(ledger, id) && !times[id] && missing++ == 0)
            first = id;
    }
    free(times);
    print_message("%s: %u of %u publishes were confirmed, %u of those missing, %u ids stored more than once\n", stream,
                  acked, n, missing, repeated);
    if (missing)
        fail_msg("%s lost %u confirmed messages, the first is id %u", stream, missing, first);
}

static void expect_same_message(natsMsg *a, jsMsgMetaData *am, natsMsg *b, jsMsgMetaData *bm)
{
    assert_int_equal(am->Sequence.Stream, bm->Sequence.Stream);
    assert_int_equal(am->Timestamp, bm->Timestamp);
    assert_string_equal(natsMsg_GetSubject(a), natsMsg_GetSubject(b));
    assert_int_equal(natsMsg_GetDataLength(a), natsMsg_GetDataLength(b));
    assert_memory_equal(natsMsg_GetData(a), natsMsg_GetData(b), (size_t)natsMsg_GetDataLength(a));
}

void readback_expect_same(jsCtx *one_js, const char *one, jsCtx *other_js, const char *other)
{
    jsMsgMetaData *am = NULL, *bm = NULL;
    struct reader a, b;
    natsMsg *m, *n;

    reader_open(&a, one_js, one);
    reader_open(&b, other_js, other);
    print_message("%s and %s: %llu messages up to sequence %llu\n", one, other, (unsigned long long)a.left,
                  (unsigned long long)a.last);
    assert_int_equal(a.left, b.left);
    assert_int_equal(a.last, b.last);
    while ((m = reader_next(&a, &am)) && (n = reader_next(&b, &bm))) {
        expect_same_message(m, am, n, bm);
        jsMsgMetaData_Destroy(am);
        jsMsgMetaData_Destroy(bm);
        natsMsg_Destroy(m);
        natsMsg_Destroy(n);
    }
    reader_close(&a);
    reader_close(&b);
}
