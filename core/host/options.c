/* SPDX-License-Identifier: Apache-2.0
 * options - parses option values, checks their bounds, stores them in the instance. */
#include "options.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/value.h"

/* Appends one clause to the sentence. */
static void __attribute__((format(printf, 2, 3))) problem_add(struct error *all, const char *fmt, ...)
{
    char text[ERROR_TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);

    size_t used = all->code ? strlen(all->text) : 0;
    snprintf(all->text + used, sizeof(all->text) - used, "%s%s", used ? "; " : "", text);
    all->code = -EINVAL;
}

static int option_parse(const struct seamq_option *o, const char *text, int64_t *ret, struct error *err)
{
    bool yes = false;
    int rc;
    switch (o->type) {
    case SEAMQ_INT_: return value_parse_int(text, ret, err);
    case SEAMQ_BYTES_: return value_parse_size(text, ret, err);
    case SEAMQ_TIME_: return value_parse_duration(text, ret, err);
    default:
        rc = value_parse_bool(text, &yes, err);
        if (rc == 0)
            *ret = yes;
        return rc;
    }
}

/* 0 or a negative errno; the sentence begins with `shown`. */
static int check_bounds(const struct seamq_option *o, int64_t value, const char *shown, struct error *err)
{
    if (o->type == SEAMQ_BOOL_)
        return 0;
    return value_check_bounds(value, o->min, o->max, shown,
                              o->type == SEAMQ_BYTES_  ? value_format_size
                              : o->type == SEAMQ_TIME_ ? value_format_duration
                                                       : value_format_int,
                              err);
}

static void option_store(char *at, const struct seamq_option *o, const char *text, struct error *err)
{
    struct error why = {0};
    int64_t value = 0;
    const char *shown = o->flags & SEAMQ_SECRET ? "the value" : text;

    if (o->type == SEAMQ_STRING_) {
        memcpy(at + o->offset, &text, sizeof(text));
    } else if (option_parse(o, text, &value, &why)) {
        problem_add(err, "option.%s: %s", o->name, o->flags & SEAMQ_SECRET ? "not a valid value" : why.text);
    } else if (check_bounds(o, value, shown, &why)) {
        problem_add(err, "option.%s: %s", o->name, why.text);
    } else if (o->type == SEAMQ_BOOL_) {
        int32_t yes = value != 0;
        memcpy(at + o->offset, &yes, sizeof(yes));
    } else {
        memcpy(at + o->offset, &value, sizeof(value));
    }
}

int options_check_preset(const struct seamq_option *o, struct error *err)
{
    char room[sizeof(int64_t)];
    struct seamq_option at_start = *o;
    at_start.offset = 0;
    err->code = 0;
    if (o->preset && !(o->flags & SEAMQ_REQUIRED))
        option_store(room, &at_start, o->preset, err);
    return err->code;
}

static void unknown_report(const struct seamq_option *table, size_t n_table, const char *name, struct error *err)
{
    const char *nearest = NULL;
    unsigned best = 4;
    for (size_t i = 0; i < n_table; i++) {
        unsigned d = value_distance(name, table[i].name, best);
        if (d < best) {
            best = d;
            nearest = table[i].name;
        }
    }
    if (nearest)
        problem_add(err, "option.%s: unknown, did you mean option.%s?", name, nearest);
    else
        problem_add(err, "option.%s: this plugin has no such option", name);
}

static const struct seamq_option *option_find(const struct seamq_option *table, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(table[i].name, name) == 0)
            return &table[i];
    return NULL;
}

int options_fill(void *self, const struct seamq_option *table, size_t n_table, const struct option_text *texts,
                 size_t n_texts, struct error *err)
{
    err->code = 0;
    for (size_t i = 0; i < n_texts; i++)
        if (!option_find(table, n_table, texts[i].name))
            unknown_report(table, n_table, texts[i].name, err);

    for (size_t i = 0; i < n_table; i++) {
        const struct seamq_option *o = &table[i];
        const char *text = NULL;
        for (size_t j = 0; j < n_texts; j++)
            if (strcmp(texts[j].name, o->name) == 0)
                text = texts[j].value; /* the last value counts */
        if (!text && (o->flags & SEAMQ_REQUIRED))
            problem_add(err, "option.%s: must be set%s%s%s", o->name, o->help ? " (" : "", o->help ? o->help : "",
                        o->help ? ")" : "");
        else if (text || o->preset)
            option_store(self, o, text ? text : o->preset, err);
    }
    return err->code;
}
