/* SPDX-License-Identifier: Apache-2.0
 * mesh/check_servers - logins, servers, meta groups and gateways of the clusters. */
#include "check.h"

#include "base/clock.h"

#include <string.h>

#define CLOCKS_APART_NS NS_PER_SEC

/* ---- connections and logins ------------------------------------------------------------------- */

static void check_login(const struct mesh_cluster *c, struct findings *findings)
{
    if (*c->error)
        finding_add(findings, FINDING_ERROR, "reachable", c->cluster,
                    "start its servers, or correct urls and login of its section", "no connection: %s", c->error);
    else if (*c->system_error)
        finding_add(findings, FINDING_ERROR, "system-login", c->cluster,
                    "set system_user and system_password, or system_creds, of the section to a user of the cluster's "
                    "system account",
                    "its servers, meta group and gateways cannot be checked: %s", c->system_error);
    if (*c->streams_error)
        finding_add(findings, FINDING_ERROR, "streams", c->cluster,
                    "wait for a meta leader, or grant the user that call", "its streams cannot be listed: %s",
                    c->streams_error);
}

/* Two clusters with one system account form one meta group, whose leader's cluster gets every stream. */
static void check_account(const struct mesh *m, const struct mesh_cluster *c, struct findings *findings)
{
    static const char remedy[] =
        "give each cluster a system account with a name of its own (system_account); move existing streams first, "
        "because the meta group starts empty";

    for (const struct mesh_cluster *other = m->clusters; other; other = other->next)
        if (other != c && *c->account && strcmp(other->account, c->account) == 0)
            finding_add(findings, FINDING_ERROR, "system-account", c->cluster, remedy,
                        "the clusters share the system account %s, and with it one meta group", c->account);
    if (c->strangers && !findings_of_check(findings, "system-account"))
        finding_add(findings, FINDING_ERROR, "system-account", c->cluster, remedy,
                    "%s of another cluster answers in its system account %s", c->strangers->text, c->account);
}

/* ---- the servers of a cluster ----------------------------------------------------------------- */

/* Followers whose name the leader does not know have a sentence as their name: "Server name unknown at this time". */
static bool is_name_unknown(const struct mesh_follower *f)
{
    return strchr(f->server, ' ') != NULL;
}

/* Followers of the meta leader that did not answer; returns how many. */
static int64_t check_absent(const struct mesh *m, const char *cluster, struct findings *findings)
{
    int64_t n = 0;

    for (const struct mesh_server *s = m->servers; s; s = s->next) {
        if (strcmp(s->cluster, cluster) != 0)
            continue;
        for (const struct mesh_follower *f = s->followers; f; f = f->next) {
            if (mesh_find_server_anywhere(m, f->server) || is_name_unknown(f))
                continue;
            finding_add(findings, FINDING_ERROR, "server-absent", f->server,
                        "start it, or read in its log why it does not join",
                        "does not answer, and belongs to the meta group of %s", cluster);
            n++;
        }
    }
    return n;
}

static void check_count(const struct mesh *m, const char *cluster, int64_t nodes, struct findings *findings)
{
    int64_t n = 0;
    int64_t absent = check_absent(m, cluster, findings);

    for (const struct mesh_server *s = m->servers; s; s = s->next)
        n += strcmp(s->cluster, cluster) == 0;
    if (n + absent < nodes)
        finding_add(findings, FINDING_ERROR, "server-absent", cluster,
                    "start the missing ones, or set the expected number with --nodes", "%lld of %lld servers answer",
                    (long long)n, (long long)nodes);
    if (n > nodes)
        finding_add(findings, FINDING_ERROR, "server-count", cluster, "set the expected number with --nodes",
                    "%lld servers answer, expected were %lld", (long long)n, (long long)nodes);
}

static void check_versions(const struct mesh *m, struct findings *findings)
{
    bool mixed = false;

    for (const struct mesh_server *s = m->servers; s; s = s->next)
        mixed = mixed || strcmp(s->version, m->servers->version) != 0;
    for (const struct mesh_server *s = m->servers; s && mixed; s = s->next)
        finding_add(findings, FINDING_NOTE, "version", s->server,
                    "finish the upgrade: a mesh of mixed versions is not tested", "runs nats-server %s, others do not",
                    s->version);
}

