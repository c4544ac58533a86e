/* SPDX-License-Identifier: Apache-2.0
 *
 * cli - the seamq program: runs one verb of the table in verbs.c, and offers what every verb needs.
 *
 * A verb is a row of that table and a function in a file of its own (FAMILY/verb_NAME.c):
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
 * A verb prints its result to standard output, as text or with --json as JSON; errors and progress go to standard
 * error.  Its return value is the exit status.
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
    EXIT_DONE = 0,   /* done, or the check holds */
    EXIT_FAILED = 1, /* failed at run time, or the check does not hold */
    EXIT_USAGE = 2,  /* wrong usage or configuration */
};

#define MAX_ARGS 64
#define MAX_FLAGS 16

struct flag {
    const char *name;  /* "--rate" */
    const char *value; /* name of its value in the help: "N"; NULL: takes none */
    const char *help;
};

struct cli;

/* The peer of a verb: the cluster of --cluster, all configured clusters, or a running seamqd. */
enum asks { ASKS_CLUSTER, ASKS_MESH, ASKS_DAEMON };

struct verb {
    const char *noun; /* "stream"; NULL: the verb stands alone */
    const char *name; /* "ls" */
    const char *arguments;
    const char *help;
    const struct flag *flags; /* its own options, up to a row without name; NULL: none */
    size_t min_args;
    size_t max_args;
    enum asks asks;
    /* Adds sources to cli->config before config_finish(). 0 or an exit status. NULL: nothing to add. */
    int (*configure)(struct cli *cli);
    void (*print_keys)(FILE *out); /* prints the configuration keys of this verb for --help; NULL: none */
    int (*run)(struct cli *cli);
};

/* The table, up to a row without name. */
extern const struct verb verbs[];

struct cli {
    const struct verb *verb;
    const char *args[MAX_ARGS];
    size_t n_args;
    bool json;
    struct config *config; /* finished, without problems */
    char *const *env;
    struct provision_config provision; /* filled for `stream plan` and `stream apply` */

    const char *config_path;       /* --config */
    const char *cluster;           /* --cluster */
    const char *values[MAX_FLAGS]; /* of verb->flags; read them with cli_flag() */
};

/* Parses the command line, runs the verb and returns the exit status. */
int cli_main(int argc, char **argv, char *const *env, const char *version);

/* The value of an option. NULL: not given; "": given, and the option takes no value. */
const char *cli_flag(const struct cli *cli, const char *name);
/* The number of a flag into *ret, which keeps its value if the flag is not given. 0, or the exit status after an error
 * message if the text is not a number from `least` to `most`. */
int cli_number(const struct cli *cli, const char *name, int64_t least, int64_t most, int64_t *ret);

/* The cluster of --cluster, else the only one, else `default`. NULL after an error message. */
const struct config_cluster *cli_cluster(const struct cli *cli);

/* [handler.NAME] of the configuration; NULL: there is none. */
const struct config_handler *cli_handler(const struct cli *cli, const char *name);

/* Opens a session with cli_cluster() and retries for `wait_ns`. 0, or the exit status after an error message. */
int cli_connect(struct cli *cli, int64_t wait_ns, struct session **ret);

/* Prints a line about what was done: to standard output, or to standard error if --json is given. */
void cli_tell(const struct cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Prints and takes a value, on one line; NULL means out of memory. Returns the exit status. */
int cli_json(json_t *value);

/* Print "seamq: ..." to standard error, and return EXIT_FAILED or EXIT_USAGE. */
int cli_failed(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int cli_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
