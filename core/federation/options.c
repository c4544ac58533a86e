/* SPDX-License-Identifier: Apache-2.0
 * options - a cluster's configuration as natsOptions; files are read again for each connection. */
#include "link_private.h"

#include "base/clock.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <string.h>

#define IO_BUFFER (64 * 1024)
#define CONNECT_TIMEOUT_MS 2000
#define PINGS_OUT 2 /* unanswered pings after which a connection counts as dead */

/* Turns nats.c's status into our return value, with what was being set. */
static int check(natsStatus s, const struct link *l, const char *what, const char *value, struct error *err)
{
    if (s == NATS_OK)
        return 0;
    if (s == NATS_NO_MEMORY)
        return error_set(err, -ENOMEM, "out of memory");
    const char *detail = nats_GetLastError(NULL);
    return error_set(err, -EINVAL, "cluster %s: %s%s%s: %s", l->config->name, what, value ? " " : "",
                     value ? value : "", detail && *detail ? detail : natsStatus_GetText(s));
}

/* nats.c (to 3.14 at least) puts these into its CONNECT message without escaping them for JSON. */
static natsStatus set_secrets(natsOptions *o, const char *user, const char *password, const char *token)
{
    const char *plain[] = {user, password, token};
    struct buf escaped[3] = {{0}};
    const char *text[3];
    natsStatus s = NATS_OK;

    for (int i = 0; i < 3; i++) {
        buf_put_json(&escaped[i], plain[i] ? plain[i] : "", plain[i] ? strlen(plain[i]) : 0);
        text[i] = buf_str(&escaped[i]);
        if (!text[i])
            s = NATS_NO_MEMORY;
        else
            escaped[i].data[escaped[i].len - 1] = '\0'; /* without the quotes */
    }
    if (s == NATS_OK && user)
        s = natsOptions_SetUserInfo(o, text[0] + 1, text[1] + 1);
    if (s == NATS_OK && token)
        s = natsOptions_SetToken(o, text[2] + 1);
    for (int i = 0; i < 3; i++) {
        if (escaped[i].data)
            OPENSSL_cleanse(escaped[i].data, escaped[i].len);
        buf_finish(&escaped[i]);
    }
    return s;
}

static int set_credentials(natsOptions *o, const struct link *l, struct error *err)
{
    const struct config_cluster *c = l->config;
    int rc = 0;

    if (c->creds)
        rc = check(natsOptions_SetUserCredentialsFromFiles(o, c->creds, NULL), l, "creds", c->creds, err);
    if (rc == 0 && c->nkey) {
        char pub[64];
        rc = nkey_public(c->nkey, pub, sizeof(pub), err);
        if (rc == 0)
            rc = check(natsOptions_SetNKeyFromSeed(o, pub, c->nkey), l, "nkey", c->nkey, err);
    }
    if (rc == 0 && (c->user || c->token))
        rc = check(set_secrets(o, c->user, c->password, c->token), l, c->user ? "user" : "token", c->user, err);
    return rc;
}

static int set_tls(natsOptions *o, const struct link *l, struct error *err)
{
    const struct config_cluster *c = l->config;
    int rc = 0;

    if (c->tls == TLS_OFF)
        return 0;
    if (c->tls == TLS_REQUIRE || c->tls_ca || c->tls_cert)
        rc = check(natsOptions_SetSecure(o, true), l, "tls", NULL, err);
    if (rc == 0 && c->tls_ca)
        rc = check(natsOptions_LoadCATrustedCertificates(o, c->tls_ca), l, "tls_ca", c->tls_ca, err);
    if (rc == 0 && c->tls_cert)
        rc = check(natsOptions_LoadCertificatesChain(o, c->tls_cert, c->tls_key), l, "tls_cert", c->tls_cert, err);
    return rc;
}

int connection_options(natsOptions **ret, const struct link *l, struct error *err)
{
    const struct config_cluster *c = l->config;
    natsOptions *o = NULL;
    natsStatus s = natsOptions_Create(&o);

    if (s == NATS_OK)
        s = natsOptions_SetServers(o, (const char **)c->urls.items, (int)c->urls.n);
    if (s == NATS_OK)
        s = natsOptions_SetName(o, l->name);
    if (s == NATS_OK)
        s = natsOptions_SetAllowReconnect(o, false); /* see link.h */
    if (s == NATS_OK)
        s = natsOptions_SetSendAsap(o, true); /* no flusher thread: our loop writes */
    if (s == NATS_OK)
        s = natsOptions_SetIOBufSize(o, IO_BUFFER);
    if (s == NATS_OK)
        s = natsOptions_SetTimeout(o, CONNECT_TIMEOUT_MS);
    if (s == NATS_OK)
        s = natsOptions_SetPingInterval(o, c->ping_interval_ns / NS_PER_MS);
    if (s == NATS_OK)
        s = natsOptions_SetMaxPingsOut(o, PINGS_OUT);
    if (s == NATS_OK)
        s = natsOptions_SetWriteDeadline(o, c->ping_interval_ns / NS_PER_MS);

    int rc = check(s, l, "urls", c->urls.n ? c->urls.items[0] : NULL, err);
    if (rc == 0)
        rc = set_credentials(o, l, err);
    if (rc == 0)
        rc = set_tls(o, l, err);
    if (rc) {
        natsOptions_Destroy(o);
        return rc;
    }
    *ret = o;
    return 0;
}
