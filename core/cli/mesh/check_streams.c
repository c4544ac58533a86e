/* SPDX-License-Identifier: Apache-2.0
 * mesh/check_streams - where streams are stored, which subjects they capture, and whether mirrors make progress. */
#include "check.h"

#include "base/clock.h"
#include "config/names.h"

#include <stdio.h>
#include <string.h>

/* A healthy mirror has contact with its origin every second, with or without messages. */
#define SILENT_NS (10 * NS_PER_SEC)

#define NAME_SIZE (2 * NATS_NAME_MAX + 80)

static const char *format_stream_name(const struct mesh_stream *s, char *out)
{
    snprintf(out, NAME_SIZE, "%s/%s", s->domain, s->stream);
    return out;
}

#define STREAM(s) format_stream_name((s), (char[NAME_SIZE]){0})

/* ---- placement and replicas ------------------------------------------------------------------- */

static void check_stream_placement(const struct mesh *m, const struct mesh_stream *s, struct findings *findings)
{
    static const char remedy[] = "move it: copy its messages to a stream in the right cluster, then delete it";
    const struct mesh_cluster *c = mesh_find_cluster(m, s->cluster);
    const struct mesh_server *leader = mesh_find_server_anywhere(m, s->leader);

    if (c && *c->name && *s->placed && strcmp(s->placed, c->name) != 0)
        finding_add(findings, FINDING_ERROR, "stream-cluster", STREAM(s), remedy, "is stored on the servers of %s",
                    s->placed);
    else if (leader && strcmp(leader->cluster, s->cluster) != 0)
        finding_add(findings, FINDING_ERROR, "stream-cluster", STREAM(s), remedy, "its leader %s is a server of %s",
                    s->leader, leader->cluster);
}

static void check_stream_replicas(const struct mesh_stream *s, struct findings *findings)
{
    if (s->leaderless)
        finding_add(findings, FINDING_ERROR, "stream-leader", STREAM(s),
                    "start the servers that store it, then wait for the election",
                    "has no leader: it stores and delivers nothing");
    else if (s->current.value < s->replicas.value)
        finding_add(findings, FINDING_ERROR, "stream-replicas", STREAM(s),
                    "start that server, or wait until it has caught up", "%lld of %lld replicas are current%s%s",
                    (long long)s->current.value, (long long)s->replicas.value, s->behind ? ", not on " : "",
                    s->behind ? s->behind->text : "");
    if (s->consumers_silent)
        finding_add(findings, FINDING_ERROR, "consumer-leader", STREAM(s),
                    "start the servers that store it, or grant the user $JS.API.CONSUMER.LIST",
                    "its consumers cannot be listed: one of them has no leader, or the user lacks the permission");
}

static void check_consumer_leader(const struct mesh_consumer *c, struct findings *findings)
{
    char name[NAME_SIZE + NATS_NAME_MAX + 1];

    if (!c->leaderless)
        return;
    snprintf(name, sizeof(name), "%s/%s/%s", c->domain, c->stream, c->consumer);
    finding_add(findings, FINDING_ERROR, "consumer-leader", name,
                "start the servers that store it, then wait for the election", "has no leader: it delivers nothing");
}

/* ---- one name or one subject in two domains --------------------------------------------------- */

/* Acknowledgements carry the stream's name, not the domain: between two domains that are joined, one acknowledgement
 * counts for both streams. */
static void check_same_name(const struct mesh_stream *a, const struct mesh_stream *b, struct findings *findings)
{
    static const char remedy[] =
        "give the streams different names, for example with the cluster's name in them: messages and "
        "acknowledgements of one reach the other, and messages are lost silently";
    const struct mesh_stream *const both[] = {a, b};

    if (strcmp(a->stream, b->stream) != 0)
        return;
    for (int i = 0; i < 2; i++)
        finding_add(findings, FINDING_ERROR, "stream-name", STREAM(both[i]), remedy,
                    "domains %s and %s have a stream %s each", a->domain, b->domain, a->stream);
}

static void check_same_subject(const struct mesh_stream *a, const struct mesh_stream *b, struct findings *findings)
{
    static const char remedy[] =
        "capture a subject in one domain only, and mirror that stream in the other: otherwise each message is stored "
        "twice, and its publisher gets two answers";
    const struct mesh_stream *const both[] = {a, b};

    for (const struct text_list *x = a->subjects; x; x = x->next)
        for (const struct text_list *y = b->subjects; y; y = y->next) {
            if (!subjects_overlap(x->text, y->text))
                continue;
            for (int i = 0; i < 2; i++)
                finding_add(findings, FINDING_ERROR, "subject", STREAM(both[i]), remedy,
                            "%s and %s overlap in two domains", x->text, y->text);
            return;
        }
}

