/* SPDX-License-Identifier: Apache-2.0
 * scripted - the integration tests' handler: each message says what is to become of it.
 *
 * A message is "ID VERB [ARGUMENT...]"; each run of the handler appends the line
 * "STREAM_SEQ ATTEMPT ID VERB\n" to the file `option.effects` before it does anything else.
 *
 *   ack                        nak MS [TIMES]       NAK with that delay on the first TIMES attempts (1)
 *   term                       backoff [TIMES]      NAK with the configured delay
 *   dead [TEXT]                crash|hang|exit|abort [TIMES]
 *   leak [TIMES]               takes 256 MiB, and hangs
 *   sleep MS                   publish SUBJECT N    stages N messages "ID.0" ... and acks
 *   publish-nak SUBJECT        stages, NAKs the first attempt (100 ms), acks the second without staging
 *   publish-crash SUBJECT      stages, crashes on the first attempt, acks the second without staging
 *   echo                       the effects line also gets size, subject and the header X-Test
 *   garbage                    returns an outcome that does not exist, once
 *   needs FILE                 unavailable until FILE exists
 *   needs-crash FILE           the same, then crashes on the first attempt, acks the second
 * A message without an id (empty, or not text) counts as "0 echo".
 *
 * With batch_max the same happens message by message within handle_batch, which first appends the
 * line "N\n" to the file `option.calls`. */
#include <seamq/plugin.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LEAK_BYTES ((size_t)256 << 20)

struct scripted {
    const char *effects;
    const char *calls;
    const char *note;
    int64_t limit;
    int64_t pause;
    int64_t opening;
    int fd;
    int calls_fd;
};

static const struct seamq_option options[] = {
    SEAMQ_OPT_STRING(struct scripted, effects, 0, NULL, "file that gets one line for each run of the handler"),
    SEAMQ_OPT_STRING(struct scripted, calls, 0, NULL, "file that gets one line for each batch"),
    SEAMQ_OPT_STRING(struct scripted, note, SEAMQ_SECRET, NULL, "a secret, to see that it is masked"),
    SEAMQ_OPT_INT(struct scripted, limit, 0, "5", 1, 100, "a number with bounds, to see that they are checked"),
    SEAMQ_OPT_TIME(struct scripted, pause, 0, "0", 0, 10 * SEAMQ_SECOND, "how long each message takes"),
    SEAMQ_OPT_TIME(struct scripted, opening, 0, "0", 0, 60 * SEAMQ_SECOND, "how long open takes"),
    SEAMQ_OPT_END};

static void nap(int64_t ns)
{
    struct timespec t = {.tv_sec = ns / SEAMQ_SECOND, .tv_nsec = ns % SEAMQ_SECOND};
    while (nanosleep(&t, &t) != 0)
        continue;
}

static int open_file(const char *path, int *ret_fd)
{
    *ret_fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
    return !path || *ret_fd >= 0 ? SEAMQ_OPEN_OK : seamq_fail("cannot open %s", path);
}

static int scripted_open(void *data)
{
    struct scripted *self = data;
    nap(self->opening);
    int rc = open_file(self->effects, &self->fd);
    return rc ? rc : open_file(self->calls, &self->calls_fd);
}

static void *volatile leaked;

static void misbehave(const char *verb)
{
    if (strcmp(verb, "crash") == 0)
        raise(SIGSEGV);
    else if (strcmp(verb, "abort") == 0)
        abort();
    else if (strcmp(verb, "exit") == 0)
        exit(3);
    else if (strcmp(verb, "leak") == 0)
        leaked = memset(malloc(LEAK_BYTES), 1, LEAK_BYTES);
    for (;;)
        pause();
}

static int stage(const seamq_msg *msg, const char *id, const char *subject, long n)
{
    for (long i = 0; i < n; i++) {
        char text[64];
        int len = snprintf(text, sizeof(text), "%s.%ld", id, i);
        if (seamq_publish(msg, subject, text, (size_t)len) != 0)
            return seamq_dead(msg, "publish to %s was refused", subject);
    }
    return SEAMQ_ACK;
}

