/* SPDX-License-Identifier: Apache-2.0
 * Authentication and authorization: passwords, tokens, keys, credentials, TLS, permissions, and refusals. */
#include "scene.h"

#include "identity.h"

#include <stdio.h>
#include <string.h>

#define ADMIN "{ user: admin, password: secret-of-admin }"

/* The test's own user, beside the users of the case. */
static struct client *connect_admin(struct world *w, struct server *s)
{
    return client_connect(w, world_text(w, "nats://admin:secret-of-admin@127.0.0.1:%d", s->port));
}

static void add_streams(struct client *c)
{
    client_add_stream(c, "WORK", "work.>", NULL);
    client_add_dlq(c, "WORK");
}

static struct daemon *new_daemon(struct world *w, struct server *s)
{
    struct daemon *d = daemon_new(w, s->url);
    daemon_handler(d, IT_SCRIPTED, "scripted");
    daemon_env(d, "SEAMQ_HANDLER_SCRIPTED_OPTION_EFFECTS=%s", world_path(w, "effects"));
    return d;
}

static void expect_work_done(struct daemon *d, struct client *c)
{
    daemon_wait_ready(d, 20);
    client_publish(c, "work.test", "1 ack");
    client_expect_settled(c, "WORK", "scripted", 10);
}

static void user_and_password_are_accepted(struct world *w)
{
    struct server *s =
        server_start(w, &(struct server_options){.extra = "authorization: { users: [ " ADMIN
                                                          ", { user: app, password: \"p ss%w:rd\" } ] }"});
    struct client *c = connect_admin(w, s);
    struct daemon *d = new_daemon(w, s);

    add_streams(c);
    daemon_env(d, "NATS_USER=app");
    daemon_env(d, "NATS_PASSWORD=p ss%%w:rd");
    daemon_start(d);
    expect_work_done(d, c);
    assert_null(daemon_says(d, 0, 0, "p ss%w:rd"));
}

static void a_password_from_a_file_is_accepted(struct world *w)
{
    struct server *s = server_start(
        w, &(struct server_options){.extra = "authorization: { users: [ " ADMIN ", { user: app, password: pw } ] }"});
    struct client *c = connect_admin(w, s);
    struct daemon *d = new_daemon(w, s);
    const char *file = world_path(w, "password");

    add_streams(c);
    world_write(file, "pw\n");
    daemon_env(d, "SEAMQ_CLUSTER_DEFAULT_USER=app");
    daemon_env(d, "SEAMQ_CLUSTER_DEFAULT_PASSWORD_FILE=%s", file);
    daemon_start(d);
    expect_work_done(d, c);
}

static void a_token_is_accepted(struct world *w)
{
    struct server *s = server_start(w, &(struct server_options){.extra = "authorization: { token: t0ken-of-test }"});
    struct client *c = client_connect(w, world_text(w, "nats://t0ken-of-test@127.0.0.1:%d", s->port));
    struct daemon *d = new_daemon(w, s);

    add_streams(c);
    daemon_env(d, "NATS_TOKEN=t0ken-of-test");
    daemon_start(d);
    expect_work_done(d, c);
    assert_null(daemon_says(d, 0, 0, "t0ken-of-test"));
}

static void an_nkey_is_accepted(struct world *w)
{
    struct nkey k;
    nkey_make(w, NKEY_USER, &k);
    const char *extra = world_text(w, "authorization: { users: [ " ADMIN ", { nkey: %s } ] }", k.public_key);
    struct server *s = server_start(w, &(struct server_options){.extra = extra});
    struct client *c = connect_admin(w, s);
    struct daemon *d = new_daemon(w, s);

    add_streams(c);
    daemon_env(d, "NATS_NKEY=%s", nkey_seed_file(w, &k));
    daemon_start(d);
    expect_work_done(d, c);
}

static void use_creds(natsOptions *o, void *data)
{
    struct credentials *k = data;
    natsOptions_SetUserCredentialsFromFiles(o, k->creds, NULL);
}

static void credentials_of_an_operator_are_accepted(struct world *w)
{
    struct credentials k;
    credentials_make(w, &k);
    struct server *s = server_start(w, &(struct server_options){.extra = k.server_conf});
    struct client *c = client_connect_with(w, s->url, use_creds, &k);
    struct daemon *d = new_daemon(w, s);

    add_streams(c);
    daemon_env(d, "NATS_CREDS=%s", k.creds);
    daemon_start(d);
    expect_work_done(d, c);
}

/* ---- TLS ------------------------------------------------------------------------------ */

