/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/clock.h"

#include <time.h>

#define DAY (86400 * LNL_SECOND)

uint64_t lnl_clock_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * LNL_SECOND + (uint64_t)ts.tv_nsec / 1000;
}

uint64_t lnl_clock_wall(void *ctx)
{
	(void)ctx;
	return (uint64_t)time(NULL);
}

double lnl_clock_until(uint64_t due, uint64_t now)
{
	uint64_t wait = due > now ? due - now : 0;

	return (double)(wait < DAY ? wait : DAY) / (double)LNL_SECOND;
}
