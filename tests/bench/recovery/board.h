/* SPDX-License-Identifier: Apache-2.0
 *
 * board - what the handler says, in a file that the benchmark maps too: one row for each message, by its number.
 *
 * Both sides read CLOCK_MONOTONIC.  A word is written once, so nothing is ever half there, whatever happens to the
 * writer. */
#ifndef SEAMQ_BENCH_RECOVERY_BOARD_H
#define SEAMQ_BENCH_RECOVERY_BOARD_H

#include <stdatomic.h>
#include <stdint.h>

#define BOARD_ROWS (1u << 20) /* the file has holes where nothing was written */

struct board_row {
    _Atomic int64_t handled_ns; /* for the first time; 0: not yet */
    _Atomic int32_t by;         /* the worker's process; written before */
};

struct board {
    _Atomic int64_t crashed_ns; /* just before the last crash that a message asked for */
    _Atomic int32_t crashed;    /* which process; written before */
    struct board_row rows[BOARD_ROWS];
};

#endif
