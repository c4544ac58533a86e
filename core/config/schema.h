/* SPDX-License-Identifier: Apache-2.0
 *
 * schema - registers section types of a program with the option tables, and gives it what it needs to resolve them.
 *
 * seamq registers [provision], [stream.NAME] and [consumer.STREAM/NAME] (cli/stream/provision_config.h). A program that
 * does not register them skips them.
 *
 * Thread and ownership: as config.h. Strings of sections belong to the config.
 */
#ifndef SEAMQ_CONFIG_SCHEMA_H
#define SEAMQ_CONFIG_SCHEMA_H

#include "base/buf.h"
#include "config/config.h"
#include "config/options.h"

#define MAX_TEXT 65536 /* bytes of one value */

struct section; /* one section with its assignments, before precedence is resolved */

struct config_schema {
    const struct section_type *const *types; /* ends with NULL */
    /* Appends `text` to `out` with each ${NAME} replaced; false after a problem at `place`. Called for the names and
     * values in files, of the section types with `expands`. */
    bool (*expand)(void *data, struct config *c, const char *place, const char *text, struct buf *out);
    /* config_finish() calls it last: reads the environment, converts and checks the sections. */
    void (*resolve)(void *data, struct config *c);
    void *data;
};

/* Once, before any source is read. `schema` is borrowed until config_destroy(). */
void config_register(struct config *c, const struct config_schema *schema);

/* The keys of one section type as rows of --help. */
void config_print_section_help(const struct section_type *type, FILE *out);
/* The page docs/configuration.md (Markdown), with the sections of `more` (ends with NULL) behind seamqd's own. */
void config_print_reference(const struct section_type *const *more, FILE *out);

/* ---- for config_schema.resolve --------------------------------------------------- */

/* Lists of strings. strv_push: 0 or -ENOMEM, which the config remembers. */
int strv_push(struct config *c, struct strv *v, const char *s);
void strv_finish(struct strv *v);
bool strv_has(const struct strv *v, const char *s);

/* NULL: out of memory, remembered. */
char *config_strdup(struct config *c, const char *s);
/* Remembers that the configuration is incomplete, which is a problem at the end. */
void config_out_of_memory(struct config *c);

const char *section_name(const struct section *s); /* "" where the type has none */
/* The section of that type behind `previous` (NULL: the first); NULL: no more. */
struct section *section_next(const struct config *c, const struct section_type *type, const struct section *previous);
struct section *section_find(const struct config *c, const struct section_type *type, const char *name);
/* Finds or creates the section; NULL: out of memory. `origin` names its source. */
struct section *section_get(struct config *c, const struct section_type *type, const char *name, const char *origin);
/* 0, or an error that says why a section of that type cannot have this name. */
int section_check_name(const struct section_type *type, const char *name, struct error *err);

/* Converts every key of a section into its struct `target`. A key without a value takes that of `defaults` (may be
 * NULL), then the default of the table. */
void section_resolve(struct config *c, const struct section *s, const struct section *defaults, void *target);
/* Writes the place of a key for a problem: "orders.ini:12: ack_wait"; without a value "handler.orders.KEY". */
const char *key_place(const struct section *s, const char *key, char *out, size_t size);
/* Adds a problem if two filter subjects of one consumer overlap. */
void check_filters(struct config *c, const struct section *s, const struct strv *filters);

/* Adds an environment variable's value as `key` of the section. */
void section_set_from_env(struct config *c, struct section *s, const char *variable, const char *key,
                          const char *value);
/* The value of the variable; NULL: not set, or empty. */
const char *env_value(const struct config *c, const char *name);
/* Calls `each` for every variable whose name begins with `prefix`; from config_finish() on sorted by name. */
void env_for_each(struct config *c, const char *prefix,
                  void (*each)(struct config *c, const char *name, const char *value, void *data), void *data);
/* True for the variables that Kubernetes sets in every pod for a service whose name begins with seamq. */
bool env_is_service(const char *name, const char *value);

#endif
