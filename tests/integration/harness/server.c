/* SPDX-License-Identifier: Apache-2.0
 * server - configuration and life of nats-server processes. */
#include "server.h"

#include "http.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *server_program(void)
{
    const char *program = getenv("SEAMQ_NATS_SERVER");
    return program && *program ? program : IT_NATS_SERVER;
}

int server_version(void)
{
    static int version;
    char command[512], line[128] = "";
    int major = 0, minor = 0, patch = 0;

    if (version)
        return version;
    snprintf(command, sizeof(command), "'%s' --version", server_program());
    FILE *f = popen(command, "re");
    if (!f || !fgets(line, sizeof(line), f) || sscanf(line, "nats-server: v%d.%d.%d", &major, &minor, &patch) != 3)
        fail_msg("'%s --version' says \"%s\"", server_program(), line);
    pclose(f);
    version = major * 10000 + minor * 100 + patch;
    return version;
}

static const struct host loopback = {.address = "127.0.0.1"};

static void write_conf(struct server *s, const char *extra)
{
    world_write(s->conf, world_text(s->w, "%s%s\n", s->fixed, extra ? extra : ""));
}

static char *own(struct world *w, char *text)
{
    assert_non_null(text);
    world_at_end(w, free, text);
    return text;
}

struct server *server_prepare(struct world *w, const struct server_options *o)
{
    struct server *s = calloc(1, sizeof(*s));
    char *text;

    assert_non_null(s);
    world_at_end(w, free, s);
    s->w = w;
    snprintf(s->name, sizeof(s->name), "%s", o->name ? o->name : "nats");
    s->conf = (char *)world_path(w, "%s.conf", s->name);
    s->host = o->host ? o->host : &loopback;
    s->store = o->store ? (char *)o->store : (char *)world_path(w, "%s.store", s->name);
    s->log = (char *)world_path(w, "%s.log", s->name);
    s->port = o->port ? o->port : world_port(w);
    s->monitor = world_port(w);
    snprintf(s->url, sizeof(s->url), "nats://%s:%d", s->host->address, s->port);
    if (o->sync_always && server_version() < 21000)
        world_skip(w, "this nats-server has no sync_interval: always (2.10 has)");
    if (asprintf(&text,
                 "server_name: %s\nlisten: \"%s:%d\"\nhttp: \"%s:%d\"\n"
                 "max_payload: 1048576\nwrite_deadline: \"10s\"\n"
                 "jetstream: %s\n",
                 s->name, s->host->address, s->port, s->host->address, s->monitor,
                 o->no_jetstream ? "disabled" : "{") < 0)
        text = NULL;
    own(w, text);
    s->fixed = (char *)text;
    if (!o->no_jetstream)
        s->fixed =
            (char *)world_text(w, "%s  store_dir: \"%s\"\n  max_memory_store: 256MB\n  max_file_store: 4GB\n%s}\n",
                               text, s->store, o->sync_always ? "  sync_interval: always\n" : "");
    write_conf(s, o->extra);
    return s;
}

void server_launch(struct server *s)
{
    const char *argv[] = {server_program(), "-c", s->conf, NULL};
    struct process_spec spec = {.name = s->name, .argv = argv, .log = s->log, .netns = s->host->netns};

    s->frozen = false;
    if (s->proc)
        process_respawn(s->w, s->proc, &spec);
    else
        s->proc = process_spawn(s->w, &spec);
}

static bool healthy(void *data)
{
    struct server *s = data;
    return process_wait(s->proc, 0) || http_get_at(s->host->address, s->monitor, "/healthz", 2, NULL) == 200;
}

void server_wait_ready(struct server *s, double seconds)
{
    if (!world_until(healthy, s, seconds))
        fail_msg("nats-server %s is not healthy after %g s", s->name, seconds);
    if (!s->proc->running)
        fail_msg("nats-server %s ended with exit code %d", s->name, process_exit_code(s->proc));
}

struct server *server_start(struct world *w, const struct server_options *o)
{
    static const struct server_options defaults;
    struct server *s = server_prepare(w, o ? o : &defaults);
    server_launch(s);
    server_wait_ready(s, 20);
    return s;
}

void server_kill(struct server *s)
{
    process_kill(s->proc);
}

void server_stop(struct server *s)
{
    process_signal(s->proc, SIGTERM);
    if (!process_wait(s->proc, 20))
        fail_msg("nats-server %s does not stop on SIGTERM", s->name);
}

void server_restart(struct server *s)
{
    server_launch(s);
    server_wait_ready(s, 30);
}

void server_freeze(struct server *s)
{
    process_signal(s->proc, SIGSTOP);
    s->frozen = true;
}

void server_thaw(struct server *s)
{
    process_signal(s->proc, SIGCONT);
    s->frozen = false;
}

void server_configure(struct server *s, const char *extra, bool reload)
{
    write_conf(s, extra);
    if (reload)
        process_signal(s->proc, SIGHUP);
}

/* The part of a node's configuration that makes it one of the cluster. */
static const char *cluster_conf(struct cluster *c, const struct server *s)
{
    const char *routes = "";
    for (int i = 0; i < CLUSTER_NODES; i++)
        routes = world_text(s->w, "%s%s\"nats://%s:%d\"", routes, i ? ", " : "", c->nodes[i]->host->address,
                            c->nodes[i]->route);
    return world_text(s->w, "cluster: {\n  name: it\n  listen: \"%s:%d\"\n  routes: [%s]\n}\n", s->host->address,
                      s->route, routes);
}

struct cluster *cluster_start_on(struct world *w, const struct server_options *nodes)
{
    struct cluster *c = calloc(1, sizeof(*c));

    assert_non_null(c);
    world_at_end(w, free, c);
    for (int i = 0; i < CLUSTER_NODES; i++) {
        c->nodes[i] = server_prepare(w, &nodes[i]);
        c->nodes[i]->route = world_port(w);
    }
    for (int i = 0; i < CLUSTER_NODES; i++) {
        struct server *s = c->nodes[i];
        s->fixed = (char *)world_text(w, "%s%s", s->fixed, cluster_conf(c, s));
        write_conf(s, nodes[i].extra);
        server_launch(s);
    }
    for (int i = 0; i < CLUSTER_NODES; i++)
        server_wait_ready(c->nodes[i], 40);
    snprintf(c->urls, sizeof(c->urls), "%s,%s,%s", c->nodes[0]->url, c->nodes[1]->url, c->nodes[2]->url);
    return c;
}

struct cluster *cluster_start(struct world *w, bool sync_always)
{
    struct server_options nodes[CLUSTER_NODES] = {{0}};
    for (int i = 0; i < CLUSTER_NODES; i++)
        nodes[i] = (struct server_options){.name = world_text(w, "n%d", i + 1), .sync_always = sync_always};
    return cluster_start_on(w, nodes);
}

struct server *cluster_node(struct cluster *c, const char *name)
{
    for (int i = 0; i < CLUSTER_NODES; i++)
        if (strcmp(c->nodes[i]->name, name) == 0)
            return c->nodes[i];
    return NULL;
}
