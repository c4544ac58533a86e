/* SPDX-License-Identifier: Apache-2.0
 *
 * mesh/mesh - one look at all clusters of the configuration, as rows: what `mesh status` shows, `mesh verify` judges
 * and both print as JSON.
 *
 * Each row is a JSON object.  What could not be learned is missing from it.  `cluster` is always the name in the
 * configuration; times are nanoseconds.
 *
 * clusters   cluster, name (of the servers' own cluster), domain, configured_domain, account (the system account), rtt,
 *            error (no connection: why), system_error (nothing of its servers: why), jetstream_error ($JS.API.INFO: why
 *            not), streams_error, strangers (names of other clusters' servers that answer in its system account)
 * servers    cluster, server, version, domain, account, uptime, connections, clock (ahead of ours), jetstream,
 *            meta_leader, meta_size, followers ({server, current, offline}: on the meta leader only),
 *            gateways (names of the clusters to which one leads out)
 * paths      cluster (asked through), domain, owner (the cluster whose domain it is), rtt, error
 * streams    cluster, domain, stream, subjects, placed (the servers' cluster that holds it), leader, leaderless
 *            (clustered, and has none), replicas, current, behind (names of replicas that are not), messages, bytes,
 *            first, last, created, consumers, filtered (a mirror of some of its origin's subjects),
 *            consumers_silent (they could not be listed), from ({stream, domain, mirror, lag, active})
 * consumers  cluster, domain, stream, consumer, leader, leaderless, pending, unacked, redelivered, floor (a sequence of
 *            the stream), filters (its filter subjects)
 */
#ifndef SEAMQ_CLI_MESH_MESH_H
#define SEAMQ_CLI_MESH_MESH_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mesh {
    json_t *clusters;
    json_t *servers;
    json_t *paths;
    json_t *streams;
    json_t *consumers;
    int64_t taken_ns; /* monotonic */
};

/* 0 or -ENOMEM. */
int mesh_init(struct mesh *m);
void mesh_finish(struct mesh *m);

/* They answer in any order. */
void mesh_sort_servers(struct mesh *m);

/* "" where the row has no such text; 0 where it has no such number. */
const char *row_text(json_t *row, const char *key);
int64_t row_number(json_t *row, const char *key);
bool row_has(json_t *row, const char *key);
/* Is the text in the array row[key]? */
bool row_lists(json_t *row, const char *key, const char *item);

/* The first row whose row[key] is the text; NULL: none. */
json_t *rows_find(json_t *rows, const char *key, const char *value);
json_t *mesh_find_server(const struct mesh *m, const char *cluster, const char *server);
json_t *mesh_find_stream(const struct mesh *m, const char *domain, const char *stream);
/* How the servers themselves call the cluster; where they did not say, as the configuration does. */
const char *mesh_cluster_name(const struct mesh *m, const char *cluster);

/* Documents of servers, which may be anything, to rows.  `now_ns` is our wall clock when it came. */
void mesh_add_server(struct mesh *m, const char *cluster, json_t *varz, json_t *gatewayz, int64_t now_ns);
void mesh_add_stream(struct mesh *m, const char *cluster, const char *domain, json_t *info);
void mesh_add_consumer(struct mesh *m, const char *cluster, const char *domain, json_t *info);
/* A stream of which the domain knows no more than the name, because nobody leads it. */
void mesh_add_leaderless(struct mesh *m, const char *cluster, const char *domain, const char *stream);

#endif
