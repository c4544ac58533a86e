/* SPDX-License-Identifier: Apache-2.0
 *
 * plugin_info - the declarations of a plugin, as plain data.
 *
 * The worker module fills it from a short-lived worker process, because no other program loads a plugin. config takes
 * defaults from it and checks `option.KEY` values.  Ownership: it owns its strings; plugin_info_finish() frees them.
 */
#ifndef SEAMQ_CONFIG_PLUGIN_INFO_H
#define SEAMQ_CONFIG_PLUGIN_INFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum plugin_option_type { /* the values of SEAMQ_STRING_ ... in seamq/plugin.h */
                          PLUGIN_OPTION_STRING = 1,
                          PLUGIN_OPTION_INT = 2,
                          PLUGIN_OPTION_BOOL = 3,
                          PLUGIN_OPTION_BYTES = 4,
                          PLUGIN_OPTION_TIME = 5
};

struct plugin_option {
    char *name;
    enum plugin_option_type type;
    bool required;
    bool secret;
    char *preset; /* as written in a config file; NULL: none */
    char *help;   /* NULL: none */
    int64_t min;  /* bounds as in value_check_bounds() */
    int64_t max;
};

struct plugin_info {
    char *path; /* of the .so */
    char *name;
    char *version;
    char *stream;   /* default binding; NULL: none declared */
    char *subjects; /* list, spaces or commas; NULL: none declared */
    bool has_batch; /* declares a batch entry point */
    struct plugin_option *options;
    size_t n_options;
};

void plugin_info_finish(struct plugin_info *info);

#endif
