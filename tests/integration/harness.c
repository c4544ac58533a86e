/* SPDX-License-Identifier: Apache-2.0
 * Tests of the harness itself against real nats-servers, without seamqd. */
#include "client.h"
#include "identity.h"
#include "ledger.h"
#include "server.h"

#include <stdio.h>
#include <string.h>

static void server_keeps_messages_over_kill_and_restart(struct world *w)
{
    struct server *s = server_start(w, &(struct server_options){.sync_always = true});
    struct client *c = client_connect(w, s->url);

    client_add_stream(c, "WORK", "work.>", NULL);
    assert_int_equal(client_publish(c, "work.a", "1 ack"), 1);
    server_kill(s);
    server_restart(s);
    assert_int_equal(client_publish(c, "work.a", "2 ack"), 2);
    struct stored m;
    assert_true(client_get(c, "WORK", 1, &m));
    assert_string_equal(m.data, "1 ack");
    server_freeze(s);
    server_thaw(s);
    assert_int_equal(client_stream_messages(c, "WORK"), 2);
    server_stop(s);
}

static void headers_come_back_as_they_were_sent(struct world *w)
{
    struct server *s = server_start(w, NULL);
    struct client *c = client_connect(w, s->url);
    struct stored m;

    client_add_stream(c, "WORK", "work.>", NULL);
    client_publish_full(c, "work.a", "X-Test: one\nX-Other: two", "\0x", 2);
    assert_true(client_get(c, "WORK", 1, &m));
    assert_int_equal(m.size, 2);
    assert_memory_equal(m.data, "\0x", 2);
    assert_string_equal(header_in(w, m.headers, "X-Other"), "two");
    assert_null(header_in(w, m.headers, "X-Missing"));
}

static void ledger_acknowledges_all_over_a_server_kill(struct world *w)
{
    struct server *s = server_start(w, &(struct server_options){.sync_always = true});
    struct client *c = client_connect(w, s->url);

    client_add_stream(c, "WORK", "work.>", NULL);
    struct ledger *l = ledger_start(w, &(struct ledger_options){.urls = s->url, .subject = "work.a", .count = 3000});
    assert_true(client_wait_messages(c, "WORK", 500, 20));
    server_kill(s);
    server_restart(s);
    ledger_finish(l, 30);
    assert_int_equal(client_stream_messages(c, "WORK"), 3000);
    struct ledger_count count = ledger_count(l, "/nonexistent", NULL);
    assert_int_equal(count.missing, 3000);
}

static void cluster_elects_a_new_leader(struct world *w)
{
    struct cluster *k = cluster_start(w, false);
    struct client *c = client_connect(w, k->urls);

    client_add_stream(c, "WORK", "work.>", ",\"num_replicas\":3");
    client_publish(c, "work.a", "1 ack");
    const char *leader = json_text(client_api_ok(c, NULL, "STREAM.INFO.WORK"), "cluster.leader");
    struct server *s = cluster_node(k, leader);
    assert_non_null(s);
    server_kill(s);
    client_publish_full(c, "work.a", "Nats-Msg-Id: 2", "2 ack", 5);
    server_restart(s);
    assert_int_equal(client_stream_messages(c, "WORK"), 2);
}

static void use_tls(natsOptions *o, void *data)
{
    struct certs *t = data;
    natsOptions_SetSecure(o, true);
    natsOptions_LoadCATrustedCertificates(o, t->ca);
    natsOptions_LoadCertificatesChain(o, t->client_cert, t->client_key);
}

static void tls_server_verifies_clients(struct world *w)
{
    struct certs t;
    certs_make(w, &t);
    struct server *s = server_start(w, &(struct server_options){.extra = certs_server_conf(w, &t, true)});
    struct client *c = client_connect_with(w, s->url, use_tls, &t);
    client_add_stream(c, "WORK", "work.>", NULL);
}

struct nkey_login {
    struct nkey key;
    const char *file;
};

static void use_nkey(natsOptions *o, void *data)
{
    struct nkey_login *k = data;
    natsOptions_SetNKeyFromSeed(o, k->key.public_key, k->file);
}

static void nkeys_are_accepted(struct world *w)
{
    struct nkey_login k;
    nkey_make(w, NKEY_USER, &k.key);
    k.file = nkey_seed_file(w, &k.key);
    const char *extra = world_text(w, "authorization: { users: [ { nkey: %s } ] }", k.key.public_key);
    struct server *s = server_start(w, &(struct server_options){.extra = extra});
    struct client *c = client_connect_with(w, s->url, use_nkey, &k);
    client_add_stream(c, "WORK", "work.>", NULL);
}

static void use_creds(natsOptions *o, void *data)
{
    struct credentials *k = data;
    natsOptions_SetUserCredentialsFromFiles(o, k->creds, NULL);
}

static void operator_credentials_are_accepted(struct world *w)
{
    struct credentials k;
    credentials_make(w, &k);
    struct server *s = server_start(w, &(struct server_options){.extra = k.server_conf});
    struct client *c = client_connect_with(w, s->url, use_creds, &k);
    client_add_stream(c, "WORK", "work.>", NULL);
    client_publish(c, "work.a", "1 ack");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        IT(server_keeps_messages_over_kill_and_restart),
        IT(headers_come_back_as_they_were_sent),
        IT(ledger_acknowledges_all_over_a_server_kill),
        IT(cluster_elects_a_new_leader),
        IT(tls_server_verifies_clients),
        IT(nkeys_are_accepted),
        IT(operator_credentials_are_accepted),
    };
    return it_main(tests, argc, argv);
}
