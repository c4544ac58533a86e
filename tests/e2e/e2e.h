/* SPDX-License-Identifier: Apache-2.0
 *
 * The two sides of a mesh as E2E_NATS_A_URL and E2E_NATS_B_URL name them, and connections to them. Everything here
 * fails the running cmocka test when it does not work. */
#ifndef SEAMQ_TESTS_E2E_H
#define SEAMQ_TESTS_E2E_H

#include <nats/nats.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* cmocka's header needs these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

struct side {
    const char *url, *domain, *monitors; /* monitors: URLs separated by spaces, NULL where unknown */
    natsConnection *nc;
    jsCtx *home;   /* without a domain: what its own servers hold */
    jsCtx *across; /* the other side's domain, from here */
};

struct mesh {
    struct side a, b;
};

/* Exits with 77, said aloud, when no mesh is named. */
void mesh_need(void);

/* The same, and connects to it. Both connected as whoever needs no credentials, else as
 * E2E_NATS_APP_USER. Fit for cmocka's group setup and teardown. */
int mesh_open(void **state);
int mesh_close(void **state);

/* The same for a test of world.h. */
struct world;
struct mesh *mesh_in(struct world *w);

/* How somebody else connects; NULL: as mesh_open does. */
struct login {
    const char *user, *password, *inbox;
    natsErrHandler on_error;
    void *closure;
};
natsStatus mesh_connect(const struct side *side, const struct login *login, natsConnection **ret_nc);
jsCtx *mesh_context(natsConnection *nc, const char *domain);

#define expect_ok(call) expect_ok_((call), #call, __FILE__, __LINE__)
void expect_ok_(natsStatus s, const char *what, const char *file, int line);

/* A name of this run's own, in a static buffer: prefix_PID. */
const char *mesh_name(const char *prefix);

/* An R3 stream on the subject of the same name in lower case. Tried again while the servers have no leader. */
jsStreamInfo *mesh_add_stream(jsCtx *js, const char *name, const char *subject);

/* Until a request from there has an answer here, which says that interest has crossed the gateway. */
void mesh_wait_interest(natsConnection *from, const char *subject);

/* Milliseconds on the monotonic clock, for deadlines. */
int64_t mesh_now_ms(void);
#define MESH_DEADLINE_MS 20000

#endif
