/* SPDX-License-Identifier: Apache-2.0
 * nkey_test - public keys of seed files, against keys made here by other code. */
#include "federation/nkey.h"

#include <errno.h>
#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* The pair of the NATS documentation. */
#define KNOWN_SEED "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY"
#define KNOWN_PUBLIC "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4"

enum kind { ACCOUNT = 0, USER = 20 << 3 };

struct key {
    char seed[64];
    char public_key[64];
};

static char path[] = "/tmp/seamq-nkey-XXXXXX";

static int set_up(void **state)
{
    (void)state;
    strcpy(path, "/tmp/seamq-nkey-XXXXXX");
    int fd = mkstemp(path);
    if (fd < 0)
        return -1;
    close(fd);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    return 0;
}

/* RFC 4648 base32 without padding, bit by bit: not the code under test. */
static void base32(const unsigned char *p, size_t n, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    size_t chars = (n * 8 + 4) / 5;
    for (size_t i = 0; i < chars; i++) {
        unsigned v = 0;
        for (size_t bit = i * 5; bit < i * 5 + 5; bit++)
            v = v << 1 | (bit < n * 8 ? p[bit / 8] >> (7 - bit % 8) & 1u : 0);
        out[i] = digits[v];
    }
    out[chars] = '\0';
}

/* CRC-16/XMODEM by polynomial division of the message with 16 zero bits behind it. */
static unsigned crc(const unsigned char *p, size_t n)
{
    unsigned long rest = 0;
    for (size_t bit = 0; bit < n * 8 + 16; bit++) {
        rest = rest << 1 | (bit < n * 8 ? p[bit / 8] >> (7 - bit % 8) & 1u : 0);
        if (rest & 0x10000)
            rest ^= 0x11021;
    }
    return (unsigned)rest;
}

static void encode(const unsigned char *prefix, size_t n_prefix, const unsigned char *raw, char *out)
{
    unsigned char all[40];
    memcpy(all, prefix, n_prefix);
    memcpy(all + n_prefix, raw, 32);
    unsigned sum = crc(all, n_prefix + 32);
    all[n_prefix + 32] = (unsigned char)sum;
    all[n_prefix + 33] = (unsigned char)(sum >> 8);
    base32(all, n_prefix + 34, out);
}

static void make_key(enum kind kind, struct key *ret)
{
    unsigned char secret[32], public_key[32];
    size_t n = 32, m = 32;
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    assert_non_null(key);
    assert_int_equal(EVP_PKEY_get_raw_private_key(key, secret, &n), 1);
    assert_int_equal(EVP_PKEY_get_raw_public_key(key, public_key, &m), 1);
    EVP_PKEY_free(key);
    encode((unsigned char[]){18 << 3 | kind >> 5, (unsigned char)((kind & 31) << 3)}, 2, secret, ret->seed);
    encode((unsigned char[]){(unsigned char)kind}, 1, public_key, ret->public_key);
}

static void write_file(const char *fmt, ...)
{
    va_list ap;
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    va_start(ap, fmt);
    vfprintf(f, fmt, ap);
    va_end(ap);
    fclose(f);
}

static void expect_public(const char *expected)
{
    char out[64] = "";
    struct error err = {0};
    int rc = nkey_public(path, out, sizeof(out), &err);
    if (rc)
        fail_msg("%d: %s", rc, err.text);
    assert_string_equal(out, expected);
}

/* The sentence is `before`, the path, `after`. */
static void expect_refused(int code, const char *before, const char *after)
{
    char out[64] = "before";
    char expected[256];
    struct error err = {0};
    assert_int_equal(nkey_public(path, out, sizeof(out), &err), code);
    snprintf(expected, sizeof(expected), "nkey: %s%s%s", before, path, after);
    assert_string_equal(err.text, expected);
    assert_string_equal(out, "before");
}

#define NO_SEED "", " holds no user seed (a line that starts with SU)"
#define DAMAGED "the seed in ", " is damaged (its checksum is wrong)"

