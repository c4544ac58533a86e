/* SPDX-License-Identifier: Apache-2.0
 * base64 - encoder and decoder with one alphabet. */
#include "base64.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int digit_value(char c)
{
    const char *at = c ? strchr(alphabet, c) : NULL;
    return at ? (int)(at - alphabet) : -1;
}

int base64_decode(const char *text, size_t len, struct buf *out)
{
    uint32_t bits = 0;
    unsigned n_bits = 0;

    for (int pad = 0; pad < 2 && len > 0 && text[len - 1] == '='; pad++)
        len--;
    if (len % 4 == 1)
        return -EINVAL;
    for (size_t i = 0; i < len; i++) {
        int d = digit_value(text[i]);
        if (d < 0)
            return -EINVAL;
        bits = bits << 6 | (uint32_t)d;
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            buf_putc(out, (char)(bits >> n_bits & 0xff));
        }
    }
    return 0;
}

void base64_encode(const void *data, size_t len, struct buf *out)
{
    const unsigned char *p = data;

    for (size_t i = 0; i < len; i += 3) {
        size_t n = len - i < 3 ? len - i : 3;
        uint32_t bits = (uint32_t)p[i] << 16 | (n > 1 ? (uint32_t)p[i + 1] << 8 : 0) | (n > 2 ? p[i + 2] : 0);
        char four[4];
        for (size_t k = 0; k < 4; k++)
            four[k] = k > n ? '=' : alphabet[bits >> (18 - 6 * k) & 63];
        buf_append(out, four, 4);
    }
}
