/* SPDX-License-Identifier: Apache-2.0
 * options - the option tables of [seamqd], [cluster.NAME] and [handler.NAME]. */
#include "options.h"

#include "base/value.h"
#include "config.h"
#include "names.h"

#include <stdio.h>
#include <string.h>

#ifndef SEAMQ_PLUGINDIR
#define SEAMQ_PLUGINDIR "/usr/local/lib/seamq/plugins" /* CMake sets the installed path */
#endif

#define MS INT64_C(1000000)
#define SEC (1000 * MS)
#define MINUTE (60 * SEC)
#define HOUR (60 * MINUTE)
#define MILLION 1000000

static const struct opt_word log_levels[] = {{"error", LOG_LEVEL_ERROR},
                                             {"warn", LOG_LEVEL_WARN},
                                             {"info", LOG_LEVEL_INFO},
                                             {"debug", LOG_LEVEL_DEBUG},
                                             {NULL, 0}};
static const struct opt_word log_formats[] = {
    {"auto", LOG_FORMAT_AUTO}, {"text", LOG_FORMAT_TEXT}, {"json", LOG_FORMAT_JSON}, {NULL, 0}};
static const struct opt_word tls_modes[] = {{"auto", TLS_AUTO}, {"require", TLS_REQUIRE}, {"off", TLS_OFF}, {NULL, 0}};
static const struct opt_word federations[] = {
    {"failover", FEDERATION_FAILOVER}, {"all", FEDERATION_ALL}, {"overflow", FEDERATION_OVERFLOW}, {NULL, 0}};
static const struct opt_word creates[] = {{"missing", CREATE_MISSING}, {"never", CREATE_NEVER}, {NULL, 0}};
static const struct opt_word trusts[] = {{"strict", TRUST_STRICT}, {"any", TRUST_ANY}, {NULL, 0}};
const struct opt_word ack_words[] = {
    {"each", ACK_EACH}, {"confirmed", ACK_CONFIRMED}, {"cumulative", ACK_CUMULATIVE}, {NULL, 0}};

#define SEAMQD(f) .offset = offsetof(struct config, f)
#define CLUSTER(f) .offset = offsetof(struct config_cluster, f)
#define HANDLER(f) .offset = offsetof(struct config_handler, f)

/* clang-format off: a row is a key */
static const struct opt seamqd_options[] = {
    {SEAMQD(plugin_dirs), .key = "plugin_dir", .type = OPT_LIST, .preset = SEAMQ_PLUGINDIR,
     .shown = "the installed one", .flags = OPT_LIVE,
     .help = "directories with plugins: every NAME.so in them is a handler"},
    {SEAMQD(plugin_trust), .key = "plugin_trust", .type = OPT_WORD, .preset = "strict", .words = trusts,
     .flags = OPT_LIVE,
     .help =
         "strict: load only plugins that nobody but root or seamqd's user can change; any: load all, as --dev does"},
    {SEAMQD(admin), .key = "admin", .type = OPT_TEXT, .preset = "127.0.0.1:9222", .check = check_admin,
     .help = "host:port of /healthz, /readyz, /metrics, POST /drain and POST /reload, without a login; `off`: none; "
             "port 0: a free port"},
    {SEAMQD(log_level), .key = "log_level", .type = OPT_WORD, .preset = "info", .words = log_levels, .flags = OPT_LIVE,
     .help = "the lowest level that is logged"},
    {SEAMQD(log_format), .key = "log_format", .type = OPT_WORD, .preset = "auto", .words = log_formats,
     .flags = OPT_LIVE, .help = "auto: text on a terminal, otherwise JSON; one line for each event"},
    {SEAMQD(drain_timeout_ns), .key = "drain_timeout", .type = OPT_DURATION, .preset = "25s", .min = SEC, .max = HOUR,
     .flags = OPT_LIVE,
     .help = "time limit of a drain (SIGTERM); running messages get all but the last 3s of it; keep it below the grace "
             "period of the container"},
    {SEAMQD(name), .key = "name", .type = OPT_TEXT, .preset = "", .shown = "the host name", .check = check_instance,
     .help = "name of this seamqd, in connection names and $SRV"},
    {SEAMQD(worker), .key = "worker", .type = OPT_TEXT, .preset = "auto",
     .help = "path of seamq-worker; auto: beside seamqd, else the installed one"},
    {.key = NULL},
};

