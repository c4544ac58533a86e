/* SPDX-License-Identifier: Apache-2.0
 *
 * seamqd - the daemon's command line: flags, configuration, plugins, then daemon_run().
 * Exit status: 0 as asked, 1 failed at run time, 2 usage or configuration.
 */
#include "base/log.h"
#include "base/clock.h"
#include "config/config.h"
#include "daemon/daemon.h"
#include "daemon/dev.h"
#include "worker/worker.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROBE_NS (10 * NS_PER_SEC)

extern char **environ;

struct flags {
    const char *config;
    bool dev;
    bool check;
    bool print_config;
};

enum { EXIT_USAGE = 2 };

static const char usage[] = "Usage: seamqd [--config FILE] [--plugin-dir DIR]... [--dev] [SECTION.KEY=VALUE]...\n"
                            "\n"
                            "Runs NATS JetStream message handlers: every DIR/NAME.so is a handler, bound to a\n"
                            "durable consumer and run in a process of its own.\n"
                            "\n"
                            "  --plugin-dir DIR   where the handlers are; may be repeated\n"
                            "  --config FILE      an ini file (also SEAMQ_CONFIG)\n"
                            "  --dev              start a private nats-server and create the streams that the\n"
                            "                     handlers ask for; all gone when seamqd ends\n"
                            "  --check            report every problem of configuration and plugins, and exit\n"
                            "  --print-config     print every value and where it came from, and exit\n"
                            "  --version, --help\n"
                            "\n"
                            "Precedence: flag > environment > file > default. Exit status: 0 as asked, 1 failed\n"
                            "at run time, 2 usage or configuration.\n"
                            "\n";

static int wrong_usage(const char *what, const char *why)
{
    fprintf(stderr, "seamqd: %s %s\nTry: seamqd --help\n", what, why);
    return EXIT_USAGE;
}

/* -1: go on; else the exit status. */
static int parse_flags(int argc, char **argv, struct config *config, struct flags *f)
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
        case CONFIG: f->config = optarg; break;
        case PLUGIN_DIR: config_set_flag(config, "--plugin-dir", "seamqd", "plugin_dir", optarg); break;
        case DEV: f->dev = true; break;
        case CHECK: f->check = true; break;
        case PRINT: f->print_config = true; break;
        case VERSION: printf("seamqd %s\n", SEAMQ_VERSION); return 0;
        case HELP:
            fputs(usage, stdout);
            config_print_help(stdout);
            return 0;
        case ':': return wrong_usage(argv[optind - 1], "needs a value");
        default: return wrong_usage(argv[optind - 1], "is not an option");
        }
    }
    for (; optind < argc; optind++) {
        if (!strchr(argv[optind], '='))
            return wrong_usage(argv[optind], "is not SECTION.KEY=VALUE (a plugin directory is given by --plugin-dir)");
        config_set(config, argv[optind]);
    }
    return -1;
}

/* seamq-worker: as configured, else beside seamqd, else ../libexec/seamq, else the installed one. */
static int find_worker(const struct config *c, char *out, size_t size, struct error *err)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (strcmp(c->worker, "auto") != 0) {
        snprintf(out, size, "%s", c->worker);
        return access(out, X_OK) == 0 ? 0 : error_set(err, -errno, "seamqd.worker: %s: %s", out, strerror(errno));
    }
    self[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(self, '/');
    if (slash)
        *slash = '\0';
    static const char *const places[] = {"", "../libexec/seamq/"};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        snprintf(out, size, "%s/%sseamq-worker", self, places[i]);
        if (access(out, X_OK) == 0)
            return 0;
    }
    snprintf(out, size, "%s/seamq-worker", SEAMQ_LIBEXECDIR);
    if (access(out, X_OK) == 0)
        return 0;
    return error_set(err, -ENOENT,
                     "seamq-worker is neither beside seamqd (%s) nor in %s (set seamqd.worker to its path)", self,
                     SEAMQ_LIBEXECDIR);
}

/* Asks each plugin what it is, in a process of its own, and takes its defaults. */
static int load_plugins(struct config *c, const char *worker, struct plugin_info **ret_infos, struct error **ret_errs)
{
    const char **paths = calloc(c->n_handlers + 1, sizeof(char *));
    size_t *index = calloc(c->n_handlers + 1, sizeof(size_t));
    struct plugin_info *found = calloc(c->n_handlers + 1, sizeof(*found));
    struct error *failed = calloc(c->n_handlers + 1, sizeof(*failed));
    *ret_infos = calloc(c->n_handlers + 1, sizeof(**ret_infos));
    *ret_errs = calloc(c->n_handlers + 1, sizeof(**ret_errs));
    bool ok = paths && index && found && failed && *ret_infos && *ret_errs;
    size_t n = 0;

    for (size_t i = 0; ok && i < c->n_handlers; i++) {
        if (!c->handlers[i].enabled || !c->handlers[i].plugin_path)
            continue;
        paths[n] = c->handlers[i].plugin_path;
        index[n++] = i;
    }
    if (ok)
        worker_probe(worker, paths, n, PROBE_NS, found, failed);
    for (size_t k = 0; k < n; k++) {
        size_t i = index[k];
        (*ret_infos)[i] = found[k];
        (*ret_errs)[i] = failed[k];
        if (failed[k].code == 0)
            config_apply_plugin(c, &c->handlers[i], &(*ret_infos)[i]);
    }
    free(paths);
    free(index);
    free(found);
    free(failed);
    return ok ? 0 : -ENOMEM;
}

