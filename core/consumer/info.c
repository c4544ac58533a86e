/* SPDX-License-Identifier: Apache-2.0
 * info - lag, pause and leader of the consumer, from CONSUMER.INFO. */
#include "consumer_private.h"

#include "base/log.h"
#include "base/rfc3339.h"

#include <stdio.h>
#include <string.h>

static void take_pause(struct consumer *c, json_t *info)
{
    bool was_paused = c->info.paused_until_ns != 0;
    bool paused = json_is_true(json_object_get(info, "paused"));
    int64_t left_ns = json_integer_value(json_object_get(info, "pause_remaining"));
    char until[RFC3339_SIZE];

    c->info.paused_until_ns = paused ? clock_wall_ns() + left_ns : 0;
    if (paused == was_paused)
        return;
    rfc3339_format(c->info.paused_until_ns, RFC3339_NS, until);
    if (paused)
        log_warn("consumer-paused", LOG_STR("handler", c->handler->name), LOG_STR("cluster", c->cluster->name),
                 LOG_STR("stream", c->stream), LOG_STR("consumer", c->handler->durable), LOG_STR("until", until),
                 LOG_STR("msg", "the consumer is paused on the server and delivers nothing until then (`seamq resume` "
                                "ends the pause)"));
    else
        log_info("consumer-resumed", LOG_STR("handler", c->handler->name), LOG_STR("cluster", c->cluster->name),
                 LOG_STR("stream", c->stream), LOG_STR("consumer", c->handler->durable));
}

static const char *text_of(json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* A response proves only that its leader received what was sent before the request.  What a former leader had not yet
 * replicated is lost with it. */
static void take_leader(struct consumer *c, json_t *info)
{
    json_t *cluster = json_object_get(info, "cluster");
    char leader[sizeof(c->info.leader)];

    if (!cluster && !c->info.clustered)
        return;
    snprintf(leader, sizeof(leader), "%s %s", text_of(cluster, "leader"), text_of(cluster, "leader_since"));
    if (c->info.clustered && c->binding.verified && strcmp(leader, c->info.leader) != 0)
        confirmation_resend(c);
    c->info.clustered = true;
    memcpy(c->info.leader, leader, sizeof(leader));
}

void info_take(struct consumer *c, json_t *info)
{
    c->stats.num_pending = (uint64_t)json_integer_value(json_object_get(info, "num_pending"));
    c->stats.num_ack_pending = (uint64_t)json_integer_value(json_object_get(info, "num_ack_pending"));
    take_leader(c, info);
    take_pause(c, info);
}

static void on_info(void *data, int rc, natsMsg *msg)
{
    struct consumer *c = data;
    struct answer a;

    c->info.request = NULL;
    answer_read(&a, rc, msg);
    if (a.rc == 0 && binding_check_identity(c, a.json))
        info_take(c, a.json);
    json_decref(a.json);
}

void consumer_refresh_lag(struct consumer *c)
{
    if (!c->info.request && binding_active(c))
        binding_request_info(c, on_info, &c->info.request);
}

int64_t consumer_paused_until_ns(const struct consumer *c)
{
    return c->info.paused_until_ns;
}

void info_finish(struct consumer *c)
{
    request_cancel(c->info.request);
    c->info.request = NULL;
}
