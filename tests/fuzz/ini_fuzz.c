/* SPDX-License-Identifier: Apache-2.0
 * ini_fuzz - any bytes as an ini file: problems, never a crash; an accepted file prints and
 * reads back. */
#include "config/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "ini_fuzz: %s\n", what);
        abort();
    }
}

static struct config *load(const char *path, const void *data, size_t size, int fd)
{
    struct config *c;
    must(ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size, "can't write the file");
    must(config_create(&c) == 0, "out of memory");
    config_load_file(c, path);
    config_finish(c);
    config_check_bindings(c);
    return c;
}

/* A problem is one line and begins with a place. */
static void check_problems(const struct config *c)
{
    for (size_t i = 0; i < config_n_problems(c); i++) {
        const char *text = config_problem(c, i);
        must(text && *text && !strpbrk(text, "\r\n\t"), "a problem is not one line");
    }
    must(config_n_problems(c) <= 1002, "too many problems");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    static char path[64];
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    if (fd < 0) {
        fd = memfd_create("ini", MFD_CLOEXEC);
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    }
    must(out != NULL, "out of memory");
    struct config *c = load(path, data, size, fd);
    check_problems(c);
    config_print(c, out);
    fclose(out);
    bool clean = config_n_problems(c) == 0;
    config_destroy(c);

    /* A print with a masked secret, or without a value that an ini file cannot hold, does not read back. */
    if (clean && !strstr(text, "********") && !strstr(text, "can't be written")) {
        c = load(path, text, len, fd);
        if (config_n_problems(c))
            fprintf(stderr, "%s\nin:\n%s\n", config_problem(c, 0), text);
        must(config_n_problems(c) == 0, "what was printed does not read back");
        config_destroy(c);
    }
    free(text);
    return 0;
}
