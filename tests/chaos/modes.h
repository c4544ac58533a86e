/* SPDX-License-Identifier: Apache-2.0
 *
 * modes - how the handler is configured in a run.
 */
#ifndef SEAMQ_CHAOS_MODES_H
#define SEAMQ_CHAOS_MODES_H

#include "chaos.h"

/* The one of this name; NULL or "": drawn by the seed.  NULL, with a sentence printed, if there is none. */
const struct chaos_mode *mode_choose(const char *name, uint64_t seed);

#endif
