/* SPDX-License-Identifier: Apache-2.0
 * fault_consumer - pauses the consumer, or deletes and recreates it as a careful operator would; stops the dependency
 * of the handler.
 *
 * Acknowledgements above the floor are lost with the consumer. The new consumer starts behind the last floor seen, so
 * some messages are handled again and none is skipped. (seamqd runs with create = never, so that it cannot create a
 * consumer that replays the whole stream.) */
#include "faults.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CONSUMER_NOT_FOUND 10014
#define PAUSE_S 3600 /* the run resumes it long before */

/* Repeats the request until the state is reached: without a leader a server refuses or is silent, and may act later. */
static bool is_deleted(void *data)
{
    struct chaos *c = data;
    client_api(c->client, NULL, "CONSUMER.DELETE." CHAOS_STREAM "." CHAOS_HANDLER);
    json_t *answer = client_api(c->client, NULL, "CONSUMER.INFO." CHAOS_STREAM "." CHAOS_HANDLER);
    return json_object_get(answer, "error") && json_at(answer, "error.err_code") == CONSUMER_NOT_FOUND;
}

static bool delete_consumer(struct chaos *c, struct injection *i)
{
    json_t *info = client_consumer(c->client, CHAOS_STREAM, CHAOS_HANDLER);
    if (!info)
        return false;
    /* A consumer that was just created reports 0. */
    int64_t floor = json_at(info, "ack_floor.stream_seq");
    if (floor < c->floor)
        floor = c->floor;
    c->floor = floor;
    i->kept = json_deep_copy(json_object_get(info, "config"));
    json_object_set_new(i->kept, "deliver_policy", json_string("by_start_sequence"));
    json_object_set_new(i->kept, "opt_start_seq", json_integer(floor + 1));
    snprintf(i->what, sizeof(i->what), "to start behind %" PRId64, floor);
    return world_until(is_deleted, c, 60);
}

static bool exists(void *data)
{
    struct injection *i = ((void **)data)[1];
    struct chaos *c = ((void **)data)[0];
    json_t *request = json_pack("{s:s, s:O}", "stream_name", CHAOS_STREAM, "config", i->kept);
    char *body = json_dumps(request, JSON_COMPACT);
    json_t *answer = client_api(c->client, body, "CONSUMER.DURABLE.CREATE." CHAOS_STREAM "." CHAOS_HANDLER);

    json_decref(request);
    free(body);
    return !json_object_get(answer, "error");
}

static void make_again(struct chaos *c, struct injection *i)
{
    if (!world_until(exists, (void *[]){c, i}, 60))
        fail_msg("the consumer cannot be made again");
}

static const char *no_pause(struct chaos *c)
{
    (void)c;
    return server_version() < 21100 ? "nats-server pauses consumers since 2.11" : NULL;
}

static bool pause_is(struct chaos *c, const char *body)
{
    json_t *answer = client_api(c->client, body, "CONSUMER.PAUSE." CHAOS_STREAM "." CHAOS_HANDLER);
    return !json_object_get(answer, "error");
}

static bool is_paused(void *data)
{
    struct chaos *c = data;
    time_t until = time(NULL) + PAUSE_S;
    struct tm tm;
    char body[64];

    strftime(body, sizeof(body), "{\"pause_until\":\"%Y-%m-%dT%H:%M:%SZ\"}", gmtime_r(&until, &tm));
    return pause_is(c, body);
}

bool consumer_resumed(void *data)
{
    return no_pause(data) || pause_is(data, "{}");
}

/* A request may take effect whatever its response was. */
static bool pause_consumer(struct chaos *c, struct injection *i)
{
    (void)i;
    world_until(is_paused, c, 60);
    return true;
}

static void resume_consumer(struct chaos *c, struct injection *i)
{
    (void)i;
    if (!world_until(consumer_resumed, c, 60))
        fail_msg("the consumer cannot be resumed");
}

static const char *down_file(struct chaos *c)
{
    return world_text(c->w, "%s/.down", c->effects);
}

static bool take_down(struct chaos *c, struct injection *i)
{
    (void)i;
    world_write(down_file(c), "");
    return true;
}

static void bring_up(struct chaos *c, struct injection *i)
{
    (void)i;
    if (unlink(down_file(c)) != 0)
        fail_msg("remove %s: %s", down_file(c), strerror(errno));
}

const struct fault consumer_faults[] = {
    {"consumer deleted", LANE_CONSUMER, REPEATS_ANY, 0.5, 4, NULL, delete_consumer, make_again},
    {"consumer paused", LANE_CONSUMER, REPEATS_NONE, 0.5, 4, no_pause, pause_consumer, resume_consumer},
    {"handler's dependency down", LANE_CONSUMER, REPEATS_NONE, 0.5, 4, NULL, take_down, bring_up},
    {0},
};
