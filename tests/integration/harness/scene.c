/* SPDX-License-Identifier: Apache-2.0
 * scene - the usual set-up in one call. */
#include "scene.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct scene *scene_prepare(struct world *w, const struct scene_options *o)
{
    static const struct scene_options defaults;
    struct scene *s = calloc(1, sizeof(*s));

    assert_non_null(s);
    world_at_end(w, free, s);
    o = o ? o : &defaults;
    s->w = w;
    if (o->cluster) {
        s->cluster = cluster_start(w, o->sync_always);
        s->urls = s->cluster->urls;
    } else {
        struct server_options so = {.sync_always = o->sync_always, .extra = o->server_extra};
        s->server = server_start(w, &so);
        s->urls = s->server->url;
    }
    const char *replicas = o->cluster ? ",\"num_replicas\":3" : NULL;
    s->client = client_connect(w, s->urls);
    client_add_stream(s->client, "WORK", "work.>", replicas);
    client_add_stream(s->client, "DLQ", "dlq.WORK.>", replicas);
    s->effects = world_path(w, "effects");
    s->daemon = daemon_new(w, s->urls);
    daemon_handler(s->daemon, IT_SCRIPTED, SCENE_HANDLER);
    scene_set(s, "OPTION_EFFECTS", "%s", s->effects);
    return s;
}

void scene_start(struct scene *s)
{
    daemon_start(s->daemon);
    daemon_wait_ready(s->daemon, 20);
}

struct scene *scene_open(struct world *w)
{
    struct scene *s = scene_prepare(w, NULL);
    scene_start(s);
    return s;
}

void scene_set(struct scene *s, const char *key, const char *fmt, ...)
{
    char value[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(value, sizeof(value), fmt, ap);
    va_end(ap);
    daemon_env(s->daemon, "SEAMQ_HANDLER_SCRIPTED_%s=%s", key, value);
}

uint64_t scene_publish(struct scene *s, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    return client_publish(s->client, "work.test", text);
}

void scene_expect_settled(struct scene *s, double seconds)
{
    client_expect_settled(s->client, "WORK", SCENE_HANDLER, seconds);
}

unsigned scene_effects(struct scene *s, const char *part)
{
    char *line = NULL;
    size_t cap = 0;
    unsigned n = 0;
    FILE *f = fopen(s->effects, "re");
    while (f && getline(&line, &cap, f) > 0)
        n += strstr(line, part) != NULL;
    if (f)
        fclose(f);
    free(line);
    return n;
}

void scene_expect_effects(struct scene *s, unsigned n, double seconds)
{
    if (!effects_wait(s->effects, n, seconds))
        fail_msg("the handler ran %" PRIu64 " times within %g s, expected at least %u", effects_lines(s->effects),
                 seconds, n);
}
