/* SPDX-License-Identifier: Apache-2.0
 *
 * image - one state of a plugin file: its bytes in a sealed memfd, and which file they came from.
 *
 * The daemon takes it when it checks a plugin, and hands it to every worker that runs that check's
 * result.  A worker loads the file by its path as long as it is still this one (so that $ORIGIN
 * finds siblings), else the image: what was checked is what runs, whatever a deploy does to the file.
 */
#ifndef SEAMQ_RING_IMAGE_H
#define SEAMQ_RING_IMAGE_H

#include "packet.h"

#include <stdbool.h>

struct image {
    int fd; /* sealed memfd; -1: none */
    uint64_t dev, ino, size;
    int64_t mtime_ns, ctime_ns;
};

#define IMAGE_NONE ((struct image){.fd = -1})

/* Copies the file. 0; -EAGAIN: it changed meanwhile; else why it cannot be read. Not a regular file:
 * 0 and no image. */
int image_take(struct image *ret, const char *path);
void image_close(struct image *i);

/* Whether the file at `path` is still the one that the image was taken of. */
bool image_matches(const struct image *i, const char *path);
/* Whether two images are of the same state of a file. */
bool image_same(const struct image *a, const struct image *b);

/* Into and out of a hello; the descriptor travels beside it. */
void image_put(struct buf *hello, const struct image *i);
void image_get(struct image *ret, const struct packet *hello, int fd);

#endif
