/* SPDX-License-Identifier: Apache-2.0
 *
 * mesh/mesh - one snapshot of all clusters of the configuration: what `mesh status` prints, `mesh verify` checks and
 * `mesh failover` plans with.
 *
 * Unknown values: a text is "" (never NULL), a number has `known` false, a list is NULL.  `cluster` is always the name
 * in the configuration.  Durations are nanoseconds.
 *
 * Ownership: all rows and texts belong to the arena of their mesh.
 */
#ifndef SEAMQ_CLI_MESH_MESH_H
#define SEAMQ_CLI_MESH_MESH_H

#include "cli/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mesh_number {
    int64_t value; /* 0 if unknown */
    bool known;
};

struct mesh_cluster {
    struct mesh_cluster *next;
    const char *cluster;
    const char *name; /* the name that its own servers use */
    const char *domain;
    const char *configured_domain;
    const char *account; /* its system account */
    struct mesh_number rtt;
    const char *error;           /* why there is no connection */
    const char *system_error;    /* why its servers could not be listed */
    const char *jetstream_error; /* why $JS.API.INFO failed */
    const char *streams_error;   /* why its streams could not be listed */
    struct text_list *strangers; /* servers of other clusters that answer in its system account */
};

/* A member of the meta group, as its leader reports it. */
struct mesh_follower {
    struct mesh_follower *next;
    const char *server;
    bool current;
    bool offline;
};

struct mesh_server {
    struct mesh_server *next;
    const char *cluster;
    const char *server;
    const char *version;
    const char *domain;
    const char *account;
    const char *uptime; /* text of the server: "3h2m1s" */
    struct mesh_number connections;
    struct mesh_number clock; /* how far the server's clock is ahead of ours */
    bool jetstream;           /* JetStream is enabled */
    const char *meta_leader;
    struct mesh_number meta_size;
    bool leads_meta;
    struct mesh_follower *followers; /* only if leads_meta */
    bool gateways_known;
    struct text_list *gateways; /* clusters to which the server has an outbound gateway */
};

/* A request to the domain of `owner` through a server of `cluster`. */
struct mesh_path {
    struct mesh_path *next;
    const char *cluster;
    const char *domain;
    const char *owner;
    struct mesh_number rtt;
    const char *error;
};

/* The origin of a mirror or of a source. */
struct mesh_origin {
    struct mesh_origin *next;
    const char *stream;
    const char *domain;
    bool mirror;
    struct mesh_number lag;    /* messages */
    struct mesh_number active; /* time since the last contact; negative: no contact yet */
};

struct mesh_stream {
    struct mesh_stream *next;
    const char *cluster;
    const char *domain;
    const char *stream;
    bool described; /* STREAM.INFO was answered; otherwise nothing below is known except `leaderless` */
    bool subjects_known;
    struct text_list *subjects;
    const char *placed; /* the cluster that stores it, as its servers name it */
    const char *leader;
    bool leaderless; /* clustered, and without a leader */
    struct mesh_number replicas;
    struct mesh_number current; /* replicas that are up to date, the leader included */
    struct text_list *behind;   /* servers of the replicas that are not */
    struct mesh_number messages;
    struct mesh_number bytes;
    struct mesh_number first; /* sequences */
    struct mesh_number last;
    const char *created;
    struct mesh_number consumers;
    bool filtered;         /* a mirror of only some subjects of its origin */
    bool consumers_silent; /* its consumers could not be listed */
    struct mesh_origin *from;
};

struct mesh_consumer {
    struct mesh_consumer *next;
    const char *cluster;
    const char *domain;
    const char *stream;
    const char *consumer;
    const char *leader;
    bool leaderless;
    struct mesh_number pending;
    struct mesh_number unacked;
    struct mesh_number redelivered;
    struct mesh_number floor; /* the stream sequence up to which everything is acknowledged */
    struct text_list *filters;
};

struct mesh {
    struct mesh_cluster *clusters; /* in the order of the configuration */
    struct mesh_server *servers;   /* by cluster and name */
    struct mesh_path *paths;
    struct mesh_stream *streams;
    struct mesh_consumer *consumers;
    struct arena arena;
};

/* A zeroed struct mesh is an empty one. */
void mesh_finish(struct mesh *m);

/* New rows whose texts are "". NULL: out of memory, which arena.failed remembers. */
struct mesh_cluster *mesh_add_cluster(struct mesh *m, const char *cluster);
struct mesh_server *mesh_add_server(struct mesh *m, const char *cluster, const char *server);
struct mesh_path *mesh_add_path(struct mesh *m, const char *cluster, const char *domain, const char *owner);
struct mesh_stream *mesh_add_stream(struct mesh *m, const char *cluster, const char *domain, const char *stream);
struct mesh_consumer *mesh_add_consumer(struct mesh *m, const char *cluster, const char *domain, const char *stream,
                                        const char *consumer);
struct mesh_follower *mesh_add_follower(struct mesh *m, struct mesh_server *server, const char *name);
struct mesh_origin *mesh_add_origin(struct mesh *m, struct mesh_stream *stream);

struct mesh_number mesh_number(int64_t value);

/* The first row that has the name; NULL: none. */
struct mesh_cluster *mesh_find_cluster(const struct mesh *m, const char *cluster);
struct mesh_server *mesh_find_server(const struct mesh *m, const char *cluster, const char *server);
struct mesh_server *mesh_find_server_anywhere(const struct mesh *m, const char *server);
struct mesh_stream *mesh_find_stream(const struct mesh *m, const char *domain, const char *stream);

/* The name that a cluster's own servers use for it; the configuration's name if they did not tell. */
const char *mesh_cluster_name(const struct mesh *m, const char *cluster);

#endif
