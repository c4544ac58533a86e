/* SPDX-License-Identifier: Apache-2.0
 * chaos - the handler of the chaos run: does what the message says, and writes a record that survives its death.
 *
 * A message is "ID VERB [N]" (tests/chaos/verbs.c lists the verbs). Each run of the handler appends two lines to
 * option.effects/WORKER, each with one write to a file opened with O_APPEND, so that a SIGKILL at any moment leaves
 * whole lines:
 *     TIME PID STREAM_SEQ ATTEMPT ID KEY begin VERB
 *     TIME PID STREAM_SEQ ATTEMPT ID KEY ack|nak|dead|term|unavail VERB
 * In a batch the first lines of all messages come before the first run, and the second lines after the last run.
 * TIME is on the monotonic clock; KEY is the last token of the subject. Without a second line the worker died in the
 * run. While the file option.effects/.down exists, the handler's dependency is down, whatever the message says. WORKER
 * counts from option.first, so that two daemons can share the directory. */
#include <seamq/plugin.h>

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LEAK_SIZE (8u << 20)
#define BATCH_MAX 64

struct chaos {
    const char *effects;
    int64_t first;
    int fd;
    char down[4096];
};

struct run { /* of one message */
    const struct chaos *self;
    const seamq_msg *msg;
    char id[16];
    char verb[16];
    unsigned long n;
};

static const struct seamq_option options[] = {
    SEAMQ_OPT_STRING(struct chaos, effects, SEAMQ_REQUIRED, NULL,
                     "directory of the effects files, one for each worker"),
    SEAMQ_OPT_INT(struct chaos, first, 0, "0", 0, 1000, "number of the first worker's file"),
    SEAMQ_OPT_END,
};

static int chaos_open(void *data)
{
    struct chaos *self = data;
    char path[4096];

    snprintf(self->down, sizeof(self->down), "%s/.down", self->effects);
    snprintf(path, sizeof(path), "%s/%lld", self->effects, (long long)self->first + seamq_worker_index());
    self->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    return self->fd >= 0 ? SEAMQ_OPEN_OK : seamq_fail("cannot open %s", path);
}

static void chaos_close(void *data)
{
    close(((struct chaos *)data)->fd);
}

static void record(const struct run *r, const char *what)
{
    const char *dot = strrchr(r->msg->subject, '.');
    struct timespec now;
    char line[256];

    clock_gettime(CLOCK_MONOTONIC, &now);
    int n = snprintf(line, sizeof(line), "%lld %d %llu %llu %s %s %s %s\n",
                     (long long)now.tv_sec * SEAMQ_SECOND + now.tv_nsec, (int)getpid(),
                     (unsigned long long)r->msg->stream_seq, (unsigned long long)r->msg->attempt, r->id,
                     dot ? dot + 1 : "-", what, r->verb);
    if (write(r->self->fd, line, (size_t)n) != n)
        abort();
}

static void nap_ms(unsigned long ms)
{
    struct timespec t = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * SEAMQ_MS};
    while (nanosleep(&t, &t) != 0)
        continue;
}

static int run_out(const struct run *r)
{
    for (unsigned long i = 0; i < r->n; i++) {
        char text[64];
        int len = snprintf(text, sizeof(text), "%s.%lu", r->id, i);
        if (seamq_publish(r->msg, "out.chaos", text, (size_t)len) != 0)
            return seamq_nak(r->msg, 0, "the output was refused");
    }
    return SEAMQ_ACK;
}

/* Fails at the first attempt only: its outputs must not be published. */
static int run_outnak(const struct run *r)
{
    int outcome = run_out(r);
    return r->msg->attempt == 1 ? seamq_nak(r->msg, 20 * SEAMQ_MS, "after staging") : outcome;
}

static int run_outcrash(const struct run *r)
{
    int outcome = run_out(r);
    if (r->msg->attempt == 1)
        raise(SIGSEGV);
    return outcome;
}

static int run_sleep(const struct run *r)
{
    nap_ms(r->n);
    return SEAMQ_ACK;
}

static int run_nak(const struct run *r)
{
    return r->msg->attempt <= r->n ? seamq_nak(r->msg, 50 * SEAMQ_MS, "asked to") : SEAMQ_ACK;
}

static int run_backoff(const struct run *r)
{
    return r->msg->attempt <= r->n ? SEAMQ_NAK : SEAMQ_ACK;
}

