/* SPDX-License-Identifier: Apache-2.0
 *
 * base64 - standard base64 (RFC 4648, section 4), the form of bytes in JSON.  Pure, any thread.
 */
#ifndef SEAMQ_BASE_BASE64_H
#define SEAMQ_BASE_BASE64_H

#include "buf.h"

/* Appends the decoded bytes; padding is optional. 0, or -EINVAL for another byte or an impossible length. */
int base64_decode(const char *text, size_t len, struct buf *out);
/* Appends the encoded text of `len` bytes, padded. */
void base64_encode(const void *data, size_t len, struct buf *out);

#endif
