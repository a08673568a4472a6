/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The machine's network: nothing becomes of it but what a test says (scripts/lunel/test). */
#include "io/monitor.h"

#include <stdlib.h>

struct lnl_monitor {
	int unused;
};

int lnl_monitor_new(struct lnl_monitor **out, struct ev_loop *loop, lnl_monitor_changed *changed,
		    void *ctx, struct lnl_reason *why)
{
	(void)loop;
	(void)changed;
	(void)ctx;
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : lnl_reason_set(why, LNL_E_NOMEM, "%s", lnl_error_text(LNL_E_NOMEM));
}

void lnl_monitor_free(struct lnl_monitor *m)
{
	free(m);
}
