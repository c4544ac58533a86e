/* SPDX-License-Identifier: Apache-2.0
 * consumer/verb_seek - seamq seek: moves a consumer to another position in its stream.
 *
 * The server cannot move a consumer: it is deleted and recreated with the same configuration and another start.
 * So the plan is printed first, and a consumer that daemons pull from is not moved without --force.
 */
#include "cli/verbs.h"

#include "base/clock.h"
#include "base/rfc3339.h"
#include "base/value.h"
#include "cli/time_option.h"
#include "target.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define PROBE_NS (30 * NS_PER_SEC) /* after that the server deletes a probe that was left behind */

const struct flag seek_flags[] = {
    {"--sequence", "N", "continue with that sequence, or the first one after it"},
    {"--time", "TIME", "continue with the first message stored since: 2h (ago), 2026-01-31T12:00:00Z"},
    {"--first", NULL, "continue with the first message of the stream"},
    {"--new", NULL, "deliver only messages that are stored from now on"},
    {"--yes", NULL, "move the consumer; without it only the plan is shown"},
    {"--force", NULL, "move it even while daemons pull from it"},
    {"--dry-run", NULL, "show the plan, change nothing"},
    {NULL, NULL, NULL},
};

struct seek {
    struct cli *cli;
    struct target t;
    json_t *start; /* deliver_policy and what belongs to it */
    json_t *plan;  /* what is shown */
};

/* ---- the position ------------------------------------------------------------------------------- */

static int parse_start(struct seek *s)
{
    const char *sequence = cli_flag(s->cli, "--sequence");
    const char *time = cli_flag(s->cli, "--time");
    const char *first = cli_flag(s->cli, "--first");
    const char *fresh = cli_flag(s->cli, "--new");
    struct error err;
    char text[RFC3339_SIZE];
    int64_t n;

    if (!!sequence + !!time + !!first + !!fresh != 1)
        return cli_usage("give the position: one of --sequence N, --time TIME, --first, --new");
    if (sequence && (value_parse_int(sequence, &n, &err) < 0 || n <= 0))
        return cli_usage("--sequence: \"%s\" is not a sequence (a number from 1 on)", sequence);
    if (time && time_option_parse(time, clock_wall_ns(), &n, &err) < 0)
        return cli_usage("--time: %s", err.text);
    if (sequence) {
        s->start = json_pack("{s:s, s:I}", "deliver_policy", "by_start_sequence", "opt_start_seq", (json_int_t)n);
    } else if (time) {
        rfc3339_format(n, RFC3339_NS, text);
        s->start = json_pack("{s:s, s:s}", "deliver_policy", "by_start_time", "opt_start_time", text);
    } else {
        s->start = json_pack("{s:s}", "deliver_policy", first ? "all" : "new");
    }
    return 0;
}

/* ---- the plan ---------------------------------------------------------------------------------- */

/* 0 or the exit status. */
static int check_stream(struct seek *s, json_t **ret_state)
{
    struct call call = {.path = {API_STREAM_INFO, .stream = s->t.stream}};
    struct error err;

    if (session_call(s->t.session, &call, TARGET_TIMEOUT_NS, &err) < 0)
        return cli_failed("%s", err.text);
    const char *retention =
        json_string_value(json_object_get(json_object_get(call.answer.json, "config"), "retention"));
    int status = 0;
    if (!retention || strcmp(retention, "limits") != 0)
        status =
            cli_failed("stream %s has %s retention: handled messages are already deleted, and deleting the consumer "
                       "could delete more. Only consumers of streams with limits retention can be moved",
                       s->t.stream, retention ? retention : "unknown");
    *ret_state = json_incref(json_object_get(call.answer.json, "state"));
    call_finish(&call);
    return status;
}

