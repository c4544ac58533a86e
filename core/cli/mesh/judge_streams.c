/* SPDX-License-Identifier: Apache-2.0
 * mesh/judge_streams - where streams lie, who captures what, and whether copies come in. */
#include "judge.h"

#include "base/clock.h"
#include "config/names.h"

#include <stdio.h>
#include <string.h>

/* A mirror hears from its origin every second, messages or not. */
#define SILENT_NS (10 * NS_PER_SEC)

#define NAME_SIZE (2 * NATS_NAME_MAX + 80)

static const char *stream_name(json_t *s, char *out)
{
    snprintf(out, NAME_SIZE, "%s/%s", row_text(s, "domain"), row_text(s, "stream"));
    return out;
}

#define STREAM(s) stream_name((s), (char[NAME_SIZE]){0})

/* ---- where they lie -------------------------------------------------------------------- */

static void judge_place(const struct mesh *m, json_t *s, json_t *findings)
{
    static const char remedy[] = "move it: copy its messages to a stream in the right cluster, then delete it";
    const char *cluster = row_text(s, "cluster");
    const char *placed = row_text(s, "placed");
    const char *leader = row_text(s, "leader");
    json_t *lead = rows_find(m->servers, "server", leader);
    bool known = row_has(rows_find(m->clusters, "cluster", cluster), "name");

    if (known && *placed && strcmp(placed, mesh_cluster_name(m, cluster)) != 0)
        finding_add(findings, WRONG, "stream-cluster", STREAM(s), remedy, "lies on the servers of %s", placed);
    else if (lead && strcmp(row_text(lead, "cluster"), cluster) != 0)
        finding_add(findings, WRONG, "stream-cluster", STREAM(s), remedy, "its leader %s is a server of %s", leader,
                    row_text(lead, "cluster"));
}

static void judge_replicas(json_t *s, json_t *findings)
{
    int64_t replicas = row_number(s, "replicas");
    int64_t current = row_number(s, "current");
    json_t *behind = json_object_get(s, "behind");
    const char *who = json_string_value(json_array_get(behind, 0));

    if (json_is_true(json_object_get(s, "leaderless")))
        finding_add(findings, WRONG, "stream-leader", STREAM(s),
                    "start the servers that hold it, then wait for the election",
                    "has no leader: it takes and gives nothing");
    else if (current < replicas)
        finding_add(findings, WRONG, "stream-replicas", STREAM(s), "start that server, or wait until it has caught up",
                    "%lld of %lld replicas are current%s%s", (long long)current, (long long)replicas,
                    who ? ", not on " : "", who ? who : "");
    if (json_is_true(json_object_get(s, "consumers_silent")))
        finding_add(findings, WRONG, "consumer-leader", STREAM(s), "start the servers that hold it",
                    "its consumers cannot be listed: one of them has no leader, or the user may not");
}

static void judge_consumer(json_t *c, json_t *findings)
{
    char name[NAME_SIZE + NATS_NAME_MAX + 1];

    if (!json_is_true(json_object_get(c, "leaderless")))
        return;
    snprintf(name, sizeof(name), "%s/%s/%s", row_text(c, "domain"), row_text(c, "stream"), row_text(c, "consumer"));
    finding_add(findings, WRONG, "consumer-leader", name, "start the servers that hold it, then wait for the election",
                "has no leader: it delivers nothing");
}

/* ---- the same in two domains -------------------------------------------------------------- */

/* Over a bridge one acknowledgement settles both. */
static void judge_same_name(json_t *a, json_t *b, json_t *findings)
{
    if (strcmp(row_text(a, "stream"), row_text(b, "stream")) != 0)
        return;
    static const char remedy[] =
        "name streams apart, for example by the cluster: messages and acknowledgements of the one "
        "reach the other, which is silent loss";
    finding_add(findings, WRONG, "stream-name", STREAM(a), remedy, "domains %s and %s have a stream %s each",
                row_text(a, "domain"), row_text(b, "domain"), row_text(a, "stream"));
    finding_add(findings, WRONG, "stream-name", STREAM(b), remedy, "domains %s and %s have a stream %s each",
                row_text(a, "domain"), row_text(b, "domain"), row_text(a, "stream"));
}

static void judge_same_subject(json_t *a, json_t *b, json_t *findings)
{
    static const char remedy[] =
        "capture a subject in one domain, and mirror it into the other: a message is stored twice, "
        "and its publisher gets two answers";
    json_t *x, *y;
    size_t i, k;

    json_array_foreach(json_object_get(a, "subjects"), i, x)
    {
        json_array_foreach(json_object_get(b, "subjects"), k, y)
        {
            const char *one = json_string_value(x), *two = json_string_value(y);
            if (!one || !two || !subjects_overlap(one, two))
                continue;
            finding_add(findings, WRONG, "subject", STREAM(a), remedy, "%s and %s overlap in two domains", one, two);
            finding_add(findings, WRONG, "subject", STREAM(b), remedy, "%s and %s overlap in two domains", one, two);
            return;
        }
    }
}

