/* SPDX-License-Identifier: Apache-2.0
 * value - parsers and formatters of value.h. */
#include "value.h"

#include "clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define QUOTED 64 /* bytes of a bad value that an error shows */

struct unit {
    const char *name;
    int64_t factor;
};

/* Largest first: formatting uses the first unit that divides the value. */
static const struct unit durations[] = {
    {"d", INT64_C(86400000000000)},
    {"h", INT64_C(3600000000000)},
    {"m", INT64_C(60000000000)},
    {"s", 1000000000},
    {"ms", 1000000},
    {"us", 1000},
    {"ns", 1},
    {NULL, 0},
};

static const struct unit sizes[] = {
    {"T", INT64_C(1) << 40},
    {"G", INT64_C(1) << 30},
    {"M", INT64_C(1) << 20},
    {"k", INT64_C(1) << 10},
    {"", 1},
    {NULL, 0},
};

const char *value_quote(const char *text, char *out, size_t size)
{
    size_t len = strlen(text);
    size_t i = 0;

    if (size < 8)
        return "\"\"";
    out[i++] = '"';
    for (size_t k = 0; k < len && i < size - 5; k++) {
        unsigned char c = (unsigned char)text[k];
        out[i++] = c < 0x20 || c == 0x7f ? '?' : (char)c;
    }
    if (i < len + 1) {
        /* Do not cut inside a UTF-8 sequence. */
        while (i > 1 && ((unsigned char)out[i - 1] & 0xc0) == 0x80)
            i--;
        if (i > 1 && (unsigned char)out[i - 1] >= 0xc0)
            i--;
        memcpy(out + i, "...", 3);
        i += 3;
    }
    out[i++] = '"';
    out[i] = '\0';
    return out;
}

/* Reads decimal digits. -EINVAL: no digit; -ERANGE: too large for int64_t. */
static int read_digits(const char **pos, int64_t *ret)
{
    const char *s = *pos;
    int64_t n = 0;
    int r = 0;

    for (; *s >= '0' && *s <= '9'; s++) {
        if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, *s - '0', &n))
            r = -ERANGE;
    }
    if (s == *pos)
        return -EINVAL;
    *pos = s;
    if (r == 0)
        *ret = n;
    return r;
}

/* Suggests a valid value: for "10x" "10" with `unit`; for text without leading digits `other`. */
static void suggest_value(const char *text, const char *unit, const char *other, char *out, size_t size)
{
    size_t n = strspn(text, "0123456789");
    if (n == 0 || n > 9)
        snprintf(out, size, "%s", other);
    else
        snprintf(out, size, "%.*s%s", (int)n, text, unit);
}

int value_parse_duration(const char *text, int64_t *ret_ns, struct error *err)
{
    char quoted[QUOTED];
    char hint[24];
    const char *s = text;
    int64_t n = 0;
    int r = read_digits(&s, &n);

    if (r == 0 && n == 0 && *s == '\0') {
        *ret_ns = 0;
        return 0;
    }
    for (const struct unit *u = durations; r != -EINVAL && u->name; u++) {
        if (strcmp(s, u->name) != 0)
            continue;
        if (r < 0 || __builtin_mul_overflow(n, u->factor, &n))
            return error_set(err, -ERANGE, "%s is too long for a duration", value_quote(text, quoted, sizeof(quoted)));
        *ret_ns = n;
        return 0;
    }
    suggest_value(text, "s", "30s", hint, sizeof(hint));
    return error_set(err, -EINVAL, "%s is not a duration (try %s)", value_quote(text, quoted, sizeof(quoted)), hint);
}

/* The factor of k, M, G with an optional B or iB; 0: not a suffix. */
static int64_t size_factor(const char *unit)
{
    if (*unit == '\0' || strcasecmp(unit, "B") == 0)
        return 1;
    for (const struct unit *u = sizes; u->name; u++) {
        if (!*u->name || strncasecmp(unit, u->name, 1) != 0)
            continue;
        if (unit[1] == '\0' || strcasecmp(unit + 1, "B") == 0 || strcasecmp(unit + 1, "iB") == 0)
            return u->factor;
    }
    return 0;
}

int value_parse_size(const char *text, int64_t *ret_bytes, struct error *err)
{
    char quoted[QUOTED];
    char hint[24];
    const char *s = text;
    int64_t n = 0;
    int r = read_digits(&s, &n);
    int64_t factor = r == -EINVAL ? 0 : size_factor(s);

    if (factor == 0) {
        suggest_value(text, "M", "64M", hint, sizeof(hint));
        return error_set(err, -EINVAL, "%s is not a size (try %s)", value_quote(text, quoted, sizeof(quoted)), hint);
    }
    if (r < 0 || __builtin_mul_overflow(n, factor, &n))
        return error_set(err, -ERANGE, "%s is too large for a size", value_quote(text, quoted, sizeof(quoted)));
    *ret_bytes = n;
    return 0;
}

int value_parse_bool(const char *text, bool *ret, struct error *err)
{
    static const char *const yes[] = {"yes", "true", "on", "1"};
    static const char *const no[] = {"no", "false", "off", "0"};
    char quoted[QUOTED];

    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
        if (strcasecmp(text, yes[i]) == 0) {
            *ret = true;
            return 0;
        }
        if (strcasecmp(text, no[i]) == 0) {
            *ret = false;
            return 0;
        }
    }
    return error_set(err, -EINVAL, "%s is neither yes nor no", value_quote(text, quoted, sizeof(quoted)));
}

