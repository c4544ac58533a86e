/* SPDX-License-Identifier: Apache-2.0
 *
 * append - a sink: writes each message as a line to a file, and syncs the file once for each batch.
 */
#include <seamq/plugin.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct append {
    const char *file;
    int fd;
    off_t size; /* bytes that are synced to the disk */
};

static const struct seamq_option options[] = {
    SEAMQ_OPT_STRING(struct append, file, SEAMQ_REQUIRED, NULL, "the file to append to"),
    SEAMQ_OPT_END,
};

static int on_open(void *self)
{
    struct append *a = self;
    if (seamq_worker_count() > 1) /* each worker tracks the end of the file for itself */
        return seamq_fail_config("one file has one writer: set workers = 1 (batch_max makes it fast)");
    a->fd = open(a->file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (a->fd < 0)
        return seamq_fail("option.file: %s: %s", a->file, strerror(errno));
    a->size = lseek(a->fd, 0, SEEK_END);
    return SEAMQ_OPEN_OK;
}

static int fits_a_line(const seamq_msg *msg)
{
    return memchr(msg->data, '\n', msg->size) == NULL;
}

/* Writes "SEQUENCE SUBJECT PAYLOAD".  The sequence shows which lines are of a message delivered twice. */
static size_t put_line(char *out, const seamq_msg *msg)
{
    int head = sprintf(out, "%llu %s ", (unsigned long long)msg->stream_seq, msg->subject);
    memcpy(out + head, msg->data, msg->size);
    out[(size_t)head + msg->size] = '\n';
    return (size_t)head + msg->size + 1;
}

/* Writes all of the text and syncs it, or truncates the file to its old size.  0 or an errno. */
static int write_synced(struct append *a, const char *text, size_t size)
{
    ssize_t n = write(a->fd, text, size);
    int rc = n < 0 ? errno : (size_t)n < size ? ENOSPC : fdatasync(a->fd) < 0 ? errno : 0;
    if (rc == 0)
        a->size += n;
    else if (n > 0 && ftruncate(a->fd, a->size) < 0)
        seamq_error("%s: cannot truncate it after a failed write, so some lines will appear twice: %s", a->file,
                    strerror(errno));
    return rc;
}

static void on_batch(void *self, const seamq_msg *const *msgs, size_t n)
{
    struct append *a = self;
    size_t room = 0, used = 0;

    for (size_t i = 0; i < n; i++)
        room += strlen(msgs[i]->subject) + msgs[i]->size + 32;
    char *text = seamq_alloc(msgs[0], room);
    for (size_t i = 0; i < n; i++) {
        if (fits_a_line(msgs[i]))
            used += put_line(text + used, msgs[i]);
        else
            seamq_dead(msgs[i], "the payload contains a line break");
    }
    int rc = write_synced(a, text, used);
    for (size_t i = 0; i < n; i++) {
        if (rc)
            seamq_unavailable(msgs[i], SEAMQ_BACKOFF, "%s: %s", a->file,
                              strerror(rc)); /* no message can be blamed for a full disk */
        else
            seamq_ack(msgs[i]); /* does not replace seamq_dead() */
    }
    seamq_count("syncs", 1);
}

static void on_close(void *self)
{
    struct append *a = self;
    if (a->fd > 0)
        close(a->fd);
}

SEAMQ_PLUGIN(.name = "append", .version = "1.0.0", .summary = "appends messages to a file, a line each",
             .stream = "EVENTS", .subjects = "events.>", .self_size = sizeof(struct append), .options = options,
             .open = on_open, .close = on_close, .handle_batch = on_batch);
