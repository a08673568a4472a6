/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `inactive`: whether a connection is in use, told by counters that the worker is asked for. */
#include "engine_state.h"

void lnl_activity_init(struct lnl_activity *a, int64_t seconds, int64_t least)
{
	uint64_t most = LNL_NEVER / 2 / LNL_SECOND; /* so that it can be added to any clock */

	a->after = seconds > 0 ? (uint64_t)seconds : 0;
	if (a->after > most)
		a->after = most;
	a->after *= LNL_SECOND;
	a->least = least > 0 ? (uint64_t)least : 1;
}

void lnl_activity_begin(struct lnl_activity *a, uint64_t now)
{
	a->at = now;
	a->bytes = 0;
	a->doubted = false;
}

uint64_t lnl_activity_due(const struct lnl_activity *a)
{
	return a->after && !a->doubted ? a->at + a->after : LNL_NEVER;
}

bool lnl_activity_doubt(struct lnl_activity *a, uint64_t now)
{
	if (now < lnl_activity_due(a))
		return false;
	a->doubted = true;
	return true;
}

bool lnl_activity_ended(struct lnl_activity *a, uint64_t bytes, bool last, uint64_t now)
{
	if (bytes >= a->bytes + a->least) {
		a->bytes = bytes;
		a->at = now;
		a->doubted = false;
	}
	return a->doubted && last;
}