static void copy_filters(json_t *to, json_t *config)
{
    static const char *const keys[] = {"filter_subject", "filter_subjects"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (json_object_get(config, keys[i]))
            json_object_set(to, keys[i], json_object_get(config, keys[i]));
}

/* Creates the consumer `name` with `config`. 0 or the exit status. */
static int create_consumer(struct seek *s, const char *name, json_t *config, json_t **ret_info)
{
    struct target t = {.session = s->t.session};
    json_t *body = json_pack("{s:s, s:O}", "stream_name", s->t.stream, "config", config);

    snprintf(t.stream, sizeof(t.stream), "%s", s->t.stream);
    snprintf(t.consumer, sizeof(t.consumer), "%s", name);
    int status = target_call(&t, API_CONSUMER_CREATE, body, ret_info);
    json_decref(body);
    return status;
}

/* Counts the messages from the new position on: the server counts them for a temporary consumer that starts there. */
static int count_from_start(struct seek *s, uint64_t *ret)
{
    char name[TARGET_NAME_MAX];
    json_t *info = NULL;
    struct target t = {.session = s->t.session};

    if (snprintf(name, sizeof(name), "%s-seek", s->t.consumer) >= (int)sizeof(name))
        return cli_failed("the name of consumer %s is too long to move it", s->t.consumer);
    json_t *config = json_deep_copy(s->start);
    json_object_set_new(config, "name", json_string(name));
    json_object_set_new(config, "ack_policy", json_string("none"));
    json_object_set_new(config, "mem_storage", json_true());
    json_object_set_new(config, "inactive_threshold", json_integer(PROBE_NS));
    copy_filters(config, json_object_get(s->t.info, "config"));
    int status = create_consumer(s, name, config, &info);
    json_decref(config);
    if (status)
        return status;
    *ret = (uint64_t)json_integer_value(json_object_get(info, "num_pending"));
    json_decref(info);
    snprintf(t.stream, sizeof(t.stream), "%s", s->t.stream);
    snprintf(t.consumer, sizeof(t.consumer), "%s", name);
    return target_call(&t, API_CONSUMER_DELETE, NULL, NULL);
}

static int make_plan(struct seek *s)
{
    json_t *info = s->t.info;
    json_t *state = NULL;
    uint64_t then = 0;

    int status = check_stream(s, &state);
    if (status == 0)
        status = count_from_start(s, &then);
    json_int_t open = json_integer_value(json_object_get(info, "num_ack_pending"));
    json_int_t now = json_integer_value(json_object_get(info, "num_pending")) + open;
    json_int_t more = (json_int_t)then - now;
    s->plan = json_pack(
        "{s:s, s:s, s:O?, s:O?, s:O?, s:O?, s:I, s:I, s:O, s:I, s:I, s:I, s:O?}", "stream", s->t.stream, "consumer",
        s->t.consumer, "first_seq", json_object_get(state, "first_seq"), "last_seq", json_object_get(state, "last_seq"),
        "delivered", json_object_get(json_object_get(info, "delivered"), "stream_seq"), "ack_floor",
        json_object_get(json_object_get(info, "ack_floor"), "stream_seq"), "remaining", now, "unacknowledged", open,
        "start", s->start, "remaining_then", (json_int_t)then, "again", more > 0 ? more : 0, "skipped",
        more < 0 ? -more : 0, "waiting", json_object_get(info, "num_waiting"));
    json_decref(state);
    return status || s->plan ? status : cli_failed("out of memory");
}

static json_int_t number(const struct seek *s, const char *key)
{
    return json_integer_value(json_object_get(s->plan, key));
}

static const char *messages_remain(json_int_t n)
{
    return n == 1 ? "message remains" : "messages remain";
}

static void show_plan(const struct seek *s)
{
    json_int_t again = number(s, "again");
    json_int_t skipped = number(s, "skipped");
    json_t *seq = json_object_get(s->start, "opt_start_seq");
    const char *time = json_string_value(json_object_get(s->start, "opt_start_time"));
    const char *policy = json_string_value(json_object_get(s->start, "deliver_policy"));

    printf("consumer %s/%s; the stream has sequences %lld to %lld\n", s->t.stream, s->t.consumer,
           (long long)number(s, "first_seq"), (long long)number(s, "last_seq"));
    printf("  now   delivered up to %lld; %lld %s, %lld of them delivered and not acknowledged\n",
           (long long)number(s, "delivered"), (long long)number(s, "remaining"),
           messages_remain(number(s, "remaining")), (long long)number(s, "unacknowledged"));
    if (seq)
        printf("  then  from sequence %lld on", (long long)json_integer_value(seq));
    else
        printf("  then  %s%s",
               time                         ? "from "
               : strcmp(policy, "all") == 0 ? "from the first message on"
                                            : "new messages only",
               time ? time : "");
    printf("; %lld %s: %lld to be %s\n", (long long)number(s, "remaining_then"),
           messages_remain(number(s, "remaining_then")), (long long)(again ? again : skipped),
           again || !skipped ? "delivered again" : "skipped");
    printf("  waiting pull requests: %lld\n", (long long)number(s, "waiting"));
}

/* ---- the move ------------------------------------------------------------------------------------- */

/* The consumer's configuration, without the metadata that the server adds. */
static json_t *bare_config(const struct seek *s)
{
    json_t *config = json_deep_copy(json_object_get(s->t.info, "config"));
    json_t *metadata = json_object_get(config, "metadata");
    const char *key;
    json_t *value;
    void *tmp;

    json_object_foreach_safe(metadata, tmp, key, value)
    {
        if (strncmp(key, "_nats.", 6) == 0)
            json_object_del(metadata, key);
    }
    return config;
}

/* Deletes and recreates the consumer. Signals are ignored meanwhile: ending between the two loses the consumer. */
static int recreate(struct seek *s, json_t *config)
{
    static const int ends[] = {SIGINT, SIGTERM, SIGHUP};
    void (*before[sizeof(ends) / sizeof(ends[0])])(int);

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        before[i] = signal(ends[i], SIG_IGN);
    int status = target_call(&s->t, API_CONSUMER_DELETE, NULL, NULL);
    if (status == 0)
        status = create_consumer(s, s->t.consumer, config, NULL);
    if (status) { /* a deletion without an answer may have happened, so the configuration is printed */
        char *text = json_dumps(config, JSON_COMPACT);
        cli_failed("consumer %s/%s may be deleted, and was not recreated; recreate it with this configuration: %s",
                   s->t.stream, s->t.consumer, text ? text : "");
        free(text);
    }
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        signal(ends[i], before[i]);
    return status;
}

static int move_consumer(struct seek *s)
{
    json_t *as_it_is = bare_config(s);
    json_t *config = json_deep_copy(as_it_is);
    int status = EXIT_DONE;

    json_object_del(config, "opt_start_seq");
    json_object_del(config, "opt_start_time");
    if (!config || json_object_update(config, s->start) < 0)
        status = cli_failed("out of memory");
    if (status == 0) /* changes nothing; shows before the deletion whether the user may create it */
        status = create_consumer(s, s->t.consumer, as_it_is, NULL);
    if (status == 0)
        status = recreate(s, config);
    json_decref(as_it_is);
    json_decref(config);
    return status;
}

static int move_if_allowed(struct seek *s)
{
    if (!cli_flag(s->cli, "--yes"))
        return cli_failed("consumer %s/%s not moved: give --yes to move it", s->t.stream, s->t.consumer);
    if (number(s, "waiting") > 0 && !cli_flag(s->cli, "--force"))
        return cli_failed(
            "consumer %s/%s not moved: daemons pull from it. Stop them, or give --force (seamqd logs that its consumer "
            "was deleted, drops its in-flight messages, and continues with the new one)",
            s->t.stream, s->t.consumer);
    return move_consumer(s);
}

static void print_moved(const struct seek *s)
{
    json_t *seq = json_object_get(s->start, "opt_start_seq");
    const char *time = json_string_value(json_object_get(s->start, "opt_start_time"));
    const char *policy = json_string_value(json_object_get(s->start, "deliver_policy"));

    printf("consumer %s/%s moved to ", s->t.stream, s->t.consumer);
    if (seq)
        printf("sequence %lld\n", (long long)json_integer_value(seq));
    else if (time)
        printf("%s\n", time);
    else
        puts(strcmp(policy, "all") == 0 ? "the first message" : "new messages only");
}

static int plan_and_move(struct seek *s)
{
    bool dry = cli_flag(s->cli, "--dry-run") != NULL;
    int status = make_plan(s);

    if (status)
        return status;
    if (!s->cli->json)
        show_plan(s);
    status = dry ? EXIT_DONE : move_if_allowed(s);
    bool moved = !dry && status == EXIT_DONE;
    if (s->cli->json) {
        json_object_set_new(s->plan, "moved", json_boolean(moved));
        if (cli_json(json_incref(s->plan)))
            status = EXIT_FAILED;
    } else if (moved) {
        print_moved(s);
    }
    return status;
}

int consumer_seek(struct cli *cli)
{
    struct seek s = {.cli = cli};
    int status = parse_start(&s);

    if (status == 0) {
        status = target_open(cli, &s.t);
        if (status == 0)
            status = plan_and_move(&s);
        target_close(&s.t);
    }
    json_decref(s.start);
    json_decref(s.plan);
    return status;
}
