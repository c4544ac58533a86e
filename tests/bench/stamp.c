/* SPDX-License-Identifier: Apache-2.0
 * stamp - a handler that writes a line with CLOCK_MONOTONIC for each message: "M <ns>". A message "crash" writes "C
 * <ns>" and dies of SIGSEGV at its first attempt; at its second attempt it is handled. Each line is one write(2), so
 * lines survive a crash. */
#include <seamq/plugin.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct stamp {
    const char *file;
    int fd;
};

static const struct seamq_option options[] = {
    SEAMQ_OPT_STRING(struct stamp, file, SEAMQ_REQUIRED, NULL, "where the lines go"),
    SEAMQ_OPT_END,
};

static int open_file(void *self)
{
    struct stamp *stamp = self;

    stamp->fd = open(stamp->file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (stamp->fd < 0)
        return seamq_fail_config("%s: %s", stamp->file, strerror(errno));
    return SEAMQ_OPEN_OK;
}

static void write_line(const struct stamp *stamp, char kind)
{
    struct timespec now;
    char line[48];

    clock_gettime(CLOCK_MONOTONIC, &now);
    int n = snprintf(line, sizeof(line), "%c %lld\n", kind, (long long)now.tv_sec * 1000000000 + now.tv_nsec);
    if (write(stamp->fd, line, (size_t)n) != n)
        seamq_error("stamp: %s", strerror(errno));
}

static int on_message(void *self, const seamq_msg *msg)
{
    static volatile int *volatile nowhere;

    if (msg->size == 5 && !memcmp(msg->data, "crash", 5) && msg->attempt == 1) {
        write_line(self, 'C');
        *nowhere = 1;
    }
    write_line(self, 'M');
    return SEAMQ_ACK;
}

static void close_file(void *self)
{
    struct stamp *stamp = self;

    if (stamp->fd >= 0)
        close(stamp->fd);
}

SEAMQ_PLUGIN(.name = "stamp", .version = "1.0.0", .self_size = sizeof(struct stamp), .options = options,
             .open = open_file, .handle = on_message, .close = close_file);
