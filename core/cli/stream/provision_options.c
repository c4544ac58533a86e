/* SPDX-License-Identifier: Apache-2.0
 * stream/provision_options - the option tables of [provision], [stream.NAME] and [consumer.STREAM/NAME]. */
#include "provision_config_private.h"

#include "config/names.h"

#include <string.h>

#define MS INT64_C(1000000)
#define SEC (1000 * MS)
#define HOUR (3600 * SEC)
#define MILLION 1000000

static const struct opt_word storages[] = {{"file", STORAGE_FILE}, {"memory", STORAGE_MEMORY}, {NULL, 0}};
static const struct opt_word retentions[] = {
    {"limits", RETENTION_LIMITS}, {"interest", RETENTION_INTEREST}, {"workqueue", RETENTION_WORKQUEUE}, {NULL, 0}};
static const struct opt_word discards[] = {{"old", DISCARD_OLD}, {"new", DISCARD_NEW}, {NULL, 0}};

#define PROVISION(f) .offset = offsetof(struct provision_config, f)
#define STREAM(f) .offset = offsetof(struct stream_config, f)
#define CONSUMER(f) .offset = offsetof(struct consumer_config, f)

/* clang-format off: one row is one key */
static const struct opt provision_options[] = {
    {PROVISION(timeout_ns), .key = "timeout", .type = OPT_DURATION, .preset = "2m", .min = SEC, .max = HOUR,
     .help = "time limit of the whole run, with waiting for the servers"},
    {PROVISION(dry_run), .key = "dry_run", .type = OPT_BOOL, .preset = "no",
     .help = "yes: show the plan and change nothing"},
    {.key = NULL},
};

static const struct opt stream_options[] = {
    {STREAM(subjects), .key = "subjects", .type = OPT_LIST, .preset = "", .flags = OPT_MAY_BE_EMPTY,
     .check = check_filter, .help = "subjects of the stream; required, except for a mirror or a stream with sources"},
    {STREAM(replicas), .key = "replicas", .type = OPT_INT, .preset = "", .shown = "1", .min = 1, .max = 5,
     .help = "number of copies; reduced only if this key is set"},
    {STREAM(storage), .key = "storage", .type = OPT_WORD, .preset = "file", .words = storages,
     .help = "cannot be changed"},
    {STREAM(retention), .key = "retention", .type = OPT_WORD, .preset = "limits", .words = retentions,
     .help =
         "workqueue: a message is deleted when it is acknowledged; interest: when all consumers have acknowledged it"},
    {STREAM(max_age_ns), .key = "max_age", .type = OPT_DURATION, .preset = "none", .flags = OPT_NONE, .min = 100 * MS,
     .max = INT64_MAX, .help = "older messages are deleted"},
    {STREAM(max_bytes), .key = "max_bytes", .type = OPT_SIZE, .preset = "none", .flags = OPT_NONE, .min = 1,
     .max = INT64_MAX, .help = "total size of the messages"},
    {STREAM(max_msgs), .key = "max_msgs", .type = OPT_INT, .preset = "none", .flags = OPT_NONE, .min = 1,
     .max = INT64_MAX, .help = "number of messages"},
    {STREAM(max_msg_size), .key = "max_msg_size", .type = OPT_SIZE, .preset = "none", .flags = OPT_NONE, .min = 1,
     .max = INT32_MAX, .help = "maximum size of one message with its headers"},
    {STREAM(discard), .key = "discard", .type = OPT_WORD, .preset = "old", .words = discards,
     .help = "at a limit: delete the oldest messages, or refuse new ones"},
    {STREAM(duplicate_window_ns), .key = "duplicate_window", .type = OPT_DURATION, .preset = "",
     .shown = "2m, or a shorter max_age", .min = 100 * MS, .max = INT64_MAX,
     .help = "time for which the server remembers a Nats-Msg-Id"},
    {STREAM(mirror), .key = "mirror", .type = OPT_TEXT, .preset = "", .flags = OPT_MAY_BE_EMPTY, .check = check_origin,
     .help = "the stream to mirror: STREAM, or STREAM@DOMAIN in another domain; cannot be changed"},
    {STREAM(sources), .key = "sources", .type = OPT_LIST, .preset = "", .flags = OPT_MAY_BE_EMPTY,
     .check = check_origin, .help = "streams to copy from: STREAM or STREAM@DOMAIN"},
    {STREAM(placement_cluster), .key = "placement_cluster", .type = OPT_TEXT, .preset = "", .flags = OPT_MAY_BE_EMPTY,
     .check = check_placement, .help = "the cluster whose servers store the stream"},
    {STREAM(placement_tags), .key = "placement_tags", .type = OPT_LIST, .preset = "", .flags = OPT_MAY_BE_EMPTY,
     .check = check_placement, .help = "tags of the servers that store the stream"},
    {.key = NULL},
};

