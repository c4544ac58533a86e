/* SPDX-License-Identifier: Apache-2.0
 * http_parse - request line, fields, and what they say about body and connection. */
#include "admin/http_parse.h"

#include <string.h>
#include <strings.h>

/* Result of the header fields. */
struct fields {
    bool intended;
    unsigned hosts;
    bool body;
    bool close;
    bool keep_alive;
};

/* A name without quotes, spaces and separators (RFC 9110, 5.6.2). */
static bool is_token(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = s[i];
        bool alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!alnum && (c == '\0' || !strchr("!#$%&'*+-.^_`|~", c)))
            return false;
    }
    return len > 0;
}

static bool same_name(const char *s, size_t len, const char *name)
{
    return len == strlen(name) && strncasecmp(s, name, len) == 0;
}

/* Returns the length of the line with its end, 0 if the end has not arrived, or -400 for a byte that no line may have:
 * so TLS is refused at once and not at the deadline.  A bare LF ends a line too (RFC 9112, 2.2), so that a request can
 * be typed. */
static int take_line(const char *s, size_t left, size_t *ret_len)
{
    for (size_t i = 0; i < left; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c == '\n') {
            *ret_len = i > 0 && s[i - 1] == '\r' ? i - 1 : i;
            return (int)i + 1;
        }
        if (i > 0 && s[i - 1] == '\r')
            return -400;
        if ((c < 0x20 && c != '\t' && c != '\r') || c == 0x7f)
            return -400;
    }
    return 0;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int decode_path(const char *s, size_t len, char *ret)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c == '%') {
            int high = len - i > 2 ? hex_digit(s[i + 1]) : -1;
            int low = high < 0 ? -1 : hex_digit(s[i + 2]);
            if (low < 0)
                return -400;
            c = (unsigned char)(high << 4 | low);
            i += 2;
            if (c < 0x20 || c == 0x7f)
                return -400;
        }
        ret[n++] = (char)c;
    }
    ret[n] = '\0';
    return 0;
}

static int parse_target(const char *s, size_t len, struct http_request *ret)
{
    for (size_t i = 0; i < len; i++)
        if (s[i] < 0x21 || s[i] > 0x7e || s[i] == '#')
            return -400;

    /* Absolute form, sent to proxies; every server must accept it (RFC 9112, 3.2.2). */
    bool absolute = len >= 7 && strncasecmp(s, "http://", 7) == 0;
    if (absolute) {
        size_t host = 7;
        while (host < len && s[host] != '/' && s[host] != '?')
            host++;
        if (host == 7)
            return -400;
        s += host;
        len -= host;
    }
    const char *mark = memchr(s, '?', len);
    size_t path_len = mark ? (size_t)(mark - s) : len;
    size_t query_len = mark ? len - path_len - 1 : 0;
    if (query_len)
        memcpy(ret->query, mark + 1, query_len);
    ret->query[query_len] = '\0';
    if (path_len == 0 && absolute)
        return decode_path("/", 1, ret->path);
    return path_len > 0 && s[0] == '/' ? decode_path(s, path_len, ret->path) : -400;
}

/* The version is checked first, because another one may give the rest another meaning. */
static int parse_request_line(const char *s, size_t len, struct http_request *ret, bool *ret_http_1_0)
{
    const char *end = s + len;
    const char *space = memchr(s, ' ', len);
    if (!space || !is_token(s, (size_t)(space - s)))
        return -400;
    const char *target = space + 1;
    const char *space2 = memchr(target, ' ', (size_t)(end - target));
    if (!space2)
        return -400;

    const char *version = space2 + 1;
    if (end - version != 8 || memcmp(version, "HTTP/", 5) != 0 || version[6] != '.')
        return -400;
    if (version[5] < '0' || version[5] > '9' || version[7] < '0' || version[7] > '9')
        return -400;
    if (version[5] != '1')
        return -505;
    *ret_http_1_0 = version[7] == '0';

    size_t method_len = (size_t)(space - s);
    ret->head = method_len == 4 && memcmp(s, "HEAD", 4) == 0;
    ret->post = method_len == 4 && memcmp(s, "POST", 4) == 0;
    if (!ret->head && !ret->post && (method_len != 3 || memcmp(s, "GET", 3) != 0))
        return -405;
    return parse_target(target, (size_t)(space2 - target), ret);
}

static void parse_connection(const char *s, size_t len, struct fields *f)
{
    while (len > 0) {
        const char *comma = memchr(s, ',', len);
        size_t item = comma ? (size_t)(comma - s) : len;
        size_t begin = 0;
        size_t end = item;
        while (begin < end && (s[begin] == ' ' || s[begin] == '\t'))
            begin++;
        while (end > begin && (s[end - 1] == ' ' || s[end - 1] == '\t'))
            end--;
        f->close |= same_name(s + begin, end - begin, "close");
        f->keep_alive |= same_name(s + begin, end - begin, "keep-alive");
        item += comma != NULL;
        s += item;
        len -= item;
    }
}

/* A continued line, or a space before the colon, fails as a name (RFC 9112, 5.1 and 5.2). */
static int parse_field(const char *s, size_t len, struct fields *f)
{
    const char *colon = memchr(s, ':', len);
    if (!colon || !is_token(s, (size_t)(colon - s)))
        return -400;
    size_t name_len = (size_t)(colon - s);
    const char *value = colon + 1;
    size_t value_len = len - name_len - 1;
    while (value_len > 0 && (*value == ' ' || *value == '\t'))
        value_len--, value++;
    while (value_len > 0 && (value[value_len - 1] == ' ' || value[value_len - 1] == '\t'))
        value_len--;

    if (same_name(s, name_len, "host")) {
        if (f->hosts++ > 0)
            return -400;
    } else if (same_name(s, name_len, "seamq")) {
        f->intended |= value_len == 1 && *value == '1';
    } else if (same_name(s, name_len, "connection")) {
        parse_connection(value, value_len, f);
    } else if (same_name(s, name_len, "transfer-encoding")) {
        f->body = true;
    } else if (same_name(s, name_len, "content-length")) {
        if (value_len == 0)
            return -400;
        for (size_t i = 0; i < value_len; i++) {
            if (value[i] < '0' || value[i] > '9')
                return -400;
            f->body |= value[i] != '0';
        }
    }
    return 0;
}

int http_parse(const char *data, size_t len, struct http_request *ret)
{
    struct fields f = {0};
    bool begun = false;
    bool http_1_0 = false;
    size_t at = 0;

    if (len > HTTP_REQUEST_MAX)
        len = HTTP_REQUEST_MAX;
    for (;;) {
        const char *line = data + at;
        size_t n;
        int r = take_line(line, len - at, &n);
        if (r < 0)
            return r;
        if (r == 0)
            return len < HTTP_REQUEST_MAX ? 0 : begun ? -431 : -414;
        at += (size_t)r;
        if (n == 0 && begun)
            break;
        if (n == 0)
            continue; /* empty lines before a request are skipped (RFC 9112, 2.2) */
        r = begun ? parse_field(line, n, &f) : parse_request_line(line, n, ret, &http_1_0);
        if (r < 0)
            return r;
        begun = true;
    }
    if (f.hosts == 0 && !http_1_0)
        return -400;
    if (f.body)
        return -413;
    ret->intended = f.intended;
    ret->keep_alive = !f.close && (!http_1_0 || f.keep_alive);
    return (int)at;
}
