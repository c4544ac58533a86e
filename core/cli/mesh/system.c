/* SPDX-License-Identifier: Apache-2.0
 * mesh/system - the servers of a cluster, as they answer in its system account. */
#include "look.h"

#include "base/buf.h"
#include "base/clock.h"
#include "config/names.h"
#include "federation/nats_options.h"
#include "cli/session.h"

#include <stdlib.h>
#include <string.h>

/* Servers answer in milliseconds; whoever is missing gets more. */
#define PATIENCE_NS (2 * NS_PER_SEC)
#define QUIET_NS (150 * NS_PER_MS)
#define INBOX_MAX 160

/* ---- the login ------------------------------------------------------------------------- */

/* nats.c prefers what a URL says to any option. */
static char *without_user(const char *url)
{
    const char *start = strstr(url, "://") ? strstr(url, "://") + 3 : url;
    const char *at = url_has_user(url) ? strrchr(start, '@') : NULL;
    struct buf b = {0};

    buf_printf(&b, "%.*s%s", (int)(start - url), url, at ? at + 1 : start);
    const char *text = buf_str(&b);
    char *copy = text ? strdup(text) : NULL;
    buf_finish(&b);
    return copy;
}

/* The cluster's section with the other login. Owns its URLs, borrows the rest. */
static int system_section(struct config_cluster *ret, const struct config_cluster *c)
{
    *ret = *c;
    ret->user = c->system_user;
    ret->password = c->system_password;
    ret->creds = c->system_creds;
    ret->token = ret->nkey = NULL;
    ret->urls = (struct strv){calloc(c->urls.n + 1, sizeof(char *)), 0};
    for (; ret->urls.items && ret->urls.n < c->urls.n; ret->urls.n++)
        if (!(ret->urls.items[ret->urls.n] = without_user(c->urls.items[ret->urls.n])))
            return -1;
    return ret->urls.items ? 0 : -1;
}

static void section_finish(struct config_cluster *c)
{
    for (size_t i = 0; i < c->urls.n; i++)
        free(c->urls.items[i]);
    free(c->urls.items);
}

/* ---- asking all servers at once --------------------------------------------------------- */

struct gather {
    json_t *varz; /* by the servers' ids */
    json_t *gatewayz;
};

static bool is_complete(const struct gather *g, int64_t nodes)
{
    size_t n = json_object_size(g->varz);
    return (int64_t)n >= nodes && json_object_size(g->gatewayz) >= n;
}

static void take(struct gather *g, natsMsg *msg)
{
    const char *kind = strrchr(natsMsg_GetSubject(msg), '.');
    json_error_t e;
    json_t *doc = answer_json(natsMsg_GetData(msg), (size_t)natsMsg_GetDataLength(msg), &e);
    const char *id = row_text(json_object_get(doc, "server"), "id");

    if (doc && *id) {
        json_object_set_new(doc, "received", json_integer(clock_wall_ns()));
        json_object_set(kind && strcmp(kind, ".VARZ") == 0 ? g->varz : g->gatewayz, id, doc);
    }
    json_decref(doc);
}

/* The status of the last wait: NATS_NO_RESPONDERS where nobody listens. */
static natsStatus collect(struct gather *g, natsSubscription *sub, int64_t nodes)
{
    int64_t until_ns = clock_now_ns() + PATIENCE_NS;
    natsStatus s = NATS_OK;

    while (s == NATS_OK) {
        int64_t left_ms = (until_ns - clock_now_ns()) / NS_PER_MS;
        natsMsg *msg = NULL;
        s = left_ms > 0 ? natsSubscription_NextMsg(&msg, sub, left_ms) : NATS_TIMEOUT;
        if (s == NATS_OK)
            take(g, msg);
        natsMsg_Destroy(msg);
        if (is_complete(g, nodes) && until_ns > clock_now_ns() + QUIET_NS)
            until_ns = clock_now_ns() + QUIET_NS;
    }
    return s;
}

