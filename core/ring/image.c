/* SPDX-License-Identifier: Apache-2.0
 * image - a sealed copy of a plugin file. */
#include "image.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U /* Linux 6.3; without it vm.memfd_noexec decides */
#endif

static int64_t ns_of(struct timespec t)
{
    return (int64_t)t.tv_sec * NS_PER_SEC + t.tv_nsec;
}

static struct image image_identity(const struct stat *st)
{
    return (struct image){.fd = -1,
                          .dev = st->st_dev,
                          .ino = st->st_ino,
                          .size = (uint64_t)st->st_size,
                          .mtime_ns = ns_of(st->st_mtim),
                          .ctime_ns = ns_of(st->st_ctim)};
}

/* The memfd has the name of the file, because backtraces show it. */
static int new_memfd(const char *path)
{
    const char *slash = strrchr(path, '/');
    char name[200];
    snprintf(name, sizeof(name), "%s", slash ? slash + 1 : path); /* the kernel's limit is 249 bytes */
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
    return fd < 0 ? memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING) : fd;
}

static int copy_and_seal(int to, int from, uint64_t size)
{
    off_t at = 0;
    while ((uint64_t)at < size) {
        ssize_t n = sendfile(to, from, &at, size - (uint64_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EAGAIN; /* the file was truncated meanwhile */
    }
    return fcntl(to, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) ? -errno : 0;
}

int image_take(struct image *ret, const char *path)
{
    struct stat st;
    int rc = 0;

    *ret = IMAGE_NONE;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st)) {
        rc = -errno;
    } else if (S_ISREG(st.st_mode)) {
        *ret = image_identity(&st);
        ret->fd = new_memfd(path);
        rc = ret->fd < 0 ? -errno : copy_and_seal(ret->fd, fd, ret->size);
        if (rc == 0 && !image_matches(ret, path))
            rc = -EAGAIN;
    }
    if (fd >= 0)
        close(fd);
    if (rc)
        image_close(ret);
    return rc;
}

void image_close(struct image *i)
{
    if (i->fd >= 0)
        close(i->fd);
    *i = IMAGE_NONE;
}

bool image_same(const struct image *a, const struct image *b)
{
    return a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->mtime_ns == b->mtime_ns &&
           a->ctime_ns == b->ctime_ns;
}

bool image_matches(const struct image *i, const char *path)
{
    struct stat st;
    if (stat(path, &st))
        return false;
    struct image now = image_identity(&st);
    return image_same(i, &now);
}

void image_put(struct buf *hello, const struct image *i)
{
    packet_add_int(hello, "image_dev", (int64_t)i->dev);
    packet_add_int(hello, "image_ino", (int64_t)i->ino);
    packet_add_int(hello, "image_size", (int64_t)i->size);
    packet_add_int(hello, "image_mtime", i->mtime_ns);
    packet_add_int(hello, "image_ctime", i->ctime_ns);
}

void image_get(struct image *ret, const struct packet *hello, int fd)
{
    *ret = (struct image){.fd = fd,
                          .dev = (uint64_t)packet_get_int(hello, "image_dev"),
                          .ino = (uint64_t)packet_get_int(hello, "image_ino"),
                          .size = (uint64_t)packet_get_int(hello, "image_size"),
                          .mtime_ns = packet_get_int(hello, "image_mtime"),
                          .ctime_ns = packet_get_int(hello, "image_ctime")};
}
