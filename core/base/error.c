/* SPDX-License-Identifier: Apache-2.0
 * error - formatting of error sentences. */
#include "error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int error_set(struct error *err, int code, const char *fmt, ...)
{
    if (err) {
        char text[ERROR_TEXT_MAX]; /* separate, because an argument may be err->text */
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(text, sizeof(text), fmt, ap);
        va_end(ap);
        memcpy(err->text, text, strlen(text) + 1);
        err->code = code;
    }
    return code;
}

int error_prefix(struct error *err, const char *fmt, ...)
{
    char prefix[ERROR_TEXT_MAX];
    char rest[ERROR_TEXT_MAX];
    va_list ap;

    if (!err)
        return -EINVAL;
    va_start(ap, fmt);
    vsnprintf(prefix, sizeof(prefix), fmt, ap);
    va_end(ap);
    memcpy(rest, err->text, sizeof(rest));
    /* The end of a long sentence is cut on purpose. */
    int n = snprintf(err->text, sizeof(err->text), "%.*s: ", (int)sizeof(err->text) - 3, prefix);
    if (n > 0 && (size_t)n < sizeof(err->text))
        snprintf(err->text + n, sizeof(err->text) - (size_t)n, "%.*s", (int)(sizeof(err->text) - (size_t)n - 1), rest);
    return err->code;
}
