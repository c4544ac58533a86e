/* SPDX-License-Identifier: Apache-2.0
 * help - help texts and error messages made from the table of verbs. */
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
    {"--config", "FILE", "configuration file, the same as seamqd's (also SEAMQ_CONFIG)"},
    {"--json", NULL, "print JSON on standard output"},
    {NULL, NULL, NULL},
};

static const char *const about[] = {
    [ASKS_CLUSTER] =
        "The connection is configured as for seamqd: SECTION.KEY=VALUE on the command line, then the environment\n"
        "(SEAMQ_CLUSTER_NAME_KEY, NATS_URL and its family), then the file. seamqd --help lists the keys.\n",
    [ASKS_MESH] =
        "All clusters of the configuration are included. Each [cluster.NAME] needs its domain and a login to its "
        "system\n"
        "account (system_user and system_password, or system_creds): SECTION.KEY=VALUE on the command line, then the\n"
        "environment (SEAMQ_CLUSTER_NAME_KEY), then the file. seamqd --help lists the keys.\n",
    [ASKS_DAEMON] =
        "The seamqd is found by the address of its admin server: seamqd.admin=HOST:PORT on the command line, then\n"
        "SEAMQ_ADMIN, then the daemon's own file with --config; default 127.0.0.1:9222.\n",
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
    fprintf(
        out,
        "\n%sExit status: 0 done, or the check holds; 1 failed, or it does not hold; 2 wrong usage or configuration.\n",
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
    fprintf(out, "Help for one command: seamq help %s VERB\n", noun ? noun : "[NOUN]");
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
        return cli_usage("option %s must follow the command (seamq --help lists the commands)", name);
    const char *between = noun ? " " : "";
    noun = noun ? noun : "";
    if (near)
        return cli_usage("unknown command \"%s%s%s\" (did you mean %s%s%s?)", noun, between, name, noun, between, near);
    return cli_usage("unknown command \"%s%s%s\" (seamq %s%s--help lists the commands)", noun, between, name, noun,
                     between);
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
        return cli_usage("unknown option %s (did you mean %s?)", flag, near);
    return cli_usage("unknown option %s (seamq %s%s%s --help lists the options)", flag, verb->noun ? verb->noun : "",
                     verb->noun ? " " : "", verb->name);
}
