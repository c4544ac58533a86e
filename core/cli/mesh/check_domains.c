/* SPDX-License-Identifier: Apache-2.0
 * mesh/check_domains - one JetStream domain for each cluster, and the imports that lead to the others. */
#include "check.h"

#include <string.h>

static void check_jetstream(const struct mesh *m, const struct mesh_cluster *c, struct findings *findings)
{
    if (*c->jetstream_error)
        finding_add(findings, FINDING_ERROR, "jetstream", c->cluster,
                    "it needs a meta leader, and an account with JetStream enabled",
                    "$JS.API.INFO from its servers: %s", c->jetstream_error);
    else if (!*c->domain && m->clusters->next)
        finding_add(findings, FINDING_ERROR, "domain", c->cluster, "set jetstream { domain } of its servers",
                    "its servers have no JetStream domain");
}

static void check_cluster_domain(const struct mesh *m, const struct mesh_cluster *c, struct findings *findings)
{
    if (!*c->domain)
        return;
    if (*c->configured_domain && strcmp(c->domain, c->configured_domain) != 0)
        finding_add(findings, FINDING_ERROR, "domain", c->cluster, "correct one of them",
                    "domain is %s in the configuration, %s on its servers", c->configured_domain, c->domain);
    for (const struct mesh_cluster *other = m->clusters; other; other = other->next)
        if (other != c && strcmp(other->domain, c->domain) == 0)
            finding_add(findings, FINDING_ERROR, "domain", c->cluster, "give each cluster a domain of its own",
                        "the clusters have the same domain %s", c->domain);
}

static void check_server_domain(const struct mesh *m, const struct mesh_server *s, struct findings *findings)
{
    const struct mesh_cluster *c = mesh_find_cluster(m, s->cluster);

    if (c && *c->domain && strcmp(s->domain, c->domain) != 0)
        finding_add(findings, FINDING_ERROR, "domain", s->server, "give all servers of a cluster the same domain",
                    "its domain is %s, its cluster's is %s", *s->domain ? s->domain : "not set", c->domain);
}

/* If the owner's own servers do not serve the domain either, the finding about the owner is enough. */
static void check_path(const struct mesh *m, const struct mesh_path *path, struct findings *findings)
{
    const struct mesh_cluster *owner = mesh_find_cluster(m, path->owner);
    bool owner_serves = owner && !*owner->error && !*owner->jetstream_error;

    if (*path->error && owner_serves)
        finding_add(
            findings, FINDING_ERROR, "bridge", path->cluster,
            "its application account needs imports of the other system account's $JS.API, see docs/mesh.md; right "
            "after a start, wait",
            "$JS.%s.API.INFO from its servers: %s", path->domain, path->error);
}

void mesh_check_domains(const struct mesh *m, struct findings *findings)
{
    for (const struct mesh_cluster *c = m->clusters; c; c = c->next) {
        if (*c->error)
            continue; /* not connected: nothing is known */
        check_jetstream(m, c, findings);
        check_cluster_domain(m, c, findings);
    }
    for (const struct mesh_server *s = m->servers; s; s = s->next)
        check_server_domain(m, s, findings);
    for (const struct mesh_path *path = m->paths; path; path = path->next)
        check_path(m, path, findings);
}