int value_parse_int(const char *text, int64_t *ret, struct error *err)
{
    char quoted[QUOTED];
    const char *s = text;
    int64_t n = 0;
    bool minus = *s == '-';

    if (*s == '-' || *s == '+')
        s++;
    int r = read_digits(&s, &n);
    if (r == -EINVAL || *s)
        return error_set(err, -EINVAL, "%s is not a whole number", value_quote(text, quoted, sizeof(quoted)));
    /* INT64_MIN is refused, so that every caller may negate the result. */
    if (r < 0)
        return error_set(err, -ERANGE, "%s is too large a number", value_quote(text, quoted, sizeof(quoted)));
    *ret = minus ? -n : n;
    return 0;
}

int value_parse_rate(const char *text, double *ret_per_sec, struct error *err)
{
    char quoted[QUOTED];
    char hint[24];
    const char *s = text;
    int64_t whole = 0;
    double fraction = 0;

    if (strcasecmp(text, "none") == 0 || strcmp(text, "0") == 0) {
        *ret_per_sec = 0;
        return 0;
    }
    int r = read_digits(&s, &whole);
    if (r == 0 && *s == '.') {
        double place = 0.1;
        for (s++; *s >= '0' && *s <= '9'; s++, place /= 10)
            fraction += place * (*s - '0');
    }
    double per = strcmp(s, "/s") == 0 ? 1 : strcmp(s, "/m") == 0 ? 60 : strcmp(s, "/h") == 0 ? 3600 : 0;
    if (r == -EINVAL || per == 0) {
        suggest_value(text, "/s", "1000/s", hint, sizeof(hint));
        return error_set(err, -EINVAL, "%s is not a rate (try %s)", value_quote(text, quoted, sizeof(quoted)), hint);
    }
    if (r < 0)
        return error_set(err, -ERANGE, "%s is too large for a rate", value_quote(text, quoted, sizeof(quoted)));
    *ret_per_sec = ((double)whole + fraction) / per;
    return 0;
}

static void format_unit(int64_t n, const struct unit *u, const char *zero, char *out, size_t size)
{
    if (n == 0) {
        snprintf(out, size, "%s", zero);
        return;
    }
    while (n % u->factor != 0)
        u++;
    snprintf(out, size, "%" PRId64 "%s", n / u->factor, u->name);
}

void value_format_duration(int64_t ns, char *out, size_t size)
{
    format_unit(ns, durations, "0", out, size);
}

void value_format_size(int64_t bytes, char *out, size_t size)
{
    format_unit(bytes, sizes, "0", out, size);
}

void value_format_int(int64_t n, char *out, size_t size)
{
    snprintf(out, size, "%" PRId64, n);
}

int value_check_bounds(int64_t n, int64_t min, int64_t max, const char *shown,
                       void (*format)(int64_t n, char *out, size_t size), struct error *err)
{
    char low[32];
    char high[32];

    if ((min == 0 && max == 0) || (n >= min && (n <= max || max < min)))
        return 0;
    format(min, low, sizeof(low));
    format(max, high, sizeof(high));
    if (max < min)
        return error_set(err, -ERANGE, "%s is too small (at least %s)", shown, low);
    return error_set(err, -ERANGE, "%s is out of bounds (%s to %s)", shown, low, high);
}

/* Skips separators and returns the start and length of the next item; false: at the end. */
static bool next_item(const char **pos, const char **ret_item, size_t *ret_len)
{
    static const char separators[] = " \t,\r\n";
    const char *s = *pos;

    if (!s)
        return false;
    s += strspn(s, separators);
    size_t len = strcspn(s, separators);
    *ret_item = s;
    *ret_len = len;
    *pos = s + len;
    return len > 0;
}

bool value_list_next(const char **pos, char *out, size_t size)
{
    const char *item;
    size_t len;

    if (!next_item(pos, &item, &len))
        return false;
    if (size == 0)
        return true;
    if (len > size - 1)
        len = size - 1;
    memcpy(out, item, len);
    out[len] = '\0';
    return true;
}

static unsigned smaller_of(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Levenshtein distance where a swap of two neighbours, the most frequent mistake, is one step. */
unsigned value_distance(const char *a, const char *b, unsigned limit)
{
    enum { MAX = 64 };
    unsigned rows[3][MAX + 1];
    size_t la = strlen(a);
    size_t lb = strlen(b);

    if (la > MAX || lb > MAX || (la > lb ? la - lb : lb - la) > limit)
        return limit + 1;
    for (unsigned j = 0; j <= lb; j++)
        rows[0][j] = j;
    for (unsigned i = 1; i <= la; i++) {
        unsigned *row = rows[i % 3];
        const unsigned *above = rows[(i - 1) % 3];
        const unsigned *above2 = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            row[j] = smaller_of(above[j - 1] + (a[i - 1] != b[j - 1]), smaller_of(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = smaller_of(row[j], above2[j - 2] + 1);
        }
    }
    return smaller_of(rows[la % 3][lb], limit + 1);
}
