/* SPDX-License-Identifier: Apache-2.0
 *
 * private - every assignment of every source with its origin, before precedence is resolved.  For core/config only.
 *
 * A failed allocation is remembered (priv->oom) and is a problem at the end, so that no program runs with an incomplete
 * configuration. Calls between these files have no circle: options, names, files < config < keys, convert < section,
 * check < env, resolve < discover, plugin; the ini_* files are in order of ini_file.h.
 */
#ifndef SEAMQ_CONFIG_PRIVATE_H
#define SEAMQ_CONFIG_PRIVATE_H

#include "base/buf.h"
#include "config.h"
#include "options.h"
#include "schema.h"

#define MAX_PROBLEMS 1000 /* limits the memory for a file of garbage */
#define MAX_SECTIONS 10000
#define SECRET_MASK "********"
#define TITLE_SIZE 544 /* "[consumer.STREAM/NAME]" */

enum source {                /* the highest wins */
              SOURCE_PLUGIN, /* declared by the plugin */
              SOURCE_NATS,   /* NATS_* variables */
              SOURCE_FILE,
              SOURCE_ENV,
              SOURCE_FLAG,
};

struct entry {           /* one assignment; owns its strings */
    const struct opt *o; /* NULL: `sub` is the key */
    char *sub;           /* "option.KEY", "stream.CLUSTER" */
    bool by_alias;       /* written under the deprecated name of the key */
    bool from_file;      /* KEY_file: the value is the path of a file with it */
    bool append;         /* --plugin-dir: one item of a list, added to the others */
    enum source source;
    char *value;
    char *origin; /* "orders.ini:12", "SEAMQ_ADMIN", "command line", "--plugin-dir" */
};

struct section {
    const struct section_type *type;
    char *name;    /* "" for seamqd */
    char *origin;  /* the first source that has it */
    char *heading; /* "orders.ini:12", its place in the last file; NULL: in no file */
    struct entry *entries;
    size_t n_entries;
    struct strv open_options; /* options that the plugin declares as not secret */
};

struct config_private {
    struct section *sections;
    size_t n_sections;
    struct strv env; /* of config_load_env(): NAME=VALUE */
    struct strv problems;
    struct strv deprecations;
    bool oom;
    const struct config_schema *schema; /* borrowed; NULL: none was registered */
};

/* config.c: storage */
/* The known types of section: own, then registered ones. NULL: no more, or not found. */
const struct section_type *section_type_at(const struct config *c, size_t i);
const struct section_type *section_type_find(const struct config *c, const char *name, size_t len);
/* True: another program reads this section from the same file, and no type of that name is registered. */
bool section_is_foreign(const struct config *c, const char *name, size_t len);
/* The headings of such sections, "stream.NAME"; NULL: no more. */
const char *section_foreign_at(size_t i);
/* Adds a copy of `e`; NULL: out of memory. */
struct entry *section_add(struct config *c, struct section *s, const struct entry *e);
/* The entry with precedence for `o` or, with o == NULL, for `sub`; NULL: the default is used. */
const struct entry *section_winner(const struct section *s, const struct opt *o, const char *sub);
/* Writes the place of an entry: "orders.ini:12: ack_wait", "SEAMQ_X", "command line: handler.a.ack_wait". */
const char *entry_place(const struct section *s, const struct entry *e, char *out, size_t size);
/* Writes "[handler.orders]". */
const char *section_title(const struct section *s, char *out, size_t size);

/* keys.c: one assignment of any source.  Problems begin with `place`. */
struct assignment {
    const char *place;
    const char *key;
    const char *value;
    enum source source;
    const char *origin;
    bool append;
};
/* Checks the key and stores the entry; NULL: a problem was added. */
struct entry *assign(struct config *c, struct section *s, const struct assignment *a);
/* 0: "option.KEY" or "stream.CLUSTER"; 1: another key; negative: a malformed one. */
int check_sub_key(const char *key, struct error *err);

/* convert.c: stores `text` in the field of `target`, the struct of the section. */
int opt_convert(struct config *c, const struct opt *o, const char *text, void *target, struct error *err);

/* files.c. A NUL follows the text; the caller frees it. */
int read_text_file(const char *path, size_t max, char **ret, size_t *ret_len, struct error *err);
/* Without the newline at its end. An empty file is an error. */
int read_secret_file(const char *path, char **ret, struct error *err);
int check_readable(const char *path, struct error *err);

/* section.c: appends `text` with ${NAME} replaced by the registered schema; false: a problem at `place`. */
bool section_expand(struct config *c, const char *place, const char *text, struct buf *out);

/* env_names.c */
bool env_has_prefix(const char *s, const char *prefix);
bool env_has_suffix(const char *s, const char *suffix);
/* `len` bytes of "ACK_WAIT" to "ack_wait"; with `dashes` to "ack-wait". */
void env_name_to_key(char *out, size_t size, const char *text, size_t len, bool dashes);
/* "sea-a" to "SEA_A" */
void env_key_to_name(char *out, size_t size, const char *text);

/* env.c */
void env_resolve(struct config *c);

/* resolve.c */
/* 0 or -ENOMEM, with no option added. */
int handler_add_option(struct config *c, struct config_handler *h, const char *name, const char *value,
                       const char *origin);
int handler_resolve(struct config *c, struct section *s, struct config_handler *h);

/* check.c: checks across several keys of one section */
void cluster_check(struct config *c, const struct section *s, const struct config_cluster *cl);
void handler_check(struct config *c, const struct section *s, const struct config_handler *h);

#endif
