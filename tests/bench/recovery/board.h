/* SPDX-License-Identifier: Apache-2.0
 *
 * board - a file that the handler writes and the benchmark maps: one row for each message, by the message's number.
 *
 * Both sides read CLOCK_MONOTONIC. Each word is written once and whole, so a killed writer leaves no partial value. */
#ifndef SEAMQ_BENCH_RECOVERY_BOARD_H
#define SEAMQ_BENCH_RECOVERY_BOARD_H

#include <stdatomic.h>
#include <stdint.h>

#define BOARD_ROWS (1u << 20) /* unwritten rows are holes of the file */

struct board_row {
    _Atomic int64_t handled_ns; /* the first time; 0: not handled yet */
    _Atomic int32_t by;         /* the worker's process id; written before the time */
};

struct board {
    _Atomic int64_t crashed_ns; /* time just before the last crash that a message caused */
    _Atomic int32_t crashed;    /* the crashed process's id; written before the time */
    struct board_row rows[BOARD_ROWS];
};

#endif
