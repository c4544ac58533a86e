/* SPDX-License-Identifier: Apache-2.0
 *
 * seamq - the command line program, run against a test's server.
 */
#ifndef SEAMQ_IT_SEAMQ_H
#define SEAMQ_IT_SEAMQ_H

#include "process.h"

#include <jansson.h>

struct seamq_said {
    int status;
    const char *out; /* both strings live as long as the world */
    const char *err;
};

/* `args` end in NULL. */
struct seamq_said seamq_run(struct world *w, const char *url, const char *const *args);
#define SEAMQ(w, url, ...) seamq_run((w), (url), (const char *const[]){__VA_ARGS__, NULL})
/* Fails the test unless it ends with `status`. */
struct seamq_said seamq_expect(struct world *w, const char *url, int status, const char *const *args);
#define SEAMQ_EXPECT(w, url, status, ...) seamq_expect((w), (url), (status), (const char *const[]){__VA_ARGS__, NULL})

/* Line `n` of JSON output, living as long as the world; NULL: there are fewer. */
json_t *seamq_row(struct world *w, const char *out, size_t n);
size_t seamq_rows(const char *out);

/* Started, to be killed or waited for. */
struct process *seamq_spawn(struct world *w, const char *url, const char *const *args);

#endif
