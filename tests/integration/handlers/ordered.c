/* SPDX-License-Identifier: Apache-2.0
 * ordered - the handler of the ordering tests: says when it begins with a message and when that is done for good.
 *
 * Appends "start SEQ KEY\n" to `option.effects` before anything else, and "done SEQ KEY\n" before it returns
 * SEAMQ_ACK or SEAMQ_DEAD; KEY is "-" when the message has none, then "=" and the key.
 *
 *   ack                       sleep MS
 *   block FILE                sleeps until FILE exists
 *   nak MS TIMES              NAKs the first TIMES attempts
 *   crash TIMES               dead
 *   until FILE                NAKs, 50 ms each, until FILE exists */
#include <seamq/plugin.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct ordered {
    const char *effects;
    int64_t pause;
    int fd;
};

static const struct seamq_option options[] = {
    SEAMQ_OPT_STRING(struct ordered, effects, SEAMQ_REQUIRED, NULL, "file that gets a line for each start and end"),
    SEAMQ_OPT_TIME(struct ordered, pause, 0, "0", 0, 10 * SEAMQ_SECOND, "how long each message takes"), SEAMQ_OPT_END};

static int ordered_open(void *data)
{
    struct ordered *self = data;
    self->fd = open(self->effects, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    return self->fd >= 0 ? SEAMQ_OPEN_OK : seamq_fail("cannot open %s", self->effects);
}

static void nap(int64_t ns)
{
    struct timespec t = {.tv_sec = ns / SEAMQ_SECOND, .tv_nsec = ns % SEAMQ_SECOND};
    while (nanosleep(&t, &t) != 0)
        continue;
}

/* Records of 64 bytes: a kill can cut a write where a page of the file ends, and nowhere else. */
static void record(const struct ordered *self, const seamq_msg *msg, const char *what)
{
    char text[64], line[65];
    snprintf(text, sizeof(text), "%s %llu %s%.32s", what, (unsigned long long)msg->stream_seq, msg->key ? "=" : "-",
             msg->key ? msg->key : "");
    snprintf(line, sizeof(line), "%63s\n", text);
    if (write(self->fd, line, 64) != 64)
        abort();
}

static int run(const seamq_msg *msg)
{
    char text[512];
    long first = 0, second = 0;

    snprintf(text, sizeof(text), "%s", msg->data);
    char *verb = strtok(text, " "), *a = strtok(NULL, " "), *b = strtok(NULL, " ");
    if (!verb)
        return SEAMQ_ACK;
    first = a ? strtol(a, NULL, 10) : 0;
    second = b ? strtol(b, NULL, 10) : 1;
    if (strcmp(verb, "sleep") == 0)
        nap(first * SEAMQ_MS);
    else if (strcmp(verb, "block") == 0)
        while (access(a, F_OK) != 0)
            nap(5 * SEAMQ_MS);
    else if (strcmp(verb, "nak") == 0 && msg->attempt <= (uint64_t)second)
        return seamq_nak(msg, first * SEAMQ_MS, "asked to");
    else if (strcmp(verb, "crash") == 0 && msg->attempt <= (uint64_t)first)
        raise(SIGSEGV);
    else if (strcmp(verb, "dead") == 0)
        return seamq_dead(msg, "asked to");
    else if (strcmp(verb, "until") == 0 && access(a, F_OK) != 0)
        return seamq_nak(msg, 50 * SEAMQ_MS, "no %s yet", a);
    return SEAMQ_ACK;
}

static int ordered_handle(void *data, const seamq_msg *msg)
{
    struct ordered *self = data;

    record(self, msg, "start");
    if (self->pause > 0)
        nap(self->pause);
    int outcome = run(msg);
    if (outcome == SEAMQ_ACK || outcome == SEAMQ_DEAD)
        record(self, msg, "done");
    return outcome;
}

SEAMQ_PLUGIN(.name = "ordered", .version = "1.0.0", .summary = "writes down the order", .stream = "WORK",
             .subjects = "work.>", .self_size = sizeof(struct ordered), .options = options, .open = ordered_open,
             .handle = ordered_handle);
