/* SPDX-License-Identifier: Apache-2.0
 * reference - prints the option tables as --help and as docs/configuration.md. */
#include "private.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define WIDTH 100
#define KEY_COLUMN 2
#define DEFAULT_COLUMN 20
#define HELP_COLUMN 44

static void print_upper(FILE *out, const char *s)
{
    for (; *s; s++)
        fputc(toupper((unsigned char)*s), out);
}

/* ---- --help -------------------------------------------------------------------- */

/* Prints the words from HELP_COLUMN on, and breaks lines before WIDTH. */
static void print_wrapped(FILE *out, int column, const char *text)
{
    while (*text) {
        int len = (int)strcspn(text, " ");
        if (column > HELP_COLUMN && column + 1 + len > WIDTH) {
            fprintf(out, "\n%*s", HELP_COLUMN, "");
            column = HELP_COLUMN;
        } else if (column > HELP_COLUMN) {
            fputc(' ', out);
            column++;
        }
        column += fprintf(out, "%.*s", len, text);
        text += len;
        text += *text == ' ';
    }
    fputc('\n', out);
}

static void print_help_row(FILE *out, const char *key, const char *preset, const char *help)
{
    int column = fprintf(out, "%*s%-*s%s", KEY_COLUMN, "", DEFAULT_COLUMN - KEY_COLUMN, key, preset);
    if (column >= HELP_COLUMN) {
        fputc('\n', out);
        column = 0;
    }
    fprintf(out, "%*s", HELP_COLUMN - column, "");
    print_wrapped(out, HELP_COLUMN, help);
}

void config_print_section_help(const struct section_type *type, FILE *out)
{
    fprintf(out, "\n[%s]\n", type->heading);
    for (const struct opt *o = type->options; o->key; o++) {
        char words[128];
        char help[512];
        opt_shown_type(o, words, sizeof(words));
        snprintf(help, sizeof(help), "%s%s%s%s%s", o->help, o->type == OPT_WORD ? " (" : "",
                 o->type == OPT_WORD ? words : "", o->type == OPT_WORD ? ")" : "",
                 o->flags & OPT_FROM_FILE ? "; also as a file's content: KEY_file" : "");
        print_help_row(out, o->key, opt_shown_preset(o), help);
    }
}

void config_print_help(FILE *out)
{
    fprintf(out, "Keys of the ini file; on the command line SECTION.KEY=VALUE, in the environment SEAMQ_KEY,\n"
                 "SEAMQ_CLUSTER_NAME_KEY, SEAMQ_HANDLER_NAME_KEY. Precedence: flag, environment,\n"
                 "file, default. Lists: spaces or commas. Durations 250ms 30s 5m 2h, sizes 64k 10M.\n");
    config_print_section_help(&section_seamqd, out);
    config_print_section_help(&section_cluster, out);
    config_print_section_help(&section_handler, out);
    print_help_row(out, "stream.CLUSTER", "", "another stream on that cluster");
    print_help_row(out, "option.KEY", "the plugin's", "an option of the plugin");
}

/* ---- docs/configuration.md ------------------------------------------------------- */

