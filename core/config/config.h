/* SPDX-License-Identifier: Apache-2.0
 *
 * config - reads flags, environment and ini file into typed structs. Precedence: flag > environment > file > default.
 *
 * The option tables (options.h) define parsing, defaults, checks, --help, --print-config and docs/configuration.md.
 * All problems of a run are collected, each with its place (`orders.ini:12:`, `SEAMQ_DRAIN_TIMEOUT:`, `command line:`)
 * and what to do.
 *
 * Thread: any, one at a time.  Ownership: the config owns all strings; config_destroy() frees them.
 *
 * The steps of seamqd, in this order:
 *   config_create -> config_load_file / config_load_env / config_set (flags) -> config_finish
 *   -> config_discover (plugin directories) -> for each plugin: config_apply_plugin
 *   -> config_check_bindings -> problems empty? run : print them, exit 2
 */
#ifndef SEAMQ_CONFIG_CONFIG_H
#define SEAMQ_CONFIG_CONFIG_H

#include "base/error.h"
#include "base/log.h"
#include "config/plugin_info.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum tls_mode { TLS_AUTO, TLS_REQUIRE, TLS_OFF };
enum create_mode { CREATE_MISSING, CREATE_NEVER };
enum federation_mode { FEDERATION_FAILOVER, FEDERATION_ALL, FEDERATION_OVERFLOW };
enum ack_mode { ACK_EACH, ACK_CONFIRMED, ACK_CUMULATIVE };
enum trust_mode { TRUST_STRICT, TRUST_ANY };
enum ordering_mode { ORDERING_NONE, ORDERING_SUBJECT, ORDERING_TOKEN, ORDERING_HEADER };

struct strv { /* list of strings */
    char **items;
    size_t n;
};

struct config_cluster {
    char *name;
    struct strv urls;
    char *domain; /* NULL: not set; so are the strings below */
    char *user;
    char *password;
    char *token;
    char *creds;       /* file */
    char *nkey;        /* file with the seed */
    char *system_user; /* for `seamq mesh`; seamqd never logs in as the system */
    char *system_password;
    char *system_creds;
    enum tls_mode tls;
    char *tls_ca;
    char *tls_cert;
    char *tls_key;
    char *inbox_prefix;
    int64_t ping_interval_ns;
};

struct config_option { /* option.KEY of a handler */
    char *name;
    char *value;
    char *origin; /* "orders.ini:12" ... */
};

struct config_handler {
    char *name;
    char *plugin;      /* as configured: NAME or NAME.so */
    char *plugin_path; /* resolved by config_discover */
    bool enabled;
    struct strv clusters; /* names, first is home */
    enum federation_mode federation;
    char *stream;                   /* may hold {cluster} {CLUSTER}; NULL until config_apply_plugin when not set */
    struct strv stream_for_cluster; /* "NAME=STREAM": the stream.NAME keys */
    char *durable;                  /* ends in -shadow in shadow mode */
    bool shadow;
    struct strv filter_subjects; /* may hold {cluster} {CLUSTER}; empty until config_apply_plugin when not set */
    enum create_mode create;
    char *deliver_policy; /* all, new, last, last_per_subject, by_start_sequence=N, by_start_time=RFC3339 */
    enum ack_mode ack;
    bool exclusive; /* the user promises that no other process uses the consumer */
    int64_t ack_wait_ns;
    int64_t timeout_ns;
    int64_t max_ack_pending;
    int64_t max_attempts;
    int64_t *backoff_ns; /* n_backoff >= 1; the last one repeats */
    size_t n_backoff;
    int64_t crash_limit;
    char *dead_letter; /* stream, may hold {cluster} {CLUSTER}; "off" */
    int64_t workers;
    enum ordering_mode ordering;
    int64_t ordering_token; /* 1-based, for ORDERING_TOKEN */
    char *ordering_header;  /* for ORDERING_HEADER */
    int64_t key_max_in_flight;
    double rate_limit;     /* messages a second; 0: none */
    int64_t max_in_flight; /* 0: none */
    int64_t batch_max;
    int64_t batch_linger_ns;
    int64_t max_messages; /* a worker is replaced after this many; 0: never */
    int64_t max_memory;   /* bytes; 0: no limit */
    struct config_option *options;
    size_t n_options;
};