static size_t n_refused(const struct config *c, const struct error *errs)
{
    size_t n = 0;
    for (size_t i = 0; i < c->n_handlers; i++)
        n += errs[i].code != 0;
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

static int check(struct config *c, const struct error *errs)
{
    for (size_t i = 0; i < c->n_handlers; i++)
        if (errs[i].code)
            config_add_problem(c, "handler %s: %s", c->handlers[i].name, errs[i].text);
    if (config_n_problems(c))
        return print_problems(c);
    printf("ok: %zu handler%s\n", c->n_handlers, c->n_handlers == 1 ? "" : "s");
    for (size_t i = 0; i < c->n_handlers; i++)
        printf("  %-20s %s stream %s\n", c->handlers[i].name,
               c->handlers[i].enabled ? c->handlers[i].plugin_path : "(disabled)",
               c->handlers[i].stream ? c->handlers[i].stream : "-");
    return 0;
}

/* --dev: every cluster that handlers use is the private server. */
static int use_dev_server(struct config *c, struct dev *dev)
{
    for (size_t i = 0; i < c->n_clusters; i++) {
        struct config_cluster *k = &c->clusters[i];
        char *url = strdup(dev_url(dev));
        if (!url || k->urls.n == 0)
            return -ENOMEM;
        free(k->urls.items[0]);
        k->urls.items[0] = url;
        for (size_t n = 1; n < k->urls.n; n++)
            free(k->urls.items[n]);
        k->urls.n = 1;
    }
    return 0;
}

static int run(struct config *c, const char *worker, const struct plugin_info *infos, const struct error *errs,
               bool dev)
{
    struct dev *server = NULL;
    struct daemon *d = NULL;
    struct error err = {0};
    struct daemon_setup setup = {
        .config = c, .program = worker, .version = SEAMQ_VERSION, .plugins = infos, .refused = errs};

    daemon_block_signals();
    int rc = dev ? dev_start(&server, &err) : 0;
    if (rc == 0 && dev)
        rc = use_dev_server(c, server);
    if (rc == 0 && dev)
        rc = dev_create_streams(server, c, errs, &err);
    if (rc == 0)
        rc = daemon_create(&d, &setup, &err);
    int status = 1;
    if (rc)
        log_error("start-failed", LOG_STR("msg", err.text));
    else
        status = daemon_run(d);
    daemon_destroy(d);
    dev_stop(server);
    return status;
}

static int with_config(struct config *c, const struct flags *f)
{
    char worker[PATH_MAX + 64];
    struct plugin_info *infos = NULL;
    struct error *errs = NULL;
    struct error err = {0};
    int status;

    config_finish(c);
    log_setup(STDERR_FILENO, c->log_level, c->log_format);
    if (f->dev || c->plugin_trust == TRUST_ANY)
        worker_trust_any();
    config_discover(c);
    if (find_worker(c, worker, sizeof(worker), &err))
        config_add_problem(c, "%s", err.text);
    else if (load_plugins(c, worker, &infos, &errs))
        config_add_problem(c, "out of memory");
    config_check_bindings(c);
    if (c->n_handlers == 0 && config_n_problems(c) == 0)
        config_add_problem(c,
                           "no handlers: there is no .so in %s (put one there, or name its directory with "
                           "--plugin-dir DIR or SEAMQ_PLUGIN_DIR)",
                           c->plugin_dirs.n ? c->plugin_dirs.items[0] : "the plugin directory");

    if (f->print_config) {
        config_print(c, stdout);
        status = config_n_problems(c) ? print_problems(c) : 0;
    } else if (!errs || (!f->check && config_n_problems(c))) {
        status = print_problems(c);
    } else if (f->check) {
        status = check(c, errs);
    } else {
        log_info("start", LOG_STR("version", SEAMQ_VERSION), LOG_STR("name", c->name),
                 LOG_UINT("handlers", c->n_handlers), LOG_UINT("refused", n_refused(c, errs)));
        status = run(c, worker, infos, errs, f->dev);
    }
    for (size_t i = 0; i < c->n_handlers && infos; i++)
        plugin_info_finish(&infos[i]);
    free(infos);
    free(errs);
    return status;
}

int main(int argc, char **argv)
{
    struct config *config;
    struct flags flags = {0};

    if (config_create(&config)) {
        fprintf(stderr, "seamqd: out of memory\n");
        return 1;
    }
    int status = parse_flags(argc, argv, config, &flags);
    if (status < 0) {
        const char *file = flags.config ? flags.config : getenv("SEAMQ_CONFIG");
        if (file && *file)
            config_load_file(config, file);
        config_load_env(config, environ);
        status = with_config(config, &flags);
    }
    config_destroy(config);
    return status;
}
