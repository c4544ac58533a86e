/* SPDX-License-Identifier: Apache-2.0
 * ledger - the publisher thread, and the reckoning. */
#include "ledger.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define RESEND_MS 1000

struct ledger {
    struct world *w;
    struct ledger_options o;
    uint64_t seed;
    natsConnection *nc;
    natsSubscription *sub;
    pthread_t thread;
    atomic_bool stop;
    atomic_uint acked;
    uint8_t *is_acked; /* publisher thread until joined */
    int64_t *sent_ns;
    const char **verbs;
    bool joined;
};

static void send_one(struct ledger *l, uint32_t id, const char *inbox)
{
    char payload[512], reply[128], msg_id[64];
    natsMsg *m = NULL;

    int n = snprintf(payload, sizeof(payload), "%u %s", id, l->verbs[id]);
    snprintf(reply, sizeof(reply), "%s.%u", inbox, id);
    snprintf(msg_id, sizeof(msg_id), "%" PRIx64 "-%u", l->seed, id);
    if (natsMsg_Create(&m, l->o.subject, reply, payload, n) == NATS_OK &&
        natsMsgHeader_Set(m, "Nats-Msg-Id", msg_id) == NATS_OK)
        natsConnection_PublishMsg(l->nc, m);
    natsMsg_Destroy(m);
    l->sent_ns[id] = deadline_in(0);
}

static void take_ack(struct ledger *l, natsMsg *m)
{
    const char *dot = strrchr(natsMsg_GetSubject(m), '.');
    uint32_t id = dot ? (uint32_t)strtoul(dot + 1, NULL, 10) : UINT32_MAX;
    const char *data = natsMsg_GetData(m);

    /* An error or a no-responders status is simply sent again. */
    if (id >= l->o.count || l->is_acked[id] || !data || !strstr(data, "\"seq\"") || strstr(data, "\"error\""))
        return;
    l->is_acked[id] = 1;
    atomic_fetch_add(&l->acked, 1);
}

static void *publish_all(void *data)
{
    struct ledger *l = data;
    char inbox[96], wildcard[100];
    uint32_t next = 0, oldest = 0;

    snprintf(inbox, sizeof(inbox), "_INBOX.ledger.%" PRIx64 ".%d", l->seed, (int)getpid());
    snprintf(wildcard, sizeof(wildcard), "%s.*", inbox);
    if (natsConnection_SubscribeSync(&l->sub, l->nc, wildcard) != NATS_OK)
        return NULL;
    while (!atomic_load(&l->stop) && atomic_load(&l->acked) < l->o.count) {
        natsMsg *m = NULL;
        while (oldest < next && l->is_acked[oldest])
            oldest++;
        while (next < l->o.count && next - oldest < l->o.in_flight)
            send_one(l, next++, inbox);
        if (natsSubscription_NextMsg(&m, l->sub, 50) == NATS_OK) {
            take_ack(l, m);
            natsMsg_Destroy(m);
            continue;
        }
        int64_t now = deadline_in(0);
        for (uint32_t id = oldest; id < next; id++)
            if (!l->is_acked[id] && now - l->sent_ns[id] > RESEND_MS * INT64_C(1000000))
                send_one(l, id, inbox);
    }
    return NULL;
}

static void join(struct ledger *l)
{
    if (!l->joined)
        pthread_join(l->thread, NULL);
    l->joined = true;
}

static void ledger_destroy(void *data)
{
    struct ledger *l = data;
    atomic_store(&l->stop, true);
    join(l);
    natsSubscription_Destroy(l->sub);
    free(l->is_acked);
    free(l->sent_ns);
    free(l->verbs);
    free(l);
}

struct ledger *ledger_start(struct world *w, const struct ledger_options *o)
{
    struct ledger *l = calloc(1, sizeof(*l));
    struct client *c = client_connect(w, o->urls);

    assert_non_null(l);
    l->w = w;
    l->o = *o;
    if (l->o.in_flight == 0)
        l->o.in_flight = 128;
    l->nc = c->nc;
    l->seed = world_random(w);
    l->is_acked = calloc(o->count, 1);
    l->sent_ns = calloc(o->count, sizeof(*l->sent_ns));
    l->verbs = calloc(o->count, sizeof(*l->verbs));
    assert_true(l->is_acked && l->sent_ns && l->verbs);
    for (uint32_t id = 0; id < o->count; id++)
        l->verbs[id] = o->verb ? o->verb(id, world_random(w)) : "ack";
    assert_int_equal(pthread_create(&l->thread, NULL, publish_all, l), 0);
    world_at_end(w, ledger_destroy, l);
    return l;
}

