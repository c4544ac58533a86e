/* SPDX-License-Identifier: Apache-2.0
 * help - from the table of verbs. */
#include "help.h"

#include "cli.h"
#include "config/options.h"

#include <string.h>

#define HELP_COLUMN 34

static const struct flag cluster[] = {
    {"--cluster", "NAME", "the [cluster.NAME] to use; default: the only one, or the one named default"},
    {NULL, NULL, NULL},
};

static const struct flag common[] = {
    {"--config", "FILE", "an ini file as seamqd's (also SEAMQ_CONFIG)"},
    {"--json", NULL, "JSON on standard output"},
    {NULL, NULL, NULL},
};

static const char *const about[] = {
    [ASKS_CLUSTER] =
        "Where and how to connect is configured as for seamqd: SECTION.KEY=VALUE, then the environment\n"
        "(SEAMQ_CLUSTER_NAME_KEY, NATS_URL and its family), then the file. seamqd --help lists the keys.\n",
    [ASKS_MESH] =
        "All clusters of the configuration are looked at, by [cluster.NAME] with its domain and the login of its\n"
        "system account (system_user, system_password or system_creds): SECTION.KEY=VALUE, then the environment\n"
        "(SEAMQ_CLUSTER_NAME_KEY), then the file. seamqd --help lists the keys.\n",
    [ASKS_DAEMON] =
        "It asks the seamqd whose admin server is at seamqd.admin=HOST:PORT (127.0.0.1:9222); also SEAMQ_ADMIN, or\n"
        "the daemon's own file by --config.\n",
};

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

static void print_line(FILE *out, const struct verb *v)
{
    if (v->noun)
        print_row(out, 2, v->noun, v->name, v->arguments, v->help);
    else
        print_row(out, 2, v->name, v->arguments, NULL, v->help);
}

static void print_common(FILE *out, enum asks asks)
{
    if (asks == ASKS_CLUSTER)
        print_flags(out, cluster);
    print_flags(out, common);
    fprintf(out, "\n%sExit status: 0 what was asked holds, 1 it does not or failed, 2 usage or configuration.\n",
            about[asks]);
}

void help_print(FILE *out, const char *noun)
{
    enum asks asks = ASKS_CLUSTER;

    fprintf(out, "Usage: seamq %s VERB [OPTION]... [SECTION.KEY=VALUE]...\n\n", noun ? noun : "[NOUN]");
    for (const struct verb *v = verbs; v->name; v++) {
        if (noun && !same_noun(v->noun, noun))
            continue;
        asks = noun ? v->asks : ASKS_CLUSTER;
        print_line(out, v);
        if (noun)
            print_flags(out, v->flags);
    }
    fprintf(out, "\nOptions:\n");
    print_common(out, asks);
    fprintf(out, "More of one: seamq help %s VERB\n", noun ? noun : "[NOUN]");
}

void help_print_verb(FILE *out, const struct verb *v)
{
    fprintf(out, "Usage: seamq %s%s%s%s%s [OPTION]... [SECTION.KEY=VALUE]...\n\n  %s\n\n", v->noun ? v->noun : "",
            v->noun ? " " : "", v->name, v->arguments ? " " : "", v->arguments ? v->arguments : "", v->help);
    print_flags(out, v->flags);
    print_common(out, v->asks);
    if (v->print_keys) {
        fputc('\n', out);
        v->print_keys(out);
    }
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
    if (*name == '-')
        return cli_usage("%s: options follow the verb (seamq --help lists what there is)", name);
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
    const struct flag *all[] = {verb->flags, common, verb->asks == ASKS_CLUSTER ? cluster : NULL};

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        for (const struct flag *f = all[i]; f && f->name; f++)
            near_try(flag, f->name, &near, &distance);
    if (near)
        return cli_usage("%s is not an option (did you mean %s?)", flag, near);
    return cli_usage("%s is not an option (seamq %s%s%s --help lists them)", flag, verb->noun ? verb->noun : "",
                     verb->noun ? " " : "", verb->name);
}
