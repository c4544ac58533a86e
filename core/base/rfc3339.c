/* SPDX-License-Identifier: Apache-2.0
 * rfc3339 - formatting and parsing. */
#include "rfc3339.h"

#include "clock.h"

#include <stdio.h>

/* Days and fractions before 1970 round down, so that the fraction is never negative. */
const char *rfc3339_format(int64_t ns, enum rfc3339_unit unit, char out[RFC3339_SIZE])
{
    static const struct {
        int digits;
        int64_t ns;
    } fractions[] = {[RFC3339_SECONDS] = {0, NS_PER_SEC}, [RFC3339_MS] = {3, NS_PER_MS}, [RFC3339_NS] = {9, 1}};
    int64_t fraction = ns % NS_PER_SEC;
    int64_t sec = ns / NS_PER_SEC;
    struct tm tm;

    if (fraction < 0) {
        fraction += NS_PER_SEC;
        sec--;
    }
    time_t t = (time_t)sec;
    gmtime_r(&t, &tm);
    size_t len = strftime(out, RFC3339_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
    if (fractions[unit].digits)
        len += (size_t)snprintf(out + len, RFC3339_SIZE - len, ".%0*d", fractions[unit].digits,
                                (int)(fraction / fractions[unit].ns));
    snprintf(out + len, RFC3339_SIZE - len, "Z");
    return out;
}

/* Reads ".5" as 500000000 and advances *pos; digits after the ninth are ignored. */
static int64_t read_fraction(const char **pos)
{
    int64_t unit = NS_PER_SEC;
    int64_t ns = 0;
    const char *s = *pos;

    if (*s == '.') {
        for (s++; *s >= '0' && *s <= '9'; s++) {
            unit /= 10;
            ns += (*s - '0') * unit;
        }
    }
    *pos = s;
    return ns;
}

/* Reads "Z" or "+02:00" up to the end of the text. 0, or -1: not a zone. */
static int read_zone(const char *s, int64_t *ret_offset_sec)
{
    int hours;
    int minutes;
    int len = 0;

    *ret_offset_sec = 0;
    if (*s == 'Z')
        return s[1] ? -1 : 0;
    if ((*s != '+' && *s != '-') || sscanf(s + 1, "%2d:%2d%n", &hours, &minutes, &len) != 2)
        return -1;
    *ret_offset_sec = (*s == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
    return s[1 + len] ? -1 : 0;
}

int64_t rfc3339_parse(const char *text)
{
    struct tm tm = {0};
    int64_t offset_sec;
    int64_t t;
    const char *rest = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;

    if (!rest)
        return 0;
    int64_t fraction = read_fraction(&rest);
    if (read_zone(rest, &offset_sec) || __builtin_mul_overflow(timegm(&tm) - offset_sec, NS_PER_SEC, &t) ||
        __builtin_add_overflow(t, fraction, &t))
        return 0;
    return t;
}
