/* SPDX-License-Identifier: Apache-2.0
 *
 * elf_check - checks the headers of a shared object before dlopen() maps it.
 *
 * dlopen() of a truncated file raises SIGBUS; here it becomes an error with a sentence.
 * Reads the file, loads nothing.
 */
#ifndef SEAMQ_HOST_ELF_CHECK_H
#define SEAMQ_HOST_ELF_CHECK_H

#include "base/error.h"

#include <stdint.h>

/* `path` is used in sentences only.  On success *ret_load_end is the file offset behind the last loaded
 * byte, and *ret_textrel is 1 if code is relocated in place (text relocations).  0 or a negative errno. */
int elf_check(int fd, const char *path, struct error *err, uint64_t *ret_load_end, int *ret_textrel);

#endif
