/* SPDX-License-Identifier: Apache-2.0
 * traffic - one thread publishes at a fixed rate; nats.c's threads receive the responses. */
#include "traffic.h"

#include "board.h"
#include "client.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS INT64_C(1000000000)
#define AGAIN_NS SECOND_NS
#define ASK_NS (SECOND_NS / 50)

struct traffic {
    struct traffic_options o;
    natsConnection *nodes[CLUSTER_NODES];
    natsSubscription *subs[CLUSTER_NODES];
    char inbox[64];
    pthread_t thread;
    atomic_bool stop;
    atomic_size_t node;
    atomic_uint next;     /* message */
    atomic_uint question; /* number of the next question */
    int64_t asked_ns;     /* thread */
    int64_t *sent_ns;     /* thread: when each message was sent last */
    atomic_bool *acked;
    pthread_mutex_t lock; /* of the rest */
    struct traffic_mark mark;
    uint32_t from_question;
};

/* Only the first response counts. */
static void note(bool counts, int64_t *at_ns)
{
    if (counts && !*at_ns)
        *at_ns = deadline_in(0);
}

/* <inbox>.m.<message> or <inbox>.q.<question> */
static void on_answer(natsConnection *nc, natsSubscription *sub, natsMsg *m, void *data)
{
    struct traffic *t = data;
    const char *kind = natsMsg_GetSubject(m) + strlen(t->inbox) + 1;
    uint32_t n = (uint32_t)strtoul(kind + 2, NULL, 10);
    const char *text = natsMsg_GetDataLength(m) > 0 ? natsMsg_GetData(m) : "";
    (void)nc;
    (void)sub;

    pthread_mutex_lock(&t->lock);
    if (*kind == 'm' && strstr(text, "\"seq\":") && !strstr(text, "\"error\"")) {
        atomic_store(&t->acked[n], true);
        note(n >= t->mark.from, &t->mark.published_ns);
    } else if (*kind == 'q' && strstr(text, "\"leader\":\"") && !strstr(text, "\"error\"")) {
        note(n >= t->from_question, &t->mark.answered_ns);
    }
    pthread_mutex_unlock(&t->lock);
    natsMsg_Destroy(m);
}

static void send_one(struct traffic *t, uint32_t id)
{
    char payload[16], reply[96], msg_id[96];
    natsMsg *m = NULL;

    int n = snprintf(payload, sizeof(payload), "%" PRIu32, id);
    snprintf(reply, sizeof(reply), "%s.m.%" PRIu32, t->inbox, id);
    snprintf(msg_id, sizeof(msg_id), "%s-%" PRIu32, t->inbox, id);
    if (natsMsg_Create(&m, t->o.subject, reply, payload, n) == NATS_OK &&
        natsMsgHeader_Set(m, "Nats-Msg-Id", msg_id) == NATS_OK)
        natsConnection_PublishMsg(t->nodes[atomic_load(&t->node)], m); /* a failed publish is sent again */
    natsMsg_Destroy(m);
    t->sent_ns[id] = deadline_in(0);
}

static void ask(struct traffic *t, int64_t now)
{
    char subject[160], reply[96];

    if (traffic_look(t).answered_ns || now - t->asked_ns < ASK_NS)
        return;
    t->asked_ns = now;
    snprintf(subject, sizeof(subject), "$JS.API.CONSUMER.INFO.%s.%s", t->o.stream, t->o.durable);
    snprintf(reply, sizeof(reply), "%s.q.%u", t->inbox, atomic_fetch_add(&t->question, 1));
    natsConnection_PublishRequest(t->nodes[atomic_load(&t->node)], subject, reply, NULL, 0);
}

static uint32_t send_again(struct traffic *t, uint32_t oldest, int64_t now)
{
    uint32_t next = atomic_load(&t->next);

    while (oldest < next && atomic_load(&t->acked[oldest]))
        oldest++;
    for (uint32_t id = oldest; id < next; id++)
        if (!atomic_load(&t->acked[id]) && now - t->sent_ns[id] > AGAIN_NS)
            send_one(t, id);
    return oldest;
}

static void *run(void *data)
{
    struct traffic *t = data;
    int64_t due_ns = deadline_in(0);
    uint32_t oldest = 0;

    while (!atomic_load(&t->stop)) {
        uint32_t id = atomic_load(&t->next);
        if (id == BOARD_ROWS)
            break;
        atomic_store(&t->next, id + 1);
        send_one(t, id);
        int64_t now = deadline_in(0);
        ask(t, now);
        oldest = send_again(t, oldest, now);
        due_ns += SECOND_NS / t->o.rate;
        struct timespec at = {.tv_sec = due_ns / SECOND_NS, .tv_nsec = due_ns % SECOND_NS};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
    }
    return NULL;
}

static void traffic_destroy(void *data)
{
    struct traffic *t = data;

    atomic_store(&t->stop, true);
    pthread_join(t->thread, NULL);
    for (size_t i = 0; i < CLUSTER_NODES; i++)
        natsSubscription_Destroy(t->subs[i]);
    free(t->sent_ns);
    free(t->acked);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

static void at_once(natsOptions *o, void *data)
{
    (void)data;
    natsOptions_SetSendAsap(o, true);
}

struct traffic *traffic_start(struct world *w, const struct traffic_options *o)
{
    struct traffic *t = calloc(1, sizeof(*t));
    char wildcard[80];

    assert_non_null(t);
    t->o = *o;
    t->sent_ns = calloc(BOARD_ROWS, sizeof(*t->sent_ns));
    t->acked = calloc(BOARD_ROWS, sizeof(*t->acked));
    assert_true(t->sent_ns && t->acked);
    snprintf(t->inbox, sizeof(t->inbox), "_INBOX.recovery.%d.%" PRIx64, (int)getpid(), world_random(w));
    snprintf(wildcard, sizeof(wildcard), "%s.>", t->inbox);
    pthread_mutex_init(&t->lock, NULL);
    t->mark.answered_ns = 1; /* no question before the first mark */
    for (size_t i = 0; i < CLUSTER_NODES; i++) {
        t->nodes[i] = client_connect_with(w, o->cluster->nodes[i]->url, at_once, NULL)->nc;
        if (natsConnection_Subscribe(&t->subs[i], t->nodes[i], wildcard, on_answer, t) != NATS_OK)
            fail_msg("cannot subscribe to %s", wildcard);
    }
    if (pthread_create(&t->thread, NULL, run, t) != 0)
        fail_msg("cannot start the publisher's thread");
    world_at_end(w, traffic_destroy, t);
    return t;
}

void traffic_use(struct traffic *t, size_t node)
{
    atomic_store(&t->node, node);
}

void traffic_mark(struct traffic *t)
{
    pthread_mutex_lock(&t->lock);
    t->mark = (struct traffic_mark){.from = atomic_load(&t->next)};
    t->from_question = atomic_load(&t->question);
    pthread_mutex_unlock(&t->lock);
}

struct traffic_mark traffic_look(struct traffic *t)
{
    pthread_mutex_lock(&t->lock);
    struct traffic_mark mark = t->mark;
    pthread_mutex_unlock(&t->lock);
    mark.next = atomic_load(&t->next);
    return mark;
}
