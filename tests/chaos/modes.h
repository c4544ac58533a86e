/* SPDX-License-Identifier: Apache-2.0
 *
 * modes - the configurations of the handler, one of which a run uses.
 */
#ifndef SEAMQ_CHAOS_MODES_H
#define SEAMQ_CHAOS_MODES_H

#include "chaos.h"

/* The mode of this name; for NULL or "" the seed decides. Unknown name: prints a sentence and returns NULL. */
const struct chaos_mode *mode_choose(const char *name, uint64_t seed);

#endif
