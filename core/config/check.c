/* SPDX-License-Identifier: Apache-2.0
 * check - checks across several keys of one section: credentials, TLS, overlapping subjects. */
#include "private.h"

#include "base/value.h"
#include "names.h"

#include <stdio.h>
#include <string.h>

#define PLACE(s, key) key_place((s), (key), (char[256]){0}, 256)
#define QUOTE(text) value_quote((text), (char[100]){0}, 100)

static const char *url_with_user(const struct config_cluster *cl)
{
    for (size_t i = 0; i < cl->urls.n; i++)
        if (url_has_user(cl->urls.items[i]))
            return cl->urls.items[i];
    return NULL;
}

/* A connection has one login. If several are set, the server chooses one, perhaps not the intended one. */
static void check_one_login(struct config *c, const struct section *s, const struct config_cluster *cl)
{
    const char *keys[5];
    size_t n = 0;

    if (cl->user || cl->password)
        keys[n++] = cl->user ? "user" : "password";
    if (cl->token)
        keys[n++] = "token";
    if (cl->creds)
        keys[n++] = "creds";
    if (cl->nkey)
        keys[n++] = "nkey";
    if (n > 0 && url_with_user(cl))
        config_add_problem(c, "%s: the URLs hold a user as well (%s); keep one of them", PLACE(s, keys[0]),
                           PLACE(s, "urls"));
    for (size_t i = 1; i < n; i++)
        config_add_problem(c, "%s: %s is set as well (%s); a connection logs in one way, keep one of them",
                           PLACE(s, keys[i]), keys[0], PLACE(s, keys[0]));
}

static void check_tls(struct config *c, const struct section *s, const struct config_cluster *cl)
{
    static const char *const keys[] = {"tls_ca", "tls_cert", "tls_key"};
    const char *const values[] = {cl->tls_ca, cl->tls_cert, cl->tls_key};
    const struct opt *cert = opt_find(&section_cluster, "tls_cert", NULL);
    const struct opt *key = opt_find(&section_cluster, "tls_key", NULL);

    /* The check uses the entries, not the fields: a file that cannot be read is reported once, by its own key. */
    const struct entry *cert_entry = section_winner(s, cert, NULL);
    const struct entry *key_entry = section_winner(s, key, NULL);
    bool has_cert = cert_entry && *cert_entry->value;
    bool has_key = key_entry && *key_entry->value;
    if (has_cert && !has_key)
        config_add_problem(c, "%s: tls_key is missing; a certificate needs its key", PLACE(s, "tls_cert"));
    if (has_key && !has_cert)
        config_add_problem(c, "%s: tls_cert is missing; a key needs its certificate", PLACE(s, "tls_key"));
    if (cl->tls != TLS_OFF)
        return;
    for (size_t i = 0; i < 3; i++)
        if (values[i])
            config_add_problem(c, "%s: tls is off (%s); remove one of them", PLACE(s, keys[i]), PLACE(s, "tls"));
    for (size_t i = 0; i < cl->urls.n; i++)
        if (strncmp(cl->urls.items[i], "tls://", 6) == 0) {
            char masked[300];
            config_add_problem(c, "%s: %s asks for TLS, but tls is off (%s)", PLACE(s, "urls"),
                               QUOTE(url_mask(cl->urls.items[i], masked, sizeof(masked))), PLACE(s, "tls"));
            break;
        }
}

static bool is_set(const struct section *s, const char *key)
{
    const struct entry *e = section_winner(s, opt_find(s->type, key, NULL), NULL);
    return e && *e->value;
}

static void check_system_login(struct config *c, const struct section *s)
{
    bool user = is_set(s, "system_user");

    if (is_set(s, "system_password") && !user)
        config_add_problem(c, "%s: system_user is missing; a password needs a user", PLACE(s, "system_password"));
    if (user && !is_set(s, "system_password"))
        config_add_problem(c, "%s: system_password is missing (system_password, or system_password_file)",
                           PLACE(s, "system_user"));
    if (user && is_set(s, "system_creds"))
        config_add_problem(c, "%s: system_user is set as well (%s); keep one of them", PLACE(s, "system_creds"),
                           PLACE(s, "system_user"));
}

void cluster_check(struct config *c, const struct section *s, const struct config_cluster *cl)
{
    if (is_set(s, "password") && !is_set(s, "user"))
        config_add_problem(c, "%s: user is missing; a password needs a user", PLACE(s, "password"));
    if (is_set(s, "user") && !is_set(s, "password"))
        config_add_problem(c, "%s: password is missing (password, or password_file); for a token use token",
                           PLACE(s, "user"));
    check_one_login(c, s, cl);
    check_system_login(c, s);
    check_tls(c, s, cl);
}

void check_filters(struct config *c, const struct section *s, const struct strv *filters)
{
    for (size_t i = 0; i < filters->n; i++)
        for (size_t k = i + 1; k < filters->n; k++) {
            const char *a = filters->items[i];
            const char *b = filters->items[k];
            if (!subjects_overlap(a, b))
                continue;
            config_add_problem(c, "%s: %s and %s overlap, which the server refuses; keep the wider one",
                               PLACE(s, "filter_subjects"), QUOTE(a), QUOTE(b));
            return;
        }
}

static void check_streams(struct config *c, const struct section *s, const struct config_handler *h)
{
    for (size_t i = 0; i < h->stream_for_cluster.n; i++) {
        struct error err = {0};
        char sub[64];
        const char *item = h->stream_for_cluster.items[i];
        int len = (int)strcspn(item, "=");
        if (check_stream_template(item + len + 1, &err) == 0)
            continue;
        snprintf(sub, sizeof(sub), "stream.%.*s", len, item);
        config_add_problem(c, "%s: %s", PLACE(s, sub), err.text);
    }
}

void handler_check(struct config *c, const struct section *s, const struct config_handler *h)
{
    check_filters(c, s, &h->filter_subjects);
    check_streams(c, s, h);
}
