/* SPDX-License-Identifier: Apache-2.0
 * reference - --help's list of keys and the page docs/configuration.md, from the option table. */
#include "private.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define WIDTH 100
#define KEY_COLUMN 2
#define DEFAULT_COLUMN 20
#define HELP_COLUMN 44

static void upper(FILE *out, const char *s)
{
    for (; *s; s++)
        fputc(toupper((unsigned char)*s), out);
}

/* ---- --help -------------------------------------------------------------------- */

/* Words from HELP_COLUMN on, broken before WIDTH. */
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
                 "SEAMQ_CLUSTER_NAME_KEY, SEAMQ_HANDLER_NAME_KEY. First the flag counts, then the environment,\n"
                 "the file, the default. Lists: spaces or commas. Durations 250ms 30s 5m 2h, sizes 64k 10M.\n");
    config_print_section_help(&section_seamqd, out);
    config_print_section_help(&section_cluster, out);
    config_print_section_help(&section_handler, out);
    print_help_row(out, "stream.CLUSTER", "", "another stream on that cluster");
    print_help_row(out, "option.KEY", "the plugin's", "an option of the plugin");
}

/* ---- docs/configuration.md ------------------------------------------------------- */

static const char page_intro[] =
    "<!-- SPDX-License-Identifier: Apache-2.0 -->\n"
    "<!-- Generated from core/config/options.c. Change it there, then run:\n"
    "     UPDATE_DOCS=1 build/tests/config_reference_test -->\n"
    "# Configuration\n"
    "\n"
    "`seamqd` needs no configuration at all: `seamqd --plugin-dir DIR` runs every plugin in `DIR` against\n"
    "`NATS_URL`, or nats://127.0.0.1:4222. Everything else is set in an ini file (`--config FILE`), by\n"
    "environment variables, or on the command line; each key in each of them.\n"
    "\n"
    "`seamqd --check` names every problem in one run, each with its place and what to do; `seamqd --print-config`\n"
    "shows every value and where it came from. Nothing is ignored silently: unknown keys, sections and `SEAMQ_*`\n"
    "variables are errors that name the nearest known one.\n"
    "\n"
    "## Which value counts\n"
    "\n"
    "1. the command line: `seamqd handler.orders.workers=4`, `--plugin-dir DIR`\n"
    "2. the environment: `SEAMQ_HANDLER_ORDERS_WORKERS=4`\n"
    "3. the file\n"
    "4. for the cluster `default` only: `NATS_URL`, `NATS_USER`, `NATS_PASSWORD`, `NATS_TOKEN`, `NATS_CREDS`,\n"
    "   `NATS_NKEY`, `NATS_CERT`, `NATS_KEY`, `NATS_CA`, `NATS_JS_DOMAIN`\n"
    "5. what the plugin declares: its stream, subjects and options\n"
    "6. the default\n"
    "\n"
    "The `NATS_*` family comes after the file, because these variables are shared with other tools: one that is left\n"
    "in a shell or an image must not send a configured daemon elsewhere. They fill gaps, and never mix: who "
    "configures\n"
    "one way to log in gets no other from there. Where other clusters are configured, the cluster `default` exists\n"
    "only if it has a section, a `SEAMQ_CLUSTER_DEFAULT_*` variable, or `NATS_URL`.\n"
    "\n"
    "A key is replaced as a whole: a list from the environment is not joined with the file's. An environment variable\n"
    "that is empty counts as not set. An empty value in the file or on the command line means \"none\" where there "
    "can\n"
    "be none, and is an error elsewhere.\n"
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
    "| file | a path; the file must be there and readable |\n"
    "\n"
    "Names of clusters and handlers hold `a-z`, `0-9` and `-`, at most 40 characters.\n"
    "\n"
    "## The file\n"
    "\n"
    "Sections `[seamqd]`, `[cluster.NAME]`, `[handler.NAME]` (and for `seamq stream` those of "
    "[provisioning.md](provisioning.md)),\neach once; `KEY = VALUE`, each key once in its section.\n"
    "`;` or `#` at the begin of a line starts a comment, and so does ` ;` (with a blank before it) behind a value: a\n"
    "value that holds ` ;` can only be given by the environment, the command line or, for a secret, as a file. Quotes\n"
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
    "`SEAMQ_HANDLER_<NAME>_STREAM_<CLUSTER>`, `option.KEY` is `SEAMQ_HANDLER_<NAME>_OPTION_<KEY>`. A variable makes "
    "its\n"
    "section if there is none.\n"
    "\n"
    "Where a name can be read in several ways, a section that exists (in the file, on the command line) is preferred,\n"
    "then the longest key, read from the right. Handlers are best not named `...-option-...` or `...-stream-...`.\n"
    "\n"
    "`SEAMQ_CONFIG` is the file, as `--config`. Left alone are the names that only `seamq stream` reads\n"
    "(`SEAMQ_STREAMS`, `SEAMQ_STREAM_*`, `SEAMQ_CONSUMERS`, `SEAMQ_CONSUMER_*`, `SEAMQ_PROVISION_*`) and what "
    "Kubernetes\n"
    "adds for services whose name begins with `seamq` (`SEAMQ_..._SERVICE_HOST`, `SEAMQ_..._PORT_9222_TCP`, ...).\n"
    "\n"
    "## Secrets\n"
    "\n"
    "`user`, `password`, `token`, `system_user`, `system_password` and secret options of plugins can lie in files of\n"
    "their own: `password_file = PATH` in the file, `SEAMQ_CLUSTER_<NAME>_PASSWORD_FILE=PATH`,\n"
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
                                    "; orders.so, with the stream and subjects that it declares\n"
                                    "[handler.orders]\n"
                                    "workers = 4\n"
                                    "timeout = 10s\n"
                                    "option.min_amount = 100\n"
                                    "\n"
                                    "; the same plugin once more, on another stream\n"
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
                                    "max_memory = 256M ; a worker that grows beyond is replaced\n"
                                    "```\n"
                                    "\n"
                                    "## The same kind of thing in a container, without a file\n"
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
    upper(out, o->key);
    fputc('`', out);
    if (o->flags & OPT_FROM_FILE) {
        fprintf(out, ", `%s", type->variables);
        upper(out, o->key);
        fprintf(out, "_FILE`");
    }
    if (o->nats_env)
        fprintf(out, ", `%s`", o->nats_env);
}

static void print_row(FILE *out, const struct section_type *type, const struct opt *o)
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
        print_row(out, type, o);
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
