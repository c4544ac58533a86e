/* SPDX-License-Identifier: Apache-2.0
 *
 * trust - who can change a plugin file: its code runs with the daemon's rights.
 */
#ifndef SEAMQ_HOST_TRUST_H
#define SEAMQ_HOST_TRUST_H

#include "base/error.h"

/* The file, each link on the way to it, and the directories that they lie in must belong to root or
 * to the user that we run as, and only their owners may write them (or the owner's own group: it has
 * the owner's name and no other member).  What lies on a read-only mount cannot be changed through
 * it, so its owners do not matter: how a container takes a folder of the host's.  What is above the
 * directories is not looked at.
 * 0 or -EPERM; the sentence names every path that is wrong, how, and what to do.  A path that cannot
 * be looked at is none of ours: loading it says why. */
int trust_check(const char *path, struct error *err);

#endif