static void use_tls(natsOptions *o, void *data)
{
    struct certs *t = data;
    natsOptions_SetSecure(o, true);
    natsOptions_LoadCATrustedCertificates(o, t->ca);
    natsOptions_LoadCertificatesChain(o, t->client_cert, t->client_key);
}

static struct server *start_tls(struct world *w, struct certs *t, bool verify, struct client **ret_c)
{
    certs_make(w, t);
    struct server *s = server_start(w, &(struct server_options){.extra = certs_server_conf(w, t, verify)});
    *ret_c = client_connect_with(w, s->url, use_tls, t);
    add_streams(*ret_c);
    return s;
}

static void tls_with_the_right_authority_is_accepted(struct world *w)
{
    struct certs t;
    struct client *c;
    struct server *s = start_tls(w, &t, false, &c);
    struct daemon *d = new_daemon(w, s);

    daemon_env(d, "NATS_CA=%s", t.ca);
    daemon_env(d, "SEAMQ_CLUSTER_DEFAULT_TLS=require");
    daemon_start(d);
    expect_work_done(d, c);
}

static void tls_client_certificates_are_shown(struct world *w)
{
    struct certs t;
    struct client *c;
    struct server *s = start_tls(w, &t, true, &c);
    struct daemon *d = new_daemon(w, s);

    daemon_env(d, "NATS_CA=%s", t.ca);
    daemon_env(d, "NATS_CERT=%s", t.client_cert);
    daemon_env(d, "NATS_KEY=%s", t.client_key);
    daemon_start(d);
    expect_work_done(d, c);
}

static void tls_with_another_authority_is_refused(struct world *w)
{
    struct certs t;
    struct client *c;
    struct server *s = start_tls(w, &t, false, &c);
    struct daemon *d = new_daemon(w, s);

    daemon_env(d, "NATS_CA=%s", t.other_ca);
    daemon_start(d);
    daemon_expect_not_ready(d, "certificate", 15);
    /* Without tls_ca: the system's certificate authorities do not know this one either. */
    assert_int_equal(daemon_stop(d, 15), 0);
    daemon_env_unset(d, "NATS_CA");
    daemon_start(d);
    daemon_expect_not_ready(d, "certificate", 15);
    assert_null(client_consumer(c, "WORK", "scripted"));
}

static void tls_required_is_not_downgraded(struct world *w)
{
    struct server *s = server_start(w, NULL);
    struct client *c = client_connect(w, s->url);
    struct daemon *d = new_daemon(w, s);

    add_streams(c);
    daemon_env(d, "SEAMQ_CLUSTER_DEFAULT_TLS=require");
    daemon_start(d);
    daemon_expect_not_ready(d, "TLS", 15);
    assert_null(client_consumer(c, "WORK", "scripted"));
}

static void a_certificate_for_another_host_is_refused(struct world *w)
{
    struct certs t;
    certs_make(w, &t);
    t.server_cert = t.client_cert; /* the certificate names no host */
    t.server_key = t.client_key;
    struct server *s = server_start(w, &(struct server_options){.extra = certs_server_conf(w, &t, false)});
    struct daemon *d = new_daemon(w, s);

    daemon_env(d, "NATS_CA=%s", t.ca);
    daemon_start(d);
    daemon_expect_not_ready(d, "certificate", 15);
}

/* ---- refused first, accepted later ---------------------------------------------------------- */

static void a_wrong_password_is_named_and_tried_again(struct world *w)
{
    static const char wrong[] = "authorization: { users: [ " ADMIN ", { user: app, password: other } ] }";
    static const char right[] = "authorization: { users: [ " ADMIN ", { user: app, password: mine } ] }";
    struct server *s = server_start(w, &(struct server_options){.extra = wrong});
    struct client *c = connect_admin(w, s);
    struct daemon *d = new_daemon(w, s);

    add_streams(c);
    daemon_env(d, "NATS_USER=app");
    daemon_env(d, "NATS_PASSWORD=mine");
    daemon_start(d);
    daemon_expect_not_ready(d, "uthorization", 15);
    assert_int_equal(daemon_get(d, "/healthz", NULL), 200);
    server_configure(s, right, true);
    expect_work_done(d, c);
}

static void a_password_that_changes_while_running_is_read_again(struct world *w)
{
    static const char one[] = "authorization: { users: [ " ADMIN ", { user: app, password: one } ] }";
    static const char two[] = "authorization: { users: [ " ADMIN ", { user: app, password: two } ] }";
    struct server *s = server_start(w, &(struct server_options){.extra = one});
    struct client *c = connect_admin(w, s);
    struct daemon *d = new_daemon(w, s);

    add_streams(c);
    daemon_env(d, "NATS_USER=app");
    daemon_env(d, "NATS_PASSWORD=one");
    daemon_start(d);
    expect_work_done(d, c);
    server_configure(s, two, true); /* the server closes the connection */
    daemon_expect_not_ready(d, "uthorization", 20);
    server_configure(s, one, true);
    daemon_wait_ready(d, 20);
}

