/* SPDX-License-Identifier: Apache-2.0
 * fault_consumer - the consumer deleted, and made again as an operator would who wants nothing lost.
 *
 * What is acknowledged above the floor goes with the consumer.  So the new one starts behind the floor that was seen
 * last: some messages are handled again, none is left out.  (seamqd is started with create = never, so that it cannot
 * make one that replays the whole stream.) */
#include "faults.h"

#include <inttypes.h>
#include <stdio.h>

#define CONSUMER_NOT_FOUND 10014

/* Asked until the servers say so: one without a leader says no, or nothing, and may do it all the same. */
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
    /* A consumer that has just been made says 0. */
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

const struct fault consumer_faults[] = {
    {"consumer deleted", LANE_CONSUMER, REPEATS_ANY, 0.5, 4, NULL, delete_consumer, make_again},
    {0},
};
