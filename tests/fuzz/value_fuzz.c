/* SPDX-License-Identifier: Apache-2.0
 * value_fuzz - any text as a number, list, name, URL: an accepted value formats and reads back,
 * a shown value is one line without a password. */
#include "base/value.h"
#include "config/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "value_fuzz: %s\n", what);
        abort();
    }
}

static void numbers(const char *text)
{
    struct error err;
    char out[32];
    int64_t n;
    int64_t back;
    bool b;
    double d;

    if (value_parse_duration(text, &n, &err) == 0) {
        value_format_duration(n, out, sizeof(out));
        must(n >= 0 && value_parse_duration(out, &back, NULL) == 0 && back == n, "a duration does not read back");
        must(strlen(out) <= strlen(text) || n == 0, "a duration got longer");
    }
    if (value_parse_size(text, &n, &err) == 0) {
        value_format_size(n, out, sizeof(out));
        must(n >= 0 && value_parse_size(out, &back, NULL) == 0 && back == n, "a size does not read back");
    }
    if (value_parse_rate(text, &d, &err) == 0)
        must(d >= 0, "a rate is negative");
    value_parse_int(text, &n, &err);
    value_parse_bool(text, &b, &err);
}

static void lists(const char *text)
{
    char item[16];
    char quoted[24];

    for (const char *pos = text; value_list_next(&pos, item, sizeof(item));)
        must(*item && !strpbrk(item, " \t,"), "a list's item holds a separator");
    value_quote(text, quoted, sizeof(quoted));
    must(strlen(quoted) < sizeof(quoted) && !strchr(quoted, '\n'), "a quote is not one line");
}

static void names(const char *text)
{
    static int (*const checks[])(const char *, struct error *) = {
        check_section_name, check_instance, check_plugin,      check_admin,
        check_domain,       check_prefix,   check_stream,      check_stream_template,
        check_durable,      check_filter,   check_dead_letter, check_deliver_policy};
    struct error err;

    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        err.text[0] = '\0';
        int r = checks[i](text, &err);
        must((r == 0) == (err.text[0] == '\0'), "a refusal without a sentence");
        must(!strpbrk(err.text, "\r\n"), "a sentence is not one line");
    }
    size_t half = strcspn(text, "|");
    if (text[half]) {
        char *first = strndup(text, half);
        const char *second = text + half + 1;
        must(first != NULL, "out of memory");
        must(subjects_overlap(first, second) == subjects_overlap(second, first), "overlap is one-sided");
        must(value_distance(first, second, 5) == value_distance(second, first, 5), "distance is one-sided");
        if (check_filter(first, NULL) == 0)
            must(subjects_overlap(first, first), "a subject does not overlap itself");
        free(first);
    }
}

/* nats://user:PASSWORD@host with the text as password. */
static void urls(const char *text)
{
    struct error err;
    char masked[64];
    char *url = NULL;

    err.text[0] = '\0';
    check_url(text, &err);
    url_mask(text, masked, sizeof(masked));
    must(asprintf(&url, "nats://u:%s@host:1", text) > 0, "out of memory");
    url_mask(url, masked, sizeof(masked));
    must(strcmp(masked, "nats://u:********@host:1") == 0, "a password is shown");
    err.text[0] = '\0';
    if (check_url(url, &err) < 0 && strlen(text) > 12 && !strstr("nats://u:********@host:1", text))
        must(!strstr(err.text, text), "a sentence holds a password");
    free(url);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (!text)
        abort();
    memcpy(text, data, size);
    text[size] = '\0';
    numbers(text);
    lists(text);
    names(text);
    urls(text);
    free(text);
    return 0;
}
