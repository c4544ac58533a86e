/* SPDX-License-Identifier: Apache-2.0
 * mark - the handler of bench_recovery: writes to the board when each message was handled. A message "crash" kills the
 * worker at the first attempt. */
#include "board.h"

#include <seamq/plugin.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

struct mark {
    const char *file;
    struct board *board;
};

static const struct seamq_option options[] = {
    SEAMQ_OPT_STRING(struct mark, file, SEAMQ_REQUIRED, NULL, "the board"),
    SEAMQ_OPT_END,
};

static int mark_open(void *data)
{
    struct mark *self = data;
    int fd = open(self->file, O_RDWR | O_CLOEXEC);
    void *map = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*self->board), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (fd >= 0)
        close(fd);
    if (map == MAP_FAILED)
        return seamq_fail_config("%s: %s", self->file, strerror(errno));
    self->board = map;
    return SEAMQ_OPEN_OK;
}

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * SEAMQ_SECOND + now.tv_nsec;
}

static void crash(struct board *b)
{
    atomic_store(&b->crashed, getpid());
    atomic_store(&b->crashed_ns, now_ns());
    raise(SIGSEGV);
}

static int mark_handle(void *data, const seamq_msg *msg)
{
    struct board *b = ((struct mark *)data)->board;
    char text[16] = "";

    memcpy(text, msg->data, msg->size < sizeof(text) ? msg->size : sizeof(text) - 1);
    if (strcmp(text, "crash") == 0) {
        if (msg->attempt == 1)
            crash(b);
        return SEAMQ_ACK;
    }
    struct board_row *row = &b->rows[strtoul(text, NULL, 10) % BOARD_ROWS];
    if (!atomic_load(&row->handled_ns)) {
        atomic_store(&row->by, getpid());
        atomic_store(&row->handled_ns, now_ns());
    }
    return SEAMQ_ACK;
}

static void mark_close(void *data)
{
    munmap(((struct mark *)data)->board, sizeof(struct board));
}

SEAMQ_PLUGIN(.name = "mark", .version = "1.0.0", .stream = "RECOVERY", .subjects = "recovery.>",
             .self_size = sizeof(struct mark), .options = options, .open = mark_open, .handle = mark_handle,
             .close = mark_close);