static const struct opt cluster_options[] = {
    {CLUSTER(urls), .key = "urls", .type = OPT_LIST, .preset = "nats://127.0.0.1:4222", .check = check_url,
     .nats_env = "NATS_URL", .help = "URLs of the servers, nats:// or tls://"},
    {CLUSTER(domain), .key = "domain", .type = OPT_TEXT, .preset = "", .flags = OPT_MAY_BE_EMPTY, .check = check_domain,
     .nats_env = "NATS_JS_DOMAIN", .help = "JetStream domain"},
    {CLUSTER(user), .key = "user", .type = OPT_TEXT, .preset = "", .flags = OPT_MAY_BE_EMPTY | OPT_FROM_FILE,
     .nats_env = "NATS_USER", .help = "user name, with password"},
    {CLUSTER(password), .key = "password", .type = OPT_TEXT, .preset = "",
     .flags = OPT_MAY_BE_EMPTY | OPT_SECRET | OPT_FROM_FILE, .nats_env = "NATS_PASSWORD",
     .help = "password, with user"},
    {CLUSTER(token), .key = "token", .type = OPT_TEXT, .preset = "",
     .flags = OPT_MAY_BE_EMPTY | OPT_SECRET | OPT_FROM_FILE, .nats_env = "NATS_TOKEN", .help = "authentication token"},
    {CLUSTER(creds), .key = "creds", .type = OPT_PATH, .preset = "", .flags = OPT_MAY_BE_EMPTY,
     .nats_env = "NATS_CREDS", .help = "file with a JWT and its seed (from nsc), read at each connect"},
    {CLUSTER(nkey), .key = "nkey", .type = OPT_PATH, .preset = "", .flags = OPT_MAY_BE_EMPTY, .nats_env = "NATS_NKEY",
     .help = "file with an NKey seed"},
    {CLUSTER(system_user), .key = "system_user", .type = OPT_TEXT, .preset = "",
     .flags = OPT_MAY_BE_EMPTY | OPT_FROM_FILE,
     .help = "user of the system account, with system_password; only `seamq mesh` uses it"},
    {CLUSTER(system_password), .key = "system_password", .type = OPT_TEXT, .preset = "",
     .flags = OPT_MAY_BE_EMPTY | OPT_SECRET | OPT_FROM_FILE, .help = "password, with system_user"},
    {CLUSTER(system_creds), .key = "system_creds", .type = OPT_PATH, .preset = "", .flags = OPT_MAY_BE_EMPTY,
     .help = "file with a JWT and its seed for the system account, instead of user and password"},
    {CLUSTER(tls), .key = "tls", .type = OPT_WORD, .preset = "auto", .words = tls_modes,
     .help = "auto: if the server or a tls:// URL requires it; certificates are always verified"},
    {CLUSTER(tls_ca), .key = "tls_ca", .type = OPT_PATH, .preset = "", .flags = OPT_MAY_BE_EMPTY, .nats_env = "NATS_CA",
     .help = "file with the certificate authorities; default: those of the system"},
    {CLUSTER(tls_cert), .key = "tls_cert", .type = OPT_PATH, .preset = "", .flags = OPT_MAY_BE_EMPTY,
     .nats_env = "NATS_CERT", .help = "file with the client certificate, with tls_key"},
    {CLUSTER(tls_key), .key = "tls_key", .type = OPT_PATH, .preset = "", .flags = OPT_MAY_BE_EMPTY,
     .nats_env = "NATS_KEY", .help = "file with the private key of the client, with tls_cert"},
    {CLUSTER(inbox_prefix), .key = "inbox_prefix", .type = OPT_TEXT, .preset = "_INBOX", .check = check_prefix,
     .help = "prefix of reply subjects, for users without permission for _INBOX"},
    {CLUSTER(ping_interval_ns), .key = "ping_interval", .type = OPT_DURATION, .preset = "1s", .min = 100 * MS,
     .max = 10 * MINUTE, .help = "time between pings; seamqd reconnects after two unanswered ones"},
    {.key = NULL},
};

