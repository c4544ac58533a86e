/* SPDX-License-Identifier: Apache-2.0
 *
 * options - texts from the configuration into a plugin's typed instance.
 */
#ifndef SEAMQ_HOST_OPTIONS_H
#define SEAMQ_HOST_OPTIONS_H

#include "base/error.h"

#include <seamq/plugin.h>

struct option_text {
    const char *name;
    const char *value; /* a string option points to it: it must outlive the instance */
};

/* Does the preset parse, within bounds? 0 or -EINVAL with a clause. */
int options_check_preset(const struct seamq_option *o, struct error *err);
/* Fills the zeroed `self`.  Reports every problem at once, one clause each: unknown names with
 * the nearest known one, texts that do not parse, values out of bounds, missing ones.
 * 0 or -EINVAL. Values of secret options are not shown. */
int options_fill(void *self, const struct seamq_option *table, size_t n_table, const struct option_text *texts,
                 size_t n_texts, struct error *err);

#endif