static natsStatus ask(struct gather *g, natsConnection *nc, const char *inbox, int64_t nodes)
{
    static const char *const kinds[] = {"VARZ", "GATEWAYZ"};
    natsSubscription *sub = NULL;
    char subject[64];
    char reply[INBOX_MAX + 16];

    snprintf(reply, sizeof(reply), "%s.*", inbox);
    natsStatus s = natsConnection_SubscribeSync(&sub, nc, reply);
    for (size_t i = 0; i < 2 && s == NATS_OK; i++) {
        snprintf(subject, sizeof(subject), "$SYS.REQ.SERVER.PING.%s", kinds[i]);
        snprintf(reply, sizeof(reply), "%s.%s", inbox, kinds[i]);
        s = natsConnection_PublishRequestString(nc, subject, reply, "");
    }
    if (s == NATS_OK)
        s = collect(g, sub, nodes);
    natsSubscription_Destroy(sub);
    return s;
}

/* ---- rows -------------------------------------------------------------------------------- */

/* How the servers call their cluster: as the one does that we are connected to. */
static const char *own_name(const struct gather *g, natsConnection *nc)
{
    char id[64] = "";
    json_t *doc = NULL;

    if (natsConnection_GetConnectedServerId(nc, id, sizeof(id)) == NATS_OK)
        doc = json_object_get(g->varz, id);
    return row_text(json_object_get(doc, "server"), "cluster");
}

static void put_servers(struct mesh *m, const char *cluster, const char *own, const struct gather *g, json_t *row)
{
    json_t *strangers = json_array();
    json_t *doc;
    const char *id;

    json_object_foreach(g->varz, id, doc)
    {
        json_t *server = json_object_get(doc, "server");
        if (strcmp(row_text(server, "cluster"), own) == 0)
            mesh_add_server(m, cluster, doc, json_object_get(g->gatewayz, id), row_number(doc, "received"));
        else
            json_array_append(strangers, json_object_get(server, "name"));
    }
    if (json_array_size(strangers))
        json_object_set(row, "strangers", strangers);
    json_decref(strangers);
    if (*own)
        json_object_set_new(row, "name", json_string(own));
    /* Where the accounts are mixed up, $JS.API may be answered by another cluster: the servers know better. */
    json_t *first = rows_find(m->servers, "cluster", cluster);
    if (row_has(first, "account"))
        json_object_set(row, "account", json_object_get(first, "account"));
    if (row_has(first, "domain"))
        json_object_set(row, "domain", json_object_get(first, "domain"));
}

static const char *gather_servers(struct mesh *m, struct session *s, const char *cluster, int64_t nodes, json_t *row)
{
    struct gather g = {json_object(), json_object()};
    const char *why = NULL;
    char inbox[INBOX_MAX];

    if (nats_inbox_create(session_cluster(s), inbox, sizeof(inbox)) < 0)
        why = "cannot make a reply subject";
    else if (ask(&g, session_nats(s), inbox, nodes) == NATS_NO_RESPONDERS)
        why = "nobody answers $SYS.REQ.SERVER.PING: that user is not one of the system account";
    else if (json_object_size(g.varz) == 0)
        why = "no server answers $SYS.REQ.SERVER.PING to that user";
    else
        put_servers(m, cluster, own_name(&g, session_nats(s)), &g, row);
    json_decref(g.varz);
    json_decref(g.gatewayz);
    return why;
}

void mesh_look_servers(struct mesh *m, const struct config_cluster *cluster, const char *name, int64_t nodes,
                       json_t *cluster_row)
{
    struct config_cluster as_system;
    struct session *s = NULL;
    struct error err = {0};
    const char *why = NULL;

    if (!cluster->system_user && !cluster->system_creds)
        why = "no login to its system account is configured";
    else if (system_section(&as_system, cluster) < 0)
        why = "out of memory";
    else if (session_open(&s, &as_system, name, 0, &err) < 0)
        why = err.text;
    else
        why = gather_servers(m, s, cluster->name, nodes, cluster_row);
    if (why)
        json_object_set_new(cluster_row, "system_error", json_string(why));
    session_close(s);
    if (cluster->system_user || cluster->system_creds)
        section_finish(&as_system);
}
