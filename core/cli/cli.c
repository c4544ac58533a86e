/* SPDX-License-Identifier: Apache-2.0
 * cli - finds the verb of a command line, reads its arguments and the configuration, and runs it. */
#include "cli.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/value.h"
#include "help.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_error(const char *fmt, va_list ap)
{
    fputs("seamq: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
}

int cli_failed(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    print_error(fmt, ap);
    va_end(ap);
    return EXIT_FAILED;
}

int cli_usage(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    print_error(fmt, ap);
    va_end(ap);
    return EXIT_USAGE;
}

void cli_tell(const struct cli *cli, const char *fmt, ...)
{
    FILE *out = cli->json ? stderr : stdout;
    va_list ap;

    va_start(ap, fmt);
    vfprintf(out, fmt, ap);
    va_end(ap);
    fputc('\n', out);
}

int cli_json(json_t *value)
{
    int rc = output_json(stdout, value);
    json_decref(value);
    return rc < 0 ? cli_failed("out of memory") : EXIT_DONE;
}

/* ---- arguments ---------------------------------------------------------------- */

/* A configuration key (cluster.default.urls=...) rather than a file name. Only [consumer.STREAM/NAME] keys contain a
 * slash. */
static bool is_assignment(const char *arg)
{
    const char *eq = strchr(arg, '=');
    const char *dot = strchr(arg, '.');
    return eq && dot && dot < eq &&
           (!memchr(arg, '/', (size_t)(eq - arg)) || strncmp(arg, "consumer.", strlen("consumer.")) == 0);
}

/* The place for the value of the flag in `arg` ("--rate", "--rate=5"); NULL: the flag is unknown. */
static const char **flag_slot(struct cli *cli, const char *arg, bool *ret_takes_value)
{
    static const char given[] = "";
    size_t len = strcspn(arg, "=");
    const struct flag *own = cli->verb->flags;

    *ret_takes_value = true;
    if (len == 8 && strncmp(arg, "--config", len) == 0)
        return &cli->config_path;
    if (len == 9 && strncmp(arg, "--cluster", len) == 0 && cli->verb->asks == ASKS_CLUSTER)
        return &cli->cluster;
    for (size_t i = 0; own && own[i].name && i < MAX_FLAGS; i++) {
        if (strlen(own[i].name) != len || strncmp(own[i].name, arg, len) != 0)
            continue;
        *ret_takes_value = own[i].value != NULL;
        cli->values[i] = given;
        return &cli->values[i];
    }
    return NULL;
}

/* Reads the flag at argv[*at]; 0 or the exit status. */
static int read_flag(struct cli *cli, char **argv, int *at)
{
    const char *arg = argv[*at];
    bool takes_value;

    if (strcmp(arg, "--json") == 0) {
        cli->json = true;
        return 0;
    }
    const char **slot = flag_slot(cli, arg, &takes_value);
    const char *value = strchr(arg, '=');
    if (!slot)
        return help_unknown_flag(cli->verb, arg);
    if (!takes_value)
        return value ? cli_usage("%.*s takes no value", (int)(value - arg), arg) : 0;
    *slot = value ? value + 1 : argv[++*at];
    return *slot && **slot ? 0 : cli_usage("%s needs a value", arg);
}

/* Reads the arguments after the verb; 0 or the exit status. */
static int read_arguments(struct cli *cli, char **argv)
{
    const struct verb *v = cli->verb;
    bool flags = true;

    for (int i = 0; argv[i]; i++) {
        int status = 0;
        if (flags && strcmp(argv[i], "--") == 0)
            flags = false;
        else if (flags && argv[i][0] == '-' && argv[i][1])
            status = read_flag(cli, argv, &i);
        else if (is_assignment(argv[i]))
            config_set(cli->config, argv[i]);
        else if (cli->n_args == v->max_args || cli->n_args == MAX_ARGS)
            status = cli_usage("too many arguments: \"%s\" (seamq %s%s%s %s)", argv[i], v->noun ? v->noun : "",
                               v->noun ? " " : "", v->name, v->arguments ? v->arguments : "takes no arguments");
        else
            cli->args[cli->n_args++] = argv[i];
        if (status)
            return status;
    }
    if (cli->n_args < v->min_args)
        return cli_usage("missing argument: seamq %s%s%s needs %s", v->noun ? v->noun : "", v->noun ? " " : "", v->name,
                         v->arguments);
    return 0;
}

const char *cli_flag(const struct cli *cli, const char *name)
{
    const struct flag *own = cli->verb->flags;
    for (size_t i = 0; own && own[i].name; i++)
        if (strcmp(own[i].name, name) == 0)
            return cli->values[i];
    return NULL;
}

int cli_number(const struct cli *cli, const char *name, int64_t least, int64_t most, int64_t *ret)
{
    const char *text = cli_flag(cli, name);
    struct error err;
    int64_t number;

    if (!text)
        return 0;
    if (value_parse_int(text, &number, &err) < 0)
        return cli_usage("%s: %s", name, err.text);
    if (number < least || number > most)
        return cli_usage("%s: %s is not from %lld to %lld", name, text, (long long)least, (long long)most);
    *ret = number;
    return 0;
}

/* ---- configuration -------------------------------------------------------------- */

/* Verbs that talk to a running seamqd need its admin address only. They ignore other problems of the file, because
 * they may be needed while the file is broken. */
static bool is_relevant_problem(const struct cli *cli, bool file_read, const char *problem)
{
    const char *origin = config_origin(cli->config, "seamqd", "admin");
    size_t len = strlen(origin);

    return cli->verb->asks != ASKS_DAEMON || !file_read || strncmp(problem, "command line: ", 14) == 0 ||
           (strncmp(problem, origin, len) == 0 && problem[len] == ':');
}

/* A mistake in the file may hide its admin address, and another seamqd may listen at the default address. To read that
 * one's status is harmless; to drain or reload it is not. 0 or the exit status. */
static int check_admin_address(const struct cli *cli, bool file_given)
{
    const struct config *c = cli->config;
    size_t n = config_n_problems(c);

    if (cli->verb->asks != ASKS_DAEMON || !file_given || n == 0 ||
        strcmp(config_origin(c, "seamqd", "admin"), "default") != 0)
        return 0;
    for (size_t i = 0; i < n; i++)
        fprintf(stderr, "%s\n", config_problem(c, i));
    if (strcmp(cli->verb->name, "status") != 0)
        return cli_usage("the configuration file has problems and contains no admin address: give it as "
                         "seamqd.admin=HOST:PORT (default %s)",
                         c->admin);
    fprintf(stderr, "seamq: the configuration file has problems and contains no admin address; using the default %s\n",
            c->admin);
    return 0;
}

static int load_config(struct cli *cli)
{
    const char *file = cli->config_path ? cli->config_path : getenv("SEAMQ_CONFIG");
    bool file_given = file && *file;
    bool file_read = !file_given || config_load_file(cli->config, file) == 0;
    config_load_env(cli->config, cli->env);
    config_finish(cli->config);

    for (size_t i = 0; i < config_n_deprecations(cli->config); i++)
        if (is_relevant_problem(cli, file_read, config_deprecation(cli->config, i)))
            cli_failed("warning: %s", config_deprecation(cli->config, i));
    size_t n = 0;
    for (size_t i = 0; i < config_n_problems(cli->config); i++) {
        if (!is_relevant_problem(cli, file_read, config_problem(cli->config, i)))
            continue;
        fprintf(stderr, "%s\n", config_problem(cli->config, i));
        n++;
    }
    return n ? cli_usage("%zu problem%s in the configuration", n, n == 1 ? "" : "s")
             : check_admin_address(cli, file_given);
}

const struct config_cluster *cli_cluster(const struct cli *cli)
{
    const struct config *c = cli->config;
    const char *name = cli->cluster ? cli->cluster : "default";
    const struct config_cluster *found = config_find_cluster(c, name);
    struct buf names = {0};

    if (!cli->cluster && !found && c->n_clusters == 1)
        found = &c->clusters[0];
    if (found)
        return found;
    for (size_t i = 0; i < c->n_clusters; i++)
        buf_printf(&names, "%s%s", i ? ", " : "", c->clusters[i].name);
    const char *text = buf_str(&names);
    if (cli->cluster)
        cli_usage("unknown cluster \"%s\" (configured: %s)", name, text ? text : "");
    else
        cli_usage("several clusters are configured (%s): choose one with --cluster NAME", text ? text : "");
    buf_finish(&names);
    return NULL;
}

const struct config_handler *cli_handler(const struct cli *cli, const char *name)
{
    const struct config *c = cli->config;
    for (size_t i = 0; i < c->n_handlers; i++)
        if (strcmp(c->handlers[i].name, name) == 0)
            return &c->handlers[i];
    return NULL;
}

int cli_connect(struct cli *cli, int64_t wait_ns, struct session **ret)
{
    const struct config_cluster *cluster = cli_cluster(cli);
    struct error err = {0};
    char name[128];

    if (!cluster)
        return EXIT_USAGE;
    snprintf(name, sizeof(name), "seamq %s%s%s", cli->verb->noun ? cli->verb->noun : "", cli->verb->noun ? " " : "",
             cli->verb->name);
    if (session_open(ret, cluster, name, clock_now_ns() + wait_ns, &err) < 0)
        return cli_failed("%s", err.text);
    return 0;
}

/* ---- the program ------------------------------------------------------------------ */

static const struct verb *find_verb(const char *noun, const char *name)
{
    for (const struct verb *v = verbs; v->name; v++)
        if (strcmp(v->name, name) == 0 && (noun ? v->noun && strcmp(v->noun, noun) == 0 : !v->noun))
            return v;
    return NULL;
}

static int run_verb(const struct verb *verb, char **argv, char *const *env)
{
    struct cli cli = {.verb = verb, .env = env};

    if (config_create(&cli.config) < 0)
        return cli_failed("out of memory");
    provision_config_register(&cli.provision, cli.config);
    int status = read_arguments(&cli, argv);
    if (status == 0 && verb->configure)
        status = verb->configure(&cli);
    if (status == 0)
        status = load_config(&cli);
    if (status == 0)
        status = verb->run(&cli);
    provision_config_finish(&cli.provision);
    config_destroy(cli.config);
    return status;
}

static bool asks_help(const char *arg)
{
    return strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0;
}

/* True if --help is among the NULL-terminated arguments. */
static bool any_asks_help(char **args)
{
    while (*args && !asks_help(*args))
        args++;
    return *args != NULL;
}

static int run_command(int argc, char **argv, char *const *env, const char *version)
{
    char **at = argv + (argc > 0);

    if (*at && strcmp(*at, "--version") == 0) {
        printf("seamq %s\n", version);
        return EXIT_DONE;
    }
    bool help = *at && (asks_help(*at) || strcmp(*at, "help") == 0);
    at += help;
    const char *noun = *at && help_is_noun(*at) ? *at++ : NULL;
    if (!*at || asks_help(*at)) {
        help = help || *at;
        help_print(help ? stdout : stderr, noun);
        return help ? EXIT_DONE : EXIT_USAGE;
    }
    const struct verb *verb = find_verb(noun, *at);
    if (!verb)
        return help_unknown_verb(noun, *at);
    if (!help && !any_asks_help(++at))
        return run_verb(verb, at, env);
    help_print_verb(stdout, verb);
    return EXIT_DONE;
}

int cli_main(int argc, char **argv, char *const *env, const char *version)
{
    int status = run_command(argc, argv, env, version);
    bool written = fflush(stdout) == 0 && !ferror(stdout);
    return written || status != EXIT_DONE ? status : cli_failed("cannot write the output: %s", strerror(errno));
}
