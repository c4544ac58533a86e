/* SPDX-License-Identifier: Apache-2.0
 * mesh/judge_domains - a domain for each cluster, and the bridges between them. */
#include "judge.h"

#include <string.h>

/* What the section says, what the servers say, and what other clusters say. */
static void judge_name(const struct mesh *m, json_t *c, json_t *findings)
{
    const char *cluster = row_text(c, "cluster");
    const char *domain = row_text(c, "domain");
    const char *configured = row_text(c, "configured_domain");
    json_t *other;
    size_t i;

    if (row_has(c, "error"))
        return; /* nothing known */
    if (row_has(c, "jetstream_error"))
        finding_add(findings, WRONG, "jetstream", cluster,
                    "it needs a meta leader, and an account with JetStream enabled",
                    "$JS.API.INFO from its servers: %s", row_text(c, "jetstream_error"));
    else if (!*domain && json_array_size(m->clusters) > 1)
        finding_add(findings, WRONG, "domain", cluster, "set jetstream { domain } of its servers",
                    "its servers have no JetStream domain");
    if (*domain && *configured && strcmp(domain, configured) != 0)
        finding_add(findings, WRONG, "domain", cluster, "correct one of them",
                    "domain is %s in the configuration, %s on its servers", configured, domain);
    json_array_foreach(m->clusters, i, other)
    {
        if (other != c && *domain && strcmp(row_text(other, "domain"), domain) == 0)
            finding_add(findings, WRONG, "domain", cluster, "name the domain of each cluster apart",
                        "the clusters have the same domain %s", domain);
    }
}

static void judge_servers_domain(const struct mesh *m, json_t *s, json_t *findings)
{
    const char *domain = row_text(rows_find(m->clusters, "cluster", row_text(s, "cluster")), "domain");
    const char *own = row_text(s, "domain");

    if (*domain && strcmp(own, domain) != 0)
        finding_add(findings, WRONG, "domain", row_text(s, "server"), "give all servers of a cluster the same",
                    "its domain is %s, its cluster's is %s", *own ? own : "not set", domain);
}

/* A domain that its own servers do not serve either is theirs to mend. */
static void judge_path(const struct mesh *m, json_t *path, json_t *findings)
{
    json_t *owner = rows_find(m->clusters, "cluster", row_text(path, "owner"));

    if (row_has(path, "error") && !row_has(owner, "error") && !row_has(owner, "jetstream_error"))
        finding_add(
            findings, WRONG, "bridge", row_text(path, "cluster"),
            "its application account needs imports of the other system account's $JS.API, see docs/mesh.md; right "
            "after a start, wait",
            "$JS.%s.API.INFO from its servers: %s", row_text(path, "domain"), row_text(path, "error"));
}

void mesh_judge_domains(const struct mesh *m, json_t *findings)
{
    json_t *row;
    size_t i;
    json_array_foreach(m->clusters, i, row) judge_name(m, row, findings);
    json_array_foreach(m->servers, i, row) judge_servers_domain(m, row, findings);
    json_array_foreach(m->paths, i, row) judge_path(m, row, findings);
}
