/* SPDX-License-Identifier: Apache-2.0
 * streams_fuzz - any bytes as input of seamq stream: an ini file up to a line "---", then variables. */
#include "cli/stream/provision_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAX_LINES 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "streams_fuzz: %s\n", what);
        abort();
    }
}

static void split_env(char *text, char **env)
{
    size_t n = 0;
    for (char *line = text; line && n < MAX_LINES;) {
        char *next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        env[n++] = line;
        line = next;
    }
}

/* An accepted stream has a name and a source of messages, an accepted consumer has all its names. */
static void check_accepted(const struct provision_config *p)
{
    for (size_t i = 0; i < p->n_streams; i++) {
        const struct stream_config *s = &p->streams[i];
        must(s->name && *s->name && (s->subjects.n || s->mirror || s->sources.n), "a stream is not whole");
    }
    for (size_t i = 0; i < p->n_consumers; i++) {
        const struct consumer_config *co = &p->consumers[i];
        must(co->stream && *co->stream && co->name && *co->name && co->deliver_policy, "a consumer is not whole");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    static char path[64];
    char *env[MAX_LINES + 1] = {0};
    char *text = calloc(1, size + 1);
    struct config *c;
    struct provision_config p;

    if (fd < 0) {
        fd = memfd_create("streams", MFD_CLOEXEC);
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    }
    must(text && config_create(&c) == 0, "out of memory");
    memcpy(text, data, size);
    char *end = strstr(text, "---\n");
    if (end)
        split_env(end + 4, env);
    size_t len = end ? (size_t)(end - text) : size;
    must(ftruncate(fd, 0) == 0 && pwrite(fd, text, len, 0) == (ssize_t)len, "can't write the file");

    provision_config_register(&p, c);
    provision_config_use(&p, env);
    config_load_file(c, path);
    config_load_env(c, env);
    config_finish(c);
    for (size_t i = 0; i < config_n_problems(c); i++)
        must(!strpbrk(config_problem(c, i), "\r\n\t"), "a problem is not one line");
    if (config_n_problems(c) == 0)
        check_accepted(&p);
    provision_config_finish(&p);
    config_destroy(c);
    free(text);
    return 0;
}
