/* SPDX-License-Identifier: Apache-2.0
 * mesh/judge_servers - clusters, their servers, the meta group, gateways. */
#include "judge.h"

#include "base/clock.h"

#include <string.h>

#define CLOCKS_APART_NS NS_PER_SEC

static int64_t count_servers(const struct mesh *m, const char *cluster)
{
    int64_t n = 0;
    json_t *s;
    size_t i;
    json_array_foreach(m->servers, i, s) n += strcmp(row_text(s, "cluster"), cluster) == 0;
    return n;
}

/* ---- connections and logins ---------------------------------------------------------- */

static void judge_login(json_t *c, json_t *findings)
{
    const char *cluster = row_text(c, "cluster");

    if (row_has(c, "error"))
        finding_add(findings, WRONG, "reachable", cluster,
                    "start its servers, or correct urls and login of its section", "no connection: %s",
                    row_text(c, "error"));
    else if (row_has(c, "system_error"))
        finding_add(findings, WRONG, "system-login", cluster,
                    "set system_user and system_password, or system_creds, of the section to a user of the cluster's "
                    "system account",
                    "its servers, meta group and gateways cannot be checked: %s", row_text(c, "system_error"));
    if (row_has(c, "streams_error"))
        finding_add(findings, WRONG, "streams", cluster, "wait for a meta leader, or grant the user that call",
                    "its streams cannot be listed: %s", row_text(c, "streams_error"));
}

/* With one account for two clusters there is one meta group, whose leader's cluster gets every stream. */
static void judge_account(const struct mesh *m, json_t *c, json_t *findings)
{
    static const char remedy[] =
        "give each cluster a system account of its own name (system_account); streams that exist "
        "must be moved first, the meta group starts anew";
    const char *account = row_text(c, "account");
    json_t *other;
    size_t i;

    json_array_foreach(m->clusters, i, other)
    {
        if (other == c || !*account || strcmp(row_text(other, "account"), account) != 0)
            continue;
        finding_add(findings, WRONG, "system-account", row_text(c, "cluster"), remedy,
                    "the clusters share the system account %s, and with it one meta group", account);
    }
    json_t *strangers = json_object_get(c, "strangers");
    if (json_array_size(strangers) && !rows_find(findings, "check", "system-account"))
        finding_add(findings, WRONG, "system-account", row_text(c, "cluster"), remedy,
                    "%s of another cluster answers in its system account %s",
                    json_string_value(json_array_get(strangers, 0)), account);
}

/* ---- the servers of a cluster -------------------------------------------------------- */

/* Whom the meta leader knows and who does not answer; how many. */
static int64_t judge_absent(const struct mesh *m, const char *cluster, json_t *findings)
{
    json_t *s, *f;
    size_t i, k;
    int64_t n = 0;

    json_array_foreach(m->servers, i, s)
    {
        if (strcmp(row_text(s, "cluster"), cluster) != 0)
            continue;
        json_array_foreach(json_object_get(s, "followers"), k, f)
        {
            const char *name = row_text(f, "server");
            if (rows_find(m->servers, "server", name) || strchr(name, ' ')) /* "Server name unknown at this time" */
                continue;
            finding_add(findings, WRONG, "server-absent", name, "start it, or look into its log why it does not join",
                        "does not answer, and belongs to the meta group of %s", cluster);
            n++;
        }
    }
    return n;
}

static void judge_count(const struct mesh *m, const char *cluster, int64_t nodes, json_t *findings)
{
    int64_t n = count_servers(m, cluster);
    int64_t absent = judge_absent(m, cluster, findings);

    if (n + absent < nodes)
        finding_add(findings, WRONG, "server-absent", cluster,
                    "start the missing ones, or say how many there should be (--nodes)", "%lld of %lld servers answer",
                    (long long)n, (long long)nodes);
    if (n > nodes)
        finding_add(findings, WRONG, "server-count", cluster, "say how many there should be (--nodes)",
                    "%lld servers answer, expected were %lld", (long long)n, (long long)nodes);
}

static void judge_versions(const struct mesh *m, json_t *findings)
{
    const char *first = row_text(json_array_get(m->servers, 0), "version");
    json_t *s;
    size_t i;
    bool mixed = false;

    json_array_foreach(m->servers, i, s) mixed = mixed || strcmp(row_text(s, "version"), first) != 0;
    for (i = 0; mixed && i < json_array_size(m->servers); i++) {
        s = json_array_get(m->servers, i);
        finding_add(findings, NOTE, "version", row_text(s, "server"),
                    "finish the upgrade: a mesh of mixed versions is not tested", "runs nats-server %s, others do not",
                    row_text(s, "version"));
    }
}