static void check_clocks(const struct mesh *m, struct findings *findings)
{
    const struct mesh_server *slow = NULL, *fast = NULL;

    for (const struct mesh_server *s = m->servers; s; s = s->next) {
        if (!s->clock.known)
            continue;
        slow = !slow || s->clock.value < slow->clock.value ? s : slow;
        fast = !fast || s->clock.value > fast->clock.value ? s : fast;
    }
    int64_t apart_ns = slow ? fast->clock.value - slow->clock.value : 0;
    if (apart_ns > CLOCKS_APART_NS)
        finding_add(findings, FINDING_NOTE, "clock", fast->server, "synchronise the clocks (NTP)",
                    "its clock is %.1f s ahead of %s's: ages, expiry and start times differ by as much",
                    (double)apart_ns / NS_PER_SEC, slow->server);
}

/* ---- the meta group --------------------------------------------------------------------------- */

static void check_leader(const struct mesh *m, const struct mesh_server *s, struct findings *findings)
{
    bool found = mesh_find_server(m, s->cluster, s->meta_leader) != NULL;

    if (!*s->meta_leader)
        finding_add(
            findings, FINDING_ERROR, "meta-leader", s->server,
            "more than half of the group must see each other; where a new mesh never had a leader, routes + remote "
            "gateway URLs of each node must be the number of nodes",
            "JetStream has no meta leader");
    else if (!found && mesh_find_server_anywhere(m, s->meta_leader))
        finding_add(findings, FINDING_ERROR, "meta-leader", s->server, "give each cluster a system account of its own",
                    "its meta leader %s is a server of another cluster", s->meta_leader);
    else if (!found)
        finding_add(findings, FINDING_ERROR, "meta-leader", s->server, "wait for the election, or start that server",
                    "its meta leader %s does not answer", s->meta_leader);
}

static void check_size(const struct mesh_server *s, int64_t nodes, struct findings *findings)
{
    if (s->meta_size.value != nodes)
        finding_add(
            findings, FINDING_ERROR, "meta-size", s->server,
            "the size is set once, at the first start, to routes + remote gateway URLs, which must be the number of "
            "nodes; correct those, then remove the store of every node of the cluster, which is safe only before any "
            "stream exists",
            "the meta group has %lld members, not %lld", (long long)s->meta_size.value, (long long)nodes);
}

static void check_followers(const struct mesh *m, const struct mesh_server *s, struct findings *findings)
{
    for (const struct mesh_follower *f = s->followers; f; f = f->next) {
        bool current = f->current && !f->offline;
        if (!current && mesh_find_server(m, s->cluster, f->server))
            finding_add(findings, FINDING_ERROR, "meta-current", f->server,
                        "wait; if this finding stays, check the server's log and its routes",
                        "its meta group is not current, as the leader %s sees it", s->server);
    }
}

static void check_meta_group(const struct mesh *m, const struct mesh_server *s, int64_t nodes,
                             struct findings *findings)
{
    if (!s->jetstream) {
        finding_add(findings, FINDING_ERROR, "jetstream", s->server, "add a jetstream block to its configuration",
                    "JetStream is not enabled");
        return;
    }
    if (nodes == 1 && !s->meta_size.known)
        return; /* not clustered */
    check_leader(m, s, findings);
    check_size(s, nodes, findings);
    check_followers(m, s, findings);
}

/* ---- gateways --------------------------------------------------------------------------------- */

static void check_gateways(const struct mesh *m, const struct mesh_server *s, struct findings *findings)
{
    for (const struct mesh_cluster *c = m->clusters; c; c = c->next) {
        const char *name = mesh_cluster_name(m, c->cluster);
        if (strcmp(c->cluster, s->cluster) == 0 || texts_contain(s->gateways, name))
            continue;
        finding_add(
            findings, FINDING_ERROR, "gateway", s->server,
            "an inbound one is not enough: check its gateways block, the password, and that the other side's gateway "
            "port can be reached from here",
            "no outbound gateway to %s", name);
    }
}

void mesh_check_servers(const struct mesh *m, int64_t nodes, struct findings *findings)
{
    for (const struct mesh_cluster *c = m->clusters; c; c = c->next)
        check_login(c, findings);
    for (const struct mesh_cluster *c = m->clusters; c; c = c->next)
        check_account(m, c, findings);
    for (const struct mesh_cluster *c = m->clusters; c; c = c->next)
        if (!*c->error && !*c->system_error)
            check_count(m, c->cluster, nodes, findings);
    for (const struct mesh_server *s = m->servers; s; s = s->next)
        check_meta_group(m, s, nodes, findings);
    for (const struct mesh_server *s = m->servers; s; s = s->next)
        check_gateways(m, s, findings);
    check_versions(m, findings);
    check_clocks(m, findings);
}
