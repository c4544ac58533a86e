/* SPDX-License-Identifier: Apache-2.0
 * identity - keys from openssl, in the encodings of NATS (nkeys: base32 with CRC-16; JWT v2). */
#include "identity.h"

#include "process.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define OPENSSL "/usr/bin/openssl"
#define KEY_BYTES 32

void certs_make(struct world *w, struct certs *ret)
{
    const char *argv[] = {"/bin/sh", IT_HARNESS_DIR "/make-certs.sh", w->dir, NULL};
    const char *err = "";
    if (process_run(w, argv, NULL, 30, NULL, &err) != 0)
        fail_msg("make-certs.sh failed: %s\n%s", err, world_read(w, world_path(w, "openssl.log")));
    ret->ca = world_path(w, "ca.pem");
    ret->other_ca = world_path(w, "other-ca.pem");
    ret->server_cert = world_path(w, "server.pem");
    ret->server_key = world_path(w, "server.key");
    ret->client_cert = world_path(w, "client.pem");
    ret->client_key = world_path(w, "client.key");
}

const char *certs_server_conf(struct world *w, const struct certs *c, bool verify)
{
    return world_text(w, "tls: {\n  cert_file: \"%s\"\n  key_file: \"%s\"\n  ca_file: \"%s\"\n  verify: %s\n}\n",
                      c->server_cert, c->server_key, c->ca, verify ? "true" : "false");
}

static void read_bytes(const char *path, unsigned char *out, size_t size, size_t from_end)
{
    FILE *f = fopen(path, "re");
    if (!f || fseek(f, -(long)from_end, SEEK_END) != 0 || fread(out, 1, size, f) != size)
        fail_msg("%s is too short", path);
    fclose(f);
}

static uint16_t crc16(const unsigned char *p, size_t n)
{
    uint16_t crc = 0;
    for (size_t i = 0; i < n; i++) {
        crc ^= (uint16_t)(p[i] << 8);
        for (int bit = 0; bit < 8; bit++)
            crc = (uint16_t)(crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1);
    }
    return crc;
}

/* Prefix, key, checksum (little endian), in base32 without padding. */
static void encode_key(const unsigned char *prefix, size_t n_prefix, const unsigned char *key, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    unsigned char raw[2 + KEY_BYTES + 2];
    size_t n = n_prefix, bits = 0;
    uint32_t hold = 0;

    memcpy(raw, prefix, n_prefix);
    memcpy(raw + n, key, KEY_BYTES);
    n += KEY_BYTES;
    uint16_t crc = crc16(raw, n);
    raw[n++] = (unsigned char)crc;
    raw[n++] = (unsigned char)(crc >> 8);
    for (size_t i = 0; i < n; i++) {
        hold = hold << 8 | raw[i];
        for (bits += 8; bits >= 5; bits -= 5)
            *out++ = digits[hold >> (bits - 5) & 31];
    }
    if (bits > 0)
        *out++ = digits[hold << (5 - bits) & 31];
    *out = '\0';
}

static void openssl(struct world *w, const char *const *argv)
{
    const char *err = "";
    if (process_run(w, argv, NULL, 10, NULL, &err) != 0)
        fail_msg("%s %s: %s", argv[0], argv[1], err);
}

void nkey_make(struct world *w, enum nkey_kind kind, struct nkey *ret)
{
    static unsigned count;
    const char *der = world_path(w, "key%u.der", count);
    const char *pub = world_path(w, "key%u.pub", count);
    unsigned char secret[KEY_BYTES], public_key[KEY_BYTES];

    ret->kind = kind;
    ret->pem = world_path(w, "key%u.pem", count++);
    openssl(w, (const char *[]){OPENSSL, "genpkey", "-algorithm", "ed25519", "-out", ret->pem, NULL});
    openssl(w, (const char *[]){OPENSSL, "pkey", "-in", ret->pem, "-outform", "DER", "-out", der, NULL});
    openssl(w, (const char *[]){OPENSSL, "pkey", "-in", ret->pem, "-pubout", "-outform", "DER", "-out", pub, NULL});
    read_bytes(der, secret, KEY_BYTES, KEY_BYTES); /* RFC 8410: the key is at the end of the structure */
    read_bytes(pub, public_key, KEY_BYTES, KEY_BYTES);
    unsigned char one[] = {(unsigned char)kind};
    unsigned char two[] = {(unsigned char)(18 << 3 | kind >> 5), (unsigned char)((kind & 31) << 3)};
    encode_key(one, 1, public_key, ret->public_key);
    encode_key(two, 2, secret, ret->seed);
}