void mesh_check_streams(const struct mesh *m, struct findings *findings)
{
    for (const struct mesh_stream *s = m->streams; s; s = s->next) {
        check_stream_placement(m, s, findings);
        check_stream_replicas(s, findings);
    }
    for (const struct mesh_consumer *c = m->consumers; c; c = c->next)
        check_consumer_leader(c, findings);
    for (const struct mesh_stream *a = m->streams; a; a = a->next)
        for (const struct mesh_stream *b = a->next; b; b = b->next)
            if (strcmp(a->domain, b->domain) != 0) {
                check_same_name(a, b, findings);
                check_same_subject(a, b, findings);
            }
}

/* ---- mirrors and sources ---------------------------------------------------------------------- */

/* A copy knows the lag as of its last contact; the origin's last sequence, if we see it, is newer. */
int64_t mesh_origin_behind(const struct mesh *m, const struct mesh_stream *s, const struct mesh_origin *from)
{
    const struct mesh_stream *origin = mesh_find_stream(m, from->domain, from->stream);
    int64_t gap = origin ? origin->last.value - s->last.value : 0;

    if (!from->mirror || s->filtered)
        return from->lag.value;
    return gap > from->lag.value ? gap : from->lag.value;
}

bool mesh_origin_silent(const struct mesh_origin *from)
{
    return from->active.value < 0 || from->active.value > SILENT_NS;
}

/* The entry of the same origin in an earlier snapshot of the stream; NULL: it is new. */
static const struct mesh_origin *find_origin(const struct mesh_stream *s, const struct mesh_origin *from)
{
    const struct mesh_origin *o = s ? s->from : NULL;
    while (o && (strcmp(o->stream, from->stream) != 0 || strcmp(o->domain, from->domain) != 0))
        o = o->next;
    return o;
}

static void check_origin_progress(const struct mesh *m, const struct mesh *earlier, const struct mesh_stream *s,
                                  const struct mesh_origin *from, struct findings *findings)
{
    const struct mesh_stream *then = mesh_find_stream(earlier, s->domain, s->stream);
    const struct mesh_origin *before = find_origin(then, from);

    if (!before)
        return;
    int64_t now = mesh_origin_behind(m, s, from);
    int64_t was = mesh_origin_behind(earlier, then, before);
    const char *kind = from->mirror ? "mirror" : "source";
    if (mesh_origin_silent(from) && mesh_origin_silent(before))
        finding_add(
            findings, FINDING_ERROR, "origin", STREAM(s),
            "check that the origin exists and that $JS.<its domain>.API is answered here (the bridge, docs/mesh.md)",
            "%s of %s/%s: no contact%s", kind, from->domain, from->stream,
            from->active.value < 0 ? ", never yet (active -1)" : " for more than 10 s");
    else if (now > 0 && was > 0 && s->last.value == then->last.value)
        finding_add(findings, FINDING_ERROR, "origin", STREAM(s),
                    "check its leader's log; a filter or limit may refuse messages",
                    "%s of %s/%s: %lld messages behind, and no message was copied between two snapshots", kind,
                    from->domain, from->stream, (long long)now);
    else if (was > 0 && now > was)
        finding_add(findings, FINDING_NOTE, "origin", STREAM(s),
                    "if this continues, the copy never catches up: check the network",
                    "%s of %s/%s: %lld messages behind, %lld more than a moment before", kind, from->domain,
                    from->stream, (long long)now, (long long)(now - was));
}

void mesh_check_origins(const struct mesh *m, const struct mesh *earlier, struct findings *findings)
{
    if (!earlier)
        return;
    for (const struct mesh_stream *s = m->streams; s; s = s->next)
        for (const struct mesh_origin *from = s->from; from; from = from->next)
            check_origin_progress(m, earlier, s, from, findings);
}

bool mesh_needs_second_snapshot(const struct mesh *m)
{
    for (const struct mesh_stream *s = m->streams; s; s = s->next)
        for (const struct mesh_origin *from = s->from; from; from = from->next)
            if (mesh_origin_silent(from) || mesh_origin_behind(m, s, from) > 0)
                return true;
    return false;
}
