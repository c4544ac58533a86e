/* SPDX-License-Identifier: Apache-2.0
 * arena - a chain of allocations. */
#include "arena.h"

#include <stdlib.h>
#include <string.h>

struct arena_block {
    struct arena_block *next;
    max_align_t data[];
};

void arena_finish(struct arena *a)
{
    while (a->blocks) {
        struct arena_block *next = a->blocks->next;
        free(a->blocks);
        a->blocks = next;
    }
    *a = (struct arena){0};
}

void *arena_alloc(struct arena *a, size_t size)
{
    struct arena_block *b = calloc(1, sizeof(*b) + size);

    if (!b) {
        a->failed = true;
        return NULL;
    }
    b->next = a->blocks;
    a->blocks = b;
    return b->data;
}

const char *arena_text(struct arena *a, const char *text)
{
    size_t size = text ? strlen(text) + 1 : 1;
    char *copy = size > 1 ? arena_alloc(a, size) : NULL;

    return copy ? memcpy(copy, text, size) : "";
}

void texts_add(struct arena *a, struct text_list **list, const char *text)
{
    struct text_list *item = arena_alloc(a, sizeof(*item));

    if (!item)
        return;
    item->text = arena_text(a, text);
    while (*list)
        list = &(*list)->next;
    *list = item;
}

bool texts_contain(const struct text_list *list, const char *text)
{
    while (list && strcmp(list->text, text) != 0)
        list = list->next;
    return list != NULL;
}
