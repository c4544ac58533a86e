/* SPDX-License-Identifier: Apache-2.0
 * endpoints - checks of URLs and host:port, and masking of secrets in URLs. */
#include "names.h"

#include "base/value.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define SHOWN 160

/* Finds "user:password" or a token in a URL; false: there is none. Any text is accepted, so that secrets are masked in
 * a malformed URL as well. */
static bool find_user(const char *url, const char **ret_start, size_t *ret_len)
{
    const char *start = strstr(url, "://");
    start = start ? start + 3 : url;
    const char *at = strrchr(start, '@');
    if (!at)
        return false;
    *ret_start = start;
    *ret_len = (size_t)(at - start);
    return true;
}

bool url_has_user(const char *url)
{
    const char *start;
    size_t len;
    return find_user(url, &start, &len);
}

const char *url_mask(const char *url, char *out, size_t size)
{
    const char *start;
    size_t len;

    if (!find_user(url, &start, &len)) {
        snprintf(out, size, "%s", url);
        return out;
    }
    const char *colon = memchr(start, ':', len);
    int user = colon ? (int)(colon - start) + 1 : 0;
    snprintf(out, size, "%.*s%.*s********%s", (int)(start - url), url, user, start, start + len);
    return out;
}

/* Reads a host or [IPv6] and advances *pos behind it. */
static bool read_host(const char **pos)
{
    static const char alnum[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    const char *s = *pos;

    if (*s == '[') {
        size_t n = strspn(s + 1, "0123456789abcdefABCDEF:.");
        if (n < 2 || s[1 + n] != ']')
            return false;
        *pos = s + n + 2;
        return true;
    }
    size_t n = 0;
    for (; s[n] && (strchr(alnum, s[n]) || strchr("._-", s[n])); n++)
        ;
    if (n == 0 || n > 253 || s[0] == '.' || s[0] == '-')
        return false;
    *pos = s + n;
    return true;
}

/* True: `s` is a decimal port of at least `least`, and nothing else. */
static bool is_port(const char *s, int64_t least)
{
    int64_t n;
    return *s >= '0' && *s <= '9' && value_parse_int(s, &n, NULL) == 0 && n >= least && n <= 65535;
}

static int bad_url(const char *url, const char *why, struct error *err)
{
    char masked[SHOWN * 2];
    char quoted[SHOWN];

    url_mask(url, masked, sizeof(masked));
    return error_set(err, -EINVAL, "%s is not a server's URL: %s", value_quote(masked, quoted, sizeof(quoted)), why);
}

int check_url(const char *text, struct error *err)
{
    const char *sep = strstr(text, "://");
    const char *start;
    size_t len;

    if (!sep)
        return bad_url(text, "it begins with nats:// or tls:// (try nats://127.0.0.1:4222)", err);
    if (strncmp(text, "ws://", 5) == 0 || strncmp(text, "wss://", 6) == 0)
        return bad_url(text, "WebSocket is not supported (use nats:// or tls://)", err);
    if (strncmp(text, "nats://", 7) != 0 && strncmp(text, "tls://", 6) != 0)
        return bad_url(text, "the scheme is nats:// or tls://", err);

    const char *s = sep + 3;
    if (find_user(text, &start, &len)) {
        if (len == 0 || *start == ':')
            return bad_url(text, "the user before @ is empty", err);
        if (memchr(start, '/', len) || memchr(start, '@', len))
            return bad_url(text, "in a password write / as %2F and @ as %40", err);
        if (strncmp(start + len - (len < 8 ? len : 8), "********", 8) == 0)
            return bad_url(text, "it holds the mask that --print-config prints; write the secret instead", err);
        s = start + len + 1;
    }
    if (!read_host(&s))
        return bad_url(text, "the host is missing or has an invalid character", err);
    if (*s == ':' && !is_port(s + 1, 1))
        return bad_url(text, "the port is a number from 1 to 65535", err);
    if (*s && *s != ':')
        return bad_url(text, "only the port may follow the host (try nats://127.0.0.1:4222)", err);
    return 0;
}

int check_admin(const char *text, struct error *err)
{
    char quoted[SHOWN];
    const char *s = text;

    if (strcmp(text, "off") == 0)
        return 0;
    if (!read_host(&s) || *s != ':' || !is_port(s + 1, 0))
        return error_set(err, -EINVAL, "%s is not host:port (try 127.0.0.1:9222, 0.0.0.0:9222 or off)",
                         value_quote(text, quoted, sizeof(quoted)));
    return 0;
}
