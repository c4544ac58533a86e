/* SPDX-License-Identifier: Apache-2.0
 * ledger - the publisher thread, and the check of the effects. */
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
    atomic_bool stop;  /* stop immediately */
    atomic_bool close; /* stop when all sent messages are acknowledged */
    atomic_bool done;
    atomic_uint acked;
    struct ledger_message *messages; /* publisher thread until joined */
    uint32_t next;                   /* the same */
    bool joined;
};

static void send_one(struct ledger *l, uint32_t id, const char *inbox)
{
    char payload[512], subject[256], reply[128], msg_id[64];
    struct ledger_message *lm = &l->messages[id];
    natsMsg *m = NULL;

    int n = snprintf(payload, sizeof(payload), "%u %s", id, lm->verb);
    snprintf(subject, sizeof(subject), l->o.keys ? "%s.%u" : "%s", l->o.subject, lm->key);
    snprintf(reply, sizeof(reply), "%s.%u", inbox, id);
    snprintf(msg_id, sizeof(msg_id), "%" PRIx64 "-%u", l->seed, id);
    if (natsMsg_Create(&m, subject, reply, payload, n) == NATS_OK &&
        natsMsgHeader_Set(m, "Nats-Msg-Id", msg_id) == NATS_OK)
        natsConnection_PublishMsg(l->nc, m);
    natsMsg_Destroy(m);
    lm->sent_ns = deadline_in(0);
    if (!lm->first_ns)
        lm->first_ns = lm->sent_ns;
}

static void take_ack(struct ledger *l, natsMsg *m)
{
    const char *dot = strrchr(natsMsg_GetSubject(m), '.');
    uint32_t id = dot ? (uint32_t)strtoul(dot + 1, NULL, 10) : UINT32_MAX;
    const char *data = natsMsg_GetData(m);
    const char *seq = data ? strstr(data, "\"seq\":") : NULL;

    /* After an error or no responders the message is sent again. */
    if (id >= l->o.count || l->messages[id].acked_ns || !seq || strstr(data, "\"error\""))
        return;
    l->messages[id].seq = strtoull(seq + strlen("\"seq\":"), NULL, 10);
    l->messages[id].acked_ns = deadline_in(0);
    atomic_fetch_add(&l->acked, 1);
}

/* The number of messages that the rate allows until now. */
static uint32_t due(const struct ledger *l, int64_t began_ns)
{
    double due = (double)(deadline_in(0) - began_ns) / 1e9 * l->o.rate;
    return l->o.rate == 0 || due > l->o.count ? l->o.count : (uint32_t)due;
}

static void *publish_all(void *data)
{
    struct ledger *l = data;
    char inbox[96], wildcard[100];
    uint32_t oldest = 0;
    int64_t began_ns = deadline_in(0);

    snprintf(inbox, sizeof(inbox), "_INBOX.ledger.%" PRIx64 ".%d", l->seed, (int)getpid());
    snprintf(wildcard, sizeof(wildcard), "%s.*", inbox);
    if (natsConnection_SubscribeSync(&l->sub, l->nc, wildcard) != NATS_OK)
        return NULL;
    while (!atomic_load(&l->stop)) {
        natsMsg *m = NULL;
        uint32_t limit = atomic_load(&l->close) ? l->next : due(l, began_ns);
        while (oldest < l->next && l->messages[oldest].acked_ns)
            oldest++;
        while (l->next < limit && l->next - oldest < l->o.in_flight)
            send_one(l, l->next++, inbox);
        if (atomic_load(&l->acked) == (atomic_load(&l->close) ? l->next : l->o.count))
            break;
        if (natsSubscription_NextMsg(&m, l->sub, l->o.rate > 0 ? 5 : 50) == NATS_OK) {
            take_ack(l, m);
            natsMsg_Destroy(m);
            continue;
        }
        int64_t now = deadline_in(0);
        for (uint32_t id = oldest; id < l->next; id++)
            if (!l->messages[id].acked_ns && now - l->messages[id].sent_ns > RESEND_MS * INT64_C(1000000))
                send_one(l, id, inbox);
    }
    atomic_store(&l->done, true);
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
    free(l->messages);
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
    l->messages = calloc(o->count, sizeof(*l->messages));
    assert_non_null(l->messages);
    for (uint32_t id = 0; id < o->count; id++) {
        uint64_t roll = world_random(w);
        l->messages[id].verb = o->verb ? o->verb(id, roll) : "ack";
        l->messages[id].key = o->keys ? (uint32_t)((roll >> 32) % o->keys) : 0;
    }
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
    return l->messages[id].acked_ns != 0;
}

uint32_t ledger_size(const struct ledger *l)
{
    return l->o.count;
}

void ledger_stop(struct ledger *l)
{
    atomic_store(&l->close, true);
}

static bool is_done(void *data)
{
    return atomic_load(&((struct ledger *)data)->done);
}

void ledger_finish(struct ledger *l, double seconds)
{
    if (!world_until(is_done, l, seconds))
        fail_msg("%u publishes were acknowledged within %g s, not all (of at most %u)", ledger_acked(l), seconds,
                 l->o.count);
    join(l);
}

const struct ledger_message *ledger_messages(const struct ledger *l, uint32_t *ret_count)
{
    *ret_count = l->next;
    return l->messages;
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

static void count_dead(void *data, int64_t stored_ns, natsMsg *m)
{
    struct reckoning *r = data;
    uint32_t id = (uint32_t)strtoul(natsMsg_GetData(m), NULL, 10);
    (void)stored_ns;
    if (id < r->l->o.count && !r->dead[id]) {
        r->dead[id] = 1;
        r->count.dead++;
    }
}

struct ledger_count ledger_count(struct ledger *l, const char *effects, struct client *dlq)
{
    struct reckoning r = {.l = l};

    r.times = calloc(l->o.count, sizeof(*r.times));
    r.dead = calloc(l->o.count, 1);
    assert_true(r.times && r.dead);
    each_line(effects, count_effect, &r);
    if (dlq && !json_object_get(client_api(dlq, NULL, "STREAM.INFO.DLQ"), "error"))
        client_each(dlq, "DLQ", count_dead, &r);
    for (uint32_t id = 0; id < l->o.count; id++) {
        r.count.handled += r.times[id] > 0;
        r.count.repeated += r.times[id] > 1;
        if (l->messages[id].acked_ns && r.times[id] == 0 && !r.dead[id] && r.count.missing++ == 0)
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
