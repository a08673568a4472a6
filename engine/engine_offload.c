/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is logged of how the kernel moves packets: what was asked for, what there is, what failed. */
#include <stdio.h>
#include <string.h>

#include "engine_state.h"

void lnl_engine_tell_tun(struct lnl_engine *e, const char *dev, enum lnl_offload asked,
			 unsigned offload)
{
	const char *given = "none";

	if (offload & LNL_TUN_USO)
		given = "TCP and UDP segments";
	else if (offload & LNL_TUN_TSO)
		given = "TCP segments";
	lnl_log(&e->log, LNL_LEVEL_INFO, "tun.opened", LNL_F("dev", dev),
		LNL_F("asked", lnl_offload_name(asked)), LNL_F("offload", given));
}

void lnl_engine_lowered(struct lnl_engine *e, const struct lnl_ntf *n)
{
	char peer[16] = "all";

	if (n->peer != LNL_PEER_ID_NONE)
		snprintf(peer, sizeof(peer), "%u", (unsigned)n->peer);
	if (!lnl_quiet_passes(e, "offload.lowered", LNL_LEVEL_INFO, lnl_clock_now()))
		return;
	lnl_log(&e->log, LNL_LEVEL_INFO, "offload.lowered",
		LNL_F("where", n->id != 0 ? "UDP_SEGMENT" : "TUN"), LNL_F("peer", peer),
		LNL_F("why", strerror(n->error)));
}
