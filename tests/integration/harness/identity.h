/* SPDX-License-Identifier: Apache-2.0
 *
 * identity - creates TLS certificates, nkeys and operator-signed credentials.
 *
 * They are created during the test with the openssl command; the tree contains no secret.
 */
#ifndef SEAMQ_IT_IDENTITY_H
#define SEAMQ_IT_IDENTITY_H

#include "world.h"

struct certs {
    const char *ca; /* files */
    const char *other_ca;
    const char *server_cert;
    const char *server_key;
    const char *client_cert;
    const char *client_key;
};

void certs_make(struct world *w, struct certs *ret);
/* The tls block for a nats-server; `verify`: clients must show a certificate. */
const char *certs_server_conf(struct world *w, const struct certs *c, bool verify);

enum nkey_kind { NKEY_OPERATOR = 14 << 3, NKEY_ACCOUNT = 0, NKEY_USER = 20 << 3 };

struct nkey {
    enum nkey_kind kind;
    const char *pem;     /* file */
    char public_key[64]; /* "U..." */
    char seed[64];       /* "SU..." */
};

void nkey_make(struct world *w, enum nkey_kind kind, struct nkey *ret);
/* Writes the seed to a file for `nkey` settings. Returns the path. */
const char *nkey_seed_file(struct world *w, const struct nkey *k);

/* An operator, a system account, an account with JetStream and a user of it. */
struct credentials {
    const char *server_conf; /* for server_options.extra */
    const char *creds;       /* file with the user's JWT and seed */
};

void credentials_make(struct world *w, struct credentials *ret);

#endif