uint32_t ledger_acked(const struct ledger *l)
{
    return atomic_load(&((struct ledger *)(uintptr_t)l)->acked);
}

bool ledger_has(const struct ledger *l, uint32_t id)
{
    return l->is_acked[id];
}

uint32_t ledger_size(const struct ledger *l)
{
    return l->o.count;
}

static bool all_acked(void *data)
{
    struct ledger *l = data;
    return ledger_acked(l) == l->o.count;
}

void ledger_finish(struct ledger *l, double seconds)
{
    if (!world_until(all_acked, l, seconds))
        fail_msg("%u of %u publishes were acknowledged within %g s", ledger_acked(l), l->o.count, seconds);
    join(l);
}

/* Calls `fn` for each line of the file (NUL-terminated copy). */
static void each_line(const char *path, void (*fn)(void *data, const char *line), void *data)
{
    char *line = NULL;
    size_t cap = 0;
    FILE *f = fopen(path, "re");
    while (f && getline(&line, &cap, f) > 0)
        fn(data, line);
    if (f)
        fclose(f);
    free(line);
}

struct reckoning {
    struct ledger *l;
    struct ledger_count count;
    uint32_t *times;
    uint8_t *dead;
};

static void count_effect(void *data, const char *line)
{
    struct reckoning *r = data;
    uint64_t seq, attempt;
    uint32_t id;

    if (sscanf(line, "%" SCNu64 " %" SCNu64 " %" SCNu32, &seq, &attempt, &id) != 3)
        return;
    r->count.effects++;
    if (id < r->l->o.count)
        r->times[id]++;
}

static void count_dead(struct reckoning *r, struct client *c)
{
    json_t *info = client_api(c, NULL, "STREAM.INFO.DLQ");
    if (json_object_get(info, "error"))
        return;
    uint64_t last = (uint64_t)json_at(info, "state.last_seq");
    for (uint64_t seq = 1; seq <= last; seq++) {
        struct stored m;
        if (!client_get(c, "DLQ", seq, &m))
            continue;
        uint32_t id = (uint32_t)strtoul(m.data, NULL, 10);
        if (id < r->l->o.count && !r->dead[id]) {
            r->dead[id] = 1;
            r->count.dead++;
        }
    }
}

struct ledger_count ledger_count(struct ledger *l, const char *effects, struct client *dlq)
{
    struct reckoning r = {.l = l};

    r.times = calloc(l->o.count, sizeof(*r.times));
    r.dead = calloc(l->o.count, 1);
    assert_true(r.times && r.dead);
    each_line(effects, count_effect, &r);
    if (dlq)
        count_dead(&r, dlq);
    for (uint32_t id = 0; id < l->o.count; id++) {
        r.count.handled += r.times[id] > 0;
        r.count.repeated += r.times[id] > 1;
        if (l->is_acked[id] && r.times[id] == 0 && !r.dead[id] && r.count.missing++ == 0)
            r.count.first_missing = id;
    }
    free(r.times);
    free(r.dead);
    return r.count;
}

void ledger_expect_complete(struct ledger *l, const char *effects, struct client *dlq)
{
    struct ledger_count c = ledger_count(l, effects, dlq);
    print_message("ledger: %u acknowledged publishes, %u handled, %u of them more than once, %" PRIu64
                  " effects, %u dead letters, %u missing\n",
                  ledger_acked(l), c.handled, c.repeated, c.effects, c.dead, c.missing);
    if (c.missing)
        fail_msg("%u acknowledged messages were never handled, the first is id %u", c.missing, c.first_missing);
}

uint64_t effects_lines(const char *effects)
{
    struct stat st;
    uint64_t n = 0;
    int fd = open(effects, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &st) != 0 || st.st_size == 0) {
        if (fd >= 0)
            close(fd);
        return 0;
    }
    char *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (map == MAP_FAILED)
        return 0;
    for (off_t i = 0; i < st.st_size; i++)
        n += map[i] == '\n';
    munmap(map, (size_t)st.st_size);
    return n;
}

struct effects_query {
    const char *path;
    uint64_t lines;
};

static bool effects_reached(void *data)
{
    struct effects_query *q = data;
    return effects_lines(q->path) >= q->lines;
}

bool effects_wait(const char *effects, uint64_t lines, double seconds)
{
    struct effects_query q = {effects, lines};
    return world_until(effects_reached, &q, seconds);
}
