/* SPDX-License-Identifier: Apache-2.0
 *
 * options - converts option values of the configuration to the typed fields of a plugin's instance.
 */
#ifndef SEAMQ_HOST_OPTIONS_H
#define SEAMQ_HOST_OPTIONS_H

#include "base/error.h"

#include <seamq/plugin.h>

struct option_text {
    const char *name;
    const char *value; /* a string option points to it: it must outlive the instance */
};

/* Checks that the preset can be parsed and is within bounds.  0, or -EINVAL with a clause. */
int options_check_preset(const struct seamq_option *o, struct error *err);
/* Fills the zeroed instance `self`.  0, or -EINVAL with one clause for each problem: unknown names (with
 * the nearest known one), values that cannot be parsed or are out of bounds, missing required options.
 * Values of secret options are not shown. */
int options_fill(void *self, const struct seamq_option *table, size_t n_table, const struct option_text *texts,
                 size_t n_texts, struct error *err);

#endif