static const struct opt consumer_options[] = {
    {CONSUMER(filter_subjects), .key = "filter_subjects", .type = OPT_LIST, .preset = "", .shown = "all",
     .flags = OPT_MAY_BE_EMPTY, .check = check_filter, .help = "the filter_subjects of the handler or its plugin"},
    {CONSUMER(deliver_policy), .key = "deliver_policy", .type = OPT_TEXT, .preset = "all",
     .check = check_deliver_policy,
     .help = "start of a new consumer: all, new, last, last_per_subject, by_start_sequence=N, by_start_time=TIME"},
    {CONSUMER(ack), .key = "ack", .type = OPT_WORD, .preset = "each", .words = ack_words,
     .help =
         "the ack of the handler: each and confirmed need explicit acks, cumulative needs `all`; cannot be changed"},
    {CONSUMER(ack_wait_ns), .key = "ack_wait", .type = OPT_DURATION, .preset = "30s", .min = SEC, .max = 24 * HOUR,
     .help = "lease of the server on a message"},
    {CONSUMER(max_ack_pending), .key = "max_ack_pending", .type = OPT_INT, .preset = "5000", .min = 1, .max = MILLION,
     .help = "limit of unsettled messages"},
    {CONSUMER(replicas), .key = "replicas", .type = OPT_INT, .preset = "", .shown = "the stream's", .min = 1, .max = 5,
     .help = "number of copies of the consumer's state"},
    {.key = NULL},
};
/* clang-format on */

static int check_consumer_name(const char *name, struct error *err)
{
    return strcmp(name, DEFAULTS_NAME) == 0 ? 0 : check_consumer(name, err);
}

const struct section_type section_provision = {
    .name = "provision",
    .heading = "provision",
    .variables = "SEAMQ_PROVISION_",
    .program = "seamq stream apply",
    .intro = "Settings of `seamq stream plan` and `seamq stream apply`. `seamqd` skips this and the next two sections.",
    .expands = true,
    .options = provision_options,
};

const struct section_type section_stream = {
    .name = "stream",
    .heading = "stream.NAME",
    .example = "ORDERS",
    .variables = "SEAMQ_STREAM_NAME_",
    .program = "seamq stream apply",
    .intro =
        "A stream to create or update; `NAME` is its name on the server, see [provisioning.md](provisioning.md). A key "
        "of `[stream.DEFAULT]` is used for every stream that does not set it.",
    .expands = true,
    .check_name = check_stream,
    .options = stream_options,
};

const struct section_type section_consumer = {
    .name = "consumer",
    .heading = "consumer.STREAM/NAME",
    .example = "ORDERS/billing",
    .variables = "SEAMQ_CONSUMER_STREAM_NAME_",
    .program = "seamq stream apply",
    .intro = "A durable pull consumer to create or update. A key of `[consumer.DEFAULT]` is used for every consumer "
             "that does "
             "not set it.",
    .expands = true,
    .check_name = check_consumer_name,
    .options = consumer_options,
};

const struct section_type *const provision_sections[] = {&section_provision, &section_stream, &section_consumer, NULL};

void provision_config_print_help(FILE *out)
{
    fprintf(out, "Keys of the ini file; in the environment SEAMQ_PROVISION_KEY, SEAMQ_STREAM_NAME_KEY for the\n"
                 "names in SEAMQ_STREAMS, and SEAMQ_CONSUMER_STREAM_NAME_KEY for those in SEAMQ_CONSUMERS\n"
                 "(STREAM/NAME). The section with the name DEFAULT is for all.\n");
    for (size_t i = 0; provision_sections[i]; i++)
        config_print_section_help(provision_sections[i], out);
}
