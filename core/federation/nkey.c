/* SPDX-License-Identifier: Apache-2.0
 * nkey - the public key of a user's NKEY seed file, which nats.c needs in addition to the file.
 * Format: NATS nkeys: base32 of prefix, 32 bytes, CRC-16/XMODEM in little endian. */
#include "nkey.h"

#include <ctype.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define SEED_CHARS 58
#define SEED_BYTES 36 /* 2 prefix, 32 seed, 2 CRC */
#define PUBLIC_BYTES 35
#define PREFIX_SEED (18u << 3) /* 'S' */
#define PREFIX_USER (20u << 3) /* 'U' */

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

static uint16_t crc16(const unsigned char *data, size_t len)
{
    uint16_t crc = 0;
    for (size_t i = 0; i < len; i++) {
        crc ^= (uint16_t)(data[i] << 8);
        for (int bit = 0; bit < 8; bit++)
            crc = (uint16_t)(crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1);
    }
    return crc;
}

/* False on a character outside the alphabet. */
static bool base32_decode(const char *text, size_t len, unsigned char *out, size_t size)
{
    uint32_t bits = 0;
    unsigned n_bits = 0;
    size_t at = 0;
    for (size_t i = 0; i < len; i++) {
        const char *c = memchr(alphabet, text[i], 32);
        if (!c)
            return false;
        bits = bits << 5 | (uint32_t)(c - alphabet);
        n_bits += 5;
        if (n_bits >= 8 && at < size) {
            n_bits -= 8;
            out[at++] = (unsigned char)(bits >> n_bits);
        }
    }
    return at == size;
}

static void base32_encode(const unsigned char *data, size_t len, char *out)
{
    uint32_t bits = 0;
    unsigned n_bits = 0;
    for (size_t i = 0; i < len; i++) {
        bits = bits << 8 | data[i];
        for (n_bits += 8; n_bits >= 5; n_bits -= 5)
            *out++ = alphabet[bits >> (n_bits - 5) & 31];
    }
    if (n_bits)
        *out++ = alphabet[bits << (5 - n_bits) & 31];
    *out = '\0';
}

static int derive(const unsigned char *seed, unsigned char *pub)
{
    size_t len = 32;
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
    int ok = key && EVP_PKEY_get_raw_public_key(key, pub, &len) == 1 && len == 32;
    EVP_PKEY_free(key);
    return ok ? 0 : -EINVAL;
}

/* The first line of the file that looks like a seed: "SU..." */
static int read_seed(const char *path, char seed[SEED_CHARS + 1], struct error *err)
{
    char line[256];
    FILE *f = fopen(path, "re");
    if (!f)
        return error_set(err, -errno, "nkey: cannot read %s: %s", path, strerror(errno));
    bool found = false;
    while (!found && fgets(line, sizeof(line), f)) {
        char *s = line;
        while (isspace((unsigned char)*s))
            s++;
        s[strcspn(s, " \t\r\n")] = '\0';
        found = strlen(s) == SEED_CHARS && s[0] == 'S' && s[1] == 'U';
        if (found)
            memcpy(seed, s, SEED_CHARS + 1);
    }
    fclose(f);
    OPENSSL_cleanse(line, sizeof(line));
    return found ? 0 : error_set(err, -EINVAL, "nkey: %s holds no user seed (a line that starts with SU)", path);
}

int nkey_public(const char *path, char *out, size_t size, struct error *err)
{
    char seed[SEED_CHARS + 1];
    unsigned char raw[SEED_BYTES];
    unsigned char pub[PUBLIC_BYTES] = {PREFIX_USER};

    if (size < 57)
        return error_set(err, -EINVAL, "nkey: buffer too small");
    int rc = read_seed(path, seed, err);
    if (rc)
        return rc;
    bool sound = base32_decode(seed, SEED_CHARS, raw, SEED_BYTES) && (raw[0] & 0xf8) == PREFIX_SEED &&
                 crc16(raw, SEED_BYTES - 2) == (uint16_t)(raw[SEED_BYTES - 2] | raw[SEED_BYTES - 1] << 8);
    if (!sound || derive(raw + 2, pub + 1)) {
        rc = error_set(err, -EINVAL, "nkey: the seed in %s is damaged (its checksum is wrong)", path);
    } else {
        uint16_t crc = crc16(pub, PUBLIC_BYTES - 2);
        pub[33] = (unsigned char)crc;
        pub[34] = (unsigned char)(crc >> 8);
        base32_encode(pub, PUBLIC_BYTES, out);
    }
    OPENSSL_cleanse(seed, sizeof(seed));
    OPENSSL_cleanse(raw, sizeof(raw));
    return rc;
}