const char *nkey_seed_file(struct world *w, const struct nkey *k)
{
    const char *path = world_path(w, "%s.nk", k->public_key);
    world_write(path, world_text(w, "%s\n", k->seed));
    return path;
}

static const char *base64url(struct world *w, const unsigned char *p, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char *out = calloc(1, n * 2 + 4), *o = out;
    uint32_t hold = 0;
    size_t bits = 0;

    assert_non_null(out);
    world_at_end(w, free, out);
    for (size_t i = 0; i < n; i++) {
        hold = hold << 8 | p[i];
        for (bits += 8; bits >= 6; bits -= 6)
            *o++ = digits[hold >> (bits - 6) & 63];
    }
    if (bits > 0)
        *o++ = digits[hold << (6 - bits) & 63];
    return out;
}

static const char *jwt(struct world *w, const struct nkey *issuer, const struct nkey *subject, const char *name,
                       const char *nats)
{
    static const char header[] = "{\"typ\":\"JWT\",\"alg\":\"ed25519-nkey\"}";
    const char *claims = world_text(w,
                                    "{\"jti\":\"%s\",\"iat\":%" PRId64
                                    ",\"iss\":\"%s\",\"name\":\"%s\",\"sub\":\"%s\",\"nats\":{%s,\"version\":2}}",
                                    name, (int64_t)time(NULL), issuer->public_key, name, subject->public_key, nats);
    const char *text = world_text(w, "%s.%s", base64url(w, (const unsigned char *)header, strlen(header)),
                                  base64url(w, (const unsigned char *)claims, strlen(claims)));
    const char *in = world_path(w, "%s.claims", name);
    const char *out = world_path(w, "%s.sig", name);
    unsigned char signature[64];

    world_write(in, text);
    openssl(w, (const char *[]){OPENSSL, "pkeyutl", "-sign", "-rawin", "-inkey", issuer->pem, "-in", in, "-out", out,
                                NULL});
    read_bytes(out, signature, sizeof(signature), sizeof(signature));
    return world_text(w, "%s.%s", text, base64url(w, signature, sizeof(signature)));
}

void credentials_make(struct world *w, struct credentials *ret)
{
    static const char limits[] =
        "\"limits\":{\"subs\":-1,\"data\":-1,\"payload\":-1,\"imports\":-1,\"exports\":-1,\"wildcards\":true,"
        "\"conn\":-1,\"leaf\":-1,\"mem_storage\":%d,\"disk_storage\":%d,\"streams\":-1,\"consumer\":-1},"
        "\"default_permissions\":{\"pub\":{},\"sub\":{}},\"type\":\"account\"";
    struct nkey operator, system, account, user;
    char nats[512];

    nkey_make(w, NKEY_OPERATOR, &operator);
    nkey_make(w, NKEY_ACCOUNT, &system);
    nkey_make(w, NKEY_ACCOUNT, &account);
    nkey_make(w, NKEY_USER, &user);
    const char *operator_jwt = jwt(w, &operator, & operator, "operator", "\"type\":\"operator\"");
    snprintf(nats, sizeof(nats), limits, 0, 0);
    const char *system_jwt = jwt(w, &operator, & system, "system", nats);
    snprintf(nats, sizeof(nats), limits, -1, -1);
    const char *account_jwt = jwt(w, &operator, & account, "account", nats);
    const char *user_jwt = jwt(w, &account, &user, "user",
                               "\"pub\":{},\"sub\":{},\"subs\":-1,\"data\":-1,\"payload\":-1,\"type\":\"user\"");
    ret->server_conf =
        world_text(w,
                   "operator: \"%s\"\nsystem_account: %s\nresolver: MEMORY\n"
                   "resolver_preload: {\n  %s: \"%s\"\n  %s: \"%s\"\n}\n",
                   operator_jwt, system.public_key, system.public_key, system_jwt, account.public_key, account_jwt);
    ret->creds = world_path(w, "user.creds");
    world_write(ret->creds, world_text(w,
                                       "-----BEGIN NATS USER JWT-----\n%s\n------END NATS USER JWT------\n\n"
                                       "-----BEGIN USER NKEY SEED-----\n%s\n------END USER NKEY SEED------\n",
                                       user_jwt, user.seed));
}
