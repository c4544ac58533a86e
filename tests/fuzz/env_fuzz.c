/* SPDX-License-Identifier: Apache-2.0
 * env_fuzz - parses lines as environment variables, and lines that begin with '-' as command line settings. */
#include "config/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LINES 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    char *env[MAX_LINES + 1] = {0};
    size_t n = 0;
    struct config *c;
    char *printed = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&printed, &len);

    if (!text || !out || config_create(&c) < 0)
        abort();
    memcpy(text, data, size);
    text[size] = '\0';
    for (char *line = text; line && n < MAX_LINES;) {
        char *next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        if (*line == '-')
            config_set(c, line + 1);
        else
            env[n++] = line;
        line = next;
    }
    config_load_env(c, env);
    config_finish(c);
    config_check_bindings(c);
    for (size_t i = 0; i < config_n_problems(c); i++)
        if (strpbrk(config_problem(c, i), "\r\n\t"))
            abort();
    config_print(c, out);
    fclose(out);
    free(printed);
    config_destroy(c);
    free(text);
    return 0;
}
