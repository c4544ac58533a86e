/* SPDX-License-Identifier: Apache-2.0
 *
 * elf_check - looks at a shared object's headers before dlopen() does: a truncated or foreign
 * file is refused with a sentence instead of SIGBUS.  Reads the file, loads nothing.
 */
#ifndef SEAMQ_HOST_ELF_CHECK_H
#define SEAMQ_HOST_ELF_CHECK_H

#include "base/error.h"

#include <stdint.h>

/* `path` names the file in sentences.  On success *ret_load_end is where the last loaded byte of
 * the file ends, *ret_textrel whether code is relocated in place.  0 or a negative errno. */
int elf_check(int fd, const char *path, struct error *err, uint64_t *ret_load_end, int *ret_textrel);

#endif
