/* SPDX-License-Identifier: Apache-2.0
 * docs_page - a page of docs/ that is generated from a table: compared with the file, or written with UPDATE_DOCS=1. */
#ifndef SEAMQ_TESTS_DOCS_PAGE_H
#define SEAMQ_TESTS_DOCS_PAGE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static inline char *read_whole(const char *path)
{
    char *text = calloc(1, 1 << 18);
    FILE *f = fopen(path, "re");
    assert_non_null(text);
    if (f) {
        text[fread(text, 1, (1 << 18) - 1, f)] = '\0';
        fclose(f);
    }
    return text;
}

/* `path` is relative to the source directory. */
static inline void expect_docs_page(const char *path, void (*print)(FILE *out), const char *test)
{
    char *text = NULL;
    size_t size = 0;
    char file[1024];
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    print(out);
    fclose(out);
    snprintf(file, sizeof(file), "%s/%s", SEAMQ_SOURCE_DIR, path);
    if (getenv("UPDATE_DOCS")) {
        FILE *f = fopen(file, "we");
        assert_non_null(f);
        fputs(text, f);
        fclose(f);
    }
    char *page = read_whole(file);
    bool same = strcmp(page, text) == 0;
    free(page);
    free(text);
    if (!same)
        fail_msg("%s differs from its table; run: UPDATE_DOCS=1 build/tests/%s", path, test);
}

#endif