struct config {
    struct strv plugin_dirs;
    enum trust_mode plugin_trust;
    char *admin; /* host:port or "off" */
    enum log_level log_level;
    enum log_format log_format;
    int64_t drain_timeout_ns;
    char *name;
    char *worker;                    /* path of the seamq-worker program; "auto": seamqd looks for it */
    struct config_cluster *clusters; /* at least "default" after config_finish */
    size_t n_clusters;
    struct strv dangling;            /* after config_discover: dangling links NAME.so that no section names */
    struct config_handler *handlers; /* after config_discover: of sections, and one for each other plugin */
    size_t n_handlers;
    struct config_private *priv; /* raw values with origins, problems */
};

/* 0 or -ENOMEM. */
int config_create(struct config **ret);
void config_destroy(struct config *c);

/* Sources, in any order: precedence depends on the kind of source.  Problems in the content are collected. A file that
 * cannot be read is a problem and a negative errno. */
int config_load_file(struct config *c, const char *path);
/* Copies SEAMQ_* and NATS_* variables (docs/configuration.md) of `env`, which has the form of `environ`. */
void config_load_env(struct config *c, char *const *env);
/* A flag: "SECTION.KEY=VALUE", for example "handler.orders.workers=4", "seamqd.admin=off". */
void config_set(struct config *c, const char *assignment);
/* A flag with a name of its own, which appends to a list: --plugin-dir DIR is ("seamqd", "plugin_dir", DIR). */
void config_set_flag(struct config *c, const char *flag, const char *section, const char *key, const char *value);

/* Resolves precedence, reads the secrets of KEY_file, converts and checks every value. */
void config_finish(struct config *c);

/* Scans the plugin directories: sets the plugin_path of each handler and adds a handler for each .so that no section
 * names.  Missing directories and plugins are problems. Dangling links are not: they are added to `dangling`. */
void config_discover(struct config *c);

/* Takes stream, filter_subjects and option defaults from the plugin where no source sets them, and checks option.KEY
 * against the options of the plugin (name, type, bounds, required).  A handler without a stream is a problem. */
void config_apply_plugin(struct config *c, struct config_handler *h, const struct plugin_info *info);

/* Writes the stream of handler `h` on `cluster`: stream.CLUSTER, else stream, with {cluster} and {CLUSTER} replaced. */
void config_stream_name(const struct config_handler *h, const char *cluster, char *out, size_t size);

/* Writes `text` (of stream, dead_letter or filter_subjects) with {cluster} and {CLUSTER} replaced. */
void config_cluster_name(const char *text, const char *cluster, char *out, size_t size);

/* Checks across keys and handlers: unknown clusters, one consumer in two handlers or two domains, batches that cannot
 * fill, cumulative acknowledgement, dead letters in the handler's own stream. */
void config_check_bindings(struct config *c);

struct config_cluster *config_find_cluster(const struct config *c, const char *name);

/* ---- two configurations, for a reload ---- */

bool config_cluster_same(const struct config_cluster *a, const struct config_cluster *b);
/* The first key of [seamqd] that differs and is read at start only; NULL: none. */
const char *config_needs_restart(const struct config *a, const struct config *b);
/* CHANGE_WORKERS: only the plugin, its options, the workers or the limits of retries differ; CHANGE_CONSUMER: other
 * keys as well. The keys of the clusters are not compared. */
enum config_change { CHANGE_NONE, CHANGE_WORKERS, CHANGE_CONSUMER };
enum config_change config_handler_change(const struct config_handler *a, const struct config_handler *b);

/* The problems found so far, each one line for the user. */
size_t config_n_problems(const struct config *c);
const char *config_problem(const struct config *c, size_t i);
/* Adds a problem, "PLACE: what is wrong (what to do)". */
void config_add_problem(struct config *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Deprecated keys in use, known after config_finish(): each a sentence that names the new key. */
size_t config_n_deprecations(const struct config *c);
const char *config_deprecation(const struct config *c, size_t i);
/* The source of a key's value: "orders.ini:12", "SEAMQ_ADMIN", "default"... */
const char *config_origin(const struct config *c, const char *section, const char *key);

/* Prints every value with its source, as an ini file with comments; secrets as ********. */
void config_print(const struct config *c, FILE *out);
/* Prints the keys of seamqd for --help. */
void config_print_help(FILE *out);

#endif
