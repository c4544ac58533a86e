/* SPDX-License-Identifier: Apache-2.0
 * nats_options - a cluster's configuration as natsOptions; files are read again for each connection. */
#include "nats_options.h"

#include "base/buf.h"
#include "base/clock.h"
#include "nkey.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define IO_BUFFER (64 * 1024)
#define CONNECT_TIMEOUT_MS 2000
#define PINGS_OUT 2 /* unanswered pings after which a connection counts as dead */

/* Converts nats.c's status into a negative errno; the sentence names the option. */
static int check(natsStatus s, const struct config_cluster *c, const char *what, const char *value, struct error *err)
{
    if (s == NATS_OK)
        return 0;
    if (s == NATS_NO_MEMORY)
        return error_set(err, -ENOMEM, "out of memory");
    const char *detail = nats_GetLastError(NULL);
    return error_set(err, -EINVAL, "cluster %s: %s%s%s: %s", c->name, what, value ? " " : "", value ? value : "",
                     detail && *detail ? detail : natsStatus_GetText(s));
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

static int set_credentials(natsOptions *o, const struct config_cluster *c, struct error *err)
{
    int rc = 0;

    if (c->creds)
        rc = check(natsOptions_SetUserCredentialsFromFiles(o, c->creds, NULL), c, "creds", c->creds, err);
    if (rc == 0 && c->nkey) {
        char pub[64];
        rc = nkey_public(c->nkey, pub, sizeof(pub), err);
        if (rc == 0)
            rc = check(natsOptions_SetNKeyFromSeed(o, pub, c->nkey), c, "nkey", c->nkey, err);
    }
    if (rc == 0 && (c->user || c->token))
        rc = check(set_secrets(o, c->user, c->password, c->token), c, c->user ? "user" : "token", c->user, err);
    return rc;
}

static int set_tls(natsOptions *o, const struct config_cluster *c, struct error *err)
{
    int rc = 0;

    if (c->tls == TLS_OFF)
        return 0;
    if (c->tls == TLS_REQUIRE || c->tls_ca || c->tls_cert)
        rc = check(natsOptions_SetSecure(o, true), c, "tls", NULL, err);
    if (rc == 0 && c->tls_ca)
        rc = check(natsOptions_LoadCATrustedCertificates(o, c->tls_ca), c, "tls_ca", c->tls_ca, err);
    if (rc == 0 && c->tls_cert)
        rc = check(natsOptions_LoadCertificatesChain(o, c->tls_cert, c->tls_key), c, "tls_cert", c->tls_cert, err);
    return rc;
}

int nats_options_create(natsOptions **ret, const struct config_cluster *c, const char *name, struct error *err)
{
    natsOptions *o = NULL;
    natsStatus s = natsOptions_Create(&o);

    if (s == NATS_OK)
        s = natsOptions_SetServers(o, (const char **)c->urls.items, (int)c->urls.n);
    if (s == NATS_OK)
        s = natsOptions_SetName(o, name);
    if (s == NATS_OK)
        s = natsOptions_SetAllowReconnect(o, false); /* see connection.h */
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
        s = natsOptions_SetWriteDeadline(o, PINGS_OUT * c->ping_interval_ns / NS_PER_MS);

    int rc = check(s, c, "urls", c->urls.n ? c->urls.items[0] : NULL, err);
    if (rc == 0)
        rc = set_credentials(o, c, err);
    if (rc == 0)
        rc = set_tls(o, c, err);
    if (rc) {
        natsOptions_Destroy(o);
        return rc;
    }
    *ret = o;
    return 0;
}

/* Host and port of a URL: the text after scheme and user. */
static const char *host_of(const char *url)
{
    const char *scheme = strstr(url, "://");
    const char *at = strrchr(url, '@');
    return at ? at + 1 : scheme ? scheme + 3 : url;
}

/* nats.c adds the default port to a URL without one. */
static bool same_server(const char *configured, const char *connected)
{
    const char *a = host_of(configured);
    const char *b = host_of(connected);
    size_t len = strlen(a);
    return strncmp(a, b, len) == 0 && (b[len] == '\0' || strcmp(b + len, ":4222") == 0);
}

void nats_server_order(const struct config_cluster *c, const char *last, unsigned *seed, const char **ret_urls)
{
    size_t n = c->urls.n;

    for (size_t i = 0; i < n; i++) { /* swap with a random earlier entry */
        size_t at = (size_t)rand_r(seed) % (i + 1);
        ret_urls[i] = ret_urls[at];
        ret_urls[at] = c->urls.items[i];
    }
    for (size_t i = 0; i + 1 < n; i++) {
        const char *url = ret_urls[i];
        if (!same_server(url, last))
            continue;
        ret_urls[i] = ret_urls[n - 1];
        ret_urls[n - 1] = url;
        break;
    }
}

int nats_inbox_create(const struct config_cluster *c, char *out, size_t size)
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    unsigned char raw[22];
    char token[sizeof(raw) + 1];

    if (getrandom(raw, sizeof(raw), 0) != (ssize_t)sizeof(raw))
        return -errno;
    for (size_t i = 0; i < sizeof(raw); i++)
        token[i] = digits[raw[i] % 62];
    token[sizeof(raw)] = '\0';
    int n = snprintf(out, size, "%s.%s", c->inbox_prefix, token);
    return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

/* ---- reasons of failures ----------------------------------------------- */

/* Copies a URL without user and password. */
static size_t put_url(char *out, size_t size, const char *before, const char *url)
{
    const char *scheme = strstr(url, "://");
    return (size_t)snprintf(out, size, "%s%.*s%s", before, scheme ? (int)(scheme + 3 - url) : 0, url, host_of(url));
}

/* Appends the configured URLs. */
static void list_urls(const struct config_cluster *c, char *out, size_t size)
{
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; i < c->urls.n && n < size; i++)
        n += put_url(out + n, size - n, i ? ", " : "", c->urls.items[i]);
}

void nats_server_url(natsConnection *nc, char *out, size_t size)
{
    char url[512] = "";
    natsConnection_GetConnectedUrl(nc, url, sizeof(url));
    put_url(out, size, "", url);
}

const char *nats_text(const char *text)
{
    const char *end = text && *text == '(' ? strstr(text, "): ") : NULL;
    return end ? end + 3 : text;
}

void nats_failure_text(const struct config_cluster *c, natsStatus s, char *out, size_t size)
{
    const char *detail = nats_text(nats_GetLastError(NULL));
    char urls[256];

    list_urls(c, urls, sizeof(urls));
    if (!detail || !*detail)
        detail = natsStatus_GetText(s);
    if (s == NATS_NO_SERVER)
        snprintf(out, size, "no server answers at %s", urls);
    else if (s == NATS_SECURE_CONNECTION_WANTED)
        snprintf(out, size, "the server at %s does not offer TLS, which the configuration requires", urls);
    else if (s == NATS_CONNECTION_AUTH_FAILED)
        snprintf(out, size, "the server at %s refuses these credentials: %s", urls, detail);
    else
        snprintf(out, size, "%s: %s", urls, detail);
}
