/* SPDX-License-Identifier: Apache-2.0
 * time_option - a duration before now, or a time of RFC 3339. */
#include "time_option.h"

#include "base/rfc3339.h"
#include "base/value.h"

#include <errno.h>

int time_option_parse(const char *text, int64_t now_ns, int64_t *ret_ns, struct error *err)
{
    int64_t ns = rfc3339_parse(text);
    int64_t ago;

    if (ns == 0 && value_parse_duration(text, &ago, err) == 0 && ago >= 0 && ago < now_ns)
        ns = now_ns - ago;
    if (ns == 0)
        return error_set(err, -EINVAL, "%s is not a time (try 2h for two hours ago, or 2026-01-31T12:00:00Z)",
                         value_quote(text, (char[80]){0}, 80));
    *ret_ns = ns;
    return 0;
}
