/* SPDX-License-Identifier: Apache-2.0
 *
 * What a stream holds against the ledger of what was published to it. Fails the running test when something is missing.
 */
#ifndef SEAMQ_TESTS_E2E_READBACK_H
#define SEAMQ_TESTS_E2E_READBACK_H

#include "ledger.h"

/* Reads the whole stream: every confirmed publish is there. A publish whose confirmation was lost may be there too,
 * and one that was sent again after the server had forgotten its id, twice: both are counted and printed. */
void readback_expect(jsCtx *js, const char *stream, struct ledger *ledger);

/* Both streams hold the same messages: number, sequences, subjects, times, payloads. */
void readback_expect_same(jsCtx *one_js, const char *one, jsCtx *other_js, const char *other);

#endif
