/* SPDX-License-Identifier: Apache-2.0
 * files - reads whole files as text: the ini file, and secrets (KEY_file). */
#include "private.h"

#include "base/buf.h"
#include "base/value.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define QUOTED 200
#define QUOTE(text) value_quote((text), (char[QUOTED]){0}, QUOTED)

/* O_NONBLOCK: opening a fifo must not block the start. */
static int open_file(const char *path, struct error *err)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return error_set(err, -errno, "can't read %s: %s", QUOTE(path), strerror(errno));
    if (fstat(fd, &st) < 0 || S_ISDIR(st.st_mode)) {
        close(fd);
        return error_set(err, -EISDIR, "can't read %s: it is a directory", QUOTE(path));
    }
    return fd;
}

int check_readable(const char *path, struct error *err)
{
    int fd = open_file(path, err);
    if (fd < 0)
        return fd;
    close(fd);
    return 0;
}

int read_text_file(const char *path, size_t max, char **ret, size_t *ret_len, struct error *err)
{
    struct buf b = {0};
    ssize_t n = 0;
    int r = 0;
    int fd = open_file(path, err);

    if (fd < 0)
        return fd;
    while (b.len <= max) {
        char *at = buf_reserve(&b, 4096);
        n = at ? read(fd, at, 4096) : 0;
        if (n <= 0 && !(n < 0 && errno == EINTR))
            break;
        b.len += n > 0 ? (size_t)n : 0;
    }
    if (n < 0)
        r = error_set(err, -errno, "can't read %s: %s", QUOTE(path), strerror(errno));
    else if (b.len > max)
        r = error_set(err, -EFBIG, "%s is longer than %zu bytes", QUOTE(path), max);
    else if (!buf_str(&b))
        r = error_set(err, -ENOMEM, "out of memory for %s", QUOTE(path));
    close(fd);
    if (r < 0) {
        buf_finish(&b);
        return r;
    }
    *ret = b.data;
    *ret_len = b.len;
    return 0;
}

int read_secret_file(const char *path, char **ret, struct error *err)
{
    char *text;
    size_t len;
    int r = read_text_file(path, MAX_TEXT, &text, &len, err);

    if (r < 0)
        return r;
    /* Editors and `echo` add one newline, which is not part of the secret. */
    if (len > 0 && text[len - 1] == '\n')
        text[--len] = '\0';
    if (len > 0 && text[len - 1] == '\r')
        text[--len] = '\0';
    if (len == 0)
        r = error_set(err, -EINVAL, "%s is empty", QUOTE(path));
    else if (strlen(text) != len)
        r = error_set(err, -EINVAL, "%s holds a NUL byte: it is not a text file", QUOTE(path));
    if (r < 0) {
        free(text);
        return r;
    }
    *ret = text;
    return 0;
}
