/* SPDX-License-Identifier: Apache-2.0
 *
 * cli - the seamq program: one table of verbs (verbs.c), and what every verb needs.
 *
 * A verb is a row of the table and a function in a file of its own:
 *
 *     int stream_ls(struct cli *cli)
 *     {
 *         struct session *s;
 *         int status = cli_connect(cli, 0, &s);
 *         if (status)
 *             return status;
 *         ...
 *         session_close(s);
 *         return EXIT_DONE;
 *     }
 *
 * What it prints for people goes to standard output, or with --json as JSON there; problems and
 * progress go to standard error.  Its return value is the exit status.
 */
#ifndef SEAMQ_CLI_CLI_H
#define SEAMQ_CLI_CLI_H

#include "cli/output.h"
#include "cli/session.h"
#include "cli/stream/provision_config.h"
#include "config/config.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    EXIT_DONE = 0,   /* what was asked holds */
    EXIT_FAILED = 1, /* it does not, or failed at run time */
    EXIT_USAGE = 2,  /* usage or configuration */
};

#define MAX_ARGS 64
#define MAX_FLAGS 16

struct flag {
    const char *name;  /* "--rate" */
    const char *value; /* what follows it: "N"; NULL: nothing */
    const char *help;
};

struct cli;

enum asks { ASKS_CLUSTER, ASKS_MESH, ASKS_DAEMON }; /* the one of --cluster; all of the configuration; a seamqd */

struct verb {
    const char *noun; /* "stream"; NULL: the verb stands alone */
    const char *name; /* "ls" */
    const char *arguments;
    const char *help;
    const struct flag *flags; /* its own, to a row without name; NULL: none */
    size_t min_args;
    size_t max_args;
    enum asks asks;
    /* Adds sources to cli->config, before it is finished; 0 or an exit status. NULL: nothing to add. */
    int (*configure)(struct cli *cli);
    void (*print_keys)(FILE *out); /* keys that are the verb's own, for --help; NULL: none */
    int (*run)(struct cli *cli);
};

/* The table, to a row without name. */
extern const struct verb verbs[];

struct cli {
    const struct verb *verb;
    const char *args[MAX_ARGS];
    size_t n_args;
    bool json;
    struct config *config; /* finished and without problems */
    char *const *env;
    struct provision_config provision; /* filled for `stream plan` and `stream apply` */

    const char *config_path;       /* --config */
    const char *cluster;           /* --cluster */
    const char *values[MAX_FLAGS]; /* of verb->flags; use cli_flag() */
};

/* The whole program: parses, runs the verb, returns the exit status. */
int cli_main(int argc, char **argv, char *const *env, const char *version);

/* NULL: not given; "": given, and takes no value. */
const char *cli_flag(const struct cli *cli, const char *name);
/* The number of a flag into *ret, which keeps its value if the flag is not given. 0, or the exit status after an error
 * message if the text is not a number from `least` to `most`. */
int cli_number(const struct cli *cli, const char *name, int64_t least, int64_t most, int64_t *ret);

/* The cluster that --cluster names, else the only one, else `default`; NULL after having said why not. */
const struct config_cluster *cli_cluster(const struct cli *cli);

/* [handler.NAME] of the configuration; NULL: there is none. */
const struct config_handler *cli_handler(const struct cli *cli, const char *name);

/* A session with cli_cluster(); keeps trying for `wait_ns`. 0, or the exit status after having said why. */
int cli_connect(struct cli *cli, int64_t wait_ns, struct session **ret);

/* A line about what was done: on standard output, or with --json, where that is for data, on standard error. */
void cli_tell(const struct cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* One value on a line of its own, which it takes (NULL: out of memory). The exit status. */
int cli_json(json_t *value);

/* "seamq: ..." on standard error; return EXIT_FAILED and EXIT_USAGE. */
int cli_failed(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int cli_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
