/* SPDX-License-Identifier: Apache-2.0
 *
 * value - text forms of durations, sizes, booleans, integers, rates and lists.
 *
 * Ini files, environment, flags and plugin options use the same grammar.  A parser returns 0 and sets the result, or
 * -EINVAL / -ERANGE with a sentence in `err` that quotes the text and shows a valid one (`"10x" is not a duration
 * (try 10s)`); the caller adds the place.  Pure, any thread.
 */
#ifndef SEAMQ_BASE_VALUE_H
#define SEAMQ_BASE_VALUE_H

#include "error.h"
#include "rfc3339.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `250ms 30s 5m 2h 1d 100us`, `0`; a number without a unit is refused, except 0. */
int value_parse_duration(const char *text, int64_t *ret_ns, struct error *err);
/* `512`, `64k`, `10M`, `1G` (powers of 1024; k/K, m/M, g/G, optional B or iB). */
int value_parse_size(const char *text, int64_t *ret_bytes, struct error *err);
/* `yes no true false on off 1 0`, any case. */
int value_parse_bool(const char *text, bool *ret, struct error *err);
/* Decimal with optional sign. */
int value_parse_int(const char *text, int64_t *ret, struct error *err);
/* `1000/s`, `600/m`, `5/h`; `none` or `0` is 0.0: messages a second. */
int value_parse_rate(const char *text, double *ret_per_sec, struct error *err);

/* The shortest text that parses back to the same value: 90000000000 -> "90s", 60e9 -> "1m". */
void value_format_duration(int64_t ns, char *out, size_t size);
void value_format_size(int64_t bytes, char *out, size_t size);
void value_format_int(int64_t n, char *out, size_t size);

/* The bounds of a plugin's option: both 0 are none, a maximum below the minimum is no maximum ("at least").
 * 0 or -ERANGE with a sentence that begins with `shown` and has the bounds as `format` writes them. */
int value_check_bounds(int64_t n, int64_t min, int64_t max, const char *shown,
                       void (*format)(int64_t n, char *out, size_t size), struct error *err);

/* Next item of a list separated by spaces, tabs, commas: copies at most size-1 bytes to
 * `out`, advances *pos; false at the end.  An item longer than `out` is cut. */
bool value_list_next(const char **pos, char *out, size_t size);

/* `text` in double quotes for a message: control bytes as `?`, cut with `...` where `out` ends
 * (at least 8 bytes).  Returns out.  Never for secrets. */
const char *value_quote(const char *text, char *out, size_t size);

/* Edit distance of two names, for "did you mean"; at most `limit` + 1 is computed. */
unsigned value_distance(const char *a, const char *b, unsigned limit);

#endif
