/* SPDX-License-Identifier: Apache-2.0
 * e2e - connections to both sides of a mesh. */
#include "e2e.h"

#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int64_t mesh_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void expect_ok_(natsStatus s, const char *what, const char *file, int line)
{
    if (s != NATS_OK) {
        print_error("%s:%d: %s: %s (%s)\n", file, line, what, natsStatus_GetText(s), nats_GetLastError(NULL));
        _fail(file, line);
    }
}

const char *mesh_name(const char *prefix)
{
    static char name[8][64];
    static unsigned next;
    char *to = name[next++ % 8];
    snprintf(to, sizeof(name[0]), "%s_%ld", prefix, (long)getpid());
    return to;
}

static void apply_login(natsOptions *o, const struct login *login)
{
    const char *user = getenv("E2E_NATS_APP_USER"), *password = getenv("E2E_NATS_APP_PASSWORD");

    if (login && login->user)
        user = login->user, password = login->password;
    if (user)
        expect_ok(natsOptions_SetUserInfo(o, user, password ? password : ""));
    if (login && login->inbox)
        expect_ok(natsOptions_SetCustomInboxPrefix(o, login->inbox));
    if (login && login->on_error)
        expect_ok(natsOptions_SetErrorHandler(o, login->on_error, login->closure));
}

natsStatus mesh_connect(const struct side *side, const struct login *login, natsConnection **ret_nc)
{
    const char *ca = getenv("E2E_NATS_CA");
    natsOptions *o = NULL;

    expect_ok(natsOptions_Create(&o));
    expect_ok(natsOptions_SetURL(o, side->url));
    expect_ok(natsOptions_SetTimeout(o, 5000));
    expect_ok(natsOptions_SetName(o, "e2e"));
    if (ca) {
        expect_ok(natsOptions_SetSecure(o, true));
        expect_ok(natsOptions_LoadCATrustedCertificates(o, ca));
    }
    apply_login(o, login);
    natsStatus s = natsConnection_Connect(ret_nc, o);
    natsOptions_Destroy(o);
    return s;
}

jsCtx *mesh_context(natsConnection *nc, const char *domain)
{
    jsOptions o;
    jsCtx *js = NULL;

    jsOptions_Init(&o);
    o.Domain = domain;
    o.Wait = 5000;
    expect_ok(natsConnection_JetStream(&js, nc, &o));
    return js;
}

static void open_side(struct side *side, const char *other_domain)
{
    natsStatus s = mesh_connect(side, NULL, &side->nc);

    if (s != NATS_OK)
        fail_msg("cannot connect to %s: %s", side->url, natsStatus_GetText(s));
    side->home = mesh_context(side->nc, NULL);
    side->across = mesh_context(side->nc, other_domain);
}

void mesh_need(void)
{
    static const char *const names[] = {"E2E_NATS_A_URL", "E2E_NATS_B_URL"};

    for (int i = 0; i < 2; i++) {
        if (getenv(names[i]))
            continue;
        printf("SKIP: %s is not set: no mesh to test (tests/e2e/with_mesh.sh starts one)\n", names[i]);
        exit(77);
    }
}

int mesh_open(void **state)
{
    static struct mesh mesh;

    mesh_need();
    const char *a = getenv("E2E_NATS_A_URL"), *b = getenv("E2E_NATS_B_URL");
    mesh.a = (struct side){.url = a, .domain = "sea-a", .monitors = getenv("E2E_NATS_A_MONITOR_URLS")};
    mesh.b = (struct side){.url = b, .domain = "sea-b", .monitors = getenv("E2E_NATS_B_MONITOR_URLS")};
    open_side(&mesh.a, mesh.b.domain);
    open_side(&mesh.b, mesh.a.domain);
    *state = &mesh;
    return 0;
}

static void close_side(struct side *side)
{
    jsCtx_Destroy(side->home);
    jsCtx_Destroy(side->across);
    natsConnection_Destroy(side->nc);
}

int mesh_close(void **state)
{
    struct mesh *mesh = *state;

    if (!mesh) /* mesh_open() has failed */
        return 0;
    close_side(&mesh->a);
    close_side(&mesh->b);
    nats_CloseAndWait(5000);
    return 0;
}

static void close_in_world(void *mesh)
{
    mesh_close(&mesh);
}

struct mesh *mesh_in(struct world *w)
{
    void *mesh = NULL;

    mesh_open(&mesh);
    world_at_end(w, close_in_world, mesh);
    return mesh;
}

/* True: an error that a new or just changed cluster returns for a moment. */
static bool try_again(natsStatus s, jsErrCode code)
{
    return s == NATS_TIMEOUT || s == NATS_NO_RESPONDERS || code == 10005 || code == 10008;
}

jsStreamInfo *mesh_add_stream(jsCtx *js, const char *name, const char *subject)
{
    int64_t deadline = mesh_now_ms() + MESH_DEADLINE_MS;
    const char *subjects[] = {subject};
    jsStreamInfo *info = NULL;
    jsErrCode code = 0;
    jsStreamConfig config;
    natsStatus s;

    jsStreamConfig_Init(&config);
    config.Name = name;
    config.Subjects = subjects;
    config.SubjectsLen = 1;
    config.Replicas = 3;
    do
        s = js_AddStream(&info, js, &config, NULL, &code);
    while (s != NATS_OK && try_again(s, code) && mesh_now_ms() < deadline);
    expect_ok(s);
    return info;
}

void mesh_wait_interest(natsConnection *from, const char *subject)
{
    int64_t deadline = mesh_now_ms() + MESH_DEADLINE_MS;
    natsMsg *answer = NULL;
    natsStatus s;

    do
        s = natsConnection_RequestString(&answer, from, subject, "probe", 250);
    while ((s == NATS_TIMEOUT || s == NATS_NO_RESPONDERS) && mesh_now_ms() < deadline);
    expect_ok(s);
    natsMsg_Destroy(answer);
}
