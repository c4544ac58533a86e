/* SPDX-License-Identifier: Apache-2.0
 *
 * server - nats-server processes of a test: one, or a cluster of three; killed, frozen,
 * restarted on the same store and port.
 *
 * Configuration: harness/server.c writes ports, store and limits; `extra` is what a test adds
 * (authorization, tls, ...), in the server's own syntax.
 */
#ifndef SEAMQ_IT_SERVER_H
#define SEAMQ_IT_SERVER_H

#include "process.h"

#define CLUSTER_NODES 3

struct server {
    struct world *w;
    struct process *proc;
    char name[32];
    char *conf; /* paths */
    char *store;
    char *log;
    int port;
    int monitor;
    int route; /* 0: not clustered */
    char *routes;
    char *fixed; /* the part of the configuration that does not change */
    char url[64];
    const struct host *host;
    bool frozen;
};

struct server_options {
    const char *name;  /* NULL: "nats" */
    const char *extra; /* NULL: nothing more */
    bool sync_always;  /* an acknowledged publish survives kill -9 of the machine too */
    bool no_jetstream;
    int port;                /* 0: a free one */
    const struct host *host; /* NULL: loopback */
    const char *store;       /* NULL: in the world's directory */
};

/* Starts the server and waits until it accepts JetStream requests. */
struct server *server_start(struct world *w, const struct server_options *options);
/* Creates the struct, its port and its files, without a process. */
struct server *server_prepare(struct world *w, const struct server_options *options);
void server_launch(struct server *s);
void server_wait_ready(struct server *s, double seconds);

void server_kill(struct server *s); /* SIGKILL */
void server_stop(struct server *s); /* SIGTERM: an orderly end */
void server_restart(
    struct server *s); /* starts again after kill or stop, with the same store and port; waits until ready */
void server_freeze(struct server *s);
void server_thaw(struct server *s);
/* Replaces `extra` for the next start or, with `reload`, immediately. */
void server_configure(struct server *s, const char *extra, bool reload);

struct cluster {
    struct server *nodes[CLUSTER_NODES];
    char urls[256]; /* comma separated */
};

struct cluster *cluster_start(struct world *w, bool sync_always);
/* Starts a cluster with the given name, host, store and extra of each node (CLUSTER_NODES). */
struct cluster *cluster_start_on(struct world *w, const struct server_options *nodes);
/* The node with this server name, which JetStream's API uses for leaders. */
struct server *cluster_node(struct cluster *c, const char *name);

/* major * 10000 + minor * 100 + patch of the nats-server under test. */
int server_version(void);
/* The path: SEAMQ_NATS_SERVER in the environment, else what CMake found. */
const char *server_program(void);

#endif
