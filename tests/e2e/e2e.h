/* SPDX-License-Identifier: Apache-2.0
 *
 * e2e - the two sides of the mesh that E2E_NATS_A_URL and E2E_NATS_B_URL name, and connections to them. Every function
 * fails the running cmocka test on an error. */
#ifndef SEAMQ_TESTS_E2E_H
#define SEAMQ_TESTS_E2E_H

#include <nats/nats.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* cmocka.h needs these headers before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

struct side {
    const char *url, *domain, *monitors; /* monitors: monitoring URLs separated by spaces; NULL: unknown */
    natsConnection *nc;
    jsCtx *home;   /* no domain: JetStream of its own servers */
    jsCtx *across; /* the domain of the other side, through the servers of this side */
};

struct mesh {
    struct side a, b;
};

/* Exits with status 77 and prints why, if the environment names no mesh. */
void mesh_need(void);

/* Calls mesh_need() and connects to both sides: as E2E_NATS_APP_USER, or without credentials if that is not set. For
 * cmocka's group setup and teardown. */
int mesh_open(void **state);
int mesh_close(void **state);

/* The mesh for a test with a world (world.h), which closes it. */
struct world;
struct mesh *mesh_in(struct world *w);

/* Credentials of another user; NULL: those of mesh_open(). */
struct login {
    const char *user, *password, *inbox;
    natsErrHandler on_error;
    void *closure;
};
natsStatus mesh_connect(const struct side *side, const struct login *login, natsConnection **ret_nc);
jsCtx *mesh_context(natsConnection *nc, const char *domain);

#define expect_ok(call) expect_ok_((call), #call, __FILE__, __LINE__)
void expect_ok_(natsStatus s, const char *what, const char *file, int line);

/* A name that is unique to this run, prefix_PID, in a static buffer. */
const char *mesh_name(const char *prefix);

/* Creates an R3 stream with one subject. Retries while the servers have no leader. */
jsStreamInfo *mesh_add_stream(jsCtx *js, const char *name, const char *subject);

/* Waits until a request from this connection is answered, so that the interest has crossed the gateway. */
void mesh_wait_interest(natsConnection *from, const char *subject);

/* Milliseconds on the monotonic clock, for deadlines. */
int64_t mesh_now_ms(void);
#define MESH_DEADLINE_MS 20000

#endif
