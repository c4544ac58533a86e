/* SPDX-License-Identifier: Apache-2.0
 *
 * time_option - parses the value of --since, --until and --time.  Pure.
 */
#ifndef SEAMQ_CLI_TIME_OPTION_H
#define SEAMQ_CLI_TIME_OPTION_H

#include "base/error.h"

#include <stdint.h>

/* "2h" (ago) or "2026-01-31T12:00:00Z"; both times are Unix time. 0, or -EINVAL with a sentence. */
int time_option_parse(const char *text, int64_t now_ns, int64_t *ret_ns, struct error *err);

#endif
