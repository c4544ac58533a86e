/* SPDX-License-Identifier: Apache-2.0
 *
 * provision_helper - a configuration as `seamq stream plan` reads it. Includes config_helper.h.
 */
#ifndef SEAMQ_TESTS_PROVISION_HELPER_H
#define SEAMQ_TESTS_PROVISION_HELPER_H

#include "config_helper.h"

#include "cli/stream/provision_config.h"

/* As make_config(), with the sections of provisioning into `p`. The caller frees both. */
static inline struct config *make_provision(struct provision_config *p, const char *ini, const char *const *env,
                                            const char *const *flags)
{
    struct config *c = NULL;
    assert_int_equal(config_create(&c), 0);
    provision_config_register(p, c);
    provision_config_use(p, (char *const *)(uintptr_t)env);
    load_config(c, ini, env, flags);
    return c;
}

static inline void free_provision(struct provision_config *p, struct config *c)
{
    provision_config_finish(p);
    config_destroy(c);
}

#endif
