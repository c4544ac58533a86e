/* SPDX-License-Identifier: Apache-2.0
 * mesh/check - the order of the checks. */
#include "check.h"

/* Causes first: a finding about servers often explains those about streams. */
void mesh_check(const struct mesh *m, const struct mesh *earlier, int64_t nodes, struct findings *findings)
{
    mesh_check_servers(m, nodes, findings);
    mesh_check_domains(m, findings);
    mesh_check_streams(m, findings);
    mesh_check_origins(m, earlier, findings);
}
