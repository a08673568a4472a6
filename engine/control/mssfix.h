/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mssfix as both ends mean it: the largest TCP segment that a packet of the tunnel has room for. */
#ifndef LNL_CONTROL_MSSFIX_H
#define LNL_CONTROL_MSSFIX_H

#include "data/data.h"

struct lnl_mssfix {
	enum lnl_cipher cipher;
	enum lnl_digest digest; /* NONE with an AEAD cipher */
	enum lnl_framing framing;
	unsigned lanes; /* bytes that lanes add */
	unsigned tun_mtu;
	int mssfix; /* -1: not set, it follows tun_mtu */
	bool mssfix_mtu, mssfix_fixed;
	bool data_v2, tcp, ipv6; /* of the packets outside */
};

/* In bytes; 0: segments stay as they are. */
uint16_t lnl_mssfix_mss(const struct lnl_mssfix *f);

#endif
