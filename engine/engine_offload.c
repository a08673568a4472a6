/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is logged of how the kernel moves packets: what was asked for, what there is, what failed. */
#include <stdio.h>
#include <string.h>

#include "engine_state.h"

#define OUTER	 28 /* IPv4 and UDP, which mssfix counts with `mtu` */
#define OVERHEAD 24 /* of AEAD with DATA_V2 */

/* Bytes of a datagram that carries a long TCP segment, as configured. */
static unsigned datagram_of(int tun_mtu, int mssfix, bool mtu)
{
	int longest = tun_mtu + OVERHEAD;

	if (mssfix > 0 && mtu && mssfix - OUTER < longest)
		longest = mssfix - OUTER;
	return longest > 0 ? (unsigned)longest : 0;
}

void lnl_engine_fit_tun(struct lnl_netconf *net, unsigned offload, int tun_mtu, int mssfix,
			bool mssfix_mtu)
{
	if (offload & LNL_TUN_TSO)
		lnl_netconf_fit(net, datagram_of(tun_mtu, mssfix, mssfix_mtu));
}

void lnl_engine_tell_tun(struct lnl_engine *e, const char *dev, enum lnl_offload asked,
			 unsigned offload)
{
	const char *given = "none";

	lnl_network_ours(e, dev);
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
