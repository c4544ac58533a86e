/* SPDX-License-Identifier: Apache-2.0
 *
 * base64 - standard base64 (RFC 4648, 4), as JSON carries bytes.  Pure, any thread.
 */
#ifndef SEAMQ_BASE_BASE64_H
#define SEAMQ_BASE_BASE64_H

#include "buf.h"

/* Appends what `text` stands for; padding may be missing. 0, or -EINVAL for any other byte or an impossible length. */
int base64_decode(const char *text, size_t len, struct buf *out);
/* Appends the text for `len` bytes, padded. */
void base64_encode(const void *data, size_t len, struct buf *out);

#endif
