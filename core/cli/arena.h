/* SPDX-License-Identifier: Apache-2.0
 *
 * arena - memory that is freed all at once: the texts and rows of one result.
 *
 * A failed allocation is remembered (`failed`), so that the owner checks once, at the end.
 */
#ifndef SEAMQ_CLI_ARENA_H
#define SEAMQ_CLI_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct arena {
    struct arena_block *blocks;
    bool failed;
};

/* Frees all memory of the arena, and makes it an empty one. */
void arena_finish(struct arena *a);
/* Zeroed and aligned for any object; NULL: out of memory. */
void *arena_alloc(struct arena *a, size_t size);
/* A copy; "" for NULL, for an empty text, and without memory. Never NULL. */
const char *arena_text(struct arena *a, const char *text);

/* A list of texts in their order; NULL: empty. */
struct text_list {
    struct text_list *next;
    const char *text;
};

void texts_add(struct arena *a, struct text_list **list, const char *text);
bool texts_contain(const struct text_list *list, const char *text);

#endif
