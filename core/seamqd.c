/* SPDX-License-Identifier: Apache-2.0
 *
 * seamqd - the command line of the daemon: flags, configuration, plugins, then daemon_run().
 * Exit status: 0 success, 1 failed at run time, 2 wrong usage or configuration.
 */
#include "base/log.h"
#include "config/config.h"
#include "daemon/daemon.h"
#include "daemon/dev.h"
#include "daemon/config_snapshot.h"
#include "daemon/init.h"
#include "federation/connection.h"
#include "worker/probe.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

struct flags {
    struct config_sources sources;
    bool dev;
    bool check;
    bool print_config;
};

enum { EXIT_USAGE = 2 };

static const char usage[] = "Usage: seamqd [--config FILE] [--plugin-dir DIR]... [--dev] [SECTION.KEY=VALUE]...\n"
                            "\n"
                            "Runs handlers of NATS JetStream messages: each DIR/NAME.so is a handler, which is bound\n"
                            "to a durable consumer and runs in its own processes.\n"
                            "\n"
                            "  --plugin-dir DIR   directory of handlers; may be repeated\n"
                            "  --config FILE      an ini file (also SEAMQ_CONFIG)\n"
                            "  --dev              start a private nats-server and create the streams that the\n"
                            "                     handlers consume; both are deleted when seamqd exits\n"
                            "  --check            report every problem of configuration and plugins, and exit\n"
                            "  --print-config     print every value and where it came from, and exit\n"
                            "  --version, --help\n"
                            "\n"
                            "Precedence: flag > environment > file > default. Exit status: 0 success, 1 failed at\n"
                            "run time, 2 wrong usage or configuration.\n"
                            "\n";

static int wrong_usage(const char *what, const char *why)
{
    fprintf(stderr, "seamqd: %s %s\nTry: seamqd --help\n", what, why);
    return EXIT_USAGE;
}

