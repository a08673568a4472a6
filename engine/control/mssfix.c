/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/mssfix.h"

#include "control/push.h" /* lnl_mss_for */

#define PACKET_ID 4 /* bytes of the id that CBC encrypts */
#define USUAL_MTU 1500

/* What CBC encrypts in front of a packet. */
static unsigned padded_len(enum lnl_cipher cipher, enum lnl_framing framing)
{
	bool marked = framing == LNL_FRAMING_LZO || framing == LNL_FRAMING_STUB;

	return lnl_cipher_is_aead(cipher) ? 0 : PACKET_ID + (marked ? 1 : 0);
}

uint16_t lnl_mssfix_mss(const struct lnl_mssfix *f)
{
	unsigned overhead =
		lnl_data_overhead(f->cipher, f->digest, f->data_v2, f->framing) + f->lanes;
	unsigned padded = padded_len(f->cipher, f->framing);
	bool usual = f->tun_mtu == USUAL_MTU;

	if (f->mssfix >= 0)
		return (uint16_t)lnl_mss_for(f->mssfix, f->mssfix_mtu, f->mssfix_fixed, f->tcp,
					     f->ipv6, overhead, padded);
	/* mssfix without a value of its own follows a tun-mtu that was changed (OpenVPN man page). */
	return (uint16_t)lnl_mss_for(usual ? 1492 : (int)f->tun_mtu, usual, !usual, f->tcp, f->ipv6,
				     overhead, padded);
}
