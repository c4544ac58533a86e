/* SPDX-License-Identifier: Apache-2.0
 *
 * report - prints the run as a table.
 */
#ifndef SEAMQ_CHAOS_REPORT_H
#define SEAMQ_CHAOS_REPORT_H

#include "oracle.h"

void report_print(struct chaos *c, const struct findings *f);

#endif