static void published_pair_is_derived(void **state)
{
    (void)state;
    write_file("%s\n", KNOWN_SEED);
    expect_public(KNOWN_PUBLIC);
}

static void fresh_pairs_are_derived(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        struct key k;
        make_key(USER, &k);
        assert_int_equal(strlen(k.seed), 58);
        assert_memory_equal(k.seed, "SU", 2);
        write_file("%s\n", k.seed);
        expect_public(k.public_key);
    }
}

static void seed_is_found_among_other_lines(void **state)
{
    (void)state;
    write_file("# made by nsc\n\n-----BEGIN USER NKEY SEED-----\n%s\n------END USER NKEY SEED------\n*** keep ***\n",
               KNOWN_SEED);
    expect_public(KNOWN_PUBLIC);
    write_file("SUMMARY: the seed\n%0300d\nSU\n  \t%s  # mine\n", 0, KNOWN_SEED);
    expect_public(KNOWN_PUBLIC);
}

static void line_ends_do_not_matter(void **state)
{
    (void)state;
    write_file("%s", KNOWN_SEED);
    expect_public(KNOWN_PUBLIC);
    write_file("%s\r\n", KNOWN_SEED);
    expect_public(KNOWN_PUBLIC);
}

static void every_damaged_character_is_noticed(void **state)
{
    (void)state;
    for (size_t i = 2; i < 58; i++) {
        char seed[64] = KNOWN_SEED;
        /* The last character carries three bits of the checksum and two of padding. */
        seed[i] = seed[i] == 'A' ? 'Q' : 'A';
        write_file("%s\n", seed);
        expect_refused(-EINVAL, DAMAGED);
    }
}

static void characters_outside_the_alphabet_are_noticed(void **state)
{
    (void)state;
    static const char bad[] = "0189a-=\x80";
    for (size_t i = 0; i < sizeof(bad) - 1; i++) {
        char seed[64] = KNOWN_SEED;
        seed[20] = bad[i];
        write_file("%s\n", seed);
        expect_refused(-EINVAL, DAMAGED);
    }
}

static void seed_of_another_kind_is_no_user_seed(void **state)
{
    (void)state;
    struct key k;
    make_key(ACCOUNT, &k);
    assert_memory_equal(k.seed, "SA", 2);
    write_file("%s\n", k.seed);
    expect_refused(-EINVAL, NO_SEED);
    write_file("%s\n", KNOWN_PUBLIC); /* the public key by mistake */
    expect_refused(-EINVAL, NO_SEED);
}

static void wrong_lengths_are_no_seed(void **state)
{
    (void)state;
    write_file("%.57s\n", KNOWN_SEED);
    expect_refused(-EINVAL, NO_SEED);
    write_file("%sA\n", KNOWN_SEED);
    expect_refused(-EINVAL, NO_SEED);
    write_file("%s", "");
    expect_refused(-EINVAL, NO_SEED);
}

static void missing_file_is_named(void **state)
{
    (void)state;
    unlink(path);
    expect_refused(-ENOENT, "cannot read ", ": No such file or directory");
}

static void small_buffer_is_refused(void **state)
{
    (void)state;
    char out[57];
    struct error err = {0};
    write_file("%s\n", KNOWN_SEED);
    assert_int_equal(nkey_public(path, out, 56, &err), -EINVAL);
    assert_int_equal(nkey_public(path, out, 57, &err), 0);
    assert_string_equal(out, KNOWN_PUBLIC);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(published_pair_is_derived),
        TEST(fresh_pairs_are_derived),
        TEST(seed_is_found_among_other_lines),
        TEST(line_ends_do_not_matter),
        TEST(every_damaged_character_is_noticed),
        TEST(characters_outside_the_alphabet_are_noticed),
        TEST(seed_of_another_kind_is_no_user_seed),
        TEST(wrong_lengths_are_no_seed),
        TEST(missing_file_is_named),
        TEST(small_buffer_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
