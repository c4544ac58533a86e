/* SPDX-License-Identifier: Apache-2.0
 *
 * trust - checks which users can change a plugin file, because its code runs with the daemon's rights.
 */
#ifndef SEAMQ_HOST_TRUST_H
#define SEAMQ_HOST_TRUST_H

#include "base/error.h"

/* The file, each symbolic link on the way to it, and their directories must belong to root or to the
 * user of this process, and only the owner may write them, or the owner's private group (it has the
 * owner's name and no other member).  Files on a read-only mount are accepted: a container mounts a
 * directory of the host so.  Directories above those are not checked.
 * 0 or -EPERM; the sentence names every path that fails, why, and what to do.  A path that cannot be read
 * is accepted here, because loading it reports the cause. */
int trust_check(const char *path, struct error *err);

#endif