static const char page_intro[] =
    "<!-- SPDX-License-Identifier: Apache-2.0 -->\n"
    "<!-- Generated from core/config/options.c and core/cli/stream/provision_options.c. Change it there, then run:\n"
    "     UPDATE_DOCS=1 build/tests/config_reference_test -->\n"
    "# Configuration\n"
    "\n"
    "`seamqd` needs no configuration at all: `seamqd --plugin-dir DIR` runs every plugin in `DIR` against\n"
    "`NATS_URL`, or nats://127.0.0.1:4222. Every key can be set in an ini file\n"
    "(`--config FILE`), by an environment variable, or on the command line.\n"
    "\n"
    "`seamqd --check` reports every problem in one run, each with its place and what to do; `seamqd --print-config`\n"
    "shows every value and its source. Unknown keys, sections and `SEAMQ_*` variables are errors that name the "
    "nearest\n"
    "known one.\n"
    "\n"
    "## Precedence\n"
    "\n"
    "1. the command line: `seamqd handler.orders.workers=4`, `--plugin-dir DIR`\n"
    "2. the environment: `SEAMQ_HANDLER_ORDERS_WORKERS=4`\n"
    "3. the file\n"
    "4. for the cluster `default` only: `NATS_URL`, `NATS_USER`, `NATS_PASSWORD`, `NATS_TOKEN`, `NATS_CREDS`,\n"
    "   `NATS_NKEY`, `NATS_CERT`, `NATS_KEY`, `NATS_CA`, `NATS_JS_DOMAIN`\n"
    "5. the declarations of the plugin: its stream, subjects and options\n"
    "6. the default\n"
    "\n"
    "The `NATS_*` variables come after the file, because other tools use them, too: one that is left in a shell or an\n"
    "image must not connect a configured daemon to another server. They only fill gaps: with a login from another "
    "source,\n"
    "a second way to log in is not taken from them. Where other clusters are configured, the cluster `default` exists\n"
    "only if it has a section, a `SEAMQ_CLUSTER_DEFAULT_*` variable, or `NATS_URL`.\n"
    "\n"
    "A value is replaced as a whole: a list from the environment is not joined with the list of the file. An empty\n"
    "environment variable counts as not set. An empty value in the file or on the command line means \"none\" for "
    "keys\n"
    "that can be empty, and is an error for others.\n"
    "\n"
    "A key with a deprecated alias can be set under either name, but not under both. The alias works as before, and "
    "seamqd\n"
    "logs `config-deprecated`.\n"
    "\n"
    "## Values\n"
    "\n"
    "| | |\n"
    "| --- | --- |\n"
    "| list | items between spaces or commas: `nats://a:4222, nats://b:4222` |\n"
    "| duration | a whole number and a unit: `100us` `250ms` `30s` `5m` `2h` `1d`; `0` |\n"
    "| size | `512` `64k` `10M` `1G`, powers of 1024 |\n"
    "| rate | `1000/s` `600/m` `5/h`; `none` |\n"
    "| yes, no | also `true false on off 1 0` |\n"
    "| file | a path; the file must exist and be readable |\n"
    "\n"
    "Names of clusters and handlers consist of `a-z`, `0-9` and `-`, at most 40 characters.\n"
    "\n"
    "## The file\n"
    "\n"
    "Sections `[seamqd]`, `[cluster.NAME]`, `[handler.NAME]` (and for `seamq stream` those of "
    "[provisioning.md](provisioning.md)),\neach once; `KEY = VALUE`, each key once in its section.\n"
    "`;` or `#` at the start of a line begins a comment, and so does ` ;` (with a blank before it) after a value: set "
    "a\n"
    "value with ` ;` in it by the environment, the command line or, for a secret, as a file. Quotes\n"
    "are part of the value. An indented line continues the list above it:\n"
    "\n"
    "```\n"
    "urls = nats://a:4222\n"
    "       nats://b:4222\n"
    "```\n"
    "\n"
    "UTF-8, with or without byte order mark; either line ending; lines up to 64 KiB.\n"
    "\n"
    "## The environment\n"
    "\n"
    "`[seamqd]` keys are `SEAMQ_<KEY>`; the others `SEAMQ_CLUSTER_<NAME>_<KEY>` and `SEAMQ_HANDLER_<NAME>_<KEY>`, all "
    "upper\n"
    "case, with `_` for `-` in a name: `SEAMQ_CLUSTER_SEA_A_URLS` is `urls` in `[cluster.sea-a]`. `stream.CLUSTER` is\n"
    "`SEAMQ_HANDLER_<NAME>_STREAM_<CLUSTER>`, `option.KEY` is `SEAMQ_HANDLER_<NAME>_OPTION_<KEY>`. A variable adds "
    "its\n"
    "section if it does not exist.\n"
    "\n"
    "If a name can be split in several ways, a section that exists (in the file, on the command line) wins, then the\n"
    "longest key at the end. Avoid `-option-` and `-stream-` in names of handlers.\n"
    "\n"
    "`SEAMQ_CONFIG` is the file, as `--config`. seamqd ignores the variables that only `seamq stream` reads\n"
    "(`SEAMQ_STREAMS`, `SEAMQ_STREAM_*`, `SEAMQ_CONSUMERS`, `SEAMQ_CONSUMER_*`, `SEAMQ_PROVISION_*`) and those "
    "that Kubernetes\n"
    "sets for services whose name begins with `seamq` (`SEAMQ_..._SERVICE_HOST`, `SEAMQ_..._PORT_9222_TCP`, ...).\n"
    "\n"
    "## Secrets\n"
    "\n"
    "`user`, `password`, `token`, `system_user`, `system_password` and secret options of plugins can be read from\n"
    "files: `password_file = PATH` in the file, `SEAMQ_CLUSTER_<NAME>_PASSWORD_FILE=PATH`,\n"
    "`SEAMQ_HANDLER_<NAME>_OPTION_<KEY>_FILE=PATH`. One newline at the file's end is not part of the secret. Setting\n"
    "both forms in one place is an error. Secrets, and passwords in URLs, are printed as `********`.\n";