static const struct opt handler_options[] = {
    {HANDLER(plugin), .key = "plugin", .type = OPT_TEXT, .preset = "", .shown = "the section's name",
     .check = check_plugin, .flags = OPT_LIVE, .help = "NAME, NAME.so or a path; several handlers can use one .so"},
    {HANDLER(enabled), .key = "enabled", .type = OPT_BOOL, .preset = "yes", .flags = OPT_LIVE,
     .help = "no: seamqd does not run the handler"},
    {HANDLER(clusters), .key = "clusters", .type = OPT_LIST, .preset = "default", .check = check_section_name,
     .help = "clusters to consume from; the first one is home"},
    {HANDLER(federation), .key = "federation", .type = OPT_WORD, .preset = "failover", .words = federations,
     .help = "failover: consume from the first healthy cluster; all: from all; overflow: from others if home leaves "
             "capacity"},
    {HANDLER(stream), .key = "stream", .type = OPT_TEXT, .preset = "", .shown = "the plugin's",
     .check = check_stream_template,
     .help = "stream to consume; {cluster} and {CLUSTER} (upper case, _ for -) are replaced"},
    {HANDLER(durable), .key = "durable", .type = OPT_TEXT, .preset = "", .shown = "the handler's name",
     .check = check_durable, .help = "name of the durable consumer"},
    {HANDLER(shadow), .key = "shadow", .type = OPT_BOOL, .preset = "no",
     .help = "yes: run the handler beside production with a consumer DURABLE-shadow; outcomes are logged and counted, "
             "and have no effect"},
    {HANDLER(filter_subjects), .key = "filter_subjects", .type = OPT_LIST, .preset = "", .shown = "the plugin's",
     .flags = OPT_MAY_BE_EMPTY, .check = check_filter,
     .help = "subjects to consume, with {cluster} replaced; none: all of the stream"},
    {HANDLER(create), .key = "create", .type = OPT_WORD, .preset = "missing", .words = creates,
     .help =
         "missing: create a missing consumer at start (a deleted one consumes again from deliver_policy); never: for "
         "production"},
    {HANDLER(deliver_policy), .key = "deliver_policy", .type = OPT_TEXT, .preset = "all", .check = check_deliver_policy,
     .help = "start of a new consumer: all, new, last, last_per_subject, by_start_sequence=N, by_start_time=TIME"},
    {HANDLER(ack), .key = "ack", .type = OPT_WORD, .preset = "each", .words = ack_words,
     .help = "confirmed: the server confirms each ack; cumulative: one ack for many messages, see docs/flow.md"},
    {HANDLER(exclusive), .key = "exclusive", .type = OPT_BOOL, .preset = "no",
     .help = "yes: no other process uses this consumer; ack = cumulative requires it"},
    {HANDLER(ack_wait_ns), .key = "ack_wait", .type = OPT_DURATION, .preset = "30s", .min = SEC, .max = 24 * HOUR,
     .help = "lease of the server on a message; seamqd renews it while the message is in flight"},
    {HANDLER(timeout_ns), .key = "timeout", .type = OPT_DURATION, .preset = "30s", .min = MS, .max = 24 * HOUR,
     .flags = OPT_LIVE,
     .help = "time limit for one message; after it the worker is replaced and the message is retried"},
    {HANDLER(max_ack_pending), .key = "max_ack_pending", .type = OPT_INT, .preset = "5000", .min = 1, .max = MILLION,
     .help = "limit of unsettled messages of the consumer"},
    {HANDLER(max_attempts), .key = "max_attempts", .type = OPT_INT, .preset = "5", .min = 1, .max = MILLION,
     .flags = OPT_LIVE, .help = "runs of the handler before a message is dead-lettered"},
    {HANDLER(backoff_ns), .key = "backoff", .type = OPT_DURATIONS, .preset = "1s 5s 30s 2m", .min = MS,
     .max = 24 * HOUR, .flags = OPT_LIVE, .help = "pause before each retry; the last one repeats"},
    {HANDLER(crash_limit), .key = "crash_limit", .type = OPT_INT, .preset = "2", .min = 1, .max = 1000,
     .flags = OPT_LIVE, .help = "crashes or timeouts on one message before it is dead-lettered"},
    {HANDLER(dead_letter), .key = "dead_letter", .type = OPT_TEXT, .preset = "DLQ", .check = check_dead_letter,
     .help = "stream for dead letters, on the cluster of the message, with {CLUSTER} replaced; off: log and drop them"},
    {HANDLER(workers), .key = "workers", .type = OPT_INT, .preset = "1", .min = 1, .max = 256, .flags = OPT_LIVE,
     .help = "worker processes"},
    {HANDLER(ordering), .key = "ordering", .type = OPT_ORDERING, .preset = "none",
     .help = "keeps the order for each key: none, subject, token:N (Nth token of the subject), header:NAME"},
    {HANDLER(key_max_in_flight), .key = "key_max_in_flight", .alias = "lane_max_held", .type = OPT_INT, .preset = "256",
     .min = 1, .max = MILLION, .help = "the handler stops pulling when one key has this many in-flight messages"},
    {HANDLER(rate_limit), .key = "rate_limit", .type = OPT_RATE, .preset = "none",
     .help = "messages that each seamqd starts in a second, minute or hour, retries included"},
    {HANDLER(max_in_flight), .key = "max_in_flight", .type = OPT_INT, .preset = "none", .flags = OPT_NONE, .min = 1,
     .max = MILLION, .help = "messages that all workers together run at one time"},
    {HANDLER(batch_max), .key = "batch_max", .type = OPT_INT, .preset = "1", .min = 1, .max = 65536, .flags = OPT_LIVE,
     .help = "messages in one call, for plugins with handle_batch"},
    {HANDLER(batch_linger_ns), .key = "batch_linger", .type = OPT_DURATION, .preset = "0", .min = 0, .max = MINUTE,
     .flags = OPT_LIVE, .help = "time to wait for a batch to fill"},
    {HANDLER(max_messages), .key = "max_messages", .type = OPT_INT, .preset = "none", .flags = OPT_NONE | OPT_LIVE,
     .min = 1, .max = INT64_MAX, .help = "replace a worker after this many messages"},
    {HANDLER(max_memory), .key = "max_memory", .type = OPT_SIZE, .preset = "none", .flags = OPT_NONE | OPT_LIVE,
     .min = 1 << 20, .max = INT64_MAX,
     .help = "replace a worker that uses more, between messages; at twice as much it is killed"},
    {.key = NULL},
};
/* clang-format on */

