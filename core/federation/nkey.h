/* SPDX-License-Identifier: Apache-2.0
 *
 * nkey - the public key of a user's NKEY seed file.
 */
#ifndef SEAMQ_FEDERATION_NKEY_H
#define SEAMQ_FEDERATION_NKEY_H

#include "base/error.h"

#include <stddef.h>

/* "UA..." of the seed in `path`; -errno with a sentence. */
int nkey_public(const char *path, char *out, size_t size, struct error *err);

#endif
