/* SPDX-License-Identifier: Apache-2.0
 * names - checks of names, subjects and deliver policies. */
#include "names.h"

#include "base/value.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define QUOTED 100
#define QUOTE(text) value_quote((text), (char[QUOTED]){0}, QUOTED)

static const char lower_dash[] = "abcdefghijklmnopqrstuvwxyz0123456789-";

int check_section_name(const char *text, struct error *err)
{
    if (!*text || text[strspn(text, lower_dash)])
        return error_set(err, -EINVAL, "%s is not a name (use a-z, 0-9 and -)", QUOTE(text));
    if (strlen(text) > SECTION_NAME_MAX)
        return error_set(err, -EINVAL, "%s is too long for a name (at most %d characters)", QUOTE(text),
                         SECTION_NAME_MAX);
    return 0;
}

/* True: the text has a blank or a control byte. UTF-8 is allowed. */
static bool has_blank(const char *text)
{
    for (const unsigned char *s = (const unsigned char *)text; *s; s++)
        if (*s <= 0x20 || *s == 0x7f)
            return true;
    return false;
}

int check_instance(const char *text, struct error *err)
{
    if (!*text || has_blank(text) || strlen(text) > 128)
        return error_set(err, -EINVAL, "%s is not an instance name (no spaces, at most 128 characters)", QUOTE(text));
    return 0;
}

int check_plugin(const char *text, struct error *err)
{
    const char *base = strrchr(text, '/');
    base = base ? base + 1 : text;
    if (!*base || strcmp(base, ".so") == 0 || strcmp(base, ".") == 0 || strcmp(base, "..") == 0)
        return error_set(err, -EINVAL, "%s is not a plugin (NAME, NAME.so or a path to one)", QUOTE(text));
    return 0;
}

/* Names of streams, durables and domains are one token of a subject. */
static int check_token(const char *text, const char *what, struct error *err)
{
    if (!*text || has_blank(text) || strpbrk(text, ".*>/\\"))
        return error_set(err, -EINVAL, "%s is not a %s name (no spaces, no . * > / \\)", QUOTE(text), what);
    if (strlen(text) > NATS_NAME_MAX)
        return error_set(err, -EINVAL, "%s is too long for a %s name (at most %d characters)", QUOTE(text), what,
                         NATS_NAME_MAX);
    return 0;
}

int check_domain(const char *text, struct error *err)
{
    return check_token(text, "domain", err);
}

int check_stream(const char *text, struct error *err)
{
    return check_token(text, "stream", err);
}

int check_durable(const char *text, struct error *err)
{
    return check_token(text, "consumer", err);
}

/* Checks a stream name and, if `between` follows, the name after it with `second`. */
static int check_halves(const char *text, char between, int (*second)(const char *, struct error *), struct error *err)
{
    char stream[NATS_NAME_MAX + 2]; /* one byte too many, so that check_stream() refuses it */
    const char *at = strchr(text, between);
    snprintf(stream, sizeof(stream), "%.*s", (int)(at ? at - text : NATS_NAME_MAX + 1), text);
    int r = check_stream(stream, err);
    return r == 0 && at ? second(at + 1, err) : r;
}

int check_consumer(const char *text, struct error *err)
{
    if (!strchr(text, '/'))
        return error_set(err, -EINVAL, "%s is not STREAM/NAME (try ORDERS/billing)", QUOTE(text));
    return check_halves(text, '/', check_durable, err);
}

int check_origin(const char *text, struct error *err)
{
    return check_halves(text, '@', check_domain, err);
}

int check_placement(const char *text, struct error *err)
{
    if (!*text || has_blank(text) || strlen(text) > NATS_NAME_MAX)
        return error_set(err, -EINVAL, "%s is not a cluster or tag (no spaces)", QUOTE(text));
    return 0;
}

int check_stream_template(const char *text, struct error *err)
{
    for (const char *s = text; (s = strpbrk(s, "{}")) != NULL; s = strchr(s, '}') + 1) {
        if (strncmp(s, "{cluster}", 9) != 0 && strncmp(s, "{CLUSTER}", 9) != 0)
            return error_set(err, -EINVAL, "%s: only {cluster} and {CLUSTER} are replaced in a stream name",
                             QUOTE(text));
    }
    return check_stream(text, err);
}

int check_dead_letter(const char *text, struct error *err)
{
    return strcmp(text, "off") == 0 ? 0 : check_stream_template(text, err);
}

static int check_subject(const char *text, bool wildcards, struct error *err)
{
    const char *why = NULL;

    if (!*text)
        why = "it is empty";
    else if (has_blank(text))
        why = "no spaces";
    for (const char *s = text; !why && *s;) {
        size_t len = strcspn(s, ".");
        bool last = s[len] == '\0';
        bool wild = memchr(s, '*', len) || memchr(s, '>', len);
        if (len == 0 || (!last && s[len + 1] == '\0'))
            why = "a token between dots is empty";
        else if (wild && !wildcards)
            why = "no wildcards here";
        else if (wild && len > 1)
            why = "* and > stand for whole tokens";
        else if (*s == '>' && !last)
            why = "> comes last";
        s += last ? len : len + 1;
    }
    return why ? error_set(err, -EINVAL, "%s is not a subject: %s (try orders.*.new or orders.>)", QUOTE(text), why)
               : 0;
}

