/* SPDX-License-Identifier: Apache-2.0
 *
 * pin - makes a loaded plugin independent of its file.
 *
 * A deploy's `cp` writes into the very pages that run (measured: SIGBUS, or worse, a mixture of
 * two versions).  Loading a private copy instead would lose $ORIGIN siblings and would not work
 * under a read-only root with noexec temporary folders, so the file is loaded from its own path
 * and then replaced underneath, in place:
 *   - code and constants (segments without PF_W): a memfd that holds the same bytes is mapped
 *     over them.  Never by making code writable: systemd's MemoryDenyWriteExecute forbids that;
 *   - data (PF_W, RELRO included): copied to anonymous memory, which is moved over it.  Writing
 *     to each page would not do: truncating a file also drops private copies of its pages.
 * All objects are pinned that lie in the plugin's folder, the plugin's siblings too.
 *
 * A thread that a constructor started may lose what it writes to a global variable during the
 * few microseconds of the copy.  Bytes that changed while they were loaded are noticed: -EAGAIN, try again.
 */
#ifndef SEAMQ_HOST_PIN_H
#define SEAMQ_HOST_PIN_H

#include "base/error.h"
#include "ring/image.h"

struct pin_copy; /* of one file, taken before it is loaded */

/* Checks the file (elf_check) and copies it, unless `image` is the copy; NULL: it is not there. */
int pin_copy(struct pin_copy **ret, const char *path, const struct image *image, struct error *err);
void pin_copy_free(struct pin_copy *c);

/* After dlopen(): pins the plugin, for which `c` was taken, and its siblings.  0; -EAGAIN with a
 * sentence: a file changed meanwhile; -EPERM with a sentence: the kernel does not allow it
 * (vm.memfd_noexec, SELinux), the plugin runs, but from its file. */
int pin_loaded(const struct pin_copy *c, struct error *err);

#endif