const struct section_type section_seamqd = {
    .name = "seamqd",
    .heading = "seamqd",
    .variables = "SEAMQ_",
    .program = "seamqd",
    .intro = "seamqd itself.",
    .options = seamqd_options,
};

const struct section_type section_cluster = {
    .name = "cluster",
    .heading = "cluster.NAME",
    .example = "default",
    .variables = "SEAMQ_CLUSTER_NAME_",
    .program = "seamqd",
    .intro = "One connection to a cluster of NATS servers. `clusters` of a handler refers to it by `NAME`. Without any "
             "such section there is one cluster, `default`.",
    .check_name = check_section_name,
    .options = cluster_options,
};

const struct section_type section_handler = {
    .name = "handler",
    .heading = "handler.NAME",
    .example = "orders",
    .variables = "SEAMQ_HANDLER_NAME_",
    .program = "seamqd",
    .intro =
        "A handler: a plugin, the stream that it consumes, and how. A plugin in a plugin directory that no section "
        "names is a handler with the name of its file and all keys at their defaults. `filter_subjects`, "
        "`deliver_policy`, `ack_wait` and `max_ack_pending` are used to create the consumer. If an existing "
        "consumer differs, seamqd uses the values of the consumer and logs `consumer-drift`; `seamq stream apply` "
        "changes the consumer, `seamq seek` moves it.",
    .check_name = check_section_name,
    .options = handler_options,
};

/* True: `key` is `name`, or NAME_file where `may_be_file`. */
static bool key_matches(const char *key, const char *name, bool may_be_file, bool *ret_is_file)
{
    size_t len = name ? strlen(name) : 0;

    if (!name || strncmp(key, name, len) != 0)
        return false;
    *ret_is_file = may_be_file && strcmp(key + len, "_file") == 0;
    return *ret_is_file || key[len] == '\0';
}

const struct opt *opt_find(const struct section_type *type, const char *key, bool *ret_is_file)
{
    for (const struct opt *o = type->options; o->key; o++) {
        bool may_be_file = ret_is_file && (o->flags & OPT_FROM_FILE);
        bool is_file;
        if (!key_matches(key, o->key, may_be_file, &is_file) && !key_matches(key, o->alias, may_be_file, &is_file))
            continue;
        if (ret_is_file)
            *ret_is_file = is_file;
        return o;
    }
    return NULL;
}

bool opt_is_alias(const struct opt *o, const char *key)
{
    bool is_file;
    return key_matches(key, o->alias, true, &is_file);
}

unsigned near_limit(const char *name)
{
    size_t len = strlen(name);
    return len <= 3 ? 1 : len <= 6 ? 2 : len <= 12 ? 3 : 4;
}

void near_try(const char *name, const char *candidate, const char **best, unsigned *distance)
{
    unsigned d = value_distance(name, candidate, *distance);
    if (d < *distance || (d == *distance && !*best)) {
        *best = candidate;
        *distance = d;
    }
}

const char *opt_nearest(const struct section_type *type, const char *key)
{
    const char *best = NULL;
    unsigned distance = near_limit(key);

    for (const struct opt *o = type->options; o->key; o++)
        near_try(key, o->key, &best, &distance);
    return best;
}

const char *opt_shown_preset(const struct opt *o)
{
    if (o->shown)
        return o->shown;
    return *o->preset ? o->preset : "none";
}

const char *opt_shown_type(const struct opt *o, char *out, size_t size)
{
    static const char *const names[] = {
        [OPT_TEXT] = "text",         [OPT_PATH] = "file",     [OPT_LIST] = "list",
        [OPT_BOOL] = "yes, no",      [OPT_INT] = "number",    [OPT_SIZE] = "size",
        [OPT_DURATION] = "duration", [OPT_RATE] = "rate",     [OPT_DURATIONS] = "list of durations",
        [OPT_ORDERING] = "text",     [OPT_WORD] = "one word",
    };
    int n = 0;

    if (o->type != OPT_WORD) {
        snprintf(out, size, "%s%s", names[o->type], o->flags & OPT_NONE ? ", none" : "");
        return out;
    }
    for (const struct opt_word *w = o->words; w->word && n >= 0 && (size_t)n < size; w++)
        n += snprintf(out + n, size - (size_t)n, "%s%s", n ? ", " : "", w->word);
    return out;
}
