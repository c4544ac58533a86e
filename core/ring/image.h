/* SPDX-License-Identifier: Apache-2.0
 *
 * image - a copy of a plugin file in a sealed memfd, and the identity of the file.
 *
 * The daemon copies the file when it checks a plugin, and passes the image to every worker.  A worker loads the file by
 * its path while it is still the same file (so that $ORIGIN finds siblings), else the image. So the code that was
 * checked is the code that runs, whatever a deploy does to the file.
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

/* Copies the file. 0, -EAGAIN if it changed meanwhile, or the errno of reading it. For a file that is not regular: 0
 * and IMAGE_NONE. */
int image_take(struct image *ret, const char *path);
void image_close(struct image *i);

/* True: the file at `path` is the one that was copied. */
bool image_matches(const struct image *i, const char *path);
/* True: both images are copies of the same state of one file. */
bool image_same(const struct image *a, const struct image *b);

/* Writes to and reads from a hello packet; the descriptor is passed with the packet. */
void image_put(struct buf *hello, const struct image *i);
void image_get(struct image *ret, const struct packet *hello, int fd);

#endif
