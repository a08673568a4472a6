/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How many of the other side's packets do not come: of the packet ids that it used, those that never
 * passed the replay window. What is late at the moment of a look counts as lost until the next one.
 */
#include <string.h>

#include "engine_state.h"

#define APART 12
#define KEPT  60

void lnl_loss_take(struct lnl_loss *l, const struct lnl_counters *c, uint64_t now)
{
	uint32_t at = (uint32_t)(now / LNL_SECOND);

	/* Another connection counts from the start. */
	if (l->n && c->ids_used < 0x80000000 && (uint32_t)c->ids_used < l->past[l->n - 1].used)
		l->n = 0;
	if (l->n && at - l->past[l->n - 1].at < APART)
		return;
	/* One that is older than a minute is kept, so that there is always something to compare with. */
	while (l->n > 1 && (at - l->past[1].at >= KEPT || l->n == LNL_LOSS_SAMPLES)) {
		memmove(l->past, l->past + 1, (l->n - 1) * sizeof(*l->past));
		l->n--;
	}
	l->past[l->n].at = at;
	l->past[l->n].used = (uint32_t)c->ids_used;
	l->past[l->n].came = (uint32_t)c->ids_came;
	l->n++;
}

double lnl_loss_now(const struct lnl_loss *l, const struct lnl_counters *c)
{
	/* All of a connection that is younger than the first look. */
	uint32_t used = (uint32_t)c->ids_used - (l->n > 1 ? l->past[0].used : 0);
	uint32_t came = (uint32_t)c->ids_came - (l->n > 1 ? l->past[0].came : 0);

	if (used == 0)
		return -1;
	return came < used ? (double)(used - came) / (double)used : 0;
}
