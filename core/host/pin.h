/* SPDX-License-Identifier: Apache-2.0
 *
 * pin - makes a loaded plugin independent of its file.
 *
 * `cp` over a plugin writes to the pages that run (measured: SIGBUS, or a mixture of two
 * versions).  Loading a private copy would lose $ORIGIN siblings, and fails under a read-only root
 * with noexec temporary directories.  So the file is loaded from its own path, and then its memory
 * is replaced in place:
 *   - code and constants (segments without PF_W): a memfd with the same bytes is mapped over them.
 *     Code never becomes writable, because systemd's MemoryDenyWriteExecute forbids that;
 *   - data (PF_W, RELRO included): an anonymous copy is moved over it.  Writing to each page is not
 *     enough: truncating a file also drops private copies of its pages.
 * All objects in the plugin's directory are pinned, so also the siblings that it links.
 *
 * A thread that a constructor started may lose a write to a global variable during the few
 * microseconds of the copy.  A file that changes while it is loaded is detected: -EAGAIN, try again.
 */
#ifndef SEAMQ_HOST_PIN_H
#define SEAMQ_HOST_PIN_H

#include "base/error.h"
#include "ring/image.h"

struct pin_copy; /* the bytes of one file, copied before it is loaded */

/* Checks the file (elf_check.h) and copies it.  With an `image` (NULL: none), uses that as the copy. */
int pin_copy(struct pin_copy **ret, const char *path, const struct image *image, struct error *err);
void pin_copy_free(struct pin_copy *c);

/* Call it after dlopen(): pins the plugin of which `c` is the copy, and its siblings.  0; -EAGAIN with a
 * sentence: a file changed meanwhile; -EPERM with a sentence: the kernel forbids it (vm.memfd_noexec,
 * SELinux), and the plugin runs from its file. */
int pin_loaded(const struct pin_copy *c, struct error *err);

#endif
