/* SPDX-License-Identifier: Apache-2.0
 * help - from the table of verbs. */
#include "help.h"

#include "cli.h"
#include "config/options.h"

#include <string.h>

#define HELP_COLUMN 34

static const struct flag common[] = {
    {"--cluster", "NAME", "the [cluster.NAME] to use; default: the only one, or the one named default"},
    {"--config", "FILE", "an ini file as seamqd's (also SEAMQ_CONFIG)"},
    {"--json", NULL, "JSON on standard output"},
    {NULL, NULL, NULL},
};

static const char about_keys[] =
    "Where and how to connect is configured as for seamqd: SECTION.KEY=VALUE, then the environment\n"
    "(SEAMQ_CLUSTER_NAME_KEY, NATS_URL and its family), then the file. seamqd --help lists the keys.\n"
    "Exit status: 0 what was asked holds, 1 it does not or failed, 2 usage or configuration.\n";

static bool same_noun(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static void print_row(FILE *out, int indent, const char *first, const char *second, const char *third, const char *help)
{
    int n = fprintf(out, "%*s%s", indent, "", first);
    for (int i = 0; i < 2; i++) {
        const char *more = i == 0 ? second : third;
        if (more)
            n += fprintf(out, " %s", more);
    }
    fprintf(out, "%*s%s\n", n < HELP_COLUMN - 1 ? HELP_COLUMN - n : 2, "", help);
}

static void print_flags(FILE *out, const struct flag *flags)
{
    for (; flags && flags->name; flags++)
        print_row(out, 4, flags->name, flags->value, NULL, flags->help);
}

static void print_verb(FILE *out, const struct verb *v, bool with_flags)
{
    if (v->noun)
        print_row(out, 2, v->noun, v->name, v->arguments, v->help);
    else
        print_row(out, 2, v->name, v->arguments, NULL, v->help);
    if (with_flags)
        print_flags(out, v->flags);
}

void help_print(FILE *out, const char *noun, const struct verb *verb)
{
    fprintf(out, "Usage: seamq %s%s [OPTION]... [SECTION.KEY=VALUE]...\n\n", noun ? noun : "",
            verb   ? ""
            : noun ? " VERB"
                   : "NOUN VERB");
    for (const struct verb *v = verbs; v->name; v++)
        if (verb ? v == verb : !noun || same_noun(v->noun, noun))
            print_verb(out, v, noun || verb);
    fprintf(out, "\nOptions of every verb:\n");
    print_flags(out, common);
    fprintf(out, "\n%s", about_keys);
    if (verb && verb->print_keys) {
        fputc('\n', out);
        verb->print_keys(out);
    }
    if (!noun && !verb)
        fprintf(out, "seamq NOUN --help shows a noun's options.\n");
}

bool help_is_noun(const char *name)
{
    for (const struct verb *v = verbs; v->name; v++)
        if (same_noun(v->noun, name))
            return true;
    return false;
}

int help_unknown_verb(const char *noun, const char *name)
{
    const char *near = NULL;
    unsigned distance = near_limit(name);

    for (const struct verb *v = verbs; v->name; v++)
        if (same_noun(v->noun, noun))
            near_try(name, v->name, &near, &distance);
        else if (!noun && v->noun)
            near_try(name, v->noun, &near, &distance);
    const char *between = noun ? " " : "";
    noun = noun ? noun : "";
    if (near)
        return cli_usage("there is no %s%s%s (did you mean %s%s%s?)", noun, between, name, noun, between, near);
    return cli_usage("there is no %s%s%s (seamq %s%s--help lists what there is)", noun, between, name, noun, between);
}

int help_unknown_flag(const struct verb *verb, const char *flag)
{
    const char *near = NULL;
    unsigned distance = near_limit(flag);
    const struct flag *both[] = {verb->flags, common};

    for (size_t i = 0; i < 2; i++)
        for (const struct flag *f = both[i]; f && f->name; f++)
            near_try(flag, f->name, &near, &distance);
    if (near)
        return cli_usage("%s is not an option (did you mean %s?)", flag, near);
    return cli_usage("%s is not an option (seamq %s%s%s --help lists them)", flag, verb->noun ? verb->noun : "",
                     verb->noun ? " " : "", verb->name);
}