static int run_dead(const struct run *r)
{
    return seamq_dead(r->msg, "asked to");
}

static int run_drop(const struct run *r)
{
    return seamq_term(r->msg, "asked to");
}

static int run_crash(const struct run *r)
{
    if (r->msg->attempt <= r->n)
        raise(SIGSEGV);
    return SEAMQ_ACK;
}

static int run_abort(const struct run *r)
{
    if (r->msg->attempt <= r->n)
        abort();
    return SEAMQ_ACK;
}

static int run_exit(const struct run *r)
{
    if (r->msg->attempt <= r->n)
        exit(3);
    return SEAMQ_ACK;
}

static int run_hang(const struct run *r)
{
    while (r->msg->attempt <= r->n)
        pause();
    return SEAMQ_ACK;
}

static int run_leak(const struct run *r)
{
    static char *volatile leaked;

    (void)r;
    leaked = malloc(LEAK_SIZE);
    if (leaked)
        memset(leaked, 1, LEAK_SIZE);
    return SEAMQ_ACK;
}

static int run_log(const struct run *r)
{
    for (unsigned long i = 0; i < r->n; i++)
        seamq_warn("line %lu of %lu, which somebody may or may not be there to read", i + 1, r->n);
    return SEAMQ_ACK;
}

static int run_ack(const struct run *r)
{
    (void)r;
    return SEAMQ_ACK;
}

static const struct {
    const char *verb;
    int (*run)(const struct run *r);
} verbs[] = {
    {"ack", run_ack},     {"sleep", run_sleep},   {"nak", run_nak},           {"backoff", run_backoff},
    {"out", run_out},     {"outnak", run_outnak}, {"outcrash", run_outcrash}, {"dead", run_dead},
    {"drop", run_drop},   {"crash", run_crash},   {"abort", run_abort},       {"exit", run_exit},
    {"hang", run_hang},   {"leak", run_leak},     {"log", run_log},           {"poison", run_crash},
    {"exhaust", run_nak},
};

static const char *outcome_name(int outcome)
{
    switch (outcome) {
    case SEAMQ_ACK: return "ack";
    case SEAMQ_NAK: return "nak";
    case SEAMQ_DEAD: return "dead";
    case SEAMQ_UNAVAILABLE: return "unavail";
    default: return "term";
    }
}

/* False: not a message of this run. */
static bool begin(struct run *r, const struct chaos *self, const seamq_msg *msg)
{
    r->self = self;
    r->msg = msg;
    if (sscanf(msg->data, "%15[0-9] %15[a-z] %lu", r->id, r->verb, &r->n) < 2)
        return false;
    record(r, "begin");
    return true;
}

static int act(const struct run *r)
{
    if (access(r->self->down, F_OK) == 0)
        return seamq_unavailable(r->msg, SEAMQ_BACKOFF, "asked to");
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (strcmp(verbs[i].verb, r->verb) == 0)
            return verbs[i].run(r);
    return SEAMQ_DEAD;
}

static int chaos_handle(void *data, const seamq_msg *msg)
{
    struct run r = {0};

    if (!begin(&r, data, msg))
        return seamq_dead(msg, "not a message of the chaos run");
    int outcome = act(&r);
    record(&r, outcome_name(outcome));
    return outcome;
}

static void chaos_batch(void *data, const seamq_msg *const *msgs, size_t n)
{
    static struct run runs[BATCH_MAX];
    static int outcomes[BATCH_MAX];

    for (size_t i = 0; i < n; i++)
        if (!begin(&runs[i], data, msgs[i]))
            abort();
    for (size_t i = 0; i < n; i++)
        outcomes[i] = act(&runs[i]);
    for (size_t i = 0; i < n; i++) {
        record(&runs[i], outcome_name(outcomes[i]));
        if (outcomes[i] == SEAMQ_ACK)
            seamq_ack(msgs[i]); /* the other messages are settled; a message without an outcome counts as a NAK */
    }
}

SEAMQ_PLUGIN(.name = "chaos", .version = CHAOS_VERSION, .summary = "does what each message says, and records it",
             .stream = "CHAOS", .subjects = "chaos.>", .self_size = sizeof(struct chaos), .options = options,
             .open = chaos_open, .handle = chaos_handle, .close = chaos_close, .handle_batch = chaos_batch);
