/* SPDX-License-Identifier: Apache-2.0
 *
 * readback - compares a stream with the ledger of its publishes. Fails the running test if a message is missing. */
#ifndef SEAMQ_TESTS_E2E_READBACK_H
#define SEAMQ_TESTS_E2E_READBACK_H

#include "ledger.h"

/* Reads the whole stream and expects every confirmed publish. The stream may also have a publish whose PubAck was lost,
 * and twice one that was sent again after the duplicate window: both are counted and printed. */
void readback_expect(jsCtx *js, const char *stream, struct ledger *ledger);

/* Expects the same messages in both streams: number, sequences, subjects, times, payloads. */
void readback_expect_same(jsCtx *one_js, const char *one, jsCtx *other_js, const char *other);

#endif
