/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The clock that the sans-IO rooms are given: microseconds that never go back. */
#ifndef LNL_IO_CLOCK_H
#define LNL_IO_CLOCK_H

#include "wire/env.h"

/* Microseconds of CLOCK_MONOTONIC; the same in every thread, and comparable with libev's timers. */
uint64_t lnl_clock_now(void);
/* Seconds since 1970, as lnl_env wants them; |ctx| is unused. */
uint64_t lnl_clock_wall(void *ctx);
/*
 * Seconds from |now| until |due|, for an ev_timer: 0 when it is past, at most a day for LNL_NEVER.
 */
double lnl_clock_until(uint64_t due, uint64_t now);

#endif
