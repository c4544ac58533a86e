/* SPDX-License-Identifier: Apache-2.0
 * oracle - the check, message by message. */
#include "oracle.h"

#include "faults.h"
#include "verbs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NS_PER_SEC INT64_C(1000000000)
#define OUTPUTS_MAX 3
#define DATE_SLACK_NS INT64_C(5000000) /* tolerance between the two clocks */
#define SHOWN_MAX 5                    /* printed problems of each kind */
/* Effects of a fault may appear until leases have expired and the watchdogs have reacted. */
#define AFTERMATH_NS ((CHAOS_ACK_WAIT_S + 5) * NS_PER_SEC)

struct account { /* dead letters and outputs of one message */
    uint32_t dead;
    int64_t dead_ns; /* when the first dead letter was stored, on the monotonic clock */
    uint32_t outputs[OUTPUTS_MAX];
};

struct judging {
    struct chaos *c;
    const struct ledger_message *messages;
    uint32_t n;
    struct account *accounts;
    struct findings *f;
};

static const char *const names[WRONGS] = {
    [WRONG_SERVER_LOST] = "lost by the server",
    [WRONG_LOST] = "lost",
    [WRONG_TWICE] = "handled twice without a cause",
    [WRONG_DEAD_TWICE] = "dead-lettered twice",
    [WRONG_DEAD] = "dead-lettered without a cause",
    [WRONG_OUTPUT_MISSING] = "output missing",
    [WRONG_OUTPUT_TWICE] = "output twice",
    [WRONG_OUTPUT_UNWANTED] = "output of a run that failed",
    [WRONG_ATTEMPT] = "attempt counted while unavailable",
    [WRONG_ORDER] = "out of order",
};

const char *oracle_wrong_name(enum wrong wrong)
{
    return names[wrong];
}

static void wrong(struct judging *j, enum wrong what, uint32_t id)
{
    const struct ledger_message *m = &j->messages[id];

    j->f->violations += what != WRONG_SERVER_LOST;
    if (j->f->wrong[what]++ >= SHOWN_MAX)
        return;
    printf("\n%s: message %u \"%s\", key %u: sent %.6f, stored %.6f as %" PRIu64 "; %u dead letters\n", names[what], id,
           m->verb, m->key, (double)m->first_ns / 1e9, (double)m->acked_ns / 1e9, m->seq, j->accounts[id].dead);
    for (const struct effect *e = j->f->effects->of_id[id]; e; e = e->next)
        effects_print(e);
}

/* ---- what the streams hold ------------------------------------------------------------ */

static bool message_id(struct judging *j, natsMsg *m, uint32_t *ret_id, char **ret_rest)
{
    const char *data = natsMsg_GetData(m);
    if (!data)
        return false;
    *ret_id = (uint32_t)strtoul(data, ret_rest, 10);
    return *ret_id < j->n;
}

static int64_t monotonic_of_date(int64_t date_ns)
{
    struct timespec date, now;
    clock_gettime(CLOCK_REALTIME, &date);
    clock_gettime(CLOCK_MONOTONIC, &now);
    return date_ns - ((int64_t)(date.tv_sec - now.tv_sec) * NS_PER_SEC + date.tv_nsec - now.tv_nsec);
}

static void take_dead(void *data, int64_t stored_ns, natsMsg *m)
{
    struct judging *j = data;
    uint32_t id;
    char *rest;
    if (message_id(j, m, &id, &rest) && j->accounts[id].dead++ == 0)
        j->accounts[id].dead_ns = monotonic_of_date(stored_ns);
}

static void take_output(void *data, int64_t stored_ns, natsMsg *m)
{
    struct judging *j = data;
    uint32_t id;
    char *rest;
    (void)stored_ns;
    if (!message_id(j, m, &id, &rest) || *rest != '.')
        return;
    unsigned long n = strtoul(rest + 1, NULL, 10);
    if (n < OUTPUTS_MAX)
        j->accounts[id].outputs[n]++;
    j->f->outputs++;
}

/* True: the stream still has the message that it acknowledged. */
static bool stored(struct judging *j, uint32_t id)
{
    struct stored s;
    return client_get(j->c->client, CHAOS_STREAM, j->messages[id].seq, &s) && (uint32_t)strtoul(s.data, NULL, 10) == id;
}

/* ---- one message ------------------------------------------------------------------------- */

/* A dying worker loses the outcome of its last message or batch: no run of that worker began after its end. */
static bool was_last_of_its_process(const struct effects *all, const struct effect *e)
{
    for (size_t i = effects_since(all, e->end_ns); i < all->n; i++)
        if (all->all[i].pid == e->pid)
            return false;
    return true;
}

/* The latest fault that may have lost the settlement of the run `done`, and so explains the run `again`. */
static size_t explanation(struct judging *j, const struct effect *done, const struct effect *again)
{
    struct chaos *c = j->c;
    for (size_t i = faults_count(c->faults); i-- > 0;) {
        const struct injection *in = faults_at(c->faults, i);
        bool could =
            in->fault->repeats == REPEATS_ANY || (in->fault->repeats == REPEATS_WORKER && in->pid == done->pid &&
                                                  was_last_of_its_process(j->f->effects, done));
        if (could && in->at_ns <= again->begin_ns && in->undone_ns + AFTERMATH_NS >= done->end_ns)
            return i;
    }
    return SIZE_MAX;
}