static const char page_examples[] = "\n"
                                    "## A complete file\n"
                                    "\n"
                                    "```ini\n"
                                    "[seamqd]\n"
                                    "plugin_dir = /opt/handlers /opt/more-handlers\n"
                                    "admin = 0.0.0.0:9222\n"
                                    "log_level = info\n"
                                    "drain_timeout = 25s\n"
                                    "\n"
                                    "[cluster.default]\n"
                                    "urls = nats://nats-0.example.com:4222\n"
                                    "       nats://nats-1.example.com:4222\n"
                                    "       nats://nats-2.example.com:4222\n"
                                    "domain = sea-a\n"
                                    "tls = require\n"
                                    "ping_interval = 1s\n"
                                    "\n"
                                    "; orders.so, with the stream and subjects that the plugin declares\n"
                                    "[handler.orders]\n"
                                    "workers = 4\n"
                                    "timeout = 10s\n"
                                    "option.min_amount = 100\n"
                                    "\n"
                                    "; the same plugin on another stream\n"
                                    "[handler.orders-eu]\n"
                                    "plugin = orders\n"
                                    "stream = EU_ORDERS\n"
                                    "filter_subjects = eu.orders.new, eu.orders.changed\n"
                                    "durable = orders-eu\n"
                                    "create = never\n"
                                    "ack = confirmed\n"
                                    "ack_wait = 30s\n"
                                    "max_attempts = 8\n"
                                    "backoff = 1s 10s 1m 10m\n"
                                    "dead_letter = DLQ\n"
                                    "max_memory = 256M ; a worker that uses more is replaced\n"
                                    "```\n"
                                    "\n"
                                    "## In a container, without a file\n"
                                    "\n"
                                    "```sh\n"
                                    "NATS_URL=nats://nats-0:4222,nats://nats-1:4222,nats://nats-2:4222\n"
                                    "SEAMQ_CLUSTER_DEFAULT_USER=orders\n"
                                    "SEAMQ_CLUSTER_DEFAULT_PASSWORD_FILE=/run/secrets/nats-password\n"
                                    "SEAMQ_PLUGIN_DIR=/handlers\n"
                                    "SEAMQ_ADMIN=0.0.0.0:9222\n"
                                    "SEAMQ_HANDLER_ORDERS_STREAM=ORDERS\n"
                                    "SEAMQ_HANDLER_ORDERS_WORKERS=4\n"
                                    "SEAMQ_HANDLER_ORDERS_CREATE=never\n"
                                    "SEAMQ_HANDLER_ORDERS_OPTION_MIN_AMOUNT=100\n"
                                    "```\n";

static void print_env_names(FILE *out, const struct section_type *type, const struct opt *o)
{
    fprintf(out, "`%s", type->variables);
    print_upper(out, o->key);
    fputc('`', out);
    if (o->flags & OPT_FROM_FILE) {
        fprintf(out, ", `%s", type->variables);
        print_upper(out, o->key);
        fprintf(out, "_FILE`");
    }
    if (o->nats_env)
        fprintf(out, ", `%s`", o->nats_env);
}

static void print_page_row(FILE *out, const struct section_type *type, const struct opt *o)
{
    char words[128];
    const char *code = o->shown || !*o->preset ? "" : "`"; /* "the host name" describes, 30s is a value */

    fprintf(out, "| `%s` | %s | %s%s%s | %s", o->key, opt_shown_type(o, words, sizeof(words)), code,
            o->shown ? o->shown : o->preset, code, o->help);
    if (o->alias)
        fprintf(out, "; deprecated alias: `%s`", o->alias);
    fputs(" | ", out);
    print_env_names(out, type, o);
    fprintf(out, " |\n");
}

static void print_page_section(const struct section_type *type, FILE *out)
{
    fprintf(out, "\n## [%s]\n\n%s\n\n", type->heading, type->intro);
    fprintf(out, "| key | value | default | meaning | environment |\n| --- | --- | --- | --- | --- |\n");
    for (const struct opt *o = type->options; o->key; o++)
        print_page_row(out, type, o);
}

void config_print_reference(const struct section_type *const *more, FILE *out)
{
    fputs(page_intro, out);
    print_page_section(&section_seamqd, out);
    print_page_section(&section_cluster, out);
    print_page_section(&section_handler, out);
    fprintf(out, "| `stream.CLUSTER` | text | | another stream on that cluster | "
                 "`SEAMQ_HANDLER_NAME_STREAM_CLUSTER` |\n"
                 "| `option.KEY` | | the plugin's | an option of the plugin "
                 "(`seamq-worker --describe HANDLER.so` lists them) | "
                 "`SEAMQ_HANDLER_NAME_OPTION_KEY`; secret ones also `..._FILE` |\n");
    for (; *more; more++)
        print_page_section(*more, out);
    fputs(page_examples, out);
}