static void judge_pairs(const struct mesh *m, json_t *findings)
{
    size_t n = json_array_size(m->streams);

    for (size_t i = 0; i < n; i++)
        for (size_t k = i + 1; k < n; k++) {
            json_t *a = json_array_get(m->streams, i), *b = json_array_get(m->streams, k);
            if (strcmp(row_text(a, "domain"), row_text(b, "domain")) == 0)
                continue;
            judge_same_name(a, b, findings);
            judge_same_subject(a, b, findings);
        }
}

void mesh_judge_streams(const struct mesh *m, json_t *findings)
{
    json_t *row;
    size_t i;
    json_array_foreach(m->streams, i, row)
    {
        judge_place(m, row, findings);
        judge_replicas(row, findings);
    }
    json_array_foreach(m->consumers, i, row) judge_consumer(row, findings);
    judge_pairs(m, findings);
}

/* ---- mirrors and sources -------------------------------------------------------------------- */

/* Messages that have not come in: by the origin itself where we see it, for what the copy says of it is as old as
 * their last contact. */
int64_t mesh_origin_behind(const struct mesh *m, json_t *s, json_t *from)
{
    json_t *origin = mesh_find_stream(m, row_text(from, "domain"), row_text(from, "stream"));
    int64_t lag = row_number(from, "lag");
    int64_t gap = origin ? row_number(origin, "last") - row_number(s, "last") : 0;

    if (!json_is_true(json_object_get(from, "mirror")) || row_has(s, "filtered"))
        return lag;
    return gap > lag ? gap : lag;
}

bool mesh_origin_silent(json_t *from)
{
    int64_t active = row_number(from, "active");
    return active < 0 || active > SILENT_NS;
}

static json_t *same_origin(const struct mesh *m, json_t *s, json_t *from, json_t **ret_stream)
{
    json_t *one;
    size_t i;

    *ret_stream = mesh_find_stream(m, row_text(s, "domain"), row_text(s, "stream"));
    json_array_foreach(json_object_get(*ret_stream, "from"), i, one)
    {
        if (strcmp(row_text(one, "stream"), row_text(from, "stream")) == 0 &&
            strcmp(row_text(one, "domain"), row_text(from, "domain")) == 0)
            return one;
    }
    return NULL;
}

static void judge_origin(const struct mesh *m, const struct mesh *earlier, json_t *s, json_t *from, json_t *findings)
{
    json_t *then;
    json_t *before = same_origin(earlier, s, from, &then);
    const char *origin = row_text(from, "stream");
    const char *domain = row_text(from, "domain");

    if (!before)
        return; /* new since then */
    int64_t now = mesh_origin_behind(m, s, from);
    int64_t was = mesh_origin_behind(earlier, then, before);
    const char *kind = json_is_true(json_object_get(from, "mirror")) ? "mirror" : "source";
    if (mesh_origin_silent(from) && mesh_origin_silent(before))
        finding_add(
            findings, WRONG, "origin", STREAM(s),
            "check that the origin exists and that $JS.<its domain>.API is answered here (the bridge, docs/mesh.md)",
            "%s of %s/%s: no contact%s", kind, domain, origin,
            row_number(from, "active") < 0 ? ", never yet (active -1)" : " for more than 10 s");
    else if (now > 0 && was > 0 && row_number(s, "last") == row_number(then, "last"))
        finding_add(findings, WRONG, "origin", STREAM(s),
                    "look into its leader's log; a filter or limit may refuse messages",
                    "%s of %s/%s: %lld messages behind, and nothing came in between two looks", kind, domain, origin,
                    (long long)now);
    else if (was > 0 && now > was)
        finding_add(findings, NOTE, "origin", STREAM(s),
                    "if it goes on, the copy never catches up: look at the network",
                    "%s of %s/%s: %lld messages behind, %lld more than a moment before", kind, domain, origin,
                    (long long)now, (long long)(now - was));
}

void mesh_judge_origins(const struct mesh *m, const struct mesh *earlier, json_t *findings)
{
    json_t *s, *from;
    size_t i, k;

    if (!earlier)
        return;
    json_array_foreach(m->streams, i, s)
    {
        json_array_foreach(json_object_get(s, "from"), k, from) judge_origin(m, earlier, s, from, findings);
    }
}

bool mesh_needs_second_look(const struct mesh *m)
{
    json_t *s, *from;
    size_t i, k;
    json_array_foreach(m->streams, i, s)
    {
        json_array_foreach(json_object_get(s, "from"), k, from)
        {
            if (mesh_origin_silent(from) || mesh_origin_behind(m, s, from) > 0)
                return true;
        }
    }
    return false;
}