static void judge_repeats(struct judging *j, uint32_t id)
{
    const struct effect *done = NULL;
    uint64_t seq = 0;

    for (const struct effect *e = j->f->effects->of_id[id]; e; e = e->next) {
        j->f->runs++;
        if (seq && seq != e->seq)
            j->f->stored_twice++;
        seq = e->seq;
        if (done && done->seq == e->seq) {
            size_t cause = explanation(j, done, e);
            j->f->repeats++;
            if (cause == SIZE_MAX)
                wrong(j, WRONG_TWICE, id);
            else
                j->f->repeats_of[cause]++;
        }
        if (e->outcome == 'a' || e->outcome == 't')
            done = e;
    }
}

/* Two daemons do not share attempt counts, and a worker that dies before its outcome is read counts as a crash. */
static void judge_attempts(struct judging *j, uint32_t id)
{
    for (const struct effect *e = j->f->effects->of_id[id]; e && e->next && !j->c->peer; e = e->next) {
        bool counted = e->outcome == 'u' && e->next->seq == e->seq && e->next->attempt > e->attempt;
        if (counted && !was_last_of_its_process(j->f->effects, e))
            wrong(j, WRONG_ATTEMPT, id);
    }
}

static void judge_outputs(struct judging *j, uint32_t id, bool acked)
{
    const struct account *a = &j->accounts[id];
    unsigned expected = verb_of(j->messages[id].verb)->outputs;

    for (unsigned i = 0; i < OUTPUTS_MAX; i++) {
        if (a->outputs[i] > 1)
            wrong(j, WRONG_OUTPUT_TWICE, id);
        if (i < expected && acked && !a->dead && a->outputs[i] == 0)
            wrong(j, WRONG_OUTPUT_MISSING, id);
        if (a->outputs[i] > 0 && (i >= expected || !acked))
            wrong(j, WRONG_OUTPUT_UNWANTED, id);
    }
}

static void judge_message(struct judging *j, uint32_t id)
{
    const struct account *a = &j->accounts[id];
    enum fate fate = verb_of(j->messages[id].verb)->fate;
    bool acked = false, dropped = false, unfinished = false;

    for (const struct effect *e = j->f->effects->of_id[id]; e; e = e->next) {
        acked |= e->outcome == 'a';
        dropped |= e->outcome == 't';
        unfinished |= e->end_ns == 0;
    }
    j->f->handled += acked;
    j->f->dropped += dropped;
    j->f->dead += a->dead > 0;
    if (!acked && !dropped && a->dead == 0)
        wrong(j, stored(j, id) ? WRONG_LOST : WRONG_SERVER_LOST, id);
    if (a->dead > 1)
        wrong(j, WRONG_DEAD_TWICE, id);
    if (a->dead > 0 && fate != FATE_DEAD && !unfinished)
        wrong(j, WRONG_DEAD, id);
    judge_repeats(j, id);
    judge_attempts(j, id);
    judge_outputs(j, id, acked);
}

/* ---- order -------------------------------------------------------------------------------- */

struct place { /* a message in the sequence of its key */
    uint32_t key;
    uint32_t id;
    uint64_t seq;
};

static int by_place(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->seq < y->seq ? -1 : x->seq > y->seq;
}

/* When the message was settled: at the first final outcome, or when its dead letter was stored. */
static int64_t done_ns(const struct account *a, const struct effect *e)
{
    for (; e; e = e->next)
        if ((e->outcome == 'a' || e->outcome == 't') && (!a->dead || e->end_ns < a->dead_ns))
            return e->end_ns;
    return a->dead_ns;
}

static void judge_order(struct judging *j)
{
    struct place *places = calloc((size_t)j->n + 1, sizeof(*places));
    int64_t front_ns = 0;

    assert_non_null(places);
    for (uint32_t id = 0; id < j->n; id++)
        places[id] = (struct place){j->messages[id].key, id, j->messages[id].seq};
    qsort(places, j->n, sizeof(*places), by_place);
    for (uint32_t i = 0; i < j->n; i++) {
        const struct effect *e = j->f->effects->of_id[places[i].id];
        if (i == 0 || places[i].key != places[i - 1].key)
            front_ns = 0;
        if (!e)
            continue;
        if (e->begin_ns + DATE_SLACK_NS < front_ns)
            wrong(j, WRONG_ORDER, places[i].id);
        int64_t done = done_ns(&j->accounts[places[i].id], e);
        front_ns = done > front_ns ? done : front_ns;
    }
    free(places);
}

/* ---- all -------------------------------------------------------------------------------- */

struct findings oracle_judge(struct chaos *c)
{
    struct findings f = {0};
    struct judging j = {.c = c, .f = &f};

    j.messages = ledger_messages(c->ledger, &j.n);
    j.accounts = calloc((size_t)j.n + 1, sizeof(*j.accounts));
    f.repeats_of = calloc(faults_count(c->faults) + 1, sizeof(*f.repeats_of));
    assert_true(j.accounts && f.repeats_of);
    world_at_end(c->w, free, f.repeats_of);
    f.published = j.n;
    f.effects = effects_load(c->w, c->effects, j.n);
    client_each(c->client, "DLQ", take_dead, &j);
    client_each(c->client, "OUT", take_output, &j);
    for (uint32_t id = 0; id < j.n; id++)
        judge_message(&j, id);
    if (c->mode->ordered)
        judge_order(&j);
    free(j.accounts);
    return f;
}
