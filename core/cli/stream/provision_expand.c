/* SPDX-License-Identifier: Apache-2.0
 * stream/provision_expand - ${NAME} in what a file says of streams: one file serves every region. */
#include "provision_config_private.h"

#include "base/value.h"

#include <stdio.h>
#include <string.h>

#define QUOTE(text) value_quote((text), (char[80]){0}, 80)

static const char *lookup(char *const *env, const char *name, size_t len)
{
    for (; env && *env; env++)
        if (strncmp(*env, name, len) == 0 && (*env)[len] == '=')
            return *env + len + 1;
    return NULL;
}

bool provision_expand(struct config *c, char *const *env, const char *place, const char *text, struct buf *out)
{
    for (const char *at; (at = strstr(text, "${")) != NULL;) {
        const char *name = at + 2;
        size_t len = strcspn(name, "}");
        const char *value = len && name[len] ? lookup(env, name, len) : NULL;
        char shown[64];
        snprintf(shown, sizeof(shown), "%.*s", (int)(len < 60 ? len : 60), name);
        if (!len || !name[len]) {
            config_add_problem(c, "%s: %s: ${ must be followed by the name of an environment variable and }", place,
                               QUOTE(at));
            return false;
        }
        if (!value) {
            config_add_problem(c, "%s: ${%s}: the environment has no variable %s", place, shown, shown);
            return false;
        }
        buf_append(out, text, (size_t)(at - text));
        buf_puts(out, value);
        text = name + len + 1;
    }
    buf_puts(out, text);
    if (out->len > MAX_TEXT)
        config_add_problem(c, "%s: after replacing its variables the value is longer than %d bytes", place, MAX_TEXT);
    else if (!buf_str(out))
        config_out_of_memory(c);
    return !out->failed && out->len <= MAX_TEXT;
}
