/* SPDX-License-Identifier: Apache-2.0 */
/* Lets Debian's libnats_static.a, built on glibc 2.38 or newer, link on an older glibc.
 *
 * Since 2.38 the headers map these three functions to other names, which also accept C23's binary constants ("0b101").
 * nats.c never parses such constants. nats.cmake adds this file only if a link without it fails. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 38)
#error "this glibc has the __isoc23 functions itself; see SEAMQ_NATS_LINKS_ALONE in the CMake cache"
#endif

long __isoc23_strtol(const char *text, char **ret_end, int base);
long long __isoc23_strtoll(const char *text, char **ret_end, int base);
int __isoc23_sscanf(const char *text, const char *format, ...) __attribute__((format(scanf, 2, 3)));

long __isoc23_strtol(const char *text, char **ret_end, int base)
{
    return strtol(text, ret_end, base);
}

long long __isoc23_strtoll(const char *text, char **ret_end, int base)
{
    return strtoll(text, ret_end, base);
}

int __isoc23_sscanf(const char *text, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsscanf(text, format, args);
    va_end(args);
    return n;
}
