/* SPDX-License-Identifier: Apache-2.0
 *
 * rfc3339 - times as RFC 3339 texts: 2026-01-31T12:00:00.500Z. Times are Unix time in ns. Pure, any thread.
 */
#ifndef SEAMQ_BASE_RFC3339_H
#define SEAMQ_BASE_RFC3339_H

#include <stdint.h>

#define RFC3339_SIZE sizeof("2026-01-31T12:00:00.000000000Z")

enum rfc3339_unit { RFC3339_SECONDS, RFC3339_MS, RFC3339_NS }; /* digits of the fraction: 0, 3, 9 */

/* Writes the time in UTC; smaller units are cut off, never rounded up. Returns out. */
const char *rfc3339_format(int64_t ns, enum rfc3339_unit unit, char out[RFC3339_SIZE]);

/* Any zone, a fraction of any length. 0 if the text is not a time, or a time that int64_t cannot hold: NULL, and the
 * year 1, which servers write for "never". */
int64_t rfc3339_parse(const char *text);

#endif
