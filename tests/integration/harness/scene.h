/* SPDX-License-Identifier: Apache-2.0
 *
 * scene - the set-up of most tests: a server (or three), the stream WORK (work.>), DLQ, and a seamqd with the handler
 * `scripted`, which appends its effects to a file.
 */
#ifndef SEAMQ_IT_SCENE_H
#define SEAMQ_IT_SCENE_H

#include "client.h"
#include "daemon.h"
#include "ledger.h"
#include "server.h"

#define SCENE_HANDLER "scripted"

struct scene {
    struct world *w;
    struct server *server; /* NULL in a cluster */
    struct cluster *cluster;
    struct client *client;
    struct daemon *daemon;
    const char *urls;
    const char *effects;
};

struct scene_options {
    bool cluster; /* three nodes, R3 streams */
    bool sync_always;
    const char *server_extra;
};

/* Sets everything up without starting seamqd, so that the test can set its environment. */
struct scene *scene_prepare(struct world *w, const struct scene_options *o);
void scene_start(struct scene *s);         /* starts seamqd and waits until it is ready */
struct scene *scene_open(struct world *w); /* both steps, with defaults */

/* handler.scripted.KEY (upper case, `_`) = value, by environment. */
void scene_set(struct scene *s, const char *key, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Publishes to work.test; the stream sequence. */
uint64_t scene_publish(struct scene *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The consumer has nothing pending and nothing unacknowledged. */
void scene_expect_settled(struct scene *s, double seconds);

/* How often the effects file has a line that contains `part`. */
unsigned scene_effects(struct scene *s, const char *part);
void scene_expect_effects(struct scene *s, unsigned n, double seconds); /* waits for at least n lines */

#endif
