/* SPDX-License-Identifier: Apache-2.0
 * env_names - the spelling of variable names, and look-ups in the loaded environment. */
#include "private.h"

#include <ctype.h>
#include <string.h>

bool env_has_prefix(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool env_has_suffix(const char *s, const char *suffix)
{
    size_t ls = strlen(s);
    size_t lx = strlen(suffix);
    return ls >= lx && strcmp(s + ls - lx, suffix) == 0;
}

void env_name_to_key(char *out, size_t size, const char *text, size_t len, bool dashes)
{
    size_t i = 0;
    for (; i < len && i < size - 1; i++)
        out[i] = dashes && text[i] == '_' ? '-' : (char)tolower((unsigned char)text[i]);
    out[i] = '\0';
}

void env_key_to_name(char *out, size_t size, const char *text)
{
    size_t i = 0;
    for (; text[i] && i < size - 1; i++)
        out[i] = text[i] == '-' ? '_' : (char)toupper((unsigned char)text[i]);
    out[i] = '\0';
}

bool env_is_service(const char *name, const char *value)
{
    static const char *const services[] = {"_SERVICE_HOST", "_SERVICE_PORT", "_TCP",      "_UDP",      "_TCP_PROTO",
                                           "_UDP_PROTO",    "_TCP_PORT",     "_UDP_PORT", "_TCP_ADDR", "_UDP_ADDR"};

    for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++)
        if (env_has_suffix(name, services[i]) && (i < 2 || strstr(name, "_PORT_")))
            return true;
    return strstr(name, "_SERVICE_PORT_") || (env_has_suffix(name, "_PORT") && strstr(value, "://"));
}

const char *env_value(const struct config *c, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < c->priv->env.n; i++) {
        const char *e = c->priv->env.items[i];
        if (strncmp(e, name, len) == 0 && e[len] == '=')
            return e[len + 1] ? e + len + 1 : NULL;
    }
    return NULL;
}

void env_for_each(struct config *c, const char *prefix,
                  void (*each)(struct config *c, const char *name, const char *value, void *data), void *data)
{
    for (size_t i = 0; i < c->priv->env.n; i++) {
        char *name = c->priv->env.items[i];
        char *eq = strchr(name, '=');
        if (!eq || !env_has_prefix(name, prefix))
            continue;
        *eq = '\0';
        each(c, name, eq + 1, data);
        *eq = '=';
    }
}