/* `dirs` has room for argc pointers. Returns -1 to continue, or the exit status. */
static int parse_flags(int argc, char **argv, char **dirs, struct flags *f)
{
    enum { CONFIG, PLUGIN_DIR, DEV, CHECK, PRINT, VERSION, HELP };
    static const struct option options[] = {
        {"config", required_argument, NULL, CONFIG},
        {"plugin-dir", required_argument, NULL, PLUGIN_DIR},
        {"dev", no_argument, NULL, DEV},
        {"check", no_argument, NULL, CHECK},
        {"print-config", no_argument, NULL, PRINT},
        {"version", no_argument, NULL, VERSION},
        {"help", no_argument, NULL, HELP},
        {NULL, 0, NULL, 0},
    };
    opterr = 0;
    for (int c; (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        switch (c) {
        case CONFIG: f->sources.file = optarg; break;
        case PLUGIN_DIR: dirs[f->sources.n_plugin_dirs++] = optarg; break;
        case DEV: f->dev = true; break;
        case CHECK: f->check = true; break;
        case PRINT: f->print_config = true; break;
        case VERSION: printf("seamqd %s\n", SEAMQ_VERSION); return 0;
        case HELP:
            fputs(usage, stdout);
            config_print_help(stdout);
            return 0;
        case ':': return wrong_usage(argv[optind - 1], "needs a value");
        default: /* short options do not exist; in "-xy", optind still points at the argument */
            return wrong_usage(optopt > HELP ? (char[]){'-', (char)optopt, '\0'} : argv[optind - 1],
                               "is not an option");
        }
    }
    f->sources.plugin_dirs = dirs;
    f->sources.assignments = argv + optind;
    f->sources.n_assignments = (size_t)(argc - optind);
    for (; optind < argc; optind++)
        if (!strchr(argv[optind], '='))
            return wrong_usage(argv[optind], "is not SECTION.KEY=VALUE (a plugin directory is given by --plugin-dir)");
    return -1;
}

static size_t n_refused(const struct config_snapshot *snapshot)
{
    size_t n = 0;
    for (size_t i = 0; snapshot->refused && i < snapshot->config->n_handlers; i++)
        n += snapshot->refused[i].code != 0;
    return n;
}

static int print_problems(const struct config *c)
{
    size_t n = config_n_problems(c);
    for (size_t i = 0; i < n; i++)
        fprintf(stderr, "%s\n", config_problem(c, i));
    fprintf(stderr, "seamqd: %zu problem%s\n", n, n == 1 ? "" : "s");
    return EXIT_USAGE;
}

static void print_deprecations(const struct config *c)
{
    for (size_t i = 0; i < config_n_deprecations(c); i++)
        fprintf(stderr, "seamqd: warning: %s\n", config_deprecation(c, i));
}

static void print_streams(const struct config_handler *h)
{
    char stream[256];
    for (size_t i = 0; i < h->clusters.n; i++) {
        config_stream_name(h, h->clusters.items[i], stream, sizeof(stream));
        printf("%s %s", i ? "," : " stream", *stream ? stream : "-");
        if (h->clusters.n > 1)
            printf(" on %s", h->clusters.items[i]);
    }
}

static int configuration_check(const struct config_snapshot *snapshot)
{
    struct config *c = snapshot->config;
    for (size_t i = 0; snapshot->refused && i < c->n_handlers; i++)
        if (snapshot->refused[i].code)
            config_add_problem(c, "handler %s: %s", c->handlers[i].name, snapshot->refused[i].text);
    if (config_n_problems(c))
        return print_problems(c);
    for (size_t i = 0; i < c->dangling.n; i++) {
        struct error err = {0};
        if (worker_dangling_link(c->dangling.items[i], &err))
            fprintf(stderr, "skipped: %s\n", err.text);
    }
    printf("ok: %zu handler%s\n", c->n_handlers, c->n_handlers == 1 ? "" : "s");
    for (size_t i = 0; i < c->n_handlers; i++) {
        printf("  %-20s %s", c->handlers[i].name, c->handlers[i].enabled ? c->handlers[i].plugin_path : "(disabled)");
        print_streams(&c->handlers[i]);
        putchar('\n');
    }
    return 0;
}

static int daemon_start_and_run(struct config_snapshot *snapshot, struct config_sources *sources, bool dev)
{
    struct dev *server = NULL;
    struct daemon *d = NULL;
    struct error err = {0};

    daemon_block_signals();
    int rc = dev ? dev_start(&server, &err) : 0;
    if (rc == 0 && dev) {
        sources->url = dev_url(server);
        rc = config_snapshot_use_server(snapshot, sources->url);
        if (rc)
            error_set(&err, rc, "out of memory");
    }
    if (rc == 0 && dev)
        rc = dev_create_streams(server, snapshot->config, snapshot->refused, &err);
    if (rc == 0)
        rc = daemon_create(&d, snapshot, sources, SEAMQ_VERSION, &err);
    int status = 1;
    if (rc)
        log_error("start-failed", LOG_STR("msg", err.text));
    else
        status = daemon_run(d);
    daemon_destroy(d);
    dev_stop(server);
    return status;
}

static void report_no_handlers(struct config *c)
{
    struct error err = {0};

    if (c->n_handlers > 0 || config_n_problems(c) > 0)
        return;
    if (c->dangling.n > 0 && worker_dangling_link(c->dangling.items[0], &err))
        config_add_problem(c, "no handlers: %s", err.text);
    else
        config_add_problem(c,
                           "no handlers: %s has no .so file (put one there, or name its directory with "
                           "--plugin-dir DIR or SEAMQ_PLUGIN_DIR)",
                           c->plugin_dirs.n ? c->plugin_dirs.items[0] : "the plugin directory");
}

static int run_with_flags(struct flags *f)
{
    struct config_snapshot *snapshot;
    int status;

    f->sources.env = environ;
    f->sources.trust_any = f->dev;
    if (config_snapshot_load(&snapshot, &f->sources, -1)) {
        fprintf(stderr, "seamqd: out of memory\n");
        return 1;
    }
    struct config *c = snapshot->config;
    if (f->print_config || f->check)
        print_deprecations(c);
    log_setup(STDERR_FILENO, c->log_level, c->log_format);
    report_no_handlers(c);
    if (f->print_config) {
        config_print(c, stdout);
        status = config_n_problems(c) ? print_problems(c) : 0;
    } else if (f->check) {
        status = configuration_check(snapshot);
    } else if (config_n_problems(c)) {
        status = print_problems(c);
    } else {
        log_info("start", LOG_STR("version", SEAMQ_VERSION), LOG_STR("name", c->name),
                 LOG_UINT("handlers", c->n_handlers), LOG_UINT("refused", n_refused(snapshot)));
        config_snapshot_log_deprecations(snapshot);
        status = daemon_start_and_run(snapshot, &f->sources, f->dev);
    }
    config_snapshot_unref(snapshot);
    return status;
}

int main(int argc, char **argv)
{
    struct flags flags = {.sources.file = getenv("SEAMQ_CONFIG")};
    char **dirs = calloc((size_t)argc, sizeof(char *));

    init_as_process_1();
    if (!dirs) {
        fprintf(stderr, "seamqd: out of memory\n");
        return 1;
    }
    if (flags.sources.file && !*flags.sources.file)
        flags.sources.file = NULL;
    int status = parse_flags(argc, argv, dirs, &flags);
    if (status < 0)
        status = run_with_flags(&flags);
    free(dirs);
    if (connection_thread_left()) {
        fflush(stdout);
        _exit(status);
    }
    return status;
}