static void judge_clocks(const struct mesh *m, json_t *findings)
{
    json_t *slow = NULL, *fast = NULL, *s;
    size_t i;

    json_array_foreach(m->servers, i, s)
    {
        if (!row_has(s, "clock"))
            continue;
        slow = !slow || row_number(s, "clock") < row_number(slow, "clock") ? s : slow;
        fast = !fast || row_number(s, "clock") > row_number(fast, "clock") ? s : fast;
    }
    int64_t apart_ns = slow ? row_number(fast, "clock") - row_number(slow, "clock") : 0;
    if (apart_ns > CLOCKS_APART_NS)
        finding_add(findings, NOTE, "clock", row_text(fast, "server"), "synchronise the clocks (NTP)",
                    "its clock is %.1f s ahead of %s's: ages, expiry and start times differ by as much",
                    (double)apart_ns / NS_PER_SEC, row_text(slow, "server"));
}

/* ---- the meta group ------------------------------------------------------------------- */

static bool is_elsewhere(const struct mesh *m, const char *cluster, const char *server)
{
    json_t *s = rows_find(m->servers, "server", server);
    return s && strcmp(row_text(s, "cluster"), cluster) != 0 && !mesh_find_server(m, cluster, server);
}

static void judge_leader(const struct mesh *m, json_t *s, json_t *findings)
{
    const char *server = row_text(s, "server");
    const char *cluster = row_text(s, "cluster");
    const char *leader = row_text(s, "meta_leader");

    if (!*leader)
        finding_add(
            findings, WRONG, "meta-leader", server,
            "more than half of the group must see each other; where a new mesh never had a leader, routes + remote "
            "gateway URLs of each node must be the number of nodes",
            "JetStream has no meta leader");
    else if (is_elsewhere(m, cluster, leader))
        finding_add(findings, WRONG, "meta-leader", server, "give each cluster a system account of its own",
                    "its meta leader %s is a server of another cluster", leader);
    else if (!mesh_find_server(m, cluster, leader))
        finding_add(findings, WRONG, "meta-leader", server, "wait for the election, or start that server",
                    "its meta leader %s does not answer", leader);
}

static void judge_size(json_t *s, int64_t nodes, json_t *findings)
{
    int64_t size = row_number(s, "meta_size");

    if (size != nodes)
        finding_add(
            findings, WRONG, "meta-size", row_text(s, "server"),
            "it is sized once, at the first start, by routes + remote gateway URLs, which must be the number of "
            "nodes; mend those, then remove the store of every node of the cluster, which is safe only before any "
            "stream exists",
            "the meta group has %lld members, not %lld", (long long)size, (long long)nodes);
}

static void judge_followers(const struct mesh *m, json_t *s, json_t *findings)
{
    json_t *f;
    size_t i;
    json_array_foreach(json_object_get(s, "followers"), i, f)
    {
        const char *name = row_text(f, "server");
        bool answers = mesh_find_server(m, row_text(s, "cluster"), name);
        bool current = json_is_true(json_object_get(f, "current")) && !json_is_true(json_object_get(f, "offline"));
        if (answers && !current)
            finding_add(findings, WRONG, "meta-current", name, "wait; if it stays, look into its log and its routes",
                        "its meta group is not current, as the leader %s sees it", row_text(s, "server"));
    }
}

static void judge_meta(const struct mesh *m, json_t *s, int64_t nodes, json_t *findings)
{
    if (!json_is_true(json_object_get(s, "jetstream"))) {
        finding_add(findings, WRONG, "jetstream", row_text(s, "server"), "add a jetstream block to its configuration",
                    "JetStream is not enabled");
        return;
    }
    if (nodes == 1 && !row_has(s, "meta_size"))
        return; /* not clustered */
    judge_leader(m, s, findings);
    judge_size(s, nodes, findings);
    judge_followers(m, s, findings);
}

/* ---- gateways --------------------------------------------------------------------------- */

static void judge_gateways(const struct mesh *m, json_t *s, json_t *findings)
{
    json_t *c;
    size_t i;
    json_array_foreach(m->clusters, i, c)
    {
        const char *other = row_text(c, "cluster");
        const char *name = mesh_cluster_name(m, other);
        if (strcmp(other, row_text(s, "cluster")) == 0 || row_lists(s, "gateways", name))
            continue;
        finding_add(
            findings, WRONG, "gateway", row_text(s, "server"),
            "an inbound one is not enough: check its gateways block, the password, and that the other side's gateway "
            "port can be reached from here",
            "no outbound gateway to %s", name);
    }
}

void mesh_judge_servers(const struct mesh *m, int64_t nodes, json_t *findings)
{
    json_t *c, *s;
    size_t i;

    json_array_foreach(m->clusters, i, c) judge_login(c, findings);
    json_array_foreach(m->clusters, i, c) judge_account(m, c, findings);
    json_array_foreach(m->clusters, i, c)
    {
        if (!row_has(c, "error") && !row_has(c, "system_error"))
            judge_count(m, row_text(c, "cluster"), nodes, findings);
    }
    json_array_foreach(m->servers, i, s) judge_meta(m, s, nodes, findings);
    json_array_foreach(m->servers, i, s) judge_gateways(m, s, findings);
    judge_versions(m, findings);
    judge_clocks(m, findings);
}