static void a_server_that_starts_later_is_waited_for(struct world *w)
{
    struct server *s = server_prepare(w, &(struct server_options){0});
    struct daemon *d = new_daemon(w, s);

    daemon_start(d);
    daemon_expect_not_ready(d, world_text(w, "%d", s->port), 15);
    server_launch(s);
    server_wait_ready(s, 20);
    struct client *c = client_connect(w, s->url);
    add_streams(c);
    expect_work_done(d, c);
}

/* ---- permissions -------------------------------------------------------------------------- */

/* The permissions of a least-privilege worker (infra/nats/permissions.sh), for stream WORK and consumer scripted. */
#define PERMISSIONS(next)                                                                                    \
    "authorization: { users: [ " ADMIN ", { user: app, password: pw, permissions: {\n"                       \
    "  publish: { allow: [ \"$JS.API.CONSUMER.INFO.WORK.scripted\", " next "\"$JS.API.STREAM.INFO.WORK\",\n" \
    "    \"$JS.API.STREAM.INFO.DLQ\", \"$JS.ACK.WORK.scripted.>\", \"$JS.ACK.*.*.WORK.scripted.>\",\n"       \
    "    \"dlq.WORK.scripted.>\", \"out.>\" ] }\n"                                                           \
    "  subscribe: { allow: [ \"_INBOX_app.>\", \"$SRV.>\" ] } } } ] }"
#define MSG_NEXT "\"$JS.API.CONSUMER.MSG.NEXT.WORK.scripted\", "

static struct daemon *least_privileged(struct world *w, struct server *s, struct client *c)
{
    struct daemon *d = new_daemon(w, s);

    add_streams(c);
    client_add_stream(c, "OUT", "out.>", NULL);
    client_add_consumer(c, "WORK", "scripted", ",\"filter_subject\":\"work.>\",\"max_deliver\":-1");
    daemon_env(d, "NATS_USER=app");
    daemon_env(d, "NATS_PASSWORD=pw");
    daemon_env(d, "SEAMQ_CLUSTER_DEFAULT_INBOX_PREFIX=_INBOX_app");
    daemon_env(d, "SEAMQ_HANDLER_SCRIPTED_CREATE=never");
    return d;
}

static void a_user_with_the_least_permissions_works(struct world *w)
{
    struct server *s = server_start(w, &(struct server_options){.extra = PERMISSIONS(MSG_NEXT)});
    struct client *c = connect_admin(w, s);
    struct daemon *d = least_privileged(w, s, c);

    daemon_start(d);
    expect_work_done(d, c);
    client_publish(c, "work.test", "2 dead unparsable");
    client_publish(c, "work.test", "3 publish out.a 2");
    client_publish(c, "work.test", "4 nak 10 1");
    client_expect_settled(c, "WORK", "scripted", 10);
    assert_int_equal(client_stream_messages(c, "DLQ"), 1);
    assert_int_equal(client_stream_messages(c, "OUT"), 2);
}

static void a_missing_permission_is_named(struct world *w)
{
    struct server *s = server_start(w, &(struct server_options){.extra = PERMISSIONS("")});
    struct client *c = connect_admin(w, s);
    struct daemon *d = least_privileged(w, s, c);

    daemon_start(d);
    assert_non_null(daemon_says(d, 0, 20, "ermission", "$JS.API.CONSUMER.MSG.NEXT.WORK.scripted"));
    daemon_expect_not_ready(d, "$JS.API.CONSUMER.MSG.NEXT.WORK.scripted", 20);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        IT(user_and_password_are_accepted),
        IT(a_password_from_a_file_is_accepted),
        IT(a_token_is_accepted),
        IT(an_nkey_is_accepted),
        IT(credentials_of_an_operator_are_accepted),
        IT(tls_with_the_right_authority_is_accepted),
        IT(tls_client_certificates_are_shown),
        IT(tls_with_another_authority_is_refused),
        IT(tls_required_is_not_downgraded),
        IT(a_certificate_for_another_host_is_refused),
        IT(a_wrong_password_is_named_and_tried_again),
        IT(a_password_that_changes_while_running_is_read_again),
        IT(a_server_that_starts_later_is_waited_for),
        IT(a_user_with_the_least_permissions_works),
        IT(a_missing_permission_is_named),
    };
    return it_main(tests, argc, argv);
}
