/* SPDX-License-Identifier: Apache-2.0
 * A mirror in domain sea-b of a stream in sea-a, through the bridge: after an outage on either side it gets every
 * message that it missed. On the local mesh only. */
#include "e2e.h"
#include "nodes.h"
#include "readback.h"

#include <stdlib.h>

#define MESSAGES 2000
#define DEADLINE_S 90 /* seconds */

struct scene {
    struct mesh *mesh;
    jsCtx *a, *b; /* each domain, by the servers of its own cluster */
    const char *origin, *mirror, *subject;
};

static void add_mirror(jsCtx *js, const char *name, const char *of)
{
    int64_t deadline = mesh_now_ms() + MESH_DEADLINE_MS;
    jsExternalStream external;
    jsStreamConfig config;
    jsStreamSource source;
    natsStatus s;

    jsExternalStream_Init(&external);
    external.APIPrefix = "$JS.sea-a.API";
    jsStreamSource_Init(&source);
    source.Name = of;
    source.External = &external;
    jsStreamConfig_Init(&config);
    config.Name = name;
    config.Replicas = 3;
    config.Mirror = &source;
    do
        s = js_AddStream(NULL, js, &config, NULL, NULL);
    while (s == NATS_TIMEOUT && mesh_now_ms() < deadline);
    expect_ok(s);
}

static void open_scene(struct world *w, struct scene *s, const char *name)
{
    s->mesh = mesh_in(w);
    s->a = s->mesh->a.home;
    s->b = s->mesh->b.home;
    s->origin = world_text(w, "E2E_SEA_A_%s", name);
    s->mirror = world_text(w, "E2E_SEA_B_%s_OF_A", name);
    s->subject = world_text(w, "e2e.mirror.%s", name);
    jsStreamInfo_Destroy(mesh_add_stream(s->a, s->origin, s->subject));
    add_mirror(s->b, s->mirror, s->origin);
}

static void publish(struct world *w, struct scene *s)
{
    struct ledger_options o = {.urls = getenv("E2E_NATS_A_URLS"), .subject = s->subject, .count = MESSAGES};
    ledger_finish(ledger_start(w, &o), DEADLINE_S);
}

struct tail {
    jsCtx *js;
    const char *stream;
    uint64_t last;
};

static bool reaches(void *data)
{
    struct tail *t = data;
    jsStreamInfo *info = NULL;

    if (js_GetStreamInfo(&info, t->js, t->stream, NULL, NULL) != NATS_OK)
        return false;
    uint64_t last = info->State.LastSeq;
    jsStreamInfo_Destroy(info);
    return last >= t->last;
}

static void wait_caught_up(struct scene *s, const char *since, uint64_t last)
{
    struct tail t = {s->b, s->mirror, last};
    int64_t began = mesh_now_ms();

    if (!world_until(reaches, &t, DEADLINE_S))
        fail_msg("%s does not have message %llu of %s after %d s", s->mirror, (unsigned long long)last, s->origin,
                 DEADLINE_S);
    print_message("the mirror has caught up %.1f s after %s\n", (double)(mesh_now_ms() - began) / 1000, since);
}

static void finish(struct scene *s)
{
    readback_expect_same(s->a, s->origin, s->b, s->mirror);
    expect_ok(js_DeleteStream(s->b, s->mirror, NULL, NULL));
    expect_ok(js_DeleteStream(s->a, s->origin, NULL, NULL));
}

static void a_mirror_catches_up_after_its_own_side_was_down(struct world *w)
{
    struct scene s;

    open_scene(w, &s, "DOWN");
    publish(w, &s);
    wait_caught_up(&s, "the last publish", MESSAGES);
    cluster_kill("sea-b");
    publish(w, &s);
    cluster_start_again("sea-b");
    wait_caught_up(&s, "its cluster was back", 2 * MESSAGES);
    finish(&s);
}

static void a_mirror_serves_while_its_origin_is_down_and_goes_on(struct world *w)
{
    struct scene s;
    struct tail all;

    open_scene(w, &s, "ORIGIN");
    publish(w, &s);
    wait_caught_up(&s, "the last publish", MESSAGES);
    cluster_kill("sea-a");
    all = (struct tail){s.b, s.mirror, MESSAGES};
    assert_true(reaches(&all));
    readback_expect_same(s.b, s.mirror, s.b, s.mirror); /* every message of the mirror can be read */
    cluster_start_again("sea-a");
    publish(w, &s);
    wait_caught_up(&s, "its origin was back", 2 * MESSAGES);
    finish(&s);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        IT(a_mirror_catches_up_after_its_own_side_was_down),
        IT(a_mirror_serves_while_its_origin_is_down_and_goes_on),
    };

    nodes_need();
    return it_main(tests, argc, argv);
}