int check_filter(const char *text, struct error *err)
{
    return check_subject(text, true, err);
}

int check_prefix(const char *text, struct error *err)
{
    return check_subject(text, false, err);
}

bool subjects_overlap(const char *a, const char *b)
{
    for (;;) {
        size_t la = strcspn(a, ".");
        size_t lb = strcspn(b, ".");
        if (*a == '>' || *b == '>')
            return true;
        if (*a != '*' && *b != '*' && (la != lb || memcmp(a, b, la) != 0))
            return false;
        if (a[la] == '\0' || b[lb] == '\0')
            return a[la] == b[lb];
        a += la + 1;
        b += lb + 1;
    }
}

bool subject_covers(const char *pattern, const char *subject)
{
    for (;;) {
        size_t p = strcspn(pattern, ".");
        size_t s = strcspn(subject, ".");
        if (p == 1 && *pattern == '>')
            return s > 0;
        if (s == 1 && *subject == '>')
            return false;
        bool any = p == 1 && *pattern == '*';
        if (!any && (p != s || memcmp(pattern, subject, p) != 0))
            return false;
        if (!pattern[p] || !subject[s])
            return pattern[p] == subject[s];
        pattern += p + 1;
        subject += s + 1;
    }
}

/* Reads `n` digits as a number; -1: fewer digits. */
static int read_digits(const char **pos, int n)
{
    int v = 0;
    for (const char *s = *pos; n > 0; n--, s = ++*pos) {
        if (*s < '0' || *s > '9')
            return -1;
        v = v * 10 + (*s - '0');
    }
    return v;
}

static bool skip_one_of(const char **pos, const char *any)
{
    if (!**pos || !strchr(any, **pos))
        return false;
    ++*pos;
    return true;
}

/* True: RFC 3339, as 2026-01-31T12:00:00Z, 2026-01-31T12:00:00.5+01:00. */
static bool is_rfc3339(const char *s)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year = read_digits(&s, 4);
    int month = year >= 1 && skip_one_of(&s, "-") ? read_digits(&s, 2) : -1;
    int day = month >= 1 && month <= 12 && skip_one_of(&s, "-") ? read_digits(&s, 2) : -1;
    if (day < 1)
        return false;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (day > days[month - 1] + (month == 2 && leap))
        return false;

    int hour = skip_one_of(&s, "T") ? read_digits(&s, 2) : -1;
    int minute = hour >= 0 && hour < 24 && skip_one_of(&s, ":") ? read_digits(&s, 2) : -1;
    int second = minute >= 0 && minute < 60 && skip_one_of(&s, ":") ? read_digits(&s, 2) : -1;
    if (second < 0 || second > 59)
        return false;
    if (skip_one_of(&s, ".")) {
        size_t n = strspn(s, "0123456789");
        if (n < 1 || n > 9)
            return false;
        s += n;
    }
    if (skip_one_of(&s, "Z"))
        return *s == '\0';
    hour = skip_one_of(&s, "+-") ? read_digits(&s, 2) : -1;
    minute = hour >= 0 && hour < 24 && skip_one_of(&s, ":") ? read_digits(&s, 2) : -1;
    return minute >= 0 && minute < 60 && *s == '\0';
}

int check_deliver_policy(const char *text, struct error *err)
{
    static const char *const words[] = {"all", "new", "last", "last_per_subject"};
    static const char by_sequence[] = "by_start_sequence=";
    static const char by_time[] = "by_start_time=";
    int64_t n = 0;

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(text, words[i]) == 0)
            return 0;
    if (strncmp(text, by_sequence, sizeof(by_sequence) - 1) == 0) {
        const char *s = text + sizeof(by_sequence) - 1;
        if (*s >= '0' && *s <= '9' && value_parse_int(s, &n, NULL) == 0 && n >= 1)
            return 0;
        return error_set(err, -EINVAL, "%s: the sequence is a number from 1 (try by_start_sequence=1000)", QUOTE(text));
    }
    if (strncmp(text, by_time, sizeof(by_time) - 1) == 0) {
        if (is_rfc3339(text + sizeof(by_time) - 1))
            return 0;
        return error_set(err, -EINVAL, "%s: the time is RFC 3339 (try by_start_time=2026-01-31T12:00:00Z)",
                         QUOTE(text));
    }
    return error_set(err, -EINVAL,
                     "%s is not a deliver policy (all, new, last, last_per_subject, by_start_sequence=N, "
                     "by_start_time=TIME)",
                     QUOTE(text));
}