static int run(const seamq_msg *msg, const char *id, const char *verb, char *rest)
{
    char *a = strtok(rest, " \n"), *b = a ? strtok(NULL, " \n") : NULL;
    long first = a ? strtol(a, NULL, 10) : 1;
    long second = b ? strtol(b, NULL, 10) : 1;

    if (strcmp(verb, "nak") == 0)
        return msg->attempt <= (uint64_t)second ? seamq_nak(msg, first * SEAMQ_MS, "asked to") : SEAMQ_ACK;
    if (strcmp(verb, "backoff") == 0)
        return msg->attempt <= (uint64_t)first ? SEAMQ_NAK : SEAMQ_ACK;
    if (strcmp(verb, "term") == 0)
        return seamq_term(msg, "asked to");
    if (strcmp(verb, "dead") == 0)
        return seamq_dead(msg, "%s", a ? a : "asked to");
    if (strcmp(verb, "sleep") == 0)
        nap(first * SEAMQ_MS);
    if (strcmp(verb, "garbage") == 0)
        return msg->attempt == 1 ? 4711 : SEAMQ_ACK;
    if (strncmp(verb, "needs", 5) == 0 && access(a ? a : "", F_OK) != 0)
        return seamq_unavailable(msg, SEAMQ_BACKOFF, "no %s yet", a ? a : "file");
    if (strcmp(verb, "publish") == 0)
        return stage(msg, id, a, second);
    if (strncmp(verb, "publish-", 8) == 0 && msg->attempt == 1) {
        stage(msg, id, a, 1);
        if (strcmp(verb, "publish-nak") == 0)
            return seamq_nak(msg, 100 * SEAMQ_MS, "asked to");
        misbehave("crash");
    }
    if (strcmp(verb, "needs-crash") == 0 && msg->attempt == 1)
        misbehave("crash");
    if ((strcmp(verb, "crash") == 0 || strcmp(verb, "hang") == 0 || strcmp(verb, "exit") == 0 ||
         strcmp(verb, "abort") == 0 || strcmp(verb, "leak") == 0) &&
        msg->attempt <= (uint64_t)first)
        misbehave(verb);
    return SEAMQ_ACK;
}

static void record(const struct scripted *self, const seamq_msg *msg, const char *id, const char *verb, int echo)
{
    char line[1024];
    int n = snprintf(line, sizeof(line), "%llu %llu %s %s", (unsigned long long)msg->stream_seq,
                     (unsigned long long)msg->attempt, id, verb);
    if (echo) {
        const char *header = seamq_header(msg, "X-Test");
        n += snprintf(line + n, sizeof(line) - (size_t)n, " %zu %s %.64s", msg->size, msg->subject,
                      header ? header : "-");
    }
    line[n++] = '\n';
    if (self->fd >= 0 && write(self->fd, line, (size_t)n) != n)
        abort();
}

static int scripted_handle(void *data, const seamq_msg *msg)
{
    struct scripted *self = data;
    char text[512], id[32], verb[32];
    int used = 0;

    snprintf(text, sizeof(text), "%.*s", (int)(msg->size < 500 ? msg->size : 500), msg->data);
    int echo = sscanf(text, "%31[0-9] %31[a-z-] %n", id, verb, &used) < 2;
    if (echo) {
        snprintf(id, sizeof(id), "0");
        snprintf(verb, sizeof(verb), "echo");
    }
    record(self, msg, id, verb, echo || strcmp(verb, "echo") == 0);
    if (self->pause > 0)
        nap(self->pause);
    return echo ? SEAMQ_ACK : run(msg, id, verb, text + used);
}

static void scripted_handle_batch(void *data, const seamq_msg *const *msgs, size_t n)
{
    struct scripted *self = data;

    if (self->calls_fd >= 0 && dprintf(self->calls_fd, "%zu\n", n) < 0)
        abort();
    for (size_t i = 0; i < n; i++) /* a NAK without delay is left without an outcome, which means the same */
        if (scripted_handle(self, msgs[i]) == SEAMQ_ACK)
            seamq_ack(msgs[i]);
}

static void scripted_close(void *data)
{
    struct scripted *self = data;
    if (self->fd >= 0)
        close(self->fd);
    if (self->calls_fd >= 0)
        close(self->calls_fd);
}

SEAMQ_PLUGIN(.name = "scripted", .version = "1.0.0", .summary = "does what each message says", .stream = "WORK",
             .subjects = "work.>", .self_size = sizeof(struct scripted), .options = options, .open = scripted_open,
             .handle = scripted_handle, .close = scripted_close, .handle_batch = scripted_handle_batch);
